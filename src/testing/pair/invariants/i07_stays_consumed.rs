//! I7: what was acknowledged and acked never comes again.

use super::{By, Invariant};
use crate::testing::oracle::Kind;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I7",
    text: "what was acknowledged and acked never comes again",
    by: By::Oracle(Kind::Resurrected),
};

//! I5: nothing comes that was never sent, or came to nothing.

use super::{By, Invariant};
use crate::testing::oracle::Kind;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I5",
    text: "nothing comes that was never sent, or came to nothing",
    by: By::Oracle(Kind::Phantom),
};

//! I3: each acked message comes, and none is missing when all is taken out.

use super::{By, Invariant};
use crate::testing::oracle::Kind;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I3",
    text: "each acked message comes, and none is missing when all is taken out",
    by: By::Oracle(Kind::Lost),
};

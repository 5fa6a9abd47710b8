//! I8: a transaction counts as a whole or not at all.

use super::{By, Invariant};
use crate::testing::oracle::Kind;

pub(super) const INVARIANT: Invariant =
    Invariant { name: "I8", text: "a transaction counts as a whole or not at all", by: By::Oracle(Kind::Torn) };

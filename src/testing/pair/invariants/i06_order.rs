//! I6: first deliveries come in the order of sends.

use super::{By, Invariant};
use crate::testing::oracle::Kind;

pub(super) const INVARIANT: Invariant =
    Invariant { name: "I6", text: "first deliveries come in the order of sends", by: By::Oracle(Kind::Order) };

//! I22: after all faults exactly one serves within the bound, and the in-sync set is whole again without anybody's help.

use super::{By, Invariant};
use crate::testing::pair::PairWorld;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I22",
    text: "after the last fault one serves within the bound, with the other one in sync",
    by: By::Rest,
};

/// How long a pair may take after the last fault: a start waits for its peer, a verdict for its next attempt, a joiner for the barrier of the
/// active; each has a bound, and their sum with room to spare is this.
const BOUND_NANOS: u64 = 180_000_000_000;
/// Events beyond which it goes round in circles.
const EVENTS_MAX: u64 = 100_000;

/// Waits for it.
pub(in crate::testing::pair) fn recovers(world: &mut PairWorld) -> Option<String> {
    let recovered = world.run_until(BOUND_NANOS, EVENTS_MAX, PairWorld::is_whole);
    (!recovered).then(|| format!("I22: not whole in time: {}", world.standing()))
}

//! I21: at rest everything that was taken is given back: connections, streams, jobs, requests.

use super::{By, Invariant};
use crate::testing::pair::PairWorld;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I21",
    text: "connections, streams, jobs and requests return to what a pair at rest has",
    by: By::Rest,
};

/// What is held beyond that.
pub(in crate::testing::pair) fn baseline(world: &PairWorld) -> Option<String> {
    let lanes = usize::from(world.lanes.count());
    let holds = world.sites.each_ref().map(|site| site.holds());
    let (streams, jobs) = (holds[0].0 + holds[1].0, holds[0].1 + holds[1].1);
    let (connections, requests) = (world.wire.count(), world.register.under_way());
    let most = connections > 2 || streams > lanes || jobs > 1 || requests > 2;
    most.then(|| format!("I21: {connections} connections, {streams} streams, {jobs} jobs, {requests} requests at rest"))
}

//! I21: at rest everything that was taken is given back: connections, streams, jobs, requests, descriptors, buffers, what is under way.

use super::{By, Invariant};
use crate::testing::pair::PairWorld;

pub(super) const INVARIANT: Invariant =
    Invariant { name: "I21", text: "at rest a pair holds what it held when it first was whole", by: By::Rest };

/// A pair that was whole may still have had as much under way.
const CONNECTIONS: usize = 2;
const JOBS: usize = 1;
const REQUESTS: usize = 2;

/// What is held beyond that.
pub(in crate::testing::pair) fn baseline(world: &PairWorld) -> Option<String> {
    let (now, mut first) = (world.held(), world.first_held?);
    first.connections = first.connections.max(CONNECTIONS);
    first.jobs = first.jobs.max(JOBS);
    first.requests = first.requests.max(REQUESTS);
    first.streams = first.streams.max(usize::from(world.lanes.count()));
    // What is stored takes segments, and each state has timers of its own.
    (first.segments, first.timers) = (now.segments, now.timers);
    now.beyond(first).map(|more| format!("I21: {more}"))
}

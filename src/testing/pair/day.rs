//! A pair through a day of faults. At the end of each hour it is healed, emptied and at rest, and what its two servers hold is counted: it must
//! be what they held in the first hours.

use super::faults::Faults;
use super::run::{Plan, acks_of, drain, recover, rest, round, scale_of};
use super::world::PairWorld;
use crate::testing::oracle::{Findings, Kind};

/// An hour.
const HOUR_NANOS: u64 = 3_600_000_000_000;
/// Between two faults nobody does anything for so long at most.
const IDLE_NANOS_MAX: u64 = 240_000_000_000;
/// Events of such a time; a world that needs more goes round in circles.
const IDLE_EVENTS_MAX: u64 = 1_000_000;
/// Hours whose most is the baseline of all later ones.
const FIRST_HOURS: usize = 4;
/// Of 100, how much more than the baseline is still the same.
const MORE_PERCENT: usize = 5;

/// What two servers at rest hold, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Connections between them.
    pub connections: usize,
    /// Requests to the register under way.
    pub requests: usize,
    /// Streams of blocks to the other one.
    pub streams: usize,
    /// Jobs of the store, and writes of its state.
    pub jobs: usize,
    /// Timers.
    pub timers: usize,
    /// Files that are open: descriptors.
    pub open_files: usize,
    /// Writes, and segments that are free and pinned.
    pub under_way: usize,
    /// Segments of the lanes.
    pub segments: usize,
    /// Block buffers that lanes have.
    pub buffers: usize,
}

impl Held {
    const fn numbers(self) -> [(&'static str, usize); 9] {
        let Self { connections, requests, streams, jobs, timers, open_files, under_way, segments, buffers } = self;
        [
            ("connections", connections),
            ("requests", requests),
            ("streams", streams),
            ("jobs", jobs),
            ("timers", timers),
            ("open files", open_files),
            ("under way", under_way),
            ("segments", segments),
            ("buffers", buffers),
        ]
    }

    /// Each number of both.
    pub(super) fn with(self, other: Self, both: impl Fn(usize, usize) -> usize) -> Self {
        Self {
            connections: both(self.connections, other.connections),
            requests: both(self.requests, other.requests),
            streams: both(self.streams, other.streams),
            jobs: both(self.jobs, other.jobs),
            timers: both(self.timers, other.timers),
            open_files: both(self.open_files, other.open_files),
            under_way: both(self.under_way, other.under_way),
            segments: both(self.segments, other.segments),
            buffers: both(self.buffers, other.buffers),
        }
    }

    /// What is more than in `baseline`, in words.
    #[must_use]
    pub fn beyond(self, baseline: Self) -> Option<String> {
        let pairs = self.numbers().into_iter().zip(baseline.numbers());
        let more = pairs.filter(|((_, now), (_, then))| now * 100 > then * (100 + MORE_PERCENT));
        let more: Vec<String> =
            more.map(|((name, now), (_, then))| format!("{now} {name} instead of {then}")).collect();
        (!more.is_empty()).then(|| more.join(", "))
    }
}

/// A pair that lives on.
pub struct Day {
    world: PairWorld,
    faults: Faults,
    held: Vec<Held>,
    struck: u64,
}

impl Day {
    /// A pair that comes together. Faults that may need an operator are left out.
    #[must_use]
    pub fn new(seed: u64, plan: &Plan) -> Self {
        let mut world = PairWorld::new(seed, &scale_of(seed), acks_of(seed), plan.rules, plan.control);
        recover(&mut world);
        world.first_held = Some(world.held());
        Self { world, faults: Faults::NO_ROT, held: Vec::new(), struck: 0 }
    }

    /// An hour of faults; then it is healed, emptied and at rest. False: something is wrong.
    pub fn hour(&mut self) -> bool {
        let Self { world, faults, held, struck } = self;
        let end = world.now() + HOUR_NANOS;
        while world.now() < end && world.findings().is_empty() {
            round(world, *faults);
            *struck += 1;
            let idle = world.random.below(IDLE_NANOS_MAX);
            world.run_until(idle, IDLE_EVENTS_MAX, |_| false);
        }
        world.heal();
        if !recover(world) || !drain(world) || !rest(world) {
            return false;
        }
        world.followers.forget_settled();
        held.push(world.held());
        self.judge();
        self.world.findings().is_empty()
    }

    fn judge(&mut self) {
        let Some(now) = self.held.last().copied() else { return };
        let Some(first) = self.held.get(..FIRST_HOURS).filter(|_| self.held.len() > FIRST_HOURS) else { return };
        let baseline = first.iter().fold(Held::default(), |most, held| most.with(*held, usize::max));
        if let Some(more) = now.beyond(baseline) {
            self.world.report(Kind::Broker, format!("I21: after {} hours {more}", self.held.len()));
        }
    }

    /// What was held at the end of each hour.
    #[must_use]
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// What was wrong.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        self.world.findings()
    }

    /// Events, faults and activations so far.
    #[must_use]
    pub fn figures(&self) -> (u64, u64, u64) {
        let epochs = self.world.register.value.as_ref().map_or(0, |value| value.epoch.number);
        (self.world.events, self.struck, epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_the_baseline_is_told() {
        let baseline = Held { streams: 4, segments: 100, ..Held::default() };
        assert_eq!(baseline.beyond(baseline), None);
        assert_eq!(Held { segments: 105, ..baseline }.beyond(baseline), None);
        let more = Held { segments: 106, jobs: 1, ..baseline };
        assert_eq!(more.beyond(baseline).as_deref(), Some("1 jobs instead of 0, 106 segments instead of 100"));
    }
}

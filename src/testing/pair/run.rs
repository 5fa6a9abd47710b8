//! The way of a pair through its seed: it comes together, works, meets faults, is healed, comes to rest, and is emptied: at one site and then,
//! after a takeover, at the other.

use ha_engine::register::AckMode;
use ha_engine::rules::Rules;

use super::faults::Faults;
use super::invariants::{baseline, equal_lanes, promises, recovers, sound_lanes};
use super::world::PairWorld;
use crate::testing::oracle::{Counts, Findings, Kind};
use crate::testing::{Control, Crash, Scale};

/// Operations of the clients between two faults.
const OPERATIONS: u64 = 60;
/// Operations behind the last one.
const LAST_OPERATIONS: u64 = 30;
/// Events of one phase; a world that needs more goes round in circles.
const EVENTS_MAX: u64 = 100_000;
/// How long a pair must be whole before it counts as settled, and how often that is tried.
const SETTLE_NANOS: u64 = 8_000_000_000;
const SETTLES_MAX: usize = 5;
/// How long a phase may last in the world.
const PHASE_NANOS: u64 = 300_000_000_000;

/// What a run is like.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Which faults it may meet.
    pub faults: Faults,
    /// How many.
    pub rounds: u64,
    /// Which rules are in force.
    pub rules: Rules,
    /// Whether its rooms are as they should be.
    pub control: Control,
    /// Keep a diary of what happens.
    pub diary: bool,
}

impl Plan {
    /// Every fault, a few of them, and every rule.
    pub const FULL: Self =
        Self { faults: Faults::ALL, rounds: 3, rules: Rules::ALL, control: Control::None, diary: false };
}

/// What came of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was wrong.
    pub findings: Findings,
    /// What the clients did.
    pub counts: Counts,
    /// A hash of everything that happened.
    pub hash: u64,
    /// Events.
    pub events: u64,
    /// How long it took in the world, in nanoseconds.
    pub nanos: u64,
    /// Activations, as the register saw them.
    pub epochs: u64,
    /// A promised block was damaged, and a site waits for an operator.
    pub quarantined: bool,
    /// The diary, if one was kept.
    pub diary: Vec<String>,
}

/// The scale that goes with a seed.
#[must_use]
pub fn scale_of(seed: u64) -> Scale {
    let lanes = if seed.is_multiple_of(3) { 2 } else { 1 };
    Scale { lanes, cores: if seed.is_multiple_of(6) { 2 } else { 1 }, only_transactions: seed % 5 == 4 }
}

/// What acks wait for in a seed. Where they wait for neither the disk nor the memory of the replica, what was acked may be lost, and the
/// oracle could say nothing.
#[must_use]
pub const fn acks_of(seed: u64) -> AckMode {
    if seed % 7 == 5 { AckMode::Memory } else { AckMode::Durable }
}

/// Lives through a seed.
#[must_use]
pub fn live(seed: u64, plan: &Plan) -> Outcome {
    let mut world = PairWorld::new(seed, &scale_of(seed), acks_of(seed), plan.rules, plan.control);
    if plan.diary {
        world.keep_diary();
    }
    run(&mut world, plan);
    Outcome {
        findings: world.findings().clone(),
        counts: world.counts(),
        hash: world.hash(),
        events: world.events,
        nanos: world.now(),
        epochs: world.register.value.as_ref().map_or(0, |value| value.epoch.number),
        quarantined: world.awaits_operator(),
        diary: world.diary().to_vec(),
    }
}

fn run(world: &mut PairWorld, plan: &Plan) {
    if !recover(world) {
        return;
    }
    world.first_held = Some(world.held());
    for _ in 0..plan.rounds {
        round(world, plan.faults);
        if !world.findings().is_empty() {
            return;
        }
    }
    world.heal();
    if !recover(world) || !work(world, LAST_OPERATIONS) || !rest(world) {
        return;
    }
    if !drain(world) {
        return;
    }
    // What one has settled, the other one knows.
    if let Some(active) = world.active() {
        world.crash(active, Crash::Kill);
        let takes_over = |world: &PairWorld| world.lets_in() == Some(1 - active);
        if world.run_until(PHASE_NANOS, EVENTS_MAX, takes_over) {
            drain(world);
        } else {
            let text = format!("nobody takes over: {}", world.standing());
            world.report(Kind::Broker, text);
        }
    }
}

/// Some work, and a fault in it; most are healed before the next one.
pub(super) fn round(world: &mut PairWorld, faults: Faults) {
    world.followers.allow(OPERATIONS);
    let events = 100 + world.random.below(4_000);
    world.run_until(PHASE_NANOS, events, |world| world.followers.are_idle());
    if let Some(fault) = faults.draw(&mut world.random) {
        world.strike(fault);
        world.followers.allow(OPERATIONS);
        world.run_until(fault.nanos, EVENTS_MAX, |_| false);
    }
    if world.random.percent(70) {
        world.heal();
    }
}

/// The pair becomes whole, and stays so for long enough that no failback is due any more.
pub(super) fn recover(world: &mut PairWorld) -> bool {
    for _ in 0..SETTLES_MAX {
        if let Some(text) = recovers(world) {
            if world.awaits_operator() {
                return false;
            }
            world.report(Kind::Broker, text);
        }
        let before = world.active();
        world.run_until(SETTLE_NANOS, EVENTS_MAX, |_| false);
        if !world.findings().is_empty() || (world.is_whole() && world.active() == before) {
            return world.findings().is_empty();
        }
    }
    let text = format!("the pair does not settle: {}", world.standing());
    world.report(Kind::Broker, text);
    false
}

/// The clients do so much more, and hear the answers.
fn work(world: &mut PairWorld, operations: u64) -> bool {
    world.followers.allow(operations);
    if !world.run_until(PHASE_NANOS, EVENTS_MAX, |world| world.followers.are_idle()) {
        let text = format!("clients wait: {}; {}", world.followers.waiting(), world.standing());
        world.report(Kind::Broker, text);
    }
    world.findings().is_empty()
}

/// Nothing is asked any more: the two copies become equal, and all is given back.
pub(super) fn rest(world: &mut PairWorld) -> bool {
    let equal = |world: &PairWorld| {
        let [one, two] = &world.sites;
        let ends = (one.appended(), two.appended());
        world.is_whole() && ends.0 == ends.1 && one.durable() == ends.0 && two.durable() == ends.1
    };
    world.run_until(2_000_000_000, EVENTS_MAX, |_| false);
    if !world.run_until(PHASE_NANOS, EVENTS_MAX, equal) {
        let text = format!("the copies do not become equal: {}", world.standing());
        world.report(Kind::Broker, text);
        return false;
    }
    // What is pinned for ever stays under way.
    world.run_until(PHASE_NANOS, EVENTS_MAX, |world| world.sites.iter().all(|site| site.under_way() == 0));
    let sites = &mut world.sites;
    let found = [equal_lanes(sites), sound_lanes(sites), promises(sites), baseline(world)];
    for text in found.into_iter().flatten() {
        world.report(Kind::Broker, text);
    }
    world.findings().is_empty()
}

/// Takes everything out of every queue, and has the oracle judge what was not there.
pub(super) fn drain(world: &mut PairWorld) -> bool {
    let Some(active) = world.active() else { return false };
    let PairWorld { followers, sites, random, .. } = world;
    if !followers.drain(active, sites, random) {
        world.report(Kind::Broker, "nobody can take everything out".to_owned());
        return false;
    }
    let done = world.run_until(PHASE_NANOS, EVENTS_MAX, |world| world.followers.is_drained() != Some(false));
    if !done || world.followers.is_drained() != Some(true) {
        let text = format!("draining does not end: {}", world.standing());
        world.report(Kind::Broker, text);
        return false;
    }
    let PairWorld { followers, sites, .. } = world;
    followers.drained(sites);
    world.findings().is_empty()
}

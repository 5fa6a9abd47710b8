//! The driver on a misbehaving kernel: many short lives, each from one seed.
//!
//! Proves, for every seed: each operation ends exactly once; no buffer is lost, given back twice or given
//! back while the kernel has it; bytes arrive and leave whole and in order; what is reported durable
//! is; after a close only the buffer and `Closed` come; at the end nothing is open or in flight.
//! Controls: a driver that does not check generations, and a kernel that keeps silent about an
//! operation, are caught.

mod checks;
mod life;

use crate::ring::fake::{Counts, Faults};
use life::{Life, Outcome};

/// Miri, which looks at every access to memory, is some thousand times slower.
const SEEDS: u64 = if cfg!(miri) { 2 } else { 150 };

fn live(seed: u64, faults: Faults, sabotage: impl FnOnce(&mut Life)) -> Result<Outcome, String> {
    let mut life = Life::new(seed, faults);
    sabotage(&mut life);
    let result = life.run();
    if result.is_err() {
        life.driver.ring_mut().poison();
    }
    result
}

fn all(faults: Faults) -> (Outcome, Counts) {
    let mut sum = Outcome::default();
    for seed in 0..SEEDS {
        match live(seed, faults, |_| {}) {
            Ok(outcome) => sum.add(&outcome),
            Err(what) => panic!("seed {seed}: {what}"),
        }
    }
    let counts = sum.counts;
    (sum, counts)
}

#[test]
fn a_sound_kernel_is_served_without_a_retry() {
    let (sum, _) = all(Faults::none());
    assert_eq!(sum.stats.stale, 0);
    assert!(cfg!(miri) || sum.stats.received_bytes > 0 && sum.stats.sent_bytes > 0 && sum.written > 0 && sum.read > 0);
}

#[test]
fn every_fault_is_survived() {
    let (sum, counts) = all(Faults::all());
    if cfg!(miri) {
        return;
    }
    // Each fault was really played.
    let Counts {
        short,
        again,
        interrupted,
        canceled,
        no_buffers,
        lost_more,
        no_descriptors,
        broken,
        ghosts,
        hollow: _,
        late,
        busy,
        queue_full,
        registered,
    } = counts;
    for (name, count) in [
        ("short", short),
        ("again", again),
        ("interrupted", interrupted),
        ("canceled", canceled),
        ("no_buffers", no_buffers),
        ("lost_more", lost_more),
        ("no_descriptors", no_descriptors),
        ("broken", broken),
        ("ghosts", ghosts),
        ("late", late),
        ("busy", busy),
        ("queue_full", queue_full),
        ("registered", registered),
    ] {
        assert!(count > 20, "{name} was played {count} times");
    }
    assert!(sum.overflows > 20, "the completion queue overflowed {} times", sum.overflows);
    assert!(sum.stats.stale > 20 && sum.stats.resumed > 20 && sum.stats.starved > 20, "{:?}", sum.stats);
    assert!(sum.stats.received_bytes > 100_000 && sum.written > 100 && sum.read > 20);
}

#[test]
fn control_a_driver_without_generations_is_caught() {
    let ghosts = Faults { ghost: 200, ..Faults::none() };
    let caught =
        (0..SEEDS).filter(|seed| live(*seed, ghosts, |life| life.driver.without_generation_check()).is_err()).count();
    assert!(cfg!(miri) || caught as u64 > SEEDS * 9 / 10, "caught in {caught} of {SEEDS} lives");
    // The same kernel and a sound driver.
    for seed in 0..SEEDS {
        live(seed, ghosts, |_| {}).unwrap();
    }
}

#[test]
fn control_a_kernel_that_swallows_a_completion_is_caught() {
    let swallows = Faults { swallow: 20, ..Faults::none() };
    let caught = (0..SEEDS).filter(|seed| live(*seed, swallows, |_| {}).is_err()).count();
    assert!(cfg!(miri) || caught as u64 > SEEDS * 9 / 10, "caught in {caught} of {SEEDS} lives");
}

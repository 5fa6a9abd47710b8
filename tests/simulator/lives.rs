//! Stores go through lives that end by power cuts, by deaths of the process and in order; nothing acked is ever lost.

use ringmq::testing::Control;
use ringmq::testing::lives::{live, scale_of};

/// Seeds that once found something: a checkpoint whose settling records were freed, the segment of a large body that was still
/// being written, a message read where compaction had not written it yet, a message without its body.
const FOUND: [u64; 4] = [39, 70, 201, 325];

/// More of them on demand: `RINGMQ_SIMULATED_LIVES` says how many.
#[test]
fn nothing_acked_is_lost_whenever_a_life_ends() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let from = number("RINGMQ_SIMULATED_FROM").unwrap_or(0);
    let count = number("RINGMQ_SIMULATED_LIVES").unwrap_or(24);
    for seed in (from..from + count).chain(FOUND) {
        let world = live(seed, Control::None);
        let findings = world.findings();
        assert!(findings.is_empty(), "seed {seed}, {:?}: {findings}\n{:#?}", scale_of(seed), findings.texts());
    }
}

#[test]
fn a_seed_replays_the_same_world() {
    let run = |seed| {
        let world = live(seed, Control::None);
        (world.counts(), world.disk_operations())
    };
    for seed in [2, 5, 9] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(2), run(5));
}

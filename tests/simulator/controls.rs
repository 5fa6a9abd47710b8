//! Controls: a broker that is wrong on purpose must be caught by the lives that a sound one passes. A proof that cannot fail proves nothing.

use ringmq::testing::Control;
use ringmq::testing::lives::caught;

/// The seeds of the controls; the sound broker passes the first ones in `lives`.
const SEEDS: std::ops::Range<u64> = 0..12;

#[test]
fn an_answer_without_a_flush_is_caught() {
    let count = caught(Control::NoFlush, SEEDS);
    println!("{count} of {SEEDS:?}");
    assert!(count >= 8, "{count}");
}

#[test]
fn an_answer_that_waits_for_its_own_lane_only_is_caught() {
    let count = caught(Control::OwnLaneOnly, 0..30);
    println!("{count} of 30");
    assert!(count >= 3, "{count}");
}

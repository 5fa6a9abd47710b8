//! Controls: each breaks one rule on purpose, and the same harness must notice. A proof that cannot fail proves nothing.

use journal::Checks;
use journal::testing::{Honesty, RigError, WorkloadOptions};

use crate::harness::Life;

/// Runs lives with these seeds and says how many were caught.
fn caught(seeds: std::ops::Range<u64>, change: impl Fn(Life) -> Life) -> usize {
    seeds.filter(|&seed| change(Life::small(seed)).live(6, None).is_err()).count()
}

#[test]
fn an_ack_without_a_flush_is_caught() {
    let broken = caught(0..40, |life| Life { honesty: Honesty::WrittenOnly, ..life });
    let sound = caught(0..40, |life| life);
    println!("{broken} of 40 caught");
    assert!(broken >= 20 && sound == 0, "{broken} and {sound}");
}

#[test]
fn a_promise_that_ignores_other_lanes_is_caught() {
    let busy =
        WorkloadOptions { steps: 200, usual_bytes: 500, long_records: false, depends_percent: 50, housekeeping: false };
    let broken = caught(0..40, |life| Life { ignore_dependencies: true, workload: busy, ..life });
    let sound = caught(0..40, |life| Life { workload: busy, ..life });
    println!("{broken} of 40 caught");
    assert!(broken >= 30 && sound == 0, "{broken} and {sound}");
}

/// The chain covers the payload as well, so leaving out the CRC alone is not enough to go wrong: both must go.
#[test]
fn a_recovery_without_checksums_is_caught() {
    let blind = Checks { crc: false, chain: false, ..Checks::ALL };
    let large =
        WorkloadOptions { steps: 120, usual_bytes: 9000, long_records: true, depends_percent: 0, housekeeping: false };
    let broken = caught(0..40, |life| Life { checks: blind, workload: large, ..life });
    let sound = caught(0..40, |life| Life { workload: large, ..life });
    println!("{broken} of 40 caught");
    assert!(broken >= 10 && sound == 0, "{broken} and {sound}");
}

/// A process that dies leaves its last writes in the disk's cache; the next start must flush what it keeps before it promises anything.
#[test]
fn a_start_that_does_not_flush_what_it_keeps_is_caught() {
    let hasty = Checks { flush: false, ..Checks::ALL };
    let broken = caught(0..60, |life| Life { checks: hasty, kill_percent: 50, ..life });
    let sound = caught(0..60, |life| Life { kill_percent: 50, ..life });
    println!("{broken} of 60 caught");
    assert!(broken >= 3 && sound == 0, "{broken} and {sound}");
}

/// What lies behind a cut is kept out by the chain and by the epoch; with neither, old blocks come back as data.
#[test]
fn a_recovery_that_takes_old_blocks_for_new_ones_is_caught() {
    let blind = Checks { chain: false, order: false, ..Checks::ALL };
    let tiny =
        WorkloadOptions { steps: 40, usual_bytes: 100, long_records: false, depends_percent: 60, housekeeping: false };
    let broken = caught(0..80, |life| Life { checks: blind, workload: tiny, ..life });
    let sound = caught(0..80, |life| Life { workload: tiny, ..life });
    println!("{broken} of 80 caught");
    assert!(broken >= 3 && sound == 0, "{broken} and {sound}");
}

/// The harness itself: a life without faults ends well and says so.
#[test]
fn a_sound_life_is_not_called_broken() {
    assert_eq!(Life::small(7).live(3, None), Ok::<(), RigError>(()));
}

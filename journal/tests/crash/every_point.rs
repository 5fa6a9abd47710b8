//! The power fails at every single operation of small workloads, and again after more work.

use journal::testing::{Fault, FaultKind};

use crate::harness::Life;

#[test]
fn nothing_promised_is_lost_whatever_operation_the_power_fails_at() {
    let mut points = 0;
    for seed in 0..4 {
        let life = Life::small(seed);
        for at in 0..life.operations() {
            points += 1;
            if let Err(error) = life.live(2, Some(Fault { at, kind: FaultKind::PowerCut })) {
                panic!("seed {seed}, power cut at operation {at}: {error:?}");
            }
        }
    }
    println!("{points} crash points");
    assert!(points > 300);
}

//! Every operation fails in every way. What the disk admits costs nothing that was promised; what it hides is noticed at the next start, as soon
//! as a later block is durable.

use std::collections::BTreeMap;

use journal::testing::{Fault, FaultKind, Model, Random, Rig, RigError, SimDisk, SimDriver, run_workload};
use journal::{RecoveryError, SEAL_IDLE_NANOS};

use crate::harness::Life;

/// How a run with a fault ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// Everything that was promised came back.
    Whole,
    /// The next start refused and named the place.
    Detected,
    /// Promised data is gone and the start did not notice.
    Undetected,
    /// The next start could not read the disk.
    Unreadable,
}

/// Works with the fault, lets every lane write something later and seal it, cuts the power, starts again.
fn run(life: &Life, fault: Fault, seal: bool) -> Result<End, RigError> {
    let mut random = Random::new(life.seed);
    let mut disk = SimDisk::new(life.seed);
    disk.plan(fault);
    let driver = life.driver(disk);
    let (mut driver, model) = match Rig::start_or_return(driver, Model::default(), &life.options()) {
        Ok(mut rig) => {
            run_workload(&mut rig, &mut random, life.workload);
            rig.settle();
            if seal {
                seal_all(&mut rig, &mut random);
            }
            rig.close()
        }
        Err((RigError::Stuck | RigError::Refused(RecoveryError::Io(_)), driver, model)) => (driver, model),
        Err((error, ..)) => return Err(error),
    };
    driver.cut_power(random.next());
    match Rig::start_or_return(driver, model, &life.options()) {
        Ok(rig) => {
            drop(rig.close());
            Ok(End::Whole)
        }
        Err((RigError::Refused(RecoveryError::Io(_)), ..)) => Ok(End::Unreadable),
        Err((RigError::Refused(_), ..)) => Ok(End::Detected),
        Err((RigError::Wrong(text), ..)) if text.starts_with("LOST") => Ok(End::Undetected),
        Err((error, ..)) => Err(error),
    }
}

fn seal_all(rig: &mut Rig<SimDriver>, random: &mut Random) {
    rig.settle();
    for lane in rig.data_lanes() {
        let body = journal::testing::Body { seed: random.next(), bytes: 10 };
        let _ = rig.append(lane, body);
    }
    rig.settle();
    rig.wait_nanos(200 * SEAL_IDLE_NANOS);
}

fn every_operation(kind: FaultKind, seeds: std::ops::Range<u64>, seal: bool) -> BTreeMap<End, u32> {
    let mut ends = BTreeMap::new();
    for seed in seeds {
        let life = Life::small(seed);
        for at in 0..life.operations() {
            match run(&life, Fault { at, kind }, seal) {
                Ok(end) => {
                    if end == End::Undetected && seal {
                        println!("seed {seed}, {kind:?} at operation {at}: promised data is gone unnoticed");
                    }
                    *ends.entry(end).or_insert(0) += 1;
                }
                Err(error) => panic!("seed {seed}, {kind:?} at operation {at}: {error:?}"),
            }
        }
    }
    println!("{kind:?}: {ends:?}");
    ends
}

#[test]
fn what_the_disk_admits_costs_nothing() {
    for kind in [FaultKind::Error, FaultKind::NoSpace] {
        let ends = every_operation(kind, 0..3, true);
        assert_eq!(ends.len(), 1, "{kind:?}: {ends:?}");
        assert!(ends.contains_key(&End::Whole));
    }
}

#[test]
fn what_the_disk_hides_is_noticed() {
    for kind in [FaultKind::Torn, FaultKind::Lost, FaultKind::Misdirected, FaultKind::BitFlip] {
        let ends = every_operation(kind, 0..3, true);
        assert!(!ends.contains_key(&End::Undetected), "{kind:?}: {ends:?}");
        assert!(ends.get(&End::Detected).copied().unwrap_or(0) > 10, "{kind:?} struck nothing: {ends:?}");
    }
}

/// The limit that the format states, and the control that shows what the seal is for: without a later block, damage to the last one looks like a
/// torn tail.
#[test]
fn without_a_later_block_the_last_damage_looks_torn() {
    let ends = every_operation(FaultKind::Lost, 0..3, false);
    let undetected = ends.get(&End::Undetected).copied().unwrap_or(0);
    assert!(undetected > 0, "the seal would not be needed: {ends:?}");
    assert!(undetected < ends.get(&End::Detected).copied().unwrap_or(0), "{ends:?}");
}

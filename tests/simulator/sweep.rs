//! Every operation of the disk fails once in each way; here a share of a small workload, all of a large one in `bench prove faults`.

use std::collections::BTreeMap;

use journal::testing::{Fault, FaultKind};
use ringmq::testing::sweep::{End, KINDS, Workload};
use ringmq::testing::{Control, Scale};

const SCALES: [Scale; 3] = [
    Scale { lanes: 1, cores: 1, only_transactions: false },
    Scale { lanes: 2, cores: 2, only_transactions: false },
    Scale { lanes: 4, cores: 2, only_transactions: false },
];

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Runs every `stride`-th place of a workload for one kind, and says how the cases ended.
fn swept(workload: &Workload, kind: FaultKind, stride: usize) -> BTreeMap<End, u32> {
    let sweep = workload.sweep().unwrap_or_else(|what| panic!("{workload:?} without a fault: {what}"));
    let trace = sweep.trace();
    let mut ends = BTreeMap::new();
    let places = trace.iter().enumerate().filter(|(_, it)| Workload::applies(kind, it.operation)).step_by(stride);
    for (at, trace) in places {
        let case = sweep.run(Fault { at: at as u64, kind });
        assert_eq!(case.struck.as_ref(), Some(trace), "{workload:?}, {kind:?} at {at}: another run");
        assert!(
            case.findings.is_empty(),
            "{workload:?}, {kind:?} at {at}, {trace:?}, {:?}: {}\n{:#?}",
            case.end,
            case.findings,
            case.findings.texts()
        );
        *ends.entry(case.end).or_insert(0) += 1;
    }
    println!("{:?}, {kind:?}, {} operations: {ends:?}", workload.scale, trace.len());
    ends
}

#[test]
fn every_operation_fails_once_in_each_way() {
    let (operations, stride) = (number("RINGMQ_SWEEP_OPERATIONS", 60), number("RINGMQ_SWEEP_STRIDE", 13));
    for (scale, seed) in SCALES.into_iter().zip(number("RINGMQ_SWEEP_SEED", 1)..) {
        let workload = Workload { seed, scale, operations, sealed: true, control: Control::None };
        for kind in KINDS {
            let ends = swept(&workload, kind, usize::try_from(stride).unwrap());
            let lost = ends.get(&End::Unnoticed).copied().unwrap_or(0);
            assert_eq!(lost, 0, "{workload:?}, {kind:?}: something acked is gone, and nobody noticed");
            if kind.is_reported() {
                assert!(ends.keys().all(|end| *end == End::Whole), "{workload:?}, {kind:?}: {ends:?}");
            }
        }
    }
}

/// A case that begins with the life of its fault is the case that ran through all lives before.
#[test]
fn a_case_may_begin_with_the_life_that_its_fault_strikes() {
    for (scale, seed) in SCALES.into_iter().zip(21..) {
        let workload = Workload { seed, scale, operations: 60, sealed: true, control: Control::None };
        let sweep = workload.sweep().unwrap_or_else(|what| panic!("{workload:?} without a fault: {what}"));
        let mut struck = 0;
        for kind in KINDS {
            let places = (0..sweep.trace().len()).filter(|at| Workload::applies(kind, sweep.trace()[*at].operation));
            for at in places.step_by(29) {
                let fault = Fault { at: at as u64, kind };
                let (short, whole) = (sweep.run(fault), sweep.run_from_the_first_life(fault));
                assert_eq!(short.struck.as_ref(), Some(&sweep.trace()[at]), "{workload:?}, {fault:?}");
                assert_eq!((short.end, short.findings, short.struck), (whole.end, whole.findings, whole.struck));
                struck += 1;
            }
        }
        assert!(struck > 10, "{struck}");
    }
}

/// The control of what is found by a read: a broker that leaves no word of it goes by the same checkpoint again.
#[test]
fn damage_that_is_forgotten_at_the_stop_is_caught() {
    let cases = |control| {
        let workload = Workload { seed: 1, scale: SCALES[0], operations: 60, sealed: true, control };
        let sweep = workload.sweep().unwrap_or_else(|what| panic!("without a fault: {what}"));
        let places =
            sweep.trace().iter().enumerate().filter(|(_, it)| Workload::applies(FaultKind::Lost, it.operation));
        let run = |(at, _)| sweep.run(Fault { at: at as u64, kind: FaultKind::Lost });
        places.map(run).collect::<Vec<_>>()
    };
    let (sound, forgets) = (cases(Control::None), cases(Control::ForgetsDamage));
    let found = sound.iter().filter(|case| case.end == End::FoundByRead).count();
    let caught = forgets.iter().filter(|case| !case.findings.is_empty()).count();
    println!("{found} found by a read, {caught} caught where that is forgotten");
    assert!(found > 0 && caught > 0, "{found}, {caught}");
    assert!(sound.iter().all(|case| case.findings.is_empty()));
}

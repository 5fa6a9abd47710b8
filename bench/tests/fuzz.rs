//! A short run of `bench prove fuzz`: every decoder, with as many inputs as the test command has time for, and the controls.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bench::prove::fuzz::{Part, Target, Verdict, all, caught, planted, run};

const SEED: u64 = 1;
/// Inputs for each decoder.
const INPUTS: u64 = 20_000;
/// Decoders that run at the same time.
const THREADS: usize = 2;
/// Longer than any input takes on any machine.
const BUDGET: Duration = Duration::from_secs(120);

#[test]
fn every_decoder_answers_whatever_comes() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let targets: Vec<Arc<Target>> = all(&top).unwrap().into_iter().map(Arc::new).collect();
    let part = Part { seed: SEED, first: 0, count: INPUTS };
    let share =
        |own: usize| targets.iter().skip(own).step_by(THREADS).map(move |target| (target, run(target, part, BUDGET)));
    let done: Vec<_> = std::thread::scope(|scope| {
        let share = &share;
        let workers: Vec<_> = (0..THREADS).map(|own| scope.spawn(move || share(own).collect::<Vec<_>>())).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut verdict = Verdict::default();
    for (target, figures) in done {
        assert!(target.examples() > 0, "{} has no examples", target.name);
        println!("{figures}");
        verdict.add(target, figures);
    }
    println!("{verdict}");
    let findings: Vec<String> = verdict.findings().map(ToString::to_string).chain(verdict.rare.clone()).collect();
    assert!(verdict.held(), "{}", findings.join("\n"));
}

/// Control: decoders that panic, believe a length, go round in circles, or do not come back.
#[test]
fn a_decoder_that_is_wrong_is_caught() {
    // An input that never ends does not do so within any time.
    let (all_caught, said) = caught(SEED, 20_000, Duration::from_millis(500));
    assert!(all_caught, "{said}");
    assert_eq!(planted().len(), 4);
}

/// Control: a packet that is never decoded is not proved.
#[test]
fn a_decoder_that_refuses_everything_is_no_proof() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = all(&top).unwrap().into_iter().find(|target| target.name == "packet SESS_SEND").map(Arc::new).unwrap();
    let mut verdict = Verdict::default();
    verdict.add(&target, run(&target, Part { seed: SEED, first: 0, count: 100 }, BUDGET));
    assert!(!verdict.held());
}

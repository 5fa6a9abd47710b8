//! The gate of the instruction counts: what a message costs must stay what `bench/icount.tsv` says, within two per cent.
//!
//! Takes the program `icount`, built by this test in the release profile, and callgrind's counts of it; compares them with the
//! baseline. The figures depend on the compiler, on the C library and on what processor callgrind shows: where those are others
//! than the baseline's, the figures are told and nothing fails. `RINGMQ_REGENERATE=1` writes the baseline anew; that belongs in a
//! commit of its own that says why. Without valgrind the trials skip aloud.

// It serves other tests as well.
#[allow(dead_code)]
#[path = "../../../tests/process/harness.rs"]
mod harness;

mod baseline;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use baseline::{Baseline, Row};
use bench::measure::callgrind::{self, Counted};
use harness::{Outcome, Trial, Verdict};

/// What is measured: each measure in groups of these many messages. A decoded or routed message does not know its group.
const MEASURES: &[(&str, &[usize])] = &[
    ("decode", &[1]),
    ("route", &[1]),
    ("append", &[1, 16, 64]),
    ("publish", &[1, 16, 64]),
    ("ack", &[1, 16, 64]),
    ("whole", &[1, 16, 64]),
    ("consume", &[1, 16, 64]),
];
/// Runs of callgrind beside each other.
const THREADS: usize = 2;
/// The design's promise for a message that nobody shares a group with, from its bytes to its answer.
const WHOLE_INSTRUCTIONS_MAX: f64 = 9_000.0;
/// By how much the same program may differ when it lies and runs elsewhere: where its stack and its hash seeds happen to be.
const PLACE_DIFFERENCE_MAX: f64 = 0.001;

fn main() -> ExitCode {
    let beside = [
        Trial { name: "icount_catches_a_loop_too_many", run: catches_a_loop_too_many },
        Trial { name: "icount_is_the_same_anywhere", run: is_the_same_anywhere },
        Trial { name: "icount_baseline_keeps_the_promise", run: baseline_keeps_the_promise },
        Trial { name: "icount_reads_its_baseline", run: baseline::reads_what_it_writes },
        Trial { name: "icount_compares_within_two_per_cent", run: baseline::compares_within_two_per_cent },
        Trial { name: "the_harness_counts_what_happens", run: harness::counts_what_happens },
    ];
    // It runs several at a time by itself.
    let alone = [Trial { name: "icount_is_that_of_the_baseline", run: is_that_of_the_baseline }];
    harness::run_beside(&beside, &alone)
}

fn is_that_of_the_baseline() -> Verdict {
    let Some(counted) = counted()? else { return skipped() };
    let measured = Baseline { rustc: callgrind::rustc()?, machine: callgrind::machine()?, rows: rows(&counted)? };
    if std::env::var_os("RINGMQ_REGENERATE").is_some() {
        fs::write(path(), measured.to_string()).map_err(|error| format!("{}: {error}", path().display()))?;
        return Ok(Outcome::Passed);
    }
    let recorded = recorded()?;
    let findings = recorded.differences(&measured);
    match recorded.is_comparable(&measured) {
        _ if findings.is_empty() => Ok(Outcome::Passed),
        Ok(()) => Err(format!(
            "{}\nif that is what it must cost, write the baseline anew: RINGMQ_REGENERATE=1 cargo test -p ringmq-bench --test icount, \
             in a commit of its own that says why",
            findings.join("\n")
        )),
        Err(why) => {
            println!("icount: {why}, so this is told and does not fail:\n{}", findings.join("\n"));
            Ok(Outcome::Passed)
        }
    }
}

/// All measures. They are counted and not timed, so they may be beside each other.
fn rows(counted: &Counted) -> Result<Vec<Row>, String> {
    let asked = MEASURES.iter().flat_map(|(measure, groups)| groups.iter().map(|group| (*measure, *group)));
    let asked: Vec<(&str, usize)> = asked.collect();
    let row = |(measure, group): &(&str, usize)| {
        let instructions = counted.count(measure, *group)?;
        Ok::<Row, String>(Row { measure: (*measure).to_owned(), group: *group, instructions })
    };
    let share = |own: usize| asked.iter().skip(own).step_by(THREADS).map(row).collect::<Result<Vec<Row>, String>>();
    let shares: Result<Vec<Vec<Row>>, String> = std::thread::scope(|scope| {
        let share = &share;
        let workers: Vec<_> = (0..THREADS).map(|own| scope.spawn(move || share(own))).collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| "it panicked".to_owned())?).collect()
    });
    let mut shares: Vec<_> = shares?.into_iter().map(Vec::into_iter).collect();
    Ok((0..asked.len()).filter_map(|number| shares.get_mut(number % THREADS)?.next()).collect())
}

/// The control: the same work with a loop of a hundred steps a message must be seen, whatever the machine.
fn catches_a_loop_too_many() -> Verdict {
    let Some(counted) = counted()? else { return skipped() };
    let row = |measure: &str| {
        let instructions = counted.count(measure, 1)?;
        Ok::<Row, String>(Row { measure: "whole".to_owned(), group: 1, instructions })
    };
    let (usual, longer) = (row("whole")?, row("whole-and-a-loop")?);
    match baseline::difference(&usual, &longer) {
        Some(_) => Ok(Outcome::Passed),
        None => Err(format!("{} instructions and {} count as the same", usual.instructions, longer.instructions)),
    }
}

fn is_the_same_anywhere() -> Verdict {
    let Some(counted) = counted()? else { return skipped() };
    let moved = counted.moved(scratch("a-directory-with-a-longer-name").join("a-program-with-a-longer-name"))?;
    let (here, elsewhere) = (counted.count("whole", 1)?, moved.count("whole", 1)?);
    let difference = (here - elsewhere).abs() / here;
    if difference <= PLACE_DIFFERENCE_MAX {
        return Ok(Outcome::Passed);
    }
    Err(format!("{here} instructions here, {elsewhere} elsewhere"))
}

fn baseline_keeps_the_promise() -> Verdict {
    let recorded = recorded()?;
    let whole = recorded.rows.iter().find(|row| row.measure == "whole" && row.group == 1);
    match whole.map(|row| row.instructions) {
        Some(instructions) if instructions <= WHOLE_INSTRUCTIONS_MAX => Ok(Outcome::Passed),
        found => Err(format!("whole, alone in its group: {found:?} instructions; at most {WHOLE_INSTRUCTIONS_MAX}")),
    }
}

/// Built apart: the `cargo test` around this may hold the lock of the usual target directory.
fn counted() -> Result<Option<Counted>, String> {
    Counted::built(Some(&scratch("icount")))
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn skipped() -> Verdict {
    Ok(Outcome::Skipped("valgrind is missing (apt-get install valgrind)".to_owned()))
}

fn recorded() -> Result<Baseline, String> {
    let text = fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))?;
    Baseline::parse(&text).map_err(|error| format!("{}: {error}", path().display()))
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("icount.tsv")
}

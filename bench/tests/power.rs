//! A short run of `bench prove power`: a few power cuts of a real broker on a recorded disk, moments between them, and the controls.
//!
//! Needs root, FUSE and loop devices, else it says `skipped:` with the reason.

// These files serve other tests as well, and no test uses all of them.
#[path = "shared/beside.rs"]
mod beside;
#[allow(dead_code)]
#[path = "../../tests/process/harness.rs"]
mod harness;

use std::path::Path;
use std::process::ExitCode;

use bench::prove::power::{NoDisk, Plan, available, control, round};
use harness::{Outcome, Trial, Verdict};

/// Cuts of the one store, and moments within each of its lives.
const CUTS: u32 = 3;
const POINTS: u32 = 2;
const SEED: u64 = 3;

fn main() -> ExitCode {
    harness::run(&[
        Trial { name: "harness_counts_what_happens", run: harness::counts_what_happens },
        Trial { name: "what_was_answered_survives_the_cut", run: answered_is_there },
        Trial { name: "disks_that_never_flush_and_early_answers_are_caught", run: lies_are_caught },
    ])
}

fn answered_is_there() -> Verdict {
    if let Err(NoDisk(why)) = available() {
        return Ok(Outcome::Skipped(why));
    }
    let plan = plan("cuts")?;
    let figures = round(&plan, 1, CUTS, |_| ())?;
    println!("{figures}");
    if !figures.findings.is_empty() {
        return Err(format!("{}; the disks are left in {}", figures.findings, plan.directory.display()));
    }
    // A leftover folder in the build directory harms nobody.
    let _leftover = std::fs::remove_dir_all(&plan.directory);
    Ok(Outcome::Passed)
}

fn lies_are_caught() -> Verdict {
    if let Err(NoDisk(why)) = available() {
        return Ok(Outcome::Skipped(why));
    }
    println!("{}", control(&plan("control")?)?);
    Ok(Outcome::Passed)
}

fn plan(name: &str) -> Result<Plan, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power-{name}-{}", std::process::id()));
    let (binary, settings) = (beside::built("ringmq")?, Vec::new());
    Ok(Plan { binary, directory, seed: SEED, lanes: vec![1, 2, 4], points: POINTS, settings, never_flushes: false })
}

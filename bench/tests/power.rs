//! A short run of `bench prove power`: a few power cuts of a real broker on a recorded disk, moments between them, and the controls.
//!
//! Needs root, FUSE and loop devices, else it says `skipped:` with the reason. Guests need a built lab (tests/lab).

// These files serve other tests as well, and no test uses all of them.
#[path = "shared/beside.rs"]
mod beside;
#[allow(dead_code)]
#[path = "../../tests/process/harness.rs"]
mod harness;

use std::path::Path;
use std::process::ExitCode;

use bench::prove::power::lab::{Lab, LabPlan, NoLab, log_control, log_writes};
use bench::prove::power::{NoDisk, Plan, available, control, round};
use harness::{Outcome, Trial, Verdict};

/// Cuts of the one store, and moments within each of its lives.
const CUTS: u32 = 3;
const POINTS: u32 = 2;
const SEED: u64 = 3;
/// Crash points of one guest's record, and how often its clients hold meanwhile.
const LAB_POINTS: u32 = 8;
const LAB_HOLDS: u32 = 4;

fn main() -> ExitCode {
    harness::run(&[
        Trial { name: "harness_counts_what_happens", run: harness::counts_what_happens },
        Trial { name: "what_was_answered_survives_the_cut", run: answered_is_there },
        Trial { name: "disks_that_never_flush_and_early_answers_are_caught", run: lies_are_caught },
        Trial { name: "what_was_answered_is_in_a_guests_record", run: recorded_is_there },
        Trial { name: "a_guest_that_never_flushes_is_caught", run: guest_without_flushes_is_caught },
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

fn recorded_is_there() -> Verdict {
    in_a_guest("points", |plan| {
        let figures = log_writes(plan, 0, LAB_POINTS, |_| ())?;
        if figures.findings.is_empty() && figures.points > 0 {
            Ok(format!("{figures}"))
        } else {
            Err(found(plan, &figures))
        }
    })
}

fn guest_without_flushes_is_caught() -> Verdict {
    in_a_guest("unflushed", log_control)
}

fn found(plan: &LabPlan, figures: &bench::prove::power::Figures) -> String {
    format!("{}: {figures}; the disks are left in {}", figures.findings, plan.directory.display())
}

/// Does this where a lab is built.
fn in_a_guest(name: &str, what: impl FnOnce(&LabPlan) -> Result<String, String>) -> Verdict {
    let lab = match Lab::find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")) {
        Ok(lab) => lab,
        Err(NoLab(why)) => return Ok(Outcome::Skipped(format!("the lab: {why}"))),
    };
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lab-{name}-{}", std::process::id()));
    let (broker, bench) = (beside::built("ringmq")?, beside::built("bench")?);
    let lanes = vec![2];
    let plan = LabPlan { lab, broker, bench, directory, seed: SEED, lanes, holds: LAB_HOLDS, unsafe_disk: false };
    println!("{}", what(&plan)?);
    // A leftover folder in the build directory harms nobody.
    let _leftover = std::fs::remove_dir_all(&plan.directory);
    Ok(Outcome::Passed)
}

fn plan(name: &str) -> Result<Plan, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power-{name}-{}", std::process::id()));
    let (binary, settings) = (beside::built("ringmq")?, Vec::new());
    Ok(Plan { binary, directory, seed: SEED, lanes: vec![1, 2, 4], points: POINTS, settings, never_flushes: false })
}

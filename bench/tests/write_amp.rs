//! A short run of `bench prove write-amp`: the built broker on a loop device, beside the bare program.
//!
//! Needs root and loop devices, else it says `skipped:` with the reason. The broker is the one that was built beside this test: `cargo test
//! --workspace` builds it, as does `cargo build`.

#[path = "../../tests/process/harness.rs"]
mod harness;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::prove::write_amp::{Figures, LoopDisk, NoLoopDisk, Plan, measure};
use harness::{Outcome, Trial, Verdict};

const COUNT: u64 = 60;
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

fn main() -> ExitCode {
    harness::run(&[
        Trial { name: "harness_counts_what_happens", run: harness::counts_what_happens },
        Trial { name: "the_disk_does_a_bare_programs_work", run: the_disk_does_a_bare_programs_work },
    ])
}

fn the_disk_does_a_bare_programs_work() -> Verdict {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("write-amp-{}", std::process::id()));
    let plan = Plan { binary: binary()?, directory: directory.clone(), count: COUNT, segment_bytes: SEGMENT_BYTES };
    let disk = match LoopDisk::new(&directory, plan.disk_bytes()) {
        Ok(disk) => disk,
        Err(NoLoopDisk(why)) => return Ok(Outcome::Skipped(why)),
    };
    let figures = measure(&plan, &disk, &mut |_| {});
    drop(disk);
    // A leftover folder in the build directory harms nobody.
    let _leftover = std::fs::remove_dir_all(&directory);
    judge(&figures?)
}

fn judge(figures: &Figures) -> Verdict {
    let faults = figures.faults();
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    if figures.caught() {
        return Ok(Outcome::Passed);
    }
    Err(format!("a file that grows passes for one that is overwritten: {:?}", figures.controls))
}

/// The broker in the build directory that this test lies in.
fn binary() -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|error| format!("this test does not know where it is: {error}"))?;
    let built = here.parent().and_then(Path::parent).map(|folder| folder.join("ringmq"));
    built.filter(|path| path.is_file()).ok_or_else(|| "no broker beside this test: cargo build --bin ringmq".to_owned())
}

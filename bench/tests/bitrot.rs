//! A short run of `bench prove bitrot`: two stores of real brokers, some flips in every kind of file, and the controls.

// These files serve other tests as well, and no test uses all of them.
#[path = "shared/beside.rs"]
mod beside;
#[allow(dead_code)]
#[path = "../../tests/process/harness.rs"]
mod harness;

use std::path::Path;
use std::process::ExitCode;

use bench::prove::bitrot::{Figures, Part, Wrong, control, part};
use bench::prove::parts::Figures as _;
use harness::{Outcome, Trial, Verdict};

/// Flips of each store; the long run has twenty thousand.
const FLIPS: u32 = 150;
const SEED: u64 = 5;

fn main() -> ExitCode {
    harness::run(&[
        Trial { name: "harness_counts_what_happens", run: harness::counts_what_happens },
        Trial { name: "every_flip_is_reported_or_without_effect", run: every_flip_is_judged },
        Trial { name: "flips_that_hide_themselves_are_caught", run: hidden_flips_are_caught },
    ])
}

fn every_flip_is_judged() -> Verdict {
    let mut all = Figures::default();
    // One that was stopped and one that was killed; processes for the flips of one of them.
    for (number, samples) in [(0, 1), (1, 0)] {
        all.merge(&part(&Part { number, samples, ..stage("flips")? }, &mut |_| ())?);
    }
    println!("{all}");
    if Wrong::ALL.into_iter().any(|wrong| all.wrongs(wrong) > 0) { Err(all.verdict()) } else { Ok(Outcome::Passed) }
}

fn hidden_flips_are_caught() -> Verdict {
    println!("{}", control(&stage("control")?)?);
    Ok(Outcome::Passed)
}

fn stage(name: &str) -> Result<Part, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bitrot-{name}-{}", std::process::id()));
    let (binary, tool) = (beside::built("ringmq")?, beside::built("journal-tool")?);
    Ok(Part { binary, tool, directory, seed: SEED, number: 0, flips: FLIPS, samples: 0 })
}

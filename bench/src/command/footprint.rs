//! Starts and memory beside compared rounds: for `bench compare --footprint` and for the goal that needs them.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use bench::footprint::{self, Counts, Plan};
use bench::result::schema::Results;
use bench::targets::{RingMq, Target};

/// Measures the control, and the targets if that was caught; what was measured and what could not be is in `results`.
pub(super) fn measure(
    targets: &[Box<dyn Target>],
    rounds: u32,
    directory: &Path,
    counts: Counts,
    stop: &AtomicBool,
    results: &mut Results,
) -> Result<(), String> {
    eprintln!("starts and memory");
    let mut told = |text: &str| eprintln!("  {text}");
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let directory = directory.canonicalize().map_err(|error| format!("{}: {error}", directory.display()))?;
    told("the control: a broker that starts late and holds memory");
    match footprint::control(&RingMq::built()?, &directory) {
        Ok(caught) => told(&caught),
        Err(why) => {
            told(&why);
            results.skipped.push(("starts and memory".to_owned(), why));
            return Ok(());
        }
    }
    footprint::run(&Plan { targets, rounds, directory, counts }, &mut told, stop, results);
    Ok(())
}

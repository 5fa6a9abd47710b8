//! The goals of a queue that is long: one store is filled once, and all of them are judged by it.
//!
//! - `fill`: P13, memory for what waits
//! - `restart`: P16, kill -9 to the first durable ack
//! - `recover`: P15, a start that reads the whole journal, against the bandwidth of the same disk in the same rounds
//! - `depth`: P10, publishing with so much queued against publishing with nothing queued

mod depth;
mod fill;
mod recover;
mod restart;

use std::path::Path;

use super::figures::Told;
use super::launch::Launched;
use super::verdict::Verdict;
use crate::calibrate::read_files;
use crate::targets::{Place, RingMq, Target};

/// The goals that are judged here.
pub const GOALS: [&str; 4] = ["P10", "P13", "P15", "P16"];

/// What is measured.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The broker.
    pub target: &'a RingMq,
    /// An empty place for the store that is filled.
    pub place: Place,
    /// An empty place for the store that is not.
    pub bare: Place,
    /// Messages that wait.
    pub queued: u64,
    /// How often each is measured.
    pub rounds: u32,
}

/// Judges those of [`GOALS`] that are wanted; what went wrong with one of them does not end the others.
///
/// # Errors
///
/// The store cannot be filled.
pub fn judge(plan: &Plan<'_>, wanted: &dyn Fn(&str) -> bool, told: Told<'_>) -> Result<Vec<Judged>, String> {
    // Creates the store and its queue.
    plan.target.start(&plan.place)?.stop()?;
    let running = Launched::start(plan.target, &plan.place)?;
    let memory = fill::judge(plan, &running, told)?;
    let mut judged: Vec<Judged> = vec![("P13", memory)];
    let mut running = Some(running);
    if wanted("P16") {
        judged.push(("P16", restart::judge(plan, &mut running, told)));
    }
    if let Some(running) = running {
        running.kill()?;
    }
    if wanted("P15") {
        judged.push(("P15", recover::judge(plan, told)));
    }
    if wanted("P10") {
        judged.push(("P10", depth::judge(plan, told)));
    }
    judged.retain(|(id, _)| wanted(id));
    Ok(judged)
}

/// A goal and what came of it, or why it could not be measured.
pub type Judged = (&'static str, Result<Vec<Verdict>, String>);

/// Segments of the journal that are read for the bandwidth of the disk, in bytes a second: the very bytes that a start reads.
fn bandwidth(place: &Place) -> Result<f64, String> {
    let folder = place.directory.join("data/journal");
    let segments = files(&folder, |name| name.starts_with('j') && name.ends_with(".seg"))?;
    let (bytes, time) = read_files(&segments)?;
    Ok(bytes as f64 / time.as_secs_f64().max(1e-9))
}

/// The files of a folder with such names, in order.
fn files(folder: &Path, is_one: impl Fn(&str) -> bool) -> Result<Vec<std::path::PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<_> =
        paths.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&is_one)).collect();
    files.sort();
    Ok(files)
}

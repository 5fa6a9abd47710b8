//! A recording: one guest, one life of a store under load, and the record of its disk.

use std::path::{Path, PathBuf};

use super::guest::Guest;
use super::hold::DIARY;
use super::log::Log;
use super::work::{LabPlan, Work};
use crate::prove::kill9::broker::{Place, empty};
use crate::prove::power::disk::{formatted, write_image};
use crate::prove::random::Random;

/// Room for a record. The file has no more than what is in it.
const RECORD_BYTES: u64 = 4 << 30;
/// How a store makes its writes durable, in turn.
const SYNC: [&str; 2] = ["sync=dsync", NEEDS_FLUSHES];
const NEEDS_FLUSHES: &str = "sync=fdatasync";
/// Room for a store of one life, and for the file system itself.
pub(super) const DISK_BYTES: u64 = 64 << 20;

/// One life, seen from outside.
#[derive(Debug)]
pub(super) struct Recording {
    /// What the disk held before.
    pub(super) before: Vec<u8>,
    pub(super) log: Log,
    /// What the clients wrote down.
    pub(super) diary: String,
    /// The store's seed.
    pub(super) seed: u64,
    /// How a broker runs on it.
    pub(super) place: Place,
}

/// Runs a guest until its record is complete.
pub(super) fn record(plan: &LabPlan, number: u32, random: &mut Random) -> Result<Recording, String> {
    let (place, work) = begin(plan, number, plan.holds, random)?;
    let directory = &place.directory;
    let (disk, before) = new_disk(directory)?;
    let record = directory.join("record.img");
    let failed = |error: std::io::Error| format!("{}: {error}", record.display());
    std::fs::File::create(&record).and_then(|file| file.set_len(RECORD_BYTES)).map_err(failed)?;
    let mut guest = Guest::boot(&plan.lab, &plan.bench, directory, &work, &[&disk, &record])?;
    let finished = guest.finished();
    guest.kill()?;
    finished?;
    let log = Log::read(&record, DISK_BYTES)?;
    let diary = diary(directory)?;
    for image in [&disk, &record] {
        std::fs::remove_file(image).map_err(|error| format!("{}: {error}", image.display()))?;
    }
    if log.holds.len() != plan.holds as usize {
        return Err(format!("{} of {} holds are in the record", log.holds.len(), plan.holds));
    }
    Ok(Recording { before, log, diary, seed: work.seed, place })
}

/// A folder, and the work of its first guest.
pub(super) fn begin(plan: &LabPlan, number: u32, holds: u32, random: &mut Random) -> Result<(Place, Work), String> {
    let turn = usize::try_from(number).unwrap_or(0);
    let lanes = turn.checked_rem(plan.lanes.len()).and_then(|turn| plan.lanes.get(turn)).copied().unwrap_or(1);
    let sync = SYNC.get((turn / plan.lanes.len().max(1)) % SYNC.len()).copied().unwrap_or_default();
    // This disk takes writes that are durable by themselves, so that O_DSYNC needs no flush.
    let sync = if plan.unsafe_disk { NEEDS_FLUSHES } else { sync };
    let directory = plan.directory.join(format!("round-{number}"));
    let settings = vec![sync.to_owned()];
    empty(&directory)?;
    std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let place = Place { binary: plan.broker.clone(), directory, lanes, port: 0, settings: settings.clone() };
    let work = Work {
        broker: plan.broker.clone(),
        lanes,
        settings,
        seed: random.number(),
        choices: random.number(),
        modules: plan.lab.modules.clone(),
        holds,
        unsafe_disk: plan.unsafe_disk,
    };
    Ok((place, work))
}

/// A file system, and a page behind it for marks.
pub(super) const fn disk_bytes() -> u64 {
    DISK_BYTES + 4096
}

/// A file with a new file system, and what it holds.
pub(super) fn new_disk(directory: &Path) -> Result<(PathBuf, Vec<u8>), String> {
    let (path, bytes) = (directory.join("disk.img"), formatted(directory, DISK_BYTES)?);
    let file = write_image(&path, &bytes)?;
    file.set_len(disk_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((path, bytes))
}

/// What the clients of a folder's guests wrote down.
pub(super) fn diary(directory: &Path) -> Result<String, String> {
    let path = directory.join("window").join(DIARY);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

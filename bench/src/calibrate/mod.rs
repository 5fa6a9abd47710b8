//! The limits of a machine: what its disk, its loopback and one of its cores can do, whatever broker runs on them.
//!
//! Takes: a folder on the disk that is meant. Gives: a [`Calibration`], to stand beside every result. Must stay true: what cannot be had is
//! named with its reason, and never stands there as a number; nothing is left behind in the folder.
//!
//! - [`figures`]: what comes out; `table`: the same for people
//! - `disk`: direct reads and writes on a ring, `read`: of files that are there, `paced`: on a schedule, `two`: two writers at once, `work`: what the device is asked for
//! - `loopback`, `processor`, `facts`: the rest of the machine

mod disk;
mod facts;
pub mod figures;
mod loopback;
mod paced;
mod processor;
mod read;
mod table;
mod two;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use figures::Calibration;
use figures::{CurvePoint, Durable, Missing};
pub use paced::paced;
pub use read::read_files;

use disk::{Disk, Kind, Shape};
use runtime::Sync;

/// How long a share of the time is, of forty: about 20 s in all.
const SHARE: Duration = Duration::from_millis(480);
/// The same with `quick`: about 4 s in all.
const SHARE_QUICK: Duration = Duration::from_millis(80);
/// Bytes of the files that are overwritten.
const FILE_BYTES: u64 = 256 * 1024 * 1024;
const FILE_BYTES_QUICK: u64 = 64 * 1024 * 1024;
/// The block of a journal, and of the figures that have one size.
const BLOCK_BYTES: usize = 4096;
/// What bandwidth is measured with.
const LARGE_BYTES: usize = 1024 * 1024;
const LARGE_DEPTH: usize = 16;
/// The depth curve.
const CURVE_BYTES: [usize; 3] = [BLOCK_BYTES, 64 * 1024, LARGE_BYTES];
const CURVE_DEPTHS: [usize; 4] = [1, 4, 16, 32];

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// A folder on the disk that is measured. It is made if it is not there.
    pub directory: PathBuf,
    /// A fifth of the time: rougher figures.
    pub quick: bool,
}

impl Plan {
    fn share(&self) -> Duration {
        if self.quick { SHARE_QUICK } else { SHARE }
    }

    fn file_bytes(&self) -> u64 {
        if self.quick { FILE_BYTES_QUICK } else { FILE_BYTES }
    }
}

/// Measures everything, one after the other. `told` hears what comes next.
///
/// # Errors
///
/// Only a folder that cannot be used at all; what else cannot be had is in the result.
pub fn run(plan: &Plan, told: &mut dyn FnMut(&str)) -> Result<Calibration, String> {
    let directory = plan.directory.as_path();
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut found = Calibration {
        directory: directory.canonicalize().unwrap_or_else(|_| directory.to_owned()).display().to_string(),
        quick: plan.quick,
        ..Calibration::default()
    };
    let mut missing = Vec::new();
    found.device = noted(&mut missing, "device", facts::of(directory));
    on_disk(plan, told, &mut found, &mut missing);
    told("loopback");
    found.loopback = noted(&mut missing, "loopback", loopback::there_and_back(plan.share() * 2));
    let stream = loopback::one_way(plan.share() * 2);
    found.loopback_bytes_per_second = noted(&mut missing, "loopback stream", stream);
    told("copying and checksums on one core");
    found.copy_bytes_per_second = Some(processor::copy(plan.share()));
    found.crc32c_bytes_per_second = Some(processor::crc32c(plan.share()));
    found.missing = missing;
    Ok(found)
}

fn on_disk(plan: &Plan, told: &mut dyn FnMut(&str), found: &mut Calibration, missing: &mut Vec<Missing>) {
    let scratch = Scratch::new(&plan.directory);
    told("filling a file");
    let Some(mut disk) = noted(missing, "disk", Disk::open(&scratch.file(0), plan.file_bytes())) else { return };
    let share = plan.share();
    told("durable writes, one at a time");
    let one = |kind| Shape { kind, bytes: BLOCK_BYTES, depth: 1 };
    found.durable = durable(missing, "durable writes", disk.run(one(Kind::Write(Sync::Dsync)), share * 5));
    let fdatasync = disk.run(one(Kind::Write(Sync::Fdatasync)), share * 4);
    found.durable_fdatasync = durable(missing, "durable writes with fdatasync", fdatasync);
    told("durable writes, two writers");
    found.durable_two = noted(missing, "two writers", two::run(&scratch, plan.file_bytes() / 4, share * 4));
    told("durable writes by size and depth");
    for bytes in CURVE_BYTES {
        for depth in CURVE_DEPTHS {
            let run = disk.run(Shape { kind: Kind::Write(Sync::Dsync), bytes, depth }, share);
            let Some(run) = noted(missing, "durable writes by size and depth", run) else { continue };
            let per_second = run.per_second();
            let bytes_per_second = per_second * bytes as f64;
            let p50_us = run.latencies.percentile(0.5);
            found.curve.push(CurvePoint { bytes, depth, per_second, bytes_per_second, p50_us });
        }
    }
    told("bandwidth of writing and reading");
    let mut bandwidth = |what: &str, kind, missing: &mut Vec<Missing>| {
        let run = disk.run(Shape { kind, bytes: LARGE_BYTES, depth: LARGE_DEPTH }, share * 3);
        noted(missing, what, run).map(|run| run.per_second() * LARGE_BYTES as f64)
    };
    found.write_bytes_per_second = bandwidth("bandwidth of writing", Kind::Write(Sync::None), missing);
    found.read_bytes_per_second = bandwidth("bandwidth of reading", Kind::Read, missing);
    told("what the device is asked for");
    found.device_work = noted(missing, "work of the device", work::of(&plan.directory, &mut disk));
}

fn durable(missing: &mut Vec<Missing>, what: &str, run: Result<disk::Run, String>) -> Option<Durable> {
    noted(missing, what, run).map(|run| Durable { latency: run.latencies.summary(), per_second: run.per_second() })
}

/// The value, or a note of why there is none.
fn noted<T>(missing: &mut Vec<Missing>, what: &str, outcome: Result<T, String>) -> Option<T> {
    outcome.map_err(|why| missing.push(Missing { what: what.to_owned(), why })).ok()
}

/// The files of a calibration; they go when it ends.
struct Scratch(PathBuf);

impl Scratch {
    const FILES: usize = 3;

    fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    fn file(&self, number: usize) -> PathBuf {
        self.0.join(format!(".calibrate-{}-{number}", std::process::id()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for number in 0..Self::FILES {
            // Not all of them were made.
            let _absent = std::fs::remove_file(self.file(number));
        }
    }
}

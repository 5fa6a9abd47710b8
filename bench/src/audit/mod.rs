//! Does a target flush before it acks? An audit loads it, counts flushes beside acks, and only then may it carry a durability label.
//!
//! Takes a [`Target`] and a folder, gives an [`Audit`]. Two witnesses: `strace` sees each flush call with its file and its time; where a target
//! works through io_uring, whose operations `strace` does not see, the flush counter of a block device of its own counts instead. Must stay
//! true: what could not be counted is unknown, never durable.

mod device;
mod load;
mod note;
mod rule;
mod strace;

use std::path::{Path, PathBuf};

pub use load::Acks;
pub(crate) use load::Line;
pub use note::Notes;
pub use rule::{Counted, Verdict};

use crate::measure::identity;
use crate::prove::write_amp::{LoopDisk, NoLoopDisk};
use crate::targets::{Place, Running, Target};

/// Bytes of the disk that a target with io_uring gets: its store and what it prepares.
const DISK_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// The queue that is loaded.
const QUEUE: &str = "audit";

/// What to audit with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// A folder for the instance; it is emptied first.
    pub directory: PathBuf,
    /// Messages that are sent one at a time.
    pub single: u32,
    /// Messages that are sent with [`Plan::window`] of them unanswered.
    pub grouped: u32,
    /// Sends without an answer at a time, in the second load.
    pub window: u32,
    /// Settings of the target beside its own.
    pub settings: Vec<String>,
    /// For a control: the disk of its own is mounted so that it is never told to flush.
    pub lying_disk: bool,
}

impl Plan {
    /// The usual load, which takes seconds.
    pub fn below(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            single: 200,
            grouped: 1280,
            window: 64,
            settings: Vec::new(),
            lying_disk: false,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Who counted.
    pub witness: &'static str,
    /// What was counted under each load.
    pub loads: Vec<Counted>,
    /// What follows.
    pub verdict: Verdict,
}

/// Starts the target, loads it, counts and judges.
///
/// # Errors
///
/// It does not start or does not serve; what cannot be counted is a verdict and no error.
pub fn audit(target: &dyn Target, plan: &Plan, told: &mut dyn FnMut(&str)) -> Result<Audit, String> {
    empty(&plan.directory)?;
    told(&format!("starting {}", target.name()));
    let running = start(target, plan, &plan.directory)?;
    if uses_ring(&running) {
        running.stop()?;
        return on_own_disk(target, plan, told);
    }
    told("counting with strace");
    let counted = by_strace(target, plan, &running);
    running.stop()?;
    let (loads, witness) = match counted {
        Ok(loads) => (loads, "strace"),
        Err(Trouble::Witness(why)) => {
            return Ok(Audit { witness: "none", loads: Vec::new(), verdict: Verdict::Unknown(why) });
        }
        Err(Trouble::Target(error)) => return Err(error),
    };
    let verdict = rule::judge(&loads);
    Ok(Audit { witness, loads, verdict })
}

/// Why there are no figures.
enum Trouble {
    /// Nobody could count.
    Witness(String),
    /// The target did not serve.
    Target(String),
}

fn by_strace(target: &dyn Target, plan: &Plan, running: &Running) -> Result<Vec<Counted>, Trouble> {
    let store = running.store().canonicalize().map_err(|error| Trouble::Target(error.to_string()))?;
    let mut loads = Vec::new();
    for (messages, window) in [(plan.single, 1), (plan.grouped, plan.window)] {
        let log = plan.directory.join(format!("strace-{window}.log"));
        let strace = strace::Strace::attach(&running.pids(), &store, &log).map_err(Trouble::Witness)?;
        let acks = load::run(target, running.port(), QUEUE, messages, window).map_err(Trouble::Target)?;
        let flushes = strace.detach().map_err(Trouble::Witness)?;
        loads.push(rule::count(window, &acks, &flushes));
    }
    Ok(loads)
}

/// The target once more, with its store on a disk that nobody else writes to.
fn on_own_disk(target: &dyn Target, plan: &Plan, told: &mut dyn FnMut(&str)) -> Result<Audit, String> {
    told(
        "the target works through io_uring, which strace does not see: a disk of its own is made and its flushes are counted",
    );
    let make = if plan.lying_disk { LoopDisk::lying } else { LoopDisk::new };
    let disk = match make(&plan.directory, DISK_BYTES) {
        Ok(disk) => disk,
        Err(NoLoopDisk(why)) => {
            let why = format!("it works through io_uring, and there is no disk of its own to count flushes of: {why}");
            return Ok(Audit { witness: "none", loads: Vec::new(), verdict: Verdict::Unknown(why) });
        }
    };
    let running = start(target, plan, &disk.folder().join("target"))?;
    let loads = device::count(target, plan, &running, QUEUE);
    running.stop()?;
    drop(disk);
    let loads = loads?;
    let verdict = rule::judge(&loads);
    Ok(Audit { witness: "flush counter of a device of its own", loads, verdict })
}

fn start(target: &dyn Target, plan: &Plan, directory: &Path) -> Result<Running, String> {
    let place =
        Place { directory: directory.to_owned(), port: 0, queue: QUEUE.to_owned(), settings: plan.settings.clone() };
    target.start(&place)
}

/// Has it a ring of io_uring open?
fn uses_ring(running: &Running) -> bool {
    let all = running.pids().into_iter().flat_map(identity::tree).map(|process| process.pid);
    let mut files = all.flat_map(|pid| std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten());
    files.any(|file| std::fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().contains("[io_uring]")))
}

fn empty(directory: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    std::fs::create_dir_all(directory).map_err(failed)
}

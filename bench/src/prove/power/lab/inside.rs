//! The work of a guest: the broker on its disk, clients that load it, and holds.
//!
//! Runs as root in a guest and nowhere else: it loads modules and mounts. Ends when all holds are over; where the guest is to be killed, it
//! holds until that happens.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use super::hold::{Border, DIARY, HOLD, Mark, Marker, write_down};
use super::record::{DISK_BYTES, disk_bytes};
use super::work::Work;
use crate::prove::kill9::broker::{Broker, Place};
use crate::prove::kill9::drain::create_queues;
use crate::prove::kill9::load::{Load, SharedStore, Store};
use crate::prove::kill9::oracle::{Kind, Oracle};
use crate::prove::random::Random;

/// Where the guest has the broker's folder; the file system is in `data`.
const FOLDER: &str = "/run/lab";
const DISK: &str = "/dev/ubda";
const RECORD: &str = "/dev/ubdb";
/// The device between the file system and the disk.
const MAPPED: &str = "/dev/mapper/ringmq";
const NAME: &str = "ringmq";
/// From one hold to the next, in milliseconds. The clients load the broker meanwhile.
const RUN_MS: (u64, u64) = (5, 40);
/// A hold lasts so long: the broker does what it was asked.
const HOLD_MS: (u64, u64) = (10, 60);
/// A life that ends with a kill.
const LIFE_MS: (u64, u64) = (100, 1_000);
/// A guest waits so long to be killed.
const UNTIL_KILLED: Duration = Duration::from_secs(3_600);
const BEGUN_WITHIN: Duration = Duration::from_secs(120);
const UNMOUNTED_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Does the work that lies in the window.
pub fn inside(window: &Path) -> Result<(), String> {
    let work = Work::read(window)?;
    let device = device(&work)?;
    std::fs::create_dir_all(data()).map_err(|error| format!("{FOLDER}: {error}"))?;
    run("mount", &["-t", "ext4", "-o", "noatime", &device, &data().to_string_lossy()])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime of the clients cannot be built: {error}"))?;
    let set = LocalSet::new();
    set.block_on(&runtime, live(&set, &work, window, Path::new(&device)))?;
    unmount()?;
    run("dmsetup", &["remove", "--noudevsync", NAME])
}

/// The rings of a killed broker hold their files for a moment.
fn unmount() -> Result<(), String> {
    let begun = Instant::now();
    loop {
        match run("umount", &[&data().to_string_lossy()]) {
            Err(_) if begun.elapsed() < UNMOUNTED_WITHIN => std::thread::sleep(LOOK_EVERY),
            result => return result,
        }
    }
}

fn data() -> PathBuf {
    Path::new(FOLDER).join("data")
}

/// Makes the device that the file system is mounted from.
fn device(work: &Work) -> Result<String, String> {
    if work.is_recorded() {
        load(work, &["dm-mod", "dm-log-writes"])?;
        create(&format!("log-writes {DISK} {RECORD}"))?;
    } else if work.unsafe_disk {
        load(work, &["dm-mod", "dm-flakey"])?;
        create(&format!("linear {DISK} 0"))?;
    } else {
        return Ok(DISK.to_owned());
    }
    Ok(MAPPED.to_owned())
}

fn load(work: &Work, modules: &[&str]) -> Result<(), String> {
    for module in modules {
        let path = work.modules.join(format!("{module}.ko"));
        let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let loaded = nix::kmod::finit_module(&file, c"", nix::kmod::ModuleInitFlags::empty());
        loaded.map_err(|error| format!("{} cannot be loaded: {error}", path.display()))?;
    }
    Ok(())
}

/// The whole disk, mapped.
fn table(target: &str) -> String {
    format!("0 {} {target}", disk_bytes() / 512)
}

fn create(target: &str) -> Result<(), String> {
    run("dmsetup", &["create", NAME, "--noudevsync", "--table", &table(target)])?;
    run("dmsetup", &["mknodes"])
}

/// The control: what was answered is not on the disk. Either nothing is flushed any more, or no write arrives.
fn make_unsafe(work: &Work) -> Result<(), String> {
    if work.is_recorded() {
        return run("mount", &["-o", "remount,barrier=0", &data().to_string_lossy()]);
    }
    run("dmsetup", &["suspend", "--nolockfs", "--noudevsync", NAME])?;
    run("dmsetup", &["load", NAME, "--table", &table(&format!("flakey {DISK} 0 0 3600 1 drop_writes"))])?;
    run("dmsetup", &["resume", "--noudevsync", NAME])
}

async fn live(set: &LocalSet, work: &Work, window: &Path, device: &Path) -> Result<(), String> {
    let history = history(window)?;
    let first = history.is_none();
    let store = Store::with(work.seed, history.unwrap_or_default());
    store.oracle.borrow_mut().keep_diary();
    let settings = work.settings.clone();
    let place = Place { binary: work.broker.clone(), directory: FOLDER.into(), lanes: work.lanes, port: 0, settings };
    let mut broker = Broker::start(&place)?;
    store.oracle.borrow_mut().broker_started();
    if first {
        create_queues(broker.port).await.map_err(|error| format!("no queues: {error}"))?;
    }
    if work.unsafe_disk {
        make_unsafe(work)?;
    }
    let mut random = Random::new(work.choices);
    let mut load = Load::start(set, &store, broker.port, &mut random);
    match tokio::time::timeout(BEGUN_WITHIN, load.begun()).await {
        Ok(true) => {}
        Ok(false) => return Err(format!("a worker ended before the load had begun: {}", broker.end_of_log())),
        Err(_) => return Err(format!("no load within {BEGUN_WITHIN:?}: {}", broker.end_of_log())),
    }
    if work.is_recorded() {
        recorded(work, &store, window, device, &mut random).await?;
    } else {
        until_killed(&store, window, &mut random).await?;
    }
    if let Some(what) = broker.ended_early() {
        return Err(what);
    }
    broker.killed()?.into_iter().next().map_or(Ok(()), |line| Err(format!("in the log: {line}")))
}

async fn recorded(
    work: &Work,
    store: &SharedStore,
    window: &Path,
    device: &Path,
    random: &mut Random,
) -> Result<(), String> {
    let mut marker = Marker::open(device, DISK_BYTES)?;
    for number in 0..work.holds {
        tokio::time::sleep(Duration::from_millis(random.between(RUN_MS.0, RUN_MS.1))).await;
        // No worker runs from here to the end of the hold, while the broker does what it was asked: the sooner the mark, the more of that.
        marker.mark(Mark { number, border: Border::Begin })?;
        tell(store, window)?;
        std::thread::sleep(Duration::from_millis(random.between(HOLD_MS.0, HOLD_MS.1)));
        marker.mark(Mark { number, border: Border::End })?;
    }
    Ok(())
}

async fn until_killed(store: &SharedStore, window: &Path, random: &mut Random) -> Result<(), String> {
    tokio::time::sleep(Duration::from_millis(random.between(LIFE_MS.0, LIFE_MS.1))).await;
    tell(store, window)?;
    std::fs::write(window.join("open"), "").map_err(|error| format!("{}: {error}", window.display()))?;
    // No worker runs any more.
    std::thread::sleep(UNTIL_KILLED);
    Err("nobody killed this guest".to_owned())
}

/// Writes down what the clients know; what a diary does not tell of ends the work.
fn tell(store: &SharedStore, window: &Path) -> Result<(), String> {
    let findings = store.oracle.borrow().findings().only(&[Kind::Broker, Kind::Corrupt, Kind::Order]);
    if let Some(finding) = findings.texts().first() {
        return Err(format!("{}: {}", finding.kind.word(), finding.text));
    }
    let lines = store.oracle.borrow_mut().take_diary();
    write_down(window, &lines)
}

/// What the clients of earlier lives wrote down; nothing in the first one.
fn history(window: &Path) -> Result<Option<Oracle>, String> {
    let path = window.join(DIARY);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut oracle = Oracle::default();
    text.lines().filter(|line| *line != HOLD).try_for_each(|line| oracle.happens(line))?;
    Ok(Some(oracle))
}

fn run(program: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(words).output();
    let output = output.map_err(|error| format!("{program} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

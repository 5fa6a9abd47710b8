//! The measurement: for each way to make a write durable a store, and on it one load after the other.

use std::path::{Path, PathBuf};

use super::aligned::PAGE;
use super::bare::{self, Ground};
use super::blocks::{self, Block};
use super::broker::Broker;
use super::figures::{Figures, Round};
use super::load::{self, Load};
use super::loop_disk::LoopDisk;
use super::told;
use crate::measure::device::{Counters, Device};

/// How a store can make a write durable.
pub const SYNC_MODES: [&str; 2] = ["dsync", "fdatasync"];
/// A broker writes its index when a lane has grown by so much; that would be counted too.
const CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;
/// A control needs no more blocks than this.
const CONTROL_BLOCKS: usize = 50;

/// What to measure, with what.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The broker.
    pub binary: PathBuf,
    /// A folder for its log.
    pub directory: PathBuf,
    /// Messages of 1 KiB that are sent one at a time; the other loads follow from it.
    pub count: u64,
    /// Bytes of a journal segment. All loads together must fit one, since making the next one would be counted too.
    pub segment_bytes: u64,
}

impl Plan {
    /// Bytes that a disk needs for it.
    pub fn disk_bytes(&self) -> u64 {
        // Two lanes of three segments, the rest of the store, the bare file, and what the file system needs itself.
        8 * self.segment_bytes + 96 * 1024 * 1024
    }

    fn loads(&self) -> [Load; 5] {
        let load = |size, window, messages: u64| Load { size, window, messages: messages.max(1) };
        [
            load(1024, 1, self.count),
            load(10 * 1024, 1, self.count / 4),
            load(100 * 1024, 1, self.count / 10),
            load(1024, 64, self.count * 16),
            load(100 * 1024, 64, self.count / 5),
        ]
    }
}

/// Runs it on a disk of its own. `told` hears of each round.
pub fn measure(plan: &Plan, disk: &LoopDisk, told: &mut dyn FnMut(&Round)) -> Result<Figures, String> {
    let mut figures = Figures::default();
    for sync in SYNC_MODES {
        measure_store(plan, disk, sync, &mut figures, told).map_err(|error| format!("{sync}: {error}"))?;
    }
    Ok(figures)
}

fn measure_store(
    plan: &Plan,
    disk: &LoopDisk,
    sync: &'static str,
    figures: &mut Figures,
    told: &mut dyn FnMut(&Round),
) -> Result<(), String> {
    let device = Device::under(disk.folder())?;
    let data = disk.folder().join(sync);
    let log = plan.directory.join(format!("broker-{sync}.log"));
    let settings =
        [format!("sync={sync}"), "log-level=debug".to_owned(), format!("journal-file-size={}", plan.segment_bytes)];
    let broker = Broker::start(&plan.binary, &data, &log, &settings)?;
    blocks::wait_until_filled(&data)?;
    // The address and its queue are made before anything is counted.
    load::send(broker.port, Load { size: 1, window: 1, messages: 1 })?;
    for load in plan.loads() {
        let round = measure_load(plan, &device, &data, broker.port, sync, load)?;
        told(&round);
        figures.rounds.push(round);
    }
    let log = broker.stop()?;
    figures.groups += told::compare(&log, &blocks::read(&data)?)?;
    if let Some(round) = figures.rounds.iter().rfind(|round| round.sync == sync && round.window == 1) {
        figures.controls.push(control(&device, disk.folder(), round)?);
    }
    std::fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))
}

fn measure_load(
    plan: &Plan,
    device: &Device,
    data: &Path,
    port: u16,
    sync: &'static str,
    load: Load,
) -> Result<Round, String> {
    let before = blocks::at_rest(data)?;
    device.sync()?;
    let counted = device.still()?;
    let frame_bytes = load::send(port, load)?;
    let after = blocks::at_rest(data)?;
    let broker = device.still()?.since(&counted);
    let written = blocks::since(&before, &after);
    let most = plan.segment_bytes.min(CHECKPOINT_BYTES) - PAGE as u64;
    if written.iter().any(|block| block.lsn + block.bytes > most) {
        return Err(format!("{} messages are too many for segments of {} bytes", plan.count, plan.segment_bytes));
    }
    let (seals, groups): (Vec<Block>, Vec<Block>) = written.iter().partition(|block| block.is_seal());
    let path = data.with_extension("bare");
    let bare = |blocks: &[Block]| bare::write(device, &path, sync, Ground::Filled, &lens(blocks));
    Ok(Round {
        sync,
        size: load.size,
        window: load.window,
        messages: load.messages,
        frame_bytes,
        blocks: groups.len() as u64,
        seals: seals.len() as u64,
        broker,
        bare: bare(&groups)?,
        bare_seals: bare(&seals)?,
    })
}

/// A round in which a file that grows stands for the broker's.
fn control(device: &Device, folder: &Path, round: &Round) -> Result<Round, String> {
    let lens = vec![4096; CONTROL_BLOCKS];
    let path = folder.join("control");
    let bare = bare::write(device, &path, round.sync, Ground::Filled, &lens)?;
    let broker = bare::write(device, &path, round.sync, Ground::Growing, &lens)?;
    let count = lens.len() as u64;
    Ok(Round {
        messages: count,
        blocks: count,
        seals: 0,
        broker,
        bare,
        bare_seals: Counters::default(),
        ..round.clone()
    })
}

fn lens(blocks: &[Block]) -> Vec<u64> {
    blocks.iter().map(|block| block.bytes).collect()
}

//! How many lanes a new store gets, and how many cores run.

use std::path::Path;

use config::{Auto, Config};
use journal::{Geometry, StoreId, StoreShape, SyncMode};

use super::exit::Failed;
use crate::cli::Exit;
use crate::event;
use crate::limits;

/// Names change rarely: a small segment is made quickly when a store is created.
const BINDINGS_SEGMENT_BYTES: u64 = 1024 * 1024;
/// Most stores never hold a large body.
const BODY_SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// What the disk probe found out for a new store.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) sync: SyncMode,
    /// How many lanes pay on it.
    pub(super) lanes: u16,
    /// For the announcement.
    pub(super) text: String,
}

/// Measures the disk, unless everything it would decide is configured.
pub(super) fn probe_disk(config: &Config, journal: &Path, cpus: u16) -> Result<Disk, Failed> {
    let mode = |sync| match sync {
        runtime::Sync::Dsync => SyncMode::Dsync,
        _ => SyncMode::Fdatasync,
    };
    let report = runtime::disk_probe::measure(journal, std::time::Duration::from_millis(200)).map_err(|error| {
        Failed::because(&event::SV303, &format!("the disk under {} cannot be measured", journal.display()), &error)
    })?;
    let sync = match *config.sync {
        config::SyncMode::Auto => mode(report.recommended()),
        config::SyncMode::Dsync => SyncMode::Dsync,
        config::SyncMode::Fdatasync => SyncMode::Fdatasync,
    };
    let one = match sync {
        SyncMode::Dsync => report.dsync_1,
        SyncMode::Fdatasync => report.fdatasync_1,
    };
    // A disk without FUA flushes all of its cache for each write: two lanes then cost each other more than they gain.
    let lanes = if has_fua(journal) { cpus } else { 1 };
    let name = match sync {
        SyncMode::Dsync => "write with DSYNC",
        SyncMode::Fdatasync => "write and fdatasync",
    };
    let text = format!("{name} {} µs p50, {} µs p99", one.p50_microseconds, one.p99_microseconds);
    Ok(Disk { sync, lanes, text })
}

/// Does the disk under this directory take single writes through its cache? Unknown disks count as such that do not.
fn has_fua(directory: &Path) -> bool {
    let Ok(status) = nix::sys::stat::stat(directory) else { return false };
    let device = format!("{}:{}", nix::sys::stat::major(status.st_dev), nix::sys::stat::minor(status.st_dev));
    // A partition has no queue of its own; its disk stands one level up.
    ["queue/fua", "../queue/fua"].into_iter().any(|file| {
        let path = format!("/sys/dev/block/{device}/{file}");
        std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1")
    })
}

/// The shape of a new store.
pub(super) fn new_shape(config: &Config, disk: &Disk, store: StoreId) -> Result<StoreShape, Failed> {
    let lanes = match *config.journal_lanes {
        Auto::Auto => disk.lanes,
        Auto::Exactly(lanes) => lanes,
    };
    let lanes = lanes.clamp(1, u16::try_from(limits::LANES_MAX).unwrap_or(u16::MAX));
    let bytes = config.journal_file_size.bytes();
    let geometry = Geometry::new(bytes).map_err(|error| {
        Failed::because(&event::SV303, "journal-file-size cannot be used", &error)
            .with(Exit::DaemonConfigurationInvalid)
    })?;
    let smaller = |most: u64| Geometry::new(bytes.min(most)).unwrap_or(geometry);
    Ok(StoreShape {
        bindings_segments: smaller(BINDINGS_SEGMENT_BYTES),
        body_segments: smaller(BODY_SEGMENT_BYTES),
        ..StoreShape::uniform(store, lanes, geometry)
    })
}

/// How many data cores run: no more than there are lanes to own, or CPUs to run on.
pub(super) fn cores(config: &Config, lanes: u16, cpus: u16) -> u16 {
    let wanted = match *config.data_cores {
        Auto::Auto => cpus,
        Auto::Exactly(cores) => cores,
    };
    wanted.clamp(1, lanes.max(1))
}

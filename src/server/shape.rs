//! How many lanes a new store gets, how many cores run, and what each of them gets of what is there.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use config::{Auto, Config, Pinning};
use journal::{FlushTimes, Geometry, StoreId, StoreShape, SyncMode};
use runtime::pin::Cpu;

use super::exit::Failed;
use crate::cli::Exit;
use crate::event;
use crate::limits;

/// Names change rarely: a small segment is made quickly when a store is created.
const BINDINGS_SEGMENT_BYTES: u64 = 1024 * 1024;
/// Most stores never hold a large body.
const BODY_SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// Enough to choose between two ways of flushing.
const PROBE_TIME: Duration = Duration::from_millis(200);

/// What the disk probe found out for a new store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk {
    pub(super) sync: SyncMode,
    /// What one durable write costs in this mode.
    pub(super) flush: FlushTimes,
    /// How many lanes pay on it.
    pub(super) lanes: u16,
    /// How long the probe took.
    pub(super) took: Duration,
}

/// The way of flushing that somebody asked for.
pub(super) fn configured_sync(config: &Config) -> Option<SyncMode> {
    match *config.sync {
        config::SyncMode::Auto => None,
        config::SyncMode::Dsync => Some(SyncMode::Dsync),
        config::SyncMode::Fdatasync => Some(SyncMode::Fdatasync),
    }
}

/// Measures the disk: which way of flushing is faster, unless one is configured, and what it costs.
pub(super) fn probe_disk(config: &Config, journal: &Path, cpus: u16) -> Result<Disk, Failed> {
    let started = Instant::now();
    let report = runtime::disk_probe::measure(journal, PROBE_TIME).map_err(|error| {
        Failed::because(&event::SV303, &format!("the disk under {} cannot be measured", journal.display()), &error)
    })?;
    let sync = configured_sync(config).unwrap_or(match report.recommended() {
        runtime::Sync::Dsync => SyncMode::Dsync,
        _ => SyncMode::Fdatasync,
    });
    let cost = match sync {
        SyncMode::Dsync => report.dsync_1,
        SyncMode::Fdatasync => report.fdatasync_1,
    };
    let micros = |micros: u64| u32::try_from(micros).unwrap_or(u32::MAX);
    let flush =
        FlushTimes { p50_microseconds: micros(cost.p50_microseconds), p99_microseconds: micros(cost.p99_microseconds) };
    // A disk without FUA flushes all of its cache for each write: two lanes then cost each other more than they gain.
    let lanes = if has_fua(journal) { cpus } else { 1 };
    Ok(Disk { sync, flush, lanes, took: started.elapsed() })
}

/// Does the disk under this directory take single writes through its cache? Unknown disks count as such that do not.
fn has_fua(directory: &Path) -> bool {
    // A partition has no queue of its own; its disk stands one level up.
    device(directory).is_some_and(|device| {
        ["queue/fua", "../queue/fua"]
            .into_iter()
            .any(|file| std::fs::read_to_string(device.join(file)).is_ok_and(|text| text.trim() == "1"))
    })
}

/// Where the kernel describes the block device under a directory; `None` where there is none (a network, a memory file system).
pub(super) fn device(directory: &Path) -> Option<PathBuf> {
    let status = nix::sys::stat::stat(directory).ok()?;
    let (major, minor) = (nix::sys::stat::major(status.st_dev), nix::sys::stat::minor(status.st_dev));
    std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()
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

/// The processor that a core is bound to, if it is bound at all.
pub(super) fn processor(pinning: Pinning, core: u16, cores: u16, allowed: &[Cpu]) -> Option<Cpu> {
    let bound = match pinning {
        Pinning::Off => false,
        Pinning::On => true,
        // A single core gains little and would meet those of all other brokers on the first processor.
        Pinning::Auto => cores > 1 && usize::from(cores) <= allowed.len(),
    };
    let place = usize::from(core).checked_rem(allowed.len())?;
    allowed.get(place).copied().filter(|_| bound)
}

/// The part of the hot window that each core keeps: all of them together never keep more than is configured.
pub(super) fn hot_bytes(whole: u64, cores: u16) -> usize {
    let part = usize::try_from(whole / u64::from(cores.max(1))).unwrap_or(usize::MAX);
    // A window is a power of two and would be rounded up.
    part.checked_ilog2().map_or(0, |bits| 1 << bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_given_as_the_setting_says() {
        let allowed = [Cpu(2), Cpu(5)];
        let of = |pinning, cores| {
            (0..cores).map(|core| processor(pinning, core, cores, &allowed).map(|cpu| cpu.0)).collect::<Vec<_>>()
        };
        assert_eq!(of(Pinning::Off, 2), [None, None]);
        assert_eq!(of(Pinning::On, 1), [Some(2)]);
        assert_eq!(of(Pinning::On, 3), [Some(2), Some(5), Some(2)]);
        assert_eq!(of(Pinning::Auto, 1), [None]);
        assert_eq!(of(Pinning::Auto, 2), [Some(2), Some(5)]);
        assert_eq!(of(Pinning::Auto, 3), [None, None, None], "one processor would carry two cores");
        assert_eq!(processor(Pinning::On, 0, 1, &[]), None);
    }

    #[test]
    fn all_hot_windows_together_are_what_is_configured() {
        let mib = 1 << 20;
        for (whole, cores, each) in [(256 * mib, 1, 256 * mib), (256 * mib, 4, 64 * mib), (256 * mib, 3, 64 * mib)] {
            assert_eq!(hot_bytes(whole, cores) as u64, each, "{whole} over {cores}");
            assert!(u64::from(cores) * each <= whole);
        }
        assert_eq!(hot_bytes(0, 4), 0);
    }
}

//! What the device is asked for by one durable overwrite, by its own counters.

use std::path::Path;

use runtime::Sync;

use super::disk::{Disk, Kind, Shape};
use super::figures::DeviceWork;
use crate::measure::device::Device;

/// Rounds, of which the least counts: others who write there only add.
const ROUNDS: usize = 12;
/// Overwrites of a round: few, so that in some round nobody else writes.
const OVERWRITES: u64 = 16;

/// Measures it.
pub(super) fn of(directory: &Path, disk: &mut Disk) -> Result<DeviceWork, String> {
    let device = Device::under(directory)?;
    let shape = Shape { kind: Kind::Write(Sync::Dsync), bytes: super::BLOCK_BYTES, depth: 1 };
    let mut least: Option<DeviceWork> = None;
    for _ in 0..ROUNDS {
        let before = device.now()?;
        disk.run_count(shape, OVERWRITES)?;
        let counted = device.now()?.since(&before);
        let each = |count: u64| count as f64 / OVERWRITES as f64;
        let round =
            DeviceWork { writes: each(counted.writes), flushes: each(counted.flushes), bytes: each(counted.bytes()) };
        least = Some(least.map_or(round, |least| DeviceWork {
            writes: least.writes.min(round.writes),
            flushes: least.flushes.min(round.flushes),
            bytes: least.bytes.min(round.bytes),
        }));
    }
    least.ok_or_else(|| "no round was measured".to_owned())
}

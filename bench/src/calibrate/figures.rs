//! What a calibration finds; part of every result. All of it may be missing, and then [`Calibration::missing`] says why.

use serde::{Deserialize, Serialize};

use crate::measure::latency::Summary;

/// The limits of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The folder whose disk was measured.
    pub directory: String,
    /// Whether it took a fifth of the time.
    pub quick: bool,
    /// The block device under the folder.
    pub device: Option<Device>,
    /// D1: overwrites of 4 KiB (O_DIRECT, RWF_DSYNC), one at a time.
    pub durable: Option<Durable>,
    /// The same with a linked `fdatasync` instead.
    pub durable_fdatasync: Option<Durable>,
    /// D1x2: as D1, with two writers on two files at once; for each of them.
    pub durable_two: Option<Durable>,
    /// Durable overwrites by size and writes in flight.
    pub curve: Vec<CurvePoint>,
    /// Bw: writes of 1 MiB, 16 in flight, not flushed.
    pub write_bytes_per_second: Option<f64>,
    /// Br: reads of 1 MiB, 16 in flight.
    pub read_bytes_per_second: Option<f64>,
    /// L1: 1 KiB there and back over loopback.
    pub loopback: Option<Summary>,
    /// Ls: one stream over loopback.
    pub loopback_bytes_per_second: Option<f64>,
    /// Copying memory that is in no cache of a core, on one core.
    pub copy_bytes_per_second: Option<f64>,
    /// CRC-32C, on one core.
    pub crc32c_bytes_per_second: Option<f64>,
    /// A: what the device is asked for by one durable overwrite of 4 KiB.
    pub device_work: Option<DeviceWork>,
    /// What could not be had.
    pub missing: Vec<Missing>,
}

impl Calibration {
    /// The least time to a durable answer, in microseconds: one durable write and the way there and back.
    pub fn durable_answer_us(&self) -> Option<f64> {
        let better = |a: Option<f64>, b: Option<f64>| a.map_or(b, |a| Some(b.map_or(a, |b| a.min(b))));
        let p50 = |durable: &Option<Durable>| durable.as_ref().and_then(|durable| durable.latency.p50);
        Some(better(p50(&self.durable), p50(&self.durable_fdatasync))? + self.loopback?.p50?)
    }
}

/// A block device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Whether it has a cache that a power cut empties.
    pub volatile_cache: Option<bool>,
    /// Whether it can write past that cache (FUA); else each durable write is a write and a flush.
    pub fua: Option<bool>,
}

/// Durable writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Durable {
    /// How long one takes.
    pub latency: Summary,
    /// How many are done in a second.
    pub per_second: f64,
}

/// Durable writes of one size with so many in flight.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Bytes of each.
    pub bytes: usize,
    /// How many are in flight.
    pub depth: usize,
    /// How many are done in a second.
    pub per_second: f64,
    /// Their bytes.
    pub bytes_per_second: f64,
    /// The median of how long one takes.
    pub p50_us: Option<f64>,
}

/// What one durable overwrite asks of the device. The least of several rounds, since the counters are the device's and not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceWork {
    /// Write requests; whether a flush counts as one is the kernel's choice.
    pub writes: f64,
    /// Flush requests.
    pub flushes: f64,
    /// Bytes.
    pub bytes: f64,
}

/// Something that could not be measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What.
    pub what: String,
    /// Why, and what would help.
    pub why: String,
}

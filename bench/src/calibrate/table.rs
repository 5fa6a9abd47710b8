//! A calibration for people: each line says what was done, and what came out.

use std::fmt::{self, Display, Formatter};

use super::figures::{Calibration, CurvePoint, Device, DeviceWork, Durable};
use super::{CURVE_BYTES, CURVE_DEPTHS};

/// Where the values begin.
const WORDS: usize = 44;

impl Display for Calibration {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "the disk under {}", self.directory)?;
        if let Some(device) = &self.device {
            line(out, "  device", &device.to_string())?;
        }
        let durable = [
            ("  4 KiB made durable, one at a time (D1)", &self.durable),
            ("  the same with fdatasync", &self.durable_fdatasync),
            ("  with two writers at once, each (D1x2)", &self.durable_two),
        ];
        for (words, figures) in durable {
            if let Some(figures) = figures {
                line(out, words, &figures.to_string())?;
            }
        }
        if let Some(work) = &self.device_work {
            line(out, "  asked of the device for one of them (A)", &work.to_string())?;
        }
        curve(out, &self.curve)?;
        bytes(out, "  1 MiB written, 16 in flight, no flush (Bw)", self.write_bytes_per_second)?;
        bytes(out, "  1 MiB read, 16 in flight (Br)", self.read_bytes_per_second)?;
        writeln!(out, "this machine")?;
        if let Some(p50) = self.loopback.and_then(|loopback| loopback.p50) {
            line(out, "  1 KiB over loopback and back (L1)", &format!("p50 {p50:.1} us"))?;
        }
        bytes(out, "  one stream over loopback (Ls)", self.loopback_bytes_per_second)?;
        bytes(out, "  copying memory, one core", self.copy_bytes_per_second)?;
        bytes(out, "  CRC-32C, one core", self.crc32c_bytes_per_second)?;
        for missing in &self.missing {
            line(out, &format!("  not measured: {}", missing.what), &missing.why)?;
        }
        if let Some(least) = self.durable_answer_us() {
            writeln!(
                out,
                "No broker on this machine answers a durable message in less than {least:.0} us (half of them): that is one durable\n\
                 write and the way over loopback."
            )?;
        }
        Ok(())
    }
}

impl Display for Device {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let cache = match self.volatile_cache {
            Some(true) => "a power cut empties its cache",
            Some(false) => "nothing that it confirmed is lost in a power cut",
            None => "the kernel does not say whether a power cut empties its cache",
        };
        let fua = match self.fua {
            Some(true) => "writes past its cache (FUA)",
            Some(false) => "no FUA: a durable write is a write and a flush",
            None => "the kernel does not say whether it has FUA",
        };
        write!(out, "{}: {cache}; {fua}", self.name)
    }
}

impl Display for Durable {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let us = |value: Option<f64>| value.map_or_else(|| "(too few)".to_owned(), |us| format!("{us:.0} us"));
        let Self { latency, per_second } = self;
        write!(out, "p50 {}, p99 {}, {per_second:.0} a second", us(latency.p50), us(latency.p99))
    }
}

impl Display for DeviceWork {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{:.2} writes, {:.2} flushes, {:.0} bytes", self.writes, self.flushes, self.bytes)
    }
}

fn line(out: &mut Formatter<'_>, words: &str, value: &str) -> fmt::Result {
    writeln!(out, "{words:<WORDS$} {value}")
}

fn bytes(out: &mut Formatter<'_>, words: &str, per_second: Option<f64>) -> fmt::Result {
    per_second.map_or(Ok(()), |value| line(out, words, &format!("{:.2} GB/s", value / 1e9)))
}

fn curve(out: &mut Formatter<'_>, points: &[CurvePoint]) -> fmt::Result {
    if points.is_empty() {
        return Ok(());
    }
    let depths: String = CURVE_DEPTHS.iter().map(|depth| format!("{depth:>16}")).collect();
    line(out, "  durable writes a second, with in flight", &depths)?;
    for size in CURVE_BYTES {
        let cell = |depth: usize| {
            let point = points.iter().find(|point| point.bytes == size && point.depth == depth);
            let text = point.map(|point| format!("{:.0} ({:.0} MB/s)", point.per_second, point.bytes_per_second / 1e6));
            format!("{:>16}", text.unwrap_or_default())
        };
        let cells: String = CURVE_DEPTHS.into_iter().map(cell).collect();
        line(out, &format!("    {} KiB each", size >> 10), &cells)?;
    }
    Ok(())
}

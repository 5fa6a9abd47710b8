//! How a disk likes to be flushed: measured once, when a store is created.
//!
//! Takes: a directory. Gives: a [`Report`] that the caller keeps with the store. Must stay true: it
//! measures what the journal does (direct overwrites of a zero-filled file), and leaves nothing behind.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::buffer::AlignedBuffer;
use crate::clock::Moment;
use crate::driver::{Config, Driver, Event, FileId, Sync, Wait};
use crate::limits::BLOCK_ALIGNMENT;
use crate::segment_maker::{Order, make_now};

/// The file that is overwritten. Larger than a track cache, small enough to fill in milliseconds.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Each of the four measurements is cut into slices, taken in turn, so that a passing load hits all alike.
const ROUNDS: u32 = 2;

/// More samples than any disk gives in the time.
const SAMPLES_MAX: usize = 100_000;

/// What one way of flushing cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Durable writes a second.
    pub flushes_per_second: u64,
    /// Half took at most this many microseconds.
    pub p50_microseconds: u64,
    /// All but one in a hundred took at most this.
    pub p99_microseconds: u64,
}

/// What was measured, at one and at four writes in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// RWF_DSYNC, one at a time.
    pub dsync_1: Cost,
    /// RWF_DSYNC, four at a time.
    pub dsync_4: Cost,
    /// Write with linked fdatasync, one at a time.
    pub fdatasync_1: Cost,
    /// Write with linked fdatasync, four at a time.
    pub fdatasync_4: Cost,
}

impl Report {
    /// The mode to use. The journal keeps one group in flight while groups are small, so depth 1 decides;
    /// where that is within a tenth, depth 4 does, and where that is too, the cheaper one (RWF_DSYNC
    /// takes one entry and no worker thread).
    pub fn recommended(&self) -> Sync {
        let clearly = |a: Cost, b: Cost| a.flushes_per_second * 10 > b.flushes_per_second * 11;
        if clearly(self.fdatasync_1, self.dsync_1) {
            Sync::Fdatasync
        } else if clearly(self.dsync_1, self.fdatasync_1) {
            Sync::Dsync
        } else if clearly(self.fdatasync_4, self.dsync_4) {
            Sync::Fdatasync
        } else {
            Sync::Dsync
        }
    }
}

/// Measures the disk under `directory` for about `time` (200 ms are enough to choose).
pub fn measure(directory: &Path, time: Duration) -> io::Result<Report> {
    let name = format!(".disk-probe-{}", std::process::id());
    let path = directory.join(&name);
    let result = measure_in(directory, name, time);
    let _ = fs::remove_file(path);
    result
}

fn measure_in(directory: &Path, name: String, time: Duration) -> io::Result<Report> {
    let order =
        Order { token: 0, directory: directory.to_owned(), name, bytes: FILE_BYTES, header: Vec::new(), recycle: None };
    let file = make_now(&order)?;
    let config = Config {
        submission_entries: 32,
        completion_entries: 128,
        receive_buffers: 0,
        block_buffers: 0,
        sockets_max: 1,
        files_max: 1,
        file_operations_max: 8,
        ..Config::default()
    };
    let mut driver = Driver::open(config).map_err(io::Error::other)?;
    let file = driver.register_file(file)?;
    let ways = [(Sync::Dsync, 1), (Sync::Fdatasync, 1), (Sync::Dsync, 4), (Sync::Fdatasync, 4)];
    let mut samples: [Samples; 4] = Default::default();
    let slice = time / (ROUNDS * 4);
    for _ in 0..ROUNDS {
        for ((sync, depth), samples) in ways.iter().zip(samples.iter_mut()) {
            run(&mut driver, file, *sync, *depth, slice, samples)?;
        }
    }
    let [dsync_1, fdatasync_1, dsync_4, fdatasync_4] = samples.map(Samples::cost);
    Ok(Report { dsync_1, dsync_4, fdatasync_1, fdatasync_4 })
}

#[derive(Default)]
struct Samples {
    latencies: Vec<Duration>,
    elapsed: Duration,
    flushes: u64,
}

impl Samples {
    fn cost(mut self) -> Cost {
        self.latencies.sort_unstable();
        let percentile = |percent: usize| {
            let index = self.latencies.len().saturating_sub(1) * percent / 100;
            self.latencies.get(index).map_or(0, |latency| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX))
        };
        let microseconds = self.elapsed.as_micros().max(1);
        Cost {
            flushes_per_second: u64::try_from(u128::from(self.flushes) * 1_000_000 / microseconds).unwrap_or(u64::MAX),
            p50_microseconds: percentile(50),
            p99_microseconds: percentile(99),
        }
    }
}

/// Keeps `depth` writes in flight for `time`, and waits for the last.
fn run(
    driver: &mut Driver,
    file: FileId,
    sync: Sync,
    depth: u64,
    time: Duration,
    samples: &mut Samples,
) -> io::Result<()> {
    let begun = driver.now();
    let mut started: VecDeque<(u64, Moment)> = VecDeque::new();
    let mut next = 0;
    for _ in 0..depth {
        start(driver, file, sync, AlignedBuffer::new(BLOCK_ALIGNMENT), &mut next, &mut started)?;
    }
    while !started.is_empty() {
        driver.turn(Wait::Event(None))?;
        while let Some(event) = driver.next_event() {
            let Event::Written { token, buffer, result } = event else { continue };
            result.map_err(|error| io::Error::from(error.errno))?;
            let now = driver.now();
            if let Some(position) = started.iter().position(|(number, _)| *number == token)
                && let Some((_, since)) = started.remove(position)
            {
                samples.flushes += 1;
                if samples.latencies.len() < SAMPLES_MAX {
                    samples.latencies.push(now.since(since));
                }
            }
            if now.since(begun) < time {
                start(driver, file, sync, buffer, &mut next, &mut started)?;
            }
        }
    }
    samples.elapsed += driver.now().since(begun);
    Ok(())
}

fn start(
    driver: &mut Driver,
    file: FileId,
    sync: Sync,
    buffer: AlignedBuffer,
    next: &mut u64,
    started: &mut VecDeque<(u64, Moment)>,
) -> io::Result<()> {
    let block = BLOCK_ALIGNMENT as u64;
    let offset = *next * block % FILE_BYTES;
    started.push_back((*next, driver.now()));
    driver
        .write(file, offset, buffer, BLOCK_ALIGNMENT, sync, *next)
        .map_err(|refused| io::Error::other(refused.why.to_string()))?;
    *next += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(flushes_per_second: u64) -> Cost {
        Cost { flushes_per_second, p50_microseconds: 0, p99_microseconds: 0 }
    }

    #[test]
    fn depth_one_decides_then_depth_four_then_the_cheaper_one() {
        let cases = [
            ((1000, 1000), (2000, 500), Sync::Fdatasync),
            ((2000, 500), (1000, 2000), Sync::Dsync),
            ((1000, 1000), (1050, 2000), Sync::Fdatasync),
            ((1000, 1000), (1050, 1050), Sync::Dsync),
        ];
        for ((dsync_1, dsync_4), (fdatasync_1, fdatasync_4), expected) in cases {
            let report = Report {
                dsync_1: cost(dsync_1),
                dsync_4: cost(dsync_4),
                fdatasync_1: cost(fdatasync_1),
                fdatasync_4: cost(fdatasync_4),
            };
            assert_eq!(report.recommended(), expected, "{report:?}");
        }
    }
}

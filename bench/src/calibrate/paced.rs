//! Durable writes on a schedule: how long the disk itself takes at a given rate, from when each write was due.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use runtime::clock::Moment;
use runtime::{AlignedBuffer, Sync, Wait};

use super::disk::{Disk, Kind, Shape, finished, noise};
use super::{BLOCK_BYTES, FILE_BYTES_QUICK};
use crate::load::{Pace, Schedule};
use crate::measure::latency::Latencies;

/// Writes in flight at once: so many that none waits for another here.
const DEPTH: usize = 64;

/// Overwrites of 4 KiB, so many a second for a time, each durable in this way; a write that finds too many in flight waits, and its wait counts.
///
/// # Errors
///
/// A folder without direct writes, or a write that fails.
pub fn paced(directory: &Path, rate: f64, time: Duration, sync: Sync) -> Result<Latencies, String> {
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let path = directory.join(format!(".paced-{}", std::process::id()));
    let run = Disk::open(&path, FILE_BYTES_QUICK).and_then(|mut disk| disk.run_paced(rate, time, sync));
    // It was made here.
    let _absent = std::fs::remove_file(&path);
    run
}

impl Disk {
    fn run_paced(&mut self, rate: f64, time: Duration, sync: Sync) -> Result<Latencies, String> {
        let shape = Shape { kind: Kind::Write(sync), bytes: BLOCK_BYTES, depth: DEPTH };
        let mut free: Vec<AlignedBuffer> = (0..DEPTH).map(|_| noise(BLOCK_BYTES)).collect();
        let mut dues = [0; DEPTH];
        let mut places: Vec<usize> = (0..DEPTH).collect();
        let (mut waiting, mut latencies, mut number) = (VecDeque::new(), Latencies::default(), 0);
        let begun = self.driver.now().nanoseconds();
        let end = begun + u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let schedule = Schedule::new(Pace::Constant(rate), begun, 1);
        let mut schedule = schedule.ok_or_else(|| format!("{rate} a second is no rate"))?;
        loop {
            let now = self.driver.now().nanoseconds();
            while let Some(due) = schedule.take_due(now.min(end)) {
                waiting.push_back(due);
            }
            while let (Some(due), false) = (waiting.front().copied(), free.is_empty()) {
                let (Some(buffer), Some(place)) = (free.pop(), places.pop()) else { break };
                waiting.pop_front();
                if let Some(slot) = dues.get_mut(place) {
                    *slot = due;
                }
                self.start(shape, buffer, number, place as u64)?;
                number += 1;
            }
            let is_over = schedule.next_due() > end;
            if is_over && waiting.is_empty() && free.len() == DEPTH {
                return Ok(latencies);
            }
            let until = (!is_over).then(|| Moment::from_nanoseconds(schedule.next_due()));
            self.driver.turn(Wait::Event(until)).map_err(|error| format!("the ring is broken: {error}"))?;
            while let Some(event) = self.driver.next_event() {
                let (place, buffer) = finished(event, shape)?;
                let now = self.driver.now().nanoseconds();
                free.push(buffer);
                let Some(at) = usize::try_from(place).ok().filter(|at| *at < DEPTH) else { continue };
                places.push(at);
                latencies.record_ns(now.saturating_sub(dues.get(at).copied().unwrap_or(now)));
            }
        }
    }
}

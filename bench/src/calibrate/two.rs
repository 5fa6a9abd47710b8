//! Two writers at once, each with a file and a ring of its own: what a replica on the same disk costs.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use runtime::Sync;

use super::Scratch;
use super::disk::{Disk, Kind, Run, Shape};
use super::figures::Durable;
use crate::measure::latency::Latencies;

/// Measures it; the latencies are those of both, the rate is that of one.
pub(super) fn run(scratch: &Scratch, file_bytes: u64, time: Duration) -> Result<Durable, String> {
    let together = Barrier::new(2);
    let writer = |number: usize| -> Result<Run, String> {
        // A ring belongs to the thread that makes it.
        let disk = Disk::open(&scratch.file(number), file_bytes);
        together.wait();
        disk?.run(Shape { kind: Kind::Write(Sync::Dsync), bytes: super::BLOCK_BYTES, depth: 1 }, time)
    };
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(|| writer(1));
        let other = writer(2);
        (one.join().unwrap_or_else(|_| Err("a writer panicked".to_owned())), other)
    });
    let (one, other) = (one?, other?);
    let mut both = Latencies::default();
    both.add(&one.latencies)?;
    both.add(&other.latencies)?;
    Ok(Durable { latency: both.summary(), per_second: (one.per_second() + other.per_second()) / 2.0 })
}

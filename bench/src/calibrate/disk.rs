//! Direct reads and writes on a ring, so many in flight, for a time.
//!
//! Takes: a file that was filled before. Gives: how long each took, and how many there were. Must stay true: every write is an overwrite,
//! and one that is durable is counted when the device has confirmed it.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use runtime::clock::Moment;
use runtime::{AlignedBuffer, Config, Driver, Event, FileId, Sync, Wait};

use crate::floor::file::filled;
use crate::measure::latency::Latencies;

/// The most in flight.
const DEPTH_MAX: usize = 64;
/// A step of the generator that fills buffers with bytes that no device can compress (64-bit LCG of Knuth's MMIX).
const LCG: (u64, u64) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Read.
    Read,
    /// Overwrite, durable in this way.
    Write(Sync),
}

/// How it is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    /// Bytes of each.
    pub(super) bytes: usize,
    /// How many are in flight.
    pub(super) depth: usize,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) latencies: Latencies,
    pub(super) elapsed: Duration,
}

impl Run {
    /// How many were done in a second.
    pub(super) fn per_second(&self) -> f64 {
        self.latencies.count() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// A filled file on a ring.
pub(super) struct Disk {
    pub(super) driver: Driver,
    /// One behind the other: each with the place behind its last byte.
    files: Vec<(FileId, u64)>,
    bytes: u64,
}

impl Disk {
    /// Makes the file and fills it.
    pub(super) fn open(path: &Path, bytes: u64) -> Result<Self, String> {
        Self::of(vec![(filled(path, bytes, &mut |_| {})?, bytes)])
    }

    /// Of files that are there, each with the bytes of it that are used, for direct reads or overwrites.
    pub(super) fn of(files: Vec<(File, u64)>) -> Result<Self, String> {
        let config = Config {
            submission_entries: 128,
            completion_entries: 512,
            receive_buffers: 0,
            block_buffers: 0,
            sockets_max: 1,
            files_max: u32::try_from(files.len()).unwrap_or(u32::MAX),
            file_operations_max: 64,
            ..Config::default()
        };
        let mut driver = Driver::open(config).map_err(|error| error.to_string())?;
        let (mut registered, mut bytes) = (Vec::new(), 0);
        for (file, length) in files {
            let file = driver.register_file(file).map_err(|error| format!("a file cannot be registered: {error}"))?;
            bytes += length;
            registered.push((file, bytes));
        }
        Ok(Self { driver, files: registered, bytes })
    }

    /// Keeps `shape.depth` operations in flight until the time is over, from the file's beginning on and around.
    pub(super) fn run(&mut self, shape: Shape, time: Duration) -> Result<Run, String> {
        self.run_while(shape, |_, elapsed| elapsed < time)
    }

    /// The same for so many operations.
    pub(super) fn run_count(&mut self, shape: Shape, count: u64) -> Result<Run, String> {
        self.run_while(shape, |begun, _| begun < count)
    }

    fn run_while(&mut self, shape: Shape, more: impl Fn(u64, Duration) -> bool) -> Result<Run, String> {
        let mut latencies = Latencies::default();
        let begun = self.driver.now();
        let mut started = vec![begun; shape.depth.min(DEPTH_MAX)];
        let (mut next, mut flying) = (0, 0);
        for (place, since) in started.iter_mut().enumerate() {
            let buffer = if shape.kind == Kind::Read { AlignedBuffer::new(shape.bytes) } else { noise(shape.bytes) };
            self.start(shape, buffer, next, place as u64)?;
            *since = self.driver.now();
            (next, flying) = (next + 1, flying + 1);
        }
        while flying > 0 {
            self.driver.turn(Wait::Event(None)).map_err(|error| format!("the ring is broken: {error}"))?;
            while let Some(event) = self.driver.next_event() {
                let (place, buffer) = finished(event, shape)?;
                let now = self.driver.now();
                flying -= 1;
                let Some(since) = usize::try_from(place).ok().and_then(|at| started.get_mut(at)) else { continue };
                latencies.record(now.since(*since));
                if more(next, now.since(begun)) {
                    *since = now;
                    self.start(shape, buffer, next, place)?;
                    (next, flying) = (next + 1, flying + 1);
                }
            }
        }
        Ok(Run { latencies, elapsed: self.driver.now().since(begun) })
    }

    pub(super) fn start(&mut self, shape: Shape, buffer: AlignedBuffer, number: u64, place: u64) -> Result<(), String> {
        let (file, offset) = self.place(number * shape.bytes as u64 % self.bytes.max(1))?;
        let Shape { kind, bytes, .. } = shape;
        let taken = match kind {
            Kind::Read => self.driver.read(file, offset, buffer, bytes, place),
            Kind::Write(sync) => self.driver.write(file, offset, buffer, bytes, sync, place),
        };
        taken.map_err(|refused| format!("an operation was not taken: {}", refused.why))
    }

    /// Which file a place is in, and where in it.
    fn place(&self, at: u64) -> Result<(FileId, u64), String> {
        let mut from = 0;
        for (file, behind) in &self.files {
            if at < *behind {
                return Ok((*file, at - from));
            }
            from = *behind;
        }
        Err("there is nothing to read or write".to_owned())
    }
}

/// Which operation ended, with its buffer.
pub(super) fn finished(event: Event, shape: Shape) -> Result<(u64, AlignedBuffer), String> {
    match event {
        Event::Written { token, buffer, result } => {
            result.map(|()| (token, buffer)).map_err(|error| format!("a write failed: {error}"))
        }
        Event::Read { token, buffer, result } => match result {
            Ok(bytes) if bytes == shape.bytes => Ok((token, buffer)),
            Ok(bytes) => Err(format!("a read gave {bytes} of {} bytes", shape.bytes)),
            Err(error) => Err(format!("a read failed: {error}")),
        },
        other => Err(format!("the ring gave {other:?}")),
    }
}

/// Bytes without a pattern.
pub(super) fn noise(bytes: usize) -> AlignedBuffer {
    let mut buffer = AlignedBuffer::new(bytes);
    let mut state = bytes as u64;
    for chunk in buffer.chunks_exact_mut(size_of::<u64>()) {
        state = state.wrapping_mul(LCG.0).wrapping_add(LCG.1);
        chunk.copy_from_slice(&state.to_le_bytes());
    }
    buffer
}

/// The clock that all of it is measured with.
pub(super) fn now() -> Moment {
    runtime::Clock::monotonic().now()
}

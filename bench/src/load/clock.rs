//! One clock for all times of a load, and a timer on it that is not rounded to milliseconds.

use std::cell::RefCell;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio_uring::fs::File;

/// Nanoseconds of the monotonic clock.
pub(super) fn now() -> u64 {
    // The clock is there on every kernel that has a ring.
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).map_or(0, nanoseconds)
}

fn nanoseconds(time: TimeSpec) -> u64 {
    u64::try_from(Duration::from(time).as_nanos()).unwrap_or(u64::MAX)
}

/// Waits for absolute times, on the ring.
pub(super) struct Alarm {
    timer: TimerFd,
    /// The same timer, to be read.
    ticks: File,
    buffer: RefCell<Vec<u8>>,
}

/// What a timer gives when it is read: how often it went off.
const TICKS_BYTES: usize = 8;

impl Alarm {
    /// One that is not set.
    ///
    /// # Errors
    ///
    /// The kernel's word.
    pub(super) fn new() -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("no timer: {error}");
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC).map_err(|error| failed(&error))?;
        let ticks = timer.as_fd().try_clone_to_owned().map_err(|error| failed(&error))?;
        let ticks = File::from_std(std::fs::File::from(ticks));
        Ok(Self { timer, ticks, buffer: RefCell::new(Vec::with_capacity(TICKS_BYTES)) })
    }

    /// Waits until then. A time that is over is waited for no longer than the kernel takes to say so.
    ///
    /// # Errors
    ///
    /// The kernel's word.
    pub(super) async fn until(&self, time: u64) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| format!("the timer failed: {error}");
        let when = Expiration::OneShot(TimeSpec::from_duration(Duration::from_nanos(time)));
        self.timer.set(when, TimerSetTimeFlags::TFD_TIMER_ABSTIME).map_err(|error| failed(&error))?;
        let mut buffer = self.buffer.take();
        buffer.clear();
        let (read, buffer) = self.ticks.read_at(buffer, 0).await;
        self.buffer.replace(buffer);
        read.map(drop).map_err(|error| failed(&error))
    }
}

//! Time as a core sees it: nanoseconds of the monotonic clock.
//!
//! Owns: [`Moment`]. Takes: nothing. Gives: `now`. Must stay true: moments of one machine compare
//! across threads, since all read `CLOCK_MONOTONIC`; a simulator makes moments of its own.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, Instant};

/// A point in monotonic time, in nanoseconds since an origin that is fixed for the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The origin.
    pub const ZERO: Self = Self(0);

    /// The moment `nanoseconds` after the origin.
    pub const fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the origin.
    pub const fn nanoseconds(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanoseconds))
    }
}

impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// Reads the monotonic clock. Copies share one origin.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// The clock of this process. All clocks of a process agree.
    pub fn monotonic() -> Self {
        static ORIGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        Self { origin: *ORIGIN.get_or_init(Instant::now) }
    }

    /// What time it is. Served by the vDSO: no system call.
    pub fn now(&self) -> Moment {
        Moment::ZERO + self.origin.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_one_process_agree_and_never_run_backwards() {
        let (first, second) = (Clock::monotonic(), Clock::monotonic());
        let a = first.now();
        let b = second.now();
        let c = first.now();
        assert!(a <= b && b <= c);
    }

    #[test]
    fn a_moment_saturates_at_both_ends() {
        assert_eq!(Moment::ZERO.since(Moment::from_nanoseconds(5)), Duration::ZERO);
        assert_eq!((Moment::from_nanoseconds(u64::MAX) + Duration::from_secs(1)).nanoseconds(), u64::MAX);
    }
}

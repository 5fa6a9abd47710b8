//! Memory of processes that have nothing to do: looked at until it stays as it is.

use std::time::{Duration, Instant};

use super::process::Usage;

/// Memory that did not move for so long will not.
const QUIET: Duration = Duration::from_secs(2);
/// What moves for longer, such as a runtime that compiles or collects, is taken as it is then.
const QUIET_WITHIN: Duration = Duration::from_secs(60);
/// One part of so many is no movement.
const STILL: u64 = 1_024;

/// Bytes in memory of these processes and their children, once they stay as they are, or after a minute.
///
/// # Errors
///
/// A process that is not there.
pub fn resting(pids: &[u32]) -> Result<u64, String> {
    let begun = Instant::now();
    let mut last = Usage::of(pids)?.resident_bytes;
    loop {
        std::thread::sleep(QUIET);
        let now = Usage::of(pids)?.resident_bytes;
        if is_still(last, now) || begun.elapsed() > QUIET_WITHIN {
            return Ok(now);
        }
        last = now;
    }
}

fn is_still(last: u64, now: u64) -> bool {
    last.abs_diff(now) <= now / STILL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousandth_is_no_movement_and_more_is() {
        assert!(is_still(1 << 30, (1 << 30) + (1 << 20)));
        assert!(!is_still(1 << 30, (1 << 30) + (2 << 20)));
        assert!(!is_still(10 << 20, (10 << 20) + 16_384), "a small broker is looked at as closely");
    }
}

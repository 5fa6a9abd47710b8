//! How far a long walk is: one line on standard error that renews itself.
//!
//! Must stay true: nothing is shown in the first two seconds, or where standard error is no terminal and nobody asked.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// A walk that is faster than this needs no progress.
const SILENT: Duration = Duration::from_secs(2);
/// How often the line is renewed.
const EVERY: Duration = Duration::from_millis(500);

/// The line.
pub(crate) struct Progress {
    shown: bool,
    terminal: bool,
    asked: bool,
    next: Instant,
    started: Instant,
    done: u64,
    total: u64,
}

impl Progress {
    /// For `total` bytes to read.
    pub(crate) fn new(asked: bool, total: u64) -> Self {
        let started = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        // Whoever asks wants to see it, however short the walk.
        let next = if asked { started } else { started + SILENT };
        Self { shown: false, terminal, asked, next, started, done: 0, total }
    }

    /// So many bytes more were read.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if !(self.terminal || self.asked) {
            return;
        }
        let now = Instant::now();
        if now >= self.next {
            self.next = now + EVERY;
            let line = told(self.done, self.total, now.saturating_duration_since(self.started));
            let (begin, end) = if self.terminal { ("\x1b[K", "\r") } else { ("", "\n") };
            let _unread = write!(std::io::stderr(), "{begin}{line}{end}");
            self.shown = true;
        }
    }

    /// Wipes the line, so that the result stands alone.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) && self.terminal {
            let _unread = write!(std::io::stderr(), "\x1b[K");
        }
    }
}

/// `read 12 of 340 MiB (3 %), 6 MiB/s`.
fn told(done: u64, total: u64, elapsed: Duration) -> String {
    let mib = 1 << 20;
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    let rate = u128::from(done) * 1000 / elapsed.as_millis().max(1) / mib;
    format!("read {} of {} MiB ({} %), {rate} MiB/s", u128::from(done) / mib, u128::from(total) / mib, percent.min(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_and_how_fast() {
        let told = told(12 << 20, 340 << 20, Duration::from_secs(2));
        assert_eq!(told, "read 12 of 340 MiB (3 %), 6 MiB/s");
        assert_eq!(super::told(0, 0, Duration::ZERO), "read 0 of 0 MiB (0 %), 0 MiB/s");
    }
}

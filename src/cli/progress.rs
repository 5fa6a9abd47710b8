//! How far a long command is: one line on the terminal that renews itself.
//!
//! Must stay true: nothing is printed within the first two seconds, or where standard error is not a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// A command that is faster than this needs no progress.
const SILENT: Duration = Duration::from_secs(2);

/// The line.
#[derive(Debug)]
pub(super) struct Progress {
    verb: String,
    total: u64,
    started: Instant,
    terminal: bool,
    /// Whether there is a line to wipe.
    shown: bool,
}

impl Progress {
    pub(super) fn new(verb: &str, total: u64, started: Instant) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { verb: verb.to_owned(), total, started, terminal, shown: false }
    }

    /// Renews the line if it is time for one.
    pub(super) fn show(&mut self, now: Instant, done: u64) {
        if let Some(line) = self.line(now, done).filter(|_| self.terminal) {
            self.shown = true;
            // The terminal may go away; the work goes on.
            // The cursor goes back to the start, so that a line of a result, which wipes first, takes this one's place.
            let _unread = write!(std::io::stderr(), "\x1b[K{line}\r");
        }
    }

    /// Wipes the line, so that the result stands alone.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _unread = write!(std::io::stderr(), "\x1b[K");
        }
    }

    /// `1200 of 5000 messages sent, 400/s`; nothing in the first seconds.
    fn line(&self, now: Instant, done: u64) -> Option<String> {
        let elapsed = now.saturating_duration_since(self.started);
        if elapsed < SILENT {
            return None;
        }
        Some(format!("{done} of {} messages {}, {}/s", self.total, self.verb, rate(done, elapsed)))
    }
}

/// Messages in a second, rounded down; the count itself where no time has passed.
pub(super) fn rate(count: u64, elapsed: Duration) -> u128 {
    u128::from(count) * 1000 / elapsed.as_millis().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_first_then_a_line() {
        let started = Instant::now();
        let progress = Progress::new("sent", 5000, started);
        assert_eq!(progress.line(started + Duration::from_millis(1999), 7), None);
        let expected = Some("1200 of 5000 messages sent, 400/s".to_owned());
        assert_eq!(progress.line(started + Duration::from_secs(3), 1200), expected);
        assert_eq!(rate(5, Duration::ZERO), 5000);
    }
}

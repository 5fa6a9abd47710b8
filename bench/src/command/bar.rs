//! How far something is, on one line of the terminal; nothing where standard error is none.

use std::io::{IsTerminal, Write, stderr};

use bench::load::{Glimpse, Phase};

/// Places of the bar.
const PLACES: usize = 24;

/// A line that is written over again and again.
#[derive(Debug)]
pub(super) struct Bar {
    is_shown: bool,
    what: String,
    last: Option<(Phase, u32)>,
}

impl Bar {
    /// For this.
    pub(super) fn new(what: &str) -> Self {
        Self { is_shown: stderr().is_terminal(), what: what.to_owned(), last: None }
    }

    /// It is so far.
    pub(super) fn show(&mut self, glimpse: Glimpse) {
        let percent = (glimpse.share.clamp(0.0, 1.0) * 100.0) as u32;
        if !self.is_shown || self.last == Some((glimpse.phase, percent)) {
            return;
        }
        self.last = Some((glimpse.phase, percent));
        let phase = match glimpse.phase {
            Phase::Opening => "opening",
            Phase::WarmingUp => "warming up",
            Phase::Measuring => "measuring",
            Phase::Draining => "waiting for the last answers",
        };
        let full = PLACES * percent as usize / 100;
        let (full, rest) = ("=".repeat(full), " ".repeat(PLACES - full));
        // A terminal that is gone is no reason to stop.
        let _gone =
            write!(stderr(), "\r\x1b[K{} [{full}{rest}] {percent:>3} % {phase}, {} acked", self.what, glimpse.acked);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.last.is_some() {
            let _gone = write!(stderr(), "\r\x1b[K");
        }
    }
}

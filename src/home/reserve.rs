//! The reserve: when a next segment is missing, what is left of the lanes is for those who make room.
//!
//! Producers wait from the moment at which a lane writes into the last segment that it has; acknowledgements, commits and the broker's own
//! records go on. So a full disk can be emptied: what is consumed frees the oldest segments, and their files are used again.

use journal::BlockBuffer;

use super::Home;
use crate::mail::Letter;
use crate::message::CoreId;

impl<B: BlockBuffer> Home<B> {
    /// Must producers wait, since a lane of this home has no next segment?
    pub fn is_short(&self) -> bool {
        self.short
    }

    /// Notes whether segments are missing, and tells the other cores, whose sessions send to addresses here.
    pub(super) fn watch_reserve(&mut self) {
        let short = !self.lanes.have_next_segments();
        if std::mem::replace(&mut self.short, short) == short {
            return;
        }
        for core in (0..self.settings.cores).map(CoreId).filter(|core| *core != self.settings.core) {
            self.letters.push_back((core, Letter::Short(short)));
        }
    }
}

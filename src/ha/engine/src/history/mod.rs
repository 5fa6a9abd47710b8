//! The epochs that a copy has gone through: where each began on each lane, and where the copy ends. From two histories follows where two copies
//! part, which of them continues the other, and what a copy that joins must cut.
//!
//! Epochs are the same only if both of their numbers are (SR12). A history is taken from the lanes of a store at a start and grows with each
//! activation; it travels to the peer when two members meet.

mod chain_search;
mod join;
mod meeting;
mod relation;

use std::fmt;

use smallvec::SmallVec;

pub use chain_search::{ChainSearch, Found, Step};
pub use join::{Acked, Join, Refusal, acked_beyond, join};
pub use meeting::{Side, Verdict, meet};
pub use relation::{Common, Relation};

use crate::ids::{Chain, Epoch, Lsn};
use crate::limits::EPOCHS_MAX;
use crate::register::AckMode;
use crate::vector::Vector;

/// Why an epoch was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The store is new.
    First,
    /// The same holder starts again.
    Restart,
    /// A member of the in-sync set took over.
    Takeover,
    /// The other member left the in-sync set.
    Solo,
    /// A planned handover.
    Handover,
    /// The operator forced it.
    Forced,
    /// The shared store's lock was taken.
    Lock,
}

/// A position of a lane, and what it held before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The position.
    pub lsn: Lsn,
    /// The hash of everything before it.
    pub chain: Chain,
}

/// One epoch of a history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Which one.
    pub epoch: Epoch,
    /// Why it was started.
    pub reason: Reason,
    /// What its acks mean.
    pub ack_mode: AckMode,
    /// For each lane where its start block lies; `None` for a lane that has none, since a crash came between.
    pub starts: SmallVec<[Option<Place>; 4]>,
    /// Whether this copy holds anything of clients that the epoch wrote: more than start blocks and seals. `true` where nobody knows any more.
    pub written: bool,
}

impl Entry {
    fn start(&self, lane: usize) -> Option<Place> {
        self.starts.get(lane).copied().flatten()
    }
}

/// The epochs of a copy, oldest first, at most [`EPOCHS_MAX`], and where it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    entries: Vec<Entry>,
    end: SmallVec<[Place; 4]>,
}

impl History {
    /// A copy without anything, of so many lanes.
    #[must_use]
    pub fn empty(lanes: usize) -> Self {
        Self { entries: Vec::new(), end: SmallVec::from_elem(Place::default(), lanes) }
    }

    /// Takes up another epoch; the oldest one is forgotten beyond the bound.
    pub fn push(&mut self, entry: Entry) {
        if self.entries.len() >= EPOCHS_MAX {
            self.entries.remove(0);
        }
        self.entries.push(entry);
    }

    /// Something came behind the last start that may be of clients.
    pub(crate) fn set_written(&mut self) {
        if let Some(last) = self.entries.last_mut() {
            last.written = true;
        }
    }

    /// Moves the end.
    pub fn set_end(&mut self, end: impl IntoIterator<Item = Place>) {
        self.end = end.into_iter().collect();
    }

    /// The epochs, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The epoch in which the copy ends.
    #[must_use]
    pub fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// Where the copy ends.
    #[must_use]
    pub fn end(&self) -> Vector {
        Vector(self.end.iter().map(|place| place.lsn).collect())
    }

    /// What stands before the end of the `lane`th lane.
    #[must_use]
    pub fn end_place(&self, lane: usize) -> Place {
        self.end.get(lane).copied().unwrap_or_default()
    }

    /// Where the epoch at `index` ends on each lane: where the next one begins that has a start there, or where the copy ends.
    #[must_use]
    pub fn end_of(&self, index: usize) -> Vector {
        let later = self.entries.get(index + 1..).unwrap_or_default();
        let end = |lane| later.iter().find_map(|entry| entry.start(lane)).unwrap_or_else(|| self.end_place(lane)).lsn;
        Vector((0..self.end.len()).map(end).collect())
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.end.iter().all(|place| place.lsn == Lsn(0))
    }

    /// Whether it reaches back to the first epoch of its store, so that what it does not show never was.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.entries.first().is_none_or(|entry| entry.reason == Reason::First)
    }

    /// Whether any epoch behind the one at `index` wrote anything of clients; of all of them without an index.
    fn written_behind(&self, index: Option<usize>) -> Option<Epoch> {
        let from = index.map_or(0, |index| index + 1);
        self.entries.get(from..).unwrap_or_default().iter().find(|entry| entry.written).map(|entry| entry.epoch)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Restart => "restart",
            Self::Takeover => "takeover",
            Self::Solo => "solo",
            Self::Handover => "handover",
            Self::Forced => "forced",
            Self::Lock => "lock",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn an_epoch_ends_where_the_next_one_begins_on_each_lane() {
        let history =
            history(&[(1, &[Some(0), Some(0)]), (2, &[Some(10), None]), (3, &[Some(20), Some(15)])], &[30, 40]);
        assert_eq!(history.end_of(0), Vector::from_iter([10, 15]), "epoch 2 has no start on the second lane");
        assert_eq!(history.end_of(1), Vector::from_iter([20, 15]));
        assert_eq!(history.end_of(2), Vector::from_iter([30, 40]));
    }

    #[test]
    fn the_oldest_epoch_is_forgotten_and_the_history_says_so() {
        let mut history = History::empty(1);
        for number in 1..=EPOCHS_MAX as u64 {
            history.push(entry(number, &[Some(number)]));
        }
        assert!(history.is_whole());
        history.push(entry(100, &[Some(100)]));
        assert_eq!(history.entries().len(), EPOCHS_MAX);
        assert!(!history.is_whole());
    }
}

/// Short histories for tests. The chain of a position is a function of the position and of the epoch that wrote before it.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Epoch `number`, of which each activation has the same id; numbers above a thousand are other activations of the rest.
    pub(crate) fn epoch(number: u64) -> Epoch {
        Epoch { number: number % 1000, activation: u128::from(number) }
    }

    pub(crate) fn place(lsn: u64) -> Place {
        Place { lsn: Lsn(lsn), chain: Chain(u128::from(lsn) + 7) }
    }

    pub(crate) fn entry(number: u64, starts: &[Option<u64>]) -> Entry {
        let reason = if number == 1 { Reason::First } else { Reason::Restart };
        let starts = starts.iter().map(|start| start.map(place)).collect();
        Entry { epoch: epoch(number), reason, ack_mode: AckMode::Durable, starts, written: true }
    }

    pub(crate) fn history(epochs: &[(u64, &[Option<u64>])], end: &[u64]) -> History {
        let mut history = History::empty(end.len());
        for (number, starts) in epochs {
            history.push(entry(*number, starts));
        }
        history.set_end(end.iter().map(|lsn| place(*lsn)));
        history
    }
}

//! Where a lane goes on: what recovery found, or the very beginning.

use std::collections::VecDeque;

use crate::epoch::{AcceptedLoss, EpochEntry};
use crate::ids::{Chain, EpochId, LaneId, Lsn, SegmentSequence};

/// The end of a lane, and what the writer must know about what lies before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneTail {
    /// Which lane.
    pub lane: LaneId,
    /// Where the next block goes. Everything before it was valid and has been flushed.
    pub end: Lsn,
    /// The chain there.
    pub chain: Chain,
    /// Where the last block begins; `None` in an empty lane.
    pub last_block: Option<Lsn>,
    /// The epochs of the lane, oldest first, as far back as they are known.
    pub history: Vec<EpochEntry>,
    /// The oldest segment that is not free.
    pub first_kept: SegmentSequence,
    /// All segments from `first_kept` up to, but without, this one have a sound file.
    pub ready_to: SegmentSequence,
    /// The chain at the end of every kept segment that is full, oldest first.
    pub segment_ends: VecDeque<(SegmentSequence, Chain)>,
    /// Files of segments whose FREE record is there.
    pub leftovers: Vec<SegmentSequence>,
    /// What the operator gave up at this start.
    pub loss: Option<AcceptedLoss>,
}

impl LaneTail {
    /// The beginning of a lane that does not exist yet.
    #[must_use]
    pub const fn fresh(lane: LaneId) -> Self {
        Self {
            lane,
            end: Lsn::ZERO,
            chain: Chain(0),
            last_block: None,
            history: Vec::new(),
            first_kept: SegmentSequence(0),
            ready_to: SegmentSequence(0),
            segment_ends: VecDeque::new(),
            leftovers: Vec::new(),
            loss: None,
        }
    }

    /// The newest epoch of the lane.
    #[must_use]
    pub fn epoch(&self) -> Option<EpochId> {
        self.history.last().map(|entry| entry.epoch)
    }

    /// Where the writer of an epoch ended on this lane: the start of the next one that another life or another server wrote, or the lane's
    /// end. What a block of that epoch says about this lane is judged by this position and by nothing later (SR15, SR17). An epoch older than
    /// the history ended before the history's first start.
    #[must_use]
    pub fn epoch_end(&self, number: u64) -> Lsn {
        self.next_writer(number).map_or(self.end, |entry| entry.start)
    }

    /// The numbers of the epochs of the writer of this one, as far as the history tells.
    #[must_use]
    pub(crate) fn epochs_of_writer(&self, number: u64) -> std::ops::Range<u64> {
        let begun = self.history.iter().rev().find(|entry| entry.epoch.number <= number && !entry.continues);
        let first = begun.map_or(number, |entry| entry.epoch.number);
        first..self.next_writer(number).map_or(u64::MAX, |entry| entry.epoch.number)
    }

    fn next_writer(&self, number: u64) -> Option<&EpochEntry> {
        self.history.iter().find(|entry| entry.epoch.number > number && !entry.continues)
    }

    /// The epoch that wrote the block at this position.
    #[must_use]
    pub fn epoch_at(&self, lsn: Lsn) -> Option<EpochId> {
        self.history.iter().rev().find(|entry| entry.start <= lsn).map(|entry| entry.epoch)
    }
}

/// A position of a lane that an index checkpoint can name: a block border with no run open across it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneMark {
    /// Which lane.
    pub lane: LaneId,
    /// Where the last block before the position begins; the lane's chain is read there.
    pub block: Lsn,
    /// The position.
    pub end: Lsn,
    /// The chain there.
    pub chain: Chain,
    /// The oldest segment that was not free.
    pub first_kept: SegmentSequence,
    /// The lane's epochs up to there.
    pub history: Vec<EpochEntry>,
}

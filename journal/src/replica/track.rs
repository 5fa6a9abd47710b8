//! What a replica learns of a lane from the blocks that pass: epochs, freed segments, chains at the ends of segments. It is what a start would
//! read there, so that a replica that takes over need not read the lane again.

use std::collections::VecDeque;

use crate::block::{BlockFlags, BlockView};
use crate::epoch::{EpochEntry, EpochStartRecord, SegmentFreeRecord};
use crate::geometry::Geometry;
use crate::ids::{Chain, Lsn, SegmentSequence};
use crate::limits::EPOCH_HISTORY_MAX;
use crate::record::RecordKind;

/// What was learnt since a range began.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    /// `history` is all of it, and not only what came in this range.
    is_whole: bool,
    pub(super) history: Vec<EpochEntry>,
    /// What the newest record says about the oldest segment that is not free.
    pub(super) kept_from: Option<SegmentSequence>,
    pub(super) segment_ends: VecDeque<(SegmentSequence, Chain)>,
    /// Segments that go once the record that frees them, up to this position, is promised.
    pub(super) frees: VecDeque<(Lsn, SegmentSequence)>,
}

impl Track {
    /// Behind a lane of which this is known.
    pub(super) fn behind(history: Vec<EpochEntry>, segment_ends: VecDeque<(SegmentSequence, Chain)>) -> Self {
        Self { is_whole: true, history, kept_from: None, segment_ends, frees: VecDeque::new() }
    }

    /// Learns from the next block.
    pub(super) fn pass(&mut self, view: &BlockView<'_>, geometry: Geometry) {
        for fragment in view.fragments().filter(|fragment| fragment.header.first && fragment.header.last) {
            match fragment.header.kind {
                RecordKind::EPOCH_START => {
                    if let Some(record) = EpochStartRecord::decode(fragment.body) {
                        self.kept_from = Some(record.first_kept);
                        self.history.push(record.entry);
                    }
                }
                RecordKind::SEGMENT_FREE => {
                    if let Some(record) = SegmentFreeRecord::decode(fragment.body) {
                        self.kept_from = Some(record.sequence.next());
                        self.frees.push_back((fragment.end, record.sequence));
                        self.history = record.history;
                        self.is_whole = true;
                    }
                }
                _ => {}
            }
        }
        self.trim();
        let (segment, _) = geometry.place(view.header.lsn);
        if geometry.place(view.header.end()).0 > segment && !view.header.flags.contains(BlockFlags::PATCH) {
            self.segment_ends.push_back((segment, view.chain));
        }
    }

    /// What was learnt in this range and then in `later`, which begins where this one ends.
    pub(super) fn join(&mut self, later: Self) {
        if later.is_whole {
            self.history = later.history;
        } else {
            self.history.extend(later.history);
        }
        self.trim();
        self.kept_from = later.kept_from.or(self.kept_from);
        self.segment_ends.extend(later.segment_ends);
        self.frees.extend(later.frees);
    }

    /// Segments before `kept` are gone, and the chains at their ends are of no use.
    pub(super) fn forget_ends(&mut self, kept: SegmentSequence) {
        while self.segment_ends.front().is_some_and(|(segment, _)| *segment < kept) {
            self.segment_ends.pop_front();
        }
    }

    fn trim(&mut self) {
        let surplus = self.history.len().saturating_sub(EPOCH_HISTORY_MAX);
        self.history.drain(..surplus);
    }
}

//! Borders of a lane, read from its disk: positions between two blocks, with the chain there.
//!
//! Takes a lane and how far it is valid; gives the last border at or before a position, and the chain at a position. A question costs a walk
//! from the beginning of one segment, never more: a block never reaches over the end of its segment, so a border is known at each beginning.
//! What must stay true: every block on the way is sound and follows its predecessor; one that is not is told, and no border behind it given.

use std::fmt;

use crate::block::{BlockFlags, BlockView, Checks};
use crate::error::IoError;
use crate::geometry::Geometry;
use crate::ids::{Chain, LaneId, Lsn, SegmentSequence};
use crate::limits::WAYPOINTS_MAX;
use crate::patch::Patch;
use crate::recovery::{BlockWalk, Found};
use crate::storage::Storage;
use crate::store::{StoreLayout, StoreShape};

/// A position between two blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Border {
    /// Where: the end of a block, or the beginning of the lane.
    pub lsn: Lsn,
    /// The chain there: equal chains on two copies mean equal lanes up to there.
    pub chain: Chain,
    /// The number of the epoch of the block before.
    pub epoch: u64,
    /// What that block says was promised.
    pub promised: Lsn,
    /// Where that block begins; `None` at the beginning of the lane.
    pub last_block: Option<Lsn>,
}

/// Why a border cannot be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BorderError {
    /// The segment that holds this position has no file.
    Gone {
        /// Which lane.
        lane: LaneId,
        /// The position.
        at: Lsn,
    },
    /// The block that should begin there is damaged or not this lane's.
    Damaged {
        /// Which lane.
        lane: LaneId,
        /// Where the block begins.
        at: Lsn,
    },
    /// The disk could not be asked.
    Io(IoError),
}

impl From<IoError> for BorderError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for BorderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone { lane, at } => write!(f, "the segment at {at} of lane {lane} is not there"),
            Self::Damaged { lane, at } => write!(f, "the block at {at} of lane {lane} is damaged"),
            Self::Io(_) => f.write_str("a lane could not be read"),
        }
    }
}

impl std::error::Error for BorderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Gone { .. } | Self::Damaged { .. } => None,
        }
    }
}

/// Where a sequence of blocks ends: the border, and what the next block must name if it is a patch that ends there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainEnd {
    pub(crate) border: Border,
    bridge: Option<Chain>,
}

impl ChainEnd {
    /// Behind blocks of which no more is known than the border.
    pub(crate) const fn at(border: Border) -> Self {
        Self { border, bridge: None }
    }

    pub(crate) fn behind(view: &BlockView<'_>) -> Self {
        let is_patch = view.header.flags.contains(BlockFlags::PATCH);
        let patch = view.fragments().next().filter(|_| is_patch).and_then(|fragment| Patch::decode(fragment.body));
        let header = view.header;
        let border = Border {
            lsn: header.end(),
            chain: view.chain,
            epoch: header.epoch,
            promised: header.promised,
            last_block: Some(header.lsn),
        };
        Self { border, bridge: patch.map(|patch| patch.next) }
    }

    /// Whether this is the next block, by its chain, its epoch and its promise; position and CRC are checked by whoever made the view.
    pub(crate) fn is_followed_by(&self, view: &BlockView<'_>) -> bool {
        let follows = view.follows(self.border.chain) || self.bridge == Some(view.chain);
        follows && view.header.epoch >= self.border.epoch && view.header.promised >= self.border.promised
    }
}

/// Reads borders of one lane.
pub struct BorderReader<'a> {
    walk: BlockWalk<'a>,
    lane: LaneId,
    geometry: Geometry,
    end: Lsn,
    /// Of the segment that was read last, some borders in their order.
    segment: SegmentSequence,
    waypoints: Vec<ChainEnd>,
}

impl<'a> BorderReader<'a> {
    /// For a lane that is valid up to `end`, as a start found it or its writer knows it.
    pub fn new(
        storage: &'a mut dyn Storage,
        layout: &'a StoreLayout,
        shape: &StoreShape,
        lane: LaneId,
        end: Lsn,
    ) -> Self {
        let walk = BlockWalk::new(storage, layout, shape, lane, Checks::ALL);
        let geometry = shape.geometry(lane);
        Self { walk, lane, geometry, end, segment: SegmentSequence::default(), waypoints: Vec::new() }
    }

    /// The last border at or before `at`, and not behind the lane's end.
    ///
    /// # Errors
    /// When a block before it is not as it should be, or its segment is gone.
    pub fn at_or_before(&mut self, at: Lsn) -> Result<Border, BorderError> {
        let at = at.min(self.end);
        let (segment, _) = self.geometry.place(at);
        let start = self.geometry.start(segment);
        if at > start
            && let Some(border) = self.in_segment(segment, at)?
        {
            return Ok(border);
        }
        self.at_beginning(segment)
    }

    /// The chain at `at`, if a block ends there.
    ///
    /// # Errors
    /// As for [`Self::at_or_before`].
    pub fn chain_at(&mut self, at: Lsn) -> Result<Option<Chain>, BorderError> {
        if at > self.end {
            return Ok(None);
        }
        let (segment, _) = self.geometry.place(at);
        let border = if at == self.geometry.start(segment) {
            Some(self.at_beginning(segment)?)
        } else {
            self.in_segment(segment, at)?
        };
        Ok(border.filter(|border| border.lsn == at).map(|border| border.chain))
    }

    /// The border behind the first block of a segment that begins before the lane's end: one block is read for it.
    ///
    /// # Errors
    /// As for [`Self::at_or_before`].
    pub fn behind_first(&mut self, segment: SegmentSequence) -> Result<Border, BorderError> {
        let start = self.geometry.start(segment);
        match self.walk.block_at(start)? {
            Found::Block(view) => Ok(ChainEnd::behind(&view).border),
            found => Err(wrong(self.lane, start, found)),
        }
    }

    fn at_beginning(&mut self, segment: SegmentSequence) -> Result<Border, BorderError> {
        let at = self.geometry.start(segment);
        let Some(before) = segment.0.checked_sub(1) else { return Ok(Border::default()) };
        let border = self.in_segment(SegmentSequence(before), at)?;
        border.filter(|border| border.lsn == at).ok_or(BorderError::Damaged { lane: self.lane, at })
    }

    /// The last border at or before `limit` within a segment; `None` if its first block reaches beyond.
    fn in_segment(&mut self, segment: SegmentSequence, limit: Lsn) -> Result<Option<Border>, BorderError> {
        if self.segment != segment {
            self.segment = segment;
            self.waypoints.clear();
        }
        let every = self.geometry.payload_bytes() / WAYPOINTS_MAX;
        let mut passed = self.waypoints.iter().rev().find(|point| point.border.lsn <= limit).copied();
        let mut at = passed.map_or(self.geometry.start(segment), |point| point.border.lsn);
        while at < limit {
            let view = match self.walk.block_at(at)? {
                Found::Block(view) => view,
                found => return Err(wrong(self.lane, at, found)),
            };
            if view.header.end() > limit {
                break;
            }
            if passed.is_some_and(|point| !point.is_followed_by(&view))
                || view.header.flags.contains(BlockFlags::TERMINATOR)
            {
                return Err(BorderError::Damaged { lane: self.lane, at });
            }
            let point = ChainEnd::behind(&view);
            at = point.border.lsn;
            passed = Some(point);
            if self.waypoints.last().is_none_or(|last| at >= last.border.lsn.plus(every)) {
                self.waypoints.push(point);
            }
        }
        Ok(passed.map(|point| point.border))
    }
}

fn wrong(lane: LaneId, at: Lsn, found: Found<'_>) -> BorderError {
    match found {
        Found::NoFile => BorderError::Gone { lane, at },
        Found::Unreadable(error) => BorderError::Io(error),
        Found::Block(_) | Found::Not(_) => BorderError::Damaged { lane, at },
    }
}

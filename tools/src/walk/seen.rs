//! What a walk shows, and what it comes to.

use std::ops::ControlFlow;

use journal::{
    BlockView, EpochEntry, LaneId, Location, Lsn, RecordKind, Run, SegmentSequence, StoreLayout, StoreShape, Vector,
};

use crate::flaw::Flaw;

/// Something on the way.
pub(crate) enum Seen<'a> {
    Segment(&'a SegmentSeen),
    Block(&'a BlockView<'a>),
    Record(&'a RecordSeen<'a>),
    Flaw(&'a Flaw),
}

/// A segment file.
#[derive(Clone, Debug)]
pub(crate) struct SegmentSeen {
    pub(crate) lane: LaneId,
    pub(crate) sequence: SegmentSequence,
    pub(crate) first: Lsn,
    pub(crate) bytes: u64,
    pub(crate) sound: bool,
}

/// A record.
pub(crate) struct RecordSeen<'a> {
    pub(crate) lane: LaneId,
    pub(crate) location: Location,
    pub(crate) end: Lsn,
    pub(crate) epoch: u64,
    pub(crate) kind: RecordKind,
    pub(crate) run: Run,
    pub(crate) body: &'a [u8],
    /// Its fragments were all there.
    pub(crate) whole: bool,
}

/// What shows what it sees to somebody, who may have seen enough.
pub(crate) type Visit<'a> = dyn FnMut(Seen<'_>) -> ControlFlow<()> + 'a;

/// What a walk is told.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) lane: LaneId,
    pub(crate) layout: &'a StoreLayout,
    pub(crate) shape: &'a StoreShape,
    /// Somebody writes meanwhile: look twice before something is called missing.
    pub(crate) live: bool,
}

/// What a lane is, as far as it was walked.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneEnd {
    /// Behind the last sound block.
    pub(crate) end: Lsn,
    /// What the headers say was promised.
    pub(crate) promised: Lsn,
    /// What they say of each epoch.
    pub(crate) promised_in_epoch: Vec<(u64, Lsn)>,
    /// The epochs of the lane, as far as it tells.
    pub(crate) history: Vec<EpochEntry>,
    /// The newest epoch that begins in what was read: its number, and what it says that every lane had promised.
    pub(crate) started: Option<(u64, Vector)>,
    /// The number of the last block's epoch.
    pub(crate) epoch: u64,
    /// The oldest segment that the newest FREE or EPOCH_START keeps.
    pub(crate) kept_from: Option<SegmentSequence>,
    /// The oldest segment was freed while the lane was read: what is missing at its ends was perhaps only read too late.
    pub(crate) moved: bool,
    /// The first segment that has a file.
    pub(crate) first: Option<SegmentSequence>,
}

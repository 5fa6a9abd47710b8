//! Truncation: lanes are cut at a common point, so that the history of another copy can go on there.
//!
//! Takes what a start found and the vector of cuts; gives the lanes' new ends. A start cuts where blocks are invalid; this is the one place
//! that cuts valid ones. What must stay true: whatever the power leaves, a start finds each lane with its old end or cut, and doing it again
//! finishes it; what lay behind a cut is neither data nor evidence ever after.
//!
//! # Why in this order
//!
//! 1. *The clean stop is forgotten* as far as it lies behind the cuts, and the index checkpoints are deleted. A start goes by both: a
//!    checkpoint names blocks behind the cut, which still lie there whole, and it would go on behind them.
//! 2. *Lane j00 is cut first.* Its newest epoch start says what all lanes had promised. (1) A deposed server had started epoch 6 alone, with
//!    b00 at 900; (2) both lanes are to be cut at the end of epoch 5, b00 at 800, and b00 is cut first; (3) the power fails; (4) the start
//!    reads in j00 that 900 was promised on b00, and calls it corrupt. An epoch start that is kept names no more than its own lanes' kept
//!    parts: it was promised when the common epoch began.
//! 3. *A TERMINATOR stands at the cut, flushed, before anything behind it changes.* A scan that meets one does not look behind it, so what is
//!    half erased is no hole with evidence. It changes only the first sector of the page (see [`seal_over`]): a torn write leaves the old
//!    block or the TERMINATOR, never a damaged place below a promise.
//! 4. *What lies behind is erased, and that is flushed, before a new block is written over the TERMINATOR.* The chain keeps old blocks out
//!    of the new history, but evidence is judged by its epoch's number alone: two copies may both have begun an epoch 6, and blocks of the
//!    cut one behind a hole of the other would have a start wait for what never was. Later segments are deleted, not kept as spares: a
//!    file that is used again under its old position would bring them back.

use std::fmt;

use crate::block::{BLOCK_MAGIC, BlockFlags, BlockHeader, BlockView, Checks, seal_over};
use crate::border::{Border, BorderError, BorderReader};
use crate::buffer::AlignedBuffer;
use crate::epoch::{EpochStartRecord, SegmentFreeRecord};
use crate::error::{EIO, IoError};
use crate::ids::{LaneId, Lsn, SegmentSequence};
use crate::lane::LaneTail;
use crate::limits::{BLOCK_BYTES_MAX, PAGE_BYTES};
use crate::record::RecordKind;
use crate::recovery::{BlockWalk, Found, Recovered, RecoveryError, delete_checkpoints, scan_again};
use crate::segment_files::segments_of;
use crate::storage::{Access, FileHandle, Storage};
use crate::store::{HaStateError, HaStateFile, StoreLayout, StoreShape};
use crate::vector::Vector;

/// Why lanes are not cut. Nothing was changed unless the disk failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TruncateError {
    /// No block of the lane ends there, or the lane ends before.
    NoBorder {
        /// Which lane.
        lane: LaneId,
        /// Where it was to be cut.
        at: Lsn,
        /// The last border before.
        border: Lsn,
    },
    /// What would be cut was promised, as this store's own blocks say.
    Promised {
        /// Which lane.
        lane: LaneId,
        /// Where it was to be cut.
        at: Lsn,
        /// Up to where it was promised.
        promised: Lsn,
    },
    /// The record by which the oldest segments are free would be cut off, and their files are gone: such a lane can only be copied anew.
    BeginningGone {
        /// Which lane.
        lane: LaneId,
        /// Where it was to be cut.
        at: Lsn,
    },
    /// The lane could not be read before the cut.
    Border(BorderError),
    /// A lane could not be read after it was cut.
    Recovery(RecoveryError),
    /// The state of the instance could not be written.
    HaState(HaStateError),
    /// The disk said no. Some lanes may be cut.
    Io(IoError),
}

impl From<IoError> for TruncateError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for TruncateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBorder { lane, at, border } => {
                write!(f, "lane {lane} cannot be cut at {at}: the last block before ends at {border}")
            }
            Self::Promised { lane, at, promised } => {
                write!(f, "lane {lane} is not cut at {at}: everything up to {promised} was promised to clients")
            }
            Self::BeginningGone { lane, at } => {
                write!(f, "lane {lane} cannot be cut at {at}: it would not say any more that its beginning is free")
            }
            Self::Border(_) | Self::Recovery(_) => f.write_str("a lane could not be read"),
            Self::HaState(_) => f.write_str("the state of the instance could not be written"),
            Self::Io(_) => f.write_str("a lane could not be cut"),
        }
    }
}

impl std::error::Error for TruncateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Border(error) => Some(error),
            Self::Recovery(error) => Some(error),
            Self::HaState(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::NoBorder { .. } | Self::Promised { .. } | Self::BeginningGone { .. } => None,
        }
    }
}

/// What a truncation takes care of. Everything, except in the controls that prove that each is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TruncateSteps {
    /// Checkpoints and the clean stop are forgotten first.
    pub forget: bool,
    /// Lane j00 is cut first.
    pub journal_first: bool,
    /// The TERMINATOR is written.
    pub terminator: bool,
    /// It leaves the rest of its page alone.
    pub one_sector: bool,
    /// It is flushed before anything behind it changes.
    pub flush: bool,
    /// What lies behind is erased.
    pub erase: bool,
}

impl TruncateSteps {
    /// What every truncation does.
    pub const ALL: Self =
        Self { forget: true, journal_first: true, terminator: true, one_sector: true, flush: true, erase: true };
}

/// What may be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayCut {
    /// Only what was not promised, as far as this store knows.
    Unpromised,
    /// What was promised too: what `replica-ack=local` states as its loss, and what an operator gave up. It is lost here unless a snapshot
    /// keeps it.
    Promised,
    /// Anything: the copy is not finished, as `ha.state` says, and what is cut off is copied again.
    Unfinished,
}

/// Where the lanes are cut.
#[derive(Clone, Debug)]
pub struct TruncateOrder<'a> {
    /// For each lane the end of what is kept, a border between blocks. A lane that is not named is left alone. A lane whose cut is its end
    /// loses nothing, and what an interrupted truncation left behind it is erased.
    pub cuts: &'a Vector,
    /// What may be cut off.
    pub may_cut: MayCut,
    /// Everything, except in the controls of the tests.
    pub steps: TruncateSteps,
}

/// Cuts the lanes. Gives the new tails of those that are named, on which lanes are opened.
///
/// `recovered` is what a start found in these lanes; nothing was appended since. To be done before every join, even where nothing is to
/// be cut: it finishes what a crash interrupted.
///
/// # Errors
/// When a lane cannot be cut there; nothing was changed then. When the disk fails: then a start finds each lane whole or cut.
pub fn truncate(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    state: &mut HaStateFile,
    recovered: &Recovered,
    order: &TruncateOrder<'_>,
) -> Result<Vec<LaneTail>, TruncateError> {
    let mut borders = Vec::new();
    for lane in shape.data_lanes() {
        if let Some(at) = order.cuts.get(lane) {
            borders.push((lane, border_of(storage, layout, shape, recovered, (lane, at), order.may_cut)?));
        }
    }
    if order.may_cut != MayCut::Unfinished {
        hold_to_epoch_start(storage, layout, shape, recovered, order.cuts)?;
    }
    if order.steps.forget {
        forget_clean_stop(storage, state, order.cuts)?;
        delete_checkpoints(storage, layout)?;
    }
    borders.sort_by_key(|(lane, _)| order.steps.journal_first && *lane != LaneId::JOURNAL);
    for (lane, border) in &borders {
        cut(storage, layout, shape, *lane, border, order.steps)?;
    }
    borders.sort_by_key(|(lane, _)| *lane);
    let mut tails = Vec::new();
    for (lane, border) in borders {
        let whole = recovered.lane(lane).filter(|found| found.tail.end == border.lsn).map(|found| found.tail.clone());
        tails.push(match whole {
            Some(tail) => LaneTail { ready_to: ready_to(storage, layout, shape, lane, border.lsn)?, ..tail },
            None => {
                let tail = scan_again(storage, layout, shape, lane).map_err(TruncateError::Recovery)?;
                let damaged = TruncateError::Border(BorderError::Damaged { lane, at: tail.end });
                Some(tail).filter(|tail| tail.end == border.lsn).ok_or(damaged)?
            }
        });
    }
    Ok(tails)
}

/// The border at which a lane is to be cut, if it may be.
fn border_of(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    recovered: &Recovered,
    (lane, at): (LaneId, Lsn),
    may_cut: MayCut,
) -> Result<Border, TruncateError> {
    let Some(found) = recovered.lane(lane) else {
        return Err(TruncateError::NoBorder { lane, at, border: Lsn::ZERO });
    };
    let promised = recovered.known_promised(lane);
    if at < promised && may_cut == MayCut::Unpromised {
        return Err(TruncateError::Promised { lane, at, promised });
    }
    let border = if at == found.tail.end {
        let LaneTail { end, chain, last_block, .. } = found.tail;
        let epoch = found.tail.epoch().map_or(0, |epoch| epoch.number);
        Border { lsn: end, chain, epoch, promised: promised.min(end), last_block }
    } else {
        let mut reader = BorderReader::new(storage, layout, shape, lane, found.tail.end);
        reader.at_or_before(at).map_err(TruncateError::Border)?
    };
    if border.lsn != at {
        return Err(TruncateError::NoBorder { lane, at, border: border.lsn });
    }
    let first = segments_of(storage, layout, lane)?.first().copied().unwrap_or_default();
    if at < found.tail.end && first > SegmentSequence::default() && may_cut != MayCut::Unfinished {
        let from = shape.geometry(lane).start(first);
        if from >= at || kept_from(storage, layout, shape, lane, (from, at))? < first {
            return Err(TruncateError::BeginningGone { lane, at });
        }
    }
    Ok(border)
}

/// The newest epoch start that lane j00 keeps says what all lanes had promised then; every start holds them to it.
fn hold_to_epoch_start(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    recovered: &Recovered,
    cuts: &Vector,
) -> Result<(), TruncateError> {
    let journal = LaneId::JOURNAL;
    let Some(found) = recovered.lane(journal) else { return Ok(()) };
    let kept_to = cuts.get(journal).unwrap_or(found.tail.end);
    let Some(entry) = found.tail.history.iter().rev().find(|entry| entry.start < kept_to) else { return Ok(()) };
    let mut walk = BlockWalk::for_single(storage, layout, shape, journal, Checks::ALL);
    let Found::Block(view) = walk.block_at(entry.start)? else { return Ok(()) };
    let record = view.fragments().next().and_then(|fragment| EpochStartRecord::decode(fragment.body));
    let vector = record.map(|record| record.start.vector).unwrap_or_default();
    for (lane, at) in cuts.iter() {
        if let Some(promised) = vector.get(lane).filter(|promised| *promised > at) {
            return Err(TruncateError::Promised { lane, at, promised });
        }
    }
    Ok(())
}

/// What the kept part of a lane says about its oldest segment.
fn kept_from(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
    (from, to): (Lsn, Lsn),
) -> Result<SegmentSequence, TruncateError> {
    let mut walk = BlockWalk::new(storage, layout, shape, lane, Checks::ALL);
    let (mut at, mut kept) = (from, SegmentSequence::default());
    walk.expect(Some(from..to));
    while at < to {
        let Found::Block(view) = walk.block_at(at)? else {
            return Err(TruncateError::Border(BorderError::Damaged { lane, at }));
        };
        for fragment in view.fragments().filter(|fragment| fragment.header.first && fragment.header.last) {
            let said = match fragment.header.kind {
                RecordKind::EPOCH_START => EpochStartRecord::decode(fragment.body).map(|record| record.first_kept),
                RecordKind::SEGMENT_FREE => {
                    SegmentFreeRecord::decode(fragment.body).map(|record| record.sequence.next())
                }
                _ => None,
            };
            kept = said.unwrap_or(kept);
        }
        at = view.header.end();
    }
    Ok(kept)
}

/// A start would hold the lanes to it.
fn forget_clean_stop(storage: &mut dyn Storage, state: &mut HaStateFile, cuts: &Vector) -> Result<(), TruncateError> {
    let stopped = &state.state().clean_stop;
    let lowered = stopped.iter().map(|(lane, lsn)| (lane, cuts.get(lane).map_or(lsn, |cut| cut.min(lsn)))).collect();
    if *stopped != lowered {
        state.update(storage, |state| state.clean_stop = lowered).map_err(TruncateError::HaState)?;
    }
    Ok(())
}

fn cut(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
    border: &Border,
    steps: TruncateSteps,
) -> Result<(), IoError> {
    let geometry = shape.geometry(lane);
    let (segment, offset) = geometry.place(border.lsn);
    match storage.open(&layout.segment(lane, segment), Access::Write) {
        Ok(file) => {
            let cut = terminate(storage, file, lane, (border, offset), steps).and_then(|()| {
                if steps.erase {
                    erase(storage, file, lane, (border.lsn, offset), geometry.segment_bytes())
                } else {
                    Ok(())
                }
            });
            storage.close(file);
            cut?;
        }
        // The lane ends with the segment before, and there is nothing behind.
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    if steps.erase {
        delete_behind(storage, layout, lane, segment)?;
    }
    Ok(())
}

/// Writes the TERMINATOR and flushes it.
fn terminate(
    storage: &mut dyn Storage,
    file: FileHandle,
    lane: LaneId,
    (border, offset): (&Border, u64),
    steps: TruncateSteps,
) -> Result<(), IoError> {
    let mut page = AlignedBuffer::new(PAGE_BYTES);
    match storage.read_at(file, offset, page.as_mut()) {
        Ok(_) => {}
        // What cannot be read is no block: all of the page may change.
        Err(error) if error.errno == EIO => page.as_mut().fill(0),
        Err(error) => return Err(error),
    }
    if !steps.one_sector {
        page.as_mut().fill(0);
    }
    let header = BlockHeader {
        flags: BlockFlags::TERMINATOR,
        lane,
        epoch: border.epoch,
        lsn: border.lsn,
        promised: border.promised,
        payload_bytes: 0,
        fragments: 0,
    };
    let sealed = seal_over(page.as_mut(), &header, border.chain);
    if steps.terminator && sealed.is_some() {
        storage.write_at(file, offset, page.as_ref())?;
    }
    if steps.flush { storage.sync(file) } else { Ok(()) }
}

/// How much of a segment is looked at with one read.
const ERASE_BYTES: usize = 2 * BLOCK_BYTES_MAX;

/// Writes zeroes over every page behind the TERMINATOR at which a block of this lane might begin, and flushes them.
fn erase(
    storage: &mut dyn Storage,
    file: FileHandle,
    lane: LaneId,
    (cut, offset): (Lsn, u64),
    segment_bytes: u64,
) -> Result<(), IoError> {
    let zeroes = AlignedBuffer::new(PAGE_BYTES);
    let mut window = AlignedBuffer::new(ERASE_BYTES);
    let mut at = offset + PAGE_BYTES as u64;
    while at < segment_bytes {
        let bytes = usize::try_from(segment_bytes - at).unwrap_or(ERASE_BYTES).min(ERASE_BYTES);
        let read = match storage.read_at(file, at, window.as_mut().get_mut(..bytes).unwrap_or_default()) {
            Ok(count) => Some(count),
            Err(error) if error.errno == EIO => None,
            Err(error) => return Err(error),
        };
        for from in (0..bytes).step_by(PAGE_BYTES) {
            let place = at + from as u64;
            let page = window.as_ref().get(from..read.unwrap_or(bytes)).unwrap_or_default();
            if read.is_none() || may_begin_here(page, lane, cut.plus(place - offset)) {
                storage.write_at(file, place, zeroes.as_ref())?;
            }
        }
        at += bytes as u64;
    }
    storage.sync(file)
}

/// A block of an earlier life of the file stays: it has another position, and is nothing.
fn may_begin_here(page: &[u8], lane: LaneId, lsn: Lsn) -> bool {
    match BlockView::peek(page) {
        Ok(header) => header.lane == lane && header.lsn == lsn,
        Err(_) => page.starts_with(&BLOCK_MAGIC.to_le_bytes()),
    }
}

/// Deletes the segments behind `segment`, the last one first.
fn delete_behind(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    lane: LaneId,
    segment: SegmentSequence,
) -> Result<(), IoError> {
    let behind = segments_of(storage, layout, lane)?.into_iter().rev().take_while(|sequence| *sequence > segment);
    for sequence in behind {
        storage.delete(&layout.segment(lane, sequence))?;
    }
    storage.sync_directory(layout.directory(lane.directory()))
}

/// All segments before this one have a file, now that those behind the cut are gone.
fn ready_to(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
    cut: Lsn,
) -> Result<SegmentSequence, IoError> {
    let (segment, _) = shape.geometry(lane).place(cut);
    let is_there = segments_of(storage, layout, lane)?.contains(&segment);
    Ok(if is_there { segment.next() } else { segment })
}

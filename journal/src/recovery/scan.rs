//! The scan of one lane: from its first kept block, or from a checkpoint, to the end of what is valid.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::decision::{Company, Consent, Hole, Place, Verdict, decide};
use super::error::{Damage, RecoveryError};
use super::evidence::{Behind, EVIDENCE_REACH_BYTES};
use super::files::{FileState, LaneFiles};
use super::kept::{Keep, Kept};
use super::mend;
use super::walk::{BlockWalk, Found};
use crate::block::{BlockError, BlockFlags, BlockView, Checks};
use crate::epoch::{AcceptedLoss, EpochEntry, EpochStartRecord, SegmentFreeRecord};
use crate::error::{EIO, IoError, Operation};
use crate::geometry::Geometry;
use crate::ids::{Chain, LaneId, LaneKind, Lsn, SegmentSequence};
use crate::lane::{LaneMark, LaneTail};
use crate::limits::{EPOCH_HISTORY_MAX, SEGMENTS_AHEAD_MAX};
use crate::patch::{Before, Patch};
use crate::record::RecordKind;
use crate::storage::Storage;
use crate::store::{StoreLayout, StoreShape};
use crate::vector::Vector;

/// What the scan of a lane is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanOrder<'a> {
    pub(super) lane: LaneId,
    /// Where to begin, if a checkpoint says so.
    pub(super) mark: Option<&'a LaneMark>,
    /// A promise known from elsewhere: the clean stop, or lane j00's epoch start.
    pub(super) known_promised: Lsn,
    /// The epoch in which it was known. A lane with a later epoch start was held to it, or excused from it, by that start.
    pub(super) known_epoch: u64,
    /// The positions that the operator gives up on this lane: at most one at its beginning, one at its end, and any number between.
    pub(super) accept_loss: &'a [Lsn],
    pub(super) company: Company,
    pub(super) checks: Checks,
    /// What to keep of the records that are read.
    pub(super) keep: Option<Keep>,
}

/// What a start should tell its operator about a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A torn tail was cut: nothing that was acked.
    TornTail {
        /// Which lane.
        lane: LaneId,
        /// Where it was cut.
        at: Lsn,
        /// In which file.
        file: PathBuf,
    },
    /// Cut, although valid blocks stood behind. None of them was promised.
    EvidenceCut {
        /// Which lane.
        lane: LaneId,
        /// Where it was cut.
        at: Lsn,
        /// How many blocks were found behind.
        blocks_behind: u32,
        /// In which file.
        file: PathBuf,
    },
    /// Cut below a promise, because the operator accepts the loss.
    LossAccepted {
        /// Which lane.
        lane: LaneId,
        /// What was lost.
        loss: AcceptedLoss,
    },
    /// Damaged blocks below a promise were patched, because the operator gives them up. What lies behind them is kept.
    Patched {
        /// Which lane.
        lane: LaneId,
        /// What is given up.
        patch: Patch,
    },
    /// The checkpoint could not be used, and the whole of the lanes was read.
    CheckpointUnusable {
        /// Why.
        reason: String,
    },
}

/// The result of a scan.
#[derive(Clone, Debug)]
pub(super) struct Scanned {
    pub(super) tail: LaneTail,
    /// Where a replay begins.
    pub(super) from: Lsn,
    /// Everything before is known to be promised, and so to be durable.
    pub(super) promised: Lsn,
    /// What the headers of each epoch say was promised.
    pub(super) promised_in_epoch: Vec<(u64, Lsn)>,
    /// The newest epoch start of this lane, and what it says that all lanes had promised.
    pub(super) vector: Option<(u64, Vector)>,
    /// What was given up in the middle of the lane, now or at an earlier start.
    pub(super) patches: Vec<Patch>,
    /// The records that were read, if they are to be kept.
    pub(super) kept: Option<Kept>,
    pub(super) findings: Vec<Finding>,
}

impl Scanned {
    /// An unfinished copy whose beginning is not there: (1) the background is to write segment 0, what comes live goes into segment 1; (2) the
    /// power fails before 0 has its name; (3) a scan that begins with the first file takes for the lane what is the end of it.
    fn nothing(lane: LaneId) -> Self {
        Self {
            tail: LaneTail::fresh(lane),
            from: Lsn::ZERO,
            promised: Lsn::ZERO,
            promised_in_epoch: Vec::new(),
            vector: None,
            patches: Vec::new(),
            kept: None,
            findings: Vec::new(),
        }
    }
}

/// What the scan has learnt so far.
struct Progress {
    at: Lsn,
    /// Unknown before the first block of a lane whose beginning was freed.
    chain: Option<Chain>,
    last_block: Option<Lsn>,
    epoch: u64,
    history: Vec<EpochEntry>,
    segment_ends: VecDeque<(SegmentSequence, Chain)>,
    freed: Option<SegmentFreeRecord>,
    /// What the newest FREE or EPOCH_START record says about the oldest kept segment.
    kept_from: Option<SegmentSequence>,
    promised: Lsn,
    promised_in_epoch: Vec<(u64, Lsn)>,
    vector: Option<(u64, Vector)>,
    /// The patches that were read. The last block, if it is one, is followed by what it names or by another of its kind.
    patches: Vec<Patch>,
    bridge: Option<Chain>,
    kept: Option<Kept>,
}

/// What stopped a scan.
struct Stop {
    place: Place,
    error: Option<IoError>,
}

pub(super) fn scan(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    order: ScanOrder<'_>,
) -> Result<Scanned, RecoveryError> {
    scan_behind(storage, layout, shape, order, None)
}

/// Scans again where something was patched; `mended` is the last such place.
fn scan_behind(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    order: ScanOrder<'_>,
    mended: Option<Lsn>,
) -> Result<Scanned, RecoveryError> {
    let files = LaneFiles::read(storage, layout, shape, order.lane)?;
    let geometry = shape.geometry(order.lane);
    let mut first = files.first().unwrap_or_default();
    let mut walk = BlockWalk::new(storage, layout, shape, order.lane, order.checks);
    let (mut progress, stop) = read_from(&mut walk, &files, geometry, order, &mut first)?;
    let behind = Behind::look(&mut walk, &files, geometry, (progress.at, stop.place), progress.epoch)?;
    if first.0 <= SEGMENTS_AHEAD_MAX
        && progress.last_block.is_none()
        && behind.blocks == 0
        && order.known_promised == Lsn::ZERO
    {
        // Never written to: the first segments of a new lane are made side by side, and a crash may leave the second without the first.
        first = SegmentSequence::default();
        (progress.at, progress.chain) = (Lsn::ZERO, Some(Chain(0)));
    }
    let file = walk.path_of(progress.at);
    if let Some((patch, before)) = mendable(&mut walk, &files, geometry, order, &progress, &stop, &behind)? {
        drop(walk);
        if mended >= Some(patch.from) {
            // The disk took it and does not give it back.
            return Err(IoError::from_errno(Operation::Write, EIO).at(&file).into());
        }
        mend::write(storage, layout, shape, &patch, before)?;
        return scan_behind(storage, layout, shape, order, Some(patch.from));
    }
    drop(walk);
    // What stands behind damage may say that the missing beginning is free: first things first.
    if !order.accept_loss.contains(&progress.at)
        && let Err(error @ RecoveryError::Corruption(_)) = judge(order, &progress, &stop, &behind, None, file.clone())
    {
        return Err(error);
    }
    let front = check_front(storage, layout, shape, order, first, &progress)?;
    let (loss, mut findings) = judge(order, &progress, &stop, &behind, front.as_ref(), file)?;
    findings.extend(front.map(|loss| Finding::LossAccepted { lane: order.lane, loss }));
    let named = progress.patches.iter().filter(|patch| order.accept_loss.contains(&patch.from));
    findings.extend(named.map(|patch| Finding::Patched { lane: order.lane, patch: *patch }));
    if order.company == Company::Unfinished && first > progress.kept_from.unwrap_or_default() {
        return Ok(Scanned::nothing(order.lane));
    }
    let first_kept = progress.kept_from.unwrap_or_default().max(first);
    let (tail_segment, _) = geometry.place(progress.at);
    let mut segment_ends = progress.segment_ends;
    segment_ends.retain(|(segment, _)| *segment >= first_kept);
    let tail = LaneTail {
        lane: order.lane,
        end: progress.at,
        chain: progress.chain.unwrap_or_default(),
        last_block: progress.last_block,
        history: progress.history,
        first_kept,
        ready_to: files.ready_to(tail_segment),
        segment_ends,
        leftovers: files.before(first_kept),
        loss: loss.or(front),
    };
    // Behind a mark everything is replayed, freed segments too: the index shows what they held, and only they say that it is settled.
    let from = order.mark.map_or(geometry.start(first_kept), |mark| mark.end);
    Ok(Scanned {
        from: from.min(tail.end),
        promised: progress.promised.max(order.mark.map_or(Lsn::ZERO, |mark| mark.end)),
        promised_in_epoch: progress.promised_in_epoch,
        vector: progress.vector,
        patches: progress.patches,
        kept: progress.kept,
        tail,
        findings,
    })
}

/// What the operator gives up here, if it is known where the lane goes on. The names of queues are not patched: who misses one of them is
/// to be told.
fn mendable(
    walk: &mut BlockWalk<'_>,
    files: &LaneFiles,
    geometry: Geometry,
    order: ScanOrder<'_>,
    progress: &Progress,
    stop: &Stop,
    behind: &Behind,
) -> Result<Option<(Patch, Before)>, RecoveryError> {
    let named = order.accept_loss.contains(&progress.at) && order.company == Company::Alone;
    let damaged = matches!(stop.place, Place::Torn | Place::Blank | Place::Unreadable) && behind.blocks > 0;
    let below_promised = behind.promised.max(known_promised(order, progress)) > progress.at;
    let Some(chain) = progress.chain.filter(|_| progress.last_block.is_some()) else { return Ok(None) };
    if !named || !damaged || !below_promised || !matches!(order.lane.kind(), LaneKind::Journal | LaneKind::Large) {
        return Ok(None);
    }
    let before = Before { lane: order.lane, epoch: progress.epoch, promised: progress.promised, chain };
    let patch = mend::plan(walk, files, geometry, progress.at, before)?;
    Ok(patch.map(|patch| (patch, before)))
}

/// What is known from elsewhere to have been promised on this lane.
fn known_promised(order: ScanOrder<'_>, progress: &Progress) -> Lsn {
    if progress.epoch > order.known_epoch { Lsn::ZERO } else { order.known_promised }
}

/// Reads the lane from its mark or from its first file.
///
/// Where a file is missing, and a later one holds a record that says that everything before it is free, the lane begins there. That is no
/// damage: (1) segments 5 and 6 are freed, the file of 6 goes durably and that of 5 does not; (2) power fails, and 5 is back without 6.
/// Such a record was appended only when all that it frees was promised, and what settles it stands before it in the same files.
fn read_from(
    walk: &mut BlockWalk<'_>,
    files: &LaneFiles,
    geometry: Geometry,
    order: ScanOrder<'_>,
    first: &mut SegmentSequence,
) -> Result<(Progress, Stop), RecoveryError> {
    let mut progress = Progress::begin(order, order.mark, geometry.start(*first));
    let mut stop = run(walk, files, geometry, order, &mut progress)?;
    if order.mark.is_some() {
        return Ok((progress, stop));
    }
    for behind_gap in files.behind_gaps() {
        if stop.place != Place::NoFile || geometry.place(progress.at).0 >= behind_gap {
            continue;
        }
        let mut later = Progress::begin(order, None, geometry.start(behind_gap));
        let later_stop = run(walk, files, geometry, order, &mut later)?;
        if later.kept_from.is_some_and(|kept| kept >= behind_gap) {
            (progress, stop, *first) = (later, later_stop, behind_gap);
        }
    }
    Ok((progress, stop))
}

/// Reads on until something is not the next block.
fn run(
    walk: &mut BlockWalk<'_>,
    files: &LaneFiles,
    geometry: Geometry,
    order: ScanOrder<'_>,
    progress: &mut Progress,
) -> Result<Stop, RecoveryError> {
    loop {
        match files.state(geometry.place(progress.at).0) {
            None => return Ok(Stop { place: Place::NoFile, error: None }),
            Some(FileState::Wrong(error)) => return Ok(Stop { place: Place::of_header(*error), error: None }),
            Some(FileState::Unreadable(error)) => {
                return Ok(Stop { place: Place::Unreadable, error: Some(error.clone()) });
            }
            Some(FileState::Sound) => {}
        }
        // What stands behind the end is looked at as well, as far as this.
        walk.expect(Some(progress.at..progress.at.plus(EVIDENCE_REACH_BYTES)));
        let place = match walk.block_at(progress.at)? {
            Found::Block(view) => match progress.accept(&view, geometry, order.checks) {
                Ok(()) => {
                    if let Some(kept) = progress.kept.as_mut() {
                        kept.take(&view);
                    }
                    continue;
                }
                Err(place) => place,
            },
            Found::Not(BlockError::NotABlock | BlockError::Elsewhere { .. }) => Place::Blank,
            Found::Not(BlockError::NewerVersion { .. }) => Place::Newer,
            Found::Not(BlockError::Damaged | BlockError::Incomplete { .. }) => Place::Torn,
            Found::NoFile => Place::NoFile,
            Found::Unreadable(error) => return Ok(Stop { place: Place::Unreadable, error: Some(error) }),
        };
        return Ok(Stop { place, error: None });
    }
}

impl Progress {
    fn begin(order: ScanOrder<'_>, mark: Option<&LaneMark>, start: Lsn) -> Self {
        let mut progress = Self {
            at: start,
            chain: (start == Lsn::ZERO).then_some(Chain(0)),
            last_block: None,
            epoch: 0,
            history: Vec::new(),
            segment_ends: VecDeque::new(),
            freed: None,
            kept_from: mark.map(|mark| mark.first_kept),
            promised: Lsn::ZERO,
            promised_in_epoch: Vec::new(),
            vector: None,
            patches: Vec::new(),
            bridge: None,
            kept: None,
        };
        if let Some(mark) = mark {
            progress.at = mark.end;
            progress.chain = Some(mark.chain);
            progress.last_block = Some(mark.block);
            progress.epoch = mark.history.last().map_or(0, |entry| entry.epoch.number);
            progress.history.clone_from(&mark.history);
        }
        progress.kept = order.keep.map(|keep| Kept::new(keep, order.lane, progress.at));
        progress
    }

    /// Takes the block if it is the next one; says what it is otherwise.
    fn accept(&mut self, view: &BlockView<'_>, geometry: Geometry, checks: Checks) -> Result<(), Place> {
        let header = view.header;
        let starts_epoch = header.flags.contains(BlockFlags::EPOCH_START);
        if checks.order && header.epoch < self.epoch {
            // Left over from before a cut: see the argument in `decision`.
            return Err(Place::Blank);
        }
        let bridged = self.bridge == Some(view.chain);
        let follows = !checks.chain || bridged || self.chain.is_none_or(|chain| view.follows(chain));
        if follows && header.flags.contains(BlockFlags::TERMINATOR) {
            return Err(Place::Terminator);
        }
        let in_segment = header.bytes() <= geometry.block_bytes_max(header.lsn);
        let begins = self.chain.is_none() || self.last_block.is_none();
        let epoch_fits = if starts_epoch {
            header.epoch > self.epoch
        } else {
            header.epoch == self.epoch || begins || !checks.order
        };
        if !follows
            || !in_segment
            || !epoch_fits
            || (checks.order && header.promised < self.promised)
            || !view.well_formed()
        {
            return Err(Place::Torn);
        }
        let is_patch = header.flags.contains(BlockFlags::PATCH);
        self.bridge = None;
        for fragment in view.fragments().filter(|fragment| !fragment.header.kind.is_user()) {
            match fragment.header.kind {
                RecordKind::EPOCH_START => {
                    let record = EpochStartRecord::decode(fragment.body).ok_or(Place::Torn)?;
                    if !starts_epoch || record.entry.start != header.lsn || record.entry.epoch.number != header.epoch {
                        return Err(Place::Torn);
                    }
                    self.kept_from = Some(record.first_kept);
                    self.vector = Some((header.epoch, record.start.vector));
                    self.history.push(record.entry);
                    if self.history.len() > EPOCH_HISTORY_MAX {
                        self.history.remove(0);
                    }
                }
                RecordKind::SEGMENT_FREE if fragment.header.first && fragment.header.last => {
                    let record = SegmentFreeRecord::decode(fragment.body).ok_or(Place::Torn)?;
                    self.history.clone_from(&record.history);
                    self.kept_from = Some(record.sequence.next());
                    self.freed = Some(record);
                }
                RecordKind::PATCH if is_patch => {
                    let patch = Patch::decode(fragment.body).ok_or(Place::Torn)?;
                    self.bridge = Some(patch.next);
                    if self.patches.last() != Some(&patch) {
                        self.patches.push(patch);
                    }
                }
                _ => {}
            }
        }
        match self.promised_in_epoch.last_mut() {
            Some((epoch, promised)) if *epoch == header.epoch => *promised = header.promised,
            _ => self.promised_in_epoch.push((header.epoch, header.promised)),
        }
        self.epoch = header.epoch;
        self.promised = header.promised;
        self.chain = Some(view.chain);
        self.last_block = Some(header.lsn);
        self.at = header.end();
        // The chain at the end of a segment is what the next one is checked against when this one is gone.
        if geometry.place(self.at).0 > geometry.place(header.lsn).0 && !is_patch {
            self.segment_ends.push_back((geometry.place(header.lsn).0, view.chain));
        }
        Ok(())
    }
}

/// Applies the decision table.
fn judge(
    order: ScanOrder<'_>,
    progress: &Progress,
    stop: &Stop,
    behind: &Behind,
    front: Option<&AcceptedLoss>,
    file: PathBuf,
) -> Result<(Option<AcceptedLoss>, Vec<Finding>), RecoveryError> {
    let (lane, at) = (order.lane, progress.at);
    let promised = behind.promised.max(known_promised(order, progress));
    let elsewhere = |lsn: &Lsn| {
        front.is_none_or(|front| front.at != *lsn) && progress.patches.iter().all(|patch| patch.from != *lsn)
    };
    let named = order.accept_loss.iter().copied().find(elsewhere);
    let consent = match named {
        _ if order.accept_loss.contains(&at) => Consent::Here,
        None => Consent::None,
        Some(_) => Consent::Elsewhere,
    };
    let hole = Hole {
        place: stop.place,
        below_promised: promised > at,
        evidence: behind.blocks > 0,
        company: order.company,
        consent,
    };
    let damage = || Damage {
        lane,
        at,
        file: file.clone(),
        place: stop.place,
        promised,
        blocks_behind: behind.blocks,
        source: stop.error.clone(),
    };
    let blocks_behind = behind.blocks;
    match decide(hole) {
        Verdict::End | Verdict::CutUnfinished => Ok((None, Vec::new())),
        Verdict::CutTorn => Ok((None, vec![Finding::TornTail { lane, at, file }])),
        Verdict::CutWithEvidence => Ok((None, vec![Finding::EvidenceCut { lane, at, blocks_behind, file }])),
        Verdict::CutAccepted => {
            let loss = AcceptedLoss { at, promised, blocks_behind };
            Ok((Some(loss), vec![Finding::LossAccepted { lane, loss }]))
        }
        Verdict::RefuseCorruption => Err(RecoveryError::Corruption(damage())),
        Verdict::RefuseForeign => Err(RecoveryError::Foreign(damage())),
        Verdict::RefuseNewer => Err(RecoveryError::Newer(damage())),
        Verdict::RefuseConsent => Err(RecoveryError::WrongConsent { lane, named: named.unwrap_or_default(), end: at }),
        Verdict::WaitForPeer => Err(RecoveryError::Undecided(damage())),
    }
}

/// Segments go oldest first, and the newest FREE record always lies in a kept segment. So the first file must be at most the one behind it.
fn check_front(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    order: ScanOrder<'_>,
    first: SegmentSequence,
    progress: &Progress,
) -> Result<Option<AcceptedLoss>, RecoveryError> {
    let geometry = shape.geometry(order.lane);
    let expected = progress.kept_from.unwrap_or_default();
    // The record that says so may lie in what is not copied yet, or the beginning is not.
    if first > expected && order.company == Company::Unfinished {
        return Ok(None);
    }
    if first > expected {
        let (at, promised) = (geometry.start(expected), geometry.start(first));
        if order.accept_loss.contains(&at) {
            return Ok(Some(AcceptedLoss { at, promised, blocks_behind: 0 }));
        }
        let file = layout.segment(order.lane, expected);
        let damage =
            Damage { lane: order.lane, at, file, place: Place::NoFile, promised, blocks_behind: 0, source: None };
        return Err(RecoveryError::Corruption(damage));
    }
    let known = progress.freed.as_ref().filter(|_| order.mark.is_none() && order.checks.chain);
    let Some(chain) = known.filter(|record| record.sequence.next() == expected).and_then(|record| record.chain) else {
        return Ok(None);
    };
    let at = geometry.start(expected);
    let mut walk = BlockWalk::for_single(storage, layout, shape, order.lane, order.checks);
    let file = walk.path_of(at);
    match walk.block_at(at)? {
        Found::Block(view) if !view.follows(chain) => {
            let damage = Damage {
                lane: order.lane,
                at,
                file,
                place: Place::Torn,
                promised: progress.promised,
                blocks_behind: 0,
                source: None,
            };
            Err(RecoveryError::Corruption(damage))
        }
        _ => Ok(None),
    }
}

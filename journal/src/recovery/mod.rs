//! Recovery: what a start finds in the lanes, and what it makes of it.
//!
//! It takes a storage and the operator's consents; it gives one [`LaneTail`] per lane, on which lanes are opened, and then replays the
//! records that count. [`recover`] changes nothing on disk, except that it flushes what it keeps, removes unusable checkpoints and
//! unfinished files, and patches what the operator gives up. The decision where a lane ends is a table, in `decision`.

mod checkpoint;
mod decision;
mod error;
mod evidence;
mod files;
mod kept;
mod mend;
mod records;
mod replay;
mod scan;
mod walk;
mod window;

pub use checkpoint::{CheckpointFound, delete_checkpoints};
pub use decision::{Company, Consent, Hole, Place, Verdict, decide};
pub use error::{Damage, RecoveryError};
pub use kept::{Abridge, Keep};
pub use replay::Replayed;
pub use scan::Finding;

use std::path::{Path, PathBuf};

use crate::block::Checks;
use crate::ids::{LaneId, Lsn};
use crate::lane::LaneTail;
use crate::limits::RUN_BUFFER_BYTES_MAX;
use crate::patch::Patch;
use crate::segment_files::remove_unfinished;
use crate::storage::Storage;
use crate::store::{StoreLayout, StoreShape, remove_unfinished_snapshots};
use crate::vector::Vector;
use kept::{Kept, Shelf};
use scan::{ScanOrder, Scanned, scan};
pub(crate) use walk::{BlockWalk, Found};

/// What a start is told.
#[derive(Clone, Debug)]
pub struct RecoveryOptions {
    /// `--accept-loss LANE@LSN`, as often as it was given.
    pub accept_loss: Vec<(LaneId, Lsn)>,
    /// What is known to have been promised: the vector of the last clean stop.
    pub known_promised: Vector,
    /// The epoch of that stop. A lane with a later epoch start was judged by that start, and is not held to the vector any more.
    pub known_epoch: u64,
    /// Who else may have what is missing here.
    pub company: Company,
    /// Whether to go by the newest index checkpoint. Without, everything is read.
    pub use_checkpoint: bool,
    /// Everything, except in the controls of the tests.
    pub checks: Checks,
    /// What the replays of this start need of each record: the scan keeps it for them. Without, they read everything once more.
    pub keep: Option<Keep>,
}

impl RecoveryOptions {
    /// A live-only server that starts without anybody's consent.
    #[must_use]
    pub fn alone() -> Self {
        Self {
            accept_loss: Vec::new(),
            known_promised: Vector::new(),
            known_epoch: u64::MAX,
            company: Company::Alone,
            use_checkpoint: true,
            checks: Checks::ALL,
            keep: None,
        }
    }
}

/// A lane after its scan.
#[derive(Clone, Debug)]
pub struct RecoveredLane {
    /// Where it goes on.
    pub tail: LaneTail,
    /// Where its replay begins.
    pub replay_from: Lsn,
    /// What the headers of each epoch that were read say was promised.
    promised_in_epoch: Vec<(u64, Lsn)>,
    /// What was given up between, as far as it was read.
    patches: Vec<Patch>,
    /// Begin of the oldest segment that is not free.
    kept_from: Lsn,
    /// The records that the scan has read.
    shelf: Shelf,
}

/// What a start found.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The lanes with data, in replay order, and the checkpoint lane last.
    pub lanes: Vec<RecoveredLane>,
    /// The checkpoint at which the replays begin, if one is used.
    pub checkpoint: Option<CheckpointFound>,
    /// What the operator should be told.
    pub findings: Vec<Finding>,
    checks: Checks,
    keep: Option<Keep>,
}

/// Scans all lanes and decides where each ends. Everything that is kept is durable when this returns.
///
/// # Errors
/// When promised data is missing, when a file is not this store's, or when the disk cannot be read. Nothing has been cut then; damage that
/// the operator gave up may have been patched.
pub fn recover(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    options: &RecoveryOptions,
) -> Result<Recovered, RecoveryError> {
    remove_unfinished_snapshots(storage, layout)?;
    for lane in shape.lanes() {
        remove_unfinished(storage, layout, lane)?;
    }
    if options.checks.flush {
        // A process that died between a rename and the flush of its directory leaves a name that the next power cut takes back, with all that
        // this start would write into the file.
        let directories: Vec<&Path> = layout.all().collect();
        storage.sync_directories(&directories)?;
    }
    let mut findings = Vec::new();
    if !options.accept_loss.is_empty() {
        // It may show what is given up now, and a start that goes by it does not look at all that is.
        checkpoint::delete_checkpoints(storage, layout)?;
        findings.push(Finding::CheckpointUnusable {
            reason: "a loss is accepted, so the whole journal is judged".to_owned(),
        });
    }
    let (checkpoint_lane, found) = checkpoint::recover_lane(storage, layout, shape, options, &mut findings)?;
    let mut checkpoint = found.filter(|_| options.use_checkpoint);
    if let Some(found) = &checkpoint
        && let Some(reason) = checkpoint::mismatch(storage, layout, shape, found)?
    {
        findings.push(Finding::CheckpointUnusable { reason });
        checkpoint = None;
    }
    let lanes = match scan_lanes(storage, layout, shape, options, checkpoint.as_ref(), &mut findings) {
        // Perhaps it is only the files of freed segments: some of them gone, others not. The whole scan knows them by their FREE records.
        Err(error) if checkpoint.is_some() && !matches!(error, RecoveryError::Io(_)) => {
            findings.push(Finding::CheckpointUnusable { reason: error.to_string() });
            checkpoint = None;
            scan_lanes(storage, layout, shape, options, None, &mut findings)?
        }
        scanned => scanned?,
    };
    let lanes = lanes.into_iter().chain([checkpoint_lane]).collect();
    Ok(Recovered { lanes, checkpoint, findings, checks: options.checks, keep: options.keep })
}

/// Scans the lanes with data, from the marks of the checkpoint if there is one.
fn scan_lanes(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    options: &RecoveryOptions,
    checkpoint: Option<&CheckpointFound>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<RecoveredLane>, RecoveryError> {
    // Lane j00 first: its newest epoch start says what all lanes had promised then.
    let mut order: Vec<LaneId> = shape.data_lanes().collect();
    order.sort_by_key(|&lane| lane != LaneId::JOURNAL);
    let mut started: Option<(u64, Vector)> = None;
    let mut found = Vec::new();
    let mut lanes = Vec::new();
    let mut tails = Vec::new();
    let mut kept_bytes = checkpoint.map_or(0, CheckpointFound::kept_bytes);
    for lane in order {
        let mark = checkpoint.and_then(|found| found.marks.iter().find(|mark| mark.lane == lane));
        let accept_loss: Vec<Lsn> =
            options.accept_loss.iter().filter(|(of, _)| *of == lane).map(|(_, lsn)| *lsn).collect();
        let (known_epoch, known_promised) = known_of(lane, options, started.as_ref());
        let order = ScanOrder {
            lane,
            mark,
            known_promised,
            known_epoch,
            accept_loss: &accept_loss,
            company: options.company,
            checks: options.checks,
            keep: options.keep.map(|keep| Keep { bytes_max: keep.bytes_max.saturating_sub(kept_bytes), ..keep }),
        };
        let scanned = scan(storage, layout, shape, order)?;
        if options.checks.flush {
            tails.extend(tail_files(layout, shape, &scanned));
        }
        kept_bytes += scanned.kept.as_ref().map_or(0, Kept::bytes);
        started = started.or(scanned.vector);
        found.extend(scanned.findings);
        lanes.push(RecoveredLane {
            kept_from: shape.geometry(lane).start(scanned.tail.first_kept),
            tail: scanned.tail,
            replay_from: scanned.from,
            promised_in_epoch: scanned.promised_in_epoch,
            patches: scanned.patches,
            shelf: Shelf::new(scanned.kept),
        });
    }
    storage.sync_files(&tails)?;
    findings.extend(found);
    lanes.sort_by_key(|recovered| recovered.tail.lane);
    Ok(lanes)
}

/// What is known to have been promised on a lane: the newer of the last clean stop and the newest epoch start on lane j00.
fn known_of(lane: LaneId, options: &RecoveryOptions, started: Option<&(u64, Vector)>) -> (u64, Lsn) {
    let stopped = options.known_promised.get(lane).map(|lsn| (options.known_epoch, lsn));
    let started = started.and_then(|(epoch, vector)| vector.get(lane).map(|lsn| (*epoch, lsn)));
    stopped.max(started).unwrap_or_default()
}

/// The files that have to be flushed to make durable what a scan read: it may have come from a volatile cache (the argument is in
/// `decision`).
fn tail_files(layout: &StoreLayout, shape: &StoreShape, scanned: &Scanned) -> Vec<PathBuf> {
    let tail = &scanned.tail;
    let geometry = shape.geometry(tail.lane);
    let first = geometry.place(scanned.promised).0.max(tail.first_kept);
    let segments = std::iter::successors(Some(first), |segment| Some(segment.next()));
    let before_end = segments.take_while(|segment| geometry.start(*segment) < tail.end);
    before_end.map(|segment| layout.segment(tail.lane, segment)).collect()
}

/// Scans one lane again, by what it holds itself and nothing else: for who has cut it.
pub(crate) fn scan_again(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
) -> Result<LaneTail, RecoveryError> {
    let (company, checks) = (Company::Alone, Checks::ALL);
    let (known_promised, known_epoch, accept_loss) = (Lsn::ZERO, 0, &[]);
    let order = ScanOrder { lane, mark: None, known_promised, known_epoch, accept_loss, company, checks, keep: None };
    Ok(scan(storage, layout, shape, order)?.tail)
}

impl Recovered {
    /// The lane with this id.
    #[must_use]
    pub fn lane(&self, lane: LaneId) -> Option<&RecoveredLane> {
        self.lanes.iter().find(|recovered| recovered.tail.lane == lane)
    }

    /// Where the writer of an epoch ended on a lane: what a DECISION, or a reference to another lane, is judged by.
    #[must_use]
    pub fn epoch_end(&self, lane: LaneId, number: u64) -> Lsn {
        self.lane(lane).map_or(Lsn::ZERO, |recovered| recovered.tail.epoch_end(number))
    }

    /// What the writer of an epoch says, in its blocks, was promised on their lane. What it left unsaid was perhaps never promised.
    #[must_use]
    pub fn promised(&self, lane: LaneId, number: u64) -> Lsn {
        let Some(recovered) = self.lane(lane) else { return Lsn::ZERO };
        let own = recovered.tail.epochs_of_writer(number);
        let said = recovered.promised_in_epoch.iter().filter(|(epoch, _)| own.contains(epoch));
        said.map(|(_, lsn)| *lsn).max().unwrap_or(Lsn::ZERO)
    }

    /// The furthest promise that the headers of a lane, or the newest epoch start, tell of: what this store itself knows to be acked, perhaps.
    #[must_use]
    pub fn known_promised(&self, lane: LaneId) -> Lsn {
        let said = self.lane(lane).into_iter().flat_map(|recovered| &recovered.promised_in_epoch);
        said.map(|(_, lsn)| *lsn).max().unwrap_or(Lsn::ZERO)
    }

    /// Whether something of a piece of a lane was given up, although what lies behind it was not.
    #[must_use]
    pub fn is_patched(&self, lane: LaneId, from: Lsn, to: Lsn) -> bool {
        self.lane(lane).is_some_and(|recovered| recovered.patches.iter().any(|patch| patch.touches(from, to)))
    }

    /// Whether anything that was promised was ever given up, as far as the lanes tell.
    #[must_use]
    pub fn is_anything_given_up(&self) -> bool {
        let cut = |lane: &RecoveredLane| {
            lane.tail.loss.is_some() || lane.tail.history.iter().any(|entry| entry.loss.is_some())
        };
        self.lanes.iter().any(|lane| !lane.patches.is_empty() || cut(lane))
    }

    /// Where a lane's oldest segment begins that is not free; nothing before it is alive.
    #[must_use]
    pub fn kept_from(&self, lane: LaneId) -> Lsn {
        self.lane(lane).map_or(Lsn::ZERO, |recovered| recovered.kept_from)
    }

    /// Whether every lane reached what `vector` names by the end of that epoch (SR15).
    #[must_use]
    pub fn reached(&self, vector: &Vector, epoch: u64) -> bool {
        vector.covered_by(|lane| self.epoch_end(lane, epoch))
    }

    /// The highest epoch number on any lane.
    #[must_use]
    pub fn newest_epoch(&self) -> Option<u64> {
        self.lanes.iter().filter_map(|recovered| recovered.tail.epoch()).map(|epoch| epoch.number).max()
    }

    /// Gives the records of one lane that count, in order; those of a run when its COMMIT comes. What the scan has kept is used, and is gone
    /// then; once more, and all is read.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn replay(
        &self,
        storage: &mut dyn Storage,
        layout: &StoreLayout,
        shape: &StoreShape,
        lane: LaneId,
        deliver: &mut dyn FnMut(Replayed<'_>),
    ) -> Result<(), RecoveryError> {
        self.replay_with(storage, layout, shape, lane, RUN_BUFFER_BYTES_MAX, deliver)
    }

    /// As [`Self::replay`], with another bound on what is kept of open runs. The result is the same.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn replay_with(
        &self,
        storage: &mut dyn Storage,
        layout: &StoreLayout,
        shape: &StoreShape,
        lane: LaneId,
        run_buffer_bytes: usize,
        deliver: &mut dyn FnMut(Replayed<'_>),
    ) -> Result<(), RecoveryError> {
        let Some(recovered) = self.lane(lane) else { return Ok(()) };
        let mut walk = BlockWalk::new(storage, layout, shape, lane, self.checks);
        let kept = recovered.shelf.take();
        let kept = (kept.as_ref(), self.keep);
        replay::replay(&mut walk, kept, &recovered.tail, recovered.replay_from, run_buffer_bytes, deliver)
    }
}

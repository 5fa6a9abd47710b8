//! The checkpoint lane at a start: found, checked against the lanes, or thrown away.

use super::error::RecoveryError;
use super::files::LaneFiles;
use super::kept::{Keep, Kept, Shelf, walk_kept};
use super::records::WalkedRecord;
use super::scan::{Finding, ScanOrder, Scanned, scan};
use super::walk::{BlockWalk, Found};
use super::{RecoveredLane, RecoveryOptions};
use crate::block::Checks;
use crate::checkpoint::decode_mark;
use crate::error::IoError;
use crate::ids::{LaneId, Location, Lsn, RunId};
use crate::lane::{LaneMark, LaneTail};
use crate::record::{RecordKind, Run};
use crate::segment::{NamedFile, parse_name};
use crate::storage::Storage;
use crate::store::{StoreLayout, StoreShape};

/// The newest complete checkpoint.
#[derive(Clone, Debug)]
pub struct CheckpointFound {
    /// Where it begins.
    pub begin: Location,
    /// The byte behind it.
    pub end: Lsn,
    /// The marks, one per lane with data.
    pub marks: Vec<LaneMark>,
    run: RunId,
    /// The records of its lane that the scan has read.
    shelf: Shelf,
}

impl CheckpointFound {
    /// How much of it is kept in memory.
    pub(super) fn kept_bytes(&self) -> usize {
        self.shelf.bytes()
    }

    /// Gives the chunks in order.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn read(
        &self,
        storage: &mut dyn Storage,
        layout: &StoreLayout,
        shape: &StoreShape,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), RecoveryError> {
        let lane = LaneId::CHECKPOINT;
        let mut walk = BlockWalk::new(storage, layout, shape, lane, Checks::ALL);
        let kept = self.shelf.take();
        walk_kept(&mut walk, kept.as_ref(), None, lane, (self.begin.block(), self.end), &mut |_, record| {
            let ours = record.run == Run::Member(self.run) && record.location > self.begin && record.end < self.end;
            if ours && record.kind == RecordKind::CHECKPOINT_CHUNK {
                deliver(record.body);
            }
            Ok(())
        })
    }
}

/// Scans the checkpoint lane. Damage never stops a start: the lane is deleted and begins anew.
pub(super) fn recover_lane(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    options: &RecoveryOptions,
    findings: &mut Vec<Finding>,
) -> Result<(RecoveredLane, Option<CheckpointFound>), RecoveryError> {
    let lane = LaneId::CHECKPOINT;
    let order = ScanOrder {
        lane,
        mark: None,
        known_promised: Lsn::ZERO,
        known_epoch: 0,
        accept_loss: &[],
        company: options.company,
        checks: options.checks,
        // The other half at least is for the lanes whose records are many.
        keep: options.keep.map(|keep| Keep { bytes_max: keep.bytes_max / 2, ..keep }),
    };
    match scan(storage, layout, shape, order) {
        Ok(mut scanned) => {
            storage.sync_files(&super::tail_files(layout, shape, &scanned))?;
            let kept = scanned.kept.take();
            let mut found = newest(storage, layout, shape, &scanned, kept.as_ref())?;
            if let Some(found) = found.as_mut() {
                found.shelf = Shelf::new(kept);
            }
            Ok((
                RecoveredLane {
                    tail: scanned.tail,
                    replay_from: scanned.from,
                    promised_in_epoch: Vec::new(),
                    patches: Vec::new(),
                    kept_from: Lsn::ZERO,
                    shelf: Shelf::default(),
                },
                found,
            ))
        }
        Err(error @ (RecoveryError::Corruption(_) | RecoveryError::Undecided(_))) => {
            findings.push(Finding::CheckpointUnusable { reason: error.to_string() });
            delete_checkpoints(storage, layout)?;
            Ok((
                RecoveredLane {
                    tail: LaneTail::fresh(lane),
                    replay_from: Lsn::ZERO,
                    promised_in_epoch: Vec::new(),
                    patches: Vec::new(),
                    kept_from: Lsn::ZERO,
                    shelf: Shelf::default(),
                },
                None,
            ))
        }
        Err(error) => Err(error),
    }
}

/// Deletes every file of the checkpoint lane, spare ones too: a lane that begins anew must not meet its own old positions. The next start
/// reads, and so judges, the whole of every lane.
///
/// # Errors
/// When the disk refuses. Some files may be gone by then, which is no harm.
pub fn delete_checkpoints(storage: &mut dyn Storage, layout: &StoreLayout) -> Result<(), IoError> {
    let lane = LaneId::CHECKPOINT;
    let directory = layout.directory(lane.directory());
    for name in storage.list(directory)? {
        if matches!(parse_name(&name), NamedFile::Segment(of, _) | NamedFile::Spare(of, _) if of == lane) {
            storage.delete(&directory.join(name))?;
        }
    }
    storage.sync_directory(directory)
}

/// A checkpoint whose END has not come yet.
struct Begun {
    begin: Location,
    run: RunId,
    expected: u32,
    marks: Vec<LaneMark>,
    chunks: u64,
}

/// The newest complete checkpoint that is known to have been promised.
///
/// Complete is not enough, and neither is a lane that holds the very block that a mark names: (1) the lane writes blocks x, y and z side by
/// side, the checkpoint names the end of z; (2) power fails, x and z and the checkpoint are there, y is not; (3) a start that believes the
/// checkpoint never looks at y, and goes on behind z. The END relies on all marks, so a promise that covers it proves that every lane
/// was durable up to its mark, without a hole. Only a header of the END's own epoch counts: the start of a later epoch calls promised
/// whatever was kept of this lane, although the others may have been cut.
fn newest(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    scanned: &Scanned,
    kept: Option<&Kept>,
) -> Result<Option<CheckpointFound>, RecoveryError> {
    let tail = &scanned.tail;
    let mut begun: Option<Begun> = None;
    let mut found = None;
    let mut walk = BlockWalk::new(storage, layout, shape, tail.lane, Checks::ALL);
    walk_kept(&mut walk, kept, None, tail.lane, (scanned.from, tail.end), &mut |_, record| {
        let promised = scanned.promised_in_epoch.iter().any(|&(epoch, lsn)| epoch == record.epoch && lsn >= record.end);
        if let Some(complete) = follow(&mut begun, &record).filter(|_| promised) {
            found = Some(complete);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Takes a record into account; gives the checkpoint that it completes.
fn follow(begun: &mut Option<Begun>, record: &WalkedRecord<'_>) -> Option<CheckpointFound> {
    match (record.kind, record.run) {
        (RecordKind::CHECKPOINT_BEGIN, Run::Member(run)) => {
            let expected = u32::from_le_bytes(*record.body.first_chunk()?);
            *begun = Some(Begun { begin: record.location, run, expected, marks: Vec::new(), chunks: 0 });
        }
        (RecordKind::EPOCH_START, _) => *begun = None,
        (kind, Run::Member(run)) => {
            let begun = begun.as_mut().filter(|begun| begun.run == run)?;
            match kind {
                RecordKind::CHECKPOINT_MARK => begun.marks.extend(decode_mark(record.body)),
                RecordKind::CHECKPOINT_CHUNK => begun.chunks += 1,
                _ => {}
            }
        }
        (RecordKind::CHECKPOINT_END, Run::Commit(run)) => {
            let Begun { begin, marks, expected, chunks, .. } = begun.take().filter(|begun| begun.run == run)?;
            let announced = u64::from_le_bytes(*record.body.first_chunk()?);
            let whole = marks.len() as u64 == u64::from(expected) && chunks == announced;
            return whole.then_some(CheckpointFound { begin, end: record.end, marks, run, shelf: Shelf::default() });
        }
        _ => {}
    }
    None
}

/// Why the checkpoint does not fit the lanes; `None` if it does.
pub(super) fn mismatch(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    found: &CheckpointFound,
) -> Result<Option<String>, RecoveryError> {
    for lane in shape.data_lanes() {
        let Some(mark) = found.marks.iter().find(|mark| mark.lane == lane) else {
            return Ok(Some(format!("it does not name lane {lane}")));
        };
        let geometry = shape.geometry(lane);
        let files = LaneFiles::read(storage, layout, shape, lane)?;
        // What was freed since is gone rightly; the scan behind the mark says whether it was.
        let first = files.first().unwrap_or_default().max(mark.first_kept);
        if files.ready_to(first) <= geometry.place(mark.block).0 {
            return Ok(Some(format!("a segment of lane {lane} before its mark is missing or damaged")));
        }
        let mut walk = BlockWalk::for_single(storage, layout, shape, lane, Checks::ALL);
        let fits = match walk.block_at(mark.block)? {
            Found::Block(view) => view.chain == mark.chain && view.header.end() == mark.end,
            Found::Not(_) | Found::NoFile | Found::Unreadable(_) => false,
        };
        if !fits {
            return Ok(Some(format!("lane {lane} does not reach {} as the checkpoint knew it", mark.end)));
        }
    }
    Ok(None)
}

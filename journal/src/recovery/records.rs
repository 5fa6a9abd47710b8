//! The records of a lane in order, put together from their fragments. Runs are not looked at here.

use super::error::RecoveryError;
use super::walk::{BlockWalk, Found};
use crate::block::{BlockView, Fragment};
use crate::error::{EIO, IoError, Operation};
use crate::ids::{LaneId, Location, Lsn};
use crate::limits::RECORD_BYTES_MAX;
use crate::record::{RecordKind, Run};

/// A whole record.
#[derive(Clone, Copy)]
pub(crate) struct WalkedRecord<'a> {
    pub(crate) location: Location,
    pub(crate) end: Lsn,
    /// The number of the epoch that wrote its last fragment.
    pub(crate) epoch: u64,
    pub(crate) kind: RecordKind,
    pub(crate) run: Run,
    pub(crate) body: &'a [u8],
}

/// A record whose last fragment has not come yet.
#[derive(Clone)]
struct Begun {
    location: Location,
    kind: RecordKind,
    run: Run,
    body: Vec<u8>,
}

/// Puts records together from the fragments of block after block.
#[derive(Clone, Default)]
pub(super) struct Assembler {
    begun: Option<Begun>,
}

impl Assembler {
    pub(super) const fn new() -> Self {
        Self { begun: None }
    }

    /// Takes the next fragment, of a block of this epoch; gives the record that it completes.
    pub(super) fn take(
        &mut self,
        fragment: &Fragment<'_>,
        epoch: u64,
        visit: &mut dyn FnMut(WalkedRecord<'_>) -> Result<(), RecoveryError>,
    ) -> Result<(), RecoveryError> {
        let header = fragment.header;
        if header.first && header.last {
            self.begun = None;
            let (location, end, body) = (fragment.location, fragment.end, fragment.body);
            return visit(WalkedRecord { location, end, epoch, kind: header.kind, run: header.run, body });
        }
        if header.first {
            let body = fragment.body.to_vec();
            self.begun = Some(Begun { location: fragment.location, kind: header.kind, run: header.run, body });
            return Ok(());
        }
        // Without a first fragment it is the rest of a record that began in a freed segment.
        let Some(record) = self.begun.as_mut() else { return Ok(()) };
        record.body.extend_from_slice(fragment.body);
        if record.body.len() > RECORD_BYTES_MAX || record.kind != header.kind {
            self.begun = None;
        } else if header.last
            && let Some(Begun { location, kind, run, body }) = self.begun.take()
        {
            return visit(WalkedRecord { location, end: fragment.end, epoch, kind, run, body: &body });
        }
        Ok(())
    }
}

/// Gives all records of `[from, end)` that begin there, with the walk free for other reads meanwhile.
///
/// # Errors
/// When a block cannot be read, or when `visit` says so.
pub(crate) fn walk_records(
    walk: &mut BlockWalk<'_>,
    lane: LaneId,
    from: Lsn,
    end: Lsn,
    visit: &mut dyn FnMut(&mut BlockWalk<'_>, WalkedRecord<'_>) -> Result<(), RecoveryError>,
) -> Result<(), RecoveryError> {
    let mut block = Vec::new();
    let mut assembler = Assembler::new();
    let mut at = from;
    walk.expect(Some(from..end));
    while at < end {
        copy_block(walk, at, &mut block)?;
        let view = BlockView::parse_with(&block, lane, at, walk.checks()).map_err(|_| changed(walk, at))?;
        for fragment in view.fragments() {
            assembler.take(&fragment, view.header.epoch, &mut |record| visit(walk, record))?;
        }
        at = view.header.end();
    }
    Ok(())
}

/// The body of the record that begins at `location`.
pub(crate) fn read_record(
    walk: &mut BlockWalk<'_>,
    lane: LaneId,
    location: Location,
) -> Result<Vec<u8>, RecoveryError> {
    let (mut at, mut offset) = (location.block(), location.offset());
    let (mut block, mut body) = (Vec::new(), Vec::new());
    loop {
        copy_block(walk, at, &mut block)?;
        let view = BlockView::parse_with(&block, lane, at, walk.checks()).map_err(|_| changed(walk, at))?;
        let fragment = view.record_at(offset).ok_or_else(|| changed(walk, at))?;
        body.extend_from_slice(fragment.body);
        if fragment.header.last {
            return Ok(body);
        }
        if body.len() > RECORD_BYTES_MAX {
            return Err(changed(walk, at));
        }
        (at, offset) = (view.header.end(), crate::limits::BLOCK_HEADER_BYTES as u32);
    }
}

fn copy_block(walk: &mut BlockWalk<'_>, at: Lsn, into: &mut Vec<u8>) -> Result<(), RecoveryError> {
    match walk.block_at(at)? {
        Found::Block(view) => {
            into.clear();
            into.extend_from_slice(view.bytes());
            Ok(())
        }
        Found::Unreadable(error) => Err(RecoveryError::Io(error)),
        Found::Not(_) | Found::NoFile => Err(changed(walk, at)),
    }
}

/// The scan found the block sound a moment ago: whatever it is now, it is the disk's doing.
fn changed(walk: &BlockWalk<'_>, at: Lsn) -> RecoveryError {
    RecoveryError::Io(IoError::from_errno(Operation::Read, EIO).at(&walk.path_of(at)))
}

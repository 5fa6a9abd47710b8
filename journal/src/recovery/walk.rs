//! Reading a lane block by block through a window, wherever its segments lie. Scan, replay and tools go this way.

use std::path::PathBuf;

use crate::block::{BlockError, BlockView, Checks};
use crate::buffer::AlignedBuffer;
use crate::error::{EIO, IoError};
use crate::geometry::Geometry;
use crate::ids::{LaneId, Lsn, SegmentSequence};
use crate::limits::{BLOCK_BYTES_MAX, PAGE_BYTES};
use crate::storage::{Access, FileHandle, Storage};
use crate::store::{StoreLayout, StoreShape};

/// What stands at a position.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// The block that belongs there; its chain is not checked yet.
    Block(BlockView<'a>),
    /// Something else.
    Not(BlockError),
    /// There is no such file, or it is shorter.
    NoFile,
    /// The disk refuses.
    Unreadable(IoError),
}

/// A reader of one lane.
pub(crate) struct BlockWalk<'a> {
    storage: &'a mut dyn Storage,
    layout: &'a StoreLayout,
    lane: LaneId,
    geometry: Geometry,
    checks: Checks,
    window: AlignedBuffer,
    /// Where the window begins, and how much of it is filled.
    filled: (Lsn, usize),
    open: Option<(SegmentSequence, FileHandle)>,
}

/// The window: two of the largest blocks, so that each read brings at least one whole block.
const WINDOW_BYTES: usize = 2 * BLOCK_BYTES_MAX;

impl<'a> BlockWalk<'a> {
    pub(crate) fn new(
        storage: &'a mut dyn Storage,
        layout: &'a StoreLayout,
        shape: &StoreShape,
        lane: LaneId,
        checks: Checks,
    ) -> Self {
        let geometry = shape.geometry(lane);
        let payload = usize::try_from(geometry.payload_bytes()).unwrap_or(WINDOW_BYTES);
        let window = AlignedBuffer::new(WINDOW_BYTES.min(payload));
        Self { storage, layout, lane, geometry, checks, window, filled: (Lsn::ZERO, 0), open: None }
    }

    pub(crate) const fn checks(&self) -> Checks {
        self.checks
    }

    pub(crate) fn path_of(&self, lsn: Lsn) -> PathBuf {
        self.layout.segment(self.lane, self.geometry.place(lsn).0)
    }

    /// The block that begins at `lsn`.
    ///
    /// # Errors
    /// When the disk cannot be asked at all (permissions, too many open files): no reason to call data missing.
    pub(crate) fn block_at(&mut self, lsn: Lsn) -> Result<Found<'_>, IoError> {
        let mut needed = PAGE_BYTES;
        let mut error = BlockError::Incomplete { needed };
        // Twice: the first page tells how long the block is.
        for _ in 0..2 {
            match self.ensure(lsn, needed)? {
                Ensured::Ready => {}
                Ensured::NoFile => return Ok(Found::NoFile),
                Ensured::Unreadable(error) => return Ok(Found::Unreadable(error)),
            }
            match BlockView::parse_with(self.bytes(lsn), self.lane, lsn, self.checks) {
                // Looked at again for its borrow alone: the checksum, which costs most of a look, has been right.
                Ok(_) => return self.sound(lsn),
                Err(found) => error = found,
            }
            match error {
                BlockError::Incomplete { needed: more } if more > needed => needed = more,
                _ => break,
            }
        }
        let seems_none = matches!(error, BlockError::NotABlock | BlockError::Elsewhere { .. });
        Ok(Found::Not(if seems_none && self.hides(lsn)? { BlockError::Damaged } else { error }))
    }

    /// The block at `lsn`, which has been found sound.
    fn sound(&self, lsn: Lsn) -> Result<Found<'_>, IoError> {
        let checks = Checks { crc: false, ..self.checks };
        Ok(match BlockView::parse_with(self.bytes(lsn), self.lane, lsn, checks) {
            Ok(view) => Found::Block(view),
            Err(error) => Found::Not(error),
        })
    }

    /// Whether what seems to be no block of this place is one whose magic, lane or LSN alone is damaged.
    fn hides(&mut self, lsn: Lsn) -> Result<bool, IoError> {
        let (segment, _) = self.geometry.place(lsn);
        let rest = usize::try_from(self.geometry.start(segment.next()).since(lsn)).unwrap_or(BLOCK_BYTES_MAX);
        let longest = rest.min(BLOCK_BYTES_MAX);
        let is_here = self.checks.crc && matches!(self.ensure(lsn, longest)?, Ensured::Ready);
        Ok(is_here && BlockView::is_disguised(self.bytes(lsn), self.lane, lsn))
    }

    /// What the window holds from `lsn` on.
    fn bytes(&self, lsn: Lsn) -> &[u8] {
        let (start, length) = self.filled;
        let from = usize::try_from(lsn.since(start)).unwrap_or(usize::MAX);
        self.window.as_ref().get(..length).and_then(|window| window.get(from..)).unwrap_or_default()
    }

    /// Makes the window hold `needed` bytes from `lsn` on, or as many as the segment has.
    fn ensure(&mut self, lsn: Lsn, needed: usize) -> Result<Ensured, IoError> {
        let (start, length) = self.filled;
        if lsn >= start && lsn.since(start) + needed as u64 <= length as u64 {
            return Ok(Ensured::Ready);
        }
        let (segment, offset) = self.geometry.place(lsn);
        let Some(file) = self.file(segment)? else { return Ok(Ensured::NoFile) };
        let rest = self.geometry.start(segment.next()).since(lsn);
        let window = usize::try_from(rest).unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
        self.filled = (lsn, 0);
        match self.read(file, offset, window) {
            // One bad sector must not hide its neighbours: ask for exactly what is needed.
            Err(error) if error.errno == EIO => match self.read(file, offset, needed.min(window)) {
                Ok(count) => self.filled.1 = count,
                Err(error) if error.errno == EIO => return Ok(Ensured::Unreadable(error)),
                Err(error) => return Err(error),
            },
            Ok(count) => self.filled.1 = count,
            Err(error) => return Err(error),
        }
        Ok(if self.filled.1 < PAGE_BYTES { Ensured::NoFile } else { Ensured::Ready })
    }

    fn read(&mut self, file: FileHandle, offset: u64, bytes: usize) -> Result<usize, IoError> {
        self.storage.read_at(file, offset, self.window.as_mut().get_mut(..bytes).unwrap_or_default())
    }

    fn file(&mut self, segment: SegmentSequence) -> Result<Option<FileHandle>, IoError> {
        if let Some((open, file)) = self.open {
            if open == segment {
                return Ok(Some(file));
            }
            self.storage.close(file);
            self.open = None;
        }
        match self.storage.open(&self.layout.segment(self.lane, segment), Access::Read) {
            Ok(file) => {
                self.open = Some((segment, file));
                Ok(Some(file))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for BlockWalk<'_> {
    fn drop(&mut self) {
        if let Some((_, file)) = self.open.take() {
            self.storage.close(file);
        }
    }
}

enum Ensured {
    Ready,
    NoFile,
    Unreadable(IoError),
}

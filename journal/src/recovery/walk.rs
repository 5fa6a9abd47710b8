//! Reading a lane block by block through a window, wherever its segments lie. Scan, replay and tools go this way.

use std::ops::Range;
use std::path::PathBuf;

use super::window::{Ensured, Window};
use crate::block::{BlockError, BlockView, Checks};
use crate::error::IoError;
use crate::ids::{LaneId, Lsn};
use crate::limits::{BLOCK_BYTES_MAX, PAGE_BYTES, READ_PIECE_BYTES};
use crate::storage::Storage;
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
    window: Window<'a>,
    lane: LaneId,
    checks: Checks,
    layout: &'a StoreLayout,
}

impl<'a> BlockWalk<'a> {
    /// For many blocks, mostly one after the other.
    pub(crate) fn new(
        storage: &'a mut dyn Storage,
        layout: &'a StoreLayout,
        shape: &StoreShape,
        lane: LaneId,
        checks: Checks,
    ) -> Self {
        let window = Window::new(storage, layout, shape, lane, READ_PIECE_BYTES);
        Self { window, lane, checks, layout }
    }

    /// For a block here and there: no more is read than it takes.
    pub(crate) fn for_single(
        storage: &'a mut dyn Storage,
        layout: &'a StoreLayout,
        shape: &StoreShape,
        lane: LaneId,
        checks: Checks,
    ) -> Self {
        let window = Window::new(storage, layout, shape, lane, PAGE_BYTES);
        Self { window, lane, checks, layout }
    }

    /// Says what will be looked at next, in ascending order, so that it can be read meanwhile.
    pub(crate) fn expect(&mut self, ranges: impl IntoIterator<Item = Range<Lsn>>) {
        self.window.expect(ranges);
    }

    pub(crate) const fn checks(&self) -> Checks {
        self.checks
    }

    pub(crate) fn path_of(&self, lsn: Lsn) -> PathBuf {
        self.layout.segment(self.lane, self.window.geometry().place(lsn).0)
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
            match self.window.ensure(lsn, needed)? {
                Ensured::Ready => {}
                Ensured::NoFile => return Ok(Found::NoFile),
                Ensured::Unreadable(error) => return Ok(Found::Unreadable(error)),
            }
            match BlockView::parse_with(self.window.bytes(lsn), self.lane, lsn, self.checks) {
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
        Ok(match BlockView::parse_with(self.window.bytes(lsn), self.lane, lsn, checks) {
            Ok(view) => Found::Block(view),
            Err(error) => Found::Not(error),
        })
    }

    /// Whether what seems to be no block of this place is one whose magic, lane or LSN alone is damaged.
    fn hides(&mut self, lsn: Lsn) -> Result<bool, IoError> {
        let length = BlockView::disguised_bytes(self.window.bytes(lsn), self.lane, lsn).filter(|_| self.checks.crc);
        let Some(length) = length.filter(|length| *length <= BLOCK_BYTES_MAX) else { return Ok(false) };
        let is_here = matches!(self.window.ensure(lsn, length)?, Ensured::Ready);
        Ok(is_here && BlockView::is_disguised(self.window.bytes(lsn), self.lane, lsn))
    }
}

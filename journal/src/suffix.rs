//! Reading a part of a lane back as it was written, block after block, to send it to another copy. Decides what to read and checks what was
//! read; does no I/O, so that the ring driver and the blocking one share it.
//!
//! Takes the border where it begins and up to where the lane is durable; gives whole blocks in pieces of at most
//! [`SYNC_CHUNK_BYTES_MAX`](crate::SYNC_CHUNK_BYTES_MAX). What must stay true: no block leaves that is damaged or does not follow the one before.

use crate::block::{BlockError, BlockView};
use crate::border::{Border, ChainEnd};
use crate::buffer::AlignedBuffer;
use crate::geometry::Geometry;
use crate::ids::{LaneId, Lsn};
use crate::limits::SYNC_CHUNK_BYTES_MAX;
use crate::reader::{ReadError, ReadRecordError, ReadRequest};
use crate::storage::{Access, Storage};
use crate::store::StoreLayout;

/// A part of a lane on its way out.
#[derive(Clone, Debug)]
pub struct SuffixRead {
    lane: LaneId,
    geometry: Geometry,
    at: ChainEnd,
    to: Lsn,
}

impl SuffixRead {
    /// From a border on. `to` is a border too, and the lane is durable up to there.
    #[must_use]
    pub const fn new(lane: LaneId, geometry: Geometry, from: Border, to: Lsn) -> Self {
        Self { lane, geometry, at: ChainEnd::at(from), to }
    }

    /// The lane is durable up to here by now, and all of it is wanted.
    pub fn extend(&mut self, to: Lsn) {
        self.to = self.to.max(to);
    }

    /// How far it has come.
    #[must_use]
    pub const fn at(&self) -> Border {
        self.at.border
    }

    /// What to read next; `None` when there is nothing.
    #[must_use]
    pub fn next(&self) -> Option<ReadRequest> {
        let at = self.at.border.lsn;
        let (segment, offset) = self.geometry.place(at);
        let rest = self.to.min(self.geometry.start(segment.next())).since(at);
        let bytes = usize::try_from(rest).unwrap_or(SYNC_CHUNK_BYTES_MAX).min(SYNC_CHUNK_BYTES_MAX);
        (bytes > 0).then_some(ReadRequest { segment, offset, bytes })
    }

    /// Takes the bytes of the last request; gives the whole blocks that they begin with.
    ///
    /// # Errors
    /// When the next block is not in them, or is not the one that was written. Nothing of it is given; another copy may have it.
    pub fn supply<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], ReadError> {
        let mut taken = 0;
        while self.at.border.lsn < self.to {
            let rest = bytes.get(taken..).unwrap_or_default();
            let lsn = self.at.border.lsn;
            let failed = |found| ReadError { lane: self.lane, block: lsn, found: Some(found) };
            let view = match BlockView::parse(rest, self.lane, lsn) {
                Ok(view) => view,
                Err(BlockError::Incomplete { .. }) if taken > 0 => break,
                Err(error) => return Err(failed(error)),
            };
            if !self.at.is_followed_by(&view) || view.header.end() > self.to {
                return Err(failed(BlockError::Damaged));
            }
            self.at = ChainEnd::behind(&view);
            taken += view.bytes().len();
            if taken >= bytes.len() {
                break;
            }
        }
        Ok(bytes.get(..taken).unwrap_or_default())
    }
}

/// Reads the next piece through a blocking storage into `window`, of at least [`SYNC_CHUNK_BYTES_MAX`] bytes; `None` when there is none.
///
/// # Errors
/// When the disk fails, or what it gives is not what was written.
pub fn read_suffix<'a>(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    read: &mut SuffixRead,
    window: &'a mut AlignedBuffer,
) -> Result<Option<&'a [u8]>, ReadRecordError> {
    let Some(ReadRequest { segment, offset, bytes }) = read.next() else { return Ok(None) };
    let file = storage.open(&layout.segment(read.lane, segment), Access::Read).map_err(ReadRecordError::Io)?;
    let got = storage.read_at(file, offset, window.as_mut().get_mut(..bytes).unwrap_or_default());
    storage.close(file);
    let (got, window): (usize, &'a AlignedBuffer) = (got.map_err(ReadRecordError::Io)?, window);
    read.supply(window.as_ref().get(..got).unwrap_or_default()).map(Some).map_err(ReadRecordError::Read)
}

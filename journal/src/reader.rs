//! Reading a record back by its location: decides what to read, checks what was read, puts the fragments together. Does no I/O, so that the
//! ring driver and the blocking one share it.
//!
//! ```text
//! let mut read = RecordRead::new(lane, geometry, location, length);
//! loop { match read.next() { Step::Read(request) => supply(bytes of request), Step::Done => break } }
//! ```

use std::fmt;

use crate::block::{BlockError, BlockView};
use crate::geometry::Geometry;
use crate::ids::{LaneId, Location, Lsn, SegmentSequence};
use crate::limits::{BLOCK_HEADER_BYTES, FRAGMENT_HEADER_BYTES, PAGE_BYTES, RECORD_BYTES_MAX, RUN_BYTES};
use crate::record::RecordKind;
use crate::storage::{Access, Storage};
use crate::store::{StoreLayout, StoreShape};

/// An aligned read of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// Which file.
    pub segment: SegmentSequence,
    /// Where in the file, the segment header included.
    pub offset: u64,
    /// How many bytes: whole pages, at most a block.
    pub bytes: usize,
}

/// Why a record cannot be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Of which lane.
    pub lane: LaneId,
    /// The block that is not as it should be.
    pub block: Lsn,
    /// What it is instead; `None` if the block is sound and no such record begins there.
    pub found: Option<BlockError>,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Some(BlockError::Damaged) => {
                write!(f, "the block at {} of lane {} is damaged on disk", self.block, self.lane)
            }
            Some(_) => {
                write!(f, "the block at {} of lane {} is not on disk where it should be", self.block, self.lane)
            }
            None => write!(f, "no such record begins in the block at {} of lane {}", self.block, self.lane),
        }
    }
}

impl std::error::Error for ReadError {}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read this and [`RecordRead::supply`] it.
    Read(ReadRequest),
    /// The record is complete.
    Done,
}

/// A record on its way back.
#[derive(Debug)]
pub struct RecordRead {
    lane: LaneId,
    geometry: Geometry,
    /// The block to read next, how much of it, and where the fragment begins in it.
    block: Lsn,
    bytes: usize,
    offset: u32,
    kind: Option<RecordKind>,
    body: Vec<u8>,
    done: bool,
}

impl RecordRead {
    /// For the record at `location`, whose body has `length` bytes as far as the caller remembers (0 if it does not).
    #[must_use]
    pub fn new(lane: LaneId, geometry: Geometry, location: Location, length: usize) -> Self {
        let block = location.block();
        let reach = location.offset() as usize + FRAGMENT_HEADER_BYTES + RUN_BYTES + length.min(RECORD_BYTES_MAX);
        let bytes = reach.next_multiple_of(PAGE_BYTES).min(geometry.block_bytes_max(block));
        let body = Vec::with_capacity(length.min(RECORD_BYTES_MAX));
        Self { lane, geometry, block, bytes, offset: location.offset(), kind: None, body, done: false }
    }

    /// What to do next.
    #[must_use]
    pub const fn next(&self) -> Step {
        if self.done {
            return Step::Done;
        }
        let (segment, offset) = self.geometry.place(self.block);
        Step::Read(ReadRequest { segment, offset, bytes: self.bytes })
    }

    /// Takes the bytes of the last request.
    ///
    /// # Errors
    /// When they are not the block, or when no such record is in it. The record is not readable then; nothing wrong was delivered.
    pub fn supply(&mut self, bytes: &[u8]) -> Result<Step, ReadError> {
        let failed = |found| ReadError { lane: self.lane, block: self.block, found };
        let view = match BlockView::parse(bytes, self.lane, self.block) {
            Ok(view) => view,
            // The block is longer than what was asked for: the whole of it is needed to check it.
            Err(BlockError::Incomplete { needed }) if needed > self.bytes => {
                self.bytes = needed;
                return Ok(self.next());
            }
            Err(error) => return Err(failed(Some(error))),
        };
        let fragment = view.record_at(self.offset).ok_or(failed(None))?;
        let first = self.kind.is_none();
        let fits = fragment.header.first == first && self.kind.is_none_or(|kind| kind == fragment.header.kind);
        if !fits || self.body.len() + fragment.body.len() > RECORD_BYTES_MAX {
            return Err(failed(None));
        }
        self.body.extend_from_slice(fragment.body);
        self.kind = Some(fragment.header.kind);
        self.done = fragment.header.last;
        self.block = view.header.end();
        self.offset = BLOCK_HEADER_BYTES as u32;
        let rest = BLOCK_HEADER_BYTES + FRAGMENT_HEADER_BYTES + (self.body.capacity() - self.body.len());
        self.bytes = rest.next_multiple_of(PAGE_BYTES).min(self.geometry.block_bytes_max(self.block));
        Ok(self.next())
    }

    /// The kind and the body, once done.
    #[must_use]
    pub fn finish(self) -> Option<(RecordKind, Vec<u8>)> {
        let kind = self.kind.filter(|_| self.done)?;
        Some((kind, self.body))
    }
}

/// Why a blocking read failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadRecordError {
    /// The disk said no.
    Io(crate::error::IoError),
    /// What it gave is not the record.
    Read(ReadError),
}

impl fmt::Display for ReadRecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record could not be read back")
    }
}

impl std::error::Error for ReadRecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Read(error) => Some(error),
        }
    }
}

/// Reads a record through a blocking storage.
///
/// # Errors
/// When the disk fails or the record is not sound.
pub fn read_record(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
    location: Location,
    length: usize,
) -> Result<(RecordKind, Vec<u8>), ReadRecordError> {
    let mut read = RecordRead::new(lane, shape.geometry(lane), location, length);
    let mut buffer = crate::buffer::AlignedBuffer::block();
    while let Step::Read(ReadRequest { segment, offset, bytes }) = read.next() {
        let file = storage.open(&layout.segment(lane, segment), Access::Read).map_err(ReadRecordError::Io)?;
        let got = storage.read_at(file, offset, buffer.as_mut().get_mut(..bytes).unwrap_or_default());
        storage.close(file);
        let got = got.map_err(ReadRecordError::Io)?;
        read.supply(buffer.as_ref().get(..got).unwrap_or_default()).map_err(ReadRecordError::Read)?;
    }
    let missing = ReadError { lane, block: location.block(), found: None };
    read.finish().ok_or(ReadRecordError::Read(missing))
}

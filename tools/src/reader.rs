//! The bytes of a lane by position, read forward in streams; goes back where it is asked to, and page by page where the disk refuses.
//!
//! Takes positions; gives bytes that begin there. Must stay true: what it keeps is bounded by a chunk and the largest block.

use std::path::PathBuf;

use journal::{
    Access, AlignedBuffer, BLOCK_BYTES_MAX, FileHandle, FileStorage, Geometry, IoError, LaneId, Lsn, PAGE_BYTES,
    SegmentSequence, Storage as _, StoreLayout,
};

use crate::source::{Source, Stream};

/// What stands at a position.
pub(crate) enum Bytes<'a> {
    /// As many bytes as were asked for, or as the segment has.
    Here(&'a [u8]),
    /// There is no such file, or it is shorter.
    NoFile,
    /// The disk, or the system, refuses.
    Refused(IoError),
}

/// A reader of one lane.
pub(crate) struct LaneReader<'a> {
    source: &'a mut dyn Source,
    layout: &'a StoreLayout,
    lane: LaneId,
    geometry: Geometry,
    stream: Option<(SegmentSequence, Box<dyn Stream>)>,
    buffer: Vec<u8>,
    /// The position of the first byte of the buffer.
    start: Lsn,
    /// The segment whose stream failed: it is read page by page.
    by_page: Option<SegmentSequence>,
    page: AlignedBuffer,
    page_file: Option<(SegmentSequence, FileHandle)>,
    storage: FileStorage,
    /// How much was read from disk since the last question.
    read: u64,
}

/// Bytes before the position in demand that are kept before the buffer is moved.
const BEHIND_BYTES: usize = 4 * BLOCK_BYTES_MAX;

impl<'a> LaneReader<'a> {
    pub(crate) fn new(
        source: &'a mut dyn Source,
        layout: &'a StoreLayout,
        lane: LaneId,
        geometry: Geometry,
    ) -> LaneReader<'a> {
        Self {
            source,
            layout,
            lane,
            geometry,
            stream: None,
            buffer: Vec::new(),
            start: Lsn::ZERO,
            by_page: None,
            page: AlignedBuffer::block(),
            page_file: None,
            storage: FileStorage::new(),
            read: 0,
        }
    }

    /// How many bytes came from disk since this was last asked.
    pub(crate) fn take_read(&mut self) -> u64 {
        std::mem::take(&mut self.read)
    }

    /// The file of a position, and the offset there.
    pub(crate) fn place(&self, lsn: Lsn) -> (PathBuf, u64) {
        let (segment, offset) = self.geometry.place(lsn);
        (self.layout.segment(self.lane, segment), offset)
    }

    /// Forgets what was read ahead: a live store may have it otherwise by now.
    pub(crate) fn forget(&mut self) {
        self.stream = None;
        self.buffer.clear();
    }

    /// The bytes from `lsn` on: `needed` of them, at most a block, or what the segment has.
    pub(crate) fn at(&mut self, lsn: Lsn, needed: usize) -> Bytes<'_> {
        let (segment, offset) = self.geometry.place(lsn);
        if self.by_page == Some(segment) {
            return self.pages(segment, lsn, needed);
        }
        let open = self.stream.as_ref().is_some_and(|(of, _)| *of == segment);
        let filled_to = self.start.plus(self.buffer.len() as u64);
        if !open || lsn < self.start || lsn > filled_to {
            self.forget();
            match self.source.open(&self.layout.segment(self.lane, segment), offset) {
                Ok(stream) => self.stream = Some((segment, stream)),
                Err(error) if error.is_not_found() => return Bytes::NoFile,
                Err(error) => return Bytes::Refused(error),
            }
            self.start = lsn;
        }
        let behind = usize::try_from(lsn.since(self.start)).unwrap_or(usize::MAX);
        if behind > BEHIND_BYTES {
            self.buffer.drain(..behind.min(self.buffer.len()));
            self.start = lsn;
        }
        if self.fill(lsn, needed).is_err() {
            self.by_page = Some(segment);
            self.forget();
            return self.pages(segment, lsn, needed);
        }
        let behind = usize::try_from(lsn.since(self.start)).unwrap_or(usize::MAX);
        let end = usize::try_from(self.geometry.start(segment.next()).since(self.start)).unwrap_or(usize::MAX);
        match self.buffer.get(behind..end.min(self.buffer.len())) {
            Some(bytes) if bytes.len() >= PAGE_BYTES => Bytes::Here(bytes),
            _ => Bytes::NoFile,
        }
    }

    /// Reads on until the buffer holds `needed` bytes from `lsn` on, or the file ends.
    fn fill(&mut self, lsn: Lsn, needed: usize) -> Result<(), IoError> {
        let wanted = lsn.since(self.start).saturating_add(needed as u64);
        while (self.buffer.len() as u64) < wanted {
            let Some((_, stream)) = self.stream.as_mut() else { break };
            let Some(chunk) = stream.next()? else { break };
            self.read += chunk.len() as u64;
            self.buffer.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// One plain read of exactly what is needed, so that one bad sector does not hide its neighbours.
    fn pages(&mut self, segment: SegmentSequence, lsn: Lsn, needed: usize) -> Bytes<'_> {
        let (_, offset) = self.geometry.place(lsn);
        let file = match self.page_file {
            Some((of, file)) if of == segment => Ok(file),
            _ => {
                if let Some((_, file)) = self.page_file.take() {
                    self.storage.close(file);
                }
                self.storage.open(&self.layout.segment(self.lane, segment), Access::Read)
            }
        };
        let file = match file {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Bytes::NoFile,
            Err(error) => return Bytes::Refused(error),
        };
        self.page_file = Some((segment, file));
        let wanted = needed.clamp(PAGE_BYTES, BLOCK_BYTES_MAX).min(self.geometry.block_bytes_max(lsn));
        match self.storage.read_at(file, offset, self.page.as_mut().get_mut(..wanted).unwrap_or_default()) {
            Ok(count) if count < PAGE_BYTES => Bytes::NoFile,
            Ok(count) => {
                self.read += count as u64;
                Bytes::Here(self.page.as_ref().get(..count).unwrap_or_default())
            }
            Err(error) => Bytes::Refused(error),
        }
    }
}

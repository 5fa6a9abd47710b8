//! Plain reads, one after the other, past the page cache where the file system can.

use std::path::Path;

use journal::{Access, AlignedBuffer, FileHandle, FileStorage, IoError, Storage as _};

use super::{CHUNK_BYTES, Source, Stream};

/// Needs nothing of the system.
pub(crate) struct PlainSource;

struct PlainStream {
    storage: FileStorage,
    file: FileHandle,
    at: u64,
    buffer: AlignedBuffer,
}

impl Source for PlainSource {
    fn open(&mut self, path: &Path, from: u64) -> Result<Box<dyn Stream>, IoError> {
        let mut storage = FileStorage::new();
        let file = storage.open(path, Access::Read)?;
        Ok(Box::new(PlainStream { storage, file, at: from, buffer: AlignedBuffer::new(CHUNK_BYTES) }))
    }
}

impl Stream for PlainStream {
    fn next(&mut self) -> Result<Option<Vec<u8>>, IoError> {
        let count = self.storage.read_at(self.file, self.at, self.buffer.as_mut())?;
        self.at += count as u64;
        let bytes = self.buffer.as_ref().get(..count).unwrap_or_default();
        Ok((count > 0).then(|| bytes.to_vec()))
    }
}

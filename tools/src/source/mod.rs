//! Where the bytes of a segment come from: streams that read ahead, on a ring or plainly.
//!
//! Must stay true: both give the same bytes in the same order, and neither keeps more than a few chunks in memory.

mod plain;
mod ring;

use std::path::Path;

use journal::IoError;

use crate::arguments::Reader;
use crate::output::say;
pub(crate) use plain::PlainSource;
use ring::RingSource;

/// The most bytes of one chunk.
const CHUNK_BYTES: usize = 256 * 1024;

/// A file from some position on.
pub(crate) trait Stream {
    /// The next bytes; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<Vec<u8>>, IoError>;
}

/// Opens streams.
pub(crate) trait Source {
    /// The file from `from` on, which is a multiple of 4096.
    fn open(&mut self, path: &Path, from: u64) -> Result<Box<dyn Stream>, IoError>;
}

/// The source that was asked for. Where there is no ring, one line says so, and plain reads take its place.
pub(crate) fn open(reader: Reader) -> Box<dyn Source> {
    if reader == Reader::Plain {
        return Box::new(PlainSource);
    }
    match RingSource::start() {
        Ok(source) => Box::new(source),
        Err(reason) => {
            say(&format!("no io_uring here ({reason}); using plain reads, which is slower and finds the same"));
            Box::new(PlainSource)
        }
    }
}

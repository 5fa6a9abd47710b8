//! `sync = auto`: which way of making a write durable is faster on this disk, measured once when the store is created.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::blocking::SyncMode;
use crate::buffer::AlignedBuffer;
use crate::error::IoError;
use crate::limits::{BLOCK_BYTES_MAX, PAGE_BYTES};
use crate::storage::{Access, FileHandle, Storage, create_filled};

/// How long each way is measured.
const MEASURE: Duration = Duration::from_millis(100);
/// Writes go round in a file of this size.
const PROBE_BYTES: u64 = 4 * BLOCK_BYTES_MAX as u64;

/// Measures both ways, one write at a time, in a file of this directory that is removed again. A driver that keeps several writes in flight
/// may measure for itself and record its own answer.
///
/// # Errors
/// When the disk fails.
pub fn probe_sync(storage: &mut dyn Storage, directory: &Path) -> Result<SyncMode, IoError> {
    let path = directory.join("probe");
    create_filled(storage, &path, PROBE_BYTES, &[0; PAGE_BYTES])?;
    let measured = measure(storage, &path, SyncMode::Dsync)
        .and_then(|dsync| measure(storage, &path, SyncMode::Fdatasync).map(|fdatasync| (dsync, fdatasync)));
    storage.delete(&path)?;
    let (dsync, fdatasync) = measured?;
    Ok(if dsync >= fdatasync { SyncMode::Dsync } else { SyncMode::Fdatasync })
}

/// How many pages became durable in the time.
fn measure(storage: &mut dyn Storage, path: &Path, mode: SyncMode) -> Result<u64, IoError> {
    let access = if mode == SyncMode::Dsync { Access::WriteDurable } else { Access::Write };
    let file = storage.open(path, access)?;
    let counted = count(storage, file, mode);
    storage.close(file);
    counted
}

fn count(storage: &mut dyn Storage, file: FileHandle, mode: SyncMode) -> Result<u64, IoError> {
    let page = AlignedBuffer::new(PAGE_BYTES);
    let begun = Instant::now();
    let mut count = 0_u64;
    while begun.elapsed() < MEASURE {
        storage.write_at(file, count * PAGE_BYTES as u64 % PROBE_BYTES, page.as_ref())?;
        if mode == SyncMode::Fdatasync {
            storage.sync(file)?;
        }
        count += 1;
    }
    Ok(count)
}

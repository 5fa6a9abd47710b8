//! The bare program: durable writes of given lengths, one after the other, and nothing else.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{FallocateFlags, OFlag, fallocate};

use super::aligned::Aligned;
use crate::measure::device::{Counters, Device};

/// Zeros are written in pieces of this length.
const ZEROS: usize = 1024 * 1024;

/// What is in the file before the writes that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// Zeros, written and flushed: as the journal's segments.
    Filled,
    /// Nothing: each write makes it longer.
    Growing,
}

/// Writes blocks of these lengths, each durable before the next, and gives what the device was asked for.
pub(super) fn write(
    device: &Device,
    path: &Path,
    sync: &str,
    ground: Ground,
    lens: &[u64],
) -> Result<Counters, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = prepared(path, sync, ground, lens.iter().sum()).map_err(failed)?;
    let longest = lens.iter().max().copied().unwrap_or(0);
    let buffer = Aligned::filled(usize::try_from(longest).unwrap_or(0), b'x');
    device.sync()?;
    let before = device.still()?;
    let mut at = 0;
    for len in lens {
        file.write_all_at(buffer.first(usize::try_from(*len).unwrap_or(0)), at).map_err(failed)?;
        if sync != "dsync" {
            file.sync_data().map_err(failed)?;
        }
        at += len;
    }
    let counted = device.still()?.since(&before);
    drop(file);
    std::fs::remove_file(path).map_err(failed)?;
    device.sync()?;
    Ok(counted)
}

fn prepared(path: &Path, sync: &str, ground: Ground, bytes: u64) -> std::io::Result<File> {
    // O_DSYNC on the file is RWF_DSYNC on each of its writes.
    let durable = if sync == "dsync" { OFlag::O_DSYNC } else { OFlag::empty() };
    let flags = (OFlag::O_DIRECT | durable).bits();
    let file = OpenOptions::new().write(true).create_new(true).custom_flags(flags).open(path)?;
    if ground == Ground::Filled && bytes > 0 {
        fallocate(&file, FallocateFlags::empty(), 0, i64::try_from(bytes).unwrap_or(i64::MAX))?;
        let zeros = Aligned::filled(ZEROS, 0);
        let mut at = 0;
        while at < bytes {
            let len = (bytes - at).min(ZEROS as u64);
            file.write_all_at(zeros.first(usize::try_from(len).unwrap_or(0)), at)?;
            at += len;
        }
    }
    file.sync_all()?;
    Ok(file)
}

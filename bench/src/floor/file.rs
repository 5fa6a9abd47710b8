//! A file for direct writes, filled before anything is measured.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use runtime::AlignedBuffer;

/// Bytes that are written at once.
const PIECE_BYTES: usize = 1024 * 1024;

/// Makes the file and fills it with zeros to its end, so that every later write is an overwrite. `told` hears how far it is.
pub(crate) fn filled(path: &Path, bytes: u64, told: &mut dyn FnMut(u64)) -> Result<File, String> {
    let failed = |what: &str, error: io::Error| format!("{}: {what}: {error}", path.display());
    let flags = (OFlag::O_DIRECT | OFlag::O_CLOEXEC).bits();
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(nix::libc::EINVAL) => format!(
            "{}: this file system refuses direct writes (O_DIRECT); name a folder on a disk with --directory",
            path.display()
        ),
        _ => failed("it cannot be made", error),
    })?;
    let zeros = AlignedBuffer::new(PIECE_BYTES);
    let mut at = 0;
    while at < bytes {
        let piece = usize::try_from(bytes - at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let written = file.write_all_at(zeros.get(..piece).unwrap_or_default(), at);
        written.map_err(|error| failed("it cannot be filled", error))?;
        at += piece as u64;
        told(at);
    }
    file.sync_all().map_err(|error| failed("it cannot be flushed", error))?;
    Ok(file)
}

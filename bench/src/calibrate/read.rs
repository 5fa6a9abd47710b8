//! How fast files that are there can be read: directly, in pieces of 1 MiB, so many in flight as for the bandwidth of reading.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::fcntl::OFlag;

use super::disk::{Disk, Kind, Shape};
use super::{LARGE_BYTES, LARGE_DEPTH};

/// Reads them once, one behind the other; gives the bytes and the time. What is left at the end of a file behind its last whole piece is not read.
///
/// # Errors
///
/// A file that cannot be read directly, or none that has a whole piece.
pub fn read_files(paths: &[PathBuf]) -> Result<(u64, Duration), String> {
    let mut files: Vec<(File, u64)> = Vec::new();
    for path in paths {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECT.bits()).open(path).map_err(failed)?;
        let piece = LARGE_BYTES as u64;
        let bytes = file.metadata().map_err(failed)?.len() / piece * piece;
        files.push((file, bytes));
    }
    let pieces = files.iter().map(|(_, bytes)| bytes).sum::<u64>() / LARGE_BYTES as u64;
    if pieces == 0 {
        return Err(format!("{} files have not a MiB to read", paths.len()));
    }
    let depth = LARGE_DEPTH.min(usize::try_from(pieces).unwrap_or(LARGE_DEPTH));
    let run = Disk::of(files)?.run_count(Shape { kind: Kind::Read, bytes: LARGE_BYTES, depth }, pieces)?;
    Ok((run.latencies.count() * LARGE_BYTES as u64, run.elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_whole_piece_is_read_once() {
        let folder = std::env::temp_dir().join(format!("ringmq-read-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let paths: Vec<PathBuf> = [3, 0, 20]
            .iter()
            .map(|mib| {
                let path = folder.join(format!("{mib}"));
                std::fs::write(&path, vec![7; (mib << 20) + 4096]).unwrap();
                path
            })
            .collect();
        let read = read_files(&paths);
        let nothing = read_files(&paths[1..2]);
        std::fs::remove_dir_all(&folder).unwrap();
        // A file system in memory has no direct reads.
        match read {
            Ok((bytes, _)) => assert_eq!(bytes, 23 << 20),
            Err(why) => assert!(why.contains(&folder.display().to_string()), "{why}"),
        }
        assert!(nothing.is_err());
    }
}

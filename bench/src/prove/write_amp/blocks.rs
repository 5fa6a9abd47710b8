//! The blocks of a store, read from its segment files as `journal/FORMAT.md` draws them (sections 3 to 5).
//!
//! Gives what the broker wrote without asking the broker. Reads directly, so that no page cache stands in between.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::unistd::{Whence, lseek};

use super::aligned::{Aligned, PAGE};

/// The folders of a store that hold lanes.
const FOLDERS: [&str; 3] = ["bindings", "journal", "largemessages"];
/// Segments of a lane that is made ready: the one that is written and two ahead.
const READY: usize = 3;
/// Nothing that is waited for here takes longer, on any disk.
const WITHIN: Duration = Duration::from_secs(120);
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) lsn: u64,
    pub(super) bytes: u64,
    /// Without any it is a seal.
    pub(super) fragments: u64,
}

impl Block {
    pub(super) fn is_seal(&self) -> bool {
        self.fragments == 0
    }
}

/// The blocks of each lane, in order.
pub(super) type Lanes = BTreeMap<String, Vec<Block>>;

/// Waits until every segment that the broker makes in advance is there and written to its end.
pub(super) fn wait_until_filled(data: &Path) -> Result<(), String> {
    wait("the segments were not filled", || {
        let mut segments: BTreeMap<String, usize> = BTreeMap::new();
        for (lane, _, path) in files(data)? {
            let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let len = file.metadata().map_err(|error| format!("{}: {error}", path.display()))?.len();
            // What is reserved and not written is a hole for the file system.
            let hole = lseek(&file, 0, Whence::SeekHole).ok().and_then(|at| u64::try_from(at).ok());
            *segments.entry(lane).or_default() += usize::from(hole == Some(len));
        }
        Ok((!segments.is_empty() && segments.values().all(|count| *count >= READY)).then_some(()))
    })
}

/// Waits until every lane has sealed what it holds, and gives its blocks.
pub(super) fn at_rest(data: &Path) -> Result<Lanes, String> {
    wait("a lane was not sealed", || {
        let lanes = read(data)?;
        let sealed = lanes.values().all(|blocks| blocks.last().is_some_and(Block::is_seal));
        Ok((sealed && !lanes.is_empty()).then_some(lanes))
    })
}

/// The blocks that `later` has beyond `earlier`.
pub(super) fn since(earlier: &Lanes, later: &Lanes) -> Vec<Block> {
    let known = |lane: &String| earlier.get(lane).map_or(0, Vec::len);
    later.iter().flat_map(|(lane, blocks)| blocks.iter().skip(known(lane))).copied().collect()
}

fn wait<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>, String>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if begun.elapsed() > WITHIN {
            return Err(format!("{what} within {WITHIN:?}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The blocks of each lane, as they are now.
pub(super) fn read(data: &Path) -> Result<Lanes, String> {
    let mut lanes = Lanes::new();
    for (lane, sequence, path) in files(data)? {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let options = OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECT.bits()).open(&path);
        let file = options.map_err(failed)?;
        let payload_bytes = file.metadata().map_err(failed)?.len().saturating_sub(PAGE as u64);
        let blocks = lanes.entry(lane).or_default();
        let (mut page, mut at) = (Aligned::filled(PAGE, 0), 0);
        while at < payload_bytes {
            file.read_exact_at(page.all_mut(), at + PAGE as u64).map_err(failed)?;
            let Some(block) = block(page.first(PAGE)).filter(|block| block.lsn == sequence * payload_bytes + at) else {
                break;
            };
            at += block.bytes;
            blocks.push(block);
        }
    }
    Ok(lanes)
}

/// The header of a block. Nothing is verified: the broker does that when it starts.
fn block(page: &[u8]) -> Option<Block> {
    let number = |from: usize, bytes: usize| {
        let field = page.get(from..from + bytes)?;
        Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    let (pages, lsn, fragments) = (number(10, 2)?, number(24, 8)?, number(56, 4)?);
    (page.starts_with(b"RMQB") && pages > 0).then_some(Block { lsn, bytes: pages * PAGE as u64, fragments })
}

/// Lane, sequence and path of each segment, in this order.
fn files(data: &Path) -> Result<Vec<(String, u64, PathBuf)>, String> {
    let mut files = Vec::new();
    for folder in FOLDERS.map(|folder| data.join(folder)) {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some((lane, sequence)) = name.strip_suffix(".seg").and_then(|name| name.split_once('-')) else {
                continue;
            };
            let sequence = u64::from_str_radix(sequence, 16).map_err(|_| format!("{name} has no sequence"))?;
            files.push((lane.to_owned(), sequence, path));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_zeros_are_none() {
        let mut page = vec![0; PAGE];
        assert_eq!(block(&page), None);
        page[..4].copy_from_slice(b"RMQB");
        page[10] = 3;
        page[24..26].copy_from_slice(&[0, 0x10]);
        page[56] = 2;
        let found = block(&page).unwrap();
        assert_eq!(found, Block { lsn: 0x1000, bytes: 3 * 4096, fragments: 2 });
        assert!(!found.is_seal());
    }

    #[test]
    fn only_what_is_new_is_given() {
        let at = |lsn| Block { lsn, bytes: 4096, fragments: 1 };
        let earlier = Lanes::from([("j00".to_owned(), vec![at(0)])]);
        let later = Lanes::from([("b00".to_owned(), vec![at(0)]), ("j00".to_owned(), vec![at(0), at(4096)])]);
        assert_eq!(since(&earlier, &later), [at(0), at(4096)]);
    }
}

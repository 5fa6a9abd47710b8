//! The blocks of a store, read as `journal/FORMAT.md` draws them: sections 3 (positions) and 5 (blocks).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::wire::SOON;

const PAGE: u64 = 4096;
/// Where the payload of a block begins.
pub(crate) const PAYLOAD: u64 = 64;
/// How often is looked for a seal.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A block, as it lies in its file.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) lane: String,
    pub(crate) lsn: u64,
    pub(crate) file: PathBuf,
    pub(crate) at: u64,
    pub(crate) bytes: u64,
    /// None: a seal.
    pub(crate) fragments: u64,
}

/// The blocks of the journal lanes, in the order of lane and LSN.
pub(crate) fn blocks(data: &Path) -> Result<Vec<Block>, String> {
    let folder = data.join("journal");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut blocks = Vec::new();
    for file in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((lane, sequence)) = name.strip_suffix(".seg").and_then(|name| name.split_once('-')) else { continue };
        if !lane.starts_with('j') {
            continue;
        }
        let sequence = u64::from_str_radix(sequence, 16).map_err(|_| format!("{name} has no sequence"))?;
        let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let payload_bytes = bytes.len() as u64 - PAGE;
        let mut at = PAGE;
        while let Some(header) = bytes.get(at as usize..at as usize + PAYLOAD as usize) {
            let number = |from: usize, bytes: usize| {
                let field = header.get(from..from + bytes).unwrap_or_default();
                field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
            };
            let (lsn, pages, fragments) = (number(24, 8), number(10, 2), number(56, 4));
            if !header.starts_with(b"RMQB") || lsn != sequence * payload_bytes + at - PAGE {
                break;
            }
            blocks.push(Block { lane: lane.to_owned(), lsn, file: file.clone(), at, bytes: pages * PAGE, fragments });
            at += pages * PAGE;
        }
    }
    blocks.sort_by_key(|block| (block.lane.clone(), block.lsn));
    Ok(blocks)
}

/// Waits until every journal lane has sealed what it holds: the broker has nothing left to do.
pub(crate) fn wait_for_seals(data: &Path) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let blocks = blocks(data)?;
        let lasts = blocks
            .iter()
            .enumerate()
            .filter(|(at, block)| blocks.get(at + 1).is_none_or(|next| next.lane != block.lane));
        if !blocks.is_empty() && lasts.into_iter().all(|(_, block)| block.fragments == 0) {
            return Ok(());
        }
        if begun.elapsed() > SOON {
            return Err(format!("no seal within {SOON:?}: {blocks:?}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

//! Damaged blocks in the middle of a lane that the operator gives up: they are patched, and what is sound behind them is kept.
//!
//! Takes the place where a scan stopped; finds where the lane goes on, and writes a patch between. What must stay true: what follows a patch
//! is what the lane's writer had put there.
//!
//! # Why that is so
//!
//! The chain cannot tell, for it runs through what is missing. What lies behind is taken only if (1) it is a sound block of this lane, at
//! its own position, and of the very epoch that wrote the last block before: an epoch writes each position once, and what older ones left
//! behind a cut has another number; an epoch that began in the missing piece is not guessed at. And (2) from there the chain goes on without
//! a gap for longer than any block, or up to the lane's end: so it is no picture of blocks that lies in the body of a message, for such a
//! picture ends within its block and cannot know the chain of the block that follows.
//!
//! The blocks of the patch are written last first, so that a crash in between leaves the place as it was: damaged at the same position.

use super::decision::Place;
use super::evidence::{Behind, EVIDENCE_REACH_BYTES};
use super::files::{FileState, LaneFiles};
use super::walk::{BlockWalk, Found};
use crate::block::BlockFlags;
use crate::buffer::AlignedBuffer;
use crate::error::IoError;
use crate::geometry::Geometry;
use crate::ids::{Chain, Lsn};
use crate::limits::{BLOCK_BYTES_MAX, PAGE_BYTES};
use crate::patch::{Before, PATCH_BYTES_MAX, Patch};
use crate::storage::{Access, Storage};
use crate::store::{StoreLayout, StoreShape};

/// Where the lane goes on behind `hole`; `None` if that cannot be proved.
pub(super) fn plan(
    walk: &mut BlockWalk<'_>,
    files: &LaneFiles,
    geometry: Geometry,
    hole: Lsn,
    before: Before,
) -> Result<Option<Patch>, IoError> {
    let mut at = hole.plus(PAGE_BYTES as u64);
    while at < hole.plus(EVIDENCE_REACH_BYTES) {
        if files.state(geometry.place(at).0) != Some(&FileState::Sound) {
            return Ok(None);
        }
        let candidate = match walk.block_at(at)? {
            Found::Block(view) if view.header.epoch == before.epoch && view.header.promised >= before.promised => {
                Some((view.chain, view.header.end()))
            }
            _ => None,
        };
        let Some((next, first_end)) = candidate else {
            at = at.plus(PAGE_BYTES as u64);
            continue;
        };
        let end = chained_to(walk, first_end, next, at.plus(BLOCK_BYTES_MAX as u64))?;
        if end.since(at) > BLOCK_BYTES_MAX as u64 || is_lane_end(walk, files, geometry, end, before.epoch)? {
            return Ok(Some(Patch { from: hole, to: at, next }));
        }
        at = end;
    }
    Ok(None)
}

/// How far blocks follow each other from here on; no farther than the first one behind `enough`.
fn chained_to(walk: &mut BlockWalk<'_>, mut at: Lsn, mut chain: Chain, enough: Lsn) -> Result<Lsn, IoError> {
    while at <= enough {
        match walk.block_at(at)? {
            Found::Block(view) if view.follows(chain) && !view.header.flags.contains(BlockFlags::TERMINATOR) => {
                (at, chain) = (view.header.end(), view.chain);
            }
            _ => break,
        }
    }
    Ok(at)
}

/// Is there nothing of the lane from here on?
fn is_lane_end(
    walk: &mut BlockWalk<'_>,
    files: &LaneFiles,
    geometry: Geometry,
    end: Lsn,
    epoch: u64,
) -> Result<bool, IoError> {
    Ok(Behind::look(walk, files, geometry, (end, Place::Blank), epoch)?.blocks == 0)
}

/// Writes the patch. It is durable when this returns.
pub(super) fn write(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    patch: &Patch,
    before: Before,
) -> Result<(), IoError> {
    let geometry = shape.geometry(before.lane);
    let mut blocks: Vec<(Lsn, AlignedBuffer)> = Vec::new();
    let (mut at, mut chain) = (patch.from, before.chain);
    while at < patch.to {
        let (segment, _) = geometry.place(at);
        let rest = patch.to.min(geometry.start(segment.next())).since(at);
        let bytes = usize::try_from(rest).unwrap_or(PATCH_BYTES_MAX).min(PATCH_BYTES_MAX);
        let Some((buffer, behind)) = patch.block(at, bytes, Before { chain, ..before }) else { break };
        blocks.push((at, buffer));
        (at, chain) = (at.plus(bytes as u64), behind);
    }
    for (at, buffer) in blocks.iter().rev() {
        let (segment, offset) = geometry.place(*at);
        let file = storage.open(&layout.segment(before.lane, segment), Access::Write)?;
        let written = storage.write_at(file, offset, buffer.as_ref()).and_then(|()| storage.sync(file));
        storage.close(file);
        written?;
    }
    Ok(())
}

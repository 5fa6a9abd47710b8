//! Evidence: valid blocks behind the place where a lane's contiguous ones end. Takes the walk and that place, gives how many blocks were found
//! and the furthest promise that one of them carries.
//!
//! # How far a start looks
//!
//! A search that read every segment to its end would make each start, also one after a clean stop, read all that is prepared ahead. Three
//! rules bound it; what must stay true is in parentheses.
//!
//! 1. *On a disk that does what it says*, a write that was reported is there, and all before it in the lane are when it is promised. So the
//!    missing block was in flight when the process or the power went, and what stands behind it overtook it: at most
//!    [`BLOCKS_IN_FLIGHT_MAX`] blocks, so less than [`EVIDENCE_REACH_BYTES`], counted in LSNs, over the borders of segments too. (A lane sends
//!    nothing further off: `lane/flight.rs`.) All of that is read.
//! 2. *On a disk that lies*, what stands behind a lost write was written after it, and goes on without a gap up to the next lost write. So
//!    the reach begins anew behind every block that is found: once there is evidence, all of it is counted, and the promise reported is the
//!    furthest, unless more than the reach is lost in one piece once more.
//! 3. *Where more than the reach is lost in one piece*, samples tell: the first [`SAMPLE_BYTES`] of every segment from the tail's on, and of
//!    every [`SAMPLE_EVERY_BYTES`] in it. A sample holds the beginning of a block and all of that block, whatever the sizes of the blocks
//!    that fill it. A writer begins a segment at its beginning, so the first sample of a segment is the one that counts most.
//!
//! What is passed over: valid blocks behind more than 8 MiB of lost ones, if they fill no sample and nothing was written to the next segment.
//! A promise known from elsewhere (a clean stop, the epoch start of lane j00) finds even that, where it covers them.

use std::ops::Range;

use super::decision::Place;
use super::files::LaneFiles;
use super::walk::{BlockWalk, Found};
use crate::error::IoError;
use crate::geometry::Geometry;
use crate::ids::Lsn;
use crate::limits::{BLOCK_BYTES_MAX, BLOCKS_IN_FLIGHT_MAX, PAGE_BYTES};

/// What can have overtaken a missing block: 8 MiB.
pub(super) const EVIDENCE_REACH_BYTES: u64 = (BLOCKS_IN_FLIGHT_MAX * BLOCK_BYTES_MAX) as u64;
/// How much a sample looks at: in any range of this length that is full of blocks, one begins in the first half and ends in the second.
const SAMPLE_BYTES: u64 = 2 * BLOCK_BYTES_MAX as u64;
/// From the beginning of one sample to that of the next.
const SAMPLE_EVERY_BYTES: u64 = 16 * 1024 * 1024;

const _: () = assert!(SAMPLE_BYTES < SAMPLE_EVERY_BYTES && EVIDENCE_REACH_BYTES.is_multiple_of(PAGE_BYTES as u64));

/// What stands behind the place where a scan stopped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Behind {
    pub(super) blocks: u32,
    pub(super) promised: Lsn,
}

impl Behind {
    /// Looks behind `hole`, where `place` was found. Blocks of epochs before `epoch` were cut away by an earlier start, and are none.
    pub(super) fn look(
        walk: &mut BlockWalk<'_>,
        files: &LaneFiles,
        geometry: Geometry,
        (hole, place): (Lsn, Place),
        epoch: u64,
    ) -> Result<Self, IoError> {
        let mut behind = Self::default();
        if place == Place::Terminator {
            return Ok(behind);
        }
        let mut reach = hole.plus(EVIDENCE_REACH_BYTES);
        walk.expect(files.from(geometry.place(hole).0).flat_map(|segment| {
            let (start, end) = (geometry.start(segment), geometry.start(segment.next()));
            looks(start, start.max(hole)..end, reach)
        }));
        for segment in files.from(geometry.place(hole).0) {
            let (start, end) = (geometry.start(segment), geometry.start(segment.next()));
            let mut at = start.max(hole);
            loop {
                at = next_look(start, at, reach);
                if at >= end {
                    break;
                }
                let step = match walk.block_at(at)? {
                    Found::Block(view) if view.header.epoch >= epoch => {
                        behind.blocks = behind.blocks.saturating_add(1);
                        behind.promised = behind.promised.max(view.header.promised);
                        let (bytes, block_end) = (view.header.bytes() as u64, view.header.end());
                        reach = block_end.plus(EVIDENCE_REACH_BYTES);
                        walk.expect(Some(block_end..reach));
                        bytes
                    }
                    Found::NoFile => end.since(at),
                    Found::Block(_) | Found::Not(_) | Found::Unreadable(_) => PAGE_BYTES as u64,
                };
                at = at.plus(step);
            }
        }
        Ok(behind)
    }
}

/// The first position from `at` on that is looked at, in the segment that begins at `start`.
fn next_look(start: Lsn, at: Lsn, reach: Lsn) -> Lsn {
    let behind_sample = at.since(start) % SAMPLE_EVERY_BYTES;
    if at < reach || behind_sample < SAMPLE_BYTES { at } else { at.plus(SAMPLE_EVERY_BYTES - behind_sample) }
}

/// The ranges that are looked at in a part of the segment that begins at `start`, as long as nothing is found.
fn looks(start: Lsn, part: Range<Lsn>, reach: Lsn) -> impl Iterator<Item = Range<Lsn>> {
    let mut at = part.start;
    std::iter::from_fn(move || {
        let from = next_look(start, at, reach);
        let to = if from < reach { reach } else { from.plus(SAMPLE_BYTES - from.since(start) % SAMPLE_EVERY_BYTES) };
        at = to.min(part.end);
        (from < at).then_some(from..at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// The positions, as ranges of bytes behind the segment's beginning, that are looked at when nothing is found.
    fn looked_at(hole: u64, reach: u64, bytes: u64) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let mut at = next_look(Lsn(0), Lsn(hole), Lsn(reach));
        while at.0 < bytes {
            let end = at.0 + PAGE_BYTES as u64;
            match ranges.last_mut() {
                Some(range) if range.1 == at.0 => range.1 = end,
                _ => ranges.push((at.0, end)),
            }
            at = next_look(Lsn(0), Lsn(end), Lsn(reach));
        }
        ranges
    }

    #[test]
    fn the_reach_is_read_whole_and_samples_behind_it() {
        let sample = |at: u64| (at * MIB, at * MIB + SAMPLE_BYTES);
        assert_eq!(
            looked_at(3 * MIB, 3 * MIB + EVIDENCE_REACH_BYTES, 64 * MIB),
            [(3 * MIB, 11 * MIB), sample(16), sample(32), sample(48)]
        );
        assert_eq!(looked_at(60 * MIB, 68 * MIB, 64 * MIB), [(60 * MIB, 64 * MIB)]);
        assert_eq!(looked_at(0, 0, 20 * MIB), [sample(0), sample(16)]);
        assert_eq!(looked_at(0, 4 * MIB, 20 * MIB), [(0, 4 * MIB), sample(16)], "the rest of the reach");
    }

    /// What is read ahead is what is looked at: no byte more, and none left out.
    #[test]
    fn what_is_expected_is_what_is_looked_at() {
        for (hole, reach, bytes) in
            [(3, 11, 64), (60, 68, 64), (0, 0, 20), (0, 4, 20), (15, 16, 40), (16, 16, 17), (8, 40, 64), (64, 72, 64)]
        {
            let (hole, reach, bytes) = (hole * MIB, reach * MIB, bytes * MIB);
            let mut joined: Vec<(u64, u64)> = Vec::new();
            for range in looks(Lsn(0), Lsn(hole)..Lsn(bytes), Lsn(reach)) {
                match joined.last_mut() {
                    Some(last) if last.1 == range.start.0 => last.1 = range.end.0,
                    _ => joined.push((range.start.0, range.end.0)),
                }
            }
            assert_eq!(joined, looked_at(hole, reach, bytes), "from {hole}, reach {reach}, of {bytes}");
        }
    }

    /// Rule 3: blocks of any size that fill a sample are met by it.
    #[test]
    fn a_sample_holds_a_whole_block_whatever_the_sizes() {
        for bytes in (PAGE_BYTES as u64..=BLOCK_BYTES_MAX as u64).step_by(PAGE_BYTES) {
            for shift in (0..bytes).step_by(PAGE_BYTES) {
                // The first block that begins in the sample.
                let begin = (bytes - shift) % bytes;
                assert!(
                    begin + bytes <= SAMPLE_BYTES,
                    "blocks of {bytes} bytes, {shift} of the first before the sample"
                );
            }
        }
    }
}

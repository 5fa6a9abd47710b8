//! The block that is filling: the hot path of the journal. A record costs a copy and a header of eight bytes.

use crate::block::{BlockFlags, BlockHeader};
use crate::buffer::BlockBuffer;
use crate::ids::{LaneId, Location, Lsn};
use crate::limits::{BLOCK_HEADER_BYTES, FRAGMENT_ROOM_MIN, PAGE_BYTES};
use crate::record::{FragmentHeader, Record};

/// A buffer, and how far it is full.
#[derive(Debug)]
pub(super) struct Filling<B> {
    pub(super) buffer: B,
    pub(super) lsn: Lsn,
    /// Bytes used, the header included.
    used: usize,
    /// Where the block must end: its capacity or the segment's end.
    pub(super) limit: usize,
    fragments: u32,
}

/// A position in the parts of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartCursor<'a> {
    parts: &'a [&'a [u8]],
    /// Bytes of the first part that are already taken.
    taken: usize,
}

impl<'a> PartCursor<'a> {
    pub(super) const fn new(parts: &'a [&'a [u8]]) -> Self {
        Self { parts, taken: 0 }
    }

    /// Fills `out` with the next bytes. False if the parts end before.
    fn copy_into(&mut self, mut out: &mut [u8]) -> bool {
        while !out.is_empty() {
            let Some((part, later)) = self.parts.split_first() else { return false };
            let rest = part.get(self.taken..).unwrap_or_default();
            let count = rest.len().min(out.len());
            let (Some(from), Some((to, after))) = (rest.get(..count), out.split_at_mut_checked(count)) else {
                return false;
            };
            to.copy_from_slice(from);
            out = after;
            if count == rest.len() {
                (self.parts, self.taken) = (later, 0);
            } else {
                self.taken += count;
            }
        }
        true
    }
}

impl<B: BlockBuffer> Filling<B> {
    pub(super) fn new(buffer: B, lsn: Lsn, limit: usize) -> Self {
        debug_assert!(limit <= buffer.as_ref().len() && limit.is_multiple_of(PAGE_BYTES));
        Self { buffer, lsn, used: BLOCK_HEADER_BYTES, limit, fragments: 0 }
    }

    /// Bytes that a further fragment may take, its header included; 0 when the block counts as full.
    pub(super) const fn room(&self) -> usize {
        let room = self.limit - self.used;
        if room < FRAGMENT_ROOM_MIN { 0 } else { room }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.fragments == 0
    }

    pub(super) const fn used(&self) -> usize {
        self.used
    }

    pub(super) const fn fragments(&self) -> u32 {
        self.fragments
    }

    /// The byte behind the last record.
    pub(super) const fn end(&self) -> Lsn {
        self.lsn.plus(self.used as u64)
    }

    /// Where the next block would begin if this one were closed now.
    pub(super) const fn border(&self) -> Lsn {
        self.lsn.plus(self.used.next_multiple_of(PAGE_BYTES) as u64)
    }

    /// Adds a fragment with the next `body_bytes` of the record. The caller has checked the room.
    pub(super) fn push(
        &mut self,
        record: &Record<'_>,
        body: &mut PartCursor<'_>,
        first: bool,
        last: bool,
        body_bytes: usize,
    ) -> Location {
        let header = FragmentHeader { kind: record.kind, first, last, run: record.run, body_bytes: body_bytes as u32 };
        let location = Location::new(self.lsn, self.used as u32);
        let written = self.buffer.as_mut().get_mut(self.used..self.limit).and_then(|room| {
            let header_bytes = header.encode(room)?;
            let end = header_bytes + body_bytes;
            body.copy_into(room.get_mut(header_bytes..end)?).then_some(end)
        });
        let Some(written) = written else { unreachable!("a fragment of {body_bytes} bytes was planned without room") };
        self.used += written;
        self.fragments += 1;
        location
    }

    pub(super) fn header(&self, lane: LaneId, epoch: u64, promised: Lsn, flags: BlockFlags) -> BlockHeader {
        let payload_bytes = (self.used - BLOCK_HEADER_BYTES) as u32;
        BlockHeader { flags, lane, epoch, lsn: self.lsn, promised, payload_bytes, fragments: self.fragments }
    }
}

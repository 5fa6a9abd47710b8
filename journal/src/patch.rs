//! The patch: blocks in the place of damaged ones that were given up, so that a lane goes on behind them.
//!
//! Takes what was given up and the block behind it; gives blocks that fill the place exactly, chained to what lies before. What must stay
//! true: a patch names the block behind it by its chain, so that nothing else can follow; once it is written, the lane is as sound as any
//! other, and whoever reads it learns what is missing.

use crate::block::{BlockFlags, BlockHeader, seal};
use crate::buffer::AlignedBuffer;
use crate::bytes::{Reader, Writer};
use crate::ids::{Chain, LaneId, Lsn};
use crate::limits::{BLOCK_HEADER_BYTES, FRAGMENT_HEADER_BYTES, PAGE_BYTES, RECORD_BYTES_MAX};
use crate::record::{FragmentHeader, RecordKind, Run};

/// The largest block of a patch: its one record fills it.
pub(crate) const PATCH_BYTES_MAX: usize = 32 * PAGE_BYTES;

const _: () = assert!(PATCH_BYTES_MAX - BLOCK_HEADER_BYTES - FRAGMENT_HEADER_BYTES <= RECORD_BYTES_MAX);

/// Blocks that the operator gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Where the first one began.
    pub from: Lsn,
    /// Where the lane goes on.
    pub to: Lsn,
    /// The chain that the block there names.
    pub next: Chain,
}

/// What the lane was like where a patch begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    pub(crate) lane: LaneId,
    pub(crate) epoch: u64,
    pub(crate) promised: Lsn,
    pub(crate) chain: Chain,
}

impl Patch {
    /// The block of the patch at `lsn`, `bytes` long, behind this chain. Gives the chain behind it too.
    pub(crate) fn block(&self, lsn: Lsn, bytes: usize, before: Before) -> Option<(AlignedBuffer, Chain)> {
        let Before { lane, epoch, promised, chain } = before;
        let mut buffer = AlignedBuffer::new(bytes);
        let body_bytes = bytes.checked_sub(BLOCK_HEADER_BYTES + FRAGMENT_HEADER_BYTES)?;
        let header = FragmentHeader {
            kind: RecordKind::PATCH,
            first: true,
            last: true,
            run: Run::None,
            body_bytes: u32::try_from(body_bytes).ok()?,
        };
        let mut body = Vec::with_capacity(32);
        Writer::new(&mut body).u64(self.from.0).u64(self.to.0).u128(self.next.0);
        let payload = buffer.as_mut().get_mut(BLOCK_HEADER_BYTES..)?;
        let at = header.encode(payload)?;
        payload.get_mut(at..)?.get_mut(..body.len())?.copy_from_slice(&body);
        let payload_bytes = u32::try_from(bytes - BLOCK_HEADER_BYTES).ok()?;
        let header = BlockHeader { flags: BlockFlags::PATCH, lane, epoch, lsn, promised, payload_bytes, fragments: 1 };
        let (_, chain) = seal(buffer.as_mut(), &header, chain)?;
        Some((buffer, chain))
    }

    /// From the body of a PATCH record; `None` if it is none.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut from = Reader::new(body);
        let patch = Self { from: Lsn(from.u64()?), to: Lsn(from.u64()?), next: Chain(from.u128()?) };
        let sound = patch.from < patch.to && patch.from.is_block_border() && patch.to.is_block_border();
        sound.then_some(patch)
    }

    /// Does a piece of the lane lie in it, wholly or in part?
    #[must_use]
    pub fn touches(&self, from: Lsn, to: Lsn) -> bool {
        from < self.to && self.from < to
    }
}

//! Epochs on a lane: the record that starts one, and the history that recovery and cross-lane judgements need.

use std::fmt;

use crate::bytes::{Reader, Writer};
use crate::ids::{Chain, EpochId, LaneId, Lsn, NodeId, SegmentSequence};
use crate::limits::EPOCH_HISTORY_MAX;
use crate::vector::Vector;

/// Why an epoch was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochReason {
    /// The store is new.
    First,
    /// The same holder starts again.
    Restart,
    /// A backup took over.
    Takeover,
    /// The other member left the in-sync set.
    Solo,
    /// A planned handover.
    Handover,
    /// An operator forced it.
    Forced,
    /// The shared store's lock was taken.
    Lock,
}

impl EpochReason {
    const ALL: [Self; 7] =
        [Self::First, Self::Restart, Self::Takeover, Self::Solo, Self::Handover, Self::Forced, Self::Lock];

    const fn code(self) -> u8 {
        self as u8
    }
}

/// When an operation of the epoch may be acked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMode {
    /// No replica: durable here.
    LiveOnly,
    /// Durable on every member.
    Durable,
    /// Durable here, received by every other member.
    Memory,
    /// Durable here.
    Local,
}

impl AckMode {
    const ALL: [Self; 4] = [Self::LiveOnly, Self::Durable, Self::Memory, Self::Local];
}

/// What the broker decides about a new epoch; the lane adds its own position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochStart {
    /// The logical broker.
    pub node: NodeId,
    /// The new epoch. Its number is above that of every epoch seen.
    pub epoch: EpochId,
    /// Why.
    pub reason: EpochReason,
    /// How it acks.
    pub ack_mode: AckMode,
    /// What every lane had promised when the epoch was started. Every lane may record it; that of lane j00 counts. Every later start holds
    /// the lanes to it: one that ends before has lost data.
    pub vector: Vector,
}

/// A loss that the operator accepted at this start: the lane was cut at `at` although `promised` had been promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedLoss {
    /// Where the lane was cut.
    pub at: Lsn,
    /// What is known to have been promised; above `at`.
    pub promised: Lsn,
    /// Valid blocks that stood behind the damage.
    pub blocks_behind: u32,
}

/// An epoch in a lane's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// Which one.
    pub epoch: EpochId,
    /// Where its start block begins: the end of the epoch before it on this lane.
    pub start: Lsn,
    /// The lane's chain there.
    pub chain: Chain,
    /// What was given up at its start.
    pub loss: Option<AcceptedLoss>,
    /// Its writer is that of the epoch before, which goes on: it is no end of what that one had begun.
    pub continues: bool,
}

/// The body of an EPOCH_START record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochStartRecord {
    /// What the broker decided.
    pub start: EpochStart,
    /// The epoch before it on this lane.
    pub previous: Option<EpochId>,
    /// Position, chain and accepted loss.
    pub entry: EpochEntry,
    /// The oldest segment of the lane that is not free.
    pub first_kept: SegmentSequence,
}

/// The body of a SEGMENT_FREE record. It carries what would go with the segment: the chain at its end and the epoch history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFreeRecord {
    /// The segment; all before it are free already.
    pub sequence: SegmentSequence,
    /// The lane's chain at its end; unknown when the start went by a checkpoint and did not read the segment.
    pub chain: Option<Chain>,
    /// The epochs of the lane up to now, oldest first, at most [`EPOCH_HISTORY_MAX`].
    pub history: Vec<EpochEntry>,
}

impl EpochEntry {
    /// The length of an encoded entry.
    const BYTES: usize = 8 + 16 + 8 + 16 + 1 + 8 + 8 + 4;

    pub(crate) fn encode(&self, out: &mut Writer<'_>) {
        out.u64(self.epoch.number).u128(self.epoch.activation).u64(self.start.0).u128(self.chain.0);
        let loss = self.loss.unwrap_or(AcceptedLoss { at: Lsn::ZERO, promised: Lsn::ZERO, blocks_behind: 0 });
        let marks = u8::from(self.loss.is_some()) | u8::from(self.continues) << 1;
        out.u8(marks).u64(loss.at.0).u64(loss.promised.0).u32(loss.blocks_behind);
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let epoch = EpochId { number: from.u64()?, activation: from.u128()? };
        let (start, chain) = (Lsn(from.u64()?), Chain(from.u128()?));
        let marks = from.u8()?;
        let loss = AcceptedLoss { at: Lsn(from.u64()?), promised: Lsn(from.u64()?), blocks_behind: from.u32()? };
        Some(Self { epoch, start, chain, loss: (marks & 1 != 0).then_some(loss), continues: marks & 2 != 0 })
    }

    pub(crate) fn encode_all(entries: &[Self], out: &mut Writer<'_>) {
        let kept = entries.get(entries.len().saturating_sub(EPOCH_HISTORY_MAX)..).unwrap_or_default();
        out.u32(u32::try_from(kept.len()).unwrap_or(0));
        for entry in kept {
            entry.encode(out);
        }
    }

    pub(crate) fn decode_all(from: &mut Reader<'_>) -> Option<Vec<Self>> {
        let count = usize::try_from(from.u32()?).ok()?;
        if count > EPOCH_HISTORY_MAX || from.rest() < count * Self::BYTES {
            return None;
        }
        (0..count).map(|_| Self::decode(from)).collect()
    }
}

impl EpochStartRecord {
    /// The record's body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(256);
        let mut out = Writer::new(&mut body);
        let previous = self.previous.unwrap_or_default();
        out.u128(self.start.node.0).u8(self.start.reason.code()).u8(self.start.ack_mode as u8);
        out.u8(u8::from(self.previous.is_some())).u64(previous.number).u128(previous.activation);
        self.entry.encode(&mut out);
        out.u64(self.first_kept.0);
        encode_vector(&self.start.vector, &mut out);
        body
    }

    /// Reads a body; `None` if it is not one.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut from = Reader::new(body);
        let node = NodeId(from.u128()?);
        let reason = *EpochReason::ALL.get(usize::from(from.u8()?))?;
        let ack_mode = *AckMode::ALL.get(usize::from(from.u8()?))?;
        let marked = from.u8()?;
        let previous = EpochId { number: from.u64()?, activation: from.u128()? };
        let entry = EpochEntry::decode(&mut from)?;
        let first_kept = SegmentSequence(from.u64()?);
        let vector = decode_vector(&mut from)?;
        let start = EpochStart { node, epoch: entry.epoch, reason, ack_mode, vector };
        from.ended().then_some(Self { start, previous: (marked == 1).then_some(previous), entry, first_kept })
    }
}

impl SegmentFreeRecord {
    /// The record's body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(32 + self.history.len() * EpochEntry::BYTES);
        let mut out = Writer::new(&mut body);
        out.u64(self.sequence.0).u8(u8::from(self.chain.is_some())).u128(self.chain.unwrap_or_default().0);
        EpochEntry::encode_all(&self.history, &mut out);
        body
    }

    /// Reads a body; `None` if it is not one.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut from = Reader::new(body);
        let (sequence, known) = (SegmentSequence(from.u64()?), from.u8()?);
        let chain = Chain(from.u128()?);
        let chain = (known == 1).then_some(chain);
        let history = EpochEntry::decode_all(&mut from)?;
        from.ended().then_some(Self { sequence, chain, history })
    }
}

/// The room for a body in the smallest block: a scan looks for the journal's own records in whole fragments only.
const SMALL_BODY_BYTES_MAX: usize =
    crate::limits::PAGE_BYTES - crate::limits::BLOCK_HEADER_BYTES - crate::limits::FRAGMENT_HEADER_BYTES;
const _: () =
    assert!(8 + 17 + 4 + EPOCH_HISTORY_MAX * EpochEntry::BYTES <= SMALL_BODY_BYTES_MAX, "a SEGMENT_FREE fits one page");
const _: () = assert!(
    16 + 3 + 24 + EpochEntry::BYTES + 8 + 2 + VECTOR_LANES_MAX * 10 <= SMALL_BODY_BYTES_MAX,
    "an EPOCH_START that names every lane fits one page"
);

/// The most lanes that a vector on disk names.
pub(crate) const VECTOR_LANES_MAX: usize = 5 * crate::limits::LANES_PER_KIND_MAX as usize;

pub(crate) fn encode_vector(vector: &Vector, out: &mut Writer<'_>) {
    out.u16(u16::try_from(vector.len()).unwrap_or(0));
    for (lane, lsn) in vector.iter() {
        out.u16(lane.number()).u64(lsn.0);
    }
}

pub(crate) fn decode_vector(from: &mut Reader<'_>) -> Option<Vector> {
    let count = usize::from(from.u16()?);
    if count > VECTOR_LANES_MAX {
        return None;
    }
    (0..count).map(|_| Some((LaneId::from_number(from.u16()?)?, Lsn(from.u64()?)))).collect()
}

impl fmt::Display for EpochReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Restart => "restart",
            Self::Takeover => "takeover",
            Self::Solo => "solo",
            Self::Handover => "handover",
            Self::Forced => "forced",
            Self::Lock => "lock",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, loss: Option<AcceptedLoss>) -> EpochEntry {
        EpochEntry {
            epoch: EpochId { number, activation: 77 },
            start: Lsn(4096 * number),
            chain: Chain(5),
            loss,
            continues: number.is_multiple_of(2),
        }
    }

    #[test]
    fn bodies_go_both_ways() {
        let loss = Some(AcceptedLoss { at: Lsn(4096), promised: Lsn(8192), blocks_behind: 3 });
        let record = EpochStartRecord {
            start: EpochStart {
                node: NodeId(1),
                epoch: EpochId { number: 2, activation: 77 },
                reason: EpochReason::Forced,
                ack_mode: AckMode::LiveOnly,
                vector: [(LaneId::BINDINGS, Lsn(1)), (LaneId::LARGE, Lsn(2))].into_iter().collect(),
            },
            previous: Some(EpochId { number: 1, activation: 3 }),
            entry: entry(2, loss),
            first_kept: SegmentSequence(9),
        };
        let body = record.encode();
        assert_eq!(EpochStartRecord::decode(&body), Some(record));
        for cut in 0..body.len() {
            assert_eq!(EpochStartRecord::decode(&body[..cut]), None);
        }
        let free = SegmentFreeRecord {
            sequence: SegmentSequence(4),
            chain: Some(Chain(8)),
            history: vec![entry(1, None), entry(2, loss)],
        };
        assert_eq!(SegmentFreeRecord::decode(&free.encode()), Some(free));
        assert_eq!(SegmentFreeRecord::decode(&[0xff; 40]), None, "a count beyond the bound");
    }
}

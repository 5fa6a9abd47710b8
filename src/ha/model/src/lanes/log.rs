//! Three lanes as lists of blocks, and the real bytes of them.

#![allow(
    clippy::indexing_slicing,
    reason = "an index of this model that leaves its array is a mistake of the model, and says where"
)]

use std::path::Path;

use journal::{
    AckMode, BLOCK_HEADER_BYTES, BlockFlags, BlockHeader, Chain, EpochEntry, EpochId, EpochReason, EpochStart,
    EpochStartRecord, Geometry, LaneId, LaneKind, Location, Lsn, NodeId, PAGE_BYTES, Record, RecordKind, Run, RunId,
    SEGMENT_BYTES_MIN, SegmentFreeRecord, SegmentSequence, StoreId, StoreLayout, StoreShape,
};
use ringmq::message::{MessageId, QueueId, SessionNumber};
use ringmq::store::encode;
use ringmq::store::record::{self, Operation, StoredQueue, TransactionId};
use smallvec::SmallVec;

use crate::tail::disk::{Disk, Sealed, block, start_block};

/// The bindings lane and two journal lanes.
pub(super) const LANES: usize = 3;
pub(super) const B: usize = 0;
pub(super) const J: usize = 1;
pub(super) const K: usize = 2;
pub(super) const NAMES: [&str; LANES] = ["b00", "j00", "j01"];
/// The queue that was always there.
pub(super) const OLD_QUEUE: u8 = 1;

const OPERATION: Operation = Operation { session: SessionNumber(1), command: 1 };
const TRANSACTION: TransactionId = TransactionId { epoch: 1, core: 0, number: 1 };

/// What a block holds. Positions are numbers of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rec {
    /// An epoch starts; on j00: what every lane had promised. Its writer may be that of the epoch before.
    Start { vector: [u8; LANES], continues: bool },
    /// A queue is made: the first time, the second time.
    Queue { id: u8, made: u8 },
    /// A message for the old queue and for one that was made.
    Add { queue: u8, made: u8 },
    /// The message in this block was consumed. With this the segment ends.
    Ack { of: u8 },
    /// The first segment is free; with the ids of its messages, or without.
    Free { ids: bool },
    /// The ids of messages in a block of their own.
    Ids,
    /// One half of the transaction.
    Prepare,
    /// The other half and the decision, which relies on lane j00 up to here.
    Decide { reach: u8 },
    /// The transaction was decided for good. With this the segment ends.
    End,
    /// A part of the transaction never counts.
    Never,
    /// The message in this block never counts.
    Drop { of: u8 },
    /// The first segment is free; what lives in it is written again.
    Clear,
    /// The END is gone, what it settles is not: what no lane of today can say.
    ForgetEnd,
    /// The first of two messages of one commit.
    First,
    /// The second, which closes the commit.
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Block {
    pub(super) epoch: u8,
    /// Its header: blocks below this number were promised.
    pub(super) promised: u8,
    pub(super) rec: Rec,
}

/// A lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Log(pub(super) SmallVec<[Block; 12]>);

pub(super) type Logs = [Log; LANES];

impl Log {
    pub(super) fn len(&self) -> u8 {
        u8::try_from(self.0.len()).unwrap_or(u8::MAX)
    }

    pub(super) fn find(&self, wanted: impl Fn(&Rec) -> bool) -> Option<u8> {
        self.0.iter().position(|block| wanted(&block.rec)).and_then(|at| u8::try_from(at).ok())
    }

    pub(super) fn has(&self, rec: Rec) -> bool {
        self.find(|other| *other == rec).is_some()
    }

    pub(super) fn epoch(&self) -> u8 {
        self.0.last().map_or(0, |block| block.epoch)
    }

    /// The record that says that the first segment is free.
    pub(super) fn free(&self) -> Option<u8> {
        self.find(|rec| matches!(rec, Rec::Free { .. } | Rec::Clear))
    }

    /// Where a block begins.
    pub(super) fn lsn(&self, at: u8) -> Lsn {
        let last = self.find(ends_segment).filter(|last| *last < at);
        let pages = match last {
            Some(last) => SEGMENT_PAGES + u64::from(at - last - 1),
            None => u64::from(at),
        };
        Lsn(pages * PAGE_BYTES as u64)
    }

    /// The number of the block that begins, or would, at a position that is a border.
    pub(super) fn number(&self, lsn: Lsn) -> u8 {
        (0..=self.len()).find(|at| self.lsn(*at) >= lsn).unwrap_or(self.len())
    }

    /// The id of the message whose record comes first in a block.
    pub(super) fn message(&self, lane: usize, at: u8) -> MessageId {
        MessageId::durable(lane_id(lane).index(), Location::new(self.lsn(at), FIRST_RECORD))
    }
}

/// Pages of a segment that hold blocks.
const SEGMENT_PAGES: u64 = SEGMENT_BYTES_MIN / PAGE_BYTES as u64 - 1;
const FIRST_RECORD: u32 = BLOCK_HEADER_BYTES as u32;

/// Does the block fill its segment, if that is the first one?
fn ends_segment(rec: &Rec) -> bool {
    matches!(rec, Rec::Ack { .. } | Rec::End)
}

pub(super) fn lane_id(lane: usize) -> LaneId {
    let index = u16::try_from(lane.saturating_sub(1)).unwrap_or_default();
    match lane {
        B => LaneId::BINDINGS,
        _ => LaneId::new(LaneKind::Journal, index).unwrap_or(LaneId::JOURNAL),
    }
}

pub(super) fn shape() -> StoreShape {
    let Ok(geometry) = Geometry::new(SEGMENT_BYTES_MIN) else { unreachable!("the smallest size is one") };
    StoreShape::uniform(StoreId(1), 2, geometry)
}

pub(super) fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/"))
}

/// The store that holds these lanes. The files of first segments that were used again are not there.
pub(super) fn write(logs: &Logs, reused: [bool; LANES]) -> Disk {
    let (shape, layout) = (shape(), layout());
    let mut disk = Disk::default();
    for lane in 0..LANES {
        let id = lane_id(lane);
        let mut bytes = Vec::new();
        let mut writer = Writer { logs, lane, chain: Chain(0), history: Vec::new(), segment_end: None };
        for at in 0..logs[lane].len() {
            bytes.extend_from_slice(&writer.block(at));
        }
        let payload = usize::try_from(shape.geometry(id).payload_bytes()).unwrap_or(PAGE_BYTES);
        for (sequence, part) in (0..).map(SegmentSequence).zip(bytes.chunks(payload)) {
            if sequence == SegmentSequence(0) && reused[lane] {
                continue;
            }
            let file = disk.segment(layout.segment(id, sequence), &shape.segment_header(id, sequence));
            if let Some(place) = file.get_mut(PAGE_BYTES..PAGE_BYTES + part.len()) {
                place.copy_from_slice(part);
            }
        }
    }
    disk
}

struct Writer<'a> {
    logs: &'a Logs,
    lane: usize,
    chain: Chain,
    history: Vec<EpochEntry>,
    segment_end: Option<Chain>,
}

impl Writer<'_> {
    fn block(&mut self, at: u8) -> Vec<u8> {
        let log = &self.logs[self.lane];
        let of = log.0[usize::from(at)];
        let header = BlockHeader {
            flags: BlockFlags::default(),
            lane: lane_id(self.lane),
            epoch: u64::from(of.epoch),
            lsn: log.lsn(at),
            promised: log.lsn(of.promised),
            payload_bytes: 0,
            fragments: 0,
        };
        let Sealed { bytes, chain } = match of.rec {
            Rec::Start { vector, continues } => self.start(header, vector, continues),
            rec => self.records(header, rec),
        };
        self.chain = chain;
        if ends_segment(&of.rec) && self.segment_end.is_none() {
            self.segment_end = Some(chain);
        }
        bytes
    }

    fn start(&mut self, header: BlockHeader, vector: [u8; LANES], continues: bool) -> Sealed {
        let epoch = EpochId { number: header.epoch, activation: u128::from(header.epoch) };
        let (reason, ack_mode) = (EpochReason::Takeover, AckMode::Durable);
        let vector = (0..LANES).map(|lane| (lane_id(lane), self.logs[lane].lsn(vector[lane])));
        let vector = if self.lane == J { vector.collect() } else { journal::Vector::new() };
        let start = EpochStart { node: NodeId(1), epoch, reason, ack_mode, vector };
        let entry = EpochEntry { epoch, start: header.lsn, chain: self.chain, loss: None, continues };
        let previous = self.history.last().map(|entry| entry.epoch);
        let log = &self.logs[self.lane];
        let is_freed = log.free().is_some_and(|at| log.lsn(at) < header.lsn);
        let first_kept = SegmentSequence(u64::from(is_freed));
        let record = EpochStartRecord { start, previous, entry, first_kept };
        self.history.push(entry);
        start_block(header, &record.encode(), self.chain)
    }

    fn records(&self, header: BlockHeader, rec: Rec) -> Sealed {
        let mut all: Vec<(RecordKind, Run, Vec<u8>)> = Vec::new();
        let none = Run::None;
        match rec {
            Rec::Start { .. } => {}
            Rec::Queue { id, .. } => all.push((record::QUEUE, none, queue(id))),
            Rec::Add { queue, .. } => all.push((record::ADD, none, add(&[OLD_QUEUE, queue]))),
            Rec::Ack { of } => {
                all.extend(self.acks(of).map(|body| (record::ACK, none, body)));
                all.push((record::BODY, none, self.filler(header.lsn)));
            }
            Rec::Drop { of } => all.extend(self.acks(of).map(|body| (record::ACK, none, body))),
            Rec::Free { .. } => all.push((RecordKind::SEGMENT_FREE, none, self.free())),
            Rec::Clear => {
                let moved = self.moved();
                all.extend(moved.map(|body| (record::MOVED, none, body)));
                all.push((RecordKind::SEGMENT_FREE, none, self.free()));
            }
            // What the code of today has no record for.
            Rec::Ids | Rec::ForgetEnd => all.push((record::BODY, none, vec![0; 8])),
            Rec::Prepare => all.extend(prepared()),
            Rec::Decide { reach } => {
                all.extend(prepared());
                let own = Lsn(header.lsn.0 + PAGE_BYTES as u64);
                let vector = [(lane_id(J), self.logs[J].lsn(reach)), (lane_id(K), own)];
                let mut body = Vec::new();
                encode::decision(&mut body, TRANSACTION, vector.into_iter());
                all.push((record::DECISION, none, body));
            }
            Rec::End => {
                all.push((record::END, none, transaction()));
                all.push((record::BODY, none, self.filler(header.lsn)));
            }
            Rec::Never => all.push((record::NEVER, none, transaction())),
            Rec::First => all.push((record::ADD, Run::Member(RUN), add(&[OLD_QUEUE]))),
            Rec::Last => all.push((record::ADD, Run::Commit(RUN), add(&[OLD_QUEUE]))),
        }
        let parts: Vec<[&[u8]; 1]> = all.iter().map(|(_, _, body)| [body.as_slice()]).collect();
        let records = all.iter().zip(&parts).map(|((kind, run, _), parts)| Record { kind: *kind, run: *run, parts });
        block(header, &records.collect::<Vec<_>>(), self.chain)
    }

    /// So many bytes that the block reaches to the end of the first segment, if it is in that.
    fn filler(&self, lsn: Lsn) -> Vec<u8> {
        let pages = SEGMENT_PAGES.saturating_sub(lsn.0 / PAGE_BYTES as u64).saturating_sub(1);
        vec![0; usize::try_from(pages).unwrap_or_default() * PAGE_BYTES + 4]
    }

    /// The message of a block is acknowledged in each of its queues.
    fn acks(&self, of: u8) -> impl Iterator<Item = Vec<u8>> {
        let id = self.logs[self.lane].message(self.lane, of);
        let second = match self.logs[self.lane].0[usize::from(of)].rec {
            Rec::Add { queue, .. } => Some(queue),
            _ => None,
        };
        std::iter::once(OLD_QUEUE).chain(second).map(move |queue| {
            let mut body = Vec::new();
            encode::ack(&mut body, OPERATION, QueueId(u32::from(queue)), std::iter::once(id));
            body
        })
    }

    fn free(&self) -> Vec<u8> {
        let history = self.history.clone();
        SegmentFreeRecord { sequence: SegmentSequence(0), chain: self.segment_end, history }.encode()
    }

    /// What lives of the transaction in this lane, written again.
    fn moved(&self) -> Option<Vec<u8>> {
        let log = &self.logs[self.lane];
        let at = log.find(|rec| matches!(rec, Rec::Prepare | Rec::Decide { .. }))?;
        let mut body = Vec::new();
        encode::moved(&mut body, log.message(self.lane, at), &[QueueId(u32::from(OLD_QUEUE))]);
        body.extend_from_slice(b"m");
        Some(body)
    }
}

const RUN: RunId = RunId(1);

fn transaction() -> Vec<u8> {
    let mut body = Vec::new();
    encode::transaction(&mut body, TRANSACTION);
    body
}

fn prepared() -> [(RecordKind, Run, Vec<u8>); 2] {
    [(record::ADD, Run::Member(RUN), add(&[OLD_QUEUE])), (record::PREPARE, Run::Commit(RUN), transaction())]
}

fn add(queues: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    encode::add(&mut body, OPERATION, queues.iter().map(|id| QueueId(u32::from(*id))));
    body.extend_from_slice(b"m");
    body
}

fn queue(id: u8) -> Vec<u8> {
    let name = if id == OLD_QUEUE { "old" } else { "new" };
    let mut body = Vec::new();
    let stored = StoredQueue {
        id: QueueId(u32::from(id)),
        routing: 0,
        auto_created: false,
        purge_on_no_consumers: false,
        max_consumers: -1,
        address: "address",
        name,
        filter: None,
    };
    encode::queue(&mut body, &stored);
    body
}

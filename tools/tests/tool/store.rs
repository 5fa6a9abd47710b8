//! Makes stores with the journal's own writer and the broker's own records, always the same bytes.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use journal::{
    AckMode, AlignedBuffer, Appended, BlockView, BlockingDriver, CheckpointWriter, Commands, EpochId, EpochReason,
    EpochStart, FileStorage, Geometry, HaState, HaStateFile, InstanceId, LANE_BUFFERS_MIN, Lane, LaneId, LaneKind,
    LaneOptions, LaneTail, LastState, Location, Lsn, NodeId, Now, Record, RecordKind, Run, SEGMENT_BYTES_MIN,
    SegmentSequence, StoreId, StoreLayout, StoreShape, SyncMode, Vector, create_store,
};
use protocol::message::{MessageBuilder, PropertyValue};
use ringmq::message::{MessageId, QueueId, SessionNumber};
use ringmq::store::encode;
use ringmq::store::index::IndexWriter;
use ringmq::store::record::{self, LargeBody, Operation, Shape, StoredQueue, TransactionId};

use super::scratch::Scratch;

/// Stands where a secret may stand in a message: the value of a property.
pub(crate) const CANARY: &str = "canary-4711-secret";
/// The text of every body.
pub(crate) const BODY: &str = "body-of-a-message";

pub(crate) const B00: LaneId = LaneId::BINDINGS;
pub(crate) const J00: LaneId = LaneId::JOURNAL;
pub(crate) const L00: LaneId = LaneId::LARGE;
pub(crate) const C00: LaneId = LaneId::CHECKPOINT;

pub(crate) fn j01() -> LaneId {
    LaneId::new(LaneKind::Journal, 1).unwrap()
}

pub(crate) fn shape() -> StoreShape {
    StoreShape::uniform(StoreId(0x0102_0304), 2, Geometry::new(SEGMENT_BYTES_MIN).unwrap())
}

/// How a store ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Stopped in order, after seals.
    Stopped,
    /// The process died after all lanes were sealed.
    Sealed,
    /// The process died before the seals.
    Killed,
}

/// A store that is written to.
pub(crate) struct Writer {
    driver: BlockingDriver<FileStorage>,
    lanes: Vec<Lane<AlignedBuffer>>,
    state: HaStateFile,
    out: Vec<u8>,
    command: u64,
}

const EPOCH: EpochId = EpochId { number: 1, activation: 0xabcd };

impl Writer {
    pub(crate) fn new(root: &Path) -> Self {
        let layout = StoreLayout::under(root);
        let mut storage = FileStorage::new();
        let state = HaState::new(NodeId(5), InstanceId(6), SyncMode::Fdatasync);
        create_store(&mut storage, &layout, &shape(), &state).unwrap();
        let mut state = HaStateFile::open(&mut storage, &layout).unwrap();
        state.update(&mut storage, |state| state.start(7)).unwrap();
        state.update(&mut storage, |state| state.asked = EPOCH).unwrap();
        let driver = BlockingDriver::new(storage, layout, shape(), SyncMode::Fdatasync);
        let options = LaneOptions { geometry: shape().journal_segments, segments_ahead: 2 };
        let buffers = || (0..LANE_BUFFERS_MIN + 2).map(|_| AlignedBuffer::block()).collect();
        let lanes = shape().lanes().map(|lane| Lane::open(options, LaneTail::fresh(lane), buffers())).collect();
        let mut writer = Self { driver, lanes, state, out: Vec::new(), command: 0 };
        writer.settle();
        writer.begin_epoch();
        writer
    }

    fn begin_epoch(&mut self) {
        let vector: Vector = self.lanes.iter().map(|lane| (lane.id(), lane.promised())).collect();
        for lane in &mut self.lanes {
            let (reason, ack_mode) = (EpochReason::First, AckMode::LiveOnly);
            lane.start_epoch(&EpochStart { node: NodeId(5), epoch: EPOCH, reason, ack_mode, vector: vector.clone() })
                .unwrap();
        }
        self.settle();
        let storage = self.driver.storage();
        self.state.update(storage, |state| (state.seen, state.last_state) = (EPOCH, LastState::ActiveSolo)).unwrap();
    }

    pub(crate) fn settle(&mut self) {
        assert!(self.driver.settle(&mut self.lanes.iter_mut().collect::<Vec<_>>()));
    }

    pub(crate) fn lane(&mut self, id: LaneId) -> &mut Lane<AlignedBuffer> {
        self.lanes.iter_mut().find(|lane| lane.id() == id).unwrap()
    }

    /// Appends what was encoded, and then these bytes.
    fn append(&mut self, lane: LaneId, kind: RecordKind, run: Run, rest: &[u8], depends: &Vector) -> Appended {
        let out = std::mem::take(&mut self.out);
        let parts = [&out[..], rest];
        let appended = self.lane(lane).append(Record { kind, run, parts: &parts }, depends).unwrap();
        self.out = out;
        appended
    }

    fn operation(&mut self) -> Operation {
        self.command += 1;
        Operation { session: SessionNumber(3), command: self.command }
    }

    pub(crate) fn queue(&mut self, id: u32, name: &str) {
        encode::address(&mut self.out, name, 2, true);
        self.append(B00, record::ADDRESS, Run::None, &[], &Vector::new());
        let queue = StoredQueue {
            id: QueueId(id),
            routing: 1,
            auto_created: true,
            purge_on_no_consumers: false,
            max_consumers: -1,
            address: name,
            name,
            filter: None,
        };
        encode::queue(&mut self.out, &queue);
        self.append(B00, record::QUEUE, Run::None, &[], &Vector::new());
    }

    /// A message into a queue; gives its id.
    pub(crate) fn add(&mut self, lane: LaneId, queue: u32, run: Run, bytes: usize) -> MessageId {
        let operation = self.operation();
        encode::add(&mut self.out, operation, [QueueId(queue)].into_iter());
        let message = message(bytes);
        let appended = self.append(lane, record::ADD, run, &message, &Vector::new());
        MessageId::durable(lane.index(), appended.location)
    }

    pub(crate) fn ack(&mut self, lane: LaneId, queue: u32, ids: &[MessageId]) {
        let operation = self.operation();
        encode::ack(&mut self.out, operation, QueueId(queue), ids.iter().copied());
        self.append(lane, record::ACK, Run::None, &[], &Vector::new());
    }

    pub(crate) fn moved(&mut self, lane: LaneId, id: MessageId, queue: u32, bytes: usize) {
        encode::moved(&mut self.out, id, &[QueueId(queue)]);
        let message = message(bytes);
        self.append(lane, record::MOVED, Run::None, &message, &Vector::new());
    }

    /// A large message of three pieces.
    pub(crate) fn add_large(&mut self, queue: u32) -> MessageId {
        let mut first: Option<Location> = None;
        let mut end = Lsn::ZERO;
        for piece in 0..3 {
            encode::body(&mut self.out, piece);
            let appended = self.append(L00, record::BODY, Run::None, &[b'x'; 50_000], &Vector::new());
            first.get_or_insert(appended.location);
            end = appended.end;
            self.settle();
        }
        let body = LargeBody { lane: L00, location: first.unwrap(), pieces: 3, end };
        let operation = self.operation();
        let shape = Shape { size: 150_000, priority: 4 };
        encode::add_large(&mut self.out, operation, &[QueueId(queue)], shape, body);
        let appended = self.append(J00, record::ADD_LARGE, Run::None, &[], &Vector::of(L00, end));
        MessageId::durable(0, appended.location)
    }

    /// A transaction over both journal lanes; its ENDs are written only if it is to be finished.
    pub(crate) fn two_lanes(&mut self, number: u64, finished: bool) {
        let transaction = TransactionId { epoch: 1, core: 0, number };
        let mut vector = Vec::new();
        for (lane, queue) in [(J00, 1), (j01(), 2)] {
            let run = self.lane(lane).next_run();
            self.add(lane, queue, Run::Member(run), 40);
            encode::transaction(&mut self.out, transaction);
            vector.push((lane, self.append(lane, record::PREPARE, Run::Commit(run), &[], &Vector::new()).end));
        }
        encode::decision(&mut self.out, transaction, vector.iter().copied());
        let depends: Vector = vector.into_iter().collect();
        self.append(J00, record::DECISION, Run::None, &[], &depends);
        self.settle();
        for lane in [J00, j01()].into_iter().filter(|_| finished) {
            encode::transaction(&mut self.out, transaction);
            self.append(lane, record::END, Run::None, &[], &Vector::new());
        }
    }

    /// A record of a kind that nobody knows.
    pub(crate) fn strange(&mut self) {
        self.out.clear();
        self.append(J00, RecordKind(0x7f), Run::None, b"?", &Vector::new());
        self.settle();
    }

    /// A checkpoint of the names alone: to be written while no message waits.
    pub(crate) fn checkpoint(&mut self, names: &[(u32, &str)]) {
        let marks: Vec<_> = shape().data_lanes().filter_map(|id| self.lane(id).mark()).collect();
        let mut index = IndexWriter::default();
        let mut body = Vec::new();
        for (id, name) in names {
            encode::address(&mut body, name, 2, true);
            index.record(record::ADDRESS, &body);
            let (routing, auto_created, purge_on_no_consumers, max_consumers) = (1, true, false, -1);
            let (id, address, filter) = (QueueId(*id), *name, None);
            let queue =
                StoredQueue { id, routing, auto_created, purge_on_no_consumers, max_consumers, address, name, filter };
            encode::queue(&mut body, &queue);
            index.record(record::QUEUE, &body);
        }
        let lane = self.lane(C00);
        let mut writer = CheckpointWriter::begin(lane, &marks).unwrap();
        for chunk in index.into_chunks() {
            writer.chunk(lane, &[&chunk]).unwrap();
        }
        writer.finish(lane).unwrap();
        self.settle();
        self.seal();
    }

    pub(crate) fn free(&mut self, lane: LaneId, segment: u64) {
        self.lane(lane).free_segment(SegmentSequence(segment)).unwrap();
        self.settle();
    }

    /// What idle lanes do.
    pub(crate) fn seal(&mut self) {
        self.settle();
        let mut commands = Commands::with_capacity(16);
        for lane in &mut self.lanes {
            for now in [Now(1_000_000_000), Now(2_000_000_000)] {
                lane.poll(now, &mut commands);
                while let Some(command) = commands.pop() {
                    if let Some(completion) = self.driver.execute(lane.id(), command) {
                        lane.complete(completion);
                    }
                }
            }
        }
        self.settle();
    }

    pub(crate) fn end(mut self, end: End) {
        if end != End::Killed {
            self.seal();
        }
        let vector: Vector = self.lanes.iter().map(|lane| (lane.id(), lane.promised())).collect();
        let storage = self.driver.storage();
        if end == End::Stopped {
            self.state
                .update(storage, |state| (state.clean_stop, state.last_state) = (vector, LastState::Stopped))
                .unwrap();
        }
    }
}

fn message(bytes: usize) -> Vec<u8> {
    let mut encoded = Vec::new();
    let text = format!("{BODY}{}", ".".repeat(bytes));
    MessageBuilder::new("orders")
        .text(&text)
        .durable(true)
        .priority(7)
        .timestamp_ms(1_000)
        .property("colour", PropertyValue::Int(5))
        .property("password", PropertyValue::Int(0))
        .property(CANARY_NAME, PropertyValue::Bytes(CANARY.as_bytes()))
        .write(&mut encoded);
    encoded
}

/// The property whose value is the canary.
const CANARY_NAME: &str = "api token";

/// A store with one of everything, over several segments of j00; with segment 0 of it freed, if so asked.
pub(crate) fn make(root: &Path, end: End, freed: bool) {
    let mut writer = Writer::new(root);
    writer.queue(1, "orders");
    writer.queue(2, "audit trail");
    writer.settle();
    if !freed {
        writer.checkpoint(&[(1, "orders"), (2, "audit trail")]);
    }
    let first = writer.add(J00, 1, Run::None, 10);
    let second = writer.add(J00, 1, Run::None, 20);
    let large = writer.add_large(1);
    writer.ack(J00, 1, &[first]);
    let run = writer.lane(J00).next_run();
    let in_run = writer.add(J00, 1, Run::Member(run), 30);
    let closed = writer.add(J00, 1, Run::Commit(run), 30);
    let open = writer.lane(J00).next_run();
    writer.add(J00, 1, Run::Member(open), 30);
    writer.settle();
    writer.two_lanes(1, true);
    let mut many = Vec::new();
    for _ in 0..24 {
        for _ in 0..10 {
            many.push(writer.add(J00, 1, Run::None, 500));
        }
        writer.settle();
    }
    if freed {
        writer.ack(J00, 1, &[large, in_run, closed]);
        writer.ack(J00, 1, &many[..many.len() - 20]);
        writer.moved(J00, second, 1, 20);
        writer.settle();
        writer.seal();
        writer.free(J00, 0);
    }
    writer.add(j01(), 2, Run::None, 10);
    writer.settle();
    writer.two_lanes(2, false);
    writer.end(end);
}

/// A copy of a store as [`make`] makes it. Each is made once: that waits for the disk at every block.
pub(crate) fn copy_of(end: End, freed: bool) -> Scratch {
    static MADE: [OnceLock<Scratch>; 6] = [const { OnceLock::new() }; 6];
    let made = MADE[end as usize * 2 + usize::from(freed)].get_or_init(|| {
        let scratch = Scratch::kept(&format!("{end:?}-{freed}"));
        make(&scratch.0, end, freed);
        scratch
    });
    Scratch::copy_of("copy", &made.0)
}

/// The sound blocks of a lane: where they begin and how long they are.
pub(crate) fn blocks(root: &Path, lane: LaneId) -> Vec<(Lsn, usize)> {
    let geometry = shape().geometry(lane);
    let mut found = Vec::new();
    for sequence in 0..100 {
        let sequence = SegmentSequence(sequence);
        let Ok(bytes) = std::fs::read(StoreLayout::under(root).segment(lane, sequence)) else { continue };
        let mut at = geometry.start(sequence);
        while at < geometry.start(sequence.next()) {
            let offset = usize::try_from(geometry.place(at).1).unwrap();
            let step = BlockView::parse(bytes.get(offset..).unwrap_or_default(), lane, at).map_or(4096, |view| {
                found.push((at, view.header.bytes()));
                view.header.bytes()
            });
            at = at.plus(step as u64);
        }
    }
    found
}

/// The file of a position, and the offset there.
pub(crate) fn place(root: &Path, lane: LaneId, at: Lsn) -> (PathBuf, usize) {
    let (sequence, offset) = shape().geometry(lane).place(at);
    (StoreLayout::under(root).segment(lane, sequence), usize::try_from(offset).unwrap())
}

/// Changes bytes of a file.
pub(crate) fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

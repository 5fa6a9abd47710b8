//! One home with all its lanes on a simulated disk, and one session that asks it.
//!
//! Takes requests; gives answers, deliveries and, after a kill, what a start finds. Every write succeeds at once; a turn is longer
//! than a lane may be idle before it is sealed. What must stay true: only what was settled before a kill is expected after it.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use journal::testing::SimDisk;
use journal::{
    Access, AckMode, AlignedBuffer, BlockingDriver, Command, Completion, EpochId, EpochReason, EpochStart, Geometry,
    IoError, Lane, LaneId, LaneOptions, LaneStats, NodeId, Now, Recovered, RecoveryOptions, SegmentSequence, Storage,
    StoreId, StoreLayout, StoreShape, SyncMode, Vector, recover,
};
use ringmq::home::{ColdRead, Home, LoadReport, Loaded, Loader, Outcome, Settings};
use ringmq::mail::{
    Acknowledge, Answer, Ask, Deliver, Publish, QueueDefinition, Reply, Request, RoutingType, SessionRef, Token,
};
use ringmq::message::{ConsumerId, CoreId, MessageId, SessionKey, SessionNumber};
use ringmq::store::record::Operation;

/// As few as a lane can do with, so that nothing of some length is written in one turn.
const BUFFERS: usize = journal::LANE_BUFFERS_MIN;
/// Longer than a lane may be idle.
const TURN_NANOS: u64 = 2 * journal::SEAL_IDLE_NANOS;
/// More turns than anything here takes.
const TURNS_MAX: usize = 20_000;
/// The queue of all tests.
const QUEUE: &str = "orders";
const CONSUMER: ConsumerId = ConsumerId(0);

/// The first journal lane and the lane of its large bodies.
pub(crate) const JOURNAL: LaneId = LaneId::JOURNAL;
pub(crate) const LARGE: LaneId = LaneId::LARGE;

/// What came to the session.
#[derive(Default)]
struct Heard {
    answers: BTreeMap<Token, Answer>,
    messages: VecDeque<(MessageId, Vec<u8>)>,
}

impl Deliver for Heard {
    fn message(&mut self, _: SessionRef, _: ConsumerId, id: MessageId, _: u16, body: &[u8]) {
        self.messages.push_back((id, body.to_vec()));
    }

    fn nothing_more(&mut self, _: SessionRef, _: ConsumerId, _: i64, _: &str) {}

    fn consumer_gone(&mut self, _: SessionRef, _: ConsumerId) {}

    fn answer(&mut self, _: SessionRef, token: Token, answer: Answer) {
        self.answers.insert(token, answer);
    }
}

/// A home and its disk.
pub(crate) struct Machine {
    pub(crate) home: Home<AlignedBuffer>,
    /// What the start found.
    pub(crate) report: LoadReport,
    /// It went by a checkpoint.
    pub(crate) used_checkpoint: bool,
    driver: BlockingDriver<SimDisk>,
    heard: Heard,
    now: Now,
    tokens: u64,
}

fn shape() -> StoreShape {
    let Ok(geometry) = Geometry::new(journal::SEGMENT_BYTES_MIN) else { panic!("the smallest segment is none") };
    StoreShape::uniform(StoreId(5), 1, geometry)
}

fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

fn session() -> SessionRef {
    SessionRef { core: CoreId(0), key: SessionKey::default() }
}

impl Machine {
    /// A home with one empty queue.
    pub(crate) fn new() -> Self {
        let mut disk = SimDisk::new(1);
        for directory in layout().all() {
            assert!(disk.create_directory(directory).is_ok());
        }
        let mut machine = Self::start(disk);
        machine.ask(Ask::CreateQueue(QueueDefinition {
            address: QUEUE.into(),
            name: QUEUE.into(),
            routing: RoutingType::Anycast,
            auto_created: false,
            purge_on_no_consumers: false,
            max_consumers: -1,
            exists_is_fine: true,
        }));
        machine.settle();
        machine
    }

    /// Goes on from what a disk holds.
    pub(crate) fn start(mut disk: SimDisk) -> Self {
        let (layout, shape) = (layout(), shape());
        let recovered = match recover(&mut disk, &layout, &shape, &RecoveryOptions::alone()) {
            Ok(recovered) => recovered,
            Err(error) => panic!("the start is refused: {error:?}"),
        };
        let mut loader = Loader::default();
        load(&mut disk, &recovered, &mut loader);
        let unfinished = loader.settle(&recovered);
        let number = recovered.newest_epoch().unwrap_or(0) + 1;
        let mut driver = BlockingDriver::new(disk, layout, shape, SyncMode::Dsync);
        let lanes = started(&mut driver, &recovered, number);
        let settings = Settings {
            core: CoreId(0),
            cores: 1,
            lanes: 1,
            hot_bytes: 1,
            auto_create: true,
            run_number: number,
            epoch: number,
            segments_before_compaction: u64::MAX,
            checkpoint_bytes: u64::MAX,
        };
        let mut home = Home::new(settings, lanes);
        let report = loader.fill(&mut home);
        home.activate(&unfinished);
        let used_checkpoint = recovered.checkpoint.is_some();
        Self { home, report, used_checkpoint, driver, heard: Heard::default(), now: Now(1), tokens: 0 }
    }

    /// The process dies; another one goes on.
    pub(crate) fn kill(self) -> Self {
        let mut disk = self.driver.into_storage();
        disk.kill_process();
        Self::start(disk)
    }

    /// Asks, and waits for the answer if it does not come at once.
    pub(crate) fn ask(&mut self, ask: Ask<'_>) -> Answer {
        let token = self.begin(ask);
        for _ in 0..TURNS_MAX {
            if let Some(answer) = self.heard.answers.remove(&token) {
                assert!(answer.reply.is_ok(), "{answer:?}");
                return answer;
            }
            self.turn();
        }
        panic!("no answer")
    }

    /// Asks; the answer is heard later.
    pub(crate) fn begin(&mut self, ask: Ask<'_>) -> Token {
        for _ in 0..TURNS_MAX {
            if self.home.ready() {
                break;
            }
            self.turn();
        }
        self.tokens += 1;
        let token = Token(self.tokens);
        let operation = Operation { session: SessionNumber(1), command: self.tokens };
        let request = Request { from: session(), operation, token: Some(token), ask };
        if let Outcome::Done(answer) = self.home.ask(request, &mut self.heard) {
            self.heard.answers.insert(token, answer);
        }
        token
    }

    /// Is it answered?
    pub(crate) fn is_answered(&self, token: Token) -> bool {
        self.heard.answers.contains_key(&token)
    }

    /// One turn of the loop. False: nothing was to be done.
    pub(crate) fn turn(&mut self) -> bool {
        self.now = self.now.plus_nanos(TURN_NANOS);
        // By now a lane with nothing in flight has been idle for long enough to be sealed.
        let mut any = self.carry_out();
        self.home.turn(&mut self.heard);
        while self.carry_out() {
            any = true;
        }
        while let Some(read) = self.home.next_read() {
            any = true;
            let bytes = self.read(&read);
            self.home.read_done(read.token, bytes.as_deref().map_err(|error| error.clone()), &mut self.heard);
        }
        any
    }

    fn carry_out(&mut self) -> bool {
        let mut commands: Vec<(LaneId, Command<AlignedBuffer>)> = Vec::new();
        self.home.submit(self.now, |lane, command| commands.push((lane, command)));
        let any = !commands.is_empty();
        for (lane, command) in commands {
            match self.driver.execute(lane, command) {
                Some(Completion::Written { ticket, buffer, result }) => self.home.written(lane, ticket, buffer, result),
                Some(Completion::SegmentReady { sequence }) => self.home.segment_ready(lane, sequence),
                Some(Completion::SegmentFailed { sequence, error }) => self.home.segment_failed(lane, sequence, error),
                None => {}
            }
        }
        any
    }

    fn read(&mut self, read: &ColdRead) -> Result<Vec<u8>, IoError> {
        let disk = self.driver.storage();
        let file = disk.open(&layout().segment(read.lane, read.segment), Access::Read)?;
        let mut bytes = vec![0; read.len];
        let count = disk.read_at(file, read.offset, &mut bytes);
        disk.close(file);
        bytes.truncate(count?);
        Ok(bytes)
    }

    /// Goes on until nothing is left to do: all is promised, and what may be freed is.
    pub(crate) fn settle(&mut self) {
        let mut idle = 0;
        for _ in 0..TURNS_MAX {
            idle = if self.turn() { 0 } else { idle + 1 };
            if idle > 3 {
                return;
            }
        }
        panic!("it never comes to rest")
    }

    /// Sends a message, alone or in the session's transaction.
    pub(crate) fn publish(&mut self, body: &[u8], in_transaction: bool) {
        self.ask(publish(body, in_transaction));
    }

    /// Opens the consumer, and lets it have everything.
    pub(crate) fn consume(&mut self) {
        let (address, queue) = (QUEUE.into(), QUEUE.into());
        let (consumer, priority, started, pre_acknowledge) = (CONSUMER, 0, true, false);
        let answer = self.ask(Ask::CreateConsumer { consumer, address, queue, priority, started, pre_acknowledge });
        assert!(matches!(answer.reply, Ok(Reply::Queue(_))));
        self.ask(Ask::Credit { consumer, bytes: -1 });
    }

    /// Closes the consumer; what it did not acknowledge goes back.
    pub(crate) fn close(&mut self) {
        self.ask(Ask::CloseConsumer { consumer: CONSUMER });
    }

    /// The bodies that were delivered since, and their ids.
    pub(crate) fn delivered(&mut self) -> Vec<(MessageId, Vec<u8>)> {
        self.settle();
        self.heard.messages.drain(..).collect()
    }

    /// Everything that waits in the queue; it stays there.
    pub(crate) fn waiting(&mut self) -> Vec<Vec<u8>> {
        self.consume();
        let bodies = self.delivered().into_iter().map(|(_, body)| body).collect();
        self.close();
        bodies
    }

    /// Acknowledges everything up to this message.
    pub(crate) fn acknowledge(&mut self, message: MessageId) {
        let consumer = CONSUMER;
        self.ask(Ask::Acknowledge(Acknowledge { consumer, message, individual: false, in_transaction: false }));
    }

    /// Takes everything out of the queue for good.
    pub(crate) fn drain(&mut self) {
        self.consume();
        while let Some((message, _)) = self.delivered().pop() {
            self.acknowledge(message);
        }
        self.close();
        self.settle();
    }

    /// Messages come and go until the journal lane has grown by so many segments.
    pub(crate) fn pass_segments(&mut self, segments: u64) {
        let to = self.writing(JOURNAL).0 + segments;
        while self.writing(JOURNAL).0 < to {
            for _ in 0..32 {
                self.publish(&[9; 1024], false);
            }
            self.drain();
        }
    }

    /// The segment that the lane writes.
    pub(crate) fn writing(&mut self, lane: LaneId) -> SegmentSequence {
        let lane = self.lane(lane);
        lane.segment_of(lane.appended()).0
    }

    /// The oldest segment that the lane keeps.
    pub(crate) fn oldest(&mut self, lane: LaneId) -> SegmentSequence {
        let lane = self.lane(lane);
        lane.segment_of(lane.first_kept()).0
    }

    /// What the lane has done.
    pub(crate) fn stats(&mut self, lane: LaneId) -> LaneStats {
        self.lane(lane).stats()
    }

    fn lane(&mut self, id: LaneId) -> &Lane<AlignedBuffer> {
        match self.home.lanes_mut().find(|lane| lane.id() == id) {
            Some(lane) => lane,
            None => panic!("no lane {id}"),
        }
    }
}

/// A durable message for the queue.
pub(crate) fn publish(body: &[u8], in_transaction: bool) -> Ask<'static> {
    Ask::Publish(Publish {
        address: QUEUE.into(),
        queue: None,
        message: Cow::Owned(body.to_vec()),
        durable: true,
        priority: 4,
        routing: Some(RoutingType::Anycast),
        in_transaction,
    })
}

/// A body that no other number has.
pub(crate) fn body(number: u64, bytes: usize) -> Vec<u8> {
    let word = |at: usize| (number << 32 | at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    (0..bytes.div_ceil(8)).flat_map(word).take(bytes).collect()
}

fn load(disk: &mut SimDisk, recovered: &Recovered, loader: &mut Loader) {
    let (layout, shape) = (layout(), shape());
    if let Some(checkpoint) = &recovered.checkpoint {
        let read = checkpoint.read(disk, &layout, &shape, &mut |chunk| assert!(loader.chunk(chunk).is_ok()));
        assert!(read.is_ok());
    }
    for lane in shape.data_lanes().filter(|lane| lane.kind() != journal::LaneKind::Large) {
        let replayed = recovered.replay(disk, &layout, &shape, lane, &mut |record| {
            let journal::Replayed { lane, location, end, run, kind, body, .. } = record;
            let epoch = record.epoch.number;
            let loaded = loader.record(Loaded { lane, location, end, epoch, run, kind, body }, recovered);
            assert!(loaded.is_ok(), "{loaded:?}");
        });
        assert!(replayed.is_ok(), "{replayed:?}");
    }
}

/// All lanes, in a new epoch that is promised.
fn started(driver: &mut BlockingDriver<SimDisk>, recovered: &Recovered, number: u64) -> Vec<Lane<AlignedBuffer>> {
    let mut lanes = Vec::new();
    for lane in &recovered.lanes {
        let geometry = shape().geometry(lane.tail.lane);
        let buffers = (0..BUFFERS).map(|_| AlignedBuffer::block()).collect();
        lanes.push(Lane::open(LaneOptions { geometry, segments_ahead: 2 }, lane.tail.clone(), buffers));
    }
    let settle = |driver: &mut BlockingDriver<SimDisk>, lanes: &mut Vec<Lane<AlignedBuffer>>| {
        driver.settle(&mut lanes.iter_mut().collect::<Vec<_>>());
    };
    settle(driver, &mut lanes);
    let vector: Vector = lanes.iter().map(|lane| (lane.id(), lane.promised())).collect();
    for lane in &mut lanes {
        let vector = if lane.id() == JOURNAL { vector.clone() } else { Vector::new() };
        let epoch = EpochId { number, activation: u128::from(number) };
        let start =
            EpochStart { node: NodeId(1), epoch, reason: EpochReason::Restart, ack_mode: AckMode::LiveOnly, vector };
        assert!(lane.start_epoch(&start).is_ok());
    }
    settle(driver, &mut lanes);
    lanes
}

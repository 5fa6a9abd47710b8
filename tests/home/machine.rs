//! One home with all its lanes on a simulated disk, and sessions that ask it.
//!
//! Takes requests; gives answers, deliveries and, after a kill, what a start finds. Every write succeeds: at once, or, on a slow
//! machine, at any later time and in any order. A turn is longer than a lane may be idle before it is sealed. What must stay true:
//! what was not carried out before a kill is not there after it.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use journal::testing::{Random, SimDisk};
use journal::{
    Access, AckMode, AlignedBuffer, BlockingDriver, Command, Completion, EpochId, EpochReason, EpochStart, Geometry,
    IoError, Keep, Lane, LaneId, LaneOptions, LaneStats, Lsn, NodeId, Now, Recovered, RecoveryOptions, SegmentSequence,
    Storage, StoreId, StoreLayout, StoreShape, SyncMode, Vector, recover,
};
use ringmq::home::{ColdRead, Home, LoadReport, Loaded, Loader, Outcome, Settings};
use ringmq::mail::{
    Acknowledge, Answer, Ask, Deliver, Lifetime, Publish, QueueDefinition, Reply, Request, RoutingType, SessionRef,
    Token,
};
use ringmq::message::{ConsumerId, CoreId, MessageId, SessionKey, SessionNumber};
use ringmq::security::Permissions;
use ringmq::store::abridged::abridge;
use ringmq::store::record::Operation;
use slotmap::KeyData;

/// As few as a lane can do with, so that nothing of some length is written in one turn.
const BUFFERS: usize = journal::LANE_BUFFERS_MIN;
/// Longer than a lane may be idle.
const TURN_NANOS: u64 = 2 * journal::SEAL_IDLE_NANOS;
/// More turns than anything here takes.
const TURNS_MAX: usize = 20_000;
/// The queues, and the consumer of each; with two lanes each has a lane of its own.
const QUEUES: [&str; 2] = ["orders", "offers"];

/// The first journal lane and the lane of its large bodies.
pub(crate) const JOURNAL: LaneId = LaneId::JOURNAL;
pub(crate) const LARGE: LaneId = LaneId::LARGE;

/// What came to the session.
#[derive(Default)]
struct Heard {
    answers: BTreeMap<Token, Answer>,
    messages: VecDeque<Delivery>,
}

/// A message that was handed to the consumer that a session has of a queue.
pub(crate) struct Delivery {
    pub(crate) session: usize,
    pub(crate) queue: usize,
    pub(crate) id: MessageId,
    pub(crate) body: Vec<u8>,
}

/// What kind of machine it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) lanes: u16,
    pub(crate) hot_bytes: usize,
    pub(crate) segments_before_compaction: u64,
    /// The seed of a slow machine's order.
    pub(crate) slow: Option<u64>,
    /// Growth after which a small index is written.
    pub(crate) checkpoint_bytes: u64,
}

/// One lane, nothing in memory, no compaction.
pub(crate) const PLAIN: Setup =
    Setup { lanes: 1, hot_bytes: 1, segments_before_compaction: u64::MAX, slow: None, checkpoint_bytes: u64::MAX };

impl Deliver for Heard {
    fn message(&mut self, _: SessionRef, consumer: ConsumerId, id: MessageId, _: u16, body: &[u8]) {
        let number = usize::try_from(consumer.0).unwrap_or(usize::MAX);
        let (session, queue) = (number / QUEUES.len(), number % QUEUES.len());
        self.messages.push_back(Delivery { session, queue, id, body: body.to_vec() });
    }

    fn nothing_more(&mut self, _: SessionRef, _: ConsumerId, _: i64, _: &str) {}

    fn producer_credits(&mut self, _: SessionRef, _: &str, _: i32, _: bool) {}

    fn close_connection(&mut self, _: SessionRef) {}

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
    setup: Setup,
    order: Option<Random>,
    /// Nothing of this lane is carried out.
    pub(crate) withheld: Option<LaneId>,
    driver: BlockingDriver<SimDisk>,
    pending: Vec<(LaneId, Command<AlignedBuffer>)>,
    reads: Vec<ColdRead>,
    /// Reads to which the disk said no.
    pub(crate) failed_reads: u32,
    heard: Heard,
    /// Who asks.
    pub(crate) session: usize,
    /// What its user may do; none: everything.
    pub(crate) permissions: Option<Permissions>,
    now: Now,
    tokens: u64,
}

fn shape(lanes: u16) -> StoreShape {
    let Ok(geometry) = Geometry::new(journal::SEGMENT_BYTES_MIN) else { panic!("the smallest segment is none") };
    StoreShape::uniform(StoreId(5), lanes, geometry)
}

fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

fn session(number: usize) -> SessionRef {
    SessionRef { core: CoreId(0), key: SessionKey::from(KeyData::from_ffi(1 << 32 | number as u64)) }
}

impl Machine {
    /// A plain home with empty queues.
    pub(crate) fn new() -> Self {
        Self::with(PLAIN)
    }

    /// A home with empty queues.
    pub(crate) fn with(setup: Setup) -> Self {
        let mut disk = SimDisk::new(1);
        for directory in layout().all() {
            assert!(disk.create_directory(directory).is_ok());
        }
        let mut machine = Self::start(disk, setup);
        for queue in QUEUES {
            machine.ask(Ask::CreateQueue(Box::new(QueueDefinition {
                address: queue.into(),
                name: queue.into(),
                routing: RoutingType::Anycast,
                lifetime: Lifetime::Durable,
                auto_created: false,
                purge_on_no_consumers: false,
                max_consumers: -1,
                filter: None,
                exists_is_fine: true,
                makes_address: false,
            })));
        }
        machine.settle();
        machine
    }

    /// Goes on from what a disk holds.
    fn start(disk: SimDisk, setup: Setup) -> Self {
        Self::start_with(disk, setup, &RecoveryOptions::alone())
    }

    fn start_with(mut disk: SimDisk, setup: Setup, options: &RecoveryOptions) -> Self {
        let (layout, shape) = (layout(), shape(setup.lanes));
        // As the broker starts: the scan keeps records short, and the replay gives them so.
        let options = RecoveryOptions { keep: Some(Keep::all(abridge)), ..options.clone() };
        let recovered = match recover(&mut disk, &layout, &shape, &options) {
            Ok(recovered) => recovered,
            Err(error) => panic!("the start is refused: {error:?}"),
        };
        let mut loader = Loader::default();
        load(&mut disk, &shape, &recovered, &mut loader);
        let unfinished = loader.settle(&recovered);
        let number = recovered.newest_epoch().unwrap_or(0) + 1;
        let mut driver = BlockingDriver::new(disk, layout, shape, SyncMode::Dsync);
        let lanes = started(&mut driver, &shape, &recovered, number);
        let settings = Settings {
            core: CoreId(0),
            cores: 1,
            lanes: setup.lanes,
            hot_bytes: setup.hot_bytes,
            addresses: std::sync::Arc::default(),
            run_number: number,
            epoch: number,
            segments_before_compaction: setup.segments_before_compaction,
            checkpoint_bytes: setup.checkpoint_bytes,
        };
        let mut home = Home::new(settings, lanes);
        let report = loader.fill(&mut home);
        home.hold_decisions(&unfinished);
        home.activate(&unfinished);
        Self {
            home,
            report,
            used_checkpoint: recovered.checkpoint.is_some(),
            setup,
            withheld: None,
            order: setup.slow.map(|seed| Random::new(seed ^ number)),
            driver,
            pending: Vec::new(),
            reads: Vec::new(),
            failed_reads: 0,
            heard: Heard::default(),
            session: 0,
            permissions: None,
            now: Now(1),
            tokens: 0,
        }
    }

    /// The process dies; another one goes on.
    pub(crate) fn kill(self) -> Self {
        let mut disk = self.driver.into_storage();
        disk.kill_process();
        Self::start(disk, self.setup)
    }

    /// The process dies; another one reads everything, and gives up what is damaged here. Says first where it would be refused.
    pub(crate) fn kill_and_accept(self, lane: LaneId, at: Lsn) -> Self {
        let mut disk = self.driver.into_storage();
        disk.kill_process();
        let options = RecoveryOptions { use_checkpoint: false, ..RecoveryOptions::alone() };
        let refused = recover(&mut disk, &layout(), &shape(self.setup.lanes), &options);
        match refused {
            Err(journal::RecoveryError::Corruption(damage)) => assert_eq!((damage.lane, damage.at), (lane, at)),
            other => panic!("not refused: {:?}", other.map(|_| ())),
        }
        Self::start_with(disk, self.setup, &RecoveryOptions { accept_loss: vec![(lane, at)], ..options })
    }

    /// The power fails, and comes back.
    pub(crate) fn cut_power(self, seed: u64) -> Self {
        let mut disk = self.driver.into_storage();
        disk.cut_power(seed);
        Self::start(disk, self.setup)
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
        let operation = Operation { session: SessionNumber(self.session as u32), command: self.tokens };
        let (from, permissions) = (session(self.session), self.permissions);
        let request = Request { from, operation, token: Some(token), permissions, ask };
        if let Outcome::Done(answer) = self.home.ask(request, &mut self.heard) {
            self.heard.answers.insert(token, answer);
        }
        token
    }

    /// Is it answered?
    pub(crate) fn is_answered(&self, token: Token) -> bool {
        self.heard.answers.contains_key(&token)
    }

    /// The answer, if it has come. It is given once.
    pub(crate) fn answer(&mut self, token: Token) -> Option<Answer> {
        self.heard.answers.remove(&token)
    }

    /// One turn of the loop. False: nothing was to be done.
    pub(crate) fn turn(&mut self) -> bool {
        self.now = self.now.plus_nanos(TURN_NANOS);
        // By now a lane with nothing in flight has been idle for long enough to be sealed.
        let mut any = self.carry_out();
        self.home.turn(&mut self.heard);
        while self.carry_out() {
            any = true;
            if self.order.is_some() {
                break;
            }
        }
        while self.do_reads() {
            any = true;
            if self.order.is_some() {
                break;
            }
        }
        any || !self.pending.is_empty() || !self.reads.is_empty()
    }

    fn do_reads(&mut self) -> bool {
        while let Some(read) = self.home.next_read() {
            self.reads.push(read);
        }
        let any = !self.reads.is_empty();
        for _ in 0..Self::share_of(&mut self.order, self.reads.len()) {
            let at = self.order.as_mut().map_or(0, |order| order.index(self.reads.len()));
            let read = self.reads.swap_remove(at);
            let bytes = self.read(&read);
            self.failed_reads += u32::from(bytes.is_err());
            self.home.read_done(read.token, bytes.as_deref().map_err(|error| error.clone()), &mut self.heard);
        }
        any
    }

    /// How many of so many things are done now.
    fn share_of(order: &mut Option<Random>, all: usize) -> usize {
        order.as_mut().map_or(all, |order| order.index(all + 1))
    }

    /// What is pending and comes next. Segments of one lane are made in order.
    fn next_pending(&mut self) -> (LaneId, Command<AlignedBuffer>) {
        let at = self.order.as_mut().map_or(0, |order| order.index(self.pending.len()));
        let prepares = |(_, command): &(LaneId, Command<_>)| matches!(command, Command::PrepareSegment { .. });
        let chosen = self.pending.get(at).filter(|pending| prepares(pending)).map(|(lane, _)| *lane);
        let first = |lane| self.pending.iter().position(|pending| pending.0 == lane && prepares(pending));
        let at = chosen.and_then(first).unwrap_or(at);
        self.pending.remove(at)
    }

    fn carry_out(&mut self) -> bool {
        let pending = &mut self.pending;
        let mut any = false;
        let withheld = self.withheld;
        self.home.submit(self.now, |lane, command| {
            if withheld != Some(lane) {
                any = true;
                pending.push((lane, command));
            }
        });
        for _ in 0..Self::share_of(&mut self.order, self.pending.len()) {
            let (lane, command) = self.next_pending();
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
        self.ask(publish(0, body, in_transaction));
    }

    /// Opens the consumer of a queue, and lets it have so many bytes, or everything.
    pub(crate) fn open(&mut self, queue: usize, credit: i32) {
        self.open_as(queue, false, None, credit);
    }

    /// As [`Machine::open`], for messages that match.
    pub(crate) fn select(&mut self, queue: usize, filter: &str, credit: i32) {
        self.open_as(queue, false, Some(filter), credit);
    }

    /// As [`Machine::open`], to look and take nothing.
    pub(crate) fn browse(&mut self, queue: usize, credit: i32) {
        self.open_as(queue, true, None, credit);
    }

    fn open_as(&mut self, queue: usize, browses: bool, filter: Option<&str>, credit: i32) {
        let name = *QUEUES.get(queue).unwrap_or(&"");
        let (consumer, priority, started, pre_acknowledge) = (consumer_of(self.session, queue), 0, true, false);
        let (address, queue, filter) = (name.into(), name.into(), filter.map(Box::from));
        let ask = Ask::CreateConsumer { consumer, address, queue, browses, filter, priority, started, pre_acknowledge };
        let answer = self.ask(ask);
        assert!(matches!(answer.reply, Ok(Reply::Queue(_))));
        self.ask(Ask::Credit { consumer, bytes: credit });
    }

    /// Opens the consumer of the first queue, and lets it have everything.
    pub(crate) fn consume(&mut self) {
        self.open(0, -1);
    }

    /// Closes the consumer of the first queue; what it did not acknowledge goes back.
    pub(crate) fn close(&mut self) {
        self.close_in(0);
    }

    /// Closes the consumer of a queue.
    pub(crate) fn close_in(&mut self, queue: usize) {
        let consumer = consumer_of(self.session, queue);
        self.ask(Ask::CloseConsumer { consumer });
    }

    /// What was delivered since, once everything has come to rest.
    pub(crate) fn delivered(&mut self) -> Vec<(MessageId, Vec<u8>)> {
        self.settle();
        self.deliveries().map(|delivery| (delivery.id, delivery.body)).collect()
    }

    /// What was delivered since.
    pub(crate) fn deliveries(&mut self) -> impl Iterator<Item = Delivery> {
        self.heard.messages.drain(..)
    }

    /// Everything that waits in the first queue; it stays there.
    pub(crate) fn waiting(&mut self) -> Vec<Vec<u8>> {
        self.waiting_in(0)
    }

    /// Everything that waits in a queue; it stays there.
    pub(crate) fn waiting_in(&mut self, queue: usize) -> Vec<Vec<u8>> {
        self.open(queue, -1);
        let bodies = self.delivered().into_iter().map(|(_, body)| body).collect();
        self.close_in(queue);
        bodies
    }

    /// The bodies that were delivered since, without another turn.
    pub(crate) fn heard_bodies(&mut self) -> Vec<Vec<u8>> {
        self.heard.messages.drain(..).map(|delivery| delivery.body).collect()
    }

    /// Goes on for longer than a read is tried again.
    pub(crate) fn wait_for_reads(&mut self) {
        for _ in 0..200 {
            self.turn();
        }
    }

    /// Changes one bit on the disk.
    pub(crate) fn flip(&mut self, lane: LaneId, at: Lsn) {
        let (path, offset) = self.place(lane, at);
        self.disk().flip_bit(&path, offset, 3);
    }

    /// Makes a page of the disk unreadable.
    pub(crate) fn break_page(&mut self, lane: LaneId, at: Lsn) {
        let (path, offset) = self.place(lane, at);
        self.disk().break_page(&path, offset);
    }

    fn place(&mut self, id: LaneId, at: Lsn) -> (PathBuf, u64) {
        let (segment, offset) = self.lane(id).segment_of(at);
        (layout().segment(id, segment), offset)
    }

    /// Where the next block of the lane begins.
    pub(crate) fn end_of(&mut self, lane: LaneId) -> Lsn {
        self.lane(lane).appended()
    }

    /// Has the index written.
    pub(crate) fn write_checkpoint(&mut self) {
        self.home.want_checkpoint();
        self.settle();
        assert!(self.home.checkpoint_is_idle());
    }

    /// The disk.
    pub(crate) fn disk(&mut self) -> &mut SimDisk {
        self.driver.storage()
    }

    /// Does the home want a turn at once?
    pub(crate) fn wants_turn(&self) -> bool {
        self.home.deadline(self.now).is_some_and(|at| at <= self.now)
    }

    /// Acknowledges everything of the first queue up to this message.
    pub(crate) fn acknowledge(&mut self, message: MessageId) {
        self.acknowledge_in(0, message);
    }

    fn acknowledge_in(&mut self, queue: usize, message: MessageId) {
        let consumer = consumer_of(self.session, queue);
        self.ask(Ask::Acknowledge(Acknowledge { consumer, message, individual: false, in_transaction: false }));
    }

    /// Takes everything out of the first queue for good.
    pub(crate) fn drain(&mut self) {
        self.drain_queue(0);
    }

    /// Takes everything out of a queue for good.
    pub(crate) fn drain_queue(&mut self, queue: usize) {
        self.open(queue, -1);
        while let Some((message, _)) = self.delivered().pop() {
            self.acknowledge_in(queue, message);
        }
        self.close_in(queue);
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

/// The consumer that a session has of a queue.
pub(crate) fn consumer_of(session: usize, queue: usize) -> ConsumerId {
    ConsumerId((session * QUEUES.len() + queue) as i64)
}

/// A durable message for a queue.
pub(crate) fn publish(queue: usize, body: &[u8], in_transaction: bool) -> Ask<'static> {
    publish_to(QUEUES.get(queue).unwrap_or(&""), body, in_transaction)
}

/// A durable message for a queue with the name of its address, which is made if there is none.
pub(crate) fn publish_to(name: &str, body: &[u8], in_transaction: bool) -> Ask<'static> {
    Ask::Publish(Publish {
        address: name.to_owned().into(),
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

fn load(disk: &mut SimDisk, shape: &StoreShape, recovered: &Recovered, loader: &mut Loader) {
    let layout = layout();
    if let Some(checkpoint) = &recovered.checkpoint {
        let read = checkpoint.read(disk, &layout, shape, &mut |chunk| assert!(loader.chunk(chunk).is_ok()));
        assert!(read.is_ok());
    }
    for lane in shape.data_lanes().filter(|lane| lane.kind() != journal::LaneKind::Large) {
        let replayed = recovered.replay(disk, &layout, shape, lane, &mut |record| {
            let journal::Replayed { lane, location, end, run, kind, body, .. } = record;
            let epoch = record.epoch.number;
            let loaded = loader.abridged(Loaded { lane, location, end, epoch, run, kind, body }, recovered);
            assert!(loaded.is_ok(), "{loaded:?}");
        });
        assert!(replayed.is_ok(), "{replayed:?}");
    }
}

/// All lanes, in a new epoch that is promised.
fn started(
    driver: &mut BlockingDriver<SimDisk>,
    shape: &StoreShape,
    recovered: &Recovered,
    number: u64,
) -> Vec<Lane<AlignedBuffer>> {
    let mut lanes = Vec::new();
    for lane in &recovered.lanes {
        let geometry = shape.geometry(lane.tail.lane);
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

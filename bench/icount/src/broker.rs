//! One core of the broker without a disk and without sockets: its lanes' writes succeed at once, its clients are byte buffers.
//!
//! Takes frames as clients send them, gives what the core wrote. What must stay true: nothing here allocates once it is warm,
//! so that whatever callgrind counts in a measured call is the broker's own.

use journal::{
    AckMode, AlignedBuffer, Command, Commands, EpochId, EpochReason, EpochStart, Geometry, Lane, LaneId, LaneOptions,
    LaneTail, NodeId, Now, SegmentSequence, Ticket, Vector,
};
use ringmq::broker::{Core, FrontSettings, Output, Reattach};
use ringmq::home::{Home, Loader, Settings, Unfinished};
use ringmq::mail::{Answer, Deliver, SessionRef, Token};
use ringmq::message::{ConnectionKey, ConsumerId, CoreId, MessageId, Origin};
use ringmq::net::core::ServerFacts;

/// So large that a run stays in the first segments: making segments is measured by nobody here.
const SEGMENT_BYTES: u64 = 1 << 30;
/// As many as the server gives a journal lane.
const BUFFERS: usize = 16;
/// As the server's: bytes come in pieces of this size, and a frame that crosses their border is put together.
const RECEIVE_BUFFER_BYTES: usize = 16 * 1024;
/// Between two turns; short, so that no idle seal and no check of the time to live gets into the way.
const TURN_NANOS: u64 = 1_000;

/// The core, and what its driver would hold.
pub(crate) struct Broker {
    core: Core<AlignedBuffer>,
    /// What the last turn wants: blocks to write, bytes for clients, segments.
    writes: Vec<(LaneId, Ticket, AlignedBuffer)>,
    sends: Vec<(ConnectionKey, Vec<u8>)>,
    segments: Vec<(LaneId, SegmentSequence)>,
    /// Blocks of the index that were written.
    index_blocks: u64,
    now: Now,
}

impl Broker {
    /// Core 0 of a broker with one journal lane, serving. It never writes its index.
    pub(crate) fn new() -> Option<Self> {
        Self::with_checkpoints(u64::MAX)
    }

    /// The same, and it writes its index whenever its lanes have grown by so much.
    pub(crate) fn with_checkpoints(bytes: u64) -> Option<Self> {
        let facts = ServerFacts {
            node_id: "icount".to_owned(),
            started_unix_ms: 1,
            management_address: "activemq.management".to_owned(),
        };
        let front = FrontSettings {
            ttl_override_ms: -1,
            ttl_check_interval_ms: 3_600_000,
            handshake_timeout_ms: 3_600_000,
            connections_max: 64,
            memory_max: usize::MAX,
            frame_bytes_max: protocol::limits::FRAME_BYTES_MAX,
            reattach: Reattach::SameHost,
            sync_transactional: true,
            sync_non_transactional: true,
            full_matters: false,
            follows: true,
            lanes: 1,
            cores: 1,
        };
        let core = Core::new(CoreId(0), started_home_with(bytes)?, facts, front);
        Some(Self {
            core,
            writes: Vec::new(),
            sends: Vec::new(),
            segments: Vec::new(),
            index_blocks: 0,
            now: Now(1_000_000_000),
        })
    }

    /// A client comes.
    pub(crate) fn connect(&mut self) -> Option<ConnectionKey> {
        self.core.accepted(Origin::default(), self.now)
    }

    /// The client goes.
    pub(crate) fn disconnect(&mut self, client: ConnectionKey) {
        self.core.closed(client);
    }

    /// The client's bytes come in.
    pub(crate) fn receive(&mut self, from: ConnectionKey, bytes: &[u8]) {
        for piece in bytes.chunks(RECEIVE_BUFFER_BYTES) {
            self.core.received(from, piece, self.now);
        }
    }

    /// The rooms decide what is to be done.
    pub(crate) fn turn(&mut self) {
        self.now = self.now.plus_nanos(TURN_NANOS);
        let Self { core, writes, sends, segments, now, .. } = self;
        core.turn(*now, &mut |output| match output {
            Output::Lane { lane, command: Command::Write { ticket, buffer, .. } } => {
                writes.push((lane, ticket, buffer))
            }
            Output::Lane { lane, command: Command::PrepareSegment { sequence } } => segments.push((lane, sequence)),
            Output::Send { connection, bytes } => sends.push((connection, bytes)),
            other => unwanted(other),
        });
    }

    /// What the last turn wants to tell a client.
    pub(crate) fn outgoing(&self, to: ConnectionKey) -> impl Iterator<Item = &[u8]> {
        self.sends.iter().filter(move |(connection, _)| *connection == to).map(|(_, bytes)| bytes.as_slice())
    }

    /// Carries out what was decided: every write succeeds, every client takes its bytes. False if there was nothing to do.
    pub(crate) fn carry_out(&mut self, mut heard: impl FnMut(ConnectionKey, &[u8])) -> bool {
        let Self { core, writes, sends, segments, index_blocks, .. } = self;
        let any = !(writes.is_empty() && sends.is_empty() && segments.is_empty());
        // From behind: in which order a turn's writes are done, and which client hears first, means nothing.
        while let Some((lane, ticket, buffer)) = writes.pop() {
            *index_blocks += u64::from(lane == LaneId::CHECKPOINT);
            core.written(lane, ticket, buffer, Ok(()));
        }
        while let Some((connection, bytes)) = sends.pop() {
            heard(connection, &bytes);
            core.sent(connection, bytes);
        }
        while let Some((lane, sequence)) = segments.pop() {
            core.segment_ready(lane, sequence);
        }
        any
    }

    /// Blocks of the index that were written so far.
    pub(crate) fn index_blocks(&self) -> u64 {
        self.index_blocks
    }

    /// Goes on until there is nothing left to do.
    pub(crate) fn settle(&mut self, mut heard: impl FnMut(ConnectionKey, &[u8])) {
        loop {
            self.turn();
            if !self.carry_out(&mut heard) {
                return;
            }
        }
    }
}

/// What a broker with one core never gives in the measured work. Apart, so that dropping it is no part of what is counted.
#[cold]
#[inline(never)]
fn unwanted(_: Output<AlignedBuffer>) {}

/// The home of all addresses of a broker with one journal lane. It never writes its index.
pub(crate) fn started_home() -> Option<Home<AlignedBuffer>> {
    started_home_with(u64::MAX)
}

fn started_home_with(checkpoint_bytes: u64) -> Option<Home<AlignedBuffer>> {
    let lanes = [LaneId::BINDINGS, LaneId::JOURNAL, LaneId::CHECKPOINT];
    let lanes = lanes.into_iter().map(started_lane).collect::<Option<Vec<_>>>()?;
    let settings = Settings {
        core: CoreId(0),
        cores: 1,
        lanes: 1,
        hot_bytes: 64 * 1024 * 1024,
        addresses: std::sync::Arc::default(),
        run_number: 1,
        epoch: 1,
        segments_before_compaction: u64::MAX,
        checkpoint_bytes,
    };
    let mut home = Home::new(settings, lanes);
    Loader::default().fill(&mut home);
    home.activate(&Unfinished::default());
    Some(home)
}

/// Carries out what a home wants, at once, until it wants nothing more.
pub(crate) fn settle_home(home: &mut Home<AlignedBuffer>, now: Now) {
    let mut commands = Vec::new();
    loop {
        home.turn(&mut Nobody);
        home.submit(now, |lane, command| commands.push((lane, command)));
        if commands.is_empty() {
            return;
        }
        for (lane, command) in commands.drain(..) {
            match command {
                Command::Write { ticket, buffer, .. } => home.written(lane, ticket, buffer, Ok(())),
                Command::PrepareSegment { sequence } => home.segment_ready(lane, sequence),
                Command::FreeSegment { .. } => {}
            }
        }
    }
}

/// Takes deliveries that never come: the home it is given to has no consumers.
pub(crate) struct Nobody;

impl Deliver for Nobody {
    fn producer_credits(&mut self, _: SessionRef, _: &str, _: i32, _: bool) {}

    fn message(&mut self, _: SessionRef, _: ConsumerId, _: MessageId, _: u16, _: &[u8]) {}
    fn nothing_more(&mut self, _: SessionRef, _: ConsumerId, _: i64, _: &str) {}
    fn close_connection(&mut self, _: SessionRef) {}

    fn consumer_gone(&mut self, _: SessionRef, _: ConsumerId) {}
    fn answer(&mut self, _: SessionRef, _: Token, _: Answer) {}
}

/// A lane in its first epoch, ready to be appended to.
pub(crate) fn started_lane(id: LaneId) -> Option<Lane<AlignedBuffer>> {
    let options = LaneOptions { geometry: Geometry::new(SEGMENT_BYTES).ok()?, segments_ahead: 2 };
    let buffers = (0..BUFFERS).map(|_| AlignedBuffer::block()).collect();
    let mut lane = Lane::open(options, LaneTail::fresh(id), buffers);
    let mut commands = Commands::with_capacity(BUFFERS);
    settle_lane(&mut lane, &mut commands, Now(1));
    let epoch = EpochStart {
        node: NodeId(1),
        epoch: EpochId { number: 1, activation: 1 },
        reason: EpochReason::First,
        ack_mode: AckMode::LiveOnly,
        vector: Vector::new(),
    };
    lane.start_epoch(&epoch).ok()?;
    settle_lane(&mut lane, &mut commands, Now(2));
    Some(lane)
}

/// Carries out what the lane wants, at once.
pub(crate) fn settle_lane(lane: &mut Lane<AlignedBuffer>, commands: &mut Commands<AlignedBuffer>, now: Now) {
    lane.poll(now, commands);
    while let Some(command) = commands.pop() {
        match command {
            Command::Write { ticket, buffer, .. } => lane.written(ticket, buffer, Ok(())),
            Command::PrepareSegment { sequence } => lane.segment_ready(sequence),
            Command::FreeSegment { .. } => {}
        }
    }
}

//! Cores of the broker with everything around them in memory: lanes whose writes succeed, clients that are byte buffers, letters.
//!
//! Takes frames as clients send them, gives those that the cores wrote. What happens next is chosen by a seed among all that may
//! happen: turns, letters, writes that end, bytes that are taken. Order is kept where the machine keeps it: the bytes of one
//! client, the letters from one core to another, the completions of one lane.

use std::collections::VecDeque;
use std::sync::Arc;

use journal::testing::Random;
use journal::{
    AckMode, AlignedBuffer, Command, Commands, EpochId, EpochReason, EpochStart, Geometry, Lane, LaneId, LaneKind,
    LaneOptions, LaneTail, NodeId, Now, SegmentSequence, Vector,
};
use ringmq::broker::{Census, Core, FrontSettings, Migrant, Output, Reattach};
use ringmq::home::{Home, Loader, Settings};
use ringmq::limits::HomeBounds;
use ringmq::mail::{Ask, DiskSpace, Letter, Request};
use ringmq::message::{ConnectionKey, CoreId, Origin};
use ringmq::net::core::ServerFacts;
use ringmq::routing::{self, AddressSettings, FullSettings, SettingsByAddress};
use ringmq::security::{Login, Policy, Verdict};

/// So large that a run stays in the first segments.
const SEGMENT_BYTES: u64 = 1 << 28;
/// So small that a run fills some.
const SMALL_SEGMENT_BYTES: u64 = 1 << 20;
const BUFFERS: usize = 6;
/// More than any run here stores: nothing is read back.
const HOT_BYTES: usize = 16 << 20;
/// Between two turns; far below every time that means something.
const TURN_NANOS: u64 = 1_000;
/// Between two checks of the time to live.
pub(crate) const CHECK_MS: u64 = 2_000;
/// Until a client must have said what it speaks.
pub(crate) const HANDSHAKE_MS: u64 = 3_600_000;
/// Connections of one core.
pub(crate) const CONNECTIONS_MAX: usize = 64;
/// What the cores call themselves.
pub(crate) const NODE_ID: &str = "rig";
/// More events than any run here needs: one that needs more goes round in circles.
const EVENTS_MAX: usize = 1_000_000;

/// A client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) core: usize,
    pub(crate) key: ConnectionKey,
}

struct Seat {
    core: Core<AlignedBuffer>,
    /// Commands of lanes that are not carried out yet, in order.
    disk: VecDeque<(LaneId, Command<AlignedBuffer>)>,
    /// Bytes that clients have not taken yet.
    wires: VecDeque<(ConnectionKey, Vec<u8>)>,
    /// Logins without a verdict.
    logins: VecDeque<(ConnectionKey, Login)>,
    /// Something happened since its last turn.
    due: bool,
}

/// What may happen next.
#[derive(Clone, Copy)]
enum Next {
    Turn(usize),
    Disk(usize),
    Wire(usize),
    Letter(usize),
    Login(usize),
    Leave(usize),
}

/// A connection on its way to another core, and what its client has written meanwhile.
struct Visitor {
    peer: Peer,
    migrant: Migrant,
    bytes: Vec<u8>,
    /// Its client has gone meanwhile.
    lost: bool,
}

/// What goes from one core to another.
enum Post {
    Letter(Letter),
    Visitor(Visitor),
}

/// Some cores, and all that is around them.
pub(crate) struct Rig {
    seats: Vec<Seat>,
    /// What is on its way: from, to, in order.
    mail: Vec<((usize, usize), VecDeque<Post>)>,
    heard: Vec<(Peer, Vec<u8>)>,
    /// Connections that are to move.
    leaving: Vec<Peer>,
    /// Where connections are that have moved: as their clients know them, and as they are.
    moved: Vec<(Peer, Peer)>,
    /// Connections that the cores closed.
    pub(crate) closed: Vec<Peer>,
    /// Connections from which nothing is to be received now.
    paused: Vec<Peer>,
    now: Now,
    random: Random,
    /// Writes of lanes do not end.
    pub(crate) disk_stands: bool,
    /// Clients do not take bytes.
    pub(crate) wires_stand: bool,
    /// These clients alone do not.
    pub(crate) deaf: Vec<Peer>,
    /// This core does nothing: its thread gets no processor.
    pub(crate) rests: Option<usize>,
    /// The disk is full: no further segment is made.
    segments_stand: bool,
    /// Segments that were asked for meanwhile, with the core.
    withheld: Vec<(usize, LaneId, SegmentSequence)>,
    /// The control: other cores do not hear that a session has ended.
    pub(crate) ends_are_lost: bool,
    /// The control: a core forgets where sessions have moved to.
    pub(crate) places_are_lost: bool,
    /// What comes of a login.
    judge: fn(&Login) -> Verdict,
    /// How often the disk was to be measured.
    pub(crate) measurements: usize,
    /// It is not measured before the test says so.
    pub(crate) measures_rest: bool,
    /// Logins get no verdicts.
    pub(crate) judge_rests: bool,
}

impl Rig {
    /// So many cores with one journal lane each.
    pub(crate) fn new(cores: u16, seed: u64) -> Self {
        Self::with(cores, seed, SettingsByAddress::default())
    }

    /// As [`Rig::new`], with small segments, and a disk that holds no more of them than there are.
    pub(crate) fn full(cores: u16, seed: u64) -> Self {
        let addresses = Arc::default();
        let seats = (0..cores).map(|core| seat(core, cores, &addresses, SMALL_SEGMENT_BYTES)).collect();
        Self { segments_stand: true, ..Self::of(seats, seed) }
    }

    /// As [`Rig::new`], with addresses that can be full.
    pub(crate) fn limited(cores: u16, seed: u64, full: FullSettings) -> Self {
        let settings = AddressSettings { full, ..AddressSettings::default() };
        Self::with(cores, seed, SettingsByAddress::all(settings))
    }

    /// As [`Rig::new`], for clients who may come back by this rule.
    pub(crate) fn reattaching(cores: u16, seed: u64, reattach: Reattach) -> Self {
        let addresses = Arc::default();
        let way = (reattach, usize::MAX, true);
        Self::of((0..cores).map(|core| any_seat(core, cores, &addresses, SEGMENT_BYTES, way)).collect(), seed)
    }

    /// As [`Rig::new`], with connections that stay where they came, wherever their addresses live.
    pub(crate) fn staying(cores: u16, seed: u64) -> Self {
        let addresses = Arc::default();
        let way = (Reattach::SameHost, usize::MAX, false);
        Self::of((0..cores).map(|core| any_seat(core, cores, &addresses, SEGMENT_BYTES, way)).collect(), seed)
    }

    /// As [`Rig::staying`], for connections that may hold so much together on each core.
    pub(crate) fn remembering(cores: u16, seed: u64, memory_max: usize) -> Self {
        Self::holding(cores, seed, (memory_max, false))
    }

    /// As [`Rig::remembering`]; connections may move to the home of their addresses, or not.
    pub(crate) fn holding(cores: u16, seed: u64, (memory_max, follows): (usize, bool)) -> Self {
        let addresses = Arc::default();
        let way = (Reattach::SameHost, memory_max, follows);
        Self::of((0..cores).map(|core| any_seat(core, cores, &addresses, SEGMENT_BYTES, way)).collect(), seed)
    }

    /// The disk has room again.
    pub(crate) fn make_segments(&mut self) {
        self.segments_stand = false;
        for (core, lane, sequence) in std::mem::take(&mut self.withheld) {
            let seat = &mut self.seats[core];
            seat.core.segment_ready(lane, sequence);
            seat.due = true;
        }
    }

    /// As [`Rig::new`], with settings of addresses.
    pub(crate) fn with(cores: u16, seed: u64, addresses: SettingsByAddress) -> Self {
        let addresses = Arc::new(addresses);
        let seats = (0..cores).map(|core| seat(core, cores, &addresses, SEGMENT_BYTES)).collect();
        Self::of(seats, seed)
    }

    fn of(seats: Vec<Seat>, seed: u64) -> Self {
        Self {
            seats,
            mail: Vec::new(),
            heard: Vec::new(),
            leaving: Vec::new(),
            moved: Vec::new(),
            closed: Vec::new(),
            paused: Vec::new(),
            now: Now(1_000_000_000),
            random: Random::new(seed),
            disk_stands: false,
            wires_stand: false,
            deaf: Vec::new(),
            rests: None,
            segments_stand: false,
            withheld: Vec::new(),
            ends_are_lost: false,
            places_are_lost: false,
            judge: |login| Verdict::Refused(format!("nobody judges {login:?}")),
            judge_rests: false,
            measurements: 0,
            measures_rest: false,
        }
    }

    /// Clients have to log in.
    pub(crate) fn require_login(&mut self, policy: Policy, judge: fn(&Login) -> Verdict) {
        let policy = Arc::new(policy);
        self.seats.iter_mut().for_each(|seat| seat.core.require_login(Arc::clone(&policy)));
        self.judge = judge;
    }

    /// Logins that are looked into.
    pub(crate) fn logins(&self) -> usize {
        self.seats.iter().map(|seat| seat.logins.len()).sum()
    }

    /// A client comes to a core.
    pub(crate) fn connect(&mut self, core: usize) -> Peer {
        self.connect_from(core, Origin::default())
    }

    /// A client comes to a core from this place.
    pub(crate) fn connect_from(&mut self, core: usize, origin: Origin) -> Peer {
        // One came before the other.
        self.now = self.now.plus_nanos(TURN_NANOS);
        let key = self.seats[core].core.accepted(origin, self.now).unwrap();
        self.seats[core].due = true;
        Peer { core, key }
    }

    /// The client of a new connection has shown a certificate with this digest, or none.
    pub(crate) fn secured(&mut self, peer: Peer, identity: Option<[u8; 32]>) {
        self.seats[peer.core].core.secured(peer.key, identity);
    }

    /// The client's bytes come in.
    pub(crate) fn receive(&mut self, from: Peer, bytes: &[u8]) {
        if let Some(visitor) = self.visitor(from) {
            return visitor.bytes.extend_from_slice(bytes);
        }
        let from = self.place_of(from);
        let seat = &mut self.seats[from.core];
        seat.core.received(from.key, bytes, self.now);
        seat.due = true;
    }

    /// The connection is gone.
    pub(crate) fn lose(&mut self, peer: Peer) {
        let place = self.place_of(peer);
        self.leaving.retain(|leaving| *leaving != place);
        if let Some(visitor) = self.visitor(peer) {
            visitor.lost = true;
            return;
        }
        let peer = place;
        let seat = &mut self.seats[peer.core];
        seat.core.closed(peer.key);
        seat.wires.retain(|(key, _)| *key != peer.key);
        seat.due = true;
    }

    /// A connection that is on its way.
    fn visitor(&mut self, peer: Peer) -> Option<&mut Visitor> {
        self.mail.iter_mut().flat_map(|(_, posts)| posts).find_map(|post| match post {
            Post::Visitor(visitor) if visitor.peer == peer => Some(visitor),
            _ => None,
        })
    }

    /// A connection comes to a core, as the machine gives it: what its client has sent since comes behind it.
    fn arrive(&mut self, to: usize, visitor: Visitor) {
        let Visitor { peer, migrant, bytes, lost } = visitor;
        let seat = &mut self.seats[to];
        if lost && self.random.percent(50) {
            return seat.core.turned_away(migrant);
        }
        match seat.core.arrived(migrant, self.now) {
            Some(key) => {
                self.moved.retain(|(known, _)| *known != peer);
                self.moved.push((peer, Peer { core: to, key }));
                self.paused.retain(|paused| *paused != peer);
                if lost { self.lose(peer) } else { self.receive(peer, &bytes) }
            }
            None => self.closed.push(peer),
        }
    }

    /// Puts something on its way from one core to another.
    fn post(&mut self, way: (usize, usize), post: Post) {
        match self.mail.iter_mut().find(|(other, _)| *other == way) {
            Some((_, posts)) => posts.push_back(post),
            None => self.mail.push((way, VecDeque::from([post]))),
        }
    }

    /// Lets this much time go by.
    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.now = self.now.plus_nanos(ms * 1_000_000);
        self.seats.iter_mut().for_each(|seat| seat.due = true);
        self.settle();
    }

    /// A core is told to stop.
    pub(crate) fn stop(&mut self, core: usize) {
        self.seats[core].core.stop();
        self.seats[core].due = true;
    }

    /// Has the broker closed this connection?
    pub(crate) fn has_closed(&self, peer: Peer) -> bool {
        self.closed.contains(&peer)
    }

    /// Is nothing to be received from it now?
    pub(crate) fn is_paused(&self, peer: Peer) -> bool {
        self.paused.contains(&peer)
    }

    /// Goes on until nothing more can happen.
    pub(crate) fn settle(&mut self) {
        for _ in 0..EVENTS_MAX {
            if !self.step() {
                return;
            }
        }
        panic!("the cores go round in circles");
    }

    /// Lets some events happen.
    pub(crate) fn go_on(&mut self, events: u64) {
        for _ in 0..events {
            self.step();
        }
    }

    /// Takes what a client has heard so far.
    pub(crate) fn take_heard(&mut self, peer: Peer) -> Vec<u8> {
        let (own, others) = std::mem::take(&mut self.heard).into_iter().partition(|(to, _)| *to == peer);
        self.heard = others;
        own.into_iter().flat_map(|(_, bytes): (Peer, Vec<u8>)| bytes).collect()
    }

    /// The disk of a core was measured, or could not be.
    pub(crate) fn disk_measured(&mut self, core: usize, measured: Result<DiskSpace, String>) {
        self.seats[core].core.disk_measured(measured);
        self.seats[core].due = true;
    }

    /// Sets the bounds of a core's home.
    pub(crate) fn set_bounds(&mut self, core: usize, bounds: HomeBounds) {
        self.seats[core].core.home_mut().set_bounds(bounds);
    }

    /// The core on which a connection is; `None` while it is on its way.
    pub(crate) fn core_of(&mut self, peer: Peer) -> Option<usize> {
        if self.visitor(peer).is_some() { None } else { Some(self.place_of(peer).core) }
    }

    /// Where a connection is now, as its core knows it.
    fn place_of(&self, peer: Peer) -> Peer {
        self.moved.iter().find(|(known, _)| *known == peer).map_or(peer, |(_, now)| *now)
    }

    /// As its client knows it.
    fn known_as(&self, peer: Peer) -> Peer {
        known_as(&self.moved, peer)
    }

    /// What each core holds for clients.
    pub(crate) fn census(&self) -> Vec<Census> {
        self.seats.iter().map(|seat| seat.core.census()).collect()
    }

    /// What one core has sent to others and they have not said to have read, and what has come and is not read.
    pub(crate) fn letter_bytes(&self, core: usize) -> (usize, usize) {
        self.seats[core].core.letter_bytes()
    }

    /// A number of the seed's choice below this one.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.random.index(bound)
    }

    /// The core on which an address lives.
    pub(crate) fn home_of(&self, address: &str) -> usize {
        let count = u16::try_from(self.seats.len()).unwrap();
        usize::from(routing::core_of_lane(routing::home_lane(address, count), count).0)
    }

    /// An address whose home is this core.
    pub(crate) fn address_on(&self, core: usize) -> String {
        (0..).map(|number| format!("queue.{number}")).find(|name| self.home_of(name) == core).unwrap()
    }

    fn step(&mut self) -> bool {
        let mut possible: Vec<Next> = Vec::new();
        for (at, seat) in self.seats.iter().enumerate() {
            if seat.due && self.rests != Some(at) {
                possible.push(Next::Turn(at));
            }
            if !seat.disk.is_empty() && !self.disk_stands {
                possible.push(Next::Disk(at));
            }
            if !seat.logins.is_empty() && !self.judge_rests {
                possible.push(Next::Login(at));
            }
            if !self.wires_stand && self.next_wire(at).is_some() {
                possible.push(Next::Wire(at));
            }
        }
        possible.extend((0..self.mail.len()).filter(|at| self.may_read(*at)).map(Next::Letter));
        possible.extend((0..self.leaving.len()).map(Next::Leave));
        if possible.is_empty() {
            return false;
        }
        let choice = self.random.index(possible.len());
        self.happen(possible[choice]);
        true
    }

    /// The oldest bytes whose client takes them.
    fn next_wire(&self, at: usize) -> Option<usize> {
        let takes = |key| self.deaf.is_empty() || !self.deaf.contains(&self.known_as(Peer { core: at, key }));
        self.seats[at].wires.iter().position(|(key, _)| takes(*key))
    }

    fn may_read(&self, at: usize) -> bool {
        let ((_, to), letters) = &self.mail[at];
        !letters.is_empty() && self.seats[*to].core.takes_letters()
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Turn(at) => self.turn(at),
            Next::Disk(at) => self.write(at),
            Next::Login(at) => {
                let seat = &mut self.seats[at];
                let Some((key, login)) = seat.logins.pop_front() else { return };
                seat.core.login_judged(key, (self.judge)(&login));
                seat.due = true;
            }
            Next::Wire(at) => {
                let Some(next) = self.next_wire(at) else { return };
                let seat = &mut self.seats[at];
                let Some((key, bytes)) = seat.wires.remove(next) else { return };
                seat.core.sent(key, bytes.clone());
                seat.due = true;
                self.heard.push((self.known_as(Peer { core: at, key }), bytes));
            }
            Next::Leave(at) => {
                let peer = self.leaving.remove(at);
                let seat = &mut self.seats[peer.core];
                seat.due = true;
                assert!(seat.wires.iter().all(|(key, _)| *key != peer.key), "it moves before all is written");
                match seat.core.departed(peer.key) {
                    Some((to, migrant)) => {
                        let known = self.known_as(peer);
                        let visitor = Visitor { peer: known, migrant, bytes: Vec::new(), lost: false };
                        self.post((peer.core, usize::from(to.0)), Post::Visitor(visitor));
                    }
                    None => {
                        let known = self.known_as(peer);
                        self.closed.push(known);
                        self.lose(known);
                    }
                }
            }
            Next::Letter(at) => {
                let ((from, to), posts) = &mut self.mail[at];
                let (from, to) = (*from, *to);
                self.seats[to].due = true;
                let letter = match posts.pop_front() {
                    Some(Post::Letter(letter)) => letter,
                    Some(Post::Visitor(visitor)) => return self.arrive(to, visitor),
                    None => return,
                };
                if self.ends_are_lost && matches!(&letter, Letter::Request(request) if is_end(request)) {
                    return;
                }
                let letter = match letter {
                    Letter::Seek { by, connection, .. } if self.places_are_lost && usize::from(by.0) != from => {
                        let answer = Letter::Sought { connection, found: false };
                        return self.post((from, usize::from(by.0)), Post::Letter(answer));
                    }
                    letter => letter,
                };
                self.seats[to].core.letter(CoreId(u16::try_from(from).unwrap()), letter);
            }
        }
    }

    fn turn(&mut self, at: usize) {
        self.now = self.now.plus_nanos(TURN_NANOS);
        let seat = &mut self.seats[at];
        let mut outputs = Vec::new();
        seat.core.turn(self.now, &mut |output| outputs.push(output));
        seat.due = seat.core.deadline(self.now).is_some_and(|at| at <= self.now);
        let (mut gone, mut letters) = (Vec::new(), Vec::new());
        for output in outputs {
            match output {
                // What is given away takes nothing more.
                Output::Send { connection, bytes } if self.leaving.contains(&Peer { core: at, key: connection }) => {
                    seat.core.sent(connection, bytes);
                    seat.due = true;
                }
                Output::Send { connection, bytes } => seat.wires.push_back((connection, bytes)),
                Output::Close { connection } => gone.push(Peer { core: at, key: connection }),
                Output::Lane { lane, command } => seat.disk.push_back((lane, command)),
                Output::Letter { core, letter } => letters.push(((at, usize::from(core.0)), letter)),
                Output::Move { connection, .. } => self.leaving.push(Peer { core: at, key: connection }),
                Output::Login { connection, login } => seat.logins.push_back((connection, login)),
                Output::Receive { connection, on } => {
                    let peer = known_as(&self.moved, Peer { core: at, key: connection });
                    self.paused.retain(|paused| *paused != peer);
                    self.paused.extend((!on).then_some(peer));
                }
                Output::Read(_) => {}
                Output::MeasureDisk => {
                    self.measurements += 1;
                    if !self.measures_rest {
                        seat.core.disk_measured(Ok(DiskSpace { used: 1, total: 4 }));
                        seat.due = true;
                    }
                }
            }
        }
        letters.into_iter().for_each(|(way, letter)| self.post(way, Post::Letter(letter)));
        for peer in gone {
            let peer = self.known_as(peer);
            self.closed.push(peer);
            self.lose(peer);
        }
    }

    fn write(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        match seat.disk.pop_front() {
            Some((lane, Command::Write { ticket, buffer, .. })) => seat.core.written(lane, ticket, buffer, Ok(())),
            Some((lane, Command::PrepareSegment { sequence })) if self.segments_stand => {
                self.withheld.push((at, lane, sequence));
            }
            Some((lane, Command::PrepareSegment { sequence })) => seat.core.segment_ready(lane, sequence),
            Some((_, Command::FreeSegment { .. })) | None => {}
        }
        seat.due = true;
    }
}

/// How its client knows a connection.
fn known_as(moved: &[(Peer, Peer)], peer: Peer) -> Peer {
    moved.iter().find(|(_, now)| *now == peer).map_or(peer, |(known, _)| *known)
}

fn is_end(request: &Request<'_>) -> bool {
    matches!(request.ask, Ask::EndSession { .. })
}

fn seat(core: u16, cores: u16, addresses: &Arc<SettingsByAddress>, bytes: u64) -> Seat {
    any_seat(core, cores, addresses, bytes, (Reattach::SameHost, usize::MAX, true))
}

fn any_seat(
    core: u16,
    cores: u16,
    addresses: &Arc<SettingsByAddress>,
    bytes: u64,
    (reattach, memory_max, follows): (Reattach, usize, bool),
) -> Seat {
    let mut lanes = vec![started_lane(LaneId::new(LaneKind::Journal, core).unwrap(), bytes)];
    if core == 0 {
        lanes.push(started_lane(LaneId::BINDINGS, bytes));
    }
    let settings = Settings {
        core: CoreId(core),
        cores,
        lanes: cores,
        hot_bytes: HOT_BYTES,
        addresses: Arc::clone(addresses),
        run_number: 1,
        epoch: 1,
        segments_before_compaction: u64::MAX,
        checkpoint_bytes: u64::MAX,
    };
    let mut home = Home::new(settings, lanes);
    Loader::default().fill(&mut home);
    let facts = ServerFacts {
        node_id: NODE_ID.to_owned(),
        started_unix_ms: 1,
        management_address: "activemq.management".to_owned(),
    };
    let front = FrontSettings {
        ttl_override_ms: -1,
        ttl_check_interval_ms: CHECK_MS,
        handshake_timeout_ms: HANDSHAKE_MS,
        connections_max: CONNECTIONS_MAX,
        memory_max,
        frame_bytes_max: protocol::limits::FRAME_BYTES_MAX,
        reattach,
        sync_transactional: true,
        sync_non_transactional: true,
        full_matters: addresses.may_be_full(),
        follows,
        lanes: cores,
        cores,
    };
    let core = Core::new(CoreId(core), home, facts, front);
    Seat { core, disk: VecDeque::new(), wires: VecDeque::new(), logins: VecDeque::new(), due: true }
}

/// A lane in its first epoch, ready to be appended to.
fn started_lane(id: LaneId, bytes: u64) -> Lane<AlignedBuffer> {
    let options = LaneOptions { geometry: Geometry::new(bytes).unwrap(), segments_ahead: 2 };
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
    lane.start_epoch(&epoch).unwrap();
    settle_lane(&mut lane, &mut commands, Now(2));
    lane
}

fn settle_lane(lane: &mut Lane<AlignedBuffer>, commands: &mut Commands<AlignedBuffer>, now: Now) {
    lane.poll(now, commands);
    while let Some(command) = commands.pop() {
        match command {
            Command::Write { ticket, buffer, .. } => lane.written(ticket, buffer, Ok(())),
            Command::PrepareSegment { sequence } => lane.segment_ready(sequence),
            Command::FreeSegment { .. } => {}
        }
    }
}

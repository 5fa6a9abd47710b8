//! The loop of one data core: gather what happened, let the rooms decide, carry out what they want.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hashbrown::HashMap;
use journal::{
    Command, Commands, Completion, EpochStart, IoError, LANE_BUFFERS_MIN, Lane, LaneId, LaneKind, LaneOptions,
    LaneStats, LaneTail, Now, StoreLayout, StoreShape, Vector,
};
use runtime::driver::{Config as DriverConfig, ListenOptions};
use runtime::mesh::{CoreIndex, Endpoint};
use runtime::{AlignedBuffer, Driver, Event, ListenerId, Moment, Sleeper, SocketId, Wait};
use slotmap::SecondaryMap;

use super::broken::{Broken, guarded};
use super::disk::{Disk, DiskOptions, Owner};
use super::lobby::{Door, Notice, Order};
use super::logins::Desk;
use super::post::{self, Post};
use super::recovery;
use super::secured::{Next, Secured, SecuredSockets};
use super::tally::Tally;
use crate::broker::{Core, FrontSettings, Migrant, Output};
use crate::home::{Home, Loader, Settings, Unfinished};
use crate::limits;
use crate::message::{ConnectionKey, CoreId};
use crate::net::core::ServerFacts;
use crate::net::tls::Acceptor;
use crate::security::{Login, Verdict, unable};

/// Block buffers of a journal lane: enough that four groups are in flight while the next ones fill.
const JOURNAL_LANE_BUFFERS: usize = 16;
/// Buffers for reading cold bodies.
const READ_BUFFERS: usize = 4;
/// How long clients are given to take what is written when the broker stops.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// What found no place on the ring, at the segment maker or in the mesh is tried again after this time.
const RETRY: Duration = Duration::from_millis(1);

/// How often a core that stops looks whether it is quiet, at most.
const POLL: Duration = Duration::from_millis(5);

/// What a core starts with.
pub(super) struct Start {
    pub(super) door: Door,
    pub(super) sleeper: Sleeper,
    pub(super) endpoint: Endpoint<Post>,
    pub(super) cpu: Option<runtime::pin::Cpu>,
    pub(super) layout: StoreLayout,
    pub(super) shape: StoreShape,
    pub(super) disk: DiskOptions,
    pub(super) tails: Vec<LaneTail>,
    pub(super) epoch: EpochStart,
    pub(super) loader: Arc<Mutex<Loader>>,
    pub(super) unfinished: Arc<Unfinished>,
    pub(super) home: Settings,
    pub(super) front: FrontSettings,
    pub(super) facts: ServerFacts,
    /// The connections of the whole broker.
    pub(super) tally: Tally,
    /// Where logins are handed in; none: nobody has to log in.
    pub(super) desk: Option<Desk>,
    /// TLS on all connections; none: on no connection.
    pub(super) acceptor: Option<Acceptor>,
    pub(super) reuse_port: bool,
}

/// Runs a data core until it is told to stop, or until it cannot go on.
pub(super) fn run(start: Start) {
    let (core, notices) = (start.door.core, start.door.notices.clone());
    guarded(core, &notices, || CoreLoop::start(start).and_then(CoreLoop::serve));
}

/// The lanes before the core serves: they hear of their segments, and write nothing yet.
struct Beginning<'a> {
    lanes: &'a mut [Lane<AlignedBuffer>],
    failed: Option<Broken>,
}

impl Owner for Beginning<'_> {
    fn completed(&mut self, lane: LaneId, completion: Completion<AlignedBuffer>) {
        if let Completion::SegmentFailed { error, .. } = completion {
            self.failed = Some(Broken::System(format!("a segment of lane {lane} cannot be made: {error}")));
        } else if let Some(lane) = self.lanes.iter_mut().find(|own| own.id() == lane) {
            lane.complete(completion);
        }
    }

    fn read_done(&mut self, _: u64, _: Result<&[u8], IoError>) {}
}

/// Has the segments made that the lanes need, and starts the epoch on each lane as soon as its first one is there.
fn start_epoch(
    lanes: &mut [Lane<AlignedBuffer>],
    epoch: &EpochStart,
    driver: &mut Driver,
    disk: &mut Disk,
) -> Result<Vec<(LaneId, Command<AlignedBuffer>)>, Broken> {
    let mut later = Vec::new();
    let mut waiting: Vec<LaneId> = lanes.iter().map(Lane::id).collect();
    let mut beginning = Beginning { lanes, failed: None };
    let mut commands = Commands::with_capacity(16);
    for index in 0..beginning.lanes.len() {
        let Some(lane) = beginning.lanes.get_mut(index) else { break };
        let id = lane.id();
        lane.poll(Now(0), &mut commands);
        while let Some(command) = commands.pop() {
            match command {
                Command::PrepareSegment { .. } => disk.execute(driver, &mut beginning, id, command),
                command => later.push((id, command)),
            }
        }
    }
    loop {
        recovery::start_epoch(beginning.lanes, &mut waiting, epoch)
            .map_err(|(lane, error)| Broken::System(format!("the epoch cannot be started on lane {lane}: {error}")))?;
        if waiting.is_empty() {
            return Ok(later);
        }
        let until = disk.is_waiting().then(|| driver.now() + RETRY);
        driver.turn(Wait::Event(until)).map_err(|error| Broken::System(format!("the ring failed: {error}")))?;
        while driver.next_event().is_some() {}
        disk.turn(driver, &mut beginning);
        if let Some(failed) = beginning.failed.take() {
            return Err(failed);
        }
    }
}

struct CoreLoop {
    door: Door,
    driver: Driver,
    disk: Disk,
    core: Core<AlignedBuffer>,
    endpoint: Endpoint<Post>,
    sockets: HashMap<SocketId, ConnectionKey>,
    connections: SecondaryMap<ConnectionKey, SocketId>,
    /// Letters, and connections that move, that found no place in the mesh.
    outbox: std::collections::VecDeque<(CoreId, Post)>,
    /// What the lanes must hear once the epoch has begun everywhere.
    unfinished: Arc<Unfinished>,
    /// What the rooms want done, kept to be filled again.
    outputs: Vec<Output<AlignedBuffer>>,
    listener: Option<ListenerId>,
    desk: Option<Desk>,
    /// Where clients are who may have to log in.
    peers: SecondaryMap<ConnectionKey, SocketAddr>,
    /// TLS on all connections, if the acceptor speaks it.
    secured: Option<SecuredSockets>,
    tally: Tally,
    reuse_port: bool,
    ready_told: bool,
    stop_at: Option<Moment>,
    quiet_told: bool,
    checkpoint_asked: bool,
    end: bool,
}

impl CoreLoop {
    fn start(start: Start) -> Result<Self, Broken> {
        if let Some(cpu) = start.cpu {
            runtime::pin::pin_thread(cpu)
                .map_err(|error| Broken::System(format!("the core cannot be pinned: {error}")))?;
        }
        let buffers =
            |lane: LaneId| if lane.kind() == LaneKind::Journal { JOURNAL_LANE_BUFFERS } else { LANE_BUFFERS_MIN };
        let blocks: usize = start.tails.iter().map(|tail| buffers(tail.lane)).sum();
        let config = DriverConfig { block_buffers: blocks + READ_BUFFERS, ..DriverConfig::default() };
        let mut driver = Driver::open_with(config, start.sleeper)
            .map_err(|error| Broken::System(format!("io_uring cannot be used: {error}")))?;
        let disk = Disk::new(start.layout, start.shape, start.disk, driver.waker());
        let mut disk = disk.map_err(|error| Broken::System(format!("the segment maker cannot be started: {error}")))?;
        let mut lanes = Vec::new();
        for tail in start.tails {
            let geometry = start.shape.geometry(tail.lane);
            let take: Vec<AlignedBuffer> = (0..buffers(tail.lane)).filter_map(|_| driver.take_buffer()).collect();
            lanes.push(Lane::open(LaneOptions { geometry, segments_ahead: 2 }, tail, take));
        }
        let later = start_epoch(&mut lanes, &start.epoch, &mut driver, &mut disk)?;
        let mut home = Home::new(start.home, lanes);
        home.hold_decisions(&start.unfinished);
        match start.loader.lock() {
            Ok(mut loader) => {
                loader.fill(&mut home);
            }
            Err(_) => return Err(Broken::Defect("another core failed while it was loading".to_owned())),
        }
        let mut core = Core::new(start.door.core, home, start.facts, start.front);
        if let Some(desk) = &start.desk {
            core.require_login(Arc::clone(&desk.policy));
        }
        let mut this = Self {
            core,
            door: start.door,
            driver,
            disk,
            endpoint: start.endpoint,
            sockets: HashMap::new(),
            connections: SecondaryMap::new(),
            outbox: std::collections::VecDeque::new(),
            unfinished: start.unfinished,
            outputs: Vec::new(),
            listener: None,
            desk: start.desk,
            peers: SecondaryMap::new(),
            secured: start.acceptor.map(SecuredSockets::new),
            tally: start.tally,
            reuse_port: start.reuse_port,
            ready_told: false,
            stop_at: None,
            quiet_told: false,
            checkpoint_asked: false,
            end: false,
        };
        for (lane, command) in later {
            this.disk.execute(&mut this.driver, &mut this.core, lane, command);
        }
        Ok(this)
    }

    fn serve(mut self) -> Result<(), Broken> {
        loop {
            let now = self.now();
            self.disk.turn(&mut self.driver, &mut self.core);
            self.take_letters();
            self.decide(now);
            if let Some((lane, latch)) = self.core.home().latch() {
                return Err(Broken::latched(latch, &self.disk.path(lane, latch.segment)));
            }
            if let Some(damaged) = self.core.home().damaged() {
                return Err(Broken::Damaged(damaged.clone()));
            }
            self.take_orders(now)?;
            self.tell_how_far();
            if self.end {
                return self.finish();
            }
            let wait = self.wait(now);
            self.driver.turn(wait).map_err(|error| Broken::System(format!("the ring failed: {error}")))?;
            while let Some(event) = self.driver.next_event() {
                self.event(event);
            }
        }
    }

    fn now(&self) -> Now {
        Now(self.driver.now().nanoseconds())
    }

    fn wait(&mut self, now: Now) -> Wait {
        if self.core.reads_letters() || (self.core.takes_letters() && self.endpoint.holds_any()) {
            return Wait::Not;
        }
        // A send that nobody waits for is no reason to wake up. Within TLS more may wait than the rooms know.
        let wait = if self.core.awaits_sent() || self.secured.is_some() { Wait::Event } else { Wait::Arrival };
        let deadline = self.core.deadline(now).map(|at| Moment::from_nanoseconds(at.0));
        if self.core.is_crowded() || !self.outbox.is_empty() || self.disk.is_waiting() {
            return wait(Some(Moment::from_nanoseconds(now.0) + RETRY));
        }
        let patience = self.stop_at.filter(|_| !self.quiet_told).map(|at| at.max(self.driver.now() + POLL));
        match (deadline, patience) {
            (Some(a), Some(b)) => wait(Some(a.min(b))),
            (a, b) => wait(a.or(b)),
        }
    }

    /// Lets the rooms go on, and carries out what they want.
    fn decide(&mut self, now: Now) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.core.set_crowded(!self.outbox.is_empty());
        self.core.turn(now, &mut |output| outputs.push(output));
        for output in outputs.drain(..) {
            self.carry_out(output);
        }
        self.outputs = outputs;
        self.flush_letters();
    }

    fn carry_out(&mut self, output: Output<AlignedBuffer>) {
        match output {
            Output::Lane { lane, command } => self.disk.execute(&mut self.driver, &mut self.core, lane, command),
            Output::Send { connection, bytes } => self.send(connection, bytes),
            Output::Read(read) => self.disk.read(&mut self.driver, &mut self.core, read),
            Output::Letter { core, letter } => self.outbox.push_back((core, Post::Letter(letter))),
            Output::Close { connection } => {
                if let Some(socket) = self.connections.get(connection) {
                    match &mut self.secured {
                        None => self.driver.close(*socket),
                        Some(secured) => secured.close(connection, *socket, &mut self.driver),
                    }
                }
            }
            Output::Move { connection, .. } => {
                if let Some(socket) = self.connections.get(connection) {
                    self.driver.detach(*socket);
                }
            }
            Output::Login { connection, login } => self.log_in(connection, login),
            Output::MeasureDisk => self.disk.measure(&mut self.core),
            Output::Receive { connection, on } => {
                let Some(socket) = self.connections.get(connection) else { return };
                if on { self.driver.resume_receive(*socket) } else { self.driver.pause_receive(*socket) }
            }
        }
    }

    /// Finds out who this is; if it is not known already, an order brings the verdict.
    fn log_in(&mut self, connection: ConnectionKey, login: Login) {
        let peer = self.peers.get(connection).copied();
        let shown = self.secured.as_ref().and_then(|secured| secured.peer(connection));
        let verdict = match &self.desk {
            Some(desk) => desk.hand_in(connection, login, peer, shown.map(|shown| shown.subject.as_str())),
            None => Some(Verdict::Refused(unable("unknown", None, None))),
        };
        if let Some(verdict) = verdict {
            self.core.login_judged(connection, verdict);
        }
    }

    /// A login was judged.
    fn judged(&mut self, connection: ConnectionKey, login: &Login, verdict: Verdict) {
        if let Some(desk) = &mut self.desk {
            desk.note(login, &verdict);
        }
        if let Verdict::Refused(text) = &verdict {
            crate::event!(NT209, ?connection, "{text}");
        }
        self.core.login_judged(connection, verdict);
    }

    fn send(&mut self, connection: ConnectionKey, bytes: Vec<u8>) {
        let Some(socket) = self.connections.get(connection) else { return self.core.sent(connection, bytes) };
        if let Some(secured) = &mut self.secured {
            return match secured.send(connection, bytes) {
                Ok(()) => secured.pump(connection, *socket, &mut self.driver),
                Err(bytes) => self.core.sent(connection, bytes),
            };
        }
        if let Err(refused) = self.driver.send(*socket, bytes) {
            // The socket is closing; its last event follows.
            self.core.sent(connection, refused.buffer);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Accepted { socket, peer, .. } => self.accepted(socket, peer),
            Event::Received { socket, buffer } => {
                let now = self.now();
                if let Some(connection) = self.sockets.get(&socket) {
                    match &mut self.secured {
                        None => self.core.received(*connection, self.driver.bytes(&buffer), now),
                        Some(secured) => {
                            let bytes = self.driver.bytes(&buffer);
                            let next = secured.received(*connection, bytes, &mut self.core, now);
                            Self::go_on(secured, next, *connection, socket, &mut self.driver);
                        }
                    }
                }
                self.driver.recycle(buffer);
            }
            Event::Sent { socket, buffer, .. } => {
                if let Some(connection) = self.sockets.get(&socket) {
                    match &mut self.secured {
                        None => self.core.sent(*connection, buffer),
                        Some(secured) => {
                            if let Some(buffer) = secured.sent(*connection, buffer) {
                                self.core.sent(*connection, buffer);
                            }
                            secured.pump(*connection, socket, &mut self.driver);
                        }
                    }
                }
            }
            Event::Closed { socket, .. } => {
                if let Some(connection) = self.sockets.remove(&socket) {
                    self.connections.remove(connection);
                    self.peers.remove(connection);
                    self.release(connection);
                    self.tally.leave();
                    self.core.closed(connection);
                    crate::event!(NT102, connection = ?connection);
                }
            }
            Event::Detached { socket, stream } => self.detached(socket, stream),
            Event::Written { token, buffer, result } => Disk::written(&mut self.core, token, buffer, result),
            Event::Read { token, buffer, result } => {
                Disk::read_done(&mut self.driver, &mut self.core, token, buffer, result);
            }
            Event::TurnedAway { .. } => crate::event!(NT202),
            Event::AcceptFailed { error, .. } => crate::event!(NT206, %error),
            Event::ListenerClosed { .. } => {
                self.listener = None;
                self.door.tell(Notice::Closed);
            }
            Event::Connected { .. } | Event::Woken => {}
        }
    }

    /// What becomes of a connection within TLS that something was received on.
    fn go_on(
        secured: &mut SecuredSockets,
        next: Next,
        connection: ConnectionKey,
        socket: SocketId,
        driver: &mut Driver,
    ) {
        match next {
            Next::GoOn => secured.pump(connection, socket, driver),
            Next::Close => secured.close(connection, socket, driver),
            Next::CloseSilently => driver.close(socket),
        }
    }

    /// A connection goes: what TLS holds for it.
    fn release(&mut self, connection: ConnectionKey) -> Option<Box<Secured>> {
        self.secured.as_mut()?.remove(connection)
    }

    fn accepted(&mut self, socket: SocketId, peer: SocketAddr) {
        let now = self.now();
        let entered = self.tally.enter();
        match entered.then(|| self.core.accepted(post::origin(peer.ip()), now)).flatten() {
            Some(connection) => {
                self.sockets.insert(socket, connection);
                self.connections.insert(connection, socket);
                if self.desk.is_some() {
                    self.peers.insert(connection, peer);
                }
                crate::event!(NT101, connection = ?connection, core = self.door.core.0, %peer);
                if self.secured.as_mut().is_some_and(|secured| !secured.accepted(connection, peer)) {
                    self.driver.close(socket);
                }
            }
            None => {
                if entered {
                    self.tally.leave();
                }
                crate::event!(NT202, %peer);
                self.driver.close(socket);
            }
        }
    }

    /// A connection goes to the core that holds its sessions.
    fn detached(&mut self, socket: SocketId, stream: TcpStream) {
        let Some(connection) = self.sockets.remove(&socket) else { return };
        self.connections.remove(connection);
        self.peers.remove(connection);
        let secured = self.release(connection);
        match self.core.departed(connection) {
            Some((core, migrant)) => self.outbox.push_back((core, Post::Visitor { migrant, stream, secured })),
            None => {
                self.tally.leave();
                self.core.closed(connection);
            }
        }
    }

    /// A connection comes from the core that accepted it.
    fn visited(&mut self, migrant: Migrant, stream: TcpStream, came: Option<Box<Secured>>) {
        let now = self.now();
        let peer = stream.peer_addr().ok();
        let Ok(socket) = self.driver.adopt(stream) else {
            self.core.turned_away(migrant);
            return self.tally.leave();
        };
        match self.core.arrived(migrant, now) {
            Some(connection) => {
                self.sockets.insert(socket, connection);
                self.connections.insert(connection, socket);
                if let Some(peer) = peer.filter(|_| self.desk.is_some()) {
                    self.peers.insert(connection, peer);
                }
                if let (Some(secured), Some(came)) = (&mut self.secured, came) {
                    secured.arrived(connection, came);
                    secured.pump(connection, socket, &mut self.driver);
                }
            }
            None => {
                self.tally.leave();
                self.driver.close(socket);
            }
        }
    }

    fn take_letters(&mut self) {
        if self.core.takes_letters() {
            let core = &mut self.core;
            let mut visitors = Vec::new();
            self.endpoint.receive(limits::MAIL_PER_PAIR_MAX, |from, post| match post {
                Post::Letter(letter) => core.letter(CoreId(from.0), letter),
                Post::Visitor { migrant, stream, secured } => visitors.push((migrant, stream, secured)),
            });
            for (migrant, stream, secured) in visitors {
                self.visited(migrant, stream, secured);
            }
        }
    }

    fn flush_letters(&mut self) {
        while let Some((core, letter)) = self.outbox.pop_front() {
            if let Err(full) = self.endpoint.send(CoreIndex(core.0), letter) {
                self.outbox.push_front((core, full.0));
                break;
            }
        }
        self.endpoint.flush_wakes();
    }

    fn take_orders(&mut self, now: Now) -> Result<(), Broken> {
        let promised = || self.core.home().positions().all(|(_, appended, promised)| promised >= appended);
        if !self.ready_told && promised() {
            self.ready_told = true;
            self.door.tell(Notice::Ready(self.door.core));
        }
        while let Ok(order) = self.door.orders.try_recv() {
            match order {
                Order::Listen(address) => self.listen(address)?,
                Order::Close => match self.listener {
                    Some(listener) => self.driver.stop_listening(listener),
                    None => self.door.tell(Notice::Closed),
                },
                Order::Stop => {
                    self.core.stop();
                    self.stop_at = Some(Moment::from_nanoseconds(now.0) + STOP_PATIENCE);
                    self.decide(now);
                }
                Order::Checkpoint => {
                    self.core.home_mut().want_checkpoint();
                    self.checkpoint_asked = true;
                    self.decide(now);
                }
                Order::Certificates(acceptor) => {
                    if let Some(secured) = &mut self.secured {
                        secured.renew(acceptor);
                    }
                }
                Order::Judged { connection, login, verdict } => {
                    self.judged(connection, &login, verdict);
                    self.decide(now);
                }
                Order::End => self.end = true,
            }
        }
        Ok(())
    }

    /// All lanes of the store have promised the start of the epoch: the core serves.
    fn listen(&mut self, address: SocketAddr) -> Result<(), Broken> {
        self.core.home_mut().activate(&self.unfinished);
        let options = ListenOptions { reuse_port: self.reuse_port, ..ListenOptions::default() };
        let listener = self
            .driver
            .listen(address, options)
            .map_err(|error| Broken::Acceptor(format!("cannot listen on {address}: {error}")))?;
        self.listener = Some(listener);
        let address = self.driver.address(listener).unwrap_or(address);
        self.door.tell(Notice::Listening(address));
        Ok(())
    }

    /// Tells the main thread when this core has nothing more to do of what it was asked for.
    fn tell_how_far(&mut self) {
        // A checkpoint counts at the next start only if a later header of its lane promises it: the seal of the idle lane does.
        if self.checkpoint_asked && self.core.home().checkpoint_is_idle() && self.core.home().is_sealed(self.now()) {
            self.checkpoint_asked = false;
            self.door.tell(Notice::CheckpointWritten);
        }
        let Some(stop_at) = self.stop_at.filter(|_| !self.quiet_told) else { return };
        let clients_gone = self.core.connection_count() == 0 || self.driver.now() >= stop_at;
        let promised = self.core.home().positions().all(|(_, appended, promised)| promised >= appended);
        if (clients_gone && promised) || self.driver.now() >= stop_at + STOP_PATIENCE {
            self.quiet_told = true;
            self.door.tell(Notice::Quiet);
        }
    }

    fn finish(mut self) -> Result<(), Broken> {
        let vector: Vector = self.core.home().positions().map(|(lane, _, promised)| (lane, promised)).collect();
        let deadline = self.driver.now() + STOP_PATIENCE;
        self.driver.drain(deadline, |_| {}).map_err(|error| Broken::System(format!("the ring failed: {error}")))?;
        for (lane, stats) in self.core.home().lane_stats() {
            let LaneStats { records, blocks, groups, largest_group_bytes, idle_seals, bytes_written, .. } = stats;
            crate::event!(JN105, %lane, records, blocks, groups, largest_group_bytes, idle_seals, bytes_written);
        }
        self.door.tell(Notice::Stopped(vector));
        Ok(())
    }
}

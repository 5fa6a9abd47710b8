//! One host of the pair: a disk, what its server knows of itself, and while it runs the engine with what carries out its commands: lanes that
//! follow or a machine that serves, jobs, timers, streams to the peer.

mod carry;
mod jobs;
mod report;
mod view;

use std::collections::{BTreeMap, VecDeque};

use ha_engine::command::{Clients, Commands};
use ha_engine::event::{Event, Start, Timer};
use ha_engine::gate::Link;
use ha_engine::ha_state::{HaState, Role};
use ha_engine::ids::{Epoch, InstanceId, NodeId};
use ha_engine::register_client::{Call, Request};
use ha_engine::rules::Rules;
use ha_engine::server::Server;
use ha_engine::settings::Settings;
use ha_engine::state::State;
use ha_engine::time::Now as EngineNow;
use ha_engine::vector::Vector;
use journal::testing::{Honesty, Random, SimDisk};
use journal::{LaneId, Lsn, ManifestError, Now, StoreShape, create_store, read_manifest};

use super::follower::Follower;
use super::wire::SiteNumber;
use crate::replication::{Epochs, Lanes, Source};
use crate::testing::machine::{Event as MachineEvent, Machine, Setup};
use crate::testing::{Control, Crash};
use jobs::Doing;

/// The node that the pair is.
const NODE: NodeId = NodeId(0x51);
/// How long the service manager waits before it starts a server again.
const RESTART_NANOS: u64 = 1_000_000_000;

/// Where the store is.
enum Place {
    /// No process.
    Off(Box<SimDisk>),
    /// A process that follows, or looks around.
    Passive(Box<Follower>),
    /// A process that serves, or is about to.
    Active(Box<Machine>),
}

/// A running process.
struct Process {
    server: Server,
    /// Writes of `ha.state` that are under way, oldest first.
    writes: VecDeque<HaState>,
    jobs: VecDeque<Doing>,
    timers: BTreeMap<Timer, u64>,
    wakes: Vec<(Request, u64)>,
    source: Source,
    /// The epochs of the lanes, while it serves.
    epochs: Option<Epochs>,
    receiving: Option<Link>,
    clients: Clients,
    /// What the engine was told last: appended, durable.
    told: (Vector, Vector),
    /// It was told that there is no room.
    told_full: bool,
    lease_lost: bool,
    /// It ends itself.
    exit: Option<u8>,
    /// Its store failed, and the engine knows.
    failed: bool,
    /// The state in which the engine was seen last, for the invariants.
    state: State,
    /// The epoch in which it serves, and where its lanes began it.
    epoch: Epoch,
    began: Option<Vector>,
}

/// Something that may happen at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SiteEvent {
    /// The service manager starts the process.
    Start,
    /// The oldest write of `ha.state` is durable.
    StateWritten,
    /// The oldest job goes on.
    Job,
    /// One step of what is under way on the disk of one that follows.
    Lane(usize),
    /// A lane asks again for what it did not get.
    LaneWake,
    /// A timer fires.
    Timer(Timer),
    /// The register's client is woken.
    Wake(usize),
    /// A block is read back for the peer.
    Pump(usize),
    /// Something on the cores or the disk of the server that serves.
    Machine(MachineEvent),
    /// It ends by itself.
    Exit,
}

/// What a site wants of the world around it.
#[derive(Debug)]
pub(super) enum Outside {
    Dial,
    Call(Call),
    Say(Link, ha_engine::message::Packet),
    Close(Link),
    Block(Link, LaneId, Vec<u8>),
    /// Its clients find another one, or nobody.
    ClientsGone,
}

/// A host.
pub(super) struct Site {
    pub(super) number: SiteNumber,
    setup: Setup,
    shape: StoreShape,
    lanes: Lanes,
    settings: Settings,
    rules: Rules,
    /// `ha.state`: two slots written in turn, so each write is there or not.
    state: HaState,
    place: Place,
    process: Option<Process>,
    /// The host has power.
    pub(super) powered: bool,
    /// When the service manager starts the process, if it is to run.
    start_at: Option<u64>,
    /// Nothing happens here before.
    pub(super) paused_until: u64,
    /// How fast its timers run, in percent.
    pub(super) pace: u64,
    pub(super) outside: Vec<Outside>,
    /// Lives so far.
    pub(super) lives: u64,
    /// What is wrong, for the oracle.
    pub(super) wrong: Vec<String>,
    /// Why processes ended by themselves, for the diary.
    pub(super) ends: Vec<String>,
    /// How many old replicas were made, and the number of the newest.
    pub(super) snapshots: (usize, u32),
}

impl Site {
    /// A host without a store, whose process is to run.
    pub(super) fn new(number: SiteNumber, setup: Setup, settings: Settings, rules: Rules, disk: SimDisk) -> Self {
        let role = settings.role;
        let instance = InstanceId(number as u128 + 1);
        Self {
            number,
            shape: setup.shape,
            lanes: Lanes::of(&setup.shape),
            setup,
            settings,
            rules,
            state: HaState::new(NODE, instance, role),
            place: Place::Off(Box::new(disk)),
            process: None,
            powered: true,
            start_at: Some(if role == Role::Primary { 0 } else { 1 }),
            paused_until: 0,
            pace: 100,
            outside: Vec::new(),
            lives: 0,
            wrong: Vec::new(),
            ends: Vec::new(),
            snapshots: (0, 0),
        }
    }

    /// What may happen next.
    pub(super) fn possible(&self, now: u64, events: &mut Vec<SiteEvent>, room: impl Fn(Link, LaneId) -> bool) {
        if !self.powered || self.paused_until > now {
            return;
        }
        let Some(process) = &self.process else {
            if self.start_at.is_some_and(|at| at <= now) {
                events.push(SiteEvent::Start);
            }
            return;
        };
        if process.exit.is_some() {
            events.push(SiteEvent::Exit);
            return;
        }
        if !process.writes.is_empty() {
            events.push(SiteEvent::StateWritten);
        }
        if self.job_may_go_on(process) {
            events.push(SiteEvent::Job);
        }
        events.extend(process.timers.iter().filter(|(_, due)| **due <= now).map(|(timer, _)| SiteEvent::Timer(*timer)));
        let wakes = process.wakes.iter().enumerate().filter(|(_, (_, due))| *due <= now);
        events.extend(wakes.map(|(at, _)| SiteEvent::Wake(at)));
        match &self.place {
            Place::Active(machine) => {
                let mut own = Vec::new();
                machine.possible(&mut own);
                events.extend(own.into_iter().map(SiteEvent::Machine));
            }
            Place::Passive(follower) => {
                events.extend(follower.steps().map(SiteEvent::Lane));
                if follower.deadline(Now(now)).is_some_and(|at| at.0 <= now) {
                    events.push(SiteEvent::LaneWake);
                }
            }
            Place::Off(_) => {}
        }
        if !process.source.is_empty() {
            let readable = self.readable();
            let wanted = process.source.wanted(|lane| self.at(&readable, lane)).enumerate();
            let wanted = wanted.filter(|(_, wanted)| room(wanted.link, wanted.lane));
            events.extend(wanted.map(|(at, _)| SiteEvent::Pump(at)));
        }
    }

    /// When something happens here by the clock.
    pub(super) fn deadline(&self, now: u64) -> Option<u64> {
        if !self.powered {
            return None;
        }
        if self.paused_until > now {
            return Some(self.paused_until);
        }
        let Some(process) = &self.process else { return self.start_at.filter(|at| *at > now) };
        let timers = process.timers.values().copied().chain(process.wakes.iter().map(|(_, due)| *due));
        let machine = match &self.place {
            Place::Active(machine) => machine.deadline().map(|at| at.0),
            Place::Passive(follower) => follower.deadline(Now(now)).map(|at| at.0),
            Place::Off(_) => None,
        };
        timers.chain(machine).filter(|at| *at > now).min()
    }

    fn at(&self, vector: &Vector, lane: LaneId) -> Lsn {
        self.lanes.index_of(lane).map_or(Lsn::ZERO, |at| Lsn(vector.at(at).0))
    }

    /// Does a process run, so that a dial is answered?
    pub(super) fn listens(&self, now: u64) -> bool {
        self.powered && self.paused_until <= now && self.process.as_ref().is_some_and(|process| process.exit.is_none())
    }

    /// The machine, where clients may come to it.
    pub(super) fn serving(&mut self) -> Option<&mut Machine> {
        let served = self.process.as_ref().is_some_and(|process| process.clients == Clients::Served);
        match &mut self.place {
            Place::Active(machine) if served && machine.is_serving() && self.powered => Some(machine),
            _ => None,
        }
    }

    /// The machine, whatever it does.
    pub(super) fn machine(&mut self) -> Option<&mut Machine> {
        match &mut self.place {
            Place::Active(machine) => Some(machine),
            Place::Passive(_) | Place::Off(_) => None,
        }
    }

    /// The disk, whoever has it.
    pub(super) fn disk(&self) -> &SimDisk {
        match &self.place {
            Place::Off(disk) => disk,
            Place::Passive(follower) => follower.disk(),
            Place::Active(machine) => machine.disk(),
        }
    }

    /// The disk, to damage it.
    pub(super) fn disk_mut(&mut self) -> &mut SimDisk {
        match &mut self.place {
            Place::Off(disk) => disk,
            Place::Passive(follower) => follower.disk_mut(),
            Place::Active(machine) => machine.disk_mut(),
        }
    }

    /// The state of the running server.
    pub(super) fn state(&self) -> Option<State> {
        self.process.as_ref().map(|process| process.state)
    }

    /// What is written of it.
    pub(super) const fn known(&self) -> &HaState {
        &self.state
    }

    /// The epoch in which it serves or is about to.
    pub(super) fn epoch(&self) -> Epoch {
        self.process.as_ref().map_or(Epoch::NONE, |process| process.epoch)
    }

    /// The service manager is to run it from now on.
    pub(super) fn start_later(&mut self, at: u64) {
        if self.process.is_none() {
            self.start_at = Some(at);
        }
    }

    /// The process dies, or the host loses its power. What was being written to `ha.state` is there or not.
    pub(super) fn crash(&mut self, crash: Crash, random: &mut Random) {
        if let Some(process) = self.process.take() {
            let kept = random.index(process.writes.len() + 1);
            if let Some(state) = process.writes.into_iter().take(kept).next_back() {
                self.state = state;
            }
        }
        let place = std::mem::replace(&mut self.place, Place::Off(Box::new(SimDisk::new(0))));
        let disk = match place {
            Place::Off(mut disk) => {
                if crash == Crash::PowerCut {
                    disk.cut_power(random.next());
                }
                *disk
            }
            Place::Passive(follower) => follower.after(crash, random),
            Place::Active(machine) => machine.after(crash, random.next()),
        };
        self.place = Place::Off(Box::new(disk));
        self.start_at = None;
    }

    /// The process starts: its life is written down, its lanes are read.
    pub(super) fn start(&mut self, now: u64, random: &mut Random) {
        self.start_at = None;
        self.lives += 1;
        let Place::Off(disk) = std::mem::replace(&mut self.place, Place::Off(Box::new(SimDisk::new(0)))) else {
            return;
        };
        let mut disk = *disk;
        self.state.begin(random.next());
        if let Err(error) = self.make_store(&mut disk) {
            return self.not_started(disk, now, &error);
        }
        let (follower, scan) =
            match Follower::open(disk, &self.setup.layout, &self.shape, self.setup.sync, self.honesty()) {
                Ok(opened) => opened,
                Err(failed) => {
                    let (text, disk) = *failed;
                    return self.not_started(disk, now, &text);
                }
            };
        let told = (follower.appended(), follower.durable());
        self.place = Place::Passive(Box::new(follower));
        self.process = Some(Process {
            server: Server::new(self.settings, self.rules),
            writes: VecDeque::new(),
            jobs: VecDeque::new(),
            timers: BTreeMap::new(),
            wakes: Vec::new(),
            source: Source::new(),
            epochs: None,
            receiving: None,
            clients: Clients::Closed,
            told,
            told_full: false,
            lease_lost: false,
            exit: None,
            failed: false,
            state: State::Starting,
            epoch: Epoch::NONE,
            began: None,
        });
        let seed = (u128::from(random.next()) << 64) | u128::from(random.next());
        let start = Start { state: self.state.clone(), scan, seed };
        self.tell(Event::Started(start), now, random);
    }

    /// Whether its disk, while it follows, says that something is durable when it is.
    fn honesty(&self) -> Honesty {
        if self.setup.control == Control::ReplicaNoFlush { Honesty::WrittenOnly } else { Honesty::Durable }
    }

    fn make_store(&self, disk: &mut SimDisk) -> Result<(), String> {
        match read_manifest(disk, &self.setup.layout) {
            Err(ManifestError::Missing(_)) => {
                let (node, instance) = (journal::NodeId(NODE.0), journal::InstanceId(self.state.instance.0));
                let state = journal::HaState::new(node, instance, self.setup.sync);
                create_store(disk, &self.setup.layout, &self.shape, &state).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
            Ok(_) => Ok(()),
        }
    }

    /// The disk did not let it; the service manager tries again.
    fn not_started(&mut self, disk: SimDisk, now: u64, text: &str) {
        self.ends.push(format!("site {} does not start: {text}", self.number));
        self.place = Place::Off(Box::new(disk));
        self.start_at = Some(now + RESTART_NANOS);
    }

    /// The process ends by itself; the service manager starts it again unless it ended in good order.
    pub(super) fn exit(&mut self, now: u64, random: &mut Random) {
        let code = self.process.as_ref().and_then(|process| process.exit);
        self.outside.push(Outside::ClientsGone);
        self.crash(Crash::Kill, random);
        if code != Some(0) {
            self.start_at = Some(now + RESTART_NANOS);
        }
    }

    /// Tells the engine, and carries out what it wants.
    pub(super) fn tell(&mut self, event: Event, now: u64, random: &mut Random) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let Some(process) = &mut self.process else { return };
            let mut commands = Commands::new();
            let at = EngineNow(std::time::Duration::from_nanos(now));
            process.server.handle(at, event, &mut commands);
            if commands.dropped() > 0 {
                self.wrong.push(format!("site {}: the engine wanted too much at once", self.number));
            }
            process.state = process.server.state();
            let commands: Vec<_> = commands.drain().collect();
            for command in commands {
                self.carry_out(command, now, random);
            }
            self.report(now, &mut events);
        }
    }

    /// Lets something happen.
    pub(super) fn happen(&mut self, event: SiteEvent, now: u64, random: &mut Random) {
        match event {
            SiteEvent::Start => return self.start(now, random),
            SiteEvent::Exit => return self.exit(now, random),
            SiteEvent::StateWritten => {
                if let Some(state) = self.process.as_mut().and_then(|process| process.writes.pop_front()) {
                    self.state = state;
                    self.tell(Event::StateWritten, now, random);
                }
            }
            SiteEvent::Job => self.job(now, random),
            SiteEvent::Lane(at) => self.lane_step(at, now, random),
            SiteEvent::LaneWake => {
                if let Place::Passive(follower) = &mut self.place {
                    follower.wake(Now(now));
                }
            }
            SiteEvent::Timer(timer) => {
                if let Some(process) = &mut self.process {
                    process.timers.remove(&timer);
                }
                self.tell(Event::Timer(timer), now, random);
            }
            SiteEvent::Wake(at) => {
                let woken = self.process.as_mut().filter(|process| at < process.wakes.len());
                if let Some((request, _)) = woken.map(|process| process.wakes.swap_remove(at)) {
                    self.tell(Event::Wake(request), now, random);
                }
            }
            SiteEvent::Pump(at) => self.pump(at, now, random),
            SiteEvent::Machine(event) => {
                if let Place::Active(machine) = &mut self.place {
                    machine.happen(event, random);
                }
            }
        }
        self.settle(now, random);
    }

    /// What follows from what has happened on the lanes.
    pub(super) fn settle(&mut self, now: u64, random: &mut Random) {
        let mut events = VecDeque::new();
        self.report(now, &mut events);
        while let Some(event) = events.pop_front() {
            self.tell(event, now, random);
        }
    }
}

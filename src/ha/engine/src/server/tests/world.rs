//! The world of two servers: a wire, a register, two disks, and a clock that goes to the next timer when nothing else happens.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use smallvec::smallvec;

use crate::command::{Clients, Command, Commands, Job, Notice};
use crate::event::{Admin, Done, Event, Scan, Start, Timer};
use crate::gate::Link;
use crate::ha_state::{HaState, Role};
use crate::history::{Entry, History, Place, Reason};
use crate::ids::{Chain, Epoch, InstanceId, Lsn, NodeId};
use crate::register::{AckMode, Register};
use crate::register_client::{Answer, Ask, Call, Compare, Request};
use crate::rules::Rules;
use crate::server::Server;
use crate::settings::Settings;
use crate::state::State;
use crate::time::Now;
use crate::vector::Vector;

/// What stands in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Start(Epoch, Reason),
    Op(u64),
}

pub(super) struct Host {
    pub(super) settings: Settings,
    pub(super) server: Option<Server>,
    pub(super) ha: HaState,
    pub(super) log: Vec<Block>,
    pub(super) durable: usize,
    pub(super) promised: usize,
    pub(super) clients: Clients,
    pub(super) notices: Vec<Notice>,
    pub(super) snapshots: Vec<(u32, bool, usize)>,
    pub(super) exit: Option<u8>,
    events: VecDeque<Event>,
    timers: BTreeMap<Timer, u64>,
    wakes: Vec<(u64, Request)>,
    receives: Option<Link>,
    /// To whom blocks go.
    streams: Option<Link>,
    lives: u64,
    pub(super) commands_most: usize,
}

pub(super) struct World {
    pub(super) hosts: [Host; 2],
    pub(super) register: Option<Register>,
    pub(super) reachable: bool,
    /// Whether the two reach each other.
    pub(super) wire: bool,
    links: Vec<Link>,
    next_link: u64,
    pub(super) now: u64,
    ops: u64,
    /// Acked operations.
    pub(super) acked: Vec<u64>,
    /// An operator has overruled the rules: what was acked may be lost.
    pub(super) forced: bool,
}

fn settings(role: Role) -> Settings {
    Settings { role, ..Settings::default() }
}

impl Host {
    fn new(instance: u128, settings: Settings) -> Self {
        Self {
            settings,
            server: None,
            ha: HaState::new(NodeId(9), InstanceId(instance), settings.role),
            log: Vec::new(),
            durable: 0,
            promised: 0,
            clients: Clients::Closed,
            notices: Vec::new(),
            snapshots: Vec::new(),
            exit: None,
            events: VecDeque::new(),
            timers: BTreeMap::new(),
            wakes: Vec::new(),
            receives: None,
            streams: None,
            lives: 0,
            commands_most: 0,
        }
    }

    pub(super) fn history(&self) -> History {
        let mut history = History::empty(1);
        for (at, block) in self.log.iter().enumerate() {
            if let Block::Start(epoch, reason) = block {
                let written =
                    self.log[at + 1..].iter().take_while(|block| matches!(block, Block::Op(_))).next().is_some();
                let starts = smallvec![Some(self.place(at))];
                history.push(Entry { epoch: *epoch, reason: *reason, ack_mode: AckMode::Durable, starts, written });
            }
        }
        history.set_end([self.place(self.log.len())]);
        history
    }

    fn place(&self, at: usize) -> Place {
        Place { lsn: Lsn(at as u64), chain: self.chain(at) }
    }

    fn chain(&self, at: usize) -> Chain {
        let mut chain = 7_u128;
        for block in &self.log[..at.min(self.log.len())] {
            let value = match block {
                Block::Start(epoch, _) => epoch.activation ^ u128::from(epoch.number),
                Block::Op(number) => u128::from(*number) + 1,
            };
            chain = chain.wrapping_mul(0x1_0000_01b3).wrapping_add(value);
        }
        Chain(chain)
    }

    pub(super) fn state(&self) -> State {
        self.server.as_ref().map_or(State::Stopped, Server::state)
    }

    pub(super) fn ops(&self) -> Vec<u64> {
        self.log.iter().filter_map(|block| if let Block::Op(number) = block { Some(*number) } else { None }).collect()
    }
}

fn at(position: usize) -> Vector {
    Vector::from_iter([position as u64])
}

fn index(vector: &Vector) -> usize {
    usize::try_from(vector.at(0).0).unwrap()
}

impl World {
    /// A primary (0) and a backup (1), before their first lives.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl Fn(&mut Settings)) -> Self {
        let host = |instance, role| {
            let mut settings = settings(role);
            change(&mut settings);
            Host::new(instance, settings)
        };
        Self {
            hosts: [host(100, Role::Primary), host(200, Role::Backup)],
            register: None,
            reachable: true,
            wire: true,
            links: Vec::new(),
            next_link: 1,
            now: 0,
            ops: 0,
            acked: Vec::new(),
            forced: false,
        }
    }

    /// Both started, in sync, with a few acked operations.
    pub(super) fn pair() -> Self {
        Self::pair_with(|_| {})
    }

    pub(super) fn pair_with(change: impl Fn(&mut Settings)) -> Self {
        let mut world = Self::with(change);
        world.start(0);
        world.run(15_000);
        world.start(1);
        world.run(15_000);
        assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
        world.send(0, 3);
        world.run(100);
        assert_eq!(world.acked.len(), 3);
        world
    }

    pub(super) fn states(&self) -> [State; 2] {
        [self.hosts[0].state(), self.hosts[1].state()]
    }

    /// A new life.
    pub(super) fn start(&mut self, who: usize) {
        let host = &mut self.hosts[who];
        host.lives += 1;
        host.ha.begin(1_000 * host.lives + who as u64);
        host.ha.enter(State::Starting);
        host.exit = None;
        host.events.clear();
        let scan = Scan {
            history: host.history(),
            end: at(host.log.len()),
            promised: at(host.promised),
            kept: at(0),
            ..Scan::default()
        };
        let seed = u128::from(host.lives) * 1_000 + who as u128;
        let state = host.ha.clone();
        host.server = Some(Server::new(host.settings, Rules::ALL));
        host.events.push_back(Event::Started(Start { state, scan, seed }));
        self.pump();
    }

    /// The power goes for both at the same moment.
    pub(super) fn kill_both(&mut self) {
        self.hosts[1].server = None;
        self.kill(0);
        self.kill(1);
    }

    /// The power goes: what was not flushed is lost.
    pub(super) fn kill(&mut self, who: usize) {
        let host = &mut self.hosts[who];
        host.server = None;
        host.log.truncate(host.durable);
        host.timers.clear();
        host.wakes.clear();
        host.events.clear();
        host.clients = Clients::Closed;
        host.receives = None;
        host.streams = None;
        self.cut_links();
    }

    fn cut_links(&mut self) {
        for link in std::mem::take(&mut self.links) {
            for host in &mut self.hosts {
                host.events.push_back(Event::Lost(link));
            }
        }
        self.pump();
    }

    /// The wire between the two is cut.
    pub(super) fn cut(&mut self) {
        self.wire = false;
        self.links.clear();
    }

    pub(super) fn tell(&mut self, who: usize, event: Event) {
        self.hosts[who].events.push_back(event);
        self.pump();
    }

    pub(super) fn order(&mut self, who: usize, admin: Admin) {
        self.tell(who, Event::Admin(admin));
    }

    /// Clients of that server send so many operations, if it serves them.
    pub(super) fn send(&mut self, who: usize, count: usize) {
        for _ in 0..count {
            let host = &mut self.hosts[who];
            if host.clients == Clients::Served {
                host.log.push(Block::Op(self.ops));
                self.ops += 1;
                host.events.push_back(Event::Appended(at(host.log.len())));
                self.flush(who);
            }
            self.pump();
        }
    }

    fn flush(&mut self, who: usize) {
        let host = &mut self.hosts[who];
        host.durable = host.log.len();
        host.events.push_back(Event::Durable(at(host.durable)));
    }

    /// That much time goes by.
    pub(super) fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        self.pump();
        for _ in 0..100_000 {
            let next = (0..2).filter_map(|who| {
                let (timer, due) = self.hosts[who].timers.iter().min_by_key(|(timer, due)| (**due, **timer))?;
                Some((*due, who, *timer))
            });
            let wakes = (0..2).flat_map(|who| self.hosts[who].wakes.iter().map(move |(due, wake)| (*due, who, *wake)));
            let (timer, wake) = (next.min(), wakes.min());
            let due = [timer.map(|timer| timer.0), wake.map(|wake| wake.0)].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            if let Some((_, who, wake)) = wake.filter(|wake| wake.0 == due) {
                self.hosts[who].wakes.retain(|(_, request)| *request != wake);
                self.tell(who, Event::Wake(wake));
            } else if let Some((_, who, timer)) = timer {
                self.hosts[who].timers.remove(&timer);
                self.tell(who, Event::Timer(timer));
            }
        }
        self.now = end;
        self.check();
    }

    /// What must always hold.
    fn check(&self) {
        let serving: Vec<&Host> = self.hosts.iter().filter(|host| host.clients == Clients::Served).collect();
        if let (Some(register), false) = (&self.register, self.forced) {
            for host in serving.iter().filter(|host| host.ha.instance == register.holder) {
                let ops = host.ops();
                assert!(self.acked.iter().all(|op| ops.contains(op)), "{:?} lacks acked operations", host.state());
            }
        }
        for host in &self.hosts {
            assert!(host.commands_most < crate::limits::COMMANDS_MAX, "{}", host.commands_most);
        }
    }

    fn pump(&mut self) {
        for _ in 0..100_000 {
            let mut any = false;
            for who in 0..2 {
                if let Some(event) = self.hosts[who].events.pop_front() {
                    any = true;
                    self.handle(who, event);
                }
            }
            any |= self.carry_blocks();
            if !any {
                return;
            }
        }
        panic!("the servers do not come to rest: {:?}", self.states());
    }

    fn handle(&mut self, who: usize, event: Event) {
        let now = Now(Duration::from_millis(self.now));
        let mut commands = Commands::new();
        let host = &mut self.hosts[who];
        let Some(server) = &mut host.server else { return };
        server.handle(now, event, &mut commands);
        assert_eq!(commands.dropped(), 0);
        host.commands_most = host.commands_most.max(commands.as_slice().len());
        let commands: Vec<Command> = commands.drain().collect();
        for command in commands {
            self.carry_out(who, command);
        }
    }

    fn carry_out(&mut self, who: usize, command: Command) {
        let peer = 1 - who;
        match command {
            Command::WriteState(state) => {
                self.hosts[who].ha = state;
                self.hosts[who].events.push_back(Event::StateWritten);
            }
            Command::Store(job) => self.job(who, job),
            Command::Call(call) => self.call(who, call),
            Command::Wake(wake) => {
                let due = self.now + u64::try_from(wake.after.as_millis()).unwrap();
                self.hosts[who].wakes.push((due, wake.request));
            }
            Command::SendBlock { .. } => {}
            Command::Dial => self.dial(who),
            Command::Send(link, packet) => {
                if self.links.contains(&link) {
                    self.hosts[peer].events.push_back(Event::Packet(link, packet));
                }
            }
            Command::Close(link) => {
                self.links.retain(|open| *open != link);
                self.hosts[peer].events.push_back(Event::Lost(link));
            }
            Command::Receive(link) => self.hosts[who].receives = Some(link),
            Command::Stream { conn, .. } | Command::Copy { conn, .. } => self.hosts[who].streams = Some(conn),
            Command::SetTimer(timer, after) => {
                let due = self.now + u64::try_from(after.as_millis()).unwrap();
                self.hosts[who].timers.insert(timer, due);
            }
            Command::ClearTimer(timer) => {
                self.hosts[who].timers.remove(&timer);
            }
            Command::Promise { acked, .. } => {
                let host = &mut self.hosts[who];
                host.promised = index(&acked);
                for block in &host.log[..host.promised] {
                    if let Block::Op(number) = block
                        && !self.acked.contains(number)
                    {
                        self.acked.push(*number);
                    }
                }
            }
            Command::Clients(clients) => self.hosts[who].clients = clients,
            Command::Tell(notice) => self.hosts[who].notices.push(notice),
            Command::Exit { code } => {
                self.hosts[who].exit = Some(code);
                self.kill(who);
            }
        }
    }

    fn dial(&mut self, who: usize) {
        let peer = 1 - who;
        if !self.wire {
            self.hosts[who].events.push_back(Event::Unanswered);
        } else if self.hosts[peer].server.is_none() {
            self.hosts[who].events.push_back(Event::Refused);
        } else {
            let link = Link(self.next_link);
            self.next_link += 1;
            self.links.push(link);
            self.hosts[who].events.push_back(Event::Connected(link));
            self.hosts[peer].events.push_back(Event::Accepted(link));
        }
    }

    fn call(&mut self, who: usize, call: Call) {
        if !self.reachable {
            self.hosts[who].events.push_back(Event::Answer(call.request, Answer::Unreachable));
            return;
        }
        let answer = match call.ask {
            Ask::Read => Answer::Value(self.register.clone()),
            Ask::Write { compare, value } => {
                let same = match compare {
                    Compare::Absent => self.register.is_none(),
                    Compare::Version(version) => self.register.as_ref().is_some_and(|now| now.version == version),
                    Compare::Anything => true,
                };
                if same {
                    self.register = Some(value);
                    Answer::Applied
                } else {
                    Answer::Lost(self.register.clone())
                }
            }
        };
        self.hosts[who].events.push_back(Event::Answer(call.request, answer));
    }

    fn job(&mut self, who: usize, job: Job) {
        let host = &mut self.hosts[who];
        let done = match job {
            Job::StartEpoch { epoch, reason, .. } => {
                host.log.push(Block::Start(epoch, reason));
                Done::EpochStarted { end: at(host.log.len()), history: host.history() }
            }
            Job::Flush => {
                host.durable = host.log.len();
                Done::Flushed(at(host.durable))
            }
            Job::Snapshot { number, acked } => {
                host.snapshots.push((number, acked, host.log.len()));
                Done::Snapshotted
            }
            Job::Truncate(end) => {
                host.log.truncate(index(&end));
                host.durable = host.durable.min(host.log.len());
                host.promised = host.promised.min(host.log.len());
                Done::Truncated { end: at(host.log.len()), history: host.history() }
            }
            Job::ReadChains(end) => Done::Chains(smallvec![host.chain(index(&end))]),
            Job::Freeze => Done::Frozen,
            Job::Load => Done::Loaded,
            Job::Quiesce { .. } => Done::Quiet,
        };
        host.events.push_back(Event::Done(done));
    }

    /// Blocks go from who sends to who takes them.
    fn carry_blocks(&mut self) -> bool {
        for who in 0..2 {
            let peer = 1 - who;
            let Some(link) = self.hosts[who].streams.filter(|link| self.links.contains(link)) else { continue };
            let have = self.hosts[peer].log.len();
            if self.hosts[peer].receives != Some(link) || self.hosts[who].log.len() <= have {
                continue;
            }
            let block = self.hosts[who].log[have];
            self.hosts[peer].log.push(block);
            if matches!(block, Block::Start(..)) {
                let history = self.hosts[peer].history();
                self.hosts[peer].events.push_back(Event::Epochs(history));
            }
            self.hosts[peer].events.push_back(Event::Appended(at(have + 1)));
            self.flush(peer);
            return true;
        }
        false
    }
}

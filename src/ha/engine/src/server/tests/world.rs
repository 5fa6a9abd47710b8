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
    /// Under way to the disk.
    writes: VecDeque<HaState>,
    jobs: VecDeque<Job>,
    timers: BTreeMap<Timer, u64>,
    wakes: Vec<(u64, Request)>,
    receives: Option<Link>,
    /// To whom blocks go.
    streams: Option<Link>,
    lives: u64,
    /// The lane begins here: what is before is freed, and stands in the log only for chains and epochs.
    pub(super) freed: usize,
    /// No block is sent.
    pub(super) stalled: bool,
    /// Blocks up to there were promised, and rot from the end of the log on.
    rotten: usize,
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
    /// Under way to the register.
    calls: Vec<(usize, Call)>,
    pub(super) now: u64,
    ops: u64,
    /// Acked operations.
    pub(super) acked: Vec<u64>,
    /// An operator has overruled the rules: what was acked may be lost.
    pub(super) forced: bool,
    pub(super) rules: Rules,
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
            writes: VecDeque::new(),
            jobs: VecDeque::new(),
            timers: BTreeMap::new(),
            wakes: Vec::new(),
            receives: None,
            streams: None,
            lives: 0,
            freed: 0,
            stalled: false,
            rotten: 0,
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
            calls: Vec::new(),
            now: 0,
            ops: 0,
            acked: Vec::new(),
            forced: false,
            rules: Rules::ALL,
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
        self.boot(who);
        self.pump();
    }

    pub(super) fn boot(&mut self, who: usize) {
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
            kept: at(host.freed),
            lost: host.log.len() < host.rotten,
            ..Scan::default()
        };
        let seed = u128::from(host.lives) * 1_000 + who as u128;
        let state = host.ha.clone();
        host.server = Some(Server::new(host.settings, self.rules));
        host.events.push_back(Event::Started(Start { state, scan, seed }));
    }

    /// The power goes for both at the same moment.
    pub(super) fn kill_both(&mut self) {
        self.crash(0, 0);
        self.crash(1, 0);
        self.pump();
    }

    /// The power goes: what was not flushed is lost.
    pub(super) fn kill(&mut self, who: usize) {
        self.crash(who, 0);
        self.pump();
    }

    /// A block of that server, which does not run, rots: it was promised, and the lane ends before it.
    pub(super) fn rot(&mut self, who: usize, block: usize) {
        let host = &mut self.hosts[who];
        assert!(host.server.is_none() && block < host.log.len());
        host.rotten = host.log.len();
        host.log.truncate(block);
        host.durable = block;
        host.promised = host.promised.min(block);
    }

    /// Nothing in the first blocks of that server is needed any more.
    pub(super) fn free(&mut self, who: usize, blocks: usize) {
        self.hosts[who].freed = blocks;
        if self.hosts[who].server.is_some() {
            self.tell(who, Event::Kept(at(blocks)));
        }
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

    pub(super) fn queue(&mut self, who: usize, event: Event) {
        self.hosts[who].events.push_back(event);
    }

    pub(super) fn order(&mut self, who: usize, admin: Admin) {
        self.tell(who, Event::Admin(admin));
    }

    /// Clients of that server send so many operations, if it serves them.
    pub(super) fn send(&mut self, who: usize, count: usize) {
        for _ in 0..count {
            self.append(who);
            self.pump();
        }
    }

    /// That much time goes by.
    pub(super) fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        self.pump();
        for _ in 0..20_000 {
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
    pub(super) fn check(&self) {
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

    pub(super) fn pump(&mut self) {
        for _ in 0..100_000 {
            let mut any = false;
            for who in 0..2 {
                if let Some(event) = self.hosts[who].events.pop_front() {
                    any = true;
                    self.handle(who, event);
                }
            }
            any |= self.disk(0) | self.disk(1) | self.carry_block(0) | self.carry_block(1);
            any |= self.sync(0) | self.sync(1);
            if !self.calls.is_empty() {
                any = true;
                let (who, call) = self.calls.remove(0);
                self.call(who, call);
            }
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
                self.hosts[who].writes.push_back(state);
            }
            Command::Store(job) => self.hosts[who].jobs.push_back(job),
            Command::Call(call) => self.calls.push((who, call)),
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
            Command::Stream { conn, .. } => self.hosts[who].streams = Some(conn),
            Command::Copy { conn, from, .. } => {
                assert!(index(&from) >= self.hosts[who].freed, "what is freed cannot be copied");
                self.hosts[who].streams = Some(conn);
                self.begin_where_the_other_does(1 - who, index(&from));
            }
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
                self.stop(who);
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
                host.freed = host.freed.min(host.log.len());
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

    /// An emptied lane begins where that of the active does, whose epochs it is told.
    fn begin_where_the_other_does(&mut self, who: usize, from: usize) {
        let (before, peer) = (self.hosts[1 - who].log[..from].to_vec(), &mut self.hosts[who]);
        if peer.log.is_empty() && from > 0 {
            (peer.log, peer.freed, peer.durable) = (before, from, from);
            let history = peer.history();
            peer.events.push_back(Event::Epochs(history));
            peer.events.push_back(Event::Appended(at(from)));
        }
    }

    /// One block goes from who sends to who takes it.
    pub(super) fn carry_block(&mut self, who: usize) -> bool {
        let peer = 1 - who;
        let Some(link) = self.hosts[who].streams.filter(|link| self.links.contains(link)) else { return false };
        let have = self.hosts[peer].log.len();
        let nothing = self.hosts[who].stalled || self.hosts[who].log.len() <= have;
        if self.hosts[peer].receives != Some(link) || nothing {
            return false;
        }
        let block = self.hosts[who].log[have];
        self.hosts[peer].log.push(block);
        if matches!(block, Block::Start(..)) {
            let history = self.hosts[peer].history();
            self.hosts[peer].events.push_back(Event::Epochs(history));
        }
        self.hosts[peer].events.push_back(Event::Appended(at(have + 1)));
        true
    }

    /// The oldest write or job of that disk ends.
    pub(super) fn disk(&mut self, who: usize) -> bool {
        if let Some(state) = self.hosts[who].writes.pop_front() {
            self.hosts[who].ha = state;
            self.hosts[who].events.push_back(Event::StateWritten);
            return true;
        }
        let Some(job) = self.hosts[who].jobs.pop_front() else { return false };
        self.job(who, job);
        true
    }

    /// What is appended becomes durable.
    pub(super) fn sync(&mut self, who: usize) -> bool {
        let host = &mut self.hosts[who];
        if host.server.is_none() || host.durable == host.log.len() {
            return false;
        }
        host.durable = host.log.len();
        host.events.push_back(Event::Durable(at(host.durable)));
        true
    }

    /// An event that waits reaches its server.
    pub(super) fn event(&mut self, who: usize) -> bool {
        let Some(event) = self.hosts[who].events.pop_front() else { return false };
        self.handle(who, event);
        true
    }

    /// A request reaches the register, or is lost, and so does its answer.
    pub(super) fn register_step(&mut self, which: usize, dice: u64) -> bool {
        if self.calls.is_empty() {
            return false;
        }
        let which = which % self.calls.len();
        let (who, call) = self.calls[which].clone();
        if dice.is_multiple_of(8) {
            // Not known, and it may still arrive.
            self.hosts[who].events.push_back(Event::Answer(call.request, Answer::Unknown));
            return true;
        }
        self.calls.remove(which);
        let before = self.hosts[who].events.len();
        if dice % 8 > 1 {
            self.call(who, call);
        }
        if dice % 8 == 2 {
            self.hosts[who].events.truncate(before);
        }
        true
    }

    /// A timer, or a wake of the register's client, fires: any that runs, at any time.
    pub(super) fn fire(&mut self, who: usize, dice: usize) -> bool {
        let host = &mut self.hosts[who];
        let all = host.timers.len() + host.wakes.len();
        if all == 0 {
            return false;
        }
        let at = dice % all;
        let event = match host.timers.keys().nth(at).copied() {
            Some(timer) => {
                host.timers.remove(&timer);
                Event::Timer(timer)
            }
            None => Event::Wake(host.wakes.remove(at - host.timers.len()).1),
        };
        self.handle(who, event);
        true
    }

    /// The power goes, and of what was under way some has reached the disk.
    pub(super) fn crash(&mut self, who: usize, dice: usize) {
        let host = &mut self.hosts[who];
        let kept = dice % (host.writes.len() + 1);
        if let Some(state) = host.writes.iter().take(kept).next_back() {
            host.ha = state.clone();
        }
        let more = host.log.len() - host.durable;
        let keep = host.durable + dice / 7 % (more + 1);
        host.log.truncate(keep);
        host.durable = keep;
        host.promised = host.promised.min(keep);
        self.stop(who);
    }

    fn stop(&mut self, who: usize) {
        let host = &mut self.hosts[who];
        host.server = None;
        host.timers.clear();
        host.wakes.clear();
        host.events.clear();
        host.writes.clear();
        host.jobs.clear();
        host.clients = Clients::Closed;
        host.receives = None;
        host.streams = None;
        for link in std::mem::take(&mut self.links) {
            self.hosts[1 - who].events.push_back(Event::Lost(link));
        }
    }

    /// An operation of a client, not yet durable.
    pub(super) fn append(&mut self, who: usize) -> bool {
        let host = &mut self.hosts[who];
        if host.clients != Clients::Served {
            return false;
        }
        host.log.push(Block::Op(self.ops));
        self.ops += 1;
        host.events.push_back(Event::Appended(at(host.log.len())));
        true
    }
}

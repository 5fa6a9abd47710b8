//! One store through the lives of its brokers, with its clients and their oracle: everything that one seed decides.
//!
//! The world lets one event after the other happen, chosen by the seed among all that may: turns of cores, steps of the disk,
//! letters, bytes on wires, clients that act and hear. It ends a life by a crash, a stop, or because the broker ended itself.

use journal::testing::{Fault, Random, SimDisk, Trace};
use journal::{Geometry, LaneId, Lsn, SEGMENT_BYTES_MIN, StoreId, StoreLayout, StoreShape, SyncMode};

use super::clients::{Client, Drainer, Shared};
use super::machine::{Crash, Event, Machine, NotStarted, Setup};
use super::oracle::{Counts, Findings, Kind};
use super::{Control, Scale};

/// Events of one phase; a world that needs more goes round in circles.
const EVENTS_MAX: u64 = 20_000_000;
/// Of 100 steps of the disk that could be next, how many wait for something else to happen first: disks are slow.
const DISK_WAITS_PERCENT: u64 = 60;

/// How a phase of work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkEnd {
    /// Everything that was to be done is done.
    Done,
    /// So many events happened as the caller wanted.
    Events,
    /// The broker ended itself; what it said.
    Failed(String),
    /// The power failed.
    PowerGone,
    /// Nothing happens any more, and somebody waits; who, and for what.
    Stuck(String),
}

enum Place {
    Off(Box<SimDisk>),
    On(Box<Machine>),
}

impl Clone for Place {
    /// Brokers are not copied: what runs is copied as a kill would leave it at this moment.
    fn clone(&self) -> Self {
        match self {
            Self::Off(disk) => Self::Off(disk.clone()),
            Self::On(machine) => Self::Off(Box::new(machine.after(Crash::Kill, 0))),
        }
    }
}

/// The world of one store. Its copy between two lives goes on as itself would.
#[derive(Clone)]
pub struct World {
    setup: Setup,
    random: Random,
    shared: Shared,
    clients: Vec<Client>,
    place: Place,
    /// Planned on the disk, counted from its first operation.
    fault: Option<Fault>,
}

/// What may happen next.
#[derive(Clone, Copy)]
enum Next {
    Machine(Event),
    Hear(usize),
    Act(usize),
}

impl World {
    /// An empty disk and no broker.
    #[must_use]
    pub fn new(seed: u64, scale: &Scale, control: Control) -> Self {
        let mut random = Random::new(seed);
        let disk = SimDisk::new(random.next());
        let sync = if random.percent(40) { SyncMode::Dsync } else { SyncMode::Fdatasync };
        let segments = |times: u64| Geometry::new(times * SEGMENT_BYTES_MIN).ok();
        let small = segments(1).unwrap_or_else(|| unreachable!("the smallest size is one"));
        let shape = StoreShape {
            journal_segments: segments(2).unwrap_or(small),
            body_segments: segments(2).unwrap_or(small),
            ..StoreShape::uniform(StoreId(0x51), scale.lanes, small)
        };
        let layout = StoreLayout::under(std::path::Path::new("/store"));
        let setup = Setup { layout, shape, cores: scale.cores.min(scale.lanes).max(1), sync, control };
        let shared = Shared::new(random.next(), scale.only_transactions);
        let clients = Client::all(&mut random, scale.only_transactions);
        Self { setup, random, shared, clients, place: Place::Off(Box::new(disk)), fault: None }
    }

    /// What a crash at this moment would leave, as a world of its own with other choices. `None`: there is no broker to crash.
    #[must_use]
    pub fn after(&self, crash: Crash, seed: u64) -> Option<Self> {
        let Place::On(machine) = &self.place else { return None };
        let mut random = Random::new(seed);
        let disk = machine.after(crash, random.next());
        let mut shared = self.shared.clone();
        let clients = Client::all(&mut random, false);
        shared.budget = 0;
        Some(Self {
            setup: self.setup.clone(),
            random,
            shared,
            clients,
            place: Place::Off(Box::new(disk)),
            fault: None,
        })
    }

    /// Plans a fault at an operation of the disk, counted from its first.
    pub fn plan(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.plan_on_disk();
    }

    /// The disk forgets its plans in a crash.
    fn plan_on_disk(&mut self) {
        let fault = self.fault;
        let disk = self.disk_mut();
        if let Some(at) = fault.and_then(|fault| fault.at.checked_sub(disk.operations()))
            && let Some(fault) = fault
        {
            disk.plan(Fault { at, kind: fault.kind });
        }
    }

    /// Operations of the disk so far.
    #[must_use]
    pub fn disk_operations(&self) -> u64 {
        self.disk().operations()
    }

    /// What the planned fault struck, if it has in this life.
    #[must_use]
    pub fn struck(&self) -> Option<&Trace> {
        self.disk().fault_hit()
    }

    /// What was asked of the disk in this life.
    #[must_use]
    pub fn trace(&self) -> &[Trace] {
        self.disk().trace()
    }

    /// How many bytes may still be added to the disk.
    pub fn set_space(&mut self, bytes: u64) {
        self.disk_mut().set_space(bytes);
    }

    /// What is wrong so far.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        self.shared.oracle.findings()
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.oracle.counts()
    }

    /// A finding of somebody who drives this world.
    pub fn report(&mut self, kind: Kind, text: String) {
        self.shared.oracle.report(kind, text);
    }

    /// Events of the running broker.
    #[must_use]
    pub fn events(&self) -> u64 {
        match &self.place {
            Place::On(machine) => machine.events,
            Place::Off(_) => 0,
        }
    }

    fn disk(&self) -> &SimDisk {
        match &self.place {
            Place::On(machine) => machine.disk(),
            Place::Off(disk) => disk,
        }
    }

    fn disk_mut(&mut self) -> &mut SimDisk {
        match &mut self.place {
            Place::On(machine) => machine.disk_mut(),
            Place::Off(disk) => disk,
        }
    }

    /// Starts a broker; it serves when the next phase begins.
    ///
    /// # Errors
    /// It refuses the store, or the disk failed: what it says, and whether it refused.
    pub fn start(&mut self, accept_loss: &[(LaneId, Lsn)]) -> Result<(), Refusal> {
        let Place::Off(disk) = std::mem::replace(&mut self.place, Place::Off(Box::new(SimDisk::new(0)))) else {
            return Ok(());
        };
        match Machine::start(&self.setup, *disk, accept_loss, &mut self.random) {
            Ok(machine) => {
                self.shared.oracle.broker_started();
                self.clients.iter_mut().for_each(|client| client.begin(&machine, &mut self.random));
                self.place = Place::On(Box::new(machine));
                Ok(())
            }
            Err(failed) => {
                let (not, disk) = *failed;
                self.place = Place::Off(Box::new(disk));
                Err(match not {
                    NotStarted::Refused(text) => Refusal { refused: true, text },
                    NotStarted::Failed(text) => Refusal { refused: false, text },
                })
            }
        }
    }

    /// Clients may begin this many operations from now on.
    pub fn allow(&mut self, operations: u64) {
        self.shared.budget = operations;
    }

    /// Clients do what they may; or so many events happen, if that is less.
    pub fn work(&mut self, events: Option<u64>) -> WorkEnd {
        let end = events.map(|events| self.events() + events);
        loop {
            let World { shared, clients, .. } = self;
            if shared.budget == 0 && clients.iter().all(Client::is_idle) && self.is_serving() {
                return WorkEnd::Done;
            }
            if end.is_some_and(|end| self.events() >= end) || self.events() > EVENTS_MAX {
                return WorkEnd::Events;
            }
            if let Some(end) = self.step(None) {
                return end;
            }
        }
    }

    /// One event happens, with the client that drains among the others if there is one.
    fn step(&mut self, mut drainer: Option<&mut Drainer>) -> Option<WorkEnd> {
        let Self { random, shared, clients, place, .. } = self;
        let Place::On(machine) = place else { return Some(no_broker()) };
        if !machine.is_powered() {
            return Some(WorkEnd::PowerGone);
        }
        if let Some(text) = machine.failure() {
            return Some(WorkEnd::Failed(text));
        }
        let mut events = Vec::new();
        machine.possible(&mut events);
        let mut all: Vec<Next> = events.into_iter().map(Next::Machine).collect();
        for (at, client) in clients.iter().enumerate() {
            if client.has_news(machine) {
                all.push(Next::Hear(at));
            }
            if machine.is_serving() && client.can_act(machine, shared) {
                all.push(Next::Act(at));
            }
        }
        let drains = clients.len();
        if drainer.as_ref().is_some_and(|drainer| drainer.has_news(machine)) {
            all.push(Next::Hear(drains));
        }
        let Some(mut next) = all.get(random.index(all.len())).copied() else {
            return if machine.wait() { None } else { Some(WorkEnd::Stuck(waiting(machine, clients))) };
        };
        if matches!(next, Next::Machine(Event::Disk(_))) && random.percent(DISK_WAITS_PERCENT) {
            next = all.get(random.index(all.len())).copied().unwrap_or(next);
        }
        match next {
            Next::Machine(event) => machine.happen(event, random),
            Next::Hear(at) => match (clients.get_mut(at), drainer.as_mut()) {
                (Some(client), _) => client.hear(machine, shared, random),
                (None, Some(drainer)) => drainer.hear(machine, shared, random),
                (None, None) => {}
            },
            Next::Act(at) => {
                if let Some(client) = clients.get_mut(at) {
                    client.act(machine, shared, random);
                }
            }
        }
        if let Some((kind, text)) = machine.misbehaviour() {
            shared.oracle.report(kind, text);
        }
        None
    }

    fn is_serving(&self) -> bool {
        matches!(&self.place, Place::On(machine) if machine.is_serving())
    }

    /// Time passes until every lane has said in a later block that all is promised.
    pub fn seal(&mut self) -> WorkEnd {
        for _ in 0..EVENTS_MAX {
            if matches!(&self.place, Place::On(machine) if machine.is_serving() && machine.is_sealed()) {
                return WorkEnd::Done;
            }
            if let Some(end) = self.step(None) {
                return end;
            }
        }
        no_broker()
    }

    /// Time passes for nobody's sake.
    pub fn pass(&mut self, nanos: u64) {
        if let Place::On(machine) = &mut self.place {
            machine.pass(nanos);
        }
    }

    /// Ends the life of the broker without a word, or the attempt to start one. What it had said may still be heard, or not.
    pub fn crash(&mut self, crash: Crash) {
        let Self { random, shared, clients, place, .. } = self;
        let machine = match place {
            Place::On(machine) => machine,
            Place::Off(disk) => {
                match crash {
                    Crash::PowerCut => disk.cut_power(random.next()),
                    Crash::Kill => disk.kill_process(),
                }
                return self.plan_on_disk();
            }
        };
        let seed = random.next();
        let disk = machine.after(crash, seed);
        if random.percent(70) {
            for client in clients.iter_mut() {
                while client.has_news(machine) {
                    client.hear(machine, shared, random);
                }
            }
        }
        clients.iter_mut().for_each(|client| client.lost(shared));
        *place = Place::Off(Box::new(disk));
        self.plan_on_disk();
    }

    /// Stops the broker in order. An error says what kept it from that; it is gone in either case, and what is not flushed may be lost.
    ///
    /// # Errors
    /// As it says itself.
    pub fn stop(&mut self) -> Result<(), String> {
        self.stop_with(&mut |_| ())
    }

    /// As [`World::stop`]; somebody looks at the world behind the last operation of the disk.
    ///
    /// # Errors
    /// As it says itself.
    pub fn stop_with(&mut self, look: &mut dyn FnMut(&Self)) -> Result<(), String> {
        let Self { random, place, .. } = self;
        let Place::On(machine) = place else { return Ok(()) };
        let stopped = machine.stop(random);
        look(self);
        let Self { random, shared, clients, place, .. } = self;
        let Place::On(machine) = place else { return Ok(()) };
        for client in clients.iter_mut() {
            while client.has_news(machine) {
                client.hear(machine, shared, random);
            }
            client.lost(shared);
        }
        let seed = random.next();
        // Whoever stops in order has flushed everything, so the power may fail right behind it.
        let disk = machine.after(Crash::PowerCut, seed);
        *place = Place::Off(Box::new(disk));
        self.plan_on_disk();
        stopped
    }

    /// Takes everything out of every queue, and has the oracle judge what was not there.
    pub fn drain(&mut self) -> WorkEnd {
        self.shared.budget = 0;
        loop {
            let serving = self.is_serving();
            if serving {
                break;
            }
            if let Some(end) = self.step(None) {
                return end;
            }
        }
        let Self { random, place, .. } = self;
        let Place::On(machine) = place else { return no_broker() };
        let Some(mut drainer) = Drainer::come(machine, random) else { return no_broker() };
        for _ in 0..EVENTS_MAX {
            if drainer.is_done() {
                self.shared.oracle.drained();
                return WorkEnd::Done;
            }
            if let Some(end) = self.step(Some(&mut drainer)) {
                if let WorkEnd::Stuck(what) = &end {
                    let text = format!("draining hangs at {}: {what}", drainer.state());
                    self.report(Kind::Broker, text);
                }
                return end;
            }
        }
        no_broker()
    }
}

fn no_broker() -> WorkEnd {
    WorkEnd::Stuck("there is no broker".to_owned())
}

/// Who waits for what.
fn waiting(machine: &Machine, clients: &[Client]) -> String {
    let clients: Vec<String> = clients.iter().map(Client::waits_for).collect();
    format!("{}; {}", clients.join("; "), machine.positions())
}

/// Why there is no broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// It refuses what it has found; else the disk failed.
    pub refused: bool,
    /// In the words for a person.
    pub text: String,
}

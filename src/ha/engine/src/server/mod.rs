//! One server of a pair that replicates: takes events, gives commands. What it does when is the table's ([`crate::table`]); here the guards are
//! looked at, the steps are taken, and what they need is kept.
//!
//! Nothing in it depends on when a timer fires. It is a value: a copy of it goes on by itself, which is what an explorer lives on.

mod acting;
mod admission;
mod changes;
mod contending;
mod deciding;
mod following;
mod handing_over;
mod joining;
mod leaving;
mod orders;
mod packets;
mod script;
mod starting;
mod status;
#[cfg(test)]
mod tests;
mod timers;

use std::time::Duration;

use smallvec::SmallVec;

use crate::command::{Command, Commands, Notice};
use crate::detect::Network;
use crate::event::{Event, Timer};
use crate::gate::{Gate, Link};
use crate::ha_state::{HaState, Role};
use crate::history::{History, Reason};
use crate::ids::{Epoch, InstanceId};
use crate::limits::ROUNDS_MAX;
use crate::message::Hello;
use crate::register::Register;
use crate::register_client::RegisterClient;
use crate::rules::Rules;
use crate::settings::Settings;
use crate::state::State;
use crate::table::{self, Trigger, watched};
use crate::time::Now;
use crate::vector::Vector;

use admission::Replica;
use changes::Change;
use contending::Rival;
use following::Following;
use script::{Script, Task};

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    settings: Settings,
    rules: Rules,
    state: State,
    /// What is written, or being written, to `ha.state`.
    ha: HaState,
    /// Writes of it that are not known to be durable.
    writes: u8,
    seed: u128,
    /// What is still to be done of the last transitions.
    script: Script,
    /// What the store was given and has not ended, oldest first, and for whom.
    jobs: SmallVec<[Task; 2]>,
    client: RegisterClient,
    /// The change of the register that is under way, or waits for the client.
    change: Option<Change>,
    known: Known,
    /// What was known when the read under way was asked: an epoch's number, and a version of the register.
    read_from: (u64, u64),
    store: Store,
    history: History,
    /// How far everything is known to be promised.
    promised: Vector,
    /// The epoch in which it serves, or that of the active that it follows or followed.
    epoch: Epoch,
    /// The epoch that it is about to ask for, or to begin.
    next: Epoch,
    reason: Reason,
    /// While it is active.
    gate: Option<Gate>,
    replica: Option<Replica>,
    /// While it is not.
    following: Option<Following>,
    peer: Peer,
    peer_instance: Option<InstanceId>,
    /// Somebody has said `Hello` while it is open whether this server serves: answered as soon as that is known.
    caller: Option<(Link, Hello, Epoch)>,
    /// Who has dialled and is compared with, where no register decides.
    rival: Option<Rival>,
    /// The next epoch has a higher number than this one, which a rival has seen.
    above: u64,
    /// The peer is to be told that this server does not activate by itself any more.
    consent: Option<(Link, Epoch)>,
    wish: Wish,
    network: Network,
    /// The holder's lease, as last read.
    lease_rest: Duration,
    /// The own lease is lost.
    lease_lost: bool,
    /// A start has waited long enough for its peer.
    waited: bool,
    /// The peer has agreed that this server activates.
    agreed: crate::start::Agreed,
    /// What a passive peer had more of is here.
    pulled: bool,
    /// What the start's table had to say last.
    told: Option<crate::start::Notice>,
    /// Handovers to a returning primary in this hour.
    failbacks: u32,
    /// Refused attempts to take over.
    verdicts: u32,
    /// Which timers run, a bit for each.
    armed: u16,
}

/// What is known of the register.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Known {
    /// Nothing yet.
    #[default]
    Unread,
    /// It does not answer.
    Unreachable,
    /// This.
    Value(Option<Register>),
}

/// The own lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Store {
    appended: Vector,
    durable: Vector,
    kept: Vector,
    /// Valid blocks stand behind a hole, and nobody has said that the tail counts.
    evidence: bool,
    /// A block that was promised is missing.
    lost: bool,
    /// There is no room for what an active sends.
    full: bool,
    /// Memory was confirmed, and the end was not a clean one (SR13).
    forgot: bool,
    /// What lies behind is of clients, or may be: where the lanes ended when their epochs were last looked at.
    looked_at: Vector,
}

/// What is known of the peer beside a connection that is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Peer {
    /// Nothing.
    #[default]
    Unknown,
    /// Nobody listens there.
    Refused,
    /// It does not answer.
    Silent,
    /// It serves, or is about to.
    Active,
    /// It runs and does not serve.
    Passive,
}

/// What somebody wants of this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Wish {
    /// To end.
    stop: bool,
    /// To hand over.
    handover: bool,
    /// And that because the primary has asked.
    failback: bool,
    /// It was tried once and did not come to that.
    tried: bool,
    /// To serve, whatever the rules say.
    forced: bool,
    /// To make a register although there is data.
    init: bool,
}

impl Server {
    /// A server before its life: [`Event::Started`] begins it.
    #[must_use]
    pub fn new(settings: Settings, rules: Rules) -> Self {
        Self {
            settings,
            rules,
            state: State::Starting,
            ha: HaState::default(),
            writes: 0,
            seed: 0,
            script: Script::default(),
            jobs: SmallVec::new(),
            client: RegisterClient::new(rules),
            change: None,
            known: Known::Unread,
            read_from: (0, 0),
            store: Store::default(),
            history: History::default(),
            promised: Vector::default(),
            epoch: Epoch::NONE,
            next: Epoch::NONE,
            reason: Reason::First,
            gate: None,
            replica: None,
            following: None,
            peer: Peer::Unknown,
            peer_instance: None,
            caller: None,
            rival: None,
            above: 0,
            consent: None,
            wish: Wish::default(),
            network: Network::Unchecked,
            lease_rest: Duration::ZERO,
            lease_lost: false,
            waited: false,
            agreed: crate::start::Agreed::No,
            pulled: false,
            told: None,
            failbacks: 0,
            verdicts: 0,
            armed: 0,
        }
    }

    /// Takes an event and says what is to be done. Events of a life that has ended are ignored.
    pub fn handle(&mut self, now: Now, event: Event, out: &mut Commands) {
        // No rule depends on the time; it comes with every event, as to every other part that decides.
        let _ = now;
        if matches!(self.state, State::Stopped | State::Fenced) && self.script.is_over() {
            return;
        }
        self.on(event, out);
        // Each round is a transition or a step; the bound is there so that a mistake cannot stop the thread of the server.
        for _ in 0..ROUNDS_MAX {
            let stepped = self.run(out);
            if !self.decide(out) && !stepped {
                break;
            }
        }
    }

    fn on(&mut self, event: Event, out: &mut Commands) {
        match event {
            Event::Started(start) => self.start(start, out),
            Event::Appended(end) => self.appended(end, out),
            Event::Durable(end) => self.durable(&end, out),
            Event::Epochs(history) => self.history = history,
            Event::Kept(kept) => self.store.kept = self.store.kept.higher(&kept),
            Event::Done(done) => self.job_done(done, out),
            Event::StateWritten => self.writes = self.writes.saturating_sub(1),
            Event::StoreFailed => self.fire_only(Trigger::StoreFailed, out),
            Event::NoSpace => {
                self.store.full = true;
                self.fire(Trigger::NoSpace, out);
            }
            Event::Room => self.store.full = false,
            Event::Answer(request, answer) => {
                let step = self.client.answer(request, answer);
                self.step(step, out);
            }
            Event::Wake(request) => {
                let step = self.client.wake(request);
                self.step(step, out);
            }
            Event::Lease(rest) => self.lease_rest = rest,
            Event::Watched(register) => self.watched(register, out),
            Event::LeaseLost => self.lease(true, out),
            Event::LeaseKept => self.lease(false, out),
            Event::Connected(link) => self.connected(link, out),
            // Whoever connects speaks first.
            Event::Accepted(_) => {}
            Event::Refused => self.not_connected(Peer::Refused),
            Event::Unanswered => self.not_connected(Peer::Silent),
            Event::Lost(link) => self.lost(link, out),
            Event::Packet(link, packet) => self.packet(link, packet, out),
            Event::Timer(timer) => self.timer(timer, out),
            Event::Network(network) => self.network_is(network, out),
            Event::Admin(admin) => self.order(admin, out),
            Event::DuplicateInstance(instance) => {
                if instance == self.ha.instance {
                    out.push(Command::Tell(Notice::DuplicateInstance));
                    self.fire(Trigger::Duplicate, out);
                }
            }
        }
    }

    /// Looks into the table, and does what it says. Whether there was a row.
    fn fire(&mut self, trigger: Trigger, out: &mut Commands) -> bool {
        let Ok(row) = table::row(self.state, trigger) else { return false };
        match row.next {
            Some(next) => {
                self.enter(next, out);
                self.script.replace(row.actions);
                // Their ends still come, and nobody waits for them.
                self.jobs.iter_mut().for_each(Task::forget);
            }
            None => self.script.append(row.actions),
        }
        true
    }

    fn fire_only(&mut self, trigger: Trigger, out: &mut Commands) {
        self.fire(trigger, out);
    }

    fn enter(&mut self, next: State, out: &mut Commands) {
        let old = std::mem::replace(&mut self.state, next);
        self.ha.enter(next);
        if old != next {
            out.push(Command::Tell(Notice::State { old, new: next }));
        }
        for timer in watched(old) {
            if !watched(next).contains(timer) {
                self.disarm(*timer, out);
            }
        }
        for timer in watched(next) {
            self.arm(*timer, out);
        }
        self.entered(old, out);
    }

    /// What goes with a state beside its row.
    fn entered(&mut self, old: State, out: &mut Commands) {
        if old == State::InSync {
            self.disarm(Timer::Failback, out);
            self.disarm(Timer::StopGuard, out);
        }
        if old == State::ActiveSolo && !watched(self.state).contains(&Timer::Retry) {
            self.disarm(Timer::Retry, out);
        }
        if !self.is_leading() {
            self.gate = None;
        }
        match self.state {
            State::Probing => {
                self.look_anew();
                if old == State::Starting {
                    self.arm(Timer::StartWait, out);
                }
            }
            State::InSync if self.settings.role == Role::Primary => self.arm(Timer::Failback, out),
            State::Detached => {
                self.look_anew();
                self.verdicts = 0;
            }
            State::Activating => self.start_gate(),
            // Nobody has agreed that it serves alone: it looks whether another one does.
            State::ActiveSolo if !self.registered() && self.ha.unagreed => self.arm(Timer::Retry, out),
            _ => {}
        }
    }
}

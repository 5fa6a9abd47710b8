//! A passive and the connection to its peer: dialling, greeting, losing it.

use smallvec::SmallVec;

use super::{Known, Peer, Server};
use crate::command::{Command, Commands, Notice};
use crate::event::Timer;
use crate::gate::Link;
use crate::history::Join;
use crate::ids::{Chain, Epoch};
use crate::message::{Hello, Holding, Message, Packet, Reject};
use crate::register::Register;
use crate::rules::Rule;
use crate::state::State;
use crate::table::Trigger;
use crate::vector::Vector;

/// The connection that this server made, and how far the two have come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Following {
    pub(super) link: Link,
    pub(super) stage: Stage,
    /// The epoch of the active.
    pub(super) epoch: Epoch,
    /// What the peer holds; taken once the cut is agreed on, or the two passives have compared.
    pub(super) holding: Option<Holding>,
    /// What is kept, and from where blocks are wanted.
    pub(super) join: Option<Cut>,
    pub(super) own_chains: Option<SmallVec<[Chain; 4]>>,
    pub(super) their_chains: Option<SmallVec<[Chain; 4]>>,
    pub(super) barrier: Option<Vector>,
    /// The register after the join, to be written down.
    pub(super) register: Option<Register>,
    /// The number of the epoch that the passive peer was asked to agree to; 0 if it was not.
    pub(super) asked: u64,
    /// It was there when it was looked at again: once more, and it is given up.
    pub(super) old: bool,
}

/// How far a joiner and its active have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Stage {
    /// `Hello` is said.
    Dialled,
    /// The peer does not serve.
    Passive,
    /// The peer does not serve, and what it has more of is taken over.
    Pulling,
    /// The peer serves; it is not yet decided whether to follow it.
    Greeted,
    /// The peer serves, and so does this server, or it has seen a newer epoch: the two compare.
    Contest,
    /// `History` is said.
    History,
    /// Chains are compared.
    Chains,
    /// The cut is agreed on and being made.
    Cutting,
    /// Blocks come.
    Ready,
}

/// What a joiner keeps: [`Join`], and what the active said beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cut {
    pub(super) keep: Vector,
    pub(super) from: Vector,
    pub(super) old_replica: bool,
    pub(super) divergent: bool,
    pub(super) member: bool,
}

impl Cut {
    pub(super) fn new(join: Join, member: bool) -> Self {
        let Join { keep, from, old_replica, divergent } = join;
        Self { keep, from, old_replica, divergent, member }
    }
}

impl Server {
    pub(super) fn dial(&mut self, out: &mut Commands) {
        // An active looks for a rival only, and only where no register decides.
        let looks = !self.is_leading() || !self.registered() && self.replica.is_none();
        if looks && self.following.is_none() {
            out.push(Command::Dial);
        }
    }

    pub(super) fn connected(&mut self, link: Link, out: &mut Commands) {
        let dials = match self.state {
            State::Probing | State::Joining | State::Spare | State::Detached => true,
            State::ActiveSolo | State::Suspended => !self.registered() && self.replica.is_none(),
            _ => false,
        };
        if !dials || self.following.is_some() {
            out.push(Command::Close(link));
            return;
        }
        self.following = Some(Following {
            link,
            stage: Stage::Dialled,
            epoch: Epoch::NONE,
            holding: None,
            join: None,
            own_chains: None,
            their_chains: None,
            barrier: None,
            register: None,
            asked: 0,
            old: false,
        });
        let hello = Message::Hello(self.hello());
        self.say(hello, out);
    }

    pub(super) fn not_connected(&mut self, peer: Peer) {
        if self.following.is_none() && !self.is_leading() {
            self.peer = peer;
        }
    }

    /// What this server says of itself.
    pub(super) fn hello(&self) -> Hello {
        Hello {
            node: (self.ha.node != crate::ids::NodeId::default()).then_some(self.ha.node),
            group: self.settings.group,
            member: self.ha.me(),
            role: self.settings.role,
            features: self.settings.features,
            lanes: self.settings.lanes,
            ack_mode: self.settings.ack_mode,
            active: self.state.is_active(),
            whole: self.is_whole(),
        }
    }

    /// Whether it holds everything that it ever confirmed.
    pub(super) const fn is_whole(&self) -> bool {
        !self.store.lost && !self.store.evidence && !self.store.forgot
    }

    /// The epoch that a message of this server belongs to.
    pub(super) fn speaks_in(&self) -> Epoch {
        match &self.following {
            Some(following) if following.stage >= Stage::History => following.epoch,
            _ if self.is_leading() => self.epoch,
            _ => self.ha.seen,
        }
    }

    /// Says something on the connection that it made.
    pub(super) fn say(&self, message: Message, out: &mut Commands) {
        if let Some(following) = &self.following {
            out.push(Command::Send(following.link, Packet { epoch: self.speaks_in(), message }));
        }
    }

    /// Says something on any connection.
    pub(super) fn answer(&self, link: Link, message: Message, out: &mut Commands) {
        out.push(Command::Send(link, Packet { epoch: self.speaks_in(), message }));
    }

    /// Nothing that comes by it counts any more.
    pub(super) fn close_link(&mut self, out: &mut Commands) {
        if let Some(following) = self.following.take() {
            out.push(Command::Close(following.link));
        }
    }

    /// The connection is gone, or as good as gone.
    pub(super) fn link_lost(&mut self, out: &mut Commands) {
        self.peer = Peer::Silent;
        self.fire(Trigger::LinkLost, out);
        self.close_link(out);
    }

    pub(super) fn lost(&mut self, link: Link, out: &mut Commands) {
        if self.following.as_ref().is_some_and(|following| following.link == link) {
            self.following = None;
            if !self.is_leading() {
                self.peer = Peer::Unknown;
                self.fire(Trigger::LinkLost, out);
            }
        } else if self.is_rival_link(link) {
            self.rival = None;
        } else if self.caller.as_ref().is_some_and(|(caller, ..)| *caller == link) {
            self.caller = None;
        } else if self.replica.as_ref().is_some_and(|replica| replica.link == link) {
            self.replica_lost(out);
        }
    }

    /// The peer answers the greeting.
    pub(super) fn greeted(&mut self, hello: &Hello, epoch: Epoch, out: &mut Commands) {
        if let Some(reject) = self.hello().fits(hello) {
            self.rejected(reject, out);
            return;
        }
        if let (true, Some(node)) = (self.ha.node == crate::ids::NodeId::default(), hello.node) {
            self.ha.node = node;
        }
        self.peer_instance = Some(hello.member.instance);
        if self.is_leading() {
            self.rival_greeted(hello, epoch, out);
            return;
        }
        let Some(following) = &mut self.following else { return };
        following.epoch = epoch;
        following.stage = if hello.active { Stage::Greeted } else { Stage::Passive };
        self.peer = if hello.active { Peer::Active } else { Peer::Passive };
        if !hello.active && self.state == State::Probing {
            let holding = Message::History(self.holding(false));
            self.say(holding, out);
        } else if !hello.active {
            self.fire(Trigger::Refused, out);
        }
    }

    /// The peer does not take it.
    pub(super) fn rejected(&mut self, reject: Reject, out: &mut Commands) {
        match reject {
            // It looked for a rival, and this is none.
            _ if self.is_leading() => {}
            Reject::AlreadyReplicating => {
                out.push(Command::Tell(Notice::Spare));
                self.peer = Peer::Active;
                self.fire(Trigger::Busy, out);
            }
            Reject::NotActive => {
                self.peer = Peer::Passive;
                self.fire(Trigger::Refused, out);
            }
            reject => {
                out.push(Command::Tell(Notice::Rejected(reject)));
                self.peer = Peer::Unknown;
                self.fire(Trigger::Refused, out);
            }
        }
        self.close_link(out);
    }

    /// Follows the active that has answered, if that is right; whether anything came of it.
    pub(super) fn consider_following(&mut self, out: &mut Commands) -> bool {
        let Some(Following { stage: Stage::Greeted, epoch, .. }) = &self.following else { return false };
        let epoch = *epoch;
        // Without room for what comes it would be taken in and leave again at once, each time with a new epoch.
        if self.store.full {
            return false;
        }
        // What it tried to make itself must be known not to be (SR7, SR16).
        let open = !self.is_unchanging() || self.registered() && self.ha.unresolved() && self.rules.keep(Rule::Sr7);
        if open || !self.script.is_over() || self.known == Known::Unread {
            return false;
        }
        // Without a register two may make the same number; then their histories tell.
        let rival = self.registered() && self.ha.seen.number == epoch.number && self.ha.seen != epoch;
        let stale = self.is_stale(epoch) || rival;
        let named = self.register().map(|register| register.epoch);
        let misnamed = self.registered() && named.is_some_and(|named| named != epoch);
        if self.rules.keep(Rule::Sr7) && (stale || misnamed) {
            // The register may have been read too early: then it is read again before the next attempt.
            self.say(Message::StaleEpoch, out);
            self.fire(Trigger::Refused, out);
            return true;
        }
        self.ha.see(epoch);
        self.fire(Trigger::ActiveFound, out)
    }

    /// Whether an epoch is older than what was seen (SR7).
    pub(super) const fn is_stale(&self, epoch: Epoch) -> bool {
        epoch.number < self.ha.seen.number
    }

    /// Says how far it is: as it changes, and once more when the active's epoch changes.
    pub(super) fn confirm(&self, out: &mut Commands) {
        let ready = self.following.as_ref().is_some_and(|following| following.stage == Stage::Ready);
        if ready && matches!(self.state, State::Syncing | State::InSync | State::Lagging) {
            let received = self.store.appended.clone();
            let durable = self.store.durable.clone();
            self.say(Message::Confirm { received, durable }, out);
        }
    }

    pub(super) fn appended(&mut self, end: Vector, out: &mut Commands) {
        if !self.store.looked_at.covers(&end) {
            self.history.set_written();
        }
        self.store.appended = end;
        self.consider_pulled(out);
        if let Some(gate) = &mut self.gate {
            gate.appended(&self.store.appended);
        }
        self.promise(out);
        if self.settings.ack_mode == crate::register::AckMode::Memory {
            self.confirm(out);
        }
    }

    pub(super) fn durable(&mut self, end: &Vector, out: &mut Commands) {
        let durable = self.store.durable.higher(end);
        if durable == self.store.durable {
            return;
        }
        self.store.durable = durable;
        if let Some(gate) = &mut self.gate {
            gate.durable(&self.store.durable);
        }
        self.promise(out);
        self.confirm(out);
    }

    /// Tells what is promised now.
    pub(super) fn promise(&mut self, out: &mut Commands) {
        let Some(gate) = &self.gate else { return };
        let served = self.state.is_active() && self.clients_are_answered();
        if !served || *gate.promised() == self.promised {
            return;
        }
        self.promised = gate.promised().clone();
        let acked = self.promised.clone();
        let visible = if self.rules.keep(Rule::Sr14) { acked.clone() } else { self.store.appended.clone() };
        out.push(Command::Promise { acked, visible });
        if self.promised == self.store.durable {
            self.disarm(Timer::Lag, out);
        } else if self.replica.is_some() {
            self.arm(Timer::Lag, out);
        }
    }

    fn clients_are_answered(&self) -> bool {
        self.state.serves() == crate::state::Serving::Yes
            || self.state == State::Handover && !self.rules.keep(Rule::Sr10)
    }
}

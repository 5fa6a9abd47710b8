//! An active and its replica: greeting a joiner, sending it what it lacks, taking it into the in-sync set.

use smallvec::SmallVec;

use super::Server;
use super::changes::Purpose;
use super::script::Task;
use crate::command::{Command, Commands, Job, Notice};
use crate::event::Timer;
use crate::gate::Link;
use crate::ids::{Chain, Epoch, Member};
use crate::message::{Hello, Holding, Message, Reject};
use crate::register::Register;
use crate::rules::Rule;
use crate::state::State;
use crate::table::Trigger;
use crate::vector::Vector;

/// The one that is connected to this active.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Replica {
    pub(super) link: Link,
    pub(super) member: Member,
    pub(super) phase: Phase,
    /// It holds everything that it ever confirmed.
    whole: bool,
    /// It is in the in-sync set, and nothing that it holds is in doubt.
    pub(super) counts: bool,
    /// Where its chains are compared.
    asked: Vector,
    /// Blocks before this position are copied, those behind it are sent as they come.
    copied: Vector,
    received: Vector,
    pub(super) durable: Vector,
    /// What it must confirm before it is taken in (SR9).
    barrier: Vector,
    /// What it says of its network.
    pub(super) healthy: bool,
    /// Something came from it since it was last looked at.
    pub(super) heard: bool,
    /// It has not confirmed for too long, nor since.
    pub(super) slow: bool,
}

/// How far a replica has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It is answered.
    Greeted,
    /// It knows what is held here, and cuts.
    Cutting,
    /// It copies.
    Copying,
    /// It is in the view, and confirms what was acked.
    Barrier,
    /// The register is asked to name it.
    Joining,
    /// The register names it.
    Done,
}

impl Server {
    /// Somebody says `Hello`.
    pub(super) fn hello_came(&mut self, link: Link, hello: &Hello, epoch: Epoch, out: &mut Commands) {
        if let Some(reject) = self.hello().fits(hello) {
            out.push(Command::Tell(Notice::Rejected(reject)));
            self.reject(link, reject, out);
            return;
        }
        if self.is_open() {
            if let Some((older, ..)) = self.caller.replace((link, hello.clone(), epoch)) {
                out.push(Command::Close(older));
            }
            return;
        }
        if !self.state.is_active() {
            self.answer_passively(link, hello, out);
            return;
        }
        if self.is_rival(hello, epoch) {
            self.rival_came(link, hello, epoch, out);
            return;
        }
        if epoch.number > self.epoch.number {
            self.ha.see(epoch);
            self.fire(Trigger::NewerEpoch, out);
            self.reject(link, Reject::NotActive, out);
            return;
        }
        if self.state == State::Handover {
            self.reject(link, Reject::NotActive, out);
            return;
        }
        match self.replica.as_ref().map(|replica| replica.member.instance == hello.member.instance) {
            Some(false) => {
                self.reject(link, Reject::AlreadyReplicating, out);
                return;
            }
            Some(true) => self.replica_came_again(out),
            None => {}
        }
        self.admit(link, hello, out);
    }

    /// Whether it may serve in a moment.
    const fn is_open(&self) -> bool {
        matches!(self.state, State::InSync | State::Detached | State::Activating)
    }

    /// Answers whoever called while it was open whether this server serves.
    pub(super) fn answer_caller(&mut self, out: &mut Commands) -> bool {
        if self.is_open() {
            return false;
        }
        let Some((link, hello, epoch)) = self.caller.take() else { return false };
        self.hello_came(link, &hello, epoch, out);
        true
    }

    pub(super) fn reject(&self, link: Link, reject: Reject, out: &mut Commands) {
        self.answer(link, Message::Reject(reject), out);
        out.push(Command::Close(link));
    }

    /// A passive tells that it runs. Where no register decides, the two compare what they hold.
    fn answer_passively(&mut self, link: Link, hello: &Hello, out: &mut Commands) {
        if matches!(self.state, State::Probing | State::Spare | State::Joining) {
            self.peer_instance = Some(hello.member.instance);
            let hello = Message::HelloAck(self.hello());
            self.answer(link, hello, out);
        } else {
            self.reject(link, Reject::NotActive, out);
        }
    }

    fn admit(&mut self, link: Link, hello: &Hello, out: &mut Commands) {
        let Some(gate) = &mut self.gate else { return };
        if gate.connected(hello.member.instance, link, self.epoch).is_err() {
            self.reject(link, Reject::AlreadyReplicating, out);
            return;
        }
        self.replica = Some(Replica {
            link,
            member: hello.member,
            phase: Phase::Greeted,
            whole: hello.whole,
            counts: false,
            asked: Vector::default(),
            copied: Vector::default(),
            received: Vector::default(),
            durable: Vector::default(),
            barrier: Vector::default(),
            healthy: true,
            heard: true,
            slow: false,
        });
        let hello = Message::HelloAck(self.hello());
        self.answer(link, hello, out);
    }

    /// Whether that installation counts as a member, in whatever life: it lacks nothing that it ever confirmed, by its own word (SR13 is in that).
    fn counts(&self, member: Member, whole: bool) -> bool {
        let listed = self.lists(member.instance).is_some();
        whole && listed && self.gate.as_ref().is_some_and(|gate| gate.in_view(member.instance))
    }

    pub(super) fn joiner_holds(&mut self, out: &mut Commands) {
        let Some(Replica { phase: Phase::Greeted, member, whole, .. }) = &self.replica else { return };
        let counts = self.counts(*member, *whole);
        let holding = Message::History(self.holding(counts));
        if let Some(replica) = &mut self.replica {
            replica.phase = Phase::Cutting;
            replica.counts = counts;
        }
        self.tell_replica(holding, out);
    }

    pub(super) fn chains_asked(&mut self, link: Link, at: Vector, out: &mut Commands) {
        let Some(replica) = &mut self.replica else { return };
        replica.asked = at.clone();
        self.give(Job::ReadChains(at), Task::Chains(link), out);
    }

    pub(super) fn answer_chains(&mut self, link: Link, chains: SmallVec<[Chain; 4]>, out: &mut Commands) {
        let Some(replica) = self.replica.as_mut().filter(|replica| replica.link == link) else { return };
        let at = std::mem::take(&mut replica.asked);
        self.tell_replica(Message::Chains { at, chains }, out);
    }

    /// It has cut and flushed: from here on it takes blocks.
    pub(super) fn joiner_ready(&mut self, at: &Vector, from: Vector, out: &mut Commands) {
        let Some(replica) = &mut self.replica else { return };
        if replica.phase != Phase::Cutting {
            return;
        }
        if !from.covers(&self.store.kept) {
            // What it wants was freed since it was told where the lanes begin: it comes again, and is told anew.
            self.close_replica(out);
            return;
        }
        let end = self.store.appended.clone();
        replica.phase = Phase::Copying;
        replica.copied = end.clone();
        out.push(Command::Stream { conn: replica.link, from: end.clone() });
        out.push(Command::Copy { conn: replica.link, from, to: end });
        let (counts, member, link) = (replica.counts, replica.member, replica.link);
        self.confirmed(link, self.epoch, at, at, out);
        if counts {
            self.member_is_back(member, out);
        }
    }

    /// A member of the in-sync set follows again. The register may know it in an earlier life.
    fn member_is_back(&mut self, member: Member, out: &mut Commands) {
        if self.lists(member.instance) == Some(member) {
            if let Some(replica) = &mut self.replica {
                replica.phase = Phase::Done;
            }
            self.send_sync_done(out);
        }
        if self.state == State::Suspended {
            // It was to be removed because it was gone: if that has not left yet, it need not.
            self.withdraw(out);
        }
    }

    /// The replica says how far it is (SR2: in this epoch, on the connection of this epoch).
    pub(super) fn confirmed(
        &mut self,
        link: Link,
        epoch: Epoch,
        received: &Vector,
        durable: &Vector,
        out: &mut Commands,
    ) {
        let Some(replica) = &mut self.replica else { return };
        let strict = self.rules.keep(Rule::Sr2);
        if strict && (replica.link != link || epoch != self.epoch) {
            return;
        }
        replica.slow &= replica.durable.covers(durable);
        replica.received = replica.received.higher(received);
        replica.durable = replica.durable.higher(durable);
        replica.heard = true;
        if let Some(gate) = &mut self.gate {
            gate.confirmed(replica.member.instance, (link, epoch), received, durable);
        }
        self.promise(out);
    }

    /// Takes a joiner further when it has come far enough; whether anything came of it.
    pub(super) fn take_in(&mut self, out: &mut Commands) -> bool {
        let serves = matches!(self.state, State::ActiveSolo | State::ActiveReplicated);
        // Without a lease the register cannot be changed: a joiner would only hold up acks.
        if !serves || !self.is_unchanging() || self.lease_lost && self.registered() {
            return false;
        }
        let Some(replica) = &mut self.replica else { return false };
        let (member, link) = (replica.member, replica.link);
        match replica.phase {
            // The register knows it in an earlier life.
            Phase::Copying if replica.counts => {
                replica.phase = Phase::Joining;
                self.ask_join(member, out);
                true
            }
            Phase::Copying if !self.rules.keep(Rule::Sr9) => {
                replica.phase = Phase::Joining;
                self.enlarge_view(member);
                self.ask_join(member, out);
                true
            }
            Phase::Copying if replica.received.covers(&replica.copied) => {
                let Some(gate) = &self.gate else { return false };
                replica.phase = Phase::Barrier;
                replica.barrier = gate.promised().clone();
                let barrier = Message::Barrier(replica.barrier.clone());
                self.enlarge_view(member);
                self.answer(link, barrier, out);
                self.arm(Timer::Sync, out);
                true
            }
            _ => false,
        }
    }

    /// From now on everything waits for it too (SR3).
    fn enlarge_view(&mut self, member: Member) {
        if let Some(gate) = &mut self.gate {
            // It is connected, so there is room for it.
            let _known = gate.join(member.instance);
        }
    }

    pub(super) fn barrier_ok_came(&mut self, barrier: &Vector, out: &mut Commands) {
        let Some(replica) = &mut self.replica else { return };
        let covered = self.gate.as_ref().is_some_and(|gate| gate.covers(replica.member.instance, &replica.barrier));
        if replica.phase != Phase::Barrier || *barrier != replica.barrier || !covered || self.change.is_some() {
            return;
        }
        replica.phase = Phase::Joining;
        let member = replica.member;
        self.ask_join(member, out);
    }

    fn ask_join(&mut self, member: Member, out: &mut Commands) {
        let Some(known) = self.register() else { return };
        let mut next = Register { ..known.clone() };
        next.in_sync.retain(|listed| listed.instance != member.instance);
        next.in_sync.push(member);
        self.ask(Purpose::Join(member), next, out);
    }

    /// What became of the join.
    pub(super) fn join_ended(
        &mut self,
        member: Member,
        value: Option<Register>,
        won: bool,
        mine: bool,
        out: &mut Commands,
    ) {
        self.disarm(Timer::Sync, out);
        if !mine {
            self.fire(Trigger::NewerEpoch, out);
            return;
        }
        self.view_is_known();
        drop(value);
        let here = self.replica.as_mut().filter(|replica| replica.member == member);
        match (won, here) {
            (true, Some(replica)) => {
                replica.phase = Phase::Done;
                self.fire(Trigger::JoinWon, out);
            }
            // It is in the in-sync set and not here: it must leave again.
            (true, None) => {
                self.fire(Trigger::JoinWon, out);
            }
            (false, Some(_)) => self.close_replica(out),
            (false, None) => {}
        }
        self.promise(out);
    }

    pub(super) fn send_sync_done(&mut self, out: &mut Commands) {
        let done = self.replica.as_ref().is_some_and(|replica| replica.phase == Phase::Done);
        if let (true, Some(register)) = (done, self.register()) {
            out.push(Command::Tell(Notice::InSync(self.peer_of_replica())));
            self.tell_replica(Message::SyncDone(register.clone()), out);
        }
    }

    fn peer_of_replica(&self) -> crate::ids::InstanceId {
        self.replica.as_ref().map(|replica| replica.member.instance).unwrap_or_default()
    }

    pub(super) fn tell_replica(&self, message: Message, out: &mut Commands) {
        if let Some(replica) = &self.replica {
            self.answer(replica.link, message, out);
        }
    }

    /// After a new epoch of this active: what the replica confirms counts again when it says so in that epoch.
    pub(super) fn replica_begins_anew(&mut self) {
        let end = self.store.appended.clone();
        let Some(replica) = &mut self.replica else { return };
        replica.counts = false;
        replica.phase = replica.phase.min(Phase::Copying);
        replica.copied = end;
        replica.received = Vector::default();
        replica.durable = Vector::default();
        let (instance, link) = (replica.member.instance, replica.link);
        if let Some(gate) = &mut self.gate {
            // It was connected before, so there is room for it.
            let _room = gate.connected(instance, link, self.epoch);
        }
    }

    /// Two passives without a register: the peer says what it holds.
    pub(super) fn passive_holds(&mut self, link: Link, theirs: Holding, out: &mut Commands) {
        let own = self.following.as_ref().is_some_and(|following| following.link == link);
        if own {
            if let Some(following) = &mut self.following {
                following.holding = Some(theirs);
            }
        } else if matches!(self.state, State::Probing | State::Detached | State::Spare) {
            let holding = Message::History(self.holding(false));
            self.answer(link, holding, out);
        }
    }
}

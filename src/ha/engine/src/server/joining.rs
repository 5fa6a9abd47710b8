//! A joiner: what it holds and what the active holds, where they part, what is cut, and how it becomes a member.

use smallvec::SmallVec;

use super::Server;
use super::following::{Cut, Following, Stage};
use super::script::{Task, Waits};
use crate::command::{Command, Commands, Job, Notice};
use crate::detect::Network;
use crate::event::Timer;
use crate::gate::Link;
use crate::ha_state::{Eligible, Role};
use crate::history::{Acked, Entry, History, Place, Reason, Refusal, join};
use crate::ids::{Chain, Epoch};
use crate::message::{Holding, Message};
use crate::register::Register;
use crate::rules::Rule;
use crate::state::State;
use crate::table::Trigger;
use crate::vector::Vector;

impl Server {
    /// What this server holds. `member`: whether the receiver is in the in-sync set.
    pub(super) fn holding(&self, member: bool) -> Holding {
        Holding { member, willing: self.is_willing(), ..self.copy() }
    }

    /// What this server holds, without what it means to do.
    pub(super) fn copy(&self) -> Holding {
        let mut history = self.history.clone();
        history.set_end(self.store.appended.0.iter().map(|lsn| Place { lsn: *lsn, chain: Chain::default() }));
        Holding {
            history,
            promised: self.promised.clone(),
            kept: self.store.kept.clone(),
            member: false,
            // What it has lost it may have acked.
            complete: self.ha.eligible == Eligible::Yes && !self.store.lost,
            handed_over: self.ha.handed_over,
            quarantined: self.ha.stood() == State::Quarantined,
            primary: self.settings.role == Role::Primary,
            willing: false,
            isolated: self.network == Network::Isolated,
        }
    }

    pub(super) fn send_history(&mut self, out: &mut Commands) {
        let holding = Message::History(self.holding(false));
        if let Some(following) = &mut self.following {
            following.stage = Stage::History;
        }
        self.say(holding, out);
    }

    /// The histories as they are compared: by both numbers of an epoch (SR12).
    fn compared(&self, history: &History) -> History {
        if self.rules.keep(Rule::Sr12) {
            return history.clone();
        }
        let unnamed = |entry: &Entry| Entry { epoch: Epoch { activation: 0, ..entry.epoch }, ..entry.clone() };
        rebuilt(history, unnamed)
    }

    /// The active says what it holds.
    pub(super) fn history_came(&mut self, theirs: Holding, out: &mut Commands) {
        let Some(Following { stage: Stage::History, .. }) = &self.following else { return };
        let mine = self.compared(&self.copy().history);
        let other = self.compared(&theirs.history);
        let mut plan = join(&mine, &self.promised, &other, &theirs.kept, self.registered());
        if self.registered() && matches!(plan, Err(Refusal::Acked(Acked::Alone { .. }))) && !is_forced(&mine, &other) {
            // An epoch of its own that the register has passed over: it was made, and ended before anything of it was promised. What the active
            // of the register's epoch lacks was not acked (SR3, SR4), unless an operator forced it.
            let unwritten = rebuilt(&mine, |entry| Entry { written: false, ..entry.clone() });
            plan = join(&unwritten, &self.promised, &other, &theirs.kept, true);
        }
        match plan {
            Ok(plan) => self.cut_found(Cut::new(plan, theirs.member), out),
            Err(refusal) => {
                let acked = matches!(refusal, Refusal::Acked(_));
                out.push(Command::Tell(if acked { Notice::SplitBrain } else { Notice::ChainsDiffer }));
                self.fire(if acked { Trigger::AckedCut } else { Trigger::ChainsDiffer }, out);
            }
        }
    }

    fn cut_found(&mut self, cut: Cut, out: &mut Commands) {
        let keep = cut.keep.clone();
        if let Some(following) = &mut self.following {
            following.stage = Stage::Chains;
            following.join = Some(cut);
            // Nothing is kept: there is nothing to compare.
            if keep.0.iter().all(|lsn| lsn.0 == 0) {
                following.own_chains = Some(SmallVec::new());
                following.their_chains = Some(SmallVec::new());
            }
        }
        if keep.0.iter().any(|lsn| lsn.0 > 0) {
            self.give(Job::ReadChains(keep.clone()), Task::OwnChains, out);
            self.say(Message::ChainsAsked(keep), out);
        } else {
            self.compare_chains(out);
        }
    }

    pub(super) fn chains_came(&mut self, chains: SmallVec<[Chain; 4]>, out: &mut Commands) {
        if let Some(following) = &mut self.following {
            following.their_chains = Some(chains);
        }
        self.compare_chains(out);
    }

    /// Both have said which chains they have where the joiner would cut.
    pub(super) fn compare_chains(&mut self, out: &mut Commands) {
        let Some(following) = &mut self.following else { return };
        let (Some(own), Some(their)) = (&following.own_chains, &following.their_chains) else { return };
        if following.stage != Stage::Chains {
            return;
        }
        if own != their {
            out.push(Command::Tell(Notice::ChainsDiffer));
            self.fire(Trigger::ChainsDiffer, out);
            return;
        }
        following.stage = Stage::Cutting;
        let (Some(cut), epoch) = (following.join.clone(), following.epoch) else { return };
        let same_epoch = epoch == self.epoch;
        // A member loses nothing acked by cutting, so it stays entitled; whoever may lack something does not.
        let member = cut.member && self.is_whole() && self.ha.eligible != Eligible::No;
        let trigger = match () {
            () if !member => Trigger::CutAgreed,
            () if self.state == State::Detached
                && same_epoch
                && !cut.old_replica
                && cut.from == self.store.appended =>
            {
                Trigger::Rejoined
            }
            () => Trigger::CutAgreedMember,
        };
        self.epoch = epoch;
        self.fire(trigger, out);
    }

    fn cut(&self) -> Option<&Cut> {
        self.following.as_ref()?.join.as_ref()
    }

    /// Keeps what is here: at every copy of a joiner that was not a member, and whenever something is cut.
    pub(super) fn snapshot(&mut self, out: &mut Commands) -> Waits {
        let Some(cut) = self.cut().cloned() else { return Waits::Nothing };
        let holds = self.store.appended.0.iter().any(|lsn| lsn.0 > 0);
        if !holds || !cut.old_replica && cut.member {
            return Waits::Nothing;
        }
        self.ha.old_replicas += 1;
        if cut.old_replica {
            out.push(Command::Tell(Notice::Cut { end: self.store.appended.clone(), at: cut.keep }));
        }
        self.job(Job::Snapshot { number: self.ha.old_replicas, acked: cut.divergent }, out)
    }

    pub(super) fn truncate(&mut self, out: &mut Commands) -> Waits {
        let keep = self.cut().map(|cut| cut.keep.clone());
        match keep {
            Some(keep) if keep != self.store.appended => self.job(Job::Truncate(keep), out),
            _ => Waits::Nothing,
        }
    }

    pub(super) fn send_ready(&mut self, out: &mut Commands) {
        let at = self.store.appended.clone();
        let Some(following) = &mut self.following else { return };
        following.stage = Stage::Ready;
        let from = following.join.take().map_or_else(|| at.clone(), |cut| cut.from);
        // A lane that was emptied begins where the active's does.
        self.store.kept = Vector(
            (0..from.0.len())
                .map(|lane| if from.at(lane) > at.at(lane) { from.at(lane) } else { self.store.kept.at(lane) })
                .collect(),
        );
        out.push(Command::Receive(following.link));
        if self.state == State::Syncing {
            out.push(Command::Tell(Notice::SyncStarted { from: from.clone() }));
        }
        self.say(Message::Ready { at, from }, out);
    }

    pub(super) fn barrier_came(&mut self, barrier: Vector, out: &mut Commands) {
        if let Some(following) = &mut self.following {
            following.barrier = Some(barrier);
        }
        self.fire(Trigger::BarrierAsked, out);
    }

    pub(super) fn send_barrier_ok(&mut self, out: &mut Commands) {
        if let Some(barrier) = self.following.as_mut().and_then(|following| following.barrier.take()) {
            self.confirm(out);
            self.say(Message::BarrierOk(barrier), out);
        }
    }

    pub(super) fn sync_done_came(&mut self, register: Register, out: &mut Commands) {
        if register.member(self.ha.instance) != Some(self.ha.me()) {
            return;
        }
        if let Some(following) = &mut self.following {
            following.register = Some(register);
        }
        self.fire(Trigger::SyncDone, out);
    }

    /// It is not in the in-sync set any more, and the epoch is another one.
    pub(super) fn removed_came(&mut self, register: &Register, out: &mut Commands) {
        let Some(following) = &mut self.following else { return };
        if register.epoch.number <= following.epoch.number {
            return;
        }
        following.epoch = register.epoch;
        self.epoch = register.epoch;
        self.ha.see_register(register);
        self.fire(Trigger::Removed, out);
    }

    /// The active hands over.
    pub(super) fn grant_came(&mut self, register: Register, out: &mut Commands) {
        if register.holder != self.ha.instance || register.epoch.number <= self.epoch.number {
            return;
        }
        if self.registered() {
            // A message is a hint: the register grants.
            self.fire(Trigger::Granted, out);
        } else {
            self.ha.see_register(&register);
            self.granted(&register, out);
        }
    }

    /// The register names this server, in an epoch that the former active made for it.
    pub(super) fn granted(&mut self, register: &Register, out: &mut Commands) -> bool {
        self.known = super::Known::Value(Some(register.clone()));
        self.epoch = register.epoch;
        self.next = register.epoch;
        self.reason = Reason::Handover;
        self.ha.eligible = Eligible::Yes;
        self.ha.handed_over = None;
        self.ha.unagreed = false;
        self.fire(Trigger::GrantProved, out)
    }

    /// The peer asks whether it may go on, or activate, alone.
    pub(super) fn consent_asked(&mut self, link: Link, epoch: Epoch, out: &mut Commands) {
        let idle = self.is_unchanging() && self.script.is_over();
        let newer = !self.registered() && epoch.number > self.ha.seen.number;
        if !(idle && newer && self.fire(Trigger::ConsentAsked, out)) {
            self.answer(link, Message::NoConsent(epoch), out);
            return;
        }
        self.consent = Some((link, epoch));
        if self.state == State::Probing {
            // It gives way; it is written with the next step, before the answer.
            self.ha.handed_over = self.peer_instance;
        }
    }

    pub(super) fn send_consent(&mut self, out: &mut Commands) {
        if let Some((link, epoch)) = self.consent.take() {
            self.answer(link, Message::Consent(epoch), out);
        }
    }

    /// What the active has told of its network, or of what is promised.
    pub(super) fn heard_active(&mut self, promised: &Vector) {
        // What is promised and not here was promised without this server.
        self.promised = self.promised.higher(&promised.lower(&self.store.appended));
    }

    /// Something came from the active that is followed.
    pub(super) fn heard(&mut self, out: &mut Commands) {
        let watched = matches!(self.state, State::Syncing | State::InSync | State::Lagging);
        if watched && !self.armed(Timer::StopGuard) {
            self.arm(Timer::Silence, out);
        }
    }
}

/// Whether an operator forced an epoch that `mine` does not have.
fn is_forced(mine: &History, other: &History) -> bool {
    let known = |entry: &Entry| mine.entries().iter().any(|own| own.epoch == entry.epoch);
    other.entries().iter().any(|entry| entry.reason == Reason::Forced && !known(entry))
}

/// The same history with other entries.
fn rebuilt(history: &History, change: impl Fn(&Entry) -> Entry) -> History {
    let lanes = history.end().0.len();
    let mut rebuilt = History::empty(lanes);
    for entry in history.entries() {
        rebuilt.push(change(entry));
    }
    rebuilt.set_end((0..lanes).map(|lane| history.end_place(lane)));
    rebuilt
}

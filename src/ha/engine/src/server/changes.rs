//! The register: reads, changes, and what comes of them. Without one, what is written to `ha.state` takes its place.

use super::{Known, Server};
use crate::command::{Command, Commands, Notice};
use crate::gate::Gate;
use crate::history::Reason;
use crate::ids::{Epoch, InstanceId, Member};
use crate::register::Register;
use crate::register_client::{Done, Provider, Step};
use crate::rules::Rule;
use crate::start::Membership;
use crate::state::State;
use crate::table::Trigger;

/// What a change is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// To become active.
    Claim,
    /// To take the replica in, or to name it in its present life.
    Join(Member),
    /// To be alone.
    Remove,
    /// To let the successor serve.
    Handover {
        /// And end.
        stop: bool,
    },
    /// To learn what became of a change of an earlier life.
    Settle,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Change {
    pub(super) purpose: Purpose,
    next: Register,
    /// The version that it was decided over; 0 where there was none.
    over: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// For the client to be free.
    Waits,
    /// With the register.
    Asked,
    /// Written to `ha.state`, where there is no register.
    Written,
}

impl Server {
    /// Whether somebody beside the two decides.
    pub(super) fn registered(&self) -> bool {
        !matches!(self.settings.provider, Provider::None { .. })
    }

    /// Whether nothing of this server's is with the register, or on its way.
    pub(super) const fn is_unchanging(&self) -> bool {
        self.change.is_none()
    }

    /// The register as last seen.
    pub(super) const fn register(&self) -> Option<&Register> {
        match &self.known {
            Known::Value(Some(register)) => Some(register),
            _ => None,
        }
    }

    pub(super) fn read(&mut self, out: &mut Commands) {
        if !self.registered() {
            self.known = Known::Value(self.ha.register.clone());
        } else if let Ok(step) = self.client.read() {
            self.read_from = self.newest_known();
            self.step(step, out);
        }
    }

    /// The number of the newest epoch that is known to exist, and the newest version of the register.
    fn newest_known(&self) -> (u64, u64) {
        (self.ha.seen.number, self.ha.register.as_ref().map_or(0, |known| known.version))
    }

    /// What a read brought. It says how the register was when it was asked, or later: if something newer was heard of since, an older value is no
    /// proof that the register went back, and is read again.
    fn was_read(&mut self, value: Option<Register>, out: &mut Commands) {
        let (epoch, version) = value.as_ref().map_or((0, 0), |register| (register.epoch.number, register.version));
        let newest = self.newest_known();
        let older = epoch < newest.0 || version < newest.1;
        if older && newest != self.read_from {
            self.read(out);
        } else {
            self.saw(value, out);
        }
    }

    /// The register was seen without a question. An old value is a late one.
    pub(super) fn watched(&mut self, register: Register, out: &mut Commands) {
        if (register.epoch.number, register.version) >= self.newest_known() {
            self.saw(Some(register), out);
        }
    }

    /// Asks for a change of the register as it is known.
    pub(super) fn ask(&mut self, purpose: Purpose, next: Register, out: &mut Commands) {
        if self.change.is_some() {
            return;
        }
        let over = self.register().map_or(0, |known| known.version);
        self.change = Some(Change { purpose, next, over, stage: Stage::Waits });
        self.begin_change(out);
    }

    /// Begins the change that waits, if it can be begun.
    fn begin_change(&mut self, out: &mut Commands) {
        let Some(change) = &mut self.change else { return };
        if change.stage != Stage::Waits {
            return;
        }
        if matches!(self.settings.provider, Provider::None { .. }) {
            change.stage = Stage::Written;
            change.next.version = self.ha.register.as_ref().map_or(0, |known| known.version) + 1;
            let (purpose, next) = (change.purpose, change.next.clone());
            self.ha.see_register(&next);
            if matches!(purpose, Purpose::Join(_)) {
                // Whoever finds "active alone" there believes that nobody has more: gone before the joiner may activate.
                self.ha.enter(State::ActiveReplicated);
            }
            self.write(out);
            return;
        }
        let base = match &self.known {
            Known::Value(base) => base.clone(),
            Known::Unread | Known::Unreachable => None,
        };
        if base.as_ref().map_or(0, |base| base.version) != change.over {
            // While it waited the register was seen to be another: what was decided does not hold any more.
            let purpose = change.purpose;
            self.change = None;
            self.came(purpose, Done::Refused(base), out);
            return;
        }
        if let Ok(step) = self.client.change(base.as_ref(), change.next.clone()) {
            change.stage = Stage::Asked;
            self.step(step, out);
        }
    }

    /// Takes back what is asked for; what has left is resolved, and the outcome comes sooner.
    pub(super) fn withdraw(&mut self, out: &mut Commands) {
        match &self.change {
            Some(Change { stage: Stage::Waits, purpose, .. }) => {
                let purpose = *purpose;
                self.change = None;
                self.came(purpose, Done::Withdrawn, out);
            }
            Some(Change { stage: Stage::Asked, .. }) => {
                let step = self.client.withdraw();
                self.step(step, out);
            }
            _ => {}
        }
    }

    /// The end of a change that was written instead.
    pub(super) fn local_change(&mut self, out: &mut Commands) -> bool {
        if self.writes > 0 {
            return false;
        }
        let Some(Change { purpose, next, stage: Stage::Written, .. }) = &self.change else { return false };
        let (purpose, next) = (*purpose, next.clone());
        self.change = None;
        self.came(purpose, Done::Changed(next), out);
        true
    }

    /// What the client of the register wants, and what it has to say.
    pub(super) fn step(&mut self, step: Step, out: &mut Commands) {
        if let Some(call) = step.call {
            out.push(Command::Call(call));
        }
        if let Some(wake) = step.wake {
            out.push(Command::Wake(wake));
        }
        let Some(done) = step.done else { return };
        match done {
            Done::Read(value) => self.was_read(value, out),
            done => {
                if let Some(change) = self.change.take() {
                    self.came(change.purpose, done, out);
                }
            }
        }
        self.begin_change(out);
    }

    /// The register was seen to be this.
    fn saw(&mut self, value: Option<Register>, out: &mut Commands) {
        let known = self.ha.register.as_ref().map_or(0, |known| known.version);
        let version = value.as_ref().map_or(0, |register| register.version);
        let Some(register) = value else {
            self.known = Known::Value(None);
            return;
        };
        if version < known {
            // Nobody goes back by it; the start's table judges what it says.
            if matches!(self.state, State::Probing) {
                self.known = Known::Value(Some(register));
            }
            return;
        }
        self.known = Known::Value(Some(register.clone()));
        self.ha.see_register(&register);
        let other = register.holder != self.ha.instance || register.epoch.number > self.epoch.number;
        // An own change may have made it; its end tells.
        if self.is_unchanging() && self.is_leading() && other && register.epoch != self.epoch {
            self.fire(Trigger::NewerEpoch, out);
        }
    }

    /// Whether it serves, or is about to.
    pub(super) fn is_leading(&self) -> bool {
        self.state.is_active() || self.state == State::Activating
    }

    /// The end of a change: what the register is, definitely, and that nothing of this change is under way.
    fn came(&mut self, purpose: Purpose, done: Done, out: &mut Commands) {
        let (won, value) = match done {
            Done::Changed(register) => (true, Some(register)),
            Done::Refused(value) => (false, value),
            Done::WentBack(_) => {
                out.push(Command::Tell(Notice::RegisterRestored));
                (false, self.register().cloned())
            }
            Done::Withdrawn | Done::Read(_) => (false, self.register().cloned()),
        };
        if let Some(register) = &value {
            self.ha.see_register(register);
        }
        self.known = Known::Value(value.clone());
        let mine = value
            .as_ref()
            .is_some_and(|register| register.holder == self.ha.instance && (won || register.epoch == self.epoch));
        if won || !mine {
            // Nothing that it asked for can come to be any more.
            self.ha.asked = self.ha.seen;
        }
        match (purpose, won) {
            (Purpose::Settle, _) => {
                self.ha.asked = self.ha.seen;
            }
            (Purpose::Claim, true) => self.claimed(value, out),
            (Purpose::Claim, false) => {
                self.ha.asked = self.ha.seen;
                self.fire(Trigger::ClaimLost, out);
            }
            (Purpose::Join(member), won) => self.join_ended(member, value, won, mine, out),
            (Purpose::Remove, true) => self.removed(value, out),
            (Purpose::Handover { stop }, true) => {
                let trigger = if stop { Trigger::HandedOverStop } else { Trigger::HandedOverStay };
                self.fire(trigger, out);
            }
            (Purpose::Remove, false) => self.refused(mine, Trigger::RemoveRefused, out),
            (Purpose::Handover { .. }, false) => self.refused(mine, Trigger::HandoverRefused, out),
        }
    }

    fn refused(&mut self, mine: bool, trigger: Trigger, out: &mut Commands) {
        if mine {
            self.ha.asked = self.ha.seen;
            self.view_is_known();
            self.fire(trigger, out);
        } else {
            self.fire(Trigger::NewerEpoch, out);
        }
    }

    /// The view is what the register is known to be, now that no change is under way (SR3).
    pub(super) fn view_is_known(&mut self) {
        if let (Some(gate), Known::Value(Some(register))) = (&mut self.gate, &self.known) {
            gate.known(register);
        }
    }

    fn claimed(&mut self, value: Option<Register>, out: &mut Commands) {
        if let Some(register) = value {
            self.epoch = register.epoch;
        }
        self.fire(Trigger::ClaimWon, out);
    }

    /// A gate for the epoch that begins: closed until its start is written.
    pub(super) fn start_gate(&mut self) {
        let mut promised = self.promised.clone();
        if promised.0.len() < usize::from(self.settings.lanes) {
            promised = promised.higher(&crate::vector::Vector::zero(usize::from(self.settings.lanes)));
        }
        let mode = self.settings.ack_mode;
        let mut gate = Gate::new(self.rules, self.ha.instance, mode, self.epoch, promised);
        gate.hold(crate::gate::Hold::Suspended);
        gate.durable(&self.store.durable);
        self.gate = Some(gate);
        self.view_is_known();
    }

    /// A value for the register in which this server serves alone.
    pub(super) fn alone(&self, epoch: Epoch) -> Register {
        Register {
            version: 0,
            epoch,
            holder: self.ha.instance,
            in_sync: [self.ha.me()].into_iter().collect(),
            ack_mode: self.settings.ack_mode,
            voters_version: self.register().map_or(0, |known| known.voters_version),
        }
    }

    /// Asks to become active (SR4).
    pub(super) fn claim(&mut self, out: &mut Commands) {
        if !self.may_still_claim() {
            self.fire(Trigger::ClaimLost, out);
            return;
        }
        let same = self.register().is_some_and(|known| known.holder == self.ha.instance);
        if same && !self.rules.keep(Rule::Sr5) {
            // The restart of the same holder, in its old epoch.
            self.next = self.register().map_or(self.next, |known| known.epoch);
            self.claimed(self.register().cloned(), out);
            return;
        }
        self.ask(Purpose::Claim, self.alone(self.next), out);
    }

    /// Whether the register, as it is known by now, lets this server ask for it: since that was decided it may have been seen to be another (SR4).
    fn may_still_claim(&self) -> bool {
        let forced = self.reason == Reason::Forced || !self.registered();
        forced || self.register().is_none_or(|known| self.membership(known) == Membership::Entitled)
    }

    /// Whether the register, as it is known, names that installation.
    pub(super) fn lists(&self, instance: InstanceId) -> Option<Member> {
        self.register()?.member(instance)
    }
}

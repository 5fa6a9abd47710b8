//! An active whose replica is gone, or whose right to ack is in doubt: it goes on alone only when the register says so (SR3, SR11).

use super::admission::{Phase, Replica};
use super::changes::Purpose;
use super::{Known, Server};
use crate::command::{Command, Commands, Notice};
use crate::detect::Network;
use crate::event::Timer;
use crate::ha_state::Role;
use crate::history::Reason;
use crate::message::Message;
use crate::register::Register;
use crate::register_client::{PairPolicy, Provider};
use crate::rules::Rule;
use crate::state::State;
use crate::table::Trigger;

impl Server {
    /// The connection to the replica is gone.
    pub(super) fn replica_lost(&mut self, out: &mut Commands) {
        let Some(replica) = self.replica.take() else { return };
        if let Some(gate) = &mut self.gate {
            gate.disconnected(replica.member.instance, replica.link);
        }
        self.disarm(Timer::Sync, out);
        match replica.phase {
            // Whether it is in the in-sync set, the end of the change tells. It comes sooner so.
            Phase::Joining => self.withdraw(out),
            // It was in the view for a change that was never asked for.
            Phase::Barrier => self.view_is_known(),
            _ => {}
        }
        self.promise(out);
        self.member_gone(&replica, out);
    }

    fn member_gone(&mut self, replica: &Replica, out: &mut Commands) {
        let listed = self.lists(replica.member.instance).is_some();
        if listed && self.is_unchanging() {
            out.push(Command::Tell(Notice::ReplicaLost(replica.member.instance)));
            self.fire(Trigger::ReplicaGone, out);
        }
    }

    /// The replica connects again before the loss was noticed.
    pub(super) fn replica_came_again(&mut self, out: &mut Commands) {
        let Some(replica) = self.replica.take() else { return };
        out.push(Command::Close(replica.link));
        if let Some(gate) = &mut self.gate {
            gate.disconnected(replica.member.instance, replica.link);
        }
        match replica.phase {
            Phase::Joining => self.withdraw(out),
            Phase::Barrier => self.view_is_known(),
            _ => {}
        }
    }

    pub(super) fn close_replica(&mut self, out: &mut Commands) {
        let Some(replica) = self.replica.take() else { return };
        out.push(Command::Close(replica.link));
        if let Some(gate) = &mut self.gate {
            gate.disconnected(replica.member.instance, replica.link);
        }
    }

    /// Nothing came from the replica for a whole wait.
    pub(super) fn replica_is_silent(&mut self, out: &mut Commands) {
        match &mut self.replica {
            Some(replica) if replica.heard => replica.heard = false,
            Some(replica) => {
                out.push(Command::Close(replica.link));
                self.replica_lost(out);
            }
            // A member that has not come since this epoch began.
            None => self.member_is_missing(out),
        }
    }

    fn member_is_missing(&mut self, out: &mut Commands) {
        if self.is_unchanging() && !self.is_solo() {
            self.fire(Trigger::ReplicaGone, out);
        }
    }

    /// The replica speaks and does not confirm. It leaves the in-sync set, stays connected and catches up.
    pub(super) fn replica_is_slow(&mut self, out: &mut Commands) {
        let Some(replica) = &mut self.replica else { return };
        if replica.phase == Phase::Done {
            replica.slow = true;
            out.push(Command::Tell(Notice::ReplicaSlow(replica.member.instance)));
            self.member_is_missing(out);
        }
    }

    /// Whether this server is alone in the in-sync set.
    pub(super) fn is_solo(&self) -> bool {
        self.register().is_none_or(Register::is_solo)
    }

    /// Asks to be alone. The epoch was promised a step before.
    pub(super) fn remove(&mut self, out: &mut Commands) {
        let raises = self.above > 0;
        if self.is_solo() && !raises || !self.is_unchanging() {
            return;
        }
        self.reason = Reason::Solo;
        if raises {
            self.ask_remove(out);
            return;
        }
        match self.settings.provider {
            Provider::None { policy } => self.remove_by_consent(policy, out),
            Provider::Etcd => self.ask_remove(out),
        }
    }

    fn ask_remove(&mut self, out: &mut Commands) {
        let Some(known) = self.register() else { return };
        // A new epoch for those who are left (SR5).
        let epoch = if self.rules.keep(Rule::Sr5) { self.next } else { known.epoch };
        let alone = self.alone(epoch);
        self.ask(Purpose::Remove, alone, out);
    }

    /// Without a register: the replica's word, or the policy.
    fn remove_by_consent(&mut self, policy: PairPolicy, out: &mut Commands) {
        if self.replica.is_some() {
            self.tell_replica(Message::ConsentAsked(self.next), out);
            return;
        }
        let alone = match policy {
            PairPolicy::Availability => self.network != Network::Isolated,
            PairPolicy::PrimaryWins => self.settings.role == Role::Primary,
        };
        if alone {
            if policy == PairPolicy::Availability {
                self.ha.unagreed = true;
                out.push(Command::Tell(Notice::WithoutConsent));
            }
            self.ask_remove(out);
        }
    }

    /// The replica agrees that this server goes on alone, or does not.
    pub(super) fn consent_came(&mut self, epoch: crate::ids::Epoch, granted: bool, out: &mut Commands) {
        if epoch != self.next || !self.is_unchanging() || !granted {
            return;
        }
        match self.state {
            State::Suspended => {
                self.ha.unagreed = false;
                self.ask_remove(out);
            }
            State::Probing => self.consent_to_activate(out),
            _ => {}
        }
    }

    /// The register names this server alone.
    pub(super) fn removed(&mut self, value: Option<Register>, out: &mut Commands) {
        let Some(register) = value else { return };
        self.epoch = register.epoch;
        self.above = 0;
        if let Some(replica) = &mut self.replica {
            replica.counts = false;
        }
        if let Some(gate) = &mut self.gate {
            if self.rules.keep(Rule::Sr5) {
                gate.begin(register.epoch);
            }
            gate.known(&register);
        }
        self.fire(Trigger::RemoveWon, out);
    }

    /// Tells the former replica that it is out, and that the epoch is a new one; it catches up from where it is.
    pub(super) fn send_removed(&mut self, out: &mut Commands) {
        self.replica_begins_anew();
        if let Some(register) = self.register() {
            self.tell_replica(Message::Removed(register.clone()), out);
        }
        let cutting = self.replica.as_ref().is_some_and(|replica| replica.phase < Phase::Copying);
        if cutting {
            // It compares with an epoch that is over; it comes again.
            self.close_replica(out);
        }
    }

    /// In doubt: what is known by now?
    pub(super) fn consider_suspended(&mut self, out: &mut Commands) -> bool {
        if self.state != State::Suspended || !self.is_unchanging() || !self.script.is_over() {
            return false;
        }
        if self.network == Network::Isolated || self.known == Known::Unread {
            return false;
        }
        let instance =
            self.replica.as_ref().map(|replica| (replica.counts_now() && replica.heard, replica.member.instance));
        match instance {
            _ if self.is_solo() => self.fire(Trigger::HealthySolo, out),
            Some((true, instance)) if self.lists(instance).is_some() => self.fire(Trigger::ReplicaBack, out),
            _ => false,
        }
    }

    pub(super) fn lease(&mut self, lost: bool, out: &mut Commands) {
        self.lease_lost = lost;
        if lost && self.is_leading() {
            out.push(Command::Tell(Notice::RegisterUnreachable));
            let followed = self.replica.as_ref().is_some_and(|replica| replica.counts_now() && replica.heard);
            if !followed && !self.is_solo() {
                self.fire(Trigger::LeaseSilent, out);
            }
        }
    }
}

impl Replica {
    /// Whether it follows in this epoch as a member.
    pub(super) fn counts_now(&self) -> bool {
        let follows = self.phase == Phase::Done || self.counts && self.phase >= Phase::Copying;
        follows && !self.slow
    }
}

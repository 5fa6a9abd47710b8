//! An active that lets its replica serve: frozen until the register has said which of the two it is (SR10).

use super::Server;
use super::admission::Phase;
use super::changes::Purpose;
use super::script::Waits;
use crate::command::{Clients, Command, Commands, Job, Notice};
use crate::event::Timer;
use crate::gate::Hold;
use crate::ha_state::{Eligible, Role};
use crate::ids::Member;
use crate::message::Message;
use crate::register::{AckMode, Register};
use crate::rules::Rule;
use crate::state::State;
use crate::table::Trigger;

impl Server {
    /// The replica, if it is in the in-sync set and follows.
    fn successor(&self) -> Option<Member> {
        let replica = self.replica.as_ref().filter(|replica| replica.phase == Phase::Done)?;
        self.lists(replica.member.instance)
    }

    /// Whether this server keeps its copy and follows, or ends.
    const fn stays(&self) -> bool {
        !self.wish.stop && self.settings.restart_backup
    }

    /// What was wanted and could not be done at once.
    pub(super) fn consider_wishes(&mut self, out: &mut Commands) -> bool {
        if !self.is_unchanging() || !self.script.is_over() {
            return false;
        }
        let wanted = self.wish.handover || self.wish.stop && !self.wish.tried;
        match self.state {
            State::ActiveReplicated if wanted && self.successor().is_some() => self.fire(Trigger::HandoverWanted, out),
            // There is nobody to hand over to.
            State::ActiveReplicated if self.wish.stop && self.wish.tried => self.fire(Trigger::StopAsked, out),
            State::ActiveSolo | State::Suspended if self.wish.stop => self.fire(Trigger::StopAsked, out),
            State::ActiveSolo => {
                self.wish.handover = false;
                false
            }
            _ => false,
        }
    }

    /// Nothing is appended and nothing is acked from here on.
    pub(super) fn freeze(&mut self, out: &mut Commands) -> Waits {
        if !self.rules.keep(Rule::Sr10) {
            return Waits::Nothing;
        }
        if let Some(gate) = &mut self.gate {
            gate.hold(Hold::Frozen);
        }
        out.push(Command::Clients(Clients::Held));
        self.job(Job::Freeze, out)
    }

    /// Whether both have everything durably, whatever the acks wait for.
    pub(super) fn drained(&self) -> bool {
        let end = &self.store.appended;
        let Some(replica) = &self.replica else { return false };
        let theirs = if self.settings.ack_mode == AckMode::Memory && !self.rules.keep(Rule::Sr6) {
            self.gate.as_ref().is_some_and(|gate| gate.promised().covers(end))
        } else {
            replica.durable.covers(end)
        };
        theirs && self.store.durable.covers(end)
    }

    pub(super) fn hand_over(&mut self, out: &mut Commands) {
        let Some(successor) = self.successor() else { return };
        let stop = !self.stays();
        let mut next = Register { holder: successor.instance, ..self.alone(self.next) };
        next.in_sync = [successor].into_iter().collect();
        if !stop {
            next.in_sync.push(self.ha.me());
        }
        self.ask(Purpose::Handover { stop }, next, out);
    }

    pub(super) fn mark_handed_over(&mut self, out: &mut Commands) -> Waits {
        let Some(register) = self.register().cloned() else { return self.write(out) };
        self.ha.handed_over = Some(register.holder);
        if register.member(self.ha.instance).is_none() {
            self.ha.eligible = Eligible::No;
        }
        if self.wish.failback {
            self.count_failback(out);
        }
        (self.wish.handover, self.wish.failback) = (false, false);
        out.push(Command::Tell(Notice::HandedOver));
        self.write(out)
    }

    pub(super) fn send_grant(&mut self, out: &mut Commands) {
        if let Some(register) = self.register() {
            let grant = Message::Grant(register.clone());
            self.tell_replica(grant, out);
        }
    }

    /// The replica, configured as primary, asks to serve.
    pub(super) fn failback_asked(&mut self, out: &mut Commands) {
        let right = self.settings.allow_failback && self.settings.role == Role::Backup;
        let few = self.failbacks < self.settings.failback_max_per_hour;
        if right && few && self.state == State::ActiveReplicated && self.successor().is_some() {
            (self.wish.handover, self.wish.failback) = (true, true);
        } else {
            self.tell_replica(Message::FailbackRefused, out);
        }
    }

    /// A host that fails again and again shall not drag clients along.
    fn count_failback(&mut self, out: &mut Commands) {
        self.failbacks = self.failbacks.saturating_add(1);
        if !self.armed(Timer::FailbackHour) {
            self.arm(Timer::FailbackHour, out);
        }
    }

    /// A handover takes too long. Once the register was asked, only its answer ends it.
    pub(super) fn handover_late(&mut self, out: &mut Commands) {
        self.wish.tried = true;
        (self.wish.handover, self.wish.failback) = (false, false);
        if self.is_unchanging() {
            self.fire(Trigger::HandoverLate, out);
        } else {
            self.withdraw(out);
        }
    }
}

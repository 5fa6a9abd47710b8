//! The timers: what they are armed with, and what it means when they fire.

use std::time::Duration;

use super::{Known, Peer, Server};
use crate::command::{Command, Commands};
use crate::detect::Network;
use crate::event::Timer;
use crate::limits::FAILBACK_HOUR;
use crate::message::Message;
use crate::state::State;
use crate::table::Trigger;

impl Server {
    /// Whether it runs.
    pub(super) const fn armed(&self, timer: Timer) -> bool {
        self.armed & (1 << timer as u8) != 0
    }

    pub(super) fn arm(&mut self, timer: Timer, out: &mut Commands) {
        let times = &self.settings.times;
        let after = match timer {
            Timer::Retry => times.retry,
            Timer::StartWait => times.start_wait,
            Timer::Answer => times.answer,
            Timer::Silence => times.silence,
            Timer::Lag => times.lag,
            Timer::Heartbeat => times.heartbeat,
            Timer::Sync => times.sync,
            Timer::Activation => times.activation,
            Timer::StopGuard => times.stop_guard,
            Timer::Handover => times.handover,
            Timer::Verdict => times.verdict,
            // Zero is never.
            Timer::Suspended if times.suspended.is_zero() => return,
            Timer::Suspended => times.suspended,
            Timer::Failback => times.failback,
            Timer::FailbackHour => FAILBACK_HOUR,
        };
        self.arm_for(timer, after, out);
    }

    pub(super) fn arm_for(&mut self, timer: Timer, after: Duration, out: &mut Commands) {
        self.armed |= 1 << timer as u8;
        out.push(Command::SetTimer(timer, after));
    }

    pub(super) fn disarm(&mut self, timer: Timer, out: &mut Commands) {
        if self.armed(timer) {
            self.armed &= !(1 << timer as u8);
            out.push(Command::ClearTimer(timer));
        }
    }

    pub(super) fn timer(&mut self, timer: Timer, out: &mut Commands) {
        if !self.armed(timer) {
            return;
        }
        self.armed &= !(1 << timer as u8);
        match timer {
            Timer::Retry => self.look_again(out),
            Timer::StartWait => self.waited = true,
            Timer::Answer => {
                if self.is_unchanging() {
                    self.fire(Trigger::TooLong, out);
                }
            }
            Timer::Silence => self.silence(out),
            Timer::Lag => self.replica_is_slow(out),
            Timer::Heartbeat => self.beat(out),
            Timer::Sync => self.sync_late(out),
            Timer::Activation => {
                self.fire(Trigger::ActivationFailed, out);
            }
            Timer::StopGuard => self.link_lost(out),
            Timer::Handover => self.handover_late(out),
            Timer::Verdict => self.verdict_late(out),
            Timer::Suspended => {
                self.fire(Trigger::SuspendedLong, out);
            }
            Timer::Failback => {
                self.say(Message::FailbackAsked, out);
                self.arm(Timer::Failback, out);
            }
            Timer::FailbackHour => self.failbacks = 0,
        }
    }

    /// Looks at the register and at the peer again.
    fn look_again(&mut self, out: &mut Commands) {
        self.arm(Timer::Retry, out);
        self.give_up_old_link(out);
        if self.state == State::Suspended {
            self.doubt_again(out);
            return;
        }
        if !self.script.is_over() || !self.is_unchanging() {
            return;
        }
        if self.client.is_busy() {
            // Asked a whole wait ago.
            self.known = Known::Unreachable;
        }
        self.fire(Trigger::Again, out);
    }

    /// A connection that came to nothing between two looks is made again: what the peer said then may not hold any more.
    fn give_up_old_link(&mut self, out: &mut Commands) {
        let Some(following) = &mut self.following else { return };
        if std::mem::replace(&mut following.old, true) {
            self.close_link(out);
            self.peer = Peer::Silent;
        }
    }

    /// Still held: the register is asked again, or asked to let this server go on alone.
    fn doubt_again(&mut self, out: &mut Commands) {
        if !self.script.is_over() || !self.is_unchanging() {
            return;
        }
        let back = self.replica.as_ref().is_some_and(super::admission::Replica::counts_now);
        if self.network == Network::Isolated || self.is_solo() || back {
            self.fire(Trigger::Again, out);
        } else {
            self.fire(Trigger::ReplicaGone, out);
            if !self.registered() {
                self.fire(Trigger::Again, out);
            }
        }
    }

    fn silence(&mut self, out: &mut Commands) {
        match self.state {
            State::Syncing | State::InSync | State::Lagging => self.link_lost(out),
            _ => {
                self.replica_is_silent(out);
                if self.state.is_active() {
                    self.arm(Timer::Silence, out);
                }
            }
        }
    }

    fn beat(&mut self, out: &mut Commands) {
        self.arm(Timer::Heartbeat, out);
        let healthy = self.network != Network::Isolated;
        if self.state.is_active() {
            self.tell_replica(Message::Heartbeat { vector: self.promised.clone(), healthy }, out);
        } else {
            self.say(Message::Heartbeat { vector: self.store.durable.clone(), healthy }, out);
        }
    }

    /// Acks have waited for a joiner for too long.
    fn sync_late(&mut self, out: &mut Commands) {
        use super::admission::Phase;
        match self.replica.as_ref().map(|replica| (replica.phase, replica.link)) {
            Some((Phase::Barrier, link)) => {
                out.push(Command::Close(link));
                self.replica_lost(out);
            }
            Some((Phase::Joining, _)) => {
                self.arm(Timer::Sync, out);
                self.withdraw(out);
            }
            _ => {}
        }
    }

    fn verdict_late(&mut self, out: &mut Commands) {
        self.arm(Timer::Verdict, out);
        if !self.script.is_over() || !self.is_unchanging() {
            return;
        }
        self.verdicts += 1;
        if self.verdicts >= self.settings.verdicts_max {
            self.fire(Trigger::VerdictsSpent, out);
            return;
        }
        self.give_up_old_link(out);
        self.fire(Trigger::NotYet, out);
        self.fire(Trigger::Again, out);
    }
}

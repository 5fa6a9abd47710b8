//! The steps themselves: each says what the next one waits for.

use super::Server;
use super::script::Waits;
use crate::command::{Clients, Command, Commands, Job, Notice};
use crate::event::Timer;
use crate::gate::Hold;
use crate::ha_state::Eligible;
use crate::message::{Message, Stopping};
use crate::rules::Rule;
use crate::state::State;
use crate::table::{Action, Trigger};

impl Server {
    pub(super) fn act(&mut self, action: Action, out: &mut Commands) -> Waits {
        match action {
            Action::WriteState => return self.write(out),
            Action::ReadRegister => self.read(out),
            Action::Dial => self.dial(out),
            Action::SendHistory => self.send_history(out),
            Action::CloseLink => self.close_link(out),
            Action::CloseReplica => self.close_replica(out),
            Action::Snapshot => return self.snapshot(out),
            Action::MarkIneligible => return self.mark(Eligible::No, out),
            Action::Truncate => return self.truncate(out),
            Action::FlushKept => return self.flush(Rule::Sr8, out),
            Action::SendReady => self.send_ready(out),
            Action::ConfirmNow => self.confirm(out),
            Action::FlushBarrier => return self.flush_barrier(out),
            Action::MarkBarrier => return self.mark_barrier(out),
            Action::SendBarrierOk => self.send_barrier_ok(out),
            Action::MarkEligible => return self.mark_eligible(out),
            Action::SendSyncDoneAck => self.say(Message::SyncDoneAck, out),
            Action::GuardStop => {
                self.disarm(Timer::Silence, out);
                self.arm(Timer::StopGuard, out);
            }
            Action::Promise => return self.promise_epoch(out),
            Action::FlushAll => return self.flush(Rule::Sr6, out),
            Action::ClaimCas => self.claim(out),
            Action::StartEpoch => return self.begin_epoch(out),
            Action::FlushStart => return self.job(Job::Flush, out),
            Action::Load => return self.job(Job::Load, out),
            Action::Ready => self.ready(out),
            Action::Serve => self.serve(out),
            Action::Hold => self.hold(out),
            Action::Drop => out.push(Command::Clients(Clients::Dropped)),
            Action::SendSyncDone => self.send_sync_done(out),
            Action::SendRemoved => self.send_removed(out),
            Action::RemoveCas => self.remove(out),
            Action::SendStopCalled => self.tell_replica(Message::Stopping(Stopping::StopCalled), out),
            Action::Freeze => return self.freeze(out),
            Action::AwaitDrained => return Waits::Drained,
            Action::HandoverCas => self.hand_over(out),
            Action::Unfreeze => {
                self.serve(out);
                self.tell_replica(Message::Stopping(Stopping::GoesOn), out);
            }
            Action::MarkHandedOver => return self.mark_handed_over(out),
            Action::SendGrant => self.send_grant(out),
            Action::SendConsent => self.send_consent(out),
            Action::Quiesce => return self.quiesce(out),
            Action::Quiet => {
                self.fire(Trigger::Quiet, out);
            }
            Action::MarkCleanStop => {
                self.ha.clean_stop = Some(self.store.appended.clone());
                return self.write(out);
            }
            Action::ExitOk => out.push(Command::Exit { code: 0 }),
            Action::ExitFailed => out.push(Command::Exit { code: FAILED }),
        }
        Waits::Nothing
    }

    fn mark(&mut self, eligible: Eligible, out: &mut Commands) -> Waits {
        self.ha.eligible = eligible;
        self.write(out)
    }

    fn mark_barrier(&mut self, out: &mut Commands) -> Waits {
        let Some(barrier) = self.following.as_ref().and_then(|following| following.barrier.clone()) else {
            return Waits::Nothing;
        };
        self.mark(Eligible::Barrier(barrier), out)
    }

    fn mark_eligible(&mut self, out: &mut Commands) -> Waits {
        let Some(register) = self.following.as_mut().and_then(|following| following.register.take()) else {
            return Waits::Nothing;
        };
        self.ha.see_register(&register);
        // It follows again: what it handed over once is over.
        self.ha.handed_over = None;
        self.ha.unagreed = false;
        self.store.lost = false;
        self.store.evidence = false;
        self.store.forgot = false;
        out.push(Command::Tell(Notice::InSync(register.holder)));
        self.mark(Eligible::Yes, out)
    }

    /// Makes everything durable that is appended. Without the rule that wants it here, what is appended is taken as durable.
    fn flush(&mut self, wanted: Rule, out: &mut Commands) -> Waits {
        if self.rules.keep(wanted) {
            return self.job(Job::Flush, out);
        }
        if wanted == Rule::Sr8 {
            self.store.durable = self.store.appended.clone();
        }
        Waits::Nothing
    }

    fn flush_barrier(&mut self, out: &mut Commands) -> Waits {
        self.give(Job::Flush, super::script::Task::Nobody, out);
        Waits::Barrier
    }

    fn quiesce(&mut self, out: &mut Commands) -> Waits {
        out.push(Command::Clients(Clients::Closed));
        let known = match &self.known {
            super::Known::Value(Some(register)) => Some(register.holder),
            _ => None,
        };
        self.job(Job::Quiesce { redirect: known.filter(|holder| *holder != self.ha.instance) }, out)
    }

    /// Clients go on.
    fn serve(&mut self, out: &mut Commands) {
        out.push(Command::Clients(Clients::Served));
        if let Some(gate) = &mut self.gate {
            gate.release(Hold::Suspended);
            gate.release(Hold::Frozen);
        }
        if self.state.is_active() {
            out.push(Command::Tell(Notice::Active(self.epoch)));
        }
        self.promise(out);
    }

    /// Clients wait.
    fn hold(&mut self, out: &mut Commands) {
        if let Some(gate) = &mut self.gate {
            gate.hold(Hold::Suspended);
        }
        if self.state == State::Suspended {
            out.push(Command::Clients(Clients::Held));
            out.push(Command::Tell(Notice::Suspended));
        }
    }
}

/// The exit code that has the service manager start the process again.
const FAILED: u8 = 76;

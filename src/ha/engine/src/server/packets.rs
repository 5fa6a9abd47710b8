//! What the peer says, to whom in this server it goes.

use super::Server;
use super::following::Stage;
use crate::command::{Command, Commands};
use crate::event::Timer;
use crate::gate::Link;
use crate::ids::Epoch;
use crate::message::{Message, Packet, Stopping};
use crate::rules::Rule;
use crate::state::State;
use crate::table::Trigger;

impl Server {
    pub(super) fn packet(&mut self, link: Link, packet: Packet, out: &mut Commands) {
        let Packet { epoch, message } = packet;
        if !message.greets() && self.is_refused(epoch) && !self.is_contest(link) && !self.compares(link) {
            // A replica that is out and does not know it yet is told with the new epoch; everybody else is told here (SR7).
            if !self.is_replica(link) {
                self.answer(link, Message::StaleEpoch, out);
            }
            return;
        }
        match message {
            Message::Hello(hello) => self.hello_came(link, &hello, epoch, out),
            Message::StaleEpoch => self.stale(epoch, out),
            message if self.is_followed(link) => self.of_active(link, epoch, message, out),
            Message::History(theirs) if self.is_rival_link(link) => self.rival_holds(&theirs, out),
            message if self.is_replica(link) => self.of_replica(link, epoch, message, out),
            message => self.of_passive(link, message, out),
        }
    }

    /// Whether what comes in that epoch is too old.
    fn is_refused(&self, epoch: Epoch) -> bool {
        self.is_stale(epoch) && self.rules.keep(Rule::Sr7) && (self.rules.keep(Rule::Sr2) || !self.is_leading())
    }

    /// Whether what comes there is of a passive, where no register decides. The two compare their copies and agree on who serves; that one has seen
    /// more than the other proves nothing, and who does not hear the other waits for ever. Both will be above what either has seen.
    fn compares(&self, link: Link) -> bool {
        let stage = self.following.as_ref().filter(|following| following.link == link).map(|following| following.stage);
        let of_passive = stage.is_none_or(|stage| matches!(stage, Stage::Passive | Stage::Pulling));
        of_passive && !self.is_leading() && !self.registered()
    }

    fn is_followed(&self, link: Link) -> bool {
        self.following.as_ref().is_some_and(|following| following.link == link)
    }

    fn is_replica(&self, link: Link) -> bool {
        self.replica.as_ref().is_some_and(|replica| replica.link == link)
    }

    /// Somebody has seen a newer epoch.
    fn stale(&mut self, epoch: Epoch, out: &mut Commands) {
        let newer = self.is_leading() && epoch.number > self.epoch.number;
        if newer && self.registered() {
            self.ha.see(epoch);
            self.fire(Trigger::NewerEpoch, out);
        } else if newer {
            // Without a register a number decides nothing: the two compare what they hold.
            self.fire(Trigger::Again, out);
        }
    }

    /// From whoever this server has dialled.
    fn of_active(&mut self, link: Link, epoch: Epoch, message: Message, out: &mut Commands) {
        let (stage, followed) = match &self.following {
            Some(following) => (following.stage, following.epoch),
            None => return,
        };
        match message {
            Message::HelloAck(hello) if stage == Stage::Dialled => return self.greeted(&hello, epoch, out),
            Message::Reject(reject) => return self.rejected(reject, out),
            Message::History(theirs) if stage == Stage::Contest => return self.dialled_holds(&theirs, out),
            Message::History(theirs) if stage == Stage::Passive => return self.passive_holds(link, theirs, out),
            Message::Tail(end) if stage == Stage::Pulling => {
                if let Some(following) = &mut self.following {
                    following.barrier = Some(end);
                }
                // The peer may have nothing to give.
                self.consider_pulled(out);
                return;
            }
            Message::Consent(asked) => return self.consent_came(asked, true, out),
            Message::NoConsent(asked) => return self.consent_came(asked, false, out),
            _ => {}
        }
        // From here on it is what the active that is followed says, in its epoch.
        let removed = matches!(message, Message::Removed(_) | Message::Grant(_));
        if stage < Stage::History || epoch != followed && !removed && self.rules.keep(Rule::Sr7) {
            return;
        }
        self.heard(out);
        match message {
            Message::History(theirs) => self.history_came(theirs, out),
            Message::Chains { chains, .. } => self.chains_came(chains, out),
            Message::Barrier(barrier) => self.barrier_came(barrier, out),
            Message::SyncDone(register) => self.sync_done_came(register, out),
            Message::Removed(register) => self.removed_came(&register, out),
            Message::Grant(register) => self.grant_came(register, out),
            Message::ConsentAsked(asked) => self.consent_asked(link, asked, out),
            Message::Heartbeat { vector, .. } => self.heard_active(&vector),
            Message::Stopping(Stopping::StopCalled) => {
                self.fire(Trigger::StopCalled, out);
            }
            Message::Stopping(Stopping::GoesOn) => {
                self.disarm(Timer::StopGuard, out);
                self.heard(out);
            }
            // The primary asks again when its timer fires.
            _ => {}
        }
    }

    /// From whoever is connected to this active.
    fn of_replica(&mut self, link: Link, epoch: Epoch, message: Message, out: &mut Commands) {
        if let Some(replica) = &mut self.replica {
            replica.heard = true;
        }
        match message {
            Message::History(_) => self.joiner_holds(out),
            Message::ChainsAsked(at) => self.chains_asked(link, at, out),
            Message::Ready { at, from } => self.joiner_ready(&at, from, out),
            Message::Confirm { received, durable } => self.confirmed(link, epoch, &received, &durable, out),
            Message::BarrierOk(barrier) => self.barrier_ok_came(&barrier, out),
            Message::Consent(asked) => self.consent_came(asked, true, out),
            Message::NoConsent(asked) => self.consent_came(asked, false, out),
            Message::FailbackAsked => self.failback_asked(out),
            Message::Heartbeat { healthy, .. } => {
                if let Some(replica) = &mut self.replica {
                    replica.healthy = healthy;
                }
            }
            Message::BlockAsked { lane, at, chain } => out.push(Command::SendBlock { conn: link, lane, at, chain }),
            _ => {}
        }
    }

    /// From whoever has dialled this passive.
    fn of_passive(&mut self, link: Link, message: Message, out: &mut Commands) {
        match message {
            Message::History(theirs) if !self.is_leading() => self.passive_holds(link, theirs, out),
            Message::ConsentAsked(asked) => self.consent_asked(link, asked, out),
            Message::TailAsked(from) if self.state == State::Probing => {
                let to = self.store.appended.clone();
                self.answer(link, Message::Tail(to.clone()), out);
                if !from.covers(&to) {
                    out.push(Command::Copy { conn: link, from, to });
                }
            }
            Message::BlockAsked { lane, at, chain } => out.push(Command::SendBlock { conn: link, lane, at, chain }),
            Message::Confirm { received, durable } if !self.rules.keep(Rule::Sr2) => {
                self.confirmed(link, self.epoch, &received, &durable, out);
            }
            _ => {}
        }
    }
}

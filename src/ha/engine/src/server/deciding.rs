//! What a passive does next: by the start's table while it looks around, by the verdict while it has lost its active.

use super::changes::Purpose;
use super::contending::side_of;
use super::following::Stage;
use super::{Known, Peer, Server};
use crate::command::{Command, Commands, Notice};
use crate::detect::Network;
use crate::event::Timer;
use crate::ha_state::{Eligible, Role};
use crate::history::{Reason, Verdict, meet};
use crate::message::{Holding, Message};
use crate::register::Register;
use crate::register_client::{Alone, Loss, Provider, alone};
use crate::rules::Rule;
use crate::settings::StaleStart;
use crate::start::{
    Action, Agreed, Decision, Membership, Own, Peer as PeerFact, RegisterFacts, Registered, StartFacts, Tail,
    Unregistered, Wait, decide,
};
use crate::state::State;
use crate::table::Trigger;

impl Server {
    /// Looks at what has become possible; whether anything came of it.
    pub(super) fn decide(&mut self, out: &mut Commands) -> bool {
        self.local_change(out)
            || self.answer_caller(out)
            || match self.state {
                State::Probing => self.consider_start(out),
                State::Detached => self.consider_verdict(out) || self.consider_following(out),
                State::Joining | State::Spare => self.consider_following(out),
                _ => self.consider_suspended(out) || self.take_in(out) || self.consider_wishes(out),
            }
    }

    /// Whether this member may serve by what the register says (SR4, SR13).
    pub(super) fn membership(&self, register: &Register) -> Membership {
        let by_record = Membership::of(&self.ha, register, &self.store.appended);
        match by_record {
            _ if !self.rules.keep(Rule::Sr4) => Membership::Entitled,
            Membership::Unfit if !self.rules.keep(Rule::Sr13) && self.ha.eligible != Eligible::No => {
                Membership::Entitled
            }
            _ => by_record,
        }
    }

    fn tail(&self) -> Tail {
        match () {
            () if self.store.lost => Tail::Lost,
            () if self.store.evidence => Tail::Evidence,
            () => Tail::Whole,
        }
    }

    fn register_facts(&self) -> RegisterFacts {
        if let Provider::None { .. } = self.settings.provider {
            return RegisterFacts::Unconfigured(Unregistered {
                search: self.settings.check_for_active,
                searched: self.waited || self.peer == Peer::Refused,
                refuse_stale: self.settings.stale_start == StaleStart::Refuse,
                cold_start: self.settings.cold_start,
                agreed: self.agreed,
            });
        }
        let unresolved = self.ha.unresolved() && self.rules.keep(Rule::Sr7);
        match &self.known {
            Known::Unread | Known::Unreachable => RegisterFacts::Unreadable { unresolved },
            Known::Value(None) => RegisterFacts::Absent,
            Known::Value(Some(register)) => {
                let seen = self.ha.seen;
                RegisterFacts::Value(Registered {
                    mine: register.holder == self.ha.instance,
                    member: self.membership(register),
                    others: !register.is_solo(),
                    stale: register.epoch != seen && register.epoch.number <= seen.number,
                    rolled_back: crate::start::is_rolled_back(&self.ha, register, None, &self.store.appended),
                    unresolved,
                    lease_over: self.lease_rest.is_zero() || matches!(self.peer, Peer::Refused | Peer::Passive),
                    peer_waited: self.waited,
                    tail_waited: self.waited || self.peer == Peer::Refused,
                })
            }
        }
    }

    fn peer_fact(&self) -> PeerFact {
        let Some(following) = &self.following else { return PeerFact::Silent };
        match (following.stage, &following.holding) {
            (Stage::Contest, _) => PeerFact::Active { current: false },
            (Stage::Greeted, _) => PeerFact::Active { current: !self.is_stale(following.epoch) },
            (Stage::Passive | Stage::Pulling, Some(theirs)) => {
                // Whatever it lacks: what it has, the holder may need, and where neither has more, the holder waits for nothing.
                let member = self.peer_instance.is_some_and(|peer| self.lists(peer).is_some());
                PeerFact::Passive { member, willing: theirs.willing, verdict: self.meeting(theirs) }
            }
            _ => PeerFact::Silent,
        }
    }

    /// What comes of comparing the copies of two passives.
    fn meeting(&self, theirs: &Holding) -> Verdict {
        let own = self.copy();
        let mine = side_of(self.ha.instance, &own);
        let theirs = side_of(self.peer_instance.unwrap_or_default(), theirs);
        meet(&mine, &theirs)
    }

    fn facts(&self) -> StartFacts {
        let last = self.history.last().map_or(crate::ids::Epoch::NONE, |entry| entry.epoch);
        StartFacts {
            role: self.settings.role,
            register: self.register_facts(),
            own: Own::of(&self.ha, last),
            data: !self.history.is_empty() && !self.wish.init,
            tail: self.tail(),
            pulled: self.pulled,
            peer: self.peer_fact(),
            isolated: self.network == Network::Isolated,
        }
    }

    /// What the start's table says now.
    pub(super) fn decision(&self) -> Decision {
        decide(&self.facts())
    }

    /// Whether it is about to serve, once it has what it waits for.
    pub(super) fn is_willing(&self) -> bool {
        let decided = |action| {
            matches!(
                action,
                Action::Activate { .. }
                    | Action::CreateRegister
                    | Action::AskConsent
                    | Action::Pull
                    | Action::Wait(Wait::TailPeer)
            )
        };
        let known = !self.registered() || self.known != Known::Unread;
        self.state == State::Probing && known && decided(self.decision().action)
    }

    fn consider_start(&mut self, out: &mut Commands) -> bool {
        let unread = self.registered() && self.known == Known::Unread;
        if !self.script.is_over() || !self.is_unchanging() || unread {
            return false;
        }
        if self.wish.forced {
            self.wish.forced = false;
            self.ha.unagreed = !self.registered();
            return self.may_activate(Reason::Forced, out);
        }
        let decision = self.decision();
        if decision.notice != self.told {
            self.told = decision.notice;
            if let Some(notice) = decision.notice {
                out.push(Command::Tell(Notice::Start(notice)));
            }
        }
        match decision.action {
            Action::CreateRegister => self.may_activate(Reason::First, out),
            Action::Activate { reason, .. } => {
                // Written with the promise, before anybody sees the epoch.
                self.ha.unagreed = !self.facts().is_agreed();
                self.may_activate(reason, out)
            }
            Action::Pull => self.pull(out),
            Action::AskConsent => self.ask_consent(out),
            Action::Join { settle: true, .. } => self.settle(out),
            Action::Join { .. } => self.consider_following(out),
            Action::Challenge => self.challenge(out),
            Action::Quarantine => self.fire(Trigger::Contradiction, out),
            Action::Wait(_) | Action::Refuse => false,
        }
    }

    fn may_activate(&mut self, reason: Reason, out: &mut Commands) -> bool {
        self.reason = reason;
        self.fire(Trigger::MayActivate, out)
    }

    /// Learns what became of a change of an earlier life (SR16).
    fn settle(&mut self, out: &mut Commands) -> bool {
        let Some(known) = self.register().cloned() else { return false };
        self.ask(Purpose::Settle, known, out);
        true
    }

    /// Asks the passive peer to agree; once on each connection, for its answer may be lost with it, and for each epoch that it would be. That is
    /// above what either has seen, or the peer would not agree.
    fn ask_consent(&mut self, out: &mut Commands) -> bool {
        let mine = self.ha.next_number();
        let Some(following) = &mut self.following else { return false };
        let number = mine.max(following.epoch.number.saturating_add(1));
        if std::mem::replace(&mut following.asked, number) == number {
            return false;
        }
        self.next = self.epoch_of(number);
        self.say(Message::ConsentAsked(self.next), out);
        true
    }

    pub(super) fn consent_to_activate(&mut self, out: &mut Commands) {
        let empty = matches!(self.peer_fact(), PeerFact::Passive { verdict: Verdict::Sole, .. });
        self.agreed = if empty { Agreed::Empty } else { Agreed::Compared };
        self.consider_start(out);
    }

    /// Takes over what the passive peer has more of.
    fn pull(&mut self, out: &mut Commands) -> bool {
        let end = self.store.appended.clone();
        let Some(following) = &mut self.following else { return false };
        if following.stage != Stage::Passive {
            return false;
        }
        following.stage = Stage::Pulling;
        out.push(Command::Receive(following.link));
        self.say(Message::TailAsked(end), out);
        true
    }

    /// All that the peer had to give is here.
    pub(super) fn consider_pulled(&mut self, out: &mut Commands) -> bool {
        let Some(following) = &self.following else { return false };
        let there = following.barrier.as_ref().is_some_and(|end| self.store.appended.covers(end));
        if following.stage != Stage::Pulling || !there {
            return false;
        }
        self.pulled = true;
        if let Some(following) = &mut self.following {
            following.stage = Stage::Passive;
            following.barrier = None;
        }
        let _decided = self.consider_start(out);
        true
    }

    /// The active is lost: may this one take over?
    fn consider_verdict(&mut self, out: &mut Commands) -> bool {
        if !self.script.is_over() || !self.is_unchanging() {
            return false;
        }
        let Provider::None { policy } = self.settings.provider else { return self.verdict_of_register(out) };
        if self.ha.eligible != Eligible::Yes {
            return self.fire(Trigger::NotMember, out);
        }
        let loss = Loss {
            active: false,
            primary: self.settings.role == Role::Primary,
            refused: self.peer == Peer::Refused,
            silent: self.peer == Peer::Silent,
            network: self.network,
        };
        // Nobody has agreed: the active may go on as well.
        alone(policy, loss) == Alone::Serve && {
            self.ha.unagreed = true;
            self.may_activate(Reason::Takeover, out)
        }
    }

    fn verdict_of_register(&mut self, out: &mut Commands) -> bool {
        let register = match &self.known {
            Known::Unread | Known::Unreachable => return false,
            Known::Value(None) => return self.fire(Trigger::NotMember, out),
            Known::Value(Some(register)) => register.clone(),
        };
        if register.holder == self.ha.instance && register.epoch.number > self.epoch.number {
            return self.granted(&register, out);
        }
        if self.membership(&register) != Membership::Entitled {
            return self.fire(Trigger::NotMember, out);
        }
        // Its host refuses the connection, or it says itself that it does not serve: then the lease tells nothing.
        let idle = matches!(self.peer, Peer::Refused | Peer::Passive);
        let lease = !self.lease_rest.is_zero() && !idle;
        if self.network == Network::Isolated || lease {
            if lease && self.lease_rest < self.settings.times.verdict {
                self.arm_for(Timer::Verdict, self.lease_rest, out);
            }
            return false;
        }
        self.may_activate(Reason::Takeover, out)
    }
}

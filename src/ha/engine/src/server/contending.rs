//! Two members without a register meet while one of them serves, or both: they show each other what they hold, and each goes by the rule of
//! [`crate::claim`].
//!
//! ```text
//! who has dialled                      who serves
//! Hello            ->                   serves too, or has seen a newer epoch
//!                  <-  HelloAck
//! History          ->
//!                  <-  History
//! ```
//!
//! Each of the two decides by itself, by the same facts. What one has acked since it spoke can only make it stay where it would have given way:
//! then both stay, and the next look finds it out.

use super::Server;
use super::following::Stage;
use crate::claim::{Claim, Contender, Contest, contest};
use crate::command::{Command, Commands, Notice};
use crate::gate::Link;
use crate::history::{Entry, Reason, Side};
use crate::ids::{Epoch, InstanceId};
use crate::message::{Hello, Holding, Message, Reject};
use crate::state::State;
use crate::table::Trigger;

/// Who is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rival {
    pub(super) link: Link,
    instance: InstanceId,
    /// Whether it serves.
    active: bool,
    /// The newest epoch that it has seen; its own, if it serves.
    seen: Epoch,
}

/// A side of a meeting, by what it says of itself.
pub(super) fn side_of(instance: InstanceId, holding: &Holding) -> Side<'_> {
    Side {
        instance,
        primary: holding.primary,
        isolated: holding.isolated,
        history: &holding.history,
        promised: &holding.promised,
        complete: holding.complete,
        handed_over: holding.handed_over,
        quarantined: holding.quarantined,
    }
}

/// What a member brings forward that serves in `serving`, or does not serve.
fn claim_of(instance: InstanceId, holding: &Holding, serving: Option<Epoch>) -> Claim {
    let last = holding.history.last();
    Claim {
        registered: false,
        forced: last.is_some_and(|entry: &Entry| entry.reason == Reason::Forced),
        epoch: serving.or(last.map(|entry| entry.epoch)).unwrap_or(Epoch::NONE),
        committed: holding.promised.clone(),
        instance,
    }
}

impl Server {
    /// Whether whoever says `Hello` is compared with rather than taken in.
    pub(super) fn is_rival(&self, hello: &Hello, epoch: Epoch) -> bool {
        !self.registered() && self.state.is_active() && (hello.active || epoch.number > self.epoch.number)
    }

    /// It has dialled, and says next what it holds.
    pub(super) fn rival_came(&mut self, link: Link, hello: &Hello, epoch: Epoch, out: &mut Commands) {
        if self.state == State::Handover {
            self.reject(link, Reject::NotActive, out);
            return;
        }
        let rival = Rival { link, instance: hello.member.instance, active: hello.active, seen: epoch };
        if let Some(older) = self.rival.replace(rival) {
            out.push(Command::Close(older.link));
        }
        let hello = Message::HelloAck(self.hello());
        self.answer(link, hello, out);
    }

    /// Whether the two compare on that connection: neither is bound by the other's epoch there.
    pub(super) fn is_contest(&self, link: Link) -> bool {
        self.is_rival_link(link)
            || self.following.as_ref().is_some_and(|own| own.link == link && own.stage == Stage::Contest)
    }

    pub(super) fn is_rival_link(&self, link: Link) -> bool {
        self.rival.is_some_and(|rival| rival.link == link)
    }

    /// Shows what is held here to the active that was dialled; once on a connection.
    pub(super) fn challenge(&mut self, out: &mut Commands) -> bool {
        let Some(following) = self.following.as_mut().filter(|following| following.stage < Stage::Contest) else {
            return false;
        };
        following.stage = Stage::Contest;
        let holding = Message::History(self.holding(false));
        self.say(holding, out);
        true
    }

    /// An active has dialled, and is answered. Who does not serve comes by itself.
    pub(super) fn rival_greeted(&mut self, hello: &Hello, epoch: Epoch, out: &mut Commands) {
        if let Some(following) = &mut self.following {
            following.epoch = epoch;
        }
        if hello.active {
            self.challenge(out);
        } else {
            self.close_link(out);
        }
    }

    /// The one that has dialled says what it holds.
    pub(super) fn rival_holds(&mut self, theirs: &Holding, out: &mut Commands) {
        let Some(rival) = self.rival.take() else { return };
        if !self.state.is_active() {
            return;
        }
        let holding = Message::History(self.holding(false));
        self.answer(rival.link, holding, out);
        self.contend(&rival, theirs, out);
    }

    /// The one that was dialled says what it holds; it serves.
    pub(super) fn dialled_holds(&mut self, theirs: &Holding, out: &mut Commands) {
        let (Some(following), Some(instance)) = (&self.following, self.peer_instance) else { return };
        let rival = Rival { link: following.link, instance, active: true, seen: following.epoch };
        self.close_link(out);
        self.contend(&rival, theirs, out);
    }

    fn contend(&mut self, rival: &Rival, theirs: &Holding, out: &mut Commands) {
        let (own, serves) = (self.copy(), self.state.is_active());
        let claim = claim_of(self.ha.instance, &own, serves.then_some(self.epoch));
        let newest = if self.ha.asked.number > self.ha.seen.number { self.ha.asked } else { self.ha.seen };
        let seen = if serves { self.epoch } else { newest };
        let mine = Contender { side: side_of(self.ha.instance, &own), claim: &claim, active: serves, seen };
        let their_claim = claim_of(rival.instance, theirs, rival.active.then_some(rival.seen));
        let side = side_of(rival.instance, theirs);
        let other = Contender { side, claim: &their_claim, active: rival.active, seen: rival.seen };
        let above = (rival.seen != self.epoch && rival.seen.number >= self.epoch.number).then_some(rival.seen.number);
        match contest(&mine, &other) {
            Contest::Stay { above } => self.go_above(above, out),
            Contest::Yield if serves => {
                self.ha.see(rival.seen);
                self.fire(Trigger::NewerEpoch, out);
            }
            Contest::Yield => {}
            Contest::Wins => {
                out.push(Command::Tell(Notice::SplitBrain));
                self.go_above(above, out);
            }
            Contest::Quarantined => {
                out.push(Command::Tell(Notice::SplitBrain));
                self.outclaimed(out);
            }
            Contest::Corrupt => {
                out.push(Command::Tell(Notice::ChainsDiffer));
                // Nobody follows the other; if both serve, one must not.
                if !serves || rival.active && claim < their_claim {
                    self.outclaimed(out);
                }
            }
        }
    }

    fn outclaimed(&mut self, out: &mut Commands) {
        let trigger = if self.state.is_active() { Trigger::Outclaimed } else { Trigger::Contradiction };
        self.fire(trigger, out);
    }

    /// Nobody follows an epoch below what he has seen (SR7): the next one of this server is above that.
    fn go_above(&mut self, number: Option<u64>, out: &mut Commands) {
        let free = self.is_unchanging() && self.script.is_over() && self.replica.is_none();
        if let (Some(number), true) = (number, free && self.state == State::ActiveSolo) {
            self.above = number;
            self.fire(Trigger::RivalAbove, out);
        }
    }
}

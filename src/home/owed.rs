//! Records that transactions owe their lanes: a decision, the ENDs of what is decided, and what a start found that never counts.
//!
//! Takes what is owed at any time; gives each record when the lanes have room, in order, before the home takes another request.
//! What must stay true: an END that is owed is written, however full the lanes are now. Without it a decision's segment could
//! be given back while a part still needs the decision to count.

use std::collections::VecDeque;

use journal::{LaneId, Lsn, Vector};

use super::load::Never;
use super::{Effect, Home, Outcome, Who};
use crate::mail::{Answer, Deliver, Failure, FailureKind, Letter};
use crate::message::SessionNumber;
use crate::store::record::{Operation, TransactionId};
use crate::store::{encode, record};

/// What is owed, oldest first. There is at most one entry for each open transaction.
pub(super) type Owed = VecDeque<Debt>;

/// One transaction's debt.
#[derive(Debug)]
pub(super) enum Debt {
    /// All parts are prepared: the decision, whose writing is answered.
    Decision { who: Who, vector: Vector },
    /// The part of each of these lanes took effect.
    Ends { transaction: TransactionId, lanes: Vec<LaneId>, written: Vector, then: Then },
    /// None of this counts.
    Never(VecDeque<(LaneId, Never)>),
}

/// What follows the last END.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// The session's core hears of it.
    Answer(Who),
    /// The decision, which lies here, perhaps on another core, need not be kept for these lanes once the ENDs are promised.
    Forget(LaneId, Lsn),
}

impl<B: journal::BlockBuffer> Home<B> {
    /// Owes a record, and writes it at once if there is room.
    pub(super) fn owe(&mut self, debt: Debt, deliver: &mut impl Deliver) -> Outcome {
        self.owed.push_back(debt);
        self.pay(deliver);
        Outcome::Later
    }

    /// Writes what is owed, as far as the lanes take records.
    pub(super) fn pay(&mut self, deliver: &mut impl Deliver) {
        while self.ongoing.is_empty()
            && let Some(debt) = self.owed.pop_front()
        {
            let left = match debt {
                Debt::Decision { who, vector } => self.pay_decision(who, vector, deliver),
                Debt::Ends { transaction, lanes, written, then } => {
                    self.pay_ends(transaction, lanes, written, then, deliver)
                }
                Debt::Never(left) => self.pay_never(left),
            };
            if let Some(debt) = left {
                return self.owed.push_front(debt);
            }
        }
    }

    /// A core's ENDs for the decision that lies here are written up to this vector.
    pub fn forget_decision(&mut self, lane: LaneId, decision: Lsn, ends: &Vector) {
        let segment = self.segment_of(lane, decision);
        self.release_segment(lane, segment, 0, ends);
    }

    fn pay_decision(&mut self, who: Who, vector: Vector, deliver: &mut impl Deliver) -> Option<Debt> {
        let Some(transaction) = self.prepared.get(&who.from).map(|prepared| prepared.transaction) else {
            let failure = Failure::new(FailureKind::IllegalState, "no prepared transaction");
            self.answer_later(who, Answer::failed(failure), deliver);
            return None;
        };
        let answer = match self.write_decision(transaction, &vector) {
            Ok(None) => return Some(Debt::Decision { who, vector }),
            Ok(Some((lane, appended))) => {
                let segment = self.segment_of(lane, appended.location.block());
                self.decisions.insert(who.from, (lane, segment));
                self.open_transactions += 1;
                Answer::done(Vector::of(lane, appended.end))
            }
            Err(error) => Answer::failed(super::publish::refusal(&error)),
        };
        self.answer_later(who, answer, deliver);
        None
    }

    /// Owes each lane the word that this does not count.
    pub(super) fn owe_never(&mut self, left: VecDeque<(LaneId, Never)>) {
        if !left.is_empty() {
            self.owed.push_back(Debt::Never(left));
        }
    }

    fn pay_never(&mut self, mut left: VecDeque<(LaneId, Never)>) -> Option<Debt> {
        // No client's command.
        let operation = Operation { session: SessionNumber(0), command: 0 };
        while let Some((lane, never)) = left.front() {
            let kind = match never {
                Never::Message(queue, id) => {
                    encode::ack(&mut self.scratch, operation, *queue, std::iter::once(*id));
                    record::ACK
                }
                Never::Transaction(transaction) => {
                    encode::transaction(&mut self.scratch, *transaction);
                    record::NEVER
                }
            };
            if !self.lanes.ready() || self.append_small(*lane, kind).is_none() {
                return Some(Debt::Never(left));
            }
            left.pop_front();
        }
        None
    }

    fn pay_ends(
        &mut self,
        transaction: TransactionId,
        mut lanes: Vec<LaneId>,
        mut written: Vector,
        then: Then,
        deliver: &mut impl Deliver,
    ) -> Option<Debt> {
        while let Some(lane) = lanes.last().copied() {
            encode::transaction(&mut self.scratch, transaction);
            let appended = if self.lanes.ready() { self.append_small(lane, record::END) } else { None };
            let Some(appended) = appended else { return Some(Debt::Ends { transaction, lanes, written, then }) };
            written.raise(lane, appended.end);
            lanes.pop();
        }
        if let Then::Forget(lane, lsn) = then {
            let core = self.core_of(lane);
            if core == self.settings.core {
                self.forget_decision(lane, lsn, &written);
            } else {
                self.letters.push_back((core, Letter::Ended { lane, lsn, vector: written.clone() }));
            }
        }
        self.after(&written, Effect::Closed);
        if let Then::Answer(who) = then {
            self.answer_later(who, Answer::done(written), deliver);
        }
        None
    }
}

//! Transactions end: in one lane by a run of records, over several lanes by a decision that names all their positions.

use journal::{LaneId, Record, Run, Vector};
use smallvec::SmallVec;

use super::ongoing::{Ending, Item, Ongoing, Part, Prepared, Send};
use super::owed::{Debt, Then};
use super::publish::by_lifetime;
use super::{Decided, Effect, Home, Outcome, Who};
use crate::limits;
use crate::mail::{Answer, Deliver, FailureKind, Publish};
use crate::message::{AddressKey, QueueKey};
use crate::queue::Entry;
use crate::routing::Targets;
use crate::store::record::TransactionId;
use crate::store::{encode, record};
use crate::transaction::Staged;

impl<B: journal::BlockBuffer> Home<B> {
    pub(super) fn commit(&mut self, who: Who, deliver: &mut impl Deliver) -> Outcome {
        self.write_transaction(who, None, deliver)
    }

    pub(super) fn prepare(&mut self, who: Who, transaction: TransactionId, deliver: &mut impl Deliver) -> Outcome {
        self.write_transaction(who, Some(transaction), deliver)
    }

    /// Other cores take part in a `shared` transaction.
    fn write_transaction(&mut self, who: Who, shared: Option<TransactionId>, deliver: &mut impl Deliver) -> Outcome {
        if let Some(failure) = self.sessions.get(&who.from).and_then(|session| session.staged.failure.clone()) {
            // The commit is answered by the first error; the transaction is gone and the next one works.
            self.undo(who, deliver);
            return Outcome::Done(Answer::failed(failure));
        }
        let volatile = self.sessions.get(&who.from).map_or(0, |session| session.staged.volatile_bytes);
        if volatile > 0 && !self.bodies.has_room(volatile, self.bounds.volatile_bytes) {
            self.undo(who, deliver);
            return Outcome::failed(FailureKind::Full, "the memory for non-durable messages is full");
        }
        let mut ongoing = self.collect(who);
        if shared.is_some() || ongoing.parts.len() > 1 {
            self.open_transactions += 1;
            let transaction = shared.unwrap_or_else(|| self.new_transaction());
            for part in &mut ongoing.parts {
                part.items.push(Item::Prepare(transaction));
            }
            ongoing.ending = if shared.is_some() { Ending::Prepared(transaction) } else { Ending::Decide(transaction) };
        }
        self.ongoing.push_back(ongoing);
        self.go_on(deliver);
        Outcome::Later
    }

    /// The id of a transaction that this core begins to write.
    pub fn new_transaction(&mut self) -> TransactionId {
        self.next_transaction += 1;
        TransactionId { epoch: self.settings.epoch, core: self.settings.core.0, number: self.next_transaction }
    }

    /// Takes what the session did in its transaction and sorts it by lanes.
    fn collect(&mut self, who: Who) -> Ongoing {
        let mut consumed: Vec<(QueueKey, Entry)> = Vec::new();
        for key in self.consumers_of(who) {
            if let Some(consumer) = self.consumers.get_mut(key) {
                let queue = consumer.queue;
                consumer.take_marked(|entry| consumed.push((queue, entry)));
            }
        }
        let (mut staged, mut orphans) = (Staged::default(), Vec::new());
        if let Some(session) = self.sessions.get_mut(&who.from) {
            staged = std::mem::take(&mut session.staged);
            orphans = std::mem::take(&mut session.orphans);
        }
        // Their consumers are gone: nobody else will look.
        orphans.iter().for_each(|(queue, _)| self.look_after(*queue));
        consumed.append(&mut orphans);
        // It counts until it is written or comes to nothing.
        let cost = staged.cost();
        let mut ongoing = Ongoing::new(who, Vec::new(), staged.bytes);
        ongoing.staged_bytes = cost;
        for send in staged.sends {
            if !send.durable {
                ongoing.volatile.push((send.targets, send.range, send.priority));
                continue;
            }
            let (stored, unstored) = by_lifetime(send.targets);
            if !unstored.is_empty() {
                ongoing.volatile.push((unstored, send.range.clone(), send.priority));
            }
            if stored.is_empty() {
                continue;
            }
            let depends = self.address_depends(send.address);
            let Some(lane) = self.address_lane(send.address) else { continue };
            let send = Send::new(stored, send.range, send.priority, depends);
            part_of(&mut ongoing.parts, lane).items.push(Item::Send(send));
        }
        for (queue, entry) in consumed {
            self.collect_consumed(&mut ongoing, queue, entry);
        }
        ongoing
    }

    fn collect_consumed(&mut self, ongoing: &mut Ongoing, key: QueueKey, entry: Entry) {
        let Some(queue) = self.names.queue_mut(key) else { return };
        queue.consumed(std::slice::from_ref(&entry));
        let id = queue.id;
        if !entry.is_durable() {
            ongoing.volatile_consumed.push(entry.id);
            return;
        }
        let Some(lane) = self.names.lane_of(key) else { return };
        let part = part_of(&mut ongoing.parts, lane);
        let at = part.consumed.len();
        part.consumed.push(entry);
        // One record for messages of the same queue that come one after the other.
        match part.items.last_mut() {
            Some(Item::Acks { queue, range })
                if *queue == id && range.end == at && range.len() < limits::ACK_IDS_PER_RECORD =>
            {
                range.end = at + 1;
            }
            _ => part.items.push(Item::Acks { queue: id, range: at..at + 1 }),
        }
    }

    fn address_lane(&self, address: AddressKey) -> Option<LaneId> {
        LaneId::new(journal::LaneKind::Journal, self.names.address(address)?.lane_index)
    }

    /// All lanes of the transaction are here and prepared: the decision is written in the first of them.
    pub(super) fn decide_here(
        &mut self,
        ongoing: Ongoing,
        transaction: TransactionId,
        vector: &Vector,
        deliver: &mut impl Deliver,
    ) {
        let who = ongoing.who;
        let lanes: Vec<LaneId> = ongoing.parts.iter().map(|part| part.lane).collect();
        match self.write_decision(transaction, vector) {
            Ok(Some((lane, appended))) => {
                self.take_effect_of(ongoing, Some((lane, appended.end)), deliver);
                let decision = (lane, appended.location.block());
                self.lanes.at(lane, appended.end, Effect::Decided(Box::new(Decided { transaction, lanes, decision })));
                self.answer_later(who, Answer::done(Vector::of(lane, appended.end)), deliver);
            }
            // No room now: it stays as it is, all prepared, and is tried again.
            Ok(None) => self.ongoing.push_front(ongoing),
            Err(error) => {
                self.let_go(&ongoing);
                let failure = super::publish::refusal(&error);
                self.answer_later(who, Answer::failed(failure), deliver);
            }
        }
    }

    /// Writes a decision into the first lane of the vector that is here. It holds its segment until all parts are ended.
    pub(super) fn write_decision(
        &mut self,
        transaction: TransactionId,
        vector: &Vector,
    ) -> Result<Option<(LaneId, journal::Appended)>, journal::AppendError> {
        let Some(lane) = vector.iter().map(|(lane, _)| lane).find(|lane| self.lanes.get(*lane).is_some()) else {
            return Err(journal::AppendError::Blocked);
        };
        if !self.lanes.ready() {
            return if self.lanes.latch().is_some() { Err(journal::AppendError::Latched) } else { Ok(None) };
        }
        encode::decision(&mut self.scratch, transaction, vector.iter());
        let record = Record { kind: record::DECISION, run: Run::None, parts: &[&self.scratch] };
        let appended = self.lanes.append(lane, record, vector)?;
        let segment = self.segment_of(lane, appended.location.block());
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.lives.add(segment, 0);
        }
        Ok(Some((lane, appended)))
    }

    /// The session has all parts of its transaction prepared: the decision is written here.
    pub(super) fn decide(&mut self, who: Who, vector: Vector, deliver: &mut impl Deliver) -> Outcome {
        self.owe(Debt::Decision { who, vector }, deliver)
    }

    /// The decision is promised: this core's part takes effect, and says so in its lanes.
    pub(super) fn finish(&mut self, who: Who, deliver: &mut impl Deliver) -> Outcome {
        let Some(Prepared { ongoing, transaction }) = self.prepared.remove(&who.from) else {
            return Outcome::done(Vector::new());
        };
        let lanes: Vec<LaneId> = ongoing.parts.iter().map(|part| part.lane).collect();
        self.take_effect_of(ongoing, None, deliver);
        self.owe(Debt::Ends { transaction, lanes, written: Vector::new(), then: Then::Answer(who) }, deliver)
    }

    /// The transaction is not decided: its records here never count, and what it consumed is there again.
    pub(super) fn abandon(&mut self, who: Who, deliver: &mut impl Deliver) -> Outcome {
        let Some(Prepared { ongoing, .. }) = self.prepared.remove(&who.from) else {
            return Outcome::done(Vector::new());
        };
        self.let_go(&ongoing);
        // Nothing is promised to anybody, so a checkpoint need not wait for it any longer.
        self.open_transactions = self.open_transactions.saturating_sub(1);
        for part in ongoing.parts {
            let queues: Vec<_> = part.acknowledged_queues().collect();
            for (entry, queue) in part.consumed.into_iter().zip(queues) {
                let Some(key) = self.names.queue_of_id(queue) else { continue };
                if let Some(queue) = self.names.queue_mut(key) {
                    queue.unconsumed(&entry);
                }
                self.put_back(key, entry);
                self.dispatch(key, deliver);
            }
        }
        Outcome::done(Vector::new())
    }

    /// Every part is done up to this vector: the decision's segment need not be kept for it any longer.
    pub(super) fn settled(&mut self, who: Who, vector: &Vector) -> Outcome {
        if let Some((lane, segment)) = self.decisions.remove(&who.from) {
            self.release_segment(lane, segment, 0, vector);
            self.after(vector, Effect::Closed);
        }
        Outcome::done(Vector::new())
    }

    /// A decision is promised with all it names: each lane gets an END, and then the decision may be forgotten.
    pub(super) fn owe_ends(&mut self, decided: Decided) {
        let Decided { transaction, lanes, decision: (lane, lsn) } = decided;
        self.owed.push_back(Debt::Ends { transaction, lanes, written: Vector::new(), then: Then::Forget(lane, lsn) });
    }

    /// The session's transaction comes to nothing; what was acknowledged in it goes back. Consumers keep what they hold
    /// unacknowledged: their clients still have it.
    fn undo(&mut self, who: Who, deliver: &mut impl Deliver) {
        self.drop_staged(who.from);
        let Some(session) = self.sessions.get_mut(&who.from) else { return };
        let mut back = std::mem::take(&mut session.orphans);
        for key in self.consumers_of(who) {
            let Some(consumer) = self.consumers.get_mut(key) else { continue };
            let queue = consumer.queue;
            consumer.take_marked(|entry| back.push((queue, entry)));
        }
        let mut queues: SmallVec<[QueueKey; 8]> = SmallVec::new();
        for (queue, entry) in back {
            self.give_back(queue, entry, false);
            if !queues.contains(&queue) {
                queues.push(queue);
            }
        }
        for queue in queues {
            self.dispatch(queue, deliver);
        }
    }

    /// The session's transaction comes to nothing; everything its consumers hold goes back.
    pub(super) fn rollback(
        &mut self,
        who: Who,
        consider_last_as_delivered: bool,
        deliver: &mut impl Deliver,
    ) -> Outcome {
        let mut orphans = Vec::new();
        self.drop_staged(who.from);
        if let Some(session) = self.sessions.get_mut(&who.from) {
            orphans = std::mem::take(&mut session.orphans);
        }
        let mut queues = Vec::new();
        for (queue, entry) in orphans {
            self.give_back(queue, entry, false);
            queues.push(queue);
        }
        for key in self.consumers_of(who) {
            let Some(consumer) = self.consumers.get_mut(key) else { continue };
            let (queue, held) = (consumer.queue, consumer.take_all());
            let mut first_open = true;
            for held in held {
                // What was acknowledged was consumed once; of the rest the first may count as delivered.
                let consumed = held.acknowledged || (consider_last_as_delivered && first_open);
                first_open &= held.acknowledged;
                self.give_back(queue, held.entry, !consumed);
            }
            queues.push(queue);
        }
        for queue in queues {
            self.dispatch(queue, deliver);
        }
        Outcome::done(Vector::new())
    }

    /// A message whose body goes to the lane for large bodies.
    pub(super) fn publish_large(
        &mut self,
        who: Who,
        address: AddressKey,
        targets: Targets,
        publish: &Publish<'_>,
        deliver: &mut impl Deliver,
    ) -> Outcome {
        let depends = self.address_depends(address);
        let Some(lane) = self.address_lane(address) else { return Outcome::done(Vector::new()) };
        let bytes = publish.message.to_vec();
        let mut part = Part::new(lane);
        part.items.push(Item::Send(Send::new(targets, 0..bytes.len(), publish.priority, depends)));
        self.ongoing.push_back(Ongoing::new(who, vec![part], bytes));
        self.go_on(deliver);
        Outcome::Later
    }
}

fn part_of(parts: &mut Vec<Part>, lane: LaneId) -> &mut Part {
    let at = match parts.iter().position(|part| part.lane == lane) {
        Some(at) => at,
        None => {
            parts.push(Part::new(lane));
            parts.len() - 1
        }
    };
    // Just found or just pushed.
    #[allow(clippy::indexing_slicing, reason = "the index was found in this very list")]
    &mut parts[at]
}

//! Consumed messages leave their queue, and the journal hears of it.

use journal::{LaneId, Record, Vector};
use smallvec::SmallVec;

use super::ongoing::{Ongoing, Part};
use super::{Effect, Home, Outcome, Who};
use crate::limits;
use crate::mail::{Acknowledge, Answer, Deliver, Failure, FailureKind};
use crate::message::{ConsumerId, ConsumerKey, MessageId, QueueKey};
use crate::queue::Entry;
use crate::store::{encode, record};

/// Entries of one acknowledgement: nearly always one.
type Entries = SmallVec<[Entry; 4]>;

impl<B: journal::BlockBuffer> Home<B> {
    pub(super) fn acknowledge(&mut self, who: Who, acknowledge: Acknowledge, deliver: &mut impl Deliver) -> Outcome {
        let Some(key) = self.consumer_key(who, acknowledge.consumer) else {
            return self.refuse_acknowledge(who, acknowledge, unknown_consumer(acknowledge.consumer));
        };
        let Some(consumer) = self.consumers.get_mut(key) else { return Outcome::done(Vector::new()) };
        if acknowledge.in_transaction {
            let marked = consumer.mark(acknowledge.message, acknowledge.individual);
            if marked == 0 {
                return self.refuse_acknowledge(who, acknowledge, unknown_message(acknowledge.message));
            }
            self.sessions.entry(who.from).or_default().staged.marked += marked;
            return Outcome::done(Vector::new());
        }
        let queue = consumer.queue;
        let entries = if acknowledge.individual {
            consumer.take(acknowledge.message).into_iter().collect()
        } else {
            take_up_to(consumer, acknowledge.message)
        };
        if entries.is_empty() {
            return self.refuse_acknowledge(who, acknowledge, unknown_message(acknowledge.message));
        }
        self.consume(who, queue, &entries, deliver)
    }

    /// The client found the message too old. It has no expiry address yet, so it is consumed.
    pub(super) fn expired(
        &mut self,
        who: Who,
        consumer: ConsumerId,
        message: MessageId,
        deliver: &mut impl Deliver,
    ) -> Outcome {
        let acknowledge = Acknowledge { consumer, message, individual: true, in_transaction: false };
        self.acknowledge(who, acknowledge, deliver)
    }

    /// Entries of one queue, already out of their consumer's hands, are consumed for good.
    pub(super) fn consume(
        &mut self,
        who: Who,
        queue: QueueKey,
        entries: &[Entry],
        deliver: &mut impl Deliver,
    ) -> Outcome {
        let Some((lane, id)) = self.names.lane_of(queue).zip(self.names.queue(queue).map(|queue| queue.id)) else {
            return Outcome::done(Vector::new());
        };
        if let Some(queue) = self.names.queue_mut(queue) {
            queue.consumed(entries);
        }
        let durable = entries.iter().filter(|entry| entry.is_durable()).count();
        if durable == 0 {
            for entry in entries {
                self.bodies.release_volatile(entry.id);
            }
            return Outcome::done(Vector::new());
        }
        if durable > limits::ACK_IDS_PER_RECORD {
            let mut part = Part::new(lane);
            part.push_acks(id, entries);
            self.ongoing.push_back(Ongoing::new(who, vec![part], Vec::new()));
            self.go_on(deliver);
            return Outcome::Later;
        }
        let ids = entries.iter().filter(|entry| entry.is_durable()).map(|entry| entry.id);
        encode::ack(&mut self.scratch, who.operation, id, ids);
        let parts: [&[u8]; 1] = [&self.scratch];
        let appended = match self.lanes.append(lane, Record::alone(record::ACK, &parts), &Vector::new()) {
            Ok(appended) => appended,
            Err(error) => return Outcome::Done(Answer::failed(super::publish::refusal(&error))),
        };
        for entry in entries {
            self.release_at(lane, entry, appended.end);
        }
        Outcome::done(Vector::of(lane, appended.end))
    }

    /// As [`Home::release`], for a position of a lane of this core that was just appended.
    pub(super) fn release_at(&mut self, lane: LaneId, entry: &Entry, end: journal::Lsn) {
        if entry.is_durable() && !entry.is_large() {
            let segment = self.segment_of(lane, entry.location.block());
            let bytes = entry.size();
            self.lanes.at(lane, end, Effect::Released { lane, segment, bytes });
        } else {
            self.release(lane, entry, &Vector::of(lane, end));
        }
    }

    // Asked for every acknowledgement in one place, and rarely in others, which would make a call of it.
    #[inline(always)]
    pub(super) fn consumer_key(&self, who: Who, consumer: ConsumerId) -> Option<ConsumerKey> {
        self.consumer_keys.get(&(who.from, consumer)).copied()
    }

    fn refuse_acknowledge(&mut self, who: Who, acknowledge: Acknowledge, failure: Failure) -> Outcome {
        if acknowledge.in_transaction {
            self.fail_staged(who.from, failure.clone());
        }
        Outcome::Done(Answer::failed(failure))
    }
}

/// Takes every open message up to this one; nothing if the consumer does not hold it.
fn take_up_to(consumer: &mut crate::delivery::Consumer, message: MessageId) -> Entries {
    let mut entries = Entries::new();
    if !consumer.holds(message) {
        return entries;
    }
    while let Some(entry) = consumer.take_oldest_open() {
        let last = entry.id == message;
        entries.push(entry);
        if last {
            break;
        }
    }
    entries
}

fn unknown_consumer(consumer: ConsumerId) -> Failure {
    let text = format!("AMQ229028: There is no consumer with id {}", consumer.0);
    Failure::new(FailureKind::IllegalState, text)
}

fn unknown_message(message: MessageId) -> Failure {
    let text = format!("AMQ229027: Could not find reference on consumer for message {}", message.to_wire());
    Failure::new(FailureKind::IllegalState, text)
}

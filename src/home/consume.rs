//! Consumers: opened, given credit, served, closed.

use journal::Vector;
use protocol::filter::Filter;

use super::{Home, Outcome, Who};
use crate::delivery::{Consumer, Walk};
use crate::limits;
use crate::mail::{Answer, DELIVERY_FRAME_BYTES, Deliver, Failure, FailureKind, Reply};
use crate::message::{ConsumerId, ConsumerKey, QueueKey};
use crate::queue::Entry;

/// A consumer that a session asks for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) consumer: ConsumerId,
    pub(super) browses: bool,
    pub(super) filter: Option<&'a str>,
    pub(super) priority: i32,
    pub(super) started: bool,
    pub(super) pre_acknowledge: bool,
}

impl<B: journal::BlockBuffer> Home<B> {
    pub(super) fn create_consumer(&mut self, who: Who, address: &str, queue: &str, wanted: &Wanted<'_>) -> Outcome {
        let found = self.names.find_queue(queue).filter(|key| {
            let of = self.names.queue(*key).and_then(|queue| self.names.address(queue.address));
            // A plain name finds a queue whatever its address, unless permissions were looked up for an address of that name.
            (address == queue && self.allowed.is_none()) || of.is_some_and(|of| *of.name == *address)
        });
        let Some(key) = found else {
            return Outcome::failed(FailureKind::NoSuchQueue, format!("AMQ229017: Queue {queue} does not exist"));
        };
        if self.consumer_key(who, wanted.consumer).is_some() {
            let text = format!("the session has a consumer {} already", wanted.consumer.0);
            return Outcome::failed(FailureKind::IllegalState, text);
        }
        let filter = match wanted.filter.map(|filter| self.read_filter(filter)).transpose() {
            Ok(filter) => filter,
            Err(failure) => return Outcome::Done(Answer::failed(failure)),
        };
        let session = self.sessions.entry(who.from).or_default();
        if session.lost {
            return Outcome::failed(FailureKind::IllegalState, "the connection is lost");
        }
        if session.consumers.len() >= limits::CONSUMERS_PER_SESSION_MAX {
            return Outcome::failed(FailureKind::Full, "the session has as many consumers as it may");
        }
        let Some(queue) = self.names.queue_mut(key) else {
            return Outcome::failed(FailureKind::NoSuchQueue, "the queue is gone");
        };
        if !wanted.browses && !queue.may_have_another_consumer() {
            let text =
                format!("AMQ229200: Maximum Consumer Limit Reached on Queue:(address={address},queue={})", queue.name);
            return Outcome::failed(FailureKind::TooManyConsumers, text);
        }
        self.filter_bytes += filter.as_ref().map_or(0, Filter::memory_bytes);
        let mut consumer = Consumer::new(who.from, wanted.consumer, key);
        consumer.started = wanted.started || wanted.browses;
        consumer.held_back = session.held_back;
        consumer.walk = match (wanted.browses, filter) {
            (true, filter) => Some(Box::new(Walk::browse(queue.waiting.next_place(), filter))),
            (false, filter) => filter.map(|filter| Box::new(Walk::select(filter))),
        };
        consumer.priority = wanted.priority;
        consumer.pre_acknowledge = wanted.pre_acknowledge;
        queue.walks += usize::from(consumer.walk.is_some());
        let consumer = self.consumers.insert(consumer);
        self.consumer_keys.insert((who.from, wanted.consumer), consumer);
        session.consumers.push(consumer);
        let among = if wanted.browses { &mut queue.browsers } else { &mut queue.consumers };
        among.add(consumer, wanted.priority);
        let queue = self.names.queue(key).and_then(|queue| Some((queue, self.names.address(queue.address)?)));
        let Some((queue, address)) = queue else { return Outcome::done(Vector::new()) };
        let state = queue.state(address);
        Outcome::Done(Answer { reply: Ok(Reply::Queue(Box::new(state))), vector: queue.depends.clone() })
    }

    /// Reads the filter of a consumer or queue that is to be made. What is none is refused as the reference does.
    pub(super) fn read_filter(&self, text: &str) -> Result<Filter, Failure> {
        let Ok(filter) = Filter::parse(text) else {
            return Err(Failure::new(FailureKind::InvalidFilter, format!("AMQ229020: Invalid filter: {text}")));
        };
        let all = self.filter_bytes.saturating_add(self.names.filter_bytes).saturating_add(filter.memory_bytes());
        if all > limits::FILTER_MEMORY_PER_HOME_MAX {
            return Err(Failure::new(FailureKind::Full, "the memory for filters is full"));
        }
        Ok(filter)
    }

    pub(super) fn close_consumer(&mut self, who: Who, consumer: ConsumerId, deliver: &mut impl Deliver) -> Outcome {
        if let Some(queue) = self.consumer_key(who, consumer).and_then(|key| self.take_away(key, false)) {
            self.dispatch(queue, deliver);
        }
        Outcome::done(Vector::new())
    }

    /// Takes a consumer away and gives back what it holds. `failed`: what it holds counts as delivered. Names the queue, which may
    /// have something to hand out now.
    ///
    /// What is acknowledged in an open transaction stays with the transaction: its marks move to the session.
    pub(super) fn take_away(&mut self, key: ConsumerKey, failed: bool) -> Option<QueueKey> {
        let mut consumer = self.consumers.remove(key)?;
        let (session, from) = (consumer.session, consumer.queue);
        self.consumer_keys.remove(&(session, consumer.id));
        if let Some(queue) = self.names.queue_mut(from) {
            queue.consumers.remove(key);
            queue.browsers.remove(key);
            queue.walks -= usize::from(consumer.walk.is_some());
        }
        let filter = consumer.walk.as_ref().and_then(|walk| walk.filter.as_ref());
        self.filter_bytes = self.filter_bytes.saturating_sub(filter.map_or(0, Filter::memory_bytes));
        let mut in_transaction = false;
        if let Some(session) = self.sessions.get_mut(&session) {
            session.consumers.retain(|other| *other != key);
            in_transaction = !session.staged.is_empty();
        }
        for held in consumer.take_all() {
            if held.acknowledged && in_transaction {
                self.sessions.entry(session).or_default().orphans.push((from, held.entry));
            } else {
                // What was acknowledged was consumed once, though it came to nothing.
                self.give_back(from, held.entry, !failed && !held.acknowledged);
            }
        }
        self.look_after(from);
        Some(from)
    }

    /// A message goes back to its place in its queue. `unconsumed`: the delivery did not count.
    pub(super) fn give_back(&mut self, queue: QueueKey, mut entry: Entry, unconsumed: bool) {
        if unconsumed {
            entry.forget_delivery();
        }
        if let Some(queue) = self.names.queue_mut(queue) {
            queue.delivering = queue.delivering.saturating_sub(1);
        }
        self.put_back(queue, entry);
    }

    /// A message is at its place again, and those who have passed it look at it once more.
    pub(super) fn put_back(&mut self, queue: QueueKey, entry: Entry) {
        let Self { names, consumers, .. } = self;
        let Some(queue) = names.queue_mut(queue) else { return };
        if queue.walks > 0 {
            for consumer in queue.consumers.iter() {
                if let Some(walk) = consumers.get_mut(consumer).and_then(|consumer| consumer.walk.as_mut()) {
                    walk.go_back_to(entry.priority(), entry.place());
                }
            }
        }
        queue.waiting.put_back(entry);
    }

    pub(super) fn credit(&mut self, who: Who, consumer: ConsumerId, bytes: i32, deliver: &mut impl Deliver) -> Outcome {
        // Credit for a consumer that is closed already does occur, and means nothing.
        if let Some(consumer) = self.consumer_key(who, consumer).and_then(|key| self.consumers.get_mut(key)) {
            consumer.credit.grant(bytes);
            let queue = consumer.queue;
            self.dispatch(queue, deliver);
        }
        Outcome::done(Vector::new())
    }

    pub(super) fn force_delivery(
        &mut self,
        who: Who,
        consumer: ConsumerId,
        sequence: i64,
        deliver: &mut impl Deliver,
    ) -> Outcome {
        let Some(key) = self.consumer_key(who, consumer) else { return Outcome::done(Vector::new()) };
        if let Some(consumer) = self.consumers.get_mut(key) {
            consumer.forced.push_back(sequence);
            let queue = consumer.queue;
            self.dispatch(queue, deliver);
        }
        Outcome::done(Vector::new())
    }

    /// Hands out what can be handed out, then answers those who asked whether there is more.
    pub(super) fn dispatch(&mut self, key: QueueKey, deliver: &mut impl Deliver) {
        while self.dispatch_one(key, None, deliver) {}
        let Some(queue) = self.names.queue_mut(key) else { return };
        if queue.walks > 0 {
            return self.dispatch_walks(key, deliver);
        }
        for consumer in queue.consumers.iter() {
            let Some(consumer) = self.consumers.get_mut(consumer) else { continue };
            // One whose client takes nothing for now gets what there is, and the answer behind it, when that is over.
            if consumer.forced.is_empty()
                || consumer.held_back
                || ((queue.reading || queue.postponed) && consumer.is_ready())
            {
                continue;
            }
            for sequence in consumer.forced.drain(..) {
                deliver.nothing_more(consumer.session, consumer.id, sequence, &queue.name);
            }
        }
    }

    /// Hands out one message: to this consumer, or to whoever's turn it is where all take what is next. False: nothing can be handed
    /// out now.
    #[inline(always)]
    pub(super) fn dispatch_one(
        &mut self,
        key: QueueKey,
        chosen: Option<ConsumerKey>,
        deliver: &mut impl Deliver,
    ) -> bool {
        let Some(queue) = self.names.queue_mut(key) else { return false };
        if queue.reading || queue.consumers.is_empty() || (chosen.is_none() && queue.walks > 0) {
            return false;
        }
        let Some(next) = queue.waiting.next() else { return false };
        if self.scarce && next.size() as usize > limits::RECORD_MESSAGE_BYTES_MAX {
            self.wait_for_memory(key);
            return false;
        }
        let consumers = &self.consumers;
        let ready = |key| consumers.get(key).is_some_and(Consumer::is_ready);
        let Some(consumer_key) = chosen.or_else(|| queue.consumers.pick(ready)) else { return false };
        let Some(consumer) = self.consumers.get_mut(consumer_key) else { return false };
        // A consumer with credit for everything would otherwise get all the backlog in one go, before anybody can say that its
        // client does not take it, and keep everybody else waiting meanwhile.
        if self.crowded || self.delivered_bytes >= limits::DELIVERY_BYTES_PER_TURN {
            if !std::mem::replace(&mut queue.postponed, true) {
                self.postponed.push(key);
            }
            return false;
        }
        if consumer.pre_acknowledge && !self.lanes.ready() {
            self.waiting_for_room.push(key);
            return false;
        }
        let read = queue.read_body.as_ref().filter(|(id, _)| *id == next.id).map(|(_, body)| body.as_slice());
        let Some(body) = read.or_else(|| self.bodies.get(next)) else {
            self.read_next(key);
            return false;
        };
        consumer.credit.spend(body.len() + DELIVERY_FRAME_BYTES);
        self.delivered_bytes += body.len();
        let deliveries = next.deliveries().saturating_add(1);
        deliver.message(consumer.session, consumer.id, next.id, deliveries, body);
        let Some(mut entry) = queue.waiting.take_next() else { return false };
        queue.read_body = None;
        entry.count_delivery();
        queue.delivering += 1;
        if consumer.pre_acknowledge {
            let who = acknowledge_by_delivery(consumer);
            self.consume(who, key, &[entry], deliver);
        } else {
            consumer.hold(entry);
        }
        true
    }
}

/// Who acknowledges by being handed a message: the consumer's session, as no command of its own.
pub(super) fn acknowledge_by_delivery(consumer: &Consumer) -> Who {
    let operation = crate::store::record::Operation { session: crate::message::SessionNumber::NONE, command: 0 };
    Who { from: consumer.session, operation, token: None }
}

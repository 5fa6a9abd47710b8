//! Queues with consumers that go their own way: browsers, which look at what waits and take nothing, and consumers with a filter, which
//! pass over what does not match.
//!
//! Takes what waits and who is ready, gives deliveries. What must stay true: each gets what is for it in the order of delivery, consumers
//! take turns as ever and browsers go beside them; nobody goes so many steps in one turn that others wait for long.

use super::Home;
use super::cold::Walker;
use super::consume::acknowledge_by_delivery;
use crate::delivery::Consumer;
use crate::limits;
use crate::mail::{DELIVERY_FRAME_BYTES, Deliver};
use crate::message::{ConsumerKey, QueueKey};

impl<B: journal::BlockBuffer> Home<B> {
    /// Hands out and shows what can be, then answers those who asked whether there is more.
    pub(super) fn dispatch_walks(&mut self, key: QueueKey, deliver: &mut impl Deliver) {
        let (mut serves, mut shows) = (true, true);
        while serves || shows {
            serves = serves && self.next_consumer(key).is_some_and(|consumer| self.serve(key, consumer, deliver));
            shows = shows && self.next_browser(key).is_some_and(|browser| self.walk_on(key, browser, deliver));
        }
        self.answer_walks(key, deliver);
    }

    /// The consumer whose turn it is, if there is something for one.
    fn next_consumer(&mut self, key: QueueKey) -> Option<ConsumerKey> {
        let Self { names, consumers, .. } = self;
        let queue = names.queue_mut(key)?;
        let waiting = &queue.waiting;
        let has_next = !queue.reading && waiting.next().is_some();
        let goes_on = |consumer: &Consumer| consumer.walk.as_ref().map_or(has_next, |walk| walk.goes_on(waiting));
        queue.consumers.pick(|key| consumers.get(key).is_some_and(|consumer| consumer.is_ready() && goes_on(consumer)))
    }

    /// The browser whose turn it is, if there is something for one.
    fn next_browser(&mut self, key: QueueKey) -> Option<ConsumerKey> {
        let Self { names, consumers, .. } = self;
        let queue = names.queue_mut(key)?;
        let waiting = &queue.waiting;
        let goes_on = |consumer: &Consumer| consumer.walk.as_ref().is_some_and(|walk| walk.goes_on(waiting));
        queue.browsers.pick(|key| consumers.get(key).is_some_and(|consumer| consumer.is_ready() && goes_on(consumer)))
    }

    /// Hands one message to a consumer, or lets it go one step. False: nobody gets more in this turn.
    fn serve(&mut self, key: QueueKey, consumer: ConsumerKey, deliver: &mut impl Deliver) -> bool {
        if self.walk_of(consumer).is_some() {
            return self.walk_on(key, consumer, deliver);
        }
        let served = self.dispatch_one(key, Some(consumer), deliver);
        let reads = self.names.queue(key).is_some_and(|queue| queue.reading);
        served || reads
    }

    /// A consumer or browser looks at the entry that it has come to: it is shown, taken or passed over. False: no more in this turn.
    fn walk_on(&mut self, key: QueueKey, consumer: ConsumerKey, deliver: &mut impl Deliver) -> bool {
        let is_enough =
            self.delivered_bytes >= limits::DELIVERY_BYTES_PER_TURN || self.walked >= limits::WALK_STEPS_PER_TURN;
        let Self { names, consumers, bodies, .. } = self;
        let Some((queue, walking)) = names.queue_mut(key).zip(consumers.get_mut(consumer)) else { return true };
        let Some(walk) = walking.walk.as_mut() else { return true };
        // What was read for it is not read again.
        if self.crowded || (is_enough && walk.read_body.is_none()) {
            self.postpone(key);
            return false;
        }
        if walking.pre_acknowledge && !walk.browses() && !self.lanes.ready() {
            self.waiting_for_room.push(key);
            return false;
        }
        let Some(entry) = walk.next(&queue.waiting) else { return true };
        if self.scarce && entry.size() as usize > limits::RECORD_MESSAGE_BYTES_MAX {
            self.wait_for_memory(key);
            return false;
        }
        let walker = Walker { consumer, priority: entry.priority(), place: entry.place() };
        let read = walk.read_body.take().filter(|(id, _)| *id == entry.id);
        let Some(body) = read.as_ref().map(|(_, body)| body.as_slice()).or_else(|| bodies.get(entry)) else {
            self.read_for(key, walker);
            return true;
        };
        walk.pass(walker.priority, walker.place);
        self.walked += 1;
        if let Some(filter) = &walk.filter {
            let tested = filter.test(body);
            self.walked += tested.work / limits::FILTER_WORK_PER_STEP;
            if !tested.matches {
                return true;
            }
        }
        let takes = !walk.browses();
        self.delivered_bytes += body.len();
        walking.credit.spend(body.len() + DELIVERY_FRAME_BYTES);
        let deliveries = entry.deliveries().saturating_add(u16::from(takes));
        deliver.message(walking.session, walking.id, entry.id, deliveries, body);
        if takes {
            self.take_out(key, walker, deliver);
        }
        true
    }

    /// The message that was just delivered to a consumer with a filter is in its hands, wherever it waited.
    fn take_out(&mut self, key: QueueKey, walker: Walker, deliver: &mut impl Deliver) {
        let Self { names, consumers, .. } = self;
        let Some((queue, consumer)) = names.queue_mut(key).zip(consumers.get_mut(walker.consumer)) else { return };
        self.walked += queue.waiting.cost_at(walker.priority, walker.place) / limits::MOVED_ENTRIES_PER_STEP;
        let Some(mut entry) = queue.waiting.remove(walker.place, walker.priority) else { return };
        entry.count_delivery();
        queue.delivering += 1;
        if consumer.pre_acknowledge {
            let who = acknowledge_by_delivery(consumer);
            self.consume(who, key, &[entry], deliver);
        } else {
            consumer.hold(entry);
        }
    }

    /// The queue goes on at the next turn.
    pub(super) fn postpone(&mut self, key: QueueKey) {
        if let Some(queue) = self.names.queue_mut(key)
            && !std::mem::replace(&mut queue.postponed, true)
        {
            self.postponed.push(key);
        }
    }

    /// Answers those who asked whether there is more and have got all that there is for them now.
    fn answer_walks(&mut self, key: QueueKey, deliver: &mut impl Deliver) {
        let Self { names, consumers, .. } = self;
        let Some(queue) = names.queue_mut(key) else { return };
        for consumer in queue.consumers.iter().chain(queue.browsers.iter()) {
            let Some(consumer) = consumers.get_mut(consumer).filter(|consumer| !consumer.forced.is_empty()) else {
                continue;
            };
            let more = match &consumer.walk {
                Some(walk) => walk.reading || walk.next(&queue.waiting).is_some(),
                None => queue.reading || queue.postponed,
            };
            if consumer.held_back || (more && consumer.is_ready()) {
                continue;
            }
            for sequence in consumer.forced.drain(..) {
                deliver.nothing_more(consumer.session, consumer.id, sequence, &queue.name);
            }
        }
    }
}

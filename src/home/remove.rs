//! Messages, queues and addresses that somebody who looks after the broker takes away.

use journal::{BlockBuffer, Vector};
use smallvec::SmallVec;

use super::{Home, Outcome, Who};
use crate::limits;
use crate::mail::{Answer, Binding, ConnectionRef, Deliver, Failure, FailureKind, Lifetime, Reply};
use crate::message::{ConsumerKey, QueueKey};
use crate::queue::Entry;
use crate::routing::Address;
use crate::security::Permission;

impl<B: BlockBuffer> Home<B> {
    /// Consumes the next messages of a queue that may be delivered, as if a consumer had done it: what consumers hold stays with
    /// them, as in the reference (`QueueControl.removeAllMessages`). At most `limit`, so that nobody else waits for long.
    pub(super) fn purge(
        &mut self,
        who: Who,
        address: &str,
        name: &str,
        limit: usize,
        deliver: &mut impl Deliver,
    ) -> Outcome {
        let Some(key) = self.queue_named(address, name) else { return no_such_queue(name) };
        let Some(queue) = self.names.queue_mut(key) else { return no_such_queue(name) };
        // A body that is on its way from the disk is for the next message, and that must not change meanwhile.
        if queue.reading {
            return Outcome::failed(FailureKind::Full, "the queue reads a message from the disk now; try again");
        }
        // One record, so that it is done at once.
        let limit = limit.min(queue.waiting.len()).min(limits::ACK_IDS_PER_RECORD);
        let mut entries: Vec<Entry> = Vec::with_capacity(limit);
        while entries.len() < limit
            && let Some(entry) = queue.waiting.take_next()
        {
            entries.push(entry);
        }
        queue.read_body = None;
        queue.delivering += entries.len();
        let count = entries.len() as u64;
        if count == 0 {
            return counted(0, Vector::new());
        }
        let outcome = self.consume(who, key, &entries, deliver);
        self.look_after(key);
        let refused = matches!(&outcome, Outcome::Done(Answer { reply: Err(_), .. }));
        if let (false, Some(queue)) = (refused, self.names.queue_mut(key)) {
            queue.removed = queue.removed.saturating_add(count);
        }
        match outcome {
            Outcome::Done(Answer { reply: Ok(_), vector }) => counted(count, vector),
            refused_or_later => refused_or_later,
        }
    }

    /// Removes a queue. With `force`, its consumers are told and are gone.
    pub(super) fn delete_queue(
        &mut self,
        who: Who,
        address: &str,
        name: &str,
        force: bool,
        deliver: &mut impl Deliver,
    ) -> Outcome {
        let Some(key) = self.queue_named(address, name) else { return no_such_queue(name) };
        let Some(queue) = self.names.queue(key) else { return no_such_queue(name) };
        if let Some(failure) = self.deletion_problem(queue, address) {
            return Outcome::Done(Answer::failed(failure));
        }
        let consumers: SmallVec<[_; 4]> = queue.consumers.iter().collect();
        if !consumers.is_empty() && !force {
            let count = consumers.len();
            let text = format!("AMQ229025: Cannot delete queue {name} on binding {name} - it has consumers = {count}");
            return Outcome::failed(FailureKind::IllegalState, text);
        }
        let browsers: SmallVec<[_; 4]> = queue.browsers.iter().collect();
        let (id, of) = (queue.id, queue.address);
        let address = self.names.address(of).map(|address| address.name.clone()).unwrap_or_default();
        for consumer in consumers.into_iter().chain(browsers) {
            self.cast_out(consumer, deliver);
        }
        self.take_back_orphans(key);
        self.bind(Some(who), Binding::QueueGone { id, name: name.into(), address })
    }

    /// Why somebody may not delete a queue that was named so. Whose permissions count was looked up for the address that the name says:
    /// a queue of another address is not there for him.
    fn deletion_problem(&self, queue: &super::queue::Queue, address: &str) -> Option<Failure> {
        self.allowed?;
        let of = self.names.address(queue.address).map_or("", |of| &of.name);
        if *of != *address {
            let text = format!("AMQ229017: Queue {} does not exist", queue.name);
            return Some(Failure::new(FailureKind::NoSuchQueue, text));
        }
        let is_durable = queue.lifetime == Lifetime::Durable;
        let needed = if is_durable { Permission::DeleteDurableQueue } else { Permission::DeleteNonDurableQueue };
        (!self.may(needed)).then(|| Who::refused(needed, of, Some(&queue.name)))
    }

    /// Removes a temporary queue whose connection is gone. One of that name that somebody else has made stays.
    pub(super) fn forsake(
        &mut self,
        who: Who,
        address: &str,
        name: &str,
        owner: ConnectionRef,
        deliver: &mut impl Deliver,
    ) -> Outcome {
        let queue = self.queue_named(address, name).and_then(|key| self.names.queue(key));
        if queue.is_some_and(|queue| queue.lifetime == Lifetime::Connection(owner)) {
            return self.delete_queue(who, address, name, true, deliver);
        }
        Outcome::done(Vector::new())
    }

    /// Closes a consumer whose queue goes, and tells its session. What is acknowledged in an open transaction goes with the queue.
    fn cast_out(&mut self, key: ConsumerKey, deliver: &mut impl Deliver) {
        let Some(consumer) = self.consumers.get_mut(key) else { return };
        deliver.consumer_gone(consumer.session, consumer.id);
        let queue = consumer.queue;
        for held in consumer.take_all() {
            self.give_back(queue, held.entry, false);
        }
        self.take_away(key, false);
    }

    /// What closed consumers of a queue have acknowledged in transactions that are open goes with the queue.
    fn take_back_orphans(&mut self, queue: QueueKey) {
        let orphans =
            self.sessions.values_mut().flat_map(|session| session.orphans.extract_if(.., |(of, _)| *of == queue));
        for (_, entry) in orphans.collect::<Vec<_>>() {
            self.give_back(queue, entry, false);
        }
    }

    /// Has the connections closed of all who consume from an address. Their sessions end as those of lost connections do.
    pub(super) fn close_connections(&mut self, address: &str, deliver: &mut impl Deliver) -> Outcome {
        let address = self.names.find_address(address).and_then(|key| self.names.address(key));
        let queues = address.into_iter().flat_map(Address::queues).filter_map(|key| self.names.queue(key));
        let consumers = queues.flat_map(|queue| queue.consumers.iter().chain(queue.browsers.iter()));
        let mut sessions: Vec<_> = consumers.filter_map(|key| Some(self.consumers.get(key)?.session)).collect();
        sessions.sort_unstable_by_key(|session| (session.core.0, session.key));
        sessions.dedup();
        for session in &sessions {
            deliver.close_connection(*session);
        }
        counted(sessions.len() as u64, Vector::new())
    }

    /// Removes an address that has no queues.
    pub(super) fn delete_address(&mut self, who: Who, name: &str) -> Outcome {
        let Some(address) = self.names.find_address(name).and_then(|key| self.names.address(key)) else {
            return Outcome::failed(FailureKind::NoSuchAddress, super::names::no_such_address(name));
        };
        if address.queue_count() > 0 {
            let text = format!("AMQ229205: Address {name} has bindings");
            return Outcome::failed(FailureKind::IllegalState, text);
        }
        self.bind(Some(who), Binding::AddressGone { name: name.into() })
    }

    /// The queue of this name, behind this address if the name is qualified.
    fn queue_named(&self, address: &str, name: &str) -> Option<QueueKey> {
        self.names.find_queue(name).filter(|key| {
            let of = self.names.queue(*key).and_then(|queue| self.names.address(queue.address));
            address == name || of.is_some_and(|of| *of.name == *address)
        })
    }
}

fn counted(count: u64, vector: Vector) -> Outcome {
    Outcome::Done(Answer { reply: Ok(Reply::Count(count)), vector })
}

fn no_such_queue(name: &str) -> Outcome {
    Outcome::failed(FailureKind::NoSuchQueue, format!("AMQ229017: Queue {name} does not exist"))
}

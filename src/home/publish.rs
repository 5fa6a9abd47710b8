//! A message comes: it is routed, written, and put into its queues.

use journal::{AppendError, LaneId, LaneKind, Record, RecordKind, Vector};

use super::names::{made_on_first_use, no_such_address};
use super::{Effect, Home, Outcome, Who};
use crate::limits;
use crate::mail::{Answer, Deliver, Failure, FailureKind, Publish, RoutingType};
use crate::message::{AddressKey, MessageId};
use crate::queue::Entry;
use crate::routing::{Targets, name_problem};
use crate::security::Permission;
use crate::store::{encode, record};
use crate::transaction::StagedSend;

/// The queues that a restart finds again, and the others.
pub(super) fn by_lifetime(targets: Targets) -> (Targets, Targets) {
    targets.into_iter().partition(|(_, id)| id.is_stored())
}

/// Why the journal did not take a record, as a client is told.
pub(super) fn refusal(error: &AppendError) -> Failure {
    match error {
        AppendError::Latched => Failure::new(FailureKind::Stopped, "the journal has failed; the broker steps down"),
        AppendError::TooLong => Failure::new(FailureKind::Internal, "a record is longer than the journal takes"),
        other => Failure::new(FailureKind::Full, format!("the journal takes no record now: {other}")),
    }
}

impl<B: journal::BlockBuffer> Home<B> {
    pub(super) fn publish(&mut self, who: Who, publish: Publish<'_>, deliver: &mut impl Deliver) -> Outcome {
        let (key, targets) = match self.route(&publish) {
            Ok(Some(found)) => found,
            Ok(None) if self.creating.is_empty() => return Outcome::done(Vector::new()),
            Ok(None) => return self.park(who.publish(publish, self.allowed)),
            Err(failure) => return self.refuse_publish(who, publish.in_transaction, failure),
        };
        if targets.is_empty() {
            // Nobody wants it: taken and forgotten, as for a topic without subscribers.
            return Outcome::done(Vector::new());
        }
        if self.full_matters
            && let Some(outcome) = self.refuse_if_full(who, key, &publish)
        {
            return outcome;
        }
        if publish.in_transaction {
            return self.stage(who, key, targets, &publish);
        }
        if !publish.durable {
            return self.publish_volatile(&targets, &publish, deliver);
        }
        let targets = if targets.iter().all(|(_, id)| id.is_stored()) {
            targets
        } else {
            // What a restart does not find again needs no record.
            let (stored, unstored) = by_lifetime(targets);
            let outcome = self.publish_volatile(&unstored, &publish, deliver);
            if stored.is_empty() || matches!(outcome, Outcome::Done(Answer { reply: Err(_), .. })) {
                return outcome;
            }
            stored
        };
        if publish.message.len() > limits::RECORD_MESSAGE_BYTES_MAX {
            return self.publish_large(who, key, targets, &publish, deliver);
        }
        self.publish_durable(who, key, &targets, &publish)
    }

    /// The address of a message and the queues that get it; what is missing is made now if it may be. `None`: there is nobody,
    /// or the message has to wait for another core.
    fn route(&mut self, publish: &Publish<'_>) -> Result<Option<(AddressKey, Targets)>, Failure> {
        if let Some(queue) = &publish.queue {
            return self.route_to_queue(&publish.address, queue, publish.routing);
        }
        let Some(key) = self.address_for(&publish.address, publish.routing)? else { return Ok(None) };
        let Some(address) = self.names.address_mut(key) else { return Ok(None) };
        if address.has_filters() {
            return Ok(self.names.route_filtered(key, publish).map(|targets| (key, targets)));
        }
        Ok(Some((key, address.route(publish.routing))))
    }

    /// As [`Home::route`], for a message to one queue of an address. A queue of that name behind another address gets nothing:
    /// the reference takes such a message too, and drops it.
    fn route_to_queue(
        &mut self,
        address: &str,
        queue: &str,
        routing: Option<RoutingType>,
    ) -> Result<Option<(AddressKey, Targets)>, Failure> {
        if self.names.find_queue(queue).is_none() {
            let Some(routing) = routing else { return Ok(None) };
            if !self.may_make(self.names.find_address(address), address, true) {
                let text = no_such_address(&format!("{address}::{queue}"));
                return Err(Failure::new(FailureKind::NoSuchAddress, text));
            }
            if let Some(problem) = name_problem(address).or_else(|| name_problem(queue)) {
                return Err(Failure::new(FailureKind::IllegalState, format!("a queue cannot be named so: {problem}")));
            }
            let missing = self.names.find_address(address).is_none().then_some(Permission::CreateAddress);
            let needed = missing.into_iter().chain([Permission::CreateDurableQueue]);
            if let Some(permission) = needed.into_iter().find(|permission| !self.may(*permission)) {
                let queue = (permission != Permission::CreateAddress).then_some(queue);
                return Err(Who::refused(permission, address, queue));
            }
            match self.bind(None, made_on_first_use(address, queue, routing)) {
                Outcome::Done(Answer { reply: Err(failure), .. }) if failure.kind == FailureKind::QueueExists => {
                    return Ok(None);
                }
                Outcome::Done(Answer { reply: Err(failure), .. }) => return Err(failure),
                Outcome::Done(_) => {}
                Outcome::Later => return Ok(None),
            }
        }
        let found = self.names.find_queue(queue).and_then(|key| Some((key, self.names.queue(key)?)));
        Ok(found.map(|(key, queue)| {
            let here = self.names.address(queue.address).is_some_and(|of| *of.name == *address);
            (queue.address, here.then_some((key, queue.id)).into_iter().collect())
        }))
    }

    /// The path that counts: one record, one index entry a queue, nothing else.
    fn publish_durable(&mut self, who: Who, key: AddressKey, targets: &Targets, publish: &Publish<'_>) -> Outcome {
        let depends = self.address_depends(key);
        let Some(lane_index) = self.names.address(key).map(|address| address.lane_index) else {
            return Outcome::failed(FailureKind::Internal, "the address is gone");
        };
        let Some(lane) = LaneId::new(LaneKind::Journal, lane_index) else {
            return Outcome::failed(FailureKind::Internal, "the address has no lane");
        };
        encode::add(&mut self.scratch, who.operation, targets.iter().map(|(_, id)| *id));
        let parts: [&[u8]; 2] = [&self.scratch, &publish.message];
        let appended = match self.lanes.append(lane, Record::alone(record::ADD, &parts), &depends) {
            Ok(appended) => appended,
            Err(error) => return Outcome::Done(Answer::failed(refusal(&error))),
        };
        let id = MessageId::durable(lane_index, appended.location);
        let hot = self.bodies.keep_hot(id, &publish.message);
        let size = u32::try_from(publish.message.len()).unwrap_or(u32::MAX);
        let mut entry = Entry::new(id, appended.location, size, publish.priority, true);
        entry.hot = hot;
        for (queue, _) in targets {
            self.arrive(*queue, lane, entry.clone(), (lane, appended.end));
        }
        let mut vector = depends;
        vector.raise(lane, appended.end);
        Outcome::done(vector)
    }

    /// Puts a durable entry into a queue; it may be delivered once `at` is promised.
    pub(super) fn arrive(
        &mut self,
        queue: crate::message::QueueKey,
        lane: LaneId,
        entry: Entry,
        at: (LaneId, journal::Lsn),
    ) {
        let segment = self.segment_of(lane, entry.location.block());
        let (priority, bytes) = (entry.priority(), entry.size());
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.lives.add(segment, bytes);
        }
        match self.names.queue_mut(queue) {
            Some(into) => {
                let place = into.arrive(entry);
                self.lanes.at(at.0, at.1, Effect::Arrived { queue, place, priority });
            }
            // The queue went while the message waited for its commit.
            None => self.lanes.at(at.0, at.1, Effect::Released { lane, segment, bytes }),
        }
    }

    fn publish_volatile(&mut self, targets: &Targets, publish: &Publish<'_>, deliver: &mut impl Deliver) -> Outcome {
        if !self.bodies.has_room(publish.message.len(), self.bounds.volatile_bytes) {
            return Outcome::failed(FailureKind::Full, "the memory for non-durable messages is full");
        }
        self.arrive_volatile(targets, &publish.message, publish.priority);
        for (queue, _) in targets {
            self.dispatch(*queue, deliver);
        }
        Outcome::done(Vector::new())
    }

    /// Puts a non-durable message into its queues. It may be delivered at once, if nothing stands before it.
    pub(super) fn arrive_volatile(&mut self, targets: &Targets, body: &[u8], priority: u8) {
        let references = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        let id = self.bodies.keep_volatile(body, references);
        let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let mut entry = Entry::new(id, journal::Location::from_bits(0), size, priority, false);
        entry.set_promised();
        for (queue, _) in targets {
            match self.names.queue_mut(*queue) {
                Some(into) => {
                    into.arrive(entry.clone());
                }
                None => self.bodies.release_volatile(id),
            }
        }
    }

    fn stage(&mut self, who: Who, address: AddressKey, targets: Targets, publish: &Publish<'_>) -> Outcome {
        let staged = &mut self.sessions.entry(who.from).or_default().staged;
        let (priority, durable) = (publish.priority, publish.durable);
        // What it has now stays counted or comes back with it.
        let others = self.staged_bytes.saturating_sub(staged.cost());
        let room = self.bounds.staged_bytes.saturating_sub(self.staged_bytes);
        let send = |range| StagedSend { address, targets, range, priority, durable };
        let result = staged.send(&publish.message, room, send);
        self.staged_bytes = others + staged.cost();
        match result {
            Ok(()) => Outcome::done(Vector::new()),
            Err(failure) => Outcome::Done(Answer::failed(failure)),
        }
    }

    /// A send that failed: in a transaction, the commit must fail too.
    pub(super) fn refuse_publish(&mut self, who: Who, in_transaction: bool, failure: Failure) -> Outcome {
        if in_transaction {
            self.fail_staged(who.from, failure.clone());
        }
        Outcome::Done(Answer::failed(failure))
    }

    /// Appends a record whose body is one buffer, for records that nobody waits for.
    pub(super) fn append_small(&mut self, lane: LaneId, kind: RecordKind) -> Option<journal::Appended> {
        self.lanes.append(lane, Record::alone(kind, &[&self.scratch]), &Vector::new()).ok()
    }
}

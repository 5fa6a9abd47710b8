//! A queue of this home: its definition, what waits in it and who consumes it.

use journal::Vector;
use protocol::filter::Filter;

use crate::delivery::RoundRobin;
use crate::mail::{Lifetime, QueueDefinition, QueueState, RoutingType};
use crate::message::{AddressKey, QueueId};
use crate::queue::{Entry, Place, Waiting};
use crate::routing::{Address, AddressSettings};
use crate::store::record::StoredQueue;

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) id: QueueId,
    pub(super) name: Box<str>,
    pub(super) address: AddressKey,
    pub(super) routing: RoutingType,
    pub(super) lifetime: Lifetime,
    pub(super) auto_created: bool,
    /// It goes when it is empty and its last consumer has gone.
    pub(super) auto_delete: bool,
    pub(super) purge_on_no_consumers: bool,
    pub(super) max_consumers: i32,
    /// Only messages of its address that match go there.
    pub(super) filter: Option<Filter>,
    pub(super) waiting: Waiting,
    pub(super) consumers: RoundRobin,
    /// Those who look at what waits and take nothing. Nobody counts them.
    pub(super) browsers: RoundRobin,
    /// Consumers and browsers that go their own way through the queue.
    pub(super) walks: usize,
    /// Messages in the hands of consumers.
    pub(super) delivering: usize,
    /// Encoded bytes of all its messages.
    bytes: u64,
    /// Messages that were removed without a consumer, since the start.
    pub(super) removed: u64,
    /// A body is being read for its next message.
    pub(super) reading: bool,
    /// The body that was read for its next message.
    pub(super) read_body: Option<(crate::message::MessageId, Vec<u8>)>,
    /// It is among the queues that deliver more at the next turn.
    pub(super) postponed: bool,
    /// How often it was looked at because it may go by itself.
    pub(super) looks: u32,
    /// What its existence relies on and is not yet known to be promised.
    pub(super) depends: Vector,
}

impl Queue {
    pub(super) fn new(
        definition: &QueueDefinition<'_>,
        id: QueueId,
        address: AddressKey,
        settings: &AddressSettings,
    ) -> Self {
        Self {
            id,
            name: definition.name.as_ref().into(),
            address,
            routing: definition.routing,
            lifetime: definition.lifetime,
            auto_created: definition.auto_created,
            auto_delete: definition.auto_created && settings.auto_delete_queues,
            purge_on_no_consumers: definition.purge_on_no_consumers,
            max_consumers: definition.max_consumers,
            // Whoever makes a queue, or loads one, has read the filter before.
            filter: definition.filter.as_deref().and_then(|filter| Filter::parse(filter).ok()),
            waiting: Waiting::default(),
            consumers: RoundRobin::default(),
            browsers: RoundRobin::default(),
            walks: 0,
            delivering: 0,
            bytes: 0,
            removed: 0,
            reading: false,
            read_body: None,
            postponed: false,
            looks: 0,
            depends: Vector::new(),
        }
    }

    /// What would make it anew, behind the address of this name.
    pub(super) fn definition(&self, address: &str) -> QueueDefinition<'static> {
        QueueDefinition {
            address: address.to_owned().into(),
            name: self.name.to_string().into(),
            routing: self.routing,
            lifetime: self.lifetime,
            auto_created: self.auto_created,
            purge_on_no_consumers: self.purge_on_no_consumers,
            max_consumers: self.max_consumers,
            filter: self.filter.as_ref().map(|filter| filter.text().to_owned().into()),
            exists_is_fine: false,
            makes_address: true,
        }
    }

    /// A message comes. Its place in the queue.
    pub(super) fn arrive(&mut self, entry: Entry) -> Place {
        self.bytes += u64::from(entry.size());
        self.waiting.arrive(entry)
    }

    /// Messages in the hands of consumers are consumed for good.
    pub(super) fn consumed(&mut self, entries: &[Entry]) {
        self.delivering = self.delivering.saturating_sub(entries.len());
        let bytes = entries.iter().map(|entry| u64::from(entry.size())).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// One that was consumed was not, after all; the caller puts it back.
    pub(super) fn unconsumed(&mut self, entry: &Entry) {
        self.bytes += u64::from(entry.size());
    }

    /// Encoded bytes of all its messages, in the hands of consumers or not.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn state(&self, address: &Address) -> QueueState {
        QueueState {
            exists: true,
            name: self.name.to_string(),
            address: address.name.to_string(),
            durable: self.lifetime == Lifetime::Durable,
            temporary: matches!(self.lifetime, Lifetime::Connection(_)),
            auto_created: self.auto_created,
            auto_delete: self.auto_delete,
            auto_create: address.settings.auto_create_queues,
            purge_on_no_consumers: self.purge_on_no_consumers,
            routing: self.routing.number(),
            max_consumers: self.max_consumers,
            filter: self.filter.as_ref().map(|filter| filter.text().to_owned()),
            consumers: i32::try_from(self.consumers.len()).unwrap_or(i32::MAX),
            messages: i64::try_from(self.messages()).unwrap_or(i64::MAX),
        }
    }

    /// Messages that wait or are in the hands of consumers.
    pub(super) fn messages(&self) -> usize {
        self.waiting.len() + self.delivering
    }

    /// Nothing in it, and nobody at it: it goes, if it goes by itself.
    pub(super) fn is_deserted(&self) -> bool {
        self.auto_delete && self.messages() == 0 && self.consumers.is_empty() && self.browsers.is_empty()
    }

    pub(super) fn may_have_another_consumer(&self) -> bool {
        let count = i64::try_from(self.consumers.len()).unwrap_or(i64::MAX);
        self.max_consumers < 0 || count < i64::from(self.max_consumers)
    }
}

/// The record of a queue that is made now.
pub(super) fn stored<'a>(definition: &'a QueueDefinition<'_>, id: QueueId) -> StoredQueue<'a> {
    StoredQueue {
        id,
        routing: definition.routing.number(),
        auto_created: definition.auto_created,
        purge_on_no_consumers: definition.purge_on_no_consumers,
        max_consumers: definition.max_consumers,
        address: &definition.address,
        name: &definition.name,
        filter: definition.filter.as_deref(),
    }
}

//! What a home tells those who look after the broker: its queues, its addresses, and what it holds in all.

use journal::{BlockBuffer, Vector};

use super::queue::Queue;
use super::{Home, Outcome};
use crate::mail::{AddressDetail, AddressPage, Answer, Listing, QueueDetail, QueuePage, Reply, Totals};
use crate::routing::Address;

impl<B: BlockBuffer> Home<B> {
    /// The queues that a listing wants, the first `limit` of them.
    pub(super) fn list_queues(&self, listing: &Listing) -> Outcome {
        let details = self.names.queues().filter_map(|(_, queue)| self.detail(queue));
        let mut rows: Vec<QueueDetail> =
            details.filter(|detail| listing.filter.as_ref().is_none_or(|filter| filter.takes(detail))).collect();
        let count = rows.len();
        rows.sort_unstable_by(|one, other| listing.order(one, other));
        rows.truncate(listing.limit);
        told(Reply::Queues(Box::new(QueuePage { count, rows })), Vector::new())
    }

    /// One queue, or none.
    pub(super) fn describe_queue(&self, address: &str, name: &str) -> Outcome {
        let queue = self.names.find_queue(name).and_then(|key| self.names.queue(key));
        let row = queue.and_then(|queue| self.detail(queue));
        // A plain name finds a queue whatever its address; a qualified one only behind that address.
        let row = row.filter(|row| address == name || row.state.address == address);
        let vector = queue.map(|queue| queue.depends.clone()).unwrap_or_default();
        let rows: Vec<QueueDetail> = row.into_iter().collect();
        told(Reply::Queues(Box::new(QueuePage { count: rows.len(), rows })), vector)
    }

    /// All addresses, or the one of this name.
    pub(super) fn list_addresses(&self, only: Option<&str>) -> Outcome {
        let details = match only {
            Some(name) => self.names.find_address(name).and_then(|key| self.names.address(key)).into_iter().collect(),
            None => self.names.addresses().collect::<Vec<_>>(),
        };
        let rows = details.into_iter().map(|address| self.address_detail(address)).collect();
        told(Reply::Addresses(Box::new(AddressPage { rows })), Vector::new())
    }

    /// What the home holds in all.
    pub(super) fn count_all(&self) -> Outcome {
        let addresses = i64::try_from(self.names.addresses().count()).unwrap_or(i64::MAX);
        let queues = self.names.queues().filter_map(|(_, queue)| self.detail(queue));
        let (used, most) = (self.bodies.volatile_bytes(), self.bounds.volatile_bytes);
        let number = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        let own = Totals {
            addresses,
            memory: number(used),
            memory_max: number(most),
            memory_percent: number(used.saturating_mul(100) / most.max(1)),
            ..Totals::default()
        };
        let totals = queues.fold(own, |totals, queue| {
            totals.plus(Totals {
                queues: 1,
                messages: queue.state.messages,
                consumers: i64::from(queue.state.consumers),
                added: queue.added,
                acknowledged: queue.acknowledged,
                ..Totals::default()
            })
        });
        told(Reply::Totals(Box::new(totals)), Vector::new())
    }

    fn detail(&self, queue: &Queue) -> Option<QueueDetail> {
        let address = self.names.address(queue.address)?;
        let state = queue.state(address);
        let added = i64::try_from(queue.waiting.arrived()).unwrap_or(i64::MAX);
        let delivering = i64::try_from(queue.delivering).unwrap_or(i64::MAX);
        let removed = i64::try_from(queue.removed).unwrap_or(i64::MAX);
        // What came, is not here any more, and was not taken away.
        let acknowledged = added.saturating_sub(state.messages).saturating_sub(removed);
        Some(QueueDetail { id: queue.id.0, state, delivering, added, acknowledged, removed })
    }

    fn address_detail(&self, address: &Address) -> AddressDetail {
        let queues: Vec<&Queue> = address.queues().filter_map(|key| self.names.queue(key)).collect();
        AddressDetail {
            name: address.name.to_string(),
            routing: address.routing,
            auto_created: address.auto_created,
            queues: queues.iter().map(|queue| queue.name.to_string()).collect(),
            messages: queues.iter().map(|queue| i64::try_from(queue.messages()).unwrap_or(i64::MAX)).sum(),
        }
    }
}

fn told(reply: Reply, vector: Vector) -> Outcome {
    Outcome::Done(Answer { reply: Ok(reply), vector })
}

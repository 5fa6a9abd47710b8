//! An address: its routing types and its queues.

use journal::Vector;
use smallvec::SmallVec;

use super::AddressSettings;
use crate::mail::{RoutingType, RoutingTypes};
use crate::message::{QueueId, QueueKey};

/// The queues that get one message: nearly always one.
pub type Targets = SmallVec<[(QueueKey, QueueId); 2]>;

/// A queue as its address knows it.
#[derive(Clone, Copy, Debug)]
struct Binding {
    queue: QueueKey,
    id: QueueId,
    routing: RoutingType,
    has_filter: bool,
}

/// An address of this home.
#[derive(Debug)]
pub struct Address {
    /// Its name.
    pub name: Box<str>,
    /// How it may hand out messages.
    pub routing: RoutingTypes,
    /// Made by a client's first use of its name.
    pub auto_created: bool,
    /// A record makes it again at the next start.
    pub is_stored: bool,
    /// The index of its home lane.
    pub lane_index: u16,
    /// What holds for it.
    pub settings: AddressSettings,
    /// What its existence relies on and is not yet known to be promised; what is put into it inherits this.
    pub depends: Vector,
    bindings: Vec<Binding>,
    next_anycast: usize,
    /// Queues that do not take every message.
    filters: usize,
}

impl Address {
    /// An address without queues.
    pub fn new(
        name: &str,
        routing: RoutingTypes,
        auto_created: bool,
        lane_index: u16,
        settings: AddressSettings,
    ) -> Self {
        let (bindings, depends) = (Vec::new(), Vector::new());
        let is_stored = false;
        Self {
            name: name.into(),
            routing,
            auto_created,
            is_stored,
            lane_index,
            settings,
            depends,
            bindings,
            next_anycast: 0,
            filters: 0,
        }
    }

    /// Puts a queue behind the address.
    pub fn bind(&mut self, queue: QueueKey, id: QueueId, routing: RoutingType, has_filter: bool) {
        self.routing = self.routing.with(RoutingTypes::only(routing));
        self.filters += usize::from(has_filter);
        self.bindings.push(Binding { queue, id, routing, has_filter });
    }

    /// Takes a queue away.
    pub fn unbind(&mut self, queue: QueueKey) {
        self.bindings.retain(|binding| binding.queue != queue);
        self.filters = self.bindings.iter().filter(|binding| binding.has_filter).count();
        self.next_anycast = 0;
    }

    /// Its queues.
    pub fn queues(&self) -> impl Iterator<Item = QueueKey> {
        self.bindings.iter().map(|binding| binding.queue)
    }

    /// How many queues it has.
    pub fn queue_count(&self) -> usize {
        self.bindings.len()
    }

    /// Has it a queue of this kind?
    pub fn has(&self, routing: RoutingType) -> bool {
        self.bindings.iter().any(|binding| binding.routing == routing)
    }

    /// Is there a queue that does not take every message?
    pub fn has_filters(&self) -> bool {
        self.filters > 0
    }

    /// The queues that get the next message: every multicast queue, and the anycast queues in turn. A message that names no
    /// routing type goes to both kinds.
    pub fn route(&mut self, routing: Option<RoutingType>) -> Targets {
        let mut targets = Targets::new();
        if routing != Some(RoutingType::Anycast) {
            let all = self.bindings.iter().filter(|binding| binding.routing == RoutingType::Multicast);
            targets.extend(all.map(|binding| (binding.queue, binding.id)));
        }
        if routing != Some(RoutingType::Multicast)
            && let Some(target) = self.take_anycast()
        {
            targets.push(target);
        }
        targets
    }

    /// As [`Address::route`], among the queues that take the message. Apart from it, since hardly an address has filters.
    #[cold]
    pub fn route_filtered(&mut self, routing: Option<RoutingType>, takes: impl Fn(QueueKey) -> bool) -> Targets {
        let takes = |binding: &&Binding| takes(binding.queue);
        let mut targets = Targets::new();
        if routing != Some(RoutingType::Anycast) {
            let all = self.bindings.iter().filter(|binding| binding.routing == RoutingType::Multicast).filter(takes);
            targets.extend(all.map(|binding| (binding.queue, binding.id)));
        }
        if routing != Some(RoutingType::Multicast) {
            let count = self.bindings.len();
            let places = (0..count).map(|step| (self.next_anycast + step) % count);
            let mut found = places.filter_map(|at| self.bindings.get(at).map(|binding| (at, binding)));
            if let Some((at, binding)) =
                found.find(|(_, binding)| binding.routing == RoutingType::Anycast && takes(binding))
            {
                targets.push((binding.queue, binding.id));
                self.next_anycast = (at + 1) % count;
            }
        }
        targets
    }

    fn take_anycast(&mut self) -> Option<(QueueKey, QueueId)> {
        let count = self.bindings.len();
        for step in 0..count {
            let at = (self.next_anycast + step) % count;
            if let Some(binding) = self.bindings.get(at).filter(|binding| binding.routing == RoutingType::Anycast) {
                self.next_anycast = (at + 1) % count;
                return Some((binding.queue, binding.id));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    #[test]
    fn anycast_takes_turns_and_multicast_takes_all() {
        let mut keys: SlotMap<QueueKey, ()> = SlotMap::with_key();
        let mut address = Address::new("a", RoutingTypes::default(), false, 0, AddressSettings::default());
        for (id, routing) in [(1, RoutingType::Anycast), (2, RoutingType::Multicast), (3, RoutingType::Anycast)] {
            address.bind(keys.insert(()), QueueId(id), routing, id == 3);
        }
        let ids = |targets: Targets| targets.iter().map(|(_, id)| id.0).collect::<Vec<_>>();
        assert_eq!(ids(address.route(Some(RoutingType::Anycast))), [1]);
        assert_eq!(ids(address.route(Some(RoutingType::Anycast))), [3]);
        assert_eq!(ids(address.route(Some(RoutingType::Multicast))), [2]);
        assert_eq!(ids(address.route(None)), [2, 1]);
    }
}

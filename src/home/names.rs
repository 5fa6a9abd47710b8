//! The addresses and queues of a home: tables, creation, removal, questions.

use hashbrown::HashMap;
use journal::{LaneId, LaneKind, Vector};
use protocol::filter::Filter;
use slotmap::SlotMap;

use super::queue::Queue;
use super::{Creation, Effect, Home, Outcome, Who};
use crate::limits;
use crate::mail::{
    AddressState, Answer, Ask, Binding, Failure, FailureKind, Letter, Lifetime, Publish, QueueDefinition, QueueState,
    Reply, Request, RoutingType, RoutingTypes,
};
use crate::message::{AddressKey, CoreId, QueueId, QueueKey};
use crate::routing::{self, Address, AddressSettings, SettingsByAddress, Targets};
use crate::security::Permission;

/// The tables of one home.
#[derive(Debug, Default)]
pub(super) struct Names {
    addresses: SlotMap<AddressKey, Address>,
    queues: SlotMap<QueueKey, Queue>,
    address_names: HashMap<Box<str>, AddressKey>,
    queue_names: HashMap<Box<str>, QueueKey>,
    queue_ids: HashMap<QueueId, QueueKey>,
    /// Memory of the filters of its queues.
    pub(super) filter_bytes: usize,
}

impl Names {
    pub(super) fn address(&self, key: AddressKey) -> Option<&Address> {
        self.addresses.get(key)
    }

    pub(super) fn address_mut(&mut self, key: AddressKey) -> Option<&mut Address> {
        self.addresses.get_mut(key)
    }

    pub(super) fn queue(&self, key: QueueKey) -> Option<&Queue> {
        self.queues.get(key)
    }

    pub(super) fn queue_mut(&mut self, key: QueueKey) -> Option<&mut Queue> {
        self.queues.get_mut(key)
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = (QueueKey, &Queue)> {
        self.queues.iter()
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.values()
    }

    pub(super) fn find_address(&self, name: &str) -> Option<AddressKey> {
        self.address_names.get(name).copied()
    }

    pub(super) fn find_queue(&self, name: &str) -> Option<QueueKey> {
        self.queue_names.get(name).copied()
    }

    pub(super) fn queue_of_id(&self, id: QueueId) -> Option<QueueKey> {
        self.queue_ids.get(&id).copied()
    }

    /// The journal lane of a queue's address.
    pub(super) fn lane_of(&self, queue: QueueKey) -> Option<LaneId> {
        let address = self.addresses.get(self.queues.get(queue)?.address)?;
        LaneId::new(LaneKind::Journal, address.lane_index)
    }

    /// Makes an address, or adds routing types to the one that is there.
    pub(super) fn put_address(
        &mut self,
        name: &str,
        routing: RoutingTypes,
        auto_created: bool,
        lane_index: u16,
        settings: &SettingsByAddress,
    ) -> AddressKey {
        if let Some(key) = self.find_address(name) {
            if let Some(address) = self.addresses.get_mut(key) {
                address.routing = address.routing.with(routing);
            }
            return key;
        }
        let address = Address::new(name, routing, auto_created, lane_index, settings.of(name));
        let key = self.addresses.insert(address);
        self.address_names.insert(name.into(), key);
        key
    }

    /// A record makes the address again at the next start.
    pub(super) fn mark_stored(&mut self, key: AddressKey) {
        if let Some(address) = self.addresses.get_mut(key) {
            address.is_stored = true;
        }
    }

    /// The queues of an address with filters that get a message.
    pub(super) fn route_filtered(&mut self, address: AddressKey, publish: &Publish<'_>) -> Option<Targets> {
        let Self { addresses, queues, .. } = self;
        let takes = |queue: &Queue| queue.filter.as_ref().is_none_or(|filter| filter.test(&publish.message).matches);
        let address = addresses.get_mut(address)?;
        Some(address.route_filtered(publish.routing, |key| queues.get(key).is_some_and(takes)))
    }

    /// Makes a queue behind an address that is there.
    pub(super) fn put_queue(&mut self, definition: &QueueDefinition<'_>, id: QueueId, address: AddressKey) -> QueueKey {
        let settings = self.addresses.get(address).map(|address| address.settings).unwrap_or_default();
        let queue = Queue::new(definition, id, address, &settings);
        self.filter_bytes += queue.filter.as_ref().map_or(0, Filter::memory_bytes);
        let key = self.queues.insert(queue);
        self.queue_names.insert(definition.name.as_ref().into(), key);
        self.queue_ids.insert(id, key);
        if let Some(address) = self.addresses.get_mut(address) {
            address.bind(key, id, definition.routing, definition.filter.is_some());
        }
        key
    }

    /// Takes a queue away.
    pub(super) fn remove_queue(&mut self, key: QueueKey) -> Option<Queue> {
        let queue = self.queues.remove(key)?;
        self.filter_bytes = self.filter_bytes.saturating_sub(queue.filter.as_ref().map_or(0, Filter::memory_bytes));
        self.queue_names.remove(&queue.name);
        self.queue_ids.remove(&queue.id);
        if let Some(address) = self.addresses.get_mut(queue.address) {
            address.unbind(key);
        }
        Some(queue)
    }

    /// Takes an address away.
    pub(super) fn remove_address(&mut self, key: AddressKey) -> Option<Address> {
        let address = self.addresses.remove(key)?;
        self.address_names.remove(&address.name);
        Some(address)
    }
}

impl<B: journal::BlockBuffer> Home<B> {
    pub(super) fn query_queue(&self, address: &str, queue: &str) -> Outcome {
        let found = self.names.find_queue(queue).and_then(|key| self.names.queue(key));
        let found = found.and_then(|queue| Some((queue, self.names.address(queue.address)?)));
        let state = match found {
            Some((queue, of)) if address == queue_address(&of.name, address, &queue.name) => queue.state(of),
            _ => QueueState {
                name: queue.to_owned(),
                address: address.to_owned(),
                durable: true,
                max_consumers: -1,
                auto_create: self.address_settings(address).auto_create_queues,
                ..QueueState::default()
            },
        };
        let vector = found.map(|(queue, _)| queue.depends.clone()).unwrap_or_default();
        Outcome::Done(Answer { reply: Ok(Reply::Queue(Box::new(state))), vector })
    }

    pub(super) fn query_address(&self, name: &str) -> Outcome {
        let Some(address) = self.names.find_address(name).and_then(|key| self.names.address(key)) else {
            let settings = self.address_settings(name);
            let state = AddressState {
                auto_create_address: settings.auto_create_addresses,
                auto_create_queues: settings.auto_create_queues,
                ..AddressState::default()
            };
            return Outcome::Done(Answer { reply: Ok(Reply::Address(Box::new(state))), vector: Vector::new() });
        };
        let queues =
            address.queues().filter_map(|key| self.names.queue(key)).map(|queue| queue.name.to_string()).collect();
        let state = AddressState {
            exists: true,
            queues,
            routing: address.routing,
            auto_create_address: address.settings.auto_create_addresses,
            auto_create_queues: address.settings.auto_create_queues,
        };
        Outcome::Done(Answer { reply: Ok(Reply::Address(Box::new(state))), vector: address.depends.clone() })
    }

    pub(super) fn create_address(
        &mut self,
        who: Who,
        name: &str,
        routing: RoutingTypes,
        auto_created: bool,
    ) -> Outcome {
        let (name, _) = routing::split_qualified(name);
        if let Some(problem) = routing::name_problem(name) {
            return Outcome::failed(FailureKind::IllegalState, format!("an address cannot be named so: {problem}"));
        }
        if let Some(address) = self.names.find_address(name).and_then(|key| self.names.address(key))
            && address.is_stored
            && address.routing.with(routing) == address.routing
        {
            return Outcome::done(address.depends.clone());
        }
        self.bind(Some(who), Binding::Address { name: name.into(), routing, auto_created })
    }

    pub(super) fn create_queue(&mut self, who: Who, definition: &QueueDefinition<'_>) -> Outcome {
        let problem = routing::name_problem(&definition.name).or_else(|| routing::name_problem(&definition.address));
        if let Some(problem) = problem {
            return Outcome::failed(FailureKind::IllegalState, format!("a queue cannot be named so: {problem}"));
        }
        if let Some(filter) = definition.filter.as_deref()
            && let Err(failure) = self.read_filter(filter)
        {
            return Outcome::Done(Answer::failed(failure));
        }
        if let Some(queue) = self.names.find_queue(&definition.name).and_then(|key| self.names.queue(key)) {
            let address = self.names.address(queue.address).map_or("", |address| &address.name);
            if definition.exists_is_fine && address == definition.address {
                return Outcome::done(queue.depends.clone());
            }
            let text = format!("AMQ229019: Queue {} already exists on address {address}", definition.name);
            return Outcome::failed(FailureKind::QueueExists, text);
        }
        if self.names.find_address(&definition.address).is_none() {
            let makes = definition.makes_address || matches!(definition.lifetime, Lifetime::Connection(_));
            if !makes && !self.address_settings(&definition.address).auto_create_addresses {
                return Outcome::failed(FailureKind::NoSuchAddress, no_such_address(&definition.address));
            }
            if !self.may(Permission::CreateAddress) {
                let failure = Who::refused(Permission::CreateAddress, &definition.address, None);
                return Outcome::Done(Answer::failed(failure));
            }
        }
        self.bind(Some(who), Binding::Queue(definition.clone().into_owned()))
    }

    /// Has a change of names written: at once where this core keeps the bindings lane, else by a letter.
    ///
    /// Whoever wants it, a client's request or its first use of a name: what would be one too many is refused here.
    pub(super) fn bind(&mut self, who: Option<Who>, binding: Binding) -> Outcome {
        if let Some(text) = self.too_many(&binding) {
            return Outcome::failed(FailureKind::Full, text);
        }
        if self.keeper.is_some() {
            return match self.write_binding(&binding) {
                Ok((vector, number)) => {
                    self.take_effect(&binding, number, &vector);
                    Outcome::done(vector)
                }
                Err(failure) => Outcome::Done(Answer::failed(failure)),
            };
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.letters.push_back((CoreId(0), Letter::Bind { ticket, binding: binding.clone() }));
        self.creating.insert(ticket, Creation { binding, request: who.map(|who| (who.from, who.token)) });
        Outcome::Later
    }

    /// Which bound this would exceed. What other cores are writing for this home counts as if it were there.
    fn too_many(&self, binding: &Binding) -> Option<&'static str> {
        let makes = matches!(binding, Binding::Address { .. } | Binding::Queue(_));
        let address = self.names.find_address(binding.address()).and_then(|key| self.names.address(key));
        match address {
            _ if !makes => None,
            None if self.names.addresses.len() + self.creating.len() >= self.bounds.addresses => {
                Some("the broker has as many addresses as it may")
            }
            Some(address)
                if matches!(binding, Binding::Queue(_)) && address.queue_count() >= limits::QUEUES_PER_ADDRESS_MAX =>
            {
                Some("the address has as many queues as it may")
            }
            _ => None,
        }
    }

    /// Another core has written the binding of this ticket.
    pub fn bound(
        &mut self,
        ticket: u64,
        written: Result<(Vector, QueueId), Failure>,
        deliver: &mut impl crate::mail::Deliver,
    ) {
        let Some(Creation { binding, request }) = self.creating.remove(&ticket) else { return };
        let answer = match written {
            Ok((vector, number)) => {
                self.take_effect(&binding, number, &vector);
                Answer::done(vector)
            }
            Err(failure) => {
                if request.is_none() && matches!(binding, Binding::Address { .. } | Binding::Queue(_)) {
                    self.drop_parked(&binding, &failure, deliver);
                }
                Answer::failed(failure)
            }
        };
        if let Some((from, Some(token))) = request {
            deliver.answer(from, token, answer);
        }
        self.unpark(deliver);
    }

    /// A queue that messages wait for cannot be made. They would only ask for it again: where its name is another queue's they
    /// are dropped, as the reference drops them.
    fn drop_parked(&mut self, binding: &Binding, failure: &Failure, deliver: &mut impl crate::mail::Deliver) {
        let waits = |publish: &Publish<'_>| {
            *publish.address == *binding.address()
                && binding.queue() == Some(publish.queue.as_ref().unwrap_or(&publish.address))
        };
        for request in std::mem::take(&mut self.parked) {
            let Request { from, operation, token, ask: Ask::Publish(publish), .. } = &request else {
                self.parked.push_back(request);
                continue;
            };
            if !waits(publish) {
                self.parked.push_back(request);
                continue;
            }
            let who = Who { from: *from, operation: *operation, token: *token };
            let answer = match failure.kind {
                FailureKind::QueueExists => Answer::done(Vector::new()),
                _ => match self.refuse_publish(who, publish.in_transaction, failure.clone()) {
                    Outcome::Done(answer) => answer,
                    Outcome::Later => continue,
                },
            };
            self.answer_later(who, answer, deliver);
        }
    }

    /// Changes the tables as a written binding says.
    pub(super) fn take_effect(&mut self, binding: &Binding, number: QueueId, vector: &Vector) {
        match binding {
            Binding::Address { name, routing, auto_created } => {
                let key = self.make_address(name, *routing, *auto_created);
                if let Some(address) = self.names.address_mut(key) {
                    address.depends.merge(vector);
                    address.is_stored = true;
                }
            }
            Binding::AddressGone { name } => {
                if let Some(key) = self.names.find_address(name) {
                    self.names.remove_address(key);
                }
            }
            Binding::Queue(definition) => {
                let routing = RoutingTypes::only(definition.routing);
                // What nobody asked for by its name goes with what needed it.
                let in_passing = definition.auto_created || !number.is_stored();
                let key = self.make_address(&definition.address, routing, in_passing);
                let queue = self.names.put_queue(definition, number, key);
                crate::event!(QU102, queue = %definition.name, address = %definition.address);
                if let Some(address) = self.names.address_mut(key) {
                    address.depends.merge(vector);
                    // The record of a queue makes its address too.
                    address.is_stored |= number.is_stored();
                }
                if let Some(queue) = self.names.queue_mut(queue) {
                    queue.depends.merge(vector);
                }
                self.tell_alias(&definition.name, &definition.address, true);
            }
            Binding::QueueChanged { id, definition } => {
                let key = self.names.queue_of_id(*id);
                if let Some(queue) = key.and_then(|key| self.names.queue_mut(key)) {
                    queue.max_consumers = definition.max_consumers;
                    queue.purge_on_no_consumers = definition.purge_on_no_consumers;
                    queue.depends.merge(vector);
                }
            }
            Binding::QueueGone { id, name, address } => {
                self.forget_queue(*id, vector);
                self.tell_alias(name, address, false);
            }
        }
    }

    fn make_address(&mut self, name: &str, routing: RoutingTypes, auto_created: bool) -> AddressKey {
        if self.names.find_address(name).is_none() {
            crate::event!(QU101, address = name);
        }
        let lane_index = self.lane_index(name);
        self.names.put_address(name, routing, auto_created, lane_index, &self.settings.addresses)
    }

    /// A queue whose name is not its address's is looked for by its name: every core must know where to find it.
    fn tell_alias(&mut self, queue: &str, address: &str, there: bool) {
        if queue == address {
            return;
        }
        for core in (0..self.settings.cores).map(CoreId) {
            let address = there.then(|| address.into());
            self.letters.push_back((core, Letter::Alias { queue: queue.into(), address }));
        }
    }

    /// Tells this core's own sessions where a queue is found that was loaded.
    pub(super) fn load_alias(&mut self, queue: &str, address: &str) {
        if queue != address {
            let letter = Letter::Alias { queue: queue.into(), address: Some(address.into()) };
            self.letters.push_back((self.settings.core, letter));
        }
    }

    /// Drops a queue and what waits in it. What its messages occupied is free once the removal is promised.
    fn forget_queue(&mut self, id: QueueId, vector: &Vector) {
        let Some(key) = self.names.queue_of_id(id) else { return };
        let lane = self.names.lane_of(key);
        let Some(queue) = self.names.remove_queue(key) else { return };
        let Some(lane) = lane else { return };
        for entry in queue.waiting.iter() {
            self.release(lane, entry, vector);
        }
        let address = self.names.address(queue.address);
        if let Some(address) = address.filter(|address| address.auto_created && address.queue_count() == 0) {
            let name = address.name.clone();
            if address.is_stored && !address.settings.auto_delete_addresses {
                return;
            }
            if !address.is_stored {
                self.names.remove_address(queue.address);
                return;
            }
            // Nobody waits for this: an address without queues does no harm if a crash keeps it.
            self.bind(None, Binding::AddressGone { name });
        }
    }

    /// The body of a message is needed by one queue less, once the vector is promised.
    pub(super) fn release(&mut self, lane: LaneId, entry: &crate::queue::Entry, vector: &Vector) {
        if !entry.is_durable() {
            self.bodies.release_volatile(entry.id);
            return;
        }
        let segment = self.segment_of(lane, entry.location.block());
        self.release_segment(lane, segment, entry.size(), vector);
        if entry.is_large()
            && let Some(large) = self.bodies.release_large(entry.id)
        {
            for sequence in self.segments_of_body(large.body) {
                self.release_segment(large.body.lane, sequence, 0, vector);
            }
        }
    }

    pub(super) fn release_segment(
        &mut self,
        lane: LaneId,
        segment: journal::SegmentSequence,
        bytes: u32,
        vector: &Vector,
    ) {
        self.after(vector, Effect::Released { lane, segment, bytes });
    }

    pub(super) fn segment_of(&self, lane: LaneId, lsn: journal::Lsn) -> journal::SegmentSequence {
        self.lanes.get(lane).map_or(journal::SegmentSequence(0), |lane| lane.lane.segment_of(lsn).0)
    }

    pub(super) fn lane_index(&self, address: &str) -> u16 {
        routing::home_lane(address, self.settings.lanes)
    }

    /// What an address's use relies on; forgets what is promised by now.
    pub(super) fn address_depends(&mut self, key: AddressKey) -> Vector {
        let Self { names, lanes, .. } = self;
        let Some(address) = names.address_mut(key) else { return Vector::new() };
        // Nearly always: what an address relies on is promised soon after it was made.
        if address.depends.is_empty() {
            return Vector::new();
        }
        address.depends.forget_covered(|lane| lanes.promises().of(lane));
        address.depends.clone()
    }

    /// The address of a message, made now if it may be. `None`: the request has to wait for another core.
    pub(super) fn address_for(
        &mut self,
        name: &str,
        routing: Option<RoutingType>,
    ) -> Result<Option<AddressKey>, Failure> {
        let known = self.names.find_address(name);
        let wants_queue = routing == Some(RoutingType::Anycast);
        if let Some(key) = known
            && (!wants_queue || self.names.address(key).is_some_and(|address| address.has(RoutingType::Anycast)))
        {
            return Ok(Some(key));
        }
        let Some(routing) = routing else { return Ok(known) };
        // A queue of this name behind another address is another queue, and there cannot be two: the address goes without.
        let needs_queue = wants_queue && self.names.find_queue(name).is_none();
        if known.is_some() && !needs_queue {
            return Ok(known);
        }
        if !self.may_make(known, name, needs_queue) {
            return match known {
                Some(key) => Ok(Some(key)),
                None => Err(Failure::new(FailureKind::NoSuchAddress, no_such_address(name))),
            };
        }
        if let Some(problem) = routing::name_problem(name) {
            return Err(Failure::new(FailureKind::IllegalState, format!("an address cannot be named so: {problem}")));
        }
        let missing = known.is_none().then_some(Permission::CreateAddress);
        let unmade = needs_queue.then_some(Permission::CreateDurableQueue);
        if let Some(permission) = missing.into_iter().chain(unmade).find(|permission| !self.may(*permission)) {
            return Err(Who::refused(
                permission,
                name,
                (!matches!(permission, Permission::CreateAddress)).then_some(name),
            ));
        }
        let binding = if needs_queue {
            made_on_first_use(name, name, routing)
        } else {
            Binding::Address { name: name.into(), routing: RoutingTypes::only(routing), auto_created: true }
        };
        match self.bind(None, binding) {
            Outcome::Done(Answer { reply: Err(failure), .. }) if failure.kind == FailureKind::QueueExists => Ok(known),
            Outcome::Done(Answer { reply: Err(failure), .. }) => Err(failure),
            Outcome::Done(_) => Ok(self.names.find_address(name)),
            Outcome::Later => Ok(None),
        }
    }

    /// What holds for an address, or would.
    pub fn address_settings(&self, address: &str) -> AddressSettings {
        self.settings.addresses.of(address)
    }

    /// May a first use make what is missing: an address that is not known, and a queue if one is needed?
    pub(super) fn may_make(&self, known: Option<AddressKey>, address: &str, needs_queue: bool) -> bool {
        let there = known.and_then(|key| self.names.address(key));
        let settings = there.map_or_else(|| self.address_settings(address), |there| there.settings);
        (there.is_some() || settings.auto_create_addresses) && (!needs_queue || settings.auto_create_queues)
    }

    /// Does anything wait for another core?
    pub(super) fn is_anybody_parked(&self) -> bool {
        !(self.creating.is_empty() && self.parked.is_empty())
    }

    /// Does a request have to wait behind one that waits for another core?
    pub(super) fn must_park(&self, request: &Request<'_>) -> bool {
        self.parked_sessions.contains(&request.from)
            || self.creating.values().any(|Creation { binding, .. }| {
                let (address, queue) = (request.ask.address(), request.ask.queue());
                address == Some(binding.address()) || (queue.is_some() && queue == binding.queue())
            })
    }

    pub(super) fn park(&mut self, request: Request<'_>) -> Outcome {
        self.parked_sessions.insert(request.from);
        self.parked_bytes += request.ask.bytes();
        self.parked.push_back(request.into_owned());
        self.parked_is_full = self.parked.len() >= limits::PARKED_MAX || self.parked_bytes > self.parked_bytes_max;
        Outcome::Later
    }

    /// Takes up what was parked, in order, as far as there is room; the rest follows at a later turn.
    pub(super) fn unpark(&mut self, deliver: &mut impl crate::mail::Deliver) {
        self.parked_sessions.clear();
        (self.unparking, self.parked_bytes, self.parked_is_full) = (false, 0, false);
        for request in std::mem::take(&mut self.parked) {
            if self.unparking || !self.has_room() {
                self.unparking = true;
                let _later = self.park(request);
                continue;
            }
            let (from, token) = (request.from, request.token);
            if let Outcome::Done(answer) = self.ask(request, deliver)
                && let Some(token) = token
            {
                deliver.answer(from, token, answer);
            }
        }
    }
}

/// What is said when there is no such address.
pub(super) fn no_such_address(name: &str) -> String {
    format!("AMQ229203: Address Does Not Exist: {name}")
}

/// The queue that a first message makes.
pub(super) fn made_on_first_use(address: &str, name: &str, routing: RoutingType) -> Binding {
    Binding::Queue(QueueDefinition {
        address: address.to_owned().into(),
        name: name.to_owned().into(),
        routing,
        lifetime: Lifetime::Durable,
        auto_created: true,
        purge_on_no_consumers: false,
        max_consumers: -1,
        filter: None,
        exists_is_fine: true,
        makes_address: true,
    })
}

/// A plain name finds a queue whatever its address; a qualified one only behind that address.
fn queue_address<'a>(of: &'a str, asked: &'a str, queue: &str) -> &'a str {
    if asked == queue { asked } else { of }
}

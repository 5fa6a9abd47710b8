//! The keeper of names: core 0 writes every change of addresses and queues into the bindings lane and numbers the queues.

use journal::{LaneId, Record, Vector};

use super::Home;
use super::queue::stored;
use super::rewrite::Directory;
use crate::mail::{Binding, Failure, FailureKind, Letter, Lifetime};
use crate::message::{CoreId, QueueId};
use crate::store::{encode, record};

/// What only core 0 knows.
#[derive(Debug)]
pub(super) struct Keeper {
    /// The number of the next queue.
    pub(super) next_queue: u32,
    /// The number of the next queue that no record names.
    next_unstored: QueueId,
    /// Every name of the store.
    pub(super) directory: Directory,
}

impl Keeper {
    /// A keeper of no names yet.
    pub(super) fn new() -> Self {
        Self { next_queue: 1, next_unstored: QueueId::FIRST_UNSTORED, directory: Directory::default() }
    }

    /// A binding is written.
    fn note(&mut self, binding: &Binding, number: QueueId) {
        let Directory { addresses, queues, queue_names, .. } = &mut self.directory;
        match binding {
            Binding::Address { name, routing, auto_created } => {
                let known = addresses.entry(name.clone()).or_insert((*routing, *auto_created));
                known.0 = known.0.with(*routing);
            }
            Binding::AddressGone { name } => {
                addresses.remove(name);
            }
            Binding::Queue(definition) => {
                queue_names.insert(definition.name.as_ref().into(), definition.address.as_ref().into());
                if number.is_stored() {
                    queues.insert(number.0, definition.clone());
                }
            }
            Binding::QueueChanged { id, definition } => {
                if id.is_stored() {
                    queues.insert(id.0, definition.clone());
                }
            }
            Binding::QueueGone { id, name, .. } => {
                queue_names.remove(name);
                queues.remove(&id.0);
            }
        }
    }
}

impl<B: journal::BlockBuffer> Home<B> {
    /// Another core asks for a binding.
    pub fn bind_for(&mut self, core: CoreId, ticket: u64, binding: &Binding) {
        let written = self.write_binding(binding);
        if let Err(failure) = &written
            && !matches!(failure.kind, FailureKind::QueueExists | FailureKind::NoSuchQueue)
        {
            crate::event!(JN303, "a change of names could not be written: {failure}");
        }
        self.letters.push_back((core, Letter::Bound { ticket, written }));
    }

    /// Writes a binding into this core's bindings lane. Gives what it relies on, and the queue's number.
    pub(super) fn write_binding(&mut self, binding: &Binding) -> Result<(Vector, QueueId), Failure> {
        let mut number = QueueId(0);
        let kind = match binding {
            Binding::Address { name, routing, auto_created } => {
                encode::address(&mut self.scratch, name, routing.bits(), *auto_created);
                record::ADDRESS
            }
            Binding::AddressGone { name } => {
                encode::address_gone(&mut self.scratch, name);
                record::ADDRESS_GONE
            }
            Binding::Queue(definition) => {
                let keeper = self.keeper.as_mut().ok_or_else(not_the_keeper)?;
                // Its home knows only of the queues there; a name is one queue's in the whole store.
                if let Some(address) = keeper.directory.queue_names.get(definition.name.as_ref()) {
                    let text = format!("AMQ229019: Queue {} already exists on address {address}", definition.name);
                    return Err(Failure::new(FailureKind::QueueExists, text));
                }
                if definition.lifetime != Lifetime::Durable {
                    number = keeper.next_unstored;
                    keeper.next_unstored = number.next_unstored();
                    keeper.note(binding, number);
                    return Ok((Vector::new(), number));
                }
                number = QueueId(keeper.next_queue);
                keeper.next_queue += 1;
                encode::queue(&mut self.scratch, &stored(definition, number));
                record::QUEUE
            }
            Binding::QueueChanged { id, definition } => {
                let keeper = self.keeper.as_mut().ok_or_else(not_the_keeper)?;
                // Its home may have asked for its end before; a record behind that would bring it back.
                let is_there = match id.is_stored() {
                    true => keeper.directory.queues.contains_key(&id.0),
                    false => keeper.directory.queue_names.contains_key(definition.name.as_ref()),
                };
                if !is_there {
                    let text = format!("AMQ229017: Queue {} does not exist", definition.name);
                    return Err(Failure::new(FailureKind::NoSuchQueue, text));
                }
                number = *id;
                if !id.is_stored() {
                    return Ok((Vector::new(), number));
                }
                encode::queue(&mut self.scratch, &stored(definition, number));
                record::QUEUE
            }
            Binding::QueueGone { id, .. } if !id.is_stored() => {
                self.keeper.as_mut().ok_or_else(not_the_keeper)?.note(binding, number);
                return Ok((Vector::new(), number));
            }
            Binding::QueueGone { id, .. } => {
                encode::queue_id(&mut self.scratch, *id);
                record::QUEUE_GONE
            }
        };
        let parts: [&[u8]; 1] = [&self.scratch];
        match self.lanes.append(LaneId::BINDINGS, Record::alone(kind, &parts), &Vector::new()) {
            Ok(appended) => {
                if let Some(keeper) = self.keeper.as_mut() {
                    keeper.note(binding, number);
                }
                Ok((Vector::of(LaneId::BINDINGS, appended.end), number))
            }
            Err(error) => Err(super::publish::refusal(&error)),
        }
    }
}

fn not_the_keeper() -> Failure {
    Failure::new(FailureKind::Internal, "this core does not keep the names")
}

//! Queues that are changed while they are in use.
//!
//! Takes what is to be different, gives a record that replaces the queue's old one. Must stay true: what cannot be changed is refused by
//! its name and nothing of the request is done; a consumer that is there is never one too many.

use journal::BlockBuffer;

use super::queue::Queue;
use super::{Home, Outcome, Who};
use crate::mail::{Binding, FailureKind, QueueUpdate, RoutingType};

impl<B: BlockBuffer> Home<B> {
    /// Changes a queue.
    pub(super) fn update_queue(&mut self, who: Who, update: &QueueUpdate) -> Outcome {
        let found = self.names.find_queue(&update.name).and_then(|key| self.names.queue(key));
        let found = found.and_then(|queue| Some((queue, self.names.address(queue.address)?)));
        let Some((queue, address)) = found else {
            return Outcome::failed(
                FailureKind::NoSuchQueue,
                format!("AMQ229017: Queue {} does not exist", update.name),
            );
        };
        if let Some(problem) = problem(queue, update) {
            return Outcome::failed(FailureKind::IllegalState, problem);
        }
        let before = queue.definition(&address.name);
        let mut definition = before.clone();
        definition.max_consumers = update.max_consumers.unwrap_or(definition.max_consumers);
        definition.purge_on_no_consumers = update.purge_on_no_consumers.unwrap_or(definition.purge_on_no_consumers);
        if definition == before {
            return Outcome::done(queue.depends.clone());
        }
        let id = queue.id;
        self.bind(Some(who), Binding::QueueChanged { id, definition })
    }
}

/// What of it cannot be done.
fn problem(queue: &Queue, update: &QueueUpdate) -> Option<String> {
    let name = &queue.name;
    if let Some(routing) = update.routing.filter(|routing| *routing != queue.routing) {
        let word = |routing| if routing == RoutingType::Anycast { "ANYCAST" } else { "MULTICAST" };
        let (is, wanted) = (word(queue.routing), word(routing));
        return Some(format!("queue {name} is {is}: its routing type cannot be changed to {wanted}"));
    }
    let text = queue.filter.as_ref().map_or("", |filter| filter.text());
    if let Some(filter) = update.filter.as_deref().filter(|filter| *filter != text) {
        return Some(format!("the filter of queue {name} cannot be changed to `{filter}`"));
    }
    let (most, has) = (update.max_consumers.unwrap_or(-1), queue.consumers.len());
    if most >= 0 && i64::from(most) < i64::try_from(has).unwrap_or(i64::MAX) {
        return Some(format!(
            "AMQ229210: Can't update queue {name} with maxConsumers: {most}. Current consumers are {has}."
        ));
    }
    None
}

//! The resource `queue.<name>` (`QueueControl`).

use serde_json::Value;

use super::{Call, Conversation, Request, Step, Then, text};
use crate::limits;
use crate::mail::{Ask, QueueDetail, Reply, RoutingType};

/// Begins a request about this queue.
pub(super) fn begin(request: Request, name: &str) -> Step {
    if let Some(property) = request.call.property() {
        let ask = Ask::DescribeQueue { address: name.to_owned().into(), queue: name.to_owned().into() };
        return Conversation::one(request, ask, Then::QueueProperty(property));
    }
    match &request.call {
        Call::Operation { name: operation, arguments } => match (operation.as_str(), arguments.as_slice()) {
            ("removeAllMessages", []) => purge(request, name, 0),
            ("removeMessages", [Value::Null]) => purge(request, name, 0),
            ("removeMessages", [Value::String(filter)]) if filter.trim().is_empty() => purge(request, name, 0),
            ("countMessages", []) => {
                let ask = Ask::DescribeQueue { address: name.to_owned().into(), queue: name.to_owned().into() };
                Conversation::one(request, ask, Then::QueueProperty("messageCount".to_owned()))
            }
            _ => Step::failed(request.call.unknown()),
        },
        Call::Attribute(_) => Step::failed(request.call.unknown()),
    }
}

/// Removes some messages more.
fn purge(request: Request, name: &str, total: u64) -> Step {
    let (address, queue) = (name.to_owned().into(), name.to_owned().into());
    let ask = Ask::Purge { address, queue, limit: limits::ACK_IDS_PER_RECORD };
    Conversation::one(request, ask, Then::Purging { total })
}

/// Some messages are gone: goes on until none is left.
pub(super) fn purged(request: Request, replies: Vec<Reply>, total: u64) -> Step {
    let gone = replies.iter().map(|reply| if let Reply::Count(count) = reply { *count } else { 0 }).sum::<u64>();
    if gone == 0 {
        return Step::value(total);
    }
    let name = request.resource.strip_prefix("queue.").unwrap_or_default().to_owned();
    purge(request, &name, total + gone)
}

/// What a queue says about itself.
pub(super) fn property(request: &Request, replies: Vec<Reply>, name: &str) -> Step {
    let rows = replies.into_iter().find_map(|reply| match reply {
        Reply::Queues(page) => Some(page.rows),
        _ => None,
    });
    let Some(queue) = rows.and_then(|rows| rows.into_iter().next()) else {
        return Step::failed(request.call.unknown_resource(&request.resource));
    };
    match value(&queue, name) {
        Some(value) => Step::value(value),
        None => Step::failed(request.call.unknown()),
    }
}

/// The queue as a text, as those hear it who changed it.
pub(super) fn as_text(request: &Request, replies: Vec<Reply>) -> Step {
    let rows = replies.into_iter().find_map(|reply| match reply {
        Reply::Queues(page) => Some(page.rows),
        _ => None,
    });
    match rows.and_then(|rows| rows.into_iter().next()) {
        Some(queue) => Step::value(text::described(&queue.state)),
        None => Step::failed(request.call.unknown_resource(&request.resource)),
    }
}

fn value(queue: &QueueDetail, name: &str) -> Option<Value> {
    let state = &queue.state;
    Some(match name {
        "name" => state.name.as_str().into(),
        "address" => state.address.as_str().into(),
        "iD" => queue.id.into(),
        "routingType" => {
            text::routing_word(RoutingType::from_number(state.routing).unwrap_or(RoutingType::Multicast)).into()
        }
        "messageCount" => state.messages.into(),
        "consumerCount" => state.consumers.into(),
        "deliveringCount" => queue.delivering.into(),
        "messagesAdded" => queue.added.into(),
        "messagesAcknowledged" => queue.acknowledged.into(),
        "messagesKilled" => queue.removed.into(),
        "messagesExpired" | "scheduledCount" => 0.into(),
        "maxConsumers" => state.max_consumers.into(),
        "purgeOnNoConsumers" => state.purge_on_no_consumers.into(),
        "autoDelete" => state.auto_delete.into(),
        "durable" => state.durable.into(),
        "temporary" => state.temporary.into(),
        "enabled" => true.into(),
        "paused" | "exclusive" | "lastValue" | "internalQueue" => false.into(),
        "filter" => state.filter.as_deref().map_or(Value::Null, Value::from),
        _ => return None,
    })
}

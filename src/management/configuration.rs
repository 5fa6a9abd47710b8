//! A queue as its configuration: one JSON object (`QueueConfiguration`), as newer programs describe what they want, and as they are told what there is.

use serde_json::{Map, Value, json};

use super::broker::NewQueue;
use super::{Request, Step, arguments, text};
use crate::mail::{Lifetime, QueueDefinition, QueueDetail, Reply, RoutingType};

/// What queues of this version have, whatever is asked for; another value is refused.
fn usual() -> Map<String, Value> {
    let all = json!({
        "exclusive": false, "group-rebalance": false, "group-rebalance-pause-dispatch": false, "group-buckets": -1,
        "last-value": false, "non-destructive": false, "consumers-before-dispatch": 0, "delay-before-dispatch": -1,
        "auto-delete": false, "auto-delete-delay": 0, "auto-delete-message-count": 0, "ring-size": -1,
        "configuration-managed": false, "temporary": false, "internal": false, "transient": false, "auto-created": false,
        "enabled": true,
    });
    if let Value::Object(all) = all { all } else { Map::new() }
}

/// The queue that is wanted.
///
/// # Errors
/// It is no such object, or wants what queues do not do.
pub(super) fn wanted(configuration: &str, exists_is_fine: bool) -> Result<NewQueue, String> {
    let Value::Object(object) = arguments::json(configuration)? else {
        return Err("the configuration of the queue is no JSON object".to_owned());
    };
    let said = |key: &str| object.get(key).filter(|value| !value.is_null());
    let name = said("name").and_then(arguments::text).filter(|name| !name.is_empty());
    let Some(name) = name else { return Err("the configuration of the queue names none".to_owned()) };
    let other = usual().into_iter().find(|(key, usual)| {
        let text = |value: &Value| arguments::text(value).unwrap_or_default();
        said(key).is_some_and(|value| text(value) != text(usual))
    });
    if let Some((key, _)) = other {
        return Err(format!("queues with {key} are not served by this version"));
    }
    let routing = match said("routing-type").and_then(arguments::text) {
        Some(word) => arguments::routing(&word).ok_or_else(|| format!("there is no routing type {word}"))?,
        None => RoutingType::Multicast,
    };
    let flag = |key: &str, usual: bool| said(key).and_then(arguments::flag).unwrap_or(usual);
    let max = said("max-consumers").and_then(arguments::number).and_then(|max| i32::try_from(max).ok());
    let filter = said("filter-string").and_then(arguments::text).filter(|filter| !filter.trim().is_empty());
    let definition = QueueDefinition {
        address: said("address").and_then(arguments::text).unwrap_or_else(|| name.clone()).into(),
        name: name.into(),
        routing,
        lifetime: if flag("durable", true) { Lifetime::Durable } else { Lifetime::Run },
        auto_created: false,
        purge_on_no_consumers: flag("purge-on-no-consumers", false),
        max_consumers: max.unwrap_or(-1),
        filter: filter.map(Into::into),
        exists_is_fine,
        makes_address: true,
    };
    Ok(NewQueue { definition, make_address: flag("auto-create-address", true) })
}

/// The queue that was made, as a text.
pub(super) fn told(request: &Request, replies: Vec<Reply>) -> Step {
    let rows =
        replies.into_iter().find_map(|reply| if let Reply::Queues(page) = reply { Some(page.rows) } else { None });
    match rows.and_then(|rows| rows.into_iter().next()) {
        Some(queue) => Step::value(Value::Object(configuration(&queue)).to_string()),
        None => Step::failed(request.call.unknown_resource(&request.resource)),
    }
}

fn configuration(queue: &QueueDetail) -> Map<String, Value> {
    let state = &queue.state;
    let routing = text::routing_word(RoutingType::from_number(state.routing).unwrap_or(RoutingType::Multicast));
    let mut all = Map::new();
    let mut put = |key: &str, value: Value| drop(all.insert(key.to_owned(), value));
    put("id", queue.id.into());
    put("name", state.name.as_str().into());
    put("address", state.address.as_str().into());
    put("routing-type", routing.into());
    if let Some(filter) = &state.filter {
        put("filter-string", filter.as_str().into());
    }
    put("durable", state.durable.into());
    put("max-consumers", state.max_consumers.into());
    put("purge-on-no-consumers", state.purge_on_no_consumers.into());
    for (key, value) in usual() {
        put(&key, value);
    }
    put("temporary", state.temporary.into());
    put("auto-created", state.auto_created.into());
    put("auto-delete", state.auto_delete.into());
    put("auto-create-address", true.into());
    put("fqqn", false.into());
    all
}

//! `updateQueue` in all its forms: with the values one after the other, as the command line asks, or as the JSON of a queue.
//!
//! Takes the arguments, gives the question for the queue's home. Must stay true: a value that a queue here cannot have, or cannot change,
//! is refused by its name, never passed over; what a queue has anyway may be said.

use serde_json::{Map, Value};

use super::{Conversation, Request, Step, Then, arguments};
use crate::mail::{Ask, QueueUpdate};

/// What follows the name in the forms with values one after the other; the reference has added to them over the years.
const FOUR: [&str; 3] = ["routing-type", "max-consumers", "purge-on-no-consumers"];
const FIVE: [&str; 4] = ["routing-type", "max-consumers", "purge-on-no-consumers", "exclusive"];
const SIX: [&str; 5] = ["routing-type", "max-consumers", "purge-on-no-consumers", "exclusive", "user"];
const LONG: [&str; 13] = [
    "routing-type",
    "filter-string",
    "max-consumers",
    "purge-on-no-consumers",
    "exclusive",
    "group-rebalance",
    "group-buckets",
    "group-first-key",
    "non-destructive",
    "consumers-before-dispatch",
    "delay-before-dispatch",
    "user",
    "ring-size",
];

/// Begins to change a queue.
pub(super) fn begin(request: Request, given: &[Value]) -> Step {
    let update = match wanted(given) {
        None => return Step::failed(request.call.unknown()),
        Some(Err(problem)) => return Step::failed(problem),
        Some(Ok(update)) => update,
    };
    // Who gives a configuration is told one.
    let then = Then::QueueChanged { name: update.name.to_string(), as_configuration: given.len() == 1 };
    Conversation::one(request, Ask::UpdateQueue(Box::new(update)), then)
}

/// `None`: there is no such form.
fn wanted(given: &[Value]) -> Option<Result<QueueUpdate, String>> {
    let (name, values) = given.split_first()?;
    let fields: Vec<&str> = match values.len() {
        0 => return Some(from_json(name)),
        3 => FOUR.to_vec(),
        4 => FIVE.to_vec(),
        5 => SIX.to_vec(),
        // Before groups had a first key, and before queues had a ring.
        11 => LONG.iter().copied().filter(|field| !matches!(*field, "group-first-key" | "ring-size")).collect(),
        12 => LONG.iter().copied().filter(|field| *field != "ring-size").collect(),
        13 => LONG.to_vec(),
        _ => return None,
    };
    Some(collect(name, fields.into_iter().zip(values)))
}

/// The queue as JSON, with the names of `QueueConfiguration`.
fn from_json(text: &Value) -> Result<QueueUpdate, String> {
    let no_json = || "the queue is no JSON object".to_owned();
    let Value::String(text) = text else { return Err(no_json()) };
    let Value::Object(fields) = arguments::json(text).map_err(|problem| format!("the queue's fields {problem}"))?
    else {
        return Err(no_json());
    };
    let name = fields.get("name").cloned().unwrap_or(Value::Null);
    let rest: Map<String, Value> = fields.into_iter().filter(|(field, _)| field != "name").collect();
    collect(&name, rest.iter().map(|(field, value)| (field.as_str(), value)))
}

fn collect<'a>(name: &Value, fields: impl Iterator<Item = (&'a str, &'a Value)>) -> Result<QueueUpdate, String> {
    let name = arguments::text(name).filter(|name| !name.is_empty()).ok_or("the queue has no name")?;
    let mut update = QueueUpdate {
        name: name.clone().into(),
        routing: None,
        filter: None,
        max_consumers: None,
        purge_on_no_consumers: None,
    };
    for (field, value) in fields.filter(|(_, value)| !value.is_null()) {
        let wrong = || format!("{field} of queue {name} cannot be {value}");
        match field {
            "routing-type" => {
                let routing = arguments::text(value).and_then(|word| arguments::routing(&word));
                update.routing = Some(routing.ok_or_else(wrong)?);
            }
            "filter-string" => update.filter = Some(arguments::text(value).ok_or_else(wrong)?.trim().into()),
            "max-consumers" => {
                let most = arguments::number(value).and_then(|most| i32::try_from(most).ok());
                update.max_consumers = Some(most.filter(|most| *most >= -1).ok_or_else(wrong)?);
            }
            "purge-on-no-consumers" => update.purge_on_no_consumers = Some(arguments::flag(value).ok_or_else(wrong)?),
            other => has_anyway(other, value).then_some(()).ok_or_else(wrong)?,
        }
    }
    Ok(update)
}

/// Values that every queue here has.
fn has_anyway(field: &str, value: &Value) -> bool {
    match field {
        "exclusive" | "group-rebalance" | "group-rebalance-pause-dispatch" | "non-destructive" | "last-value" => {
            arguments::flag(value) == Some(false)
        }
        "enabled" => arguments::flag(value) == Some(true),
        "group-buckets" | "delay-before-dispatch" | "ring-size" => arguments::number(value) == Some(-1),
        "consumers-before-dispatch" => arguments::number(value) == Some(0),
        "group-first-key" | "last-value-key" | "user" => arguments::text(value).is_some_and(|text| text.is_empty()),
        _ => false,
    }
}

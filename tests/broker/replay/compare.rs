//! Whether two packets of servers say the same.
//!
//! Allowed differences, each with its reason:
//!
//! | field | why it may differ |
//! | --- | --- |
//! | message ids | the server gives them; those of an acknowledgement are translated |
//! | the text of an exception | for people; programs go by the code |
//! | the body of the answer to a forced delivery | nobody reads it; the reference has four bytes of nothing there |
//! | the order of an address's queues | the reference has them in a set |
//! | the value of a request's result | the server's own names, numbers and times; its kind is the same, and the keys in it are there |
//! | node id, event id and addresses of a topology | each node has its own |

use protocol::core::identity::MessageId;
use protocol::core::packet::Packet;
use protocol::core::packet::query::BindingQueryResponse;
use protocol::message::{HeaderView, MessageView, property_name};
use serde_json::Value;

/// How much of a difference is shown on either side.
const SHOWN_CHARS: usize = 60;

/// Gives the ids of messages there and here, or the difference.
pub(super) fn same(theirs: &Packet<'_>, ours: &Packet<'_>) -> Result<Vec<(MessageId, MessageId)>, String> {
    let mut ids = Vec::new();
    let equal = match (theirs, ours) {
        (Packet::Exception(theirs), Packet::Exception(ours)) => {
            theirs.code == ours.code && theirs.correlation_id == ours.correlation_id
        }
        (Packet::ClusterTopology(theirs), Packet::ClusterTopology(ours)) => {
            let shape = |pair: &protocol::core::packet::topology::Pair<'_>| {
                (pair.live.is_some(), pair.backup.is_some(), pair.last)
            };
            theirs.form == ours.form
                && theirs.pair.as_ref().map(shape) == ours.pair.as_ref().map(shape)
                && theirs.server_version == ours.server_version
        }
        (Packet::BindingQueryResponse(theirs), Packet::BindingQueryResponse(ours)) => {
            let sorted = |response: &BindingQueryResponse<'_>| {
                let mut names: Vec<String> = response.queue_names.iter().map(|name| name.to_string()).collect();
                names.sort_unstable();
                names
            };
            sorted(theirs) == sorted(ours) && {
                let ours = BindingQueryResponse { queue_names: theirs.queue_names, ..*ours };
                *theirs == ours
            }
        }
        (Packet::ReceiveMessage(theirs), Packet::ReceiveMessage(ours)) => {
            let (there, here) =
                (MessageView::parse(theirs.message).unwrap(), MessageView::parse(ours.message).unwrap());
            ids.push((there.header.message_id, here.header.message_id));
            theirs.trailer == ours.trailer
                && without_id(there.header) == without_id(here.header)
                && (there.body() == here.body() || is_forced(&there) || is_result_like(&there, &here))
        }
        _ => theirs == ours,
    };
    if equal { Ok(ids) } else { Err(difference(&format!("{theirs:?}"), &format!("{ours:?}"))) }
}

/// An answer to a forced delivery, not a message.
fn is_forced(view: &MessageView<'_>) -> bool {
    view.header.properties.get(property_name::FORCED_DELIVERY_SEQUENCE).unwrap().is_some()
}

/// Two results of a request to look after the broker, as JSON.
fn is_result_like(theirs: &MessageView<'_>, ours: &MessageView<'_>) -> bool {
    let value = |view: &MessageView<'_>| -> Option<Value> {
        view.header.properties.get(property_name::SUCCEEDED).unwrap()?;
        serde_json::from_str(&view.text()?.to_string()).ok()
    };
    value(theirs).zip(value(ours)).is_some_and(|(theirs, ours)| is_like(&theirs, &ours))
}

/// Values of the same kind, and objects with the same keys; a later release than the recorded one has more. A text may be JSON itself.
fn is_like(theirs: &Value, ours: &Value) -> bool {
    match (theirs, ours) {
        (Value::Number(_), Value::Number(_)) => true,
        (Value::Array(theirs), Value::Array(ours)) => {
            theirs.first().zip(ours.first()).map_or(theirs.len() == ours.len(), |(theirs, ours)| is_like(theirs, ours))
        }
        (Value::Object(theirs), Value::Object(ours)) => {
            let same = |(key, theirs)| ours.get(key).is_some_and(|ours| is_like(theirs, ours));
            theirs.iter().all(same)
        }
        (Value::String(theirs), Value::String(ours)) => match serde_json::from_str(theirs) {
            Ok(theirs @ (Value::Object(_) | Value::Array(_))) => {
                serde_json::from_str(ours).is_ok_and(|ours| is_like(&theirs, &ours))
            }
            _ => true,
        },
        _ => theirs == ours,
    }
}

/// Where two texts differ.
fn difference(theirs: &str, ours: &str) -> String {
    let same = theirs.chars().zip(ours.chars()).take_while(|(a, b)| a == b).count();
    let part = |text: &str| -> String {
        let kind: String = text.chars().take_while(|letter| *letter != '(').collect();
        let place: String = text.chars().skip(same.saturating_sub(SHOWN_CHARS)).take(2 * SHOWN_CHARS).collect();
        format!("{kind} …{place}…")
    };
    format!("the reference: {}; RingMQ: {}", part(theirs), part(ours))
}

fn without_id(header: HeaderView<'_>) -> HeaderView<'_> {
    HeaderView { message_id: MessageId::UNASSIGNED, ..header }
}

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
//! | node id, event id and addresses of a topology | each node has its own |

use protocol::core::identity::MessageId;
use protocol::core::packet::Packet;
use protocol::core::packet::query::BindingQueryResponse;
use protocol::message::{HeaderView, MessageView, property_name};

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
                && (there.body() == here.body() || is_forced(&there))
        }
        _ => theirs == ours,
    };
    if equal { Ok(ids) } else { Err(difference(&format!("{theirs:?}"), &format!("{ours:?}"))) }
}

/// An answer to a forced delivery, not a message.
fn is_forced(view: &MessageView<'_>) -> bool {
    view.header.properties.get(property_name::FORCED_DELIVERY_SEQUENCE).unwrap().is_some()
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

//! The resource `address.<name>` (`AddressControl`), and addresses as texts.

use serde_json::Value;

use super::{Conversation, Request, Step, Then, listing, text};
use crate::mail::{AddressDetail, Ask, Reply};

/// Begins a request about this address.
pub(super) fn begin(request: Request, name: &str) -> Step {
    match request.call.property() {
        Some(property) => Conversation::one(request, one(name), Then::AddressProperty(property)),
        None => Step::failed(request.call.unknown()),
    }
}

/// The question for one address.
pub(super) fn one(name: &str) -> Ask<'static> {
    Ask::ListAddresses { only: Some(name.to_owned().into()) }
}

/// What an address says about itself.
pub(super) fn property(request: &Request, replies: Vec<Reply>, name: &str) -> Step {
    let Some(address) = listing::addresses(replies).into_iter().next() else {
        return Step::failed(request.call.unknown_resource(&request.resource));
    };
    match value(&address, name) {
        Some(value) => Step::value(value),
        None => Step::failed(request.call.unknown()),
    }
}

fn value(address: &AddressDetail, name: &str) -> Option<Value> {
    Some(match name {
        "address" => address.name.as_str().into(),
        "queueNames" | "allQueueNames" => address.queues.clone().into(),
        "queueCount" => address.queues.len().into(),
        "messageCount" => address.messages.into(),
        "routingTypes" => text::words(address.routing).into(),
        "paused" | "paging" => false.into(),
        _ => return None,
    })
}

/// The name of the address in a request of the broker about one.
fn asked(request: &Request) -> String {
    match &request.call {
        super::Call::Operation { arguments, .. } => {
            arguments.first().and_then(super::arguments::text).unwrap_or_default()
        }
        super::Call::Attribute(_) => String::new(),
    }
}

/// `getAddressInfo`.
pub(super) fn as_text(replies: Vec<Reply>, request: &Request) -> Step {
    match listing::addresses(replies).into_iter().next() {
        Some(address) => Step::value(text::address(&address.name, address.routing, address.auto_created)),
        None => Step::failed(does_not_exist(&asked(request))),
    }
}

/// `listBindingsForAddress`.
pub(super) fn bindings_as_text(replies: Vec<Reply>, request: &Request) -> Step {
    match listing::addresses(replies).into_iter().next() {
        Some(address) => Step::value(address.queues.join("\n")),
        None => Step::failed(does_not_exist(&asked(request))),
    }
}

/// What is said when there is no such address.
pub(super) fn does_not_exist(name: &str) -> String {
    format!("AMQ229203: Address Does Not Exist: {name}")
}

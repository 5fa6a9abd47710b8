//! What earlier conversations with the reference had left: it was not made anew for each.
//!
//! A queue that is there when the conversation begins, and messages that come out although nobody in it sent them; and what its
//! configuration made at its start.

use std::collections::{BTreeMap, BTreeSet};

use bench::captures::{Capture, Versions};
use protocol::core::identity::{ChannelId, CorrelationId, ProducerId, RoutingType};
use protocol::core::list::List;
use protocol::core::packet::query::QueueQueryResponse;
use protocol::core::packet::queue::{CreateAddress, CreateQueueV2, GroupCount, QueueAttributes, QueueDefinition};
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{Packet, decode, encode};
use protocol::core::version::Version;
use protocol::limits::LENGTH_PREFIX_BYTES;
use protocol::message::{MessageBuilder, MessageView, UserId};
use protocol::simple_string::SimpleString;

use super::play::ADMIN;
use crate::peer::{AUTOMATIC, create_queue, log_in};
use crate::rig::Rig;

/// Puts it there.
pub(super) fn leave(rig: &mut Rig, capture: &Capture) {
    let found = configured(capture).into_iter().chain(found(capture));
    let peer = rig.greet(0);
    rig.receive(peer, &log_in(10, AUTOMATIC, Some((ADMIN, "adminpass123"))));
    rig.settle();
    for bytes in found {
        rig.receive(peer, &bytes);
        rig.settle();
    }
    rig.lose(peer);
    rig.settle();
    rig.take_heard(peer);
}

/// The packets that make what the reference's configuration names.
fn configured(capture: &Capture) -> Vec<Vec<u8>> {
    let topic = SimpleString::from("noauto.topic");
    let types = [RoutingType::MULTICAST];
    let address = CreateAddress {
        address: topic.as_simple(),
        routing_types: List::of(&types),
        requires_response: true,
        auto_created: false,
    };
    let queue = |name: &str| create_queue(ChannelId::FIRST_SESSION.0, name, name, RoutingType::ANYCAST);
    let mut made = vec![frame(&Packet::CreateAddress(address)), queue("DLQ"), queue("ExpiryQueue")];
    if capture.name == "cli-queue-stat" {
        // Seen in nothing but the result.
        made.push(queue("haQueue"));
    }
    made
}

/// The packets that make it.
fn found(capture: &Capture) -> Vec<Vec<u8>> {
    let mut versions = Versions::default();
    let mut made: BTreeSet<String> = BTreeSet::new();
    let mut sent: BTreeSet<Option<[u8; 16]>> = BTreeSet::from([None]);
    let (mut queues, mut messages) = (Vec::new(), Vec::new());
    let mut waiting: BTreeMap<String, i64> = BTreeMap::new();
    let frames =
        capture.lines.iter().filter(|line| line.bytes.len() > LENGTH_PREFIX_BYTES && line.remark != "malformed");
    for line in frames.filter(|line| line.name != "HANDSHAKE") {
        let frame = decode(&line.bytes[LENGTH_PREFIX_BYTES..], line.direction, versions.of(line.connection)).unwrap();
        versions.track(line.connection, &frame);
        match &frame.packet {
            Packet::CreateQueueV2(create) => drop(made.insert(create.definition.name.to_string())),
            Packet::CreateSharedQueueV2(create) => drop(made.insert(create.definition.name.to_string())),
            Packet::QueueQueryResponse(response) => {
                let name = response.queue.name.map(|name| name.to_string()).unwrap_or_default();
                if response.queue.exists && made.insert(name.clone()) {
                    queues.push(create(response));
                    waiting.insert(name, response.queue.message_count);
                }
            }
            Packet::Send(send) => {
                sent.insert(user_id(send.message));
                made.insert(address(send.message));
            }
            Packet::ReceiveMessage(receive) if sent.insert(user_id(receive.message)) => {
                messages.push(again(receive.message));
                *waiting.entry(address(receive.message)).or_default() -= 1;
            }
            _ => {}
        }
    }
    // Behind those that come out there were others.
    for (address, count) in waiting {
        for _ in 0..count {
            let mut message = Vec::new();
            MessageBuilder::new(&address)
                .text("of before")
                .durable(true)
                .routing_type(RoutingType::ANYCAST)
                .write(&mut message);
            messages.push(again(&message));
        }
    }
    queues.into_iter().chain(messages).collect()
}

fn address(message: &[u8]) -> String {
    MessageView::parse(message).unwrap().header.address.map(|name| name.to_string()).unwrap_or_default()
}

fn user_id(message: &[u8]) -> Option<[u8; 16]> {
    MessageView::parse(message).unwrap().header.user_id.map(|UserId(id)| id)
}

fn frame(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(ChannelId::FIRST_SESSION, packet, Version::NEWEST, &mut bytes).unwrap();
    bytes
}

fn create(found: &QueueQueryResponse<'_>) -> Vec<u8> {
    let definition = QueueDefinition {
        address: found.queue.address.unwrap(),
        name: found.queue.name.unwrap(),
        filter: found.queue.filter,
        durable: found.queue.durable,
        temporary: found.queue.temporary,
        requires_response: true,
        auto_created: found.definition.auto_created,
        routing_type: found.definition.routing_type,
        max_consumers: found.definition.max_consumers,
        purge_on_no_consumers: found.definition.purge_on_no_consumers,
    };
    frame(&Packet::CreateQueueV2(CreateQueueV2 {
        definition,
        attributes: QueueAttributes::default(),
        groups: GroupCount::ALL,
    }))
}

fn again(message: &[u8]) -> Vec<u8> {
    let trailer =
        SendTrailer { requires_response: true, correlation_id: CorrelationId(1), producer_id: ProducerId::UNNAMED };
    frame(&Packet::Send(Send { message, trailer }))
}

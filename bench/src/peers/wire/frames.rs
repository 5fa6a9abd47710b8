//! What a CORE client says first, as bytes: the handshake, a sign of life, a wish for the topology, a session and its start; and a message.

use protocol::core::frame::HANDSHAKE;
use protocol::core::identity::{ChannelId, CorrelationId, ProducerId, RoutingType};
use protocol::core::packet::connection::Ping;
use protocol::core::packet::session::{CreateSession, SessionForm, SessionSettings};
use protocol::core::packet::topology::SubscribeTopologyV2;
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{Packet, encode};
use protocol::core::version::Version;
use protocol::message::MessageBuilder;

/// The channel of the only session.
pub(crate) const SESSION: ChannelId = ChannelId::FIRST_SESSION;

/// The bytes of one packet.
pub(crate) fn frame(channel: ChannelId, packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // None of these is longer than a frame may be.
    let _fits = encode(channel, packet, Version::NEWEST, &mut bytes);
    bytes
}

/// A wish for the topology, whose answer is longer than it.
pub(crate) fn subscribe() -> Vec<u8> {
    let subscribe = SubscribeTopologyV2 { is_cluster_connection: false, client_version: Version::NEWEST };
    frame(ChannelId::PING, &Packet::SubscribeTopologyV2(subscribe))
}

/// A sign of life of a client that may be silent for so long; −1 for ever.
pub(crate) fn ping(ttl_ms: i64) -> Vec<u8> {
    frame(ChannelId::PING, &Packet::Ping(Ping { connection_ttl_ms: ttl_ms }))
}

/// What any client says first.
pub(crate) fn greeting(ttl_ms: i64) -> Vec<u8> {
    [HANDSHAKE.to_vec(), ping(ttl_ms), subscribe()].concat()
}

/// The wish for a session, and its start.
pub(crate) fn session(name: &str) -> Vec<u8> {
    let settings = SessionSettings::plain(name, SESSION);
    let create = CreateSession { form: SessionForm::V1, settings, client_id: None };
    [frame(ChannelId::SESSION, &Packet::CreateSession(create)), frame(SESSION, &Packet::SessionStart)].concat()
}

/// A message of so many bytes; its sender wants an answer or not.
pub(crate) fn message(address: &str, durable: bool, answer: bool, bytes: usize) -> Vec<u8> {
    let mut message = Vec::new();
    let builder = MessageBuilder::new(address).durable(durable).bytes(&vec![7; bytes]);
    builder.routing_type(RoutingType::ANYCAST).write(&mut message);
    let trailer =
        SendTrailer { requires_response: answer, correlation_id: CorrelationId(1), producer_id: ProducerId::UNNAMED };
    frame(SESSION, &Packet::Send(Send { message: &message, trailer }))
}

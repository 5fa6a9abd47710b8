//! What the clients of the measured core say: frames, made once.

use protocol::core::frame::HANDSHAKE;
use protocol::core::identity::{ChannelId, ConsumerId, CorrelationId, MessageId, ProducerId, RoutingType};
use protocol::core::packet::consumer::{Acknowledge, CreateConsumer};
use protocol::core::packet::credit::ConsumerCredits;
use protocol::core::packet::response::NullResponse;
use protocol::core::packet::session::{CreateSession, SessionForm, SessionSettings};
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{Packet, encode};
use protocol::core::version::Version;
use protocol::message::MessageBuilder;
use protocol::simple_string::SimpleString;

/// The version that the clients speak.
pub(crate) const VERSION: Version = Version::NEWEST;
/// The body of every message.
const BODY_BYTES: usize = 1_024;
/// Where everything is sent.
pub(crate) const ADDRESS: &str = "icount.queue";
const CHANNEL: ChannelId = ChannelId(10);
const CONSUMER: ConsumerId = ConsumerId(0);

/// The frames of one packet, appended.
fn put(channel: ChannelId, packet: &Packet<'_>, out: &mut Vec<u8>) {
    // Everything here is far below the longest frame.
    let _fits = encode(channel, packet, VERSION, out);
}

/// A connection with one session: handshake, then CREATESESSION.
pub(crate) fn hello() -> Vec<u8> {
    let mut out = HANDSHAKE.to_vec();
    let settings = SessionSettings::plain("icount", CHANNEL);
    let create = CreateSession { form: SessionForm::V2, settings, client_id: None };
    put(ChannelId::SESSION, &Packet::CreateSession(create), &mut out);
    out
}

/// Opens a consumer of the queue, without credit.
pub(crate) fn consume() -> Vec<u8> {
    let mut out = Vec::new();
    let name = SimpleString::from(ADDRESS);
    put(CHANNEL, &Packet::SessionStart, &mut out);
    let create = CreateConsumer {
        consumer_id: CONSUMER,
        queue_name: name.as_simple(),
        filter: None,
        browse_only: false,
        requires_response: true,
        priority: 0,
    };
    put(CHANNEL, &Packet::CreateConsumer(create), &mut out);
    out
}

/// Credit for the consumer.
pub(crate) fn credit(bytes: i32) -> Vec<u8> {
    let mut out = Vec::new();
    put_credit(bytes, &mut out);
    out
}

/// The same, appended.
pub(crate) fn put_credit(bytes: i32, out: &mut Vec<u8>) {
    put(CHANNEL, &Packet::ConsumerCredits(ConsumerCredits { consumer_id: CONSUMER, credits: bytes }), out);
}

/// One durable message of 1 KiB, as the broker stores it.
fn message() -> Vec<u8> {
    let body: Vec<u8> = (0..BODY_BYTES).map(|at| (at % 251) as u8).collect();
    let mut message = Vec::new();
    MessageBuilder::new(ADDRESS)
        .bytes(&body)
        .durable(true)
        .timestamp_ms(1_700_000_000_000)
        .routing_type(RoutingType::ANYCAST)
        .write(&mut message);
    message
}

/// A send of that message, whose sender waits for the answer.
pub(crate) fn send(number: u64) -> Vec<u8> {
    let trailer = SendTrailer {
        requires_response: true,
        correlation_id: CorrelationId(number.cast_signed()),
        producer_id: ProducerId(0),
    };
    let mut out = Vec::new();
    put(CHANNEL, &Packet::Send(Send { message: &message(), trailer }), &mut out);
    out
}

/// The length of the answer to a send.
pub(crate) fn answer_bytes() -> usize {
    let mut out = Vec::new();
    put(CHANNEL, &Packet::NullResponse(NullResponse { correlation_id: CorrelationId(0) }), &mut out);
    out.len()
}

/// What a delivery costs in credit.
pub(crate) fn delivery_bytes() -> usize {
    message().len() + ringmq::mail::DELIVERY_FRAME_BYTES
}

/// One delivery is consumed; nobody waits for the answer, as clients do it.
pub(crate) fn acknowledge(message: MessageId, out: &mut Vec<u8>) {
    let ack = Acknowledge { consumer_id: CONSUMER, message_id: message, requires_response: false };
    put(CHANNEL, &Packet::IndividualAcknowledge(ack), out);
}

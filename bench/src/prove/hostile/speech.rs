//! What hostile clients say: bytes, built once and written as they are.

use protocol::core::frame::HANDSHAKE;
use protocol::core::identity::{ChannelId, ConsumerId, CorrelationId, ProducerId, RoutingType};
use protocol::core::packet::connection::Ping;
use protocol::core::packet::consumer::CreateConsumer;
use protocol::core::packet::credit::ConsumerCredits;
use protocol::core::packet::queue::{CreateQueueV2, GroupCount, QueueAttributes, QueueDefinition};
use protocol::core::packet::session::{CreateSession, SessionForm, SessionSettings};
use protocol::core::packet::topology::SubscribeTopologyV2;
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{Packet, encode};
use protocol::core::version::Version;
use protocol::message::MessageBuilder;
use protocol::simple_string::SimpleString;
use ringmq::limits::FRAME_BYTES_BEFORE_LOGIN;

use crate::prove::random::Random;

/// The channel of the only session.
const SESSION: ChannelId = ChannelId::FIRST_SESSION;
/// Bytes of a body that is sent without credits.
const FLOOD_BODY_BYTES: usize = 10 * 1024;
/// Garbage of one connection.
const GARBAGE_BYTES: usize = 64 * 1024;

fn frame(channel: ChannelId, packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // None of these is longer than a frame may be.
    let _fits = encode(channel, packet, Version::NEWEST, &mut bytes);
    bytes
}

/// A wish for the topology, whose answer is longer than it.
pub(super) fn subscribe() -> Vec<u8> {
    let subscribe = SubscribeTopologyV2 { is_cluster_connection: false, client_version: Version::NEWEST };
    frame(ChannelId::PING, &Packet::SubscribeTopologyV2(subscribe))
}

/// A sign of life of a client that may be silent for so long; −1 for ever.
pub(super) fn ping(ttl_ms: i64) -> Vec<u8> {
    frame(ChannelId::PING, &Packet::Ping(Ping { connection_ttl_ms: ttl_ms }))
}

/// What any client says first.
pub(super) fn greeting(ttl_ms: i64) -> Vec<u8> {
    [HANDSHAKE.to_vec(), ping(ttl_ms), subscribe()].concat()
}

/// The wish for a session, and its start.
pub(super) fn session(name: &str) -> Vec<u8> {
    let settings = SessionSettings {
        name: name.into(),
        channel: SESSION,
        version: Version::NEWEST,
        user: None,
        password: None,
        min_large_message_size: 100 << 10,
        xa: false,
        auto_commit_sends: true,
        auto_commit_acks: true,
        confirmation_window: -1,
        pre_acknowledge: false,
        default_address: None,
    };
    let create = CreateSession { form: SessionForm::V1, settings, client_id: None };
    [frame(ChannelId::SESSION, &Packet::CreateSession(create)), frame(SESSION, &Packet::SessionStart)].concat()
}

/// A temporary queue, a consumer on it, and credits without end.
pub(super) fn greedy_consumer(queue: &str) -> Vec<u8> {
    let name = SimpleString::from(queue);
    let definition = QueueDefinition {
        address: name.as_simple(),
        name: name.as_simple(),
        filter: None,
        durable: false,
        temporary: true,
        requires_response: false,
        auto_created: true,
        routing_type: RoutingType::ANYCAST,
        max_consumers: -1,
        purge_on_no_consumers: false,
    };
    let queue = CreateQueueV2 { definition, attributes: QueueAttributes::default(), groups: GroupCount::ALL };
    let consumer = CreateConsumer {
        consumer_id: ConsumerId(1),
        queue_name: name.as_simple(),
        filter: None,
        browse_only: false,
        requires_response: false,
        priority: 0,
    };
    let credits = ConsumerCredits { consumer_id: ConsumerId(1), credits: -1 };
    [
        frame(SESSION, &Packet::CreateQueueV2(queue)),
        frame(SESSION, &Packet::CreateConsumer(consumer)),
        frame(SESSION, &Packet::ConsumerCredits(credits)),
    ]
    .concat()
}

/// A consumer that looks at the messages of a queue, with credits for all.
pub(super) fn browser(queue: &str) -> Vec<u8> {
    let name = SimpleString::from(queue);
    let consumer = CreateConsumer {
        consumer_id: ConsumerId(1),
        queue_name: name.as_simple(),
        filter: None,
        browse_only: true,
        requires_response: false,
        priority: 0,
    };
    let credits = ConsumerCredits { consumer_id: ConsumerId(1), credits: -1 };
    [frame(SESSION, &Packet::CreateConsumer(consumer)), frame(SESSION, &Packet::ConsumerCredits(credits))].concat()
}

/// A message that nobody gave credits for; its sender wants an answer or not.
pub(super) fn send(address: &str, durable: bool, answer: bool) -> Vec<u8> {
    message(address, durable, answer, FLOOD_BODY_BYTES)
}

/// A message of this size that lives in memory; its sender wants an answer.
pub(super) fn large(address: &str, bytes: usize) -> Vec<u8> {
    message(address, false, true, bytes)
}

fn message(address: &str, durable: bool, answer: bool, bytes: usize) -> Vec<u8> {
    let mut message = Vec::new();
    let builder = MessageBuilder::new(address).durable(durable).bytes(&vec![7; bytes]);
    builder.routing_type(RoutingType::ANYCAST).write(&mut message);
    let trailer =
        SendTrailer { requires_response: answer, correlation_id: CorrelationId(1), producer_id: ProducerId::UNNAMED };
    frame(SESSION, &Packet::Send(Send { message: &message, trailer }))
}

/// The beginning of a frame of this length: all but its last bytes.
pub(super) fn unfinished(length: usize, missing: usize) -> Vec<u8> {
    let declared = u32::try_from(length).unwrap_or(u32::MAX);
    [declared.to_be_bytes().as_slice(), &vec![30; length.saturating_sub(missing)]].concat()
}

/// Everything that no client sends: each is answered by the end of its connection.
pub(super) fn malformed(random: &mut Random) -> Vec<Vec<u8>> {
    let declared = |length: i32| [&HANDSHAKE, length.to_be_bytes().as_slice(), &[30; 100]].concat();
    let garbage: Vec<u8> = (0..GARBAGE_BYTES / 8).flat_map(|_| random.number().to_be_bytes()).collect();
    let beyond = i32::try_from(FRAME_BYTES_BEFORE_LOGIN).unwrap_or(i32::MAX);
    vec![
        declared(i32::MAX),
        declared(-1),
        declared(i32::MIN),
        declared(beyond + 1),
        declared(3),
        garbage.clone(),
        [HANDSHAKE.to_vec(), 2_000_u32.to_be_bytes().to_vec(), garbage].concat(),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
    ]
}

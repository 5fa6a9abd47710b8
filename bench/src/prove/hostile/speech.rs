//! What hostile clients say beside what every client says first ([`frames`](crate::peers::wire::frames)): bytes, built once and written as they are.

use protocol::core::frame::HANDSHAKE;
use protocol::core::identity::{ConsumerId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::CreateConsumer;
use protocol::core::packet::credit::ConsumerCredits;
use protocol::core::packet::queue::{CreateQueueV2, GroupCount, QueueAttributes, QueueDefinition};
use protocol::simple_string::SimpleString;
use ringmq::limits::FRAME_BYTES_BEFORE_LOGIN;

use crate::peers::wire::frames::{SESSION, frame, message};
use crate::prove::random::Random;

/// Bytes of a body that is sent without credits.
const FLOOD_BODY_BYTES: usize = 10 * 1024;
/// Garbage of one connection.
const GARBAGE_BYTES: usize = 64 * 1024;

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

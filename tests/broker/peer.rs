//! What clients say and hear: packets in, summaries of packets out.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::core::error_code::ErrorCode;
use protocol::core::frame::{HANDSHAKE, Split, split};
use protocol::core::identity::{
    ChannelId, ConsumerId, CorrelationId, ForcedSequence, MessageId, ProducerId, RoutingType,
};
use protocol::core::list::List;
use protocol::core::packet::consumer::{Acknowledge, ConsumerClose, CreateConsumer, ForceDelivery};
use protocol::core::packet::credit::{ConsumerCredits, ProducerCredits};
use protocol::core::packet::queue::{CreateAddress, CreateQueueV2, GroupCount, QueueAttributes, QueueDefinition};
use protocol::core::packet::session::{CreateSession, Password, SessionForm, SessionSettings};
use protocol::core::packet::topology::SubscribeTopologyV2;
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{Direction, Packet, decode, encode};
use protocol::core::version::Version;
use protocol::limits::FRAME_BYTES_MAX;
use protocol::message::{MessageBuilder, MessageView, PropertyValue, property_name};
use protocol::simple_string::SimpleString;

use crate::rig::{Peer, Rig};

/// The channel of a client's session, where it has one.
pub(crate) const OWN: i64 = 10;
/// A consumer of it, where it has one.
pub(crate) const CONSUMER: i64 = 0;

/// Something that a client heard on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) channel: i64,
    pub(crate) what: What,
}

/// What it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Null(i64),
    Exception(ErrorCode, Option<i64>),
    Confirmed(i32),
    Delivery {
        consumer: i64,
        id: i64,
        deliveries: i32,
        text: String,
    },
    /// The answer to the question of this number whether there is more.
    NothingMore {
        consumer: i64,
        sequence: i64,
    },
    Queue {
        exists: bool,
        address: String,
        name: String,
        consumers: i32,
        messages: i64,
    },
    Address {
        exists: bool,
        queues: Vec<String>,
    },
    SessionOpen,
    /// Producer credits, or the refusal of them.
    Credits {
        credits: i32,
        address: String,
        granted: bool,
    },
    Reattached(i32, bool),
    Other(String),
}

/// How a session is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) automatic: bool,
    /// Confirmation window in bytes.
    pub(crate) window: i32,
}

/// Sends and acknowledgements take effect one by one.
pub(crate) const AUTOMATIC: How = How { automatic: true, window: -1 };
/// Both take effect with a commit.
pub(crate) const TRANSACTED: How = How { automatic: false, window: -1 };

impl Rig {
    /// A client that has said which protocol it speaks.
    pub(crate) fn greet(&mut self, core: usize) -> Peer {
        let peer = self.connect(core);
        self.receive(peer, &HANDSHAKE);
        let subscribe = SubscribeTopologyV2 { is_cluster_connection: false, client_version: Version::NEWEST };
        self.tell(peer, 0, &Packet::SubscribeTopologyV2(subscribe));
        peer
    }

    /// A client with one session, on channel 10.
    pub(crate) fn session(&mut self, core: usize, how: How) -> Peer {
        let peer = self.greet(core);
        self.receive(peer, &create_session(10, how));
        self.settle();
        let heard = self.hear(peer);
        assert!(heard.iter().any(|heard| heard.what == What::SessionOpen), "{heard:?}");
        peer
    }

    /// A packet of the client comes in.
    pub(crate) fn tell(&mut self, from: Peer, channel: i64, packet: &Packet<'_>) {
        self.receive(from, &frame(channel, packet));
    }

    /// Everything that the client has heard by now.
    pub(crate) fn hear(&mut self, peer: Peer) -> Vec<Heard> {
        let bytes = self.take_heard(peer);
        frames(&bytes).map(|body| summary(body, Version::NEWEST)).collect()
    }

    /// A request, and what the client hears until nothing more happens.
    pub(crate) fn ask(&mut self, from: Peer, channel: i64, packet: &Packet<'_>) -> Vec<Heard> {
        self.tell(from, channel, packet);
        self.settle();
        self.hear(from)
    }
}

/// The frames in bytes that a server wrote, without their length fields.
pub(crate) fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || match split(bytes, FRAME_BYTES_MAX).unwrap() {
        Split::Frame { body, consumed } => {
            bytes = &bytes[consumed..];
            Some(body)
        }
        Split::Incomplete { .. } => {
            assert!(bytes.is_empty(), "half a frame");
            None
        }
    })
}

/// What a frame of a server says.
pub(crate) fn summary(body: &[u8], version: Version) -> Heard {
    let frame = decode(body, Direction::ServerToClient, version).unwrap();
    let what = match &frame.packet {
        Packet::NullResponse(response) => What::Null(response.correlation_id.0),
        Packet::Exception(exception) => What::Exception(exception.code, exception.correlation_id.map(|id| id.0)),
        Packet::PacketsConfirmed(confirmed) => What::Confirmed(confirmed.command_id.0),
        Packet::ReceiveMessage(received) => {
            let view = MessageView::parse(received.message).unwrap();
            let consumer = received.trailer.consumer_id.0;
            let asked = view.header.properties.get(property_name::FORCED_DELIVERY_SEQUENCE).unwrap();
            if let Some(PropertyValue::Long(sequence)) = asked {
                return Heard { channel: frame.channel.0, what: What::NothingMore { consumer, sequence } };
            }
            What::Delivery {
                consumer,
                id: view.header.message_id.0,
                deliveries: received.trailer.delivery_count,
                text: view.text().map(|text| text.to_string()).unwrap_or_default(),
            }
        }
        Packet::QueueQueryResponse(response) => What::Queue {
            exists: response.queue.exists,
            address: response.queue.address.map(|name| name.to_string()).unwrap_or_default(),
            name: response.queue.name.map(|name| name.to_string()).unwrap_or_default(),
            consumers: response.queue.consumer_count,
            messages: response.queue.message_count,
        },
        Packet::BindingQueryResponse(response) => What::Address {
            exists: response.exists,
            queues: response.queue_names.iter().map(|name| name.to_string()).collect(),
        },
        Packet::ProducerCredits(answer) => credits(answer, true),
        Packet::ProducerFailCredits(answer) => credits(answer, false),
        Packet::CreateSessionResponse(_) => What::SessionOpen,
        Packet::ReattachSessionResponse(response) => What::Reattached(response.last_confirmed.0, response.reattached),
        other => What::Other(other.packet_type().to_string()),
    };
    Heard { channel: frame.channel.0, what }
}

fn credits(answer: &ProducerCredits<'_>, granted: bool) -> What {
    What::Credits { credits: answer.credits, address: answer.address.to_string(), granted }
}

/// A packet as its client writes it.
pub(crate) fn frame(channel: i64, packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(ChannelId(channel), packet, Version::NEWEST, &mut bytes).unwrap();
    bytes
}

/// A session of a name that no other has.
pub(crate) fn create_session(channel: i64, how: How) -> Vec<u8> {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    create_named(channel, &format!("session {}", NAMES.fetch_add(1, Ordering::Relaxed)), how)
}

/// A session of this name.
pub(crate) fn create_named(channel: i64, name: &str, how: How) -> Vec<u8> {
    log_in_named(channel, name, how, None)
}

/// As [`create_session`], with a name and a password.
pub(crate) fn log_in(channel: i64, how: How, login: Option<(&str, &str)>) -> Vec<u8> {
    log_in_named(channel, "session that logs in", how, login)
}

fn log_in_named(channel: i64, name: &str, how: How, login: Option<(&str, &str)>) -> Vec<u8> {
    let settings = SessionSettings {
        name: name.into(),
        channel: ChannelId(channel),
        version: Version::NEWEST,
        user: login.map(|(user, _)| user.into()),
        password: login.map(|(_, password)| Password(password.into())),
        min_large_message_size: 100 * 1024,
        xa: false,
        auto_commit_sends: how.automatic,
        auto_commit_acks: how.automatic,
        confirmation_window: how.window,
        pre_acknowledge: false,
        default_address: None,
    };
    frame(1, &Packet::CreateSession(CreateSession { form: SessionForm::V2, settings, client_id: None }))
}

/// A durable text message; answered under its number, if it has one.
pub(crate) fn send(channel: i64, address: &str, text: &str, answer: Option<i64>) -> Vec<u8> {
    send_routed(channel, address, text, answer, Some(RoutingType::ANYCAST))
}

/// As [`send`], to queues of this kind.
pub(crate) fn send_routed(
    channel: i64,
    address: &str,
    text: &str,
    answer: Option<i64>,
    routing: Option<RoutingType>,
) -> Vec<u8> {
    let mut message = Vec::new();
    let mut builder = MessageBuilder::new(address).text(text).durable(true);
    if let Some(routing) = routing {
        builder = builder.routing_type(routing);
    }
    builder.write(&mut message);
    send_message(channel, &message, answer)
}

/// An encoded message.
pub(crate) fn send_message(channel: i64, message: &[u8], answer: Option<i64>) -> Vec<u8> {
    let trailer = SendTrailer {
        requires_response: answer.is_some(),
        correlation_id: CorrelationId(answer.unwrap_or(0)),
        producer_id: ProducerId::UNNAMED,
    };
    frame(channel, &Packet::Send(Send { message, trailer }))
}

/// An address for queues with competing consumers; answered.
pub(crate) fn create_address(channel: i64, address: &str) -> Vec<u8> {
    let name = SimpleString::from(address);
    let create = CreateAddress {
        address: name.as_simple(),
        routing_types: List::of(&[RoutingType::ANYCAST]),
        requires_response: true,
        auto_created: false,
    };
    frame(channel, &Packet::CreateAddress(create))
}

/// A durable queue; answered.
pub(crate) fn create_queue(channel: i64, address: &str, name: &str, routing: RoutingType) -> Vec<u8> {
    create_queue_with(channel, address, name, routing, None)
}

/// As [`create_queue`], for messages that match.
pub(crate) fn create_queue_with(
    channel: i64,
    address: &str,
    name: &str,
    routing: RoutingType,
    filter: Option<&str>,
) -> Vec<u8> {
    let (address, name) = (SimpleString::from(address), SimpleString::from(name));
    let filter = filter.map(SimpleString::from);
    let definition = QueueDefinition {
        address: address.as_simple(),
        name: name.as_simple(),
        filter: filter.as_ref().map(SimpleString::as_simple),
        durable: true,
        temporary: false,
        requires_response: true,
        auto_created: false,
        routing_type: routing,
        max_consumers: -1,
        purge_on_no_consumers: false,
    };
    let create = CreateQueueV2 { definition, attributes: QueueAttributes::default(), groups: GroupCount::ALL };
    frame(channel, &Packet::CreateQueueV2(create))
}

pub(crate) fn create_consumer(channel: i64, consumer: i64, queue: &str, answer: bool) -> Vec<u8> {
    consumer_with(channel, consumer, queue, None, answer, false)
}

/// A consumer with a filter; answered.
pub(crate) fn create_selector(channel: i64, consumer: i64, queue: &str, filter: &str) -> Vec<u8> {
    consumer_with(channel, consumer, queue, Some(filter), true, false)
}

/// A consumer that looks and takes nothing; answered.
pub(crate) fn create_browser(channel: i64, consumer: i64, queue: &str) -> Vec<u8> {
    consumer_with(channel, consumer, queue, None, true, true)
}

fn consumer_with(
    channel: i64,
    consumer: i64,
    queue: &str,
    filter: Option<&str>,
    answer: bool,
    browse_only: bool,
) -> Vec<u8> {
    let (name, filter) = (SimpleString::from(queue), filter.map(SimpleString::from));
    let create = CreateConsumer {
        consumer_id: ConsumerId(consumer),
        queue_name: name.as_simple(),
        filter: filter.as_ref().map(SimpleString::as_simple),
        browse_only,
        requires_response: answer,
        priority: 0,
    };
    frame(channel, &Packet::CreateConsumer(create))
}

/// Is there more? Answered under its number.
pub(crate) fn ask_for_more(channel: i64, consumer: i64, sequence: i64) -> Vec<u8> {
    let force = ForceDelivery { consumer_id: ConsumerId(consumer), sequence: ForcedSequence(sequence) };
    frame(channel, &Packet::ForceDelivery(force))
}

pub(crate) fn credit(channel: i64, consumer: i64, bytes: i32) -> Vec<u8> {
    frame(channel, &Packet::ConsumerCredits(ConsumerCredits { consumer_id: ConsumerId(consumer), credits: bytes }))
}

/// Opens a consumer, starts its session and gives credits without end, all without waiting.
pub(crate) fn consume(channel: i64, consumer: i64, queue: &str) -> Vec<u8> {
    let mut bytes = create_consumer(channel, consumer, queue, true);
    bytes.extend(frame(channel, &Packet::SessionStart));
    bytes.extend(credit(channel, consumer, -1));
    bytes
}

pub(crate) fn close_consumer(channel: i64, consumer: i64) -> Vec<u8> {
    frame(channel, &Packet::ConsumerClose(ConsumerClose { consumer_id: ConsumerId(consumer) }))
}

/// Acknowledges everything up to a message.
pub(crate) fn acknowledge(channel: i64, consumer: i64, message: i64) -> Vec<u8> {
    let ack =
        Acknowledge { consumer_id: ConsumerId(consumer), message_id: MessageId(message), requires_response: false };
    frame(channel, &Packet::Acknowledge(ack))
}

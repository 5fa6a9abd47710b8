//! Replies and deliveries become packets.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{
    ChannelId, CommandId, ConsumerId as WireConsumer, CorrelationId, MessageId as WireMessage,
    RoutingType as WireRouting,
};
use protocol::core::list::List;
use protocol::core::packet::Packet;
use protocol::core::packet::connection::{Disconnect, DisconnectConsumer, DisconnectV3};
use protocol::core::packet::credit::ProducerCredits;
use protocol::core::packet::query::{
    BindingForm, BindingQueryResponse, QueueDefinitionState, QueueForm, QueueQueryResponse,
    QueueState as WireQueueState,
};
use protocol::core::packet::queue::{GroupCount, QueueAttributes};
use protocol::core::packet::response::{Exception, NullResponse, PacketsConfirmed};
use protocol::core::packet::transfer::{ReceiveMessage, ReceiveTrailer, encode_delivery};
use protocol::core::version::Version;
use protocol::message::{MessageBuilder, PropertyValue, property_name};
use protocol::simple_string::{SimpleStr, SimpleString};

use super::connection::send;
use crate::mail::{AddressState, FailureKind, QueueState, Reply, RoutingType};
use crate::message::{ConsumerId, MessageId};
use crate::session::Released;

/// The window of consumers that do not choose one.
const CONSUMER_WINDOW_BYTES: i32 = 1024 * 1024;

/// How a command is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Respond {
    /// Not at all.
    Nothing,
    /// Not at all, but a client may take the confirmation of its packet for success: after a failure nothing is confirmed.
    Unheard,
    /// With a null response under this correlation id; without one, under "none".
    Null(Option<CorrelationId>),
    /// With the state of a queue.
    Queue,
    /// With the state of an address.
    Address,
    /// With producer credits.
    Credits {
        /// How many.
        credits: i32,
        /// For which address, as the client wrote it.
        address: String,
    },
    /// With a null response; then the session's channel is closed.
    Close,
}

impl Respond {
    /// A null response to a command that carries no correlation id.
    pub const NULL: Self = Self::Null(None);

    /// Does the client hear nothing, whatever comes of it?
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Nothing | Self::Unheard)
    }
}

/// Does a client with a confirmation window keep a packet until it is confirmed?
pub fn is_kept(packet: &Packet<'_>) -> bool {
    match packet {
        Packet::PacketsConfirmed(_) | Packet::AddMetadata(_) => false,
        Packet::AddMetadataV2(metadata) | Packet::UniqueAddMetadata(metadata) => metadata.requires_confirmation,
        _ => true,
    }
}

/// Tells a client that it need not keep its packets up to this one.
pub fn confirm(channel: i64, last: i32, version: Version, out: &mut Vec<u8>) {
    let packet = PacketsConfirmed { command_id: CommandId(last) };
    send(ChannelId(channel), &Packet::PacketsConfirmed(packet), version, out);
}

/// What a connection tells about this server.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// The identity of the logical broker, as clients see it.
    pub node_id: String,
    /// When this run began; orders what clients hear of the node.
    pub started_unix_ms: i64,
    /// Messages to this address are requests to look after the broker.
    pub management_address: String,
}

/// Writes a reply.
pub fn respond(released: &Released<Respond>, channel: i64, version: Version, out: &mut Vec<u8>) {
    let channel = ChannelId(channel);
    let reply = match &released.reply {
        Ok(reply) => reply,
        Err(failure) => {
            let correlation = if let Respond::Null(correlation) = released.context { correlation } else { None };
            if !released.context.is_silent() {
                exception(channel, code_of(failure.kind), &failure.message, correlation, version, out);
            }
            return;
        }
    };
    match (&released.context, reply) {
        (Respond::Nothing | Respond::Unheard, _) => {}
        (Respond::Null(correlation), _) => {
            let correlation_id = correlation.unwrap_or(CorrelationId::NONE);
            send(channel, &Packet::NullResponse(NullResponse { correlation_id }), version, out);
        }
        (Respond::Close, _) => {
            send(channel, &Packet::NullResponse(NullResponse { correlation_id: CorrelationId::NONE }), version, out);
        }
        (Respond::Queue, Reply::Queue(state)) => queue(channel, state, version, out),
        (Respond::Address, Reply::Address(state)) => address(channel, state, version, out),
        (Respond::Credits { credits, address }, _) => {
            let address = SimpleString::from(address.as_str());
            let packet = ProducerCredits { credits: *credits, address: address.as_simple() };
            send(channel, &Packet::ProducerCredits(packet), version, out);
        }
        (Respond::Queue | Respond::Address, _) => {
            exception(channel, ErrorCode::INTERNAL_ERROR, "the answer is not there", None, version, out);
        }
    }
}

/// Writes an exception.
pub(super) fn exception(
    channel: ChannelId,
    code: ErrorCode,
    text: &str,
    correlation: Option<CorrelationId>,
    version: Version,
    out: &mut Vec<u8>,
) {
    let correlation_id = correlation.filter(|_| version >= Version::CORRELATION_IDS);
    let exception = Exception { code, message: Some(text.into()), correlation_id };
    send(channel, &Packet::Exception(exception), version, out);
}

fn code_of(kind: FailureKind) -> ErrorCode {
    match kind {
        FailureKind::Internal => ErrorCode::INTERNAL_ERROR,
        FailureKind::NoSuchQueue => ErrorCode::QUEUE_DOES_NOT_EXIST,
        FailureKind::QueueExists => ErrorCode::QUEUE_EXISTS,
        FailureKind::NoSuchAddress => ErrorCode::ADDRESS_DOES_NOT_EXIST,
        FailureKind::IllegalState => ErrorCode::ILLEGAL_STATE,
        FailureKind::TooManyConsumers => ErrorCode::MAX_CONSUMER_LIMIT_EXCEEDED,
        FailureKind::Full => ErrorCode::ADDRESS_FULL,
        FailureKind::WrongRoutingType => ErrorCode::UNEXPECTED_ROUTING_TYPE_FOR_ADDRESS,
        FailureKind::NotImplemented => ErrorCode::NOT_IMPLEMENTED,
        FailureKind::DuplicateMetadata => ErrorCode::DUPLICATE_METADATA,
        FailureKind::InvalidFilter => ErrorCode::INVALID_FILTER_EXPRESSION,
        FailureKind::RolledBack => ErrorCode::TRANSACTION_ROLLED_BACK,
        FailureKind::Stopped => ErrorCode::SHUTDOWN_ERROR,
        FailureKind::NotPermitted => ErrorCode::SECURITY_EXCEPTION,
    }
}

fn queue(channel: ChannelId, state: &QueueState, version: Version, out: &mut Vec<u8>) {
    let (address, name) = (SimpleString::from(state.address.as_str()), SimpleString::from(state.name.as_str()));
    let filter = state.filter.as_deref().map(SimpleString::from);
    let packet = QueueQueryResponse {
        form: QueueForm::for_version(version),
        queue: WireQueueState {
            exists: state.exists,
            durable: state.durable,
            temporary: state.temporary,
            consumer_count: state.consumers,
            message_count: state.messages,
            filter: filter.as_ref().map(SimpleString::as_simple),
            address: Some(address.as_simple()),
            name: Some(name.as_simple()),
        },
        auto_create_queues: state.auto_create,
        definition: QueueDefinitionState {
            auto_created: state.auto_created,
            purge_on_no_consumers: state.purge_on_no_consumers,
            routing_type: WireRouting(state.routing.cast_signed()),
            max_consumers: state.max_consumers,
        },
        default_consumer_window: Some(CONSUMER_WINDOW_BYTES),
        attributes: QueueAttributes {
            auto_delete: Some(state.auto_delete),
            ..queue_attributes(state.exists && state.consumers >= 0)
        },
        configuration_managed: Some(false),
        groups: GroupCount::ALL,
    };
    send(channel, &Packet::QueueQueryResponse(packet), version, out);
}

/// What a queue without any special setting reports; that of management is none, as the reference tells by its numbers.
fn queue_attributes<'a>(exists: bool) -> QueueAttributes<'a> {
    QueueAttributes {
        exclusive: Some(false),
        last_value: Some(false),
        last_value_key: None,
        non_destructive: Some(false),
        consumers_before_dispatch: Some(0),
        delay_before_dispatch: Some(-1),
        group_rebalance: Some(false),
        group_buckets: Some(-1),
        auto_delete: Some(false),
        auto_delete_delay: Some(0),
        auto_delete_message_count: Some(0),
        group_first_key: None,
        ring_size: Some(-1),
        enabled: exists.then_some(true),
        group_rebalance_pause_dispatch: Some(false),
    }
}

fn address(channel: ChannelId, state: &AddressState, version: Version, out: &mut Vec<u8>) {
    let names: Vec<SimpleString> = state.queues.iter().map(|name| SimpleString::from(name.as_str())).collect();
    let names: Vec<SimpleStr<'_>> = names.iter().map(SimpleString::as_simple).collect();
    let packet = BindingQueryResponse {
        form: BindingForm::for_version(version),
        exists: state.exists,
        queue_names: List::of(&names),
        auto_create_queues: state.auto_create_queues,
        auto_create_addresses: state.auto_create_address,
        default_purge_on_no_consumers: false,
        default_max_consumers: -1,
        defaults: queue_attributes(true),
        groups: GroupCount(2),
        supports_multicast: state.routing.contains(RoutingType::Multicast),
        supports_anycast: state.routing.contains(RoutingType::Anycast),
    };
    send(channel, &Packet::BindingQueryResponse(packet), version, out);
}

/// Writes a delivery: the stored message under the id that it has here.
pub fn deliver(channel: i64, consumer: ConsumerId, id: MessageId, deliveries: u16, body: &[u8], out: &mut Vec<u8>) {
    let trailer = ReceiveTrailer { consumer_id: WireConsumer(consumer.0), delivery_count: i32::from(deliveries) };
    if let Err(error) = encode_delivery(ChannelId(channel), body, WireMessage(id.to_wire()), &trailer, out) {
        crate::event!(NT301, "a stored message does not fit a frame: {error}");
    }
}

/// Writes the delivery that says that there is nothing more.
pub fn nothing_more(
    channel: i64,
    consumer: ConsumerId,
    sequence: i64,
    queue: &str,
    version: Version,
    out: &mut Vec<u8>,
) {
    let mut message = Vec::new();
    MessageBuilder::new(queue)
        .durable(false)
        .priority(0)
        .property(property_name::FORCED_DELIVERY_SEQUENCE, PropertyValue::Long(sequence))
        .write(&mut message);
    let trailer = ReceiveTrailer { consumer_id: WireConsumer(consumer.0), delivery_count: 0 };
    send(ChannelId(channel), &Packet::ReceiveMessage(ReceiveMessage { message: &message, trailer }), version, out);
}

/// Gives a producer credits, or refuses its request because the address is full.
pub fn producer_credits(channel: i64, named: &str, credits: i32, granted: bool, version: Version, out: &mut Vec<u8>) {
    let named = SimpleString::from(named);
    let packet = ProducerCredits { credits, address: named.as_simple() };
    let packet = if granted { Packet::ProducerCredits(packet) } else { Packet::ProducerFailCredits(packet) };
    send(ChannelId(channel), &packet, version, out);
}

/// Tells a client that the queue under its consumer is gone.
pub fn consumer_gone(channel: i64, consumer: ConsumerId, version: Version, out: &mut Vec<u8>) {
    let packet = DisconnectConsumer { consumer_id: WireConsumer(consumer.0) };
    send(ChannelId(channel), &Packet::DisconnectConsumer(packet), version, out);
}

/// Tells a client that this server stops.
pub fn disconnect(version: Version, facts: &ServerFacts, out: &mut Vec<u8>) {
    let node = SimpleString::from(facts.node_id.as_str());
    let node_id = Some(node.as_simple());
    let packet = if version >= Version::REDIRECTS || version == Version::UNSET {
        let reason = protocol::core::identity::DisconnectReason::SHUT_DOWN;
        Packet::DisconnectV3(DisconnectV3 { node_id, reason, target_node_id: None, target: None })
    } else {
        Packet::Disconnect(Disconnect { node_id })
    };
    send(ChannelId::PING, &packet, version, out);
}

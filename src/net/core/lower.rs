//! A session packet becomes a verb, and the way in which it is answered.

use std::borrow::Cow;

use protocol::core::identity::RoutingType as WireRouting;
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::CreateConsumer;
use protocol::core::packet::queue::{CreateAddress, CreateQueueV2, QueueAttributes};
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::message::{MessageView, PropertyValue, property_name};
use protocol::simple_string::SimpleStr;

use super::reply::Respond;
use crate::mail::{
    Acknowledge, Ask, ConnectionRef, Failure, FailureKind, Lifetime, Publish, QueueDefinition, RoutingType,
    RoutingTypes,
};
use crate::message::{ConsumerId, MessageId};
use crate::routing;
use crate::session::{Modes, Verb};

/// What a packet asks of its session.
#[derive(Debug)]
pub struct Lowered<'a> {
    /// The command.
    pub verb: Verb<'a>,
    /// How it is answered.
    pub respond: Respond,
}

impl<'a> Lowered<'a> {
    fn new(verb: Verb<'a>, respond: Respond) -> Self {
        Self { verb, respond }
    }

    fn ask(ask: Ask<'a>, respond: Respond) -> Self {
        Self::new(Verb::Ask(ask), respond)
    }
}

/// The name of an address that somebody sent to last, as it came and as text. Most sends go where the one before went, and so
/// cost no conversion and no memory.
#[derive(Debug, Default)]
pub struct LastAddress {
    wire: Vec<u8>,
    text: String,
    /// Where the address ends, and where the queue begins, if it is fully qualified.
    parts: Option<(usize, usize)>,
}

impl LastAddress {
    /// The address, and the queue if the name is fully qualified.
    fn names_of(&mut self, name: &SimpleStr<'_>) -> (&str, Option<&str>) {
        if self.wire != name.as_bytes() {
            self.wire.clear();
            self.wire.extend_from_slice(name.as_bytes());
            self.text.clear();
            self.text.extend(name.chars());
            let (address, queue) = routing::split_qualified(&self.text);
            let is_qualified = address.len() < self.text.len();
            self.parts = is_qualified.then(|| (address.len(), self.text.len() - queue.len()));
        }
        match self.parts {
            Some((end, begin)) => (self.text.get(..end).unwrap_or_default(), self.text.get(begin..)),
            None => (&self.text, None),
        }
    }
}

/// Says what a packet of a session asks for. `None`: the packet type has no meaning for a session.
pub fn lower<'a>(packet: &Packet<'a>, modes: Modes, last: &'a mut LastAddress) -> Option<Lowered<'a>> {
    Some(match packet {
        Packet::Send(send) => lower_send(send, modes, last),
        Packet::Acknowledge(ack) | Packet::IndividualAcknowledge(ack) => {
            let acknowledge = Acknowledge {
                consumer: ConsumerId(ack.consumer_id.0),
                message: MessageId::from_wire(ack.message_id.0),
                individual: matches!(packet, Packet::IndividualAcknowledge(_)),
                in_transaction: !modes.auto_commit_acknowledgements,
            };
            Lowered::ask(Ask::Acknowledge(acknowledge), if_wanted(ack.requires_response))
        }
        Packet::ConsumerCredits(credits) => {
            let consumer = ConsumerId(credits.consumer_id.0);
            Lowered::ask(Ask::Credit { consumer, bytes: credits.credits }, Respond::Nothing)
        }
        Packet::ForceDelivery(force) => {
            let ask = Ask::ForceDelivery { consumer: ConsumerId(force.consumer_id.0), sequence: force.sequence.0 };
            Lowered::ask(ask, Respond::Nothing)
        }
        Packet::ConsumerClose(close) => {
            Lowered::ask(Ask::CloseConsumer { consumer: ConsumerId(close.consumer_id.0) }, Respond::NULL)
        }
        Packet::MessageExpired(expired) => {
            let (consumer, message) = (ConsumerId(expired.consumer_id.0), MessageId::from_wire(expired.message_id.0));
            Lowered::ask(Ask::Expired { consumer, message }, Respond::Nothing)
        }
        Packet::Commit(commit) => Lowered::new(Verb::Commit, Respond::Null(commit.correlation_id)),
        Packet::Rollback(rollback) => {
            let consider_last_as_delivered = rollback.consider_last_message_as_delivered;
            Lowered::new(Verb::Rollback { consider_last_as_delivered }, Respond::NULL)
        }
        Packet::SessionStart => Lowered::new(Verb::Start, Respond::Nothing),
        Packet::SessionStop => Lowered::new(Verb::Stop, Respond::NULL),
        Packet::SessionClose => Lowered::new(Verb::Close, Respond::Close),
        Packet::PacketsConfirmed(_) | Packet::CreateProducer(_) | Packet::RemoveProducer(_) => {
            Lowered::new(Verb::Nothing, Respond::Nothing)
        }
        other => return lower_rare(other, modes),
    })
}

/// Packets that no message's path depends on.
fn lower_rare<'a>(packet: &Packet<'a>, modes: Modes) -> Option<Lowered<'a>> {
    Some(match packet {
        Packet::QueueQuery(query) => {
            let (address, queue) = qualified(&query.name);
            Lowered::ask(Ask::QueryQueue { address, queue }, Respond::Queue)
        }
        Packet::BindingQuery(query) => {
            let (address, _) = qualified(&query.address);
            Lowered::ask(Ask::QueryAddress { address }, Respond::Address)
        }
        Packet::CreateAddress(create) => lower_create_address(create),
        Packet::CreateQueueV2(create) => lower_create_queue(create),
        Packet::CreateQueue(create) => refuse(SUBSCRIPTIONS, if_wanted(create.requires_response)),
        Packet::CreateSharedQueue(create) => refuse(SUBSCRIPTIONS, if_wanted(create.requires_response)),
        Packet::CreateSharedQueueV2(create) => refuse(SUBSCRIPTIONS, if_wanted(create.definition.requires_response)),
        Packet::DeleteQueue(delete) => {
            let (address, queue) = qualified(&delete.name);
            Lowered::ask(Ask::DeleteQueue { address, queue, force: false }, Respond::NULL)
        }
        Packet::CreateConsumer(create) => lower_create_consumer(create),
        Packet::ProducerRequestCredits(request) => {
            let (address, _) = qualified(&request.address);
            let (named, credits) = (request.address.to_string(), request.credits);
            Lowered::new(Verb::ProducerCredits { address, named, credits }, Respond::Nothing)
        }
        Packet::AddMetadata(metadata) => {
            let (key, value) = (metadata.key.to_string().into(), metadata.data.to_string().into());
            Lowered::new(Verb::Metadata { key, value, unique: false }, Respond::NULL)
        }
        Packet::AddMetadataV2(metadata) => {
            let (key, value) = (metadata.key.to_string().into(), metadata.data.to_string().into());
            let respond = if_wanted(metadata.requires_confirmation);
            Lowered::new(Verb::Metadata { key, value, unique: false }, respond)
        }
        Packet::UniqueAddMetadata(metadata) => {
            let (key, value) = (metadata.key.to_string().into(), metadata.data.to_string().into());
            Lowered::new(Verb::Metadata { key, value, unique: true }, Respond::NULL)
        }
        // Not answered: what answers is the last piece.
        Packet::SendLarge(_) => refuse_send(LARGE_MESSAGES, Respond::Nothing),
        Packet::SendContinuation(piece) => refuse_send(LARGE_MESSAGES, respond_to_send(&piece.trailer, modes)),
        // Clients say this on their way back and wait for nothing.
        Packet::XaFailed(_) => refuse(XA, Respond::Nothing),
        xa if is_xa(xa) => refuse(XA, Respond::NULL),
        _ => return None,
    })
}

const SUBSCRIPTIONS: &str = "subscriptions are not served by this version";

const XA: &str = "XA transactions are not served by this version";

const LARGE_MESSAGES: &str = "messages in pieces (above minLargeMessageSize) are not served by this version: raise \
                              minLargeMessageSize in the client's URL, or send smaller messages";

fn is_xa(packet: &Packet<'_>) -> bool {
    matches!(
        packet,
        Packet::XaStart(_)
            | Packet::XaJoin(_)
            | Packet::XaResume(_)
            | Packet::XaEnd(_)
            | Packet::XaPrepare(_)
            | Packet::XaCommit(_)
            | Packet::XaRollback(_)
            | Packet::XaForget(_)
            | Packet::XaSuspend
            | Packet::XaIndoubtXids
            | Packet::XaGetTimeout
            | Packet::XaSetTimeout(_)
    )
}

fn lower_send<'a>(send: &Send<'a>, modes: Modes, last: &'a mut LastAddress) -> Lowered<'a> {
    let respond = respond_to_send(&send.trailer, modes);
    let header = match MessageView::parse(send.message) {
        Ok(view) => view.header,
        Err(error) => return refuse_send(error.to_string(), respond),
    };
    let Some(address) = header.address else { return refuse_send("the message names no address", respond) };
    let routing = match header.properties.get(property_name::ROUTING_TYPE) {
        Ok(Some(PropertyValue::Byte(number))) => u8::try_from(number).ok().and_then(RoutingType::from_number),
        Ok(_) => None,
        Err(error) => return refuse_send(error.to_string(), respond),
    };
    let (address, queue) = last.names_of(&address);
    let publish = Publish {
        address: Cow::Borrowed(address),
        queue: queue.map(Cow::Borrowed),
        message: Cow::Borrowed(send.message),
        durable: header.durable,
        priority: u8::try_from(header.priority.clamp(0, 9)).unwrap_or(4),
        routing,
        in_transaction: !modes.auto_commit_sends,
    };
    Lowered::ask(Ask::Publish(publish), respond)
}

fn lower_create_address<'a>(create: &CreateAddress<'a>) -> Lowered<'a> {
    let mut routing = RoutingTypes::default();
    for number in create.routing_types.iter() {
        if let Some(one) = u8::try_from(number.0).ok().and_then(RoutingType::from_number) {
            routing = routing.with(RoutingTypes::only(one));
        }
    }
    let (name, _) = qualified(&create.address);
    let ask = Ask::CreateAddress { name, routing, auto_created: create.auto_created };
    Lowered::ask(ask, if_wanted(create.requires_response))
}

fn lower_create_queue<'a>(create: &CreateQueueV2<'a>) -> Lowered<'a> {
    let wanted = &create.definition;
    let respond = if_wanted(wanted.requires_response);
    if let Some(attribute) = unserved(&create.attributes) {
        return refuse(format!("queues with {attribute} are not served by this version"), respond);
    }
    let routing =
        if wanted.routing_type == WireRouting::ANYCAST { RoutingType::Anycast } else { RoutingType::Multicast };
    let definition = QueueDefinition {
        address: text(&wanted.address),
        name: text(&wanted.name),
        routing,
        lifetime: match (wanted.temporary, wanted.durable) {
            // Whose it is, the session knows.
            (true, _) => Lifetime::Connection(ConnectionRef::default()),
            (false, true) => Lifetime::Durable,
            (false, false) => Lifetime::Run,
        },
        auto_created: wanted.auto_created,
        purge_on_no_consumers: wanted.purge_on_no_consumers,
        max_consumers: wanted.max_consumers,
        filter: wanted.filter.filter(|filter| !filter.is_empty()).map(|filter| text(&filter)),
        // A client that repeats this after a reconnect does not wait and must not be told.
        exists_is_fine: !wanted.requires_response,
        makes_address: false,
    };
    Lowered::ask(Ask::CreateQueue(Box::new(definition)), respond)
}

/// The first attribute that asks for what this version's queues do not do, by its name in an address of the client. The values that
/// mean "as usual" are those that the answer to an address query suggests, and clients send them back; a queue that is to delete itself
/// is taken too, since one that stays does nobody harm.
fn unserved(attributes: &QueueAttributes<'_>) -> Option<&'static str> {
    let QueueAttributes { exclusive, last_value, last_value_key, non_destructive, .. } = attributes;
    let QueueAttributes { consumers_before_dispatch, delay_before_dispatch, .. } = attributes;
    let QueueAttributes { group_rebalance, group_rebalance_pause_dispatch, group_buckets, .. } = attributes;
    let QueueAttributes { group_first_key, ring_size, enabled, .. } = attributes;
    let is_set = |flag: &Option<bool>| *flag == Some(true);
    let is_named = |name: &Option<SimpleStr<'_>>| name.is_some_and(|name| !name.is_empty());
    let table = [
        ("exclusive", is_set(exclusive)),
        ("last-value", is_set(last_value)),
        ("last-value-key", is_named(last_value_key)),
        ("non-destructive", is_set(non_destructive)),
        ("consumers-before-dispatch", consumers_before_dispatch.is_some_and(|count| count > 0)),
        ("delay-before-dispatch", delay_before_dispatch.is_some_and(|delay| delay > 0)),
        ("group-rebalance", is_set(group_rebalance)),
        ("group-rebalance-pause-dispatch", is_set(group_rebalance_pause_dispatch)),
        ("group-buckets", group_buckets.is_some_and(|buckets| buckets > 0)),
        ("group-first-key", is_named(group_first_key)),
        ("ring-size", ring_size.is_some_and(|size| size >= 0)),
        ("enabled=false", *enabled == Some(false)),
    ];
    table.into_iter().find(|(_, wanted)| *wanted).map(|(name, _)| name)
}

fn lower_create_consumer<'a>(create: &CreateConsumer<'a>) -> Lowered<'a> {
    let respond = if create.requires_response { Respond::Queue } else { Respond::Nothing };
    let (address, queue) = qualified(&create.queue_name);
    let ask = Ask::CreateConsumer {
        consumer: ConsumerId(create.consumer_id.0),
        address,
        queue,
        browses: create.browse_only,
        filter: create.filter.filter(|filter| !filter.is_empty()).map(|filter| filter.to_string().into()),
        priority: create.priority,
        started: false,
        pre_acknowledge: false,
    };
    Lowered::ask(ask, respond)
}

/// Address and queue of a name that may be fully qualified.
fn qualified<'a>(name: &SimpleStr<'_>) -> (Cow<'a, str>, Cow<'a, str>) {
    let name = name.to_string();
    let (address, queue) = routing::split_qualified(&name);
    (Cow::Owned(address.to_owned()), Cow::Owned(queue.to_owned()))
}

fn text<'a>(name: &SimpleStr<'_>) -> Cow<'a, str> {
    Cow::Owned(name.to_string())
}

/// How a send is answered. Clients without an id for it wait for the id "none".
fn respond_to_send(trailer: &SendTrailer, modes: Modes) -> Respond {
    match (trailer.requires_response, modes.auto_commit_sends) {
        (true, _) => Respond::Null(Some(trailer.correlation_id)),
        (false, true) => Respond::Unheard,
        // What it fails at is said by the commit.
        (false, false) => Respond::Nothing,
    }
}

fn if_wanted(requires_response: bool) -> Respond {
    if requires_response { Respond::NULL } else { Respond::Nothing }
}

fn refuse<'a>(text: impl Into<String>, respond: Respond) -> Lowered<'a> {
    Lowered::new(Verb::Refuse(Failure::new(FailureKind::NotImplemented, text)), respond)
}

fn refuse_send<'a>(text: impl Into<String>, respond: Respond) -> Lowered<'a> {
    Lowered::new(Verb::RefuseSend(Failure::new(FailureKind::NotImplemented, text)), respond)
}

//! What the fields of captured frames are, and the bytes of packets that no capture has.
//!
//! Expected values are written by hand from the protocol's description, not taken from the codec.

use crate::capture::{self, one, unpack};
use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{
    ChannelId, CommandId, ConsumerId, CorrelationId, DisconnectReason, ForcedSequence, MessageId, ProducerId,
    RoutingType,
};
use protocol::core::list::List;
use protocol::core::packet::connection::{Disconnect, DisconnectV2, DisconnectV3, Ping};
use protocol::core::packet::consumer::{Acknowledge, CreateConsumer, ForceDelivery};
use protocol::core::packet::credit::{ConsumerCredits, ProducerCredits};
use protocol::core::packet::query::{
    BindingForm, BindingQueryResponse, QueueDefinitionState, QueueForm, QueueQueryResponse, QueueState,
};
use protocol::core::packet::queue::{CreateQueue, CreateSharedQueue, GroupCount, QueueAttributes};
use protocol::core::packet::response::{Exception, NullResponse, PacketsConfirmed};
use protocol::core::packet::session::SessionForm;
use protocol::core::packet::topology::{ClusterTopology, Pair, SubscribeTopology, TopologyForm};
use protocol::core::packet::transfer::{ReceiveTrailer, Send, SendTrailer, encode_delivery};
use protocol::core::packet::{Direction, Packet, PacketType, decode, encode};
use protocol::core::text::Text;
use protocol::core::transport::{CONNECTOR_FACTORY, Parameter, ParameterValue, TransportConfiguration};
use protocol::core::version::Version;
use protocol::message::{MessageBuilder, MessageKind, MessageView, PropertyValue};
use protocol::simple_string::SimpleString;

/// The `nth` frame of this name in a capture.
fn frame(capture: &str, name: &str, nth: usize) -> capture::Line {
    one(capture).into_iter().filter(|line| line.name == name).nth(nth).unwrap()
}

/// A packet has exactly these bytes after its channel, for a version, in both directions.
fn check(packet: &Packet<'_>, version: Version, fields: &str) {
    let fields = unpack(&fields.replace(' ', ""));
    let mut expected = (9 + fields.len() as i32).to_be_bytes().to_vec();
    expected.push(packet.packet_type().0 as u8);
    expected.extend_from_slice(&11i64.to_be_bytes());
    expected.extend_from_slice(&fields);
    let mut encoded = Vec::new();
    encode(ChannelId(11), packet, version, &mut encoded).unwrap();
    assert_eq!(encoded, expected, "{packet:?}");
    let direction = match packet.packet_type().sender().allows(Direction::ClientToServer) {
        true => Direction::ClientToServer,
        false => Direction::ServerToClient,
    };
    let decoded = decode(&expected[4..], direction, version).unwrap();
    assert_eq!((decoded.channel, decoded.packet), (ChannelId(11), *packet));
    assert_eq!(decoded.trailing, b"");
}

const NEWEST: Version = Version::NEWEST;

#[test]
fn connection_packets() {
    check(&Packet::Ping(Ping { connection_ttl_ms: 60000 }), NEWEST, "000000000000ea60");
    check(&Packet::Disconnect(Disconnect { node_id: None }), NEWEST, "00");
    let node = SimpleString::from("n");
    let gone = DisconnectV2 { node_id: Some(node.as_simple()), scale_down_node_id: None };
    check(&Packet::DisconnectV2(gone), NEWEST, "01 00000002 6e00 00");
    check(&Packet::SubscribeTopology(SubscribeTopology { is_cluster_connection: false }), NEWEST, "00");
    check(&Packet::SessionStart, NEWEST, "");
    let unknown = Packet::Unknown { packet_type: PacketType(99), body: &[1, 2] };
    check(&unknown, NEWEST, "0102");
}

#[test]
fn a_redirect_names_its_target() {
    let (host, port) = (Text::from("b"), Text::from("61617"));
    let parameters = [
        Parameter { key: Text::from("host"), value: ParameterValue::Text(host) },
        Parameter { key: Text::from("port"), value: ParameterValue::Text(port) },
        Parameter { key: Text::from("x"), value: ParameterValue::Bool(true) },
        Parameter { key: Text::from("y"), value: ParameterValue::Int(-1) },
        Parameter { key: Text::from("z"), value: ParameterValue::Long(2) },
    ];
    let target =
        TransportConfiguration { name: Text::from("c"), factory: Text::from("f"), parameters: List::of(&parameters) };
    assert_eq!((target.host().as_str(), target.port()), ("b", Some(61617)));
    let redirect =
        DisconnectV3 { node_id: None, reason: DisconnectReason::REDIRECT, target_node_id: None, target: Some(target) };
    check(
        &Packet::DisconnectV3(redirect),
        NEWEST,
        "00 00 00 ff 00000001 0063 00000001 0066 00000005 \
         00000004 0068006f00730074 03 00000001 0062 \
         00000004 0070006f00720074 03 00000005 00360031003600310037 \
         00000001 0078 00 ff 00000001 0079 01 ffffffff 00000001 007a 02 0000000000000002",
    );
}

#[test]
fn topology_grows_with_its_form() {
    let with_form = |form, server_version| {
        Packet::ClusterTopology(ClusterTopology {
            form,
            node_id: Text::from("n"),
            unique_event_id: if form >= TopologyForm::V2 { 7 } else { 0 },
            pair: Some(Pair { live: None, backup: None, last: true }),
            backup_group: None,
            scale_down_group: None,
            server_version,
        })
    };
    check(&with_form(TopologyForm::V1, Version::UNSET), NEWEST, "00 00000001 006e 00 00 ff");
    check(&with_form(TopologyForm::V2, Version::UNSET), NEWEST, "00 00000001 006e 0000000000000007 00 00 ff 00");
    check(&with_form(TopologyForm::V3, Version::UNSET), NEWEST, "00 00000001 006e 0000000000000007 00 00 ff 00 00");
    check(&with_form(TopologyForm::V4, NEWEST), NEWEST, "00 00000001 006e 0000000000000007 00 00 ff 00 00 00000088");
    let mut gone = match with_form(TopologyForm::V2, Version::UNSET) {
        Packet::ClusterTopology(topology) => topology,
        other => panic!("{other:?}"),
    };
    gone.pair = None;
    check(&Packet::ClusterTopology(gone), NEWEST, "ff 00000001 006e 0000000000000007 00");
    let forms = [129, 130, 131, 136].map(|version| TopologyForm::for_version(Version(version)));
    assert_eq!(forms, [TopologyForm::V3, TopologyForm::V3, TopologyForm::V4, TopologyForm::V4]);
}

#[test]
fn answers_carry_ids_by_version_and_by_presence() {
    let null = |id| Packet::NullResponse(NullResponse { correlation_id: CorrelationId(id) });
    check(&null(-2), NEWEST, "fffffffffffffffe");
    check(&null(-1), Version(129), "");
    let exception = |correlation_id| {
        Packet::Exception(Exception { code: ErrorCode::QUEUE_EXISTS, message: Some(Text::from("no")), correlation_id })
    };
    check(&exception(None), NEWEST, "00000065 01 00000002 006e006f");
    check(&exception(Some(CorrelationId(-3))), NEWEST, "00000065 01 00000002 006e006f fffffffffffffffd");
    check(&Packet::PacketsConfirmed(PacketsConfirmed { command_id: CommandId(14) }), NEWEST, "0000000e");
}

#[test]
fn consumer_packets() {
    let queue = SimpleString::from("q");
    let create = |priority| {
        Packet::CreateConsumer(CreateConsumer {
            consumer_id: ConsumerId(3),
            queue_name: queue.as_simple(),
            filter: None,
            browse_only: false,
            requires_response: true,
            priority,
        })
    };
    check(&create(5), NEWEST, "0000000000000003 00000002 7100 00 00 ff 00000005");
    check(&create(0), Version(129), "0000000000000003 00000002 7100 00 00 ff");
    let done = Acknowledge { consumer_id: ConsumerId(1), message_id: MessageId(2), requires_response: true };
    check(&Packet::Acknowledge(done), NEWEST, "0000000000000001 0000000000000002 ff");
    check(&Packet::IndividualAcknowledge(done), NEWEST, "0000000000000001 0000000000000002 ff");
    let force = ForceDelivery { consumer_id: ConsumerId(1), sequence: ForcedSequence(9) };
    check(&Packet::ForceDelivery(force), NEWEST, "0000000000000001 0000000000000009");
    let credits = ConsumerCredits { consumer_id: ConsumerId(1), credits: -1 };
    check(&Packet::ConsumerCredits(credits), NEWEST, "0000000000000001 ffffffff");
    let grant = ProducerCredits { credits: 32768, address: queue.as_simple() };
    check(&Packet::ProducerCredits(grant), NEWEST, "00008000 00000002 7100");
}

#[test]
fn old_queue_packets() {
    let name = SimpleString::from("q");
    let queue = CreateQueue {
        address: name.as_simple(),
        name: name.as_simple(),
        filter: Some(name.as_simple()),
        durable: true,
        temporary: false,
        requires_response: true,
    };
    check(&Packet::CreateQueue(queue), NEWEST, "00000002 7100 00000002 7100 01 00000002 7100 ff 00 ff");
    let shared = CreateSharedQueue {
        address: name.as_simple(),
        name: name.as_simple(),
        filter: None,
        durable: false,
        requires_response: true,
    };
    check(&Packet::CreateSharedQueue(shared), NEWEST, "00000002 7100 00000002 7100 00 00 ff");
}

#[test]
fn query_answers_end_where_their_form_ends() {
    let name = SimpleString::from("q");
    let queue = |form, groups| {
        Packet::QueueQueryResponse(QueueQueryResponse {
            form,
            queue: QueueState {
                exists: true,
                durable: true,
                temporary: false,
                consumer_count: 1,
                message_count: 2,
                filter: None,
                address: Some(name.as_simple()),
                name: Some(name.as_simple()),
            },
            auto_create_queues: form >= QueueForm::V2,
            definition: QueueDefinitionState::default(),
            default_consumer_window: None,
            attributes: QueueAttributes::default(),
            configuration_managed: None,
            groups: GroupCount(groups),
        })
    };
    let state = "ff ff 00 00000001 0000000000000002 00 01 00000002 7100 01 00000002 7100";
    check(&queue(QueueForm::V1, 0), NEWEST, state);
    check(&queue(QueueForm::V2, 0), NEWEST, &format!("{state} ff"));
    let defined = format!("{state} ff 00 00 00 ffffffff");
    check(&queue(QueueForm::V3, 0), NEWEST, &defined);
    check(&queue(QueueForm::V3, 2), NEWEST, &format!("{defined} 0000 00"));
    check(&queue(QueueForm::V3, 3), NEWEST, &format!("{defined} 0000 00 000000000000000000"));
    check(&queue(QueueForm::V3, 8), NEWEST, &format!("{defined} 0000 00 000000000000000000 00 00 00 00 00"));

    let names = [name.as_simple()];
    let binding = |form, groups| {
        Packet::BindingQueryResponse(BindingQueryResponse {
            form,
            exists: true,
            queue_names: List::of(&names),
            auto_create_queues: form >= BindingForm::V2,
            auto_create_addresses: form >= BindingForm::V3,
            default_purge_on_no_consumers: false,
            default_max_consumers: -1,
            defaults: QueueAttributes::default(),
            groups: GroupCount(groups),
            supports_multicast: false,
            supports_anycast: form >= BindingForm::V5,
        })
    };
    let bound = "ff 00000001 00000002 7100";
    check(&binding(BindingForm::V1, 0), NEWEST, bound);
    check(&binding(BindingForm::V2, 0), NEWEST, &format!("{bound} ff"));
    check(&binding(BindingForm::V3, 0), NEWEST, &format!("{bound} ff ff"));
    check(&binding(BindingForm::V4, 0), NEWEST, &format!("{bound} ff ff 00 ffffffff"));
    check(&binding(BindingForm::V4, 1), NEWEST, &format!("{bound} ff ff 00 ffffffff 0000"));
    check(&binding(BindingForm::V5, 2), NEWEST, &format!("{bound} ff ff 00 ffffffff 0000 00000000 00 ff"));
}

#[test]
fn a_send_ends_with_the_trailer_of_its_version() {
    let mut message = Vec::new();
    MessageBuilder::new("q").bytes(&[7]).write(&mut message);
    let hex = "0000000e 07 0000000000000000 01 00000002 7100 00 04 00 0000000000000000 0000000000000000 04 00";
    let send = |correlation, producer| {
        Packet::Send(Send {
            message: &message,
            trailer: SendTrailer {
                requires_response: true,
                correlation_id: CorrelationId(correlation),
                producer_id: ProducerId(producer),
            },
        })
    };
    check(&send(-1, 0), Version(129), &format!("{hex} ff"));
    check(&send(-2, 0), Version(130), &format!("{hex} ff fffffffffffffffe"));
    check(&send(-2, 0), Version(133), &format!("{hex} ff fffffffffffffffe"));
    check(&send(5, 1), Version(134), &format!("{hex} ff 0000000000000005 00000001"));
}

#[test]
fn a_delivery_is_the_stored_message_under_its_new_id() {
    let mut message = Vec::new();
    MessageBuilder::new("q").text("hi").write(&mut message);
    let trailer = ReceiveTrailer { consumer_id: ConsumerId(1), delivery_count: 2 };
    let mut out = vec![1, 2, 3];
    encode_delivery(ChannelId(10), &message, MessageId(77), &trailer, &mut out).unwrap();
    let decoded = decode(&out[7..], Direction::ServerToClient, NEWEST).unwrap();
    let Packet::ReceiveMessage(receive) = decoded.packet else { panic!("{decoded:?}") };
    assert_eq!((receive.trailer, decoded.channel), (trailer, ChannelId(10)));
    let view = MessageView::parse(receive.message).unwrap();
    assert_eq!(view.header.message_id, MessageId(77));
    assert_eq!(view.text().unwrap(), "hi");
    let whole = i32::from_be_bytes(out[3..7].try_into().unwrap()) as usize;
    assert_eq!(whole, out.len() - 7);
}

#[test]
fn the_captured_session_of_a_durable_sender() {
    let version = NEWEST;
    let line = frame("send-durable", "CREATESESSION_V2", 1);
    let decoded = decode(&line.bytes[4..], line.direction, version).unwrap();
    let Packet::CreateSession(create) = decoded.packet else { panic!("{decoded:?}") };
    assert_eq!((create.form, create.client_id), (SessionForm::V2, None));
    let settings = create.settings;
    assert_eq!((settings.channel, settings.version), (ChannelId(11), Version(136)));
    assert_eq!(settings.user.unwrap(), "admin");
    assert_eq!(settings.min_large_message_size, 102_400);
    assert_eq!((settings.xa, settings.auto_commit_sends, settings.auto_commit_acks), (false, true, true));
    assert_eq!((settings.confirmation_window, settings.pre_acknowledge), (-1, false));

    let line = frame("send-durable", "CREATE_QUEUE_V2", 0);
    let decoded = decode(&line.bytes[4..], line.direction, version).unwrap();
    let Packet::CreateQueueV2(create) = decoded.packet else { panic!("{decoded:?}") };
    let definition = create.definition;
    assert_eq!(
        (definition.address.to_string(), definition.name.to_string()),
        ("send.durable".into(), "send.durable".into())
    );
    assert_eq!((definition.durable, definition.temporary, definition.auto_created), (true, false, true));
    assert_eq!((definition.routing_type, definition.max_consumers), (RoutingType::ANYCAST, -1));
    assert_eq!((create.attributes, create.groups), (QueueAttributes::default(), GroupCount(6)));

    let line = frame("send-durable", "SESS_SEND", 0);
    let decoded = decode(&line.bytes[4..], line.direction, version).unwrap();
    let Packet::Send(send) = decoded.packet else { panic!("{decoded:?}") };
    assert!(send.trailer.requires_response);
    assert!(send.trailer.correlation_id.0 <= -2);
    assert_eq!(send.trailer.producer_id, ProducerId(1));
    let view = MessageView::parse(send.message).unwrap();
    assert_eq!((view.header.kind, view.header.durable, view.header.priority), (MessageKind::TEXT, true, 4));
    assert_eq!(view.header.address.unwrap(), "send.durable");
    assert_eq!(view.header.message_id, MessageId(0));
    let routing = view.header.properties.get("_AMQ_ROUTING_TYPE").unwrap();
    assert_eq!(routing, Some(PropertyValue::Byte(1)));
}

#[test]
fn the_captured_topology_of_a_pair() {
    let pairs: Vec<_> = one("pair-connect").into_iter().filter(|line| line.name == "CLUSTER_TOPOLOGY_V4").collect();
    let last = pairs.last().unwrap();
    let decoded = decode(&last.bytes[4..], last.direction, NEWEST).unwrap();
    let Packet::ClusterTopology(topology) = decoded.packet else { panic!("{decoded:?}") };
    let pair = topology.pair.unwrap();
    let (live, backup) = (pair.live.unwrap(), pair.backup.unwrap());
    assert_eq!((live.name.to_string(), live.factory.to_string()), ("self".into(), CONNECTOR_FACTORY.to_owned()));
    assert_eq!((live.host(), live.port()), ("127.0.0.1".to_owned(), Some(62130)));
    assert_eq!((backup.host(), backup.port()), ("127.0.0.1".to_owned(), Some(62131)));
    assert!(pair.last);
    assert_eq!(topology.server_version, Version(136));
}

#[test]
fn the_captured_properties_of_every_type() {
    let line = frame("properties", "SESS_SEND", 0);
    let decoded = decode(&line.bytes[4..], line.direction, NEWEST).unwrap();
    let Packet::Send(send) = decoded.packet else { panic!("{decoded:?}") };
    let view = MessageView::parse(send.message).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for property in view.header.properties.iter() {
        let property = property.unwrap();
        kinds.insert(std::mem::discriminant(&property.value).hash_code());
        assert_eq!(view.header.properties.get(&property.key.to_string()).unwrap(), Some(property.value));
    }
    assert!(kinds.len() >= 8, "{:?}", view.header.properties);
}

trait HashCode {
    fn hash_code(&self) -> u64;
}

impl<T> HashCode for std::mem::Discriminant<T> {
    fn hash_code(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

#[test]
fn a_packet_of_the_wrong_side_is_refused() {
    let mut out = Vec::new();
    encode(ChannelId(1), &Packet::SessionClose, NEWEST, &mut out).unwrap();
    let error = decode(&out[4..], Direction::ServerToClient, NEWEST).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the peer broke the protocol: SESS_CLOSE: type at byte 0: expected a packet type that this side may send"
    );
}

#[test]
fn a_frame_too_long_for_a_peer_is_not_appended() {
    let body = vec![0; protocol::limits::FRAME_BYTES_MAX];
    let mut out = vec![5];
    let packet = Packet::Unknown { packet_type: PacketType(99), body: &body };
    let error = encode(ChannelId(1), &packet, NEWEST, &mut out).unwrap_err();
    assert_eq!(error.bytes, body.len() + 9);
    assert_eq!(out, [5]);
}

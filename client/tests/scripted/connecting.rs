//! From the first byte to a session, and what may go wrong on the way.

use std::time::Duration;

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{ChannelId, CorrelationId, RoutingType};
use protocol::core::list::List;
use protocol::core::packet::connection::CheckForFailoverReply;
use protocol::core::packet::query::{BindingForm, BindingQueryResponse};
use protocol::core::packet::queue::{GroupCount, QueueAttributes};
use protocol::core::packet::{Packet, PacketType};
use protocol::core::text::Text;
use protocol::core::transport::{CONNECTOR_FACTORY, Parameter, ParameterValue, TransportConfiguration};
use protocol::core::version::Version;
use ringmq_client::{ConnectOptions, Connection, Credentials, Endpoint, Error, Loss, SessionOptions};

use crate::peer::{FIRST, Peer, both, connected, listen};

#[tokio::test]
async fn connecting_ends_with_the_last_topology_packet_and_takes_the_lower_version() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.version = Version(134);
        let subscribe = peer.expect(PacketType::SUBSCRIBE_TOPOLOGY_V2, ChannelId::PING).await;
        let Packet::SubscribeTopologyV2(subscribe) = subscribe.packet() else { unreachable!() };
        assert_eq!((subscribe.is_cluster_connection, subscribe.client_version), (false, Version(136)));
        let parameters = [
            Parameter { key: Text::from("host"), value: ParameterValue::Text(Text::from("b.example")) },
            Parameter { key: Text::from("port"), value: ParameterValue::Text(Text::from("61617")) },
        ];
        let (name, factory) = (Text::from("self"), Text::from(CONNECTOR_FACTORY));
        let backup = TransportConfiguration { name, factory, parameters: List::of(&parameters) };
        peer.tell_topology(1, None, None, false).await;
        peer.tell_topology(2, None, Some(backup), true).await;
        peer.tell_topology(1, None, None, false).await;
        assert!(peer.next().await.is_none());
        assert_eq!(peer.pings, 1);
    };
    let client = async {
        let connection = Connection::connect(&endpoint, ConnectOptions::default()).await.unwrap();
        assert_eq!(connection.version(), Version(134));
        let topology = connection.topology();
        assert_eq!(topology.only_node_id(), Some("node"));
        let member = &topology.members()["node"];
        assert_eq!((member.event_id, member.live.as_ref()), (2, None));
        let backup = member.backup.as_ref().unwrap();
        assert_eq!(backup.endpoint, Endpoint { host: "b.example".to_owned(), port: 61617 });
        connection.close().await;
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_session_carries_who_logs_in_and_may_be_refused() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.welcome().await;
        let request = peer.expect(PacketType::CREATESESSION_V2, ChannelId::SESSION).await;
        let Packet::CreateSession(create) = request.packet() else { unreachable!() };
        let settings = create.settings;
        assert_eq!(settings.user.unwrap(), "u");
        assert_eq!(settings.password.unwrap().0, "p");
        assert_eq!(create.client_id.unwrap(), "c");
        assert_eq!((settings.auto_commit_sends, settings.auto_commit_acks), (false, false));
        assert_eq!(settings.confirmation_window, -1);
        peer.refuse(ChannelId::SESSION, ErrorCode::SECURITY_EXCEPTION, None).await;
        // The refused channel is not used again.
        peer.grant_session(ChannelId(11)).await;
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let credentials = Some(Credentials { user: "u".to_owned(), password: "p".to_owned() });
        let client_id = Some("c".to_owned());
        let options = ConnectOptions { credentials, client_id, ..ConnectOptions::default() };
        let connection = Connection::connect(&endpoint, options).await.unwrap();
        let error = connection.create_session(SessionOptions::TRANSACTED).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::SECURITY_EXCEPTION));
        assert_eq!(error.to_string(), "the server refused (105 SECURITY_EXCEPTION): because");
        assert!(!error.outcome_unknown());
        connection.create_session(SessionOptions::TRANSACTED).await.unwrap();
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_list_is_tried_in_its_order() {
    let (closed, nobody) = listen().await;
    drop(closed);
    let (listener, endpoint) = listen().await;
    let url = format!("(tcp://{nobody},tcp://{endpoint})?ha=true").parse().unwrap();
    let server = async { Peer::accept(&listener).await.welcome().await };
    let client = async { Connection::connect_url(&url, &ConnectOptions::default()).await.unwrap() };
    both(server, client).await;

    let error = Connection::connect(&nobody, ConnectOptions::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { endpoint, .. } if *endpoint == nobody), "{error}");
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.expect(PacketType::SUBSCRIBE_TOPOLOGY_V2, ChannelId::PING).await;
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let options = ConnectOptions { call_timeout: Duration::from_millis(50), ..ConnectOptions::default() };
        let error = Connection::connect(&endpoint, options).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { what: "SUBSCRIBE_TOPOLOGY_V2", .. }), "{error}");
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_server_too_old_to_tell_answers_apart_is_left() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.version = Version(129);
        peer.welcome().await;
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let error = Connection::connect(&endpoint, ConnectOptions::default()).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::INCOMPATIBLE_CLIENT_SERVER_VERSIONS));
    };
    both(server, client).await;
}

/// A machine that stops for longer than a connection may be silent loses it, and rightly so: then there is more time at the next try.
#[tokio::test]
async fn signs_of_life_are_sent() {
    for ttl_ms in [1_000, 4_000, 16_000] {
        let (listener, endpoint) = listen().await;
        let server = async {
            let mut peer = Peer::accept(&listener).await;
            peer.welcome().await;
            assert!(peer.next().await.is_none());
            peer.pings
        };
        let client = async {
            let connection = Connection::connect(&endpoint, pinging(ttl_ms)).await.unwrap();
            // Longer than the connection may be silent: the echoes keep it.
            let longer = Duration::from_millis(ttl_ms * 3 / 2);
            tokio::time::timeout(longer, connection.lost()).await.is_err()
        };
        let (pings, kept) = both(server, client).await;
        if kept {
            assert!(pings >= 3, "{pings}");
            return;
        }
    }
    panic!("a connection with echoes was given up, three times");
}

fn pinging(ttl_ms: u64) -> ConnectOptions {
    ConnectOptions {
        ping_period: Duration::from_millis(10),
        connection_ttl: Duration::from_millis(ttl_ms),
        ..ConnectOptions::default()
    }
}

#[tokio::test]
async fn missing_signs_of_life_end_the_connection() {
    let (listener, endpoint) = listen().await;
    let silent = async {
        let mut peer = Peer::accept(&listener).await;
        peer.welcome().await;
        peer
    };
    let client = async {
        let connection = Connection::connect(&endpoint, pinging(1_000)).await.unwrap();
        assert!(matches!(connection.lost().await, Loss::Silent(_)));
        assert!(connection.is_lost());
    };
    let (_peer, ()) = both(silent, client).await;
}

#[tokio::test]
async fn the_question_after_a_failover() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.welcome().await;
        for ok_to_failover in [true, false] {
            let check = peer.expect(PacketType::CHECK_FOR_FAILOVER, ChannelId::SESSION).await;
            assert!(matches!(check.packet(), Packet::CheckForFailover(check) if check.node_id.unwrap() == "node"));
            let reply = Packet::CheckForFailoverReply(CheckForFailoverReply { ok_to_failover });
            peer.say(ChannelId::SESSION, &reply).await;
        }
    };
    let client = async {
        let connection = Connection::connect(&endpoint, ConnectOptions::default()).await.unwrap();
        assert!(connection.check_for_failover(Some("node")).await.unwrap());
        assert!(!connection.check_for_failover(Some("node")).await.unwrap());
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_missing_queue_is_created_the_way_the_jms_client_does() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::SESS_BINDINGQUERY, FIRST).await;
        let missing = BindingQueryResponse {
            form: BindingForm::V5,
            exists: false,
            queue_names: List::default(),
            auto_create_queues: true,
            auto_create_addresses: true,
            default_purge_on_no_consumers: true,
            default_max_consumers: 7,
            defaults: QueueAttributes::default(),
            groups: GroupCount::ALL,
            supports_multicast: false,
            supports_anycast: false,
        };
        peer.say(FIRST, &Packet::BindingQueryResponse(missing)).await;
        let address = peer.expect(PacketType::CREATE_ADDRESS, FIRST).await;
        let Packet::CreateAddress(create) = address.packet() else { unreachable!() };
        assert_eq!(create.routing_types.iter().collect::<Vec<_>>(), [RoutingType::ANYCAST]);
        assert!(create.auto_created && create.requires_response);
        peer.say_done(CorrelationId::NONE).await;
        peer.expect(PacketType::SESS_QUEUEQUERY, FIRST).await;
        peer.describe_queue("q", false).await;
        let queue = peer.expect(PacketType::CREATE_QUEUE_V2, FIRST).await;
        let Packet::CreateQueueV2(create) = queue.packet() else { unreachable!() };
        let definition = create.definition;
        assert_eq!((definition.address.to_string(), definition.name.to_string()), ("q".into(), "q".into()));
        assert_eq!((definition.durable, definition.temporary, definition.auto_created), (true, false, true));
        assert_eq!((definition.max_consumers, definition.purge_on_no_consumers), (7, true));
        assert_eq!((create.attributes, create.groups), (QueueAttributes::default(), GroupCount(6)));
        // Another client was faster.
        peer.refuse(FIRST, ErrorCode::QUEUE_EXISTS, None).await;

        peer.expect(PacketType::SESS_BINDINGQUERY, FIRST).await;
        peer.say(FIRST, &Packet::BindingQueryResponse(BindingQueryResponse { exists: true, ..missing })).await;
        peer.expect(PacketType::SESS_BINDINGQUERY, FIRST).await;
        let closed = BindingQueryResponse { auto_create_addresses: false, ..missing };
        peer.say(FIRST, &Packet::BindingQueryResponse(closed)).await;
    };
    let client = async {
        let (_connection, session) = connected(&endpoint, SessionOptions::AUTO).await;
        session.ensure_queue("q").await.unwrap();
        let wrong = session.ensure_queue("q").await.unwrap_err();
        assert_eq!(wrong.to_string(), "address q exists and cannot be used as a queue");
        let missing = session.ensure_topic("t").await.unwrap_err();
        assert_eq!(missing.to_string(), "address t does not exist and may not be created");
    };
    both(server, client).await;
}

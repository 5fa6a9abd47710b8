//! The end of a connection, and what each caller may conclude from what it is told.

use std::time::Duration;

use protocol::core::identity::{ChannelId, DisconnectReason};
use protocol::core::list::List;
use protocol::core::packet::connection::DisconnectV3;
use protocol::core::packet::{Packet, PacketType};
use protocol::core::text::Text;
use protocol::core::transport::{CONNECTOR_FACTORY, Parameter, ParameterValue, TransportConfiguration};
use protocol::message::MessageBuilder;
use ringmq_client::{
    ConnectOptions, Connection, ConsumerOptions, Endpoint, Error, Loss, ProducerOptions, SessionOptions,
};

use crate::peer::{FIRST, Peer, both, connected, listen};

// proves: S1-147, S3-25
#[tokio::test]
async fn a_commit_cut_off_is_unknown_and_what_follows_is_certainly_not_done() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::SESS_COMMIT, FIRST).await;
        drop(peer);
    };
    let client = async {
        let (connection, session) = connected(&endpoint, SessionOptions::TRANSACTED).await;
        let error = session.commit().await.unwrap_err();
        assert!(error.outcome_unknown() && error.connection_lost(), "{error}");
        assert!(matches!(error, Error::Lost(Loss::ClosedByPeer | Loss::Io(_))), "{error}");
        let error = session.commit().await.unwrap_err();
        assert!(!error.outcome_unknown() && error.connection_lost(), "{error}");
        assert!(matches!(error, Error::NotSent(_)), "{error}");
        let producer = session.producer("q", ProducerOptions::default());
        assert!(matches!(producer.unwrap_err(), Error::NotSent(_)));
        assert!(matches!(connection.create_session(SessionOptions::AUTO).await.unwrap_err(), Error::NotSent(_)));
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_sender_that_waits_for_credits_was_certainly_not_heard() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::CREATE_PRODUCER, FIRST).await;
        peer.expect(PacketType::SESS_PRODUCER_REQUEST_CREDITS, FIRST).await;
        drop(peer);
    };
    let client = async {
        let (_connection, session) = connected(&endpoint, SessionOptions::AUTO).await;
        let producer = session.producer("q", ProducerOptions::default()).unwrap();
        let error = producer.send(&MessageBuilder::new("q").text("x")).await.unwrap_err();
        assert!(matches!(error, Error::NotSent(_)), "{error}");
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_call_without_an_answer_ends_the_connection() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.welcome().await;
        peer.grant_session(FIRST).await;
        peer.expect(PacketType::SESS_STOP, FIRST).await;
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let options = ConnectOptions { call_timeout: Duration::from_millis(200), ..ConnectOptions::default() };
        let connection = Connection::connect(&endpoint, options).await.unwrap();
        let session = connection.create_session(SessionOptions::AUTO).await.unwrap();
        let error = session.stop().await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { what: "SESS_STOP", .. }), "{error}");
        assert!(error.outcome_unknown());
        assert!(matches!(connection.lost().await, Loss::Unanswered("SESS_STOP")));
    };
    both(server, client).await;
}

#[tokio::test]
async fn deliveries_that_came_before_the_end_are_received_before_it() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::SESS_CREATECONSUMER, FIRST).await;
        peer.describe_queue("q", true).await;
        peer.expect(PacketType::SESS_FLOWTOKEN, FIRST).await;
        peer.deliver(1, 1, MessageBuilder::new("q").text("a")).await;
        peer.deliver(2, 1, MessageBuilder::new("q").text("b")).await;
        let end =
            DisconnectV3 { node_id: None, reason: DisconnectReason::SHUT_DOWN, target_node_id: None, target: None };
        peer.say(ChannelId::PING, &Packet::DisconnectV3(end)).await;
        peer
    };
    let client = async {
        let (connection, session) = connected(&endpoint, SessionOptions::AUTO).await;
        let mut consumer = session.consumer("q", &ConsumerOptions::default()).await.unwrap();
        connection.lost().await;
        assert_eq!(consumer.next().await.unwrap().text().unwrap(), "a");
        let last = consumer.next().await.unwrap();
        assert!(matches!(consumer.acknowledge(&last).unwrap_err(), Error::NotSent(_)));
        let error = consumer.next().await.unwrap_err();
        let shut_down = DisconnectReason::SHUT_DOWN;
        assert!(
            matches!(&error, Error::Lost(Loss::Disconnected { reason, target: None }) if *reason == shut_down),
            "{error}"
        );
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_redirect_names_where_to_go() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.welcome().await;
        peer.expect(PacketType::CREATESESSION_V2, ChannelId::SESSION).await;
        let parameters = [
            Parameter { key: Text::from("host"), value: ParameterValue::Text(Text::from("other")) },
            Parameter { key: Text::from("port"), value: ParameterValue::Int(5) },
        ];
        let (name, factory) = (Text::from("o"), Text::from(CONNECTOR_FACTORY));
        let target = TransportConfiguration { name, factory, parameters: List::of(&parameters) };
        let redirect = DisconnectV3 {
            node_id: None,
            reason: DisconnectReason::REDIRECT,
            target_node_id: None,
            target: Some(target),
        };
        peer.say(ChannelId::PING, &Packet::DisconnectV3(redirect)).await;
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let connection = Connection::connect(&endpoint, ConnectOptions::default()).await.unwrap();
        let error = connection.create_session(SessionOptions::AUTO).await.unwrap_err();
        let Error::Lost(Loss::Disconnected { target: Some(target), .. }) = error else { panic!("{error}") };
        assert_eq!(target.endpoint, Endpoint { host: "other".to_owned(), port: 5 });
    };
    both(server, client).await;
}

#[tokio::test]
async fn bytes_that_are_no_frame_or_no_packet_end_the_connection() {
    let cases: [(&[u8], &str); 3] = [
        (&[0, 0, 0, 3], "the peer broke the protocol: frame length 3, expected 9 to 104857600"),
        (&[0x7f, 0xff, 0xff, 0xff], "the peer exceeded a limit: frame length 2147483647, expected 9 to 104857600"),
        (
            &[0, 0, 0, 10, 21, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            "the peer broke the protocol: NULL_RESPONSE: correlation_id at byte 9: expected 8 more bytes, 1 are left",
        ),
    ];
    for (bytes, told) in cases {
        let (listener, endpoint) = listen().await;
        let server = async {
            let mut peer = Peer::accept(&listener).await;
            peer.welcome().await;
            peer.say_bytes(bytes).await;
            assert!(peer.next().await.is_none());
        };
        let client = async {
            let connection = Connection::connect(&endpoint, ConnectOptions::default()).await.unwrap();
            assert_eq!(connection.lost().await.to_string(), told);
        };
        both(server, client).await;
    }
}

#[tokio::test]
async fn what_was_written_before_a_close_arrives() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::CREATE_PRODUCER, FIRST).await;
        for _ in 0..200 {
            peer.expect(PacketType::SESS_SEND, FIRST).await;
        }
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let (connection, session) = connected(&endpoint, SessionOptions::AUTO).await;
        let free = ProducerOptions { credit_bytes: 0, ..ProducerOptions::default() };
        let producer = session.producer("q", free).unwrap();
        let message = MessageBuilder::new("q").bytes(&[7; 20_000]);
        for _ in 0..200 {
            producer.send_unanswered(&message).await.unwrap();
        }
        connection.close().await;
        assert!(matches!(session.start().unwrap_err(), Error::NotSent(Loss::ClosedHere)));
    };
    both(server, client).await;
}

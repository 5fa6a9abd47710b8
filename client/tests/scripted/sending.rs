//! Messages to the server: credits, answers, and which answer is whose.

use std::time::Duration;

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{CorrelationId, ProducerId};
use protocol::core::packet::credit::ProducerCredits;
use protocol::core::packet::transfer::SendTrailer;
use protocol::core::packet::{Packet, PacketType};
use protocol::message::{MessageBuilder, MessageView};
use protocol::simple_string::SimpleString;
use ringmq_client::{ProducerOptions, SessionOptions};

use crate::peer::{FIRST, Peer, both, connected, listen};

/// Without credits, where a test is about something else.
const FREE: ProducerOptions = ProducerOptions { credit_bytes: 0, in_flight_max: 64 };

fn text(text: &str) -> MessageBuilder {
    MessageBuilder::new("q").durable(true).text(text)
}

/// The next frame must be a send; gives its trailer and text.
async fn expect_send(peer: &mut Peer) -> (SendTrailer, String) {
    let received = peer.expect(PacketType::SESS_SEND, FIRST).await;
    let Packet::Send(send) = received.packet() else { unreachable!() };
    assert_eq!(send.message.len() + 13 + 13, received.frame_bytes());
    (send.trailer, MessageView::parse(send.message).unwrap().text().unwrap().to_string())
}

async fn expect_credit_request(peer: &mut Peer) -> i32 {
    let received = peer.expect(PacketType::SESS_PRODUCER_REQUEST_CREDITS, FIRST).await;
    let Packet::ProducerRequestCredits(request) = received.packet() else { unreachable!() };
    assert_eq!(request.address, "q");
    request.credits
}

async fn grant(peer: &mut Peer, credits: i32) {
    let address = SimpleString::from("q");
    peer.say(FIRST, &Packet::ProducerCredits(ProducerCredits { credits, address: address.as_simple() })).await;
}

#[tokio::test]
async fn a_send_waits_for_credits_and_for_its_answer() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        let producer = peer.expect(PacketType::CREATE_PRODUCER, FIRST).await;
        assert!(matches!(producer.packet(), Packet::CreateProducer(create) if create.producer_id == ProducerId(1)));
        assert_eq!(expect_credit_request(&mut peer).await, 32 * 1024);
        grant(&mut peer, 32 * 1024).await;
        let (trailer, body) = expect_send(&mut peer).await;
        assert_eq!((trailer.requires_response, trailer.producer_id, body.as_str()), (true, ProducerId(1), "one"));
        assert!(trailer.correlation_id < CorrelationId::NONE);
        peer.say_done(trailer.correlation_id).await;

        assert_eq!(expect_credit_request(&mut peer).await, 32 * 1024);
        grant(&mut peer, 32 * 1024).await;
        let (trailer, _) = expect_send(&mut peer).await;
        peer.refuse(FIRST, ErrorCode::DUPLICATE_ID_REJECTED, Some(trailer.correlation_id)).await;

        // A message dearer than the window costs what it costs.
        let asked = expect_credit_request(&mut peer).await;
        assert!(asked > 80_000, "{asked}");
        grant(&mut peer, asked).await;
        let (trailer, _) = expect_send(&mut peer).await;
        peer.say_done(trailer.correlation_id).await;
        peer.expect(PacketType::REMOVE_PRODUCER, FIRST).await;
        peer.expect(PacketType::SESS_CLOSE, FIRST).await;
        peer.say_done(CorrelationId::NONE).await;
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let (connection, session) = connected(&endpoint, SessionOptions::AUTO).await;
        let producer = session.producer("q", ProducerOptions::default()).unwrap();
        producer.send(&text("one")).await.unwrap();
        let refused = producer.send(&text("two")).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::DUPLICATE_ID_REJECTED));
        producer.send(&text(&"x".repeat(40_000))).await.unwrap();
        producer.close().unwrap();
        session.close().await.unwrap();
        connection.close().await;
    };
    both(server, client).await;
}

#[tokio::test]
async fn an_address_that_is_full_refuses_before_anything_is_sent() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::CREATE_PRODUCER, FIRST).await;
        let credits = expect_credit_request(&mut peer).await;
        let address = SimpleString::from("q");
        let refusal = ProducerCredits { credits, address: address.as_simple() };
        peer.say(FIRST, &Packet::ProducerFailCredits(refusal)).await;
        assert_eq!(expect_credit_request(&mut peer).await, credits);
        grant(&mut peer, credits).await;
        let (trailer, body) = expect_send(&mut peer).await;
        assert_eq!(body, "again");
        peer.say_done(trailer.correlation_id).await;
    };
    let client = async {
        let (_connection, session) = connected(&endpoint, SessionOptions::AUTO).await;
        let producer = session.producer("q", ProducerOptions::default()).unwrap();
        let full = producer.send(&text("no")).await.unwrap_err();
        assert_eq!(full.code(), Some(ErrorCode::ADDRESS_FULL));
        producer.send(&text("again")).await.unwrap();
    };
    both(server, client).await;
}

#[tokio::test]
async fn asynchronous_sends_are_answered_each_on_its_own() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::CREATE_PRODUCER, FIRST).await;
        for number in 1..=4 {
            let (trailer, body) = expect_send(&mut peer).await;
            assert_eq!((trailer.correlation_id, body), (CorrelationId(number), number.to_string()));
            assert!(trailer.requires_response);
        }
        let commit = peer.expect(PacketType::SESS_COMMIT, FIRST).await;
        let Packet::Commit(commit) = commit.packet() else { unreachable!() };
        // Out of order, one refused, and the answer to the commit in between.
        peer.say_done(CorrelationId(3)).await;
        peer.refuse(FIRST, ErrorCode::ADDRESS_FULL, Some(CorrelationId(1))).await;
        peer.say_done(commit.correlation_id.unwrap()).await;
        peer.say_done(CorrelationId(2)).await;
        drop(peer);
    };
    let client = async {
        let (_connection, session) = connected(&endpoint, SessionOptions::TRANSACTED).await;
        let producer = session.producer("q", FREE).unwrap();
        let mut receipts = Vec::new();
        for number in 1..=4 {
            receipts.push(producer.send_async(&text(&number.to_string())).await.unwrap());
        }
        session.commit().await.unwrap();
        let mut outcomes = Vec::new();
        for receipt in receipts {
            outcomes.push(receipt.await);
        }
        assert_eq!(outcomes[0].as_ref().unwrap_err().code(), Some(ErrorCode::ADDRESS_FULL));
        assert!(outcomes[1].is_ok() && outcomes[2].is_ok());
        // The last was never answered, and the connection is gone.
        assert!(outcomes[3].as_ref().unwrap_err().outcome_unknown());
    };
    both(server, client).await;
}

#[tokio::test]
async fn no_more_sends_are_under_way_than_the_window_allows() {
    let (listener, endpoint) = listen().await;
    let (gate, opened) = tokio::sync::oneshot::channel::<()>();
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::CREATE_PRODUCER, FIRST).await;
        expect_send(&mut peer).await;
        expect_send(&mut peer).await;
        opened.await.unwrap();
        peer.say_done(CorrelationId(2)).await;
        let (trailer, body) = expect_send(&mut peer).await;
        assert_eq!((trailer.correlation_id, body.as_str()), (CorrelationId(3), "3"));
        peer.say_done(CorrelationId(1)).await;
        peer.say_done(CorrelationId(3)).await;
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let (_connection, session) = connected(&endpoint, SessionOptions::AUTO).await;
        let producer = session.producer("q", ProducerOptions { in_flight_max: 2, ..FREE }).unwrap();
        let first = producer.send_async(&text("1")).await.unwrap();
        let second = producer.send_async(&text("2")).await.unwrap();
        let message = text("3");
        let mut third = Box::pin(producer.send_async(&message));
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut third).await.is_err());
        gate.send(()).unwrap();
        let third = third.await.unwrap();
        second.await.unwrap();
        first.await.unwrap();
        third.await.unwrap();
    };
    both(server, client).await;
}

#[tokio::test]
async fn an_answer_to_a_call_that_was_given_up_is_not_taken_for_the_next() {
    let (listener, endpoint) = listen().await;
    let (gate, opened) = tokio::sync::oneshot::channel::<()>();
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        let query = peer.expect(PacketType::SESS_QUEUEQUERY, FIRST).await;
        assert!(matches!(query.packet(), Packet::QueueQuery(query) if query.name == "first"));
        gate.send(()).unwrap();
        let query = peer.expect(PacketType::SESS_QUEUEQUERY, FIRST).await;
        assert!(matches!(query.packet(), Packet::QueueQuery(query) if query.name == "second"));
        peer.describe_queue("first", true).await;
        peer.describe_queue("second", false).await;
    };
    let client = async {
        let (_connection, session) = connected(&endpoint, SessionOptions::AUTO).await;
        tokio::select! {
            _ = session.query_queue("first") => panic!("nobody answered"),
            opened = opened => opened.unwrap(),
        }
        let second = session.query_queue("second").await.unwrap();
        assert_eq!((second.exists, second.address.as_deref()), (false, Some("second")));
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_transaction_is_sent_unanswered_and_its_commit_tells() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::CREATE_PRODUCER, FIRST).await;
        let (trailer, _) = expect_send(&mut peer).await;
        assert_eq!((trailer.requires_response, trailer.correlation_id), (false, CorrelationId(0)));
        let commit = peer.expect(PacketType::SESS_COMMIT, FIRST).await;
        let Packet::Commit(commit) = commit.packet() else { unreachable!() };
        peer.refuse(FIRST, ErrorCode::TRANSACTION_ROLLED_BACK, commit.correlation_id).await;
    };
    let client = async {
        let (_connection, session) = connected(&endpoint, SessionOptions::TRANSACTED).await;
        let producer = session.producer("q", FREE).unwrap();
        producer.send_unanswered(&text("1")).await.unwrap();
        let error = session.commit().await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::TRANSACTION_ROLLED_BACK));
        assert!(!error.outcome_unknown() && !error.connection_lost());
    };
    both(server, client).await;
}

//! Messages from the server: credits, acknowledgements, pieces, rollbacks.

use std::time::Duration;

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{ConsumerId, CorrelationId, MessageId};
use protocol::core::packet::connection::DisconnectConsumer;
use protocol::core::packet::transfer::{ReceiveContinuation, ReceiveLargeMessage, ReceiveTrailer};
use protocol::core::packet::{Packet, PacketType};
use protocol::message::{MessageBuilder, MessageKind, PropertyValue, property_name};
use ringmq_client::{Consumer, ConsumerOptions, ConsumerWindow, Endpoint, Error, Session, SessionOptions};
use tokio::net::TcpListener;

use crate::peer::{FIRST, Peer, both, connected, listen};

const SOON: Duration = Duration::from_secs(120);

fn text(text: &str) -> MessageBuilder {
    MessageBuilder::new("q").text(text)
}

/// The server side of opening a consumer; gives the credits it came with.
async fn accept_consumer(listener: &TcpListener) -> (Peer, i32) {
    let mut peer = Peer::accept_session(listener).await;
    let create = peer.expect(PacketType::SESS_CREATECONSUMER, FIRST).await;
    let Packet::CreateConsumer(create) = create.packet() else { unreachable!() };
    assert_eq!((create.consumer_id, create.requires_response), (ConsumerId(0), true));
    assert_eq!(create.queue_name, "q");
    peer.describe_queue("q", true).await;
    let credits = expect_credits(&mut peer).await;
    (peer, credits)
}

async fn expect_credits(peer: &mut Peer) -> i32 {
    let received = peer.expect(PacketType::SESS_FLOWTOKEN, FIRST).await;
    let Packet::ConsumerCredits(credits) = received.packet() else { unreachable!() };
    assert_eq!(credits.consumer_id, ConsumerId(0));
    credits.credits
}

async fn consuming(endpoint: &Endpoint, window: ConsumerWindow) -> (ringmq_client::Connection, Session, Consumer) {
    let (connection, session) = connected(endpoint, SessionOptions::TRANSACTED).await;
    let options = ConsumerOptions { window, ..ConsumerOptions::default() };
    let consumer = session.consumer("q", &options).await.unwrap();
    (connection, session, consumer)
}

#[tokio::test]
async fn credits_go_back_by_whole_frames_at_half_a_window() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let (mut peer, credits) = accept_consumer(&listener).await;
        assert_eq!(credits, 300);
        let mut bytes = 0;
        for id in 1..=2 {
            bytes += peer.deliver(id, 1, text("hello")).await;
        }
        assert!((150..300).contains(&bytes), "{bytes}");
        assert_eq!(expect_credits(&mut peer).await, bytes as i32);
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let (_connection, _session, mut consumer) = consuming(&endpoint, ConsumerWindow::Bytes(300)).await;
        for id in 1..=2 {
            let delivery = consumer.receive(SOON).await.unwrap().unwrap();
            assert_eq!((delivery.message_id(), delivery.delivery_count()), (MessageId(id), 1));
            assert_eq!(delivery.text().unwrap(), "hello");
        }
        assert!(consumer.receive(Duration::from_millis(20)).await.unwrap().is_none());
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_window_of_one_buffers_one_and_no_window_counts_nothing() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let (mut peer, credits) = accept_consumer(&listener).await;
        assert_eq!(credits, 1);
        let bytes = peer.deliver(1, 1, text("a")).await;
        assert_eq!(expect_credits(&mut peer).await, bytes as i32);
        drop(peer);
        let (mut peer, credits) = accept_consumer(&listener).await;
        assert_eq!(credits, -1);
        peer.deliver(1, 1, text("a")).await;
        assert!(peer.next().await.is_none());
    };
    let client = async {
        for window in [ConsumerWindow::Bytes(0), ConsumerWindow::Unlimited] {
            let (connection, _session, mut consumer) = consuming(&endpoint, window).await;
            consumer.receive(SOON).await.unwrap().unwrap();
            connection.close().await;
        }
    };
    both(server, client).await;
}

#[tokio::test]
async fn acknowledgements_name_the_message_and_wait_when_told_to() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let (mut peer, _) = accept_consumer(&listener).await;
        peer.deliver(5, 2, text("a")).await;
        for (packet_type, waits) in [
            (PacketType::SESS_ACKNOWLEDGE, false),
            (PacketType::SESS_INDIVIDUAL_ACKNOWLEDGE, false),
            (PacketType::SESS_ACKNOWLEDGE, true),
            (PacketType::SESS_INDIVIDUAL_ACKNOWLEDGE, true),
        ] {
            let received = peer.expect(packet_type, FIRST).await;
            let (Packet::Acknowledge(acknowledge) | Packet::IndividualAcknowledge(acknowledge)) = received.packet()
            else {
                unreachable!()
            };
            assert_eq!((acknowledge.consumer_id, acknowledge.message_id), (ConsumerId(0), MessageId(5)));
            assert_eq!(acknowledge.requires_response, waits);
            if packet_type == PacketType::SESS_INDIVIDUAL_ACKNOWLEDGE && waits {
                peer.refuse(FIRST, ErrorCode::ILLEGAL_STATE, None).await;
            } else if waits {
                peer.say_done(CorrelationId::NONE).await;
            }
        }
        peer.expect(PacketType::SESS_CONSUMER_CLOSE, FIRST).await;
        peer.say_done(CorrelationId::NONE).await;
    };
    let client = async {
        let (_connection, _session, mut consumer) = consuming(&endpoint, ConsumerWindow::Unlimited).await;
        let delivery = consumer.next().await.unwrap();
        consumer.acknowledge(&delivery).unwrap();
        consumer.acknowledge_individually(&delivery).unwrap();
        consumer.acknowledge_and_wait(&delivery).await.unwrap();
        let refused = consumer.acknowledge_individually_and_wait(&delivery).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::ILLEGAL_STATE));
        consumer.close().await.unwrap();
    };
    both(server, client).await;
}

#[tokio::test]
async fn an_empty_queue_says_so_when_asked() {
    let (listener, endpoint) = listen().await;
    let forced = |sequence| {
        MessageBuilder::new("q").property(property_name::FORCED_DELIVERY_SEQUENCE, PropertyValue::Long(sequence))
    };
    let server = async {
        let (mut peer, _) = accept_consumer(&listener).await;
        for sequence in 1..=2 {
            let force = peer.expect(PacketType::SESS_FORCE_CONSUMER_DELIVERY, FIRST).await;
            assert!(matches!(force.packet(), Packet::ForceDelivery(force) if force.sequence.0 == sequence));
            if sequence == 1 {
                peer.deliver(9, 1, text("there was one")).await;
            }
            peer.deliver(10, 0, forced(sequence)).await;
        }
        // Neither answer is counted: no credits come back but those of the delivery.
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let (_connection, _session, mut consumer) = consuming(&endpoint, ConsumerWindow::Bytes(10_000)).await;
        assert_eq!(consumer.receive_now().await.unwrap().unwrap().text().unwrap(), "there was one");
        assert!(consumer.receive_now().await.unwrap().is_none());
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_large_delivery_is_put_together_and_its_pieces_are_paid_for() {
    let (listener, endpoint) = listen().await;
    let pieces = [vec![1u8; 300], vec![2u8; 300], vec![3u8; 10]];
    let server = async {
        let (mut peer, credits) = accept_consumer(&listener).await;
        assert_eq!(credits, 500);
        let mut header = Vec::new();
        MessageBuilder::new("q").bytes(&[]).message_id(MessageId(77)).write_header(&mut header);
        let delivery = ReceiveTrailer { consumer_id: ConsumerId(0), delivery_count: 1 };
        let head = ReceiveLargeMessage { delivery, large_message_size: 610, header: &header };
        peer.say(FIRST, &Packet::ReceiveLargeMessage(head)).await;
        let mut unpaid = 13 + 20 + header.len();
        for (index, chunk) in pieces.iter().enumerate() {
            let piece = ReceiveContinuation { chunk, continues: index < 2, consumer_id: ConsumerId(0) };
            peer.say(FIRST, &Packet::ReceiveContinuation(piece)).await;
            unpaid += 13 + 4 + chunk.len() + 9;
            // More than half of the window is out: it must come back before the delivery is complete.
            if index < 2 {
                assert_eq!(expect_credits(&mut peer).await, unpaid as i32);
                unpaid = 0;
            }
        }
        assert!(peer.next().await.is_none());
    };
    let client = async {
        let (_connection, _session, mut consumer) = consuming(&endpoint, ConsumerWindow::Bytes(500)).await;
        let delivery = consumer.receive(SOON).await.unwrap().unwrap();
        assert_eq!(delivery.body(), pieces.concat());
        assert_eq!(delivery.message_id(), MessageId(77));
        assert_eq!(delivery.view().unwrap().header.kind, MessageKind::BYTES);
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_rollback_voids_what_was_buffered() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let (mut peer, _) = accept_consumer(&listener).await;
        let first = peer.deliver(1, 1, text("first")).await;
        let buffered = peer.deliver(2, 1, text("buffered")).await;
        peer.expect(PacketType::SESS_STOP, FIRST).await;
        peer.say_done(CorrelationId::NONE).await;
        let rollback = peer.expect(PacketType::SESS_ROLLBACK, FIRST).await;
        let flag = |rollback: &Packet<'_>| match rollback {
            Packet::Rollback(rollback) => rollback.consider_last_message_as_delivered,
            other => panic!("{other:?}"),
        };
        assert!(!flag(&rollback.packet()));
        peer.say_done(CorrelationId::NONE).await;
        peer.expect(PacketType::SESS_START, FIRST).await;
        peer.deliver(1, 2, text("first")).await;
        // What was thrown away was counted against the credits, and comes back: with the first it is half a window.
        assert!(first < 150 && first + buffered >= 150, "{first} {buffered}");
        assert_eq!(expect_credits(&mut peer).await, (first + buffered) as i32);
    };
    let client = async {
        let (_connection, session, mut consumer) = consuming(&endpoint, ConsumerWindow::Bytes(300)).await;
        assert_eq!(consumer.next().await.unwrap().delivery_count(), 1);
        session.rollback().await.unwrap();
        let again = consumer.next().await.unwrap();
        assert_eq!((again.message_id(), again.delivery_count()), (MessageId(1), 2));
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_consumer_whose_queue_is_deleted_is_told() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let (mut peer, _) = accept_consumer(&listener).await;
        peer.deliver(1, 1, text("last")).await;
        let gone = DisconnectConsumer { consumer_id: ConsumerId(0) };
        peer.say(FIRST, &Packet::DisconnectConsumer(gone)).await;
        peer.expect(PacketType::SESS_CONSUMER_CLOSE, FIRST).await;
        peer.say_done(CorrelationId::NONE).await;
    };
    let client = async {
        let (_connection, _session, mut consumer) = consuming(&endpoint, ConsumerWindow::Unlimited).await;
        assert_eq!(consumer.next().await.unwrap().text().unwrap(), "last");
        assert!(matches!(consumer.next().await.unwrap_err(), Error::ConsumerGone));
        consumer.close().await.unwrap();
    };
    both(server, client).await;
}

#[tokio::test]
async fn a_consumer_that_is_refused_leaves_nothing_behind() {
    let (listener, endpoint) = listen().await;
    let server = async {
        let mut peer = Peer::accept_session(&listener).await;
        peer.expect(PacketType::SESS_CREATECONSUMER, FIRST).await;
        peer.refuse(FIRST, ErrorCode::QUEUE_DOES_NOT_EXIST, None).await;
        peer.expect(PacketType::SESS_STOP, FIRST).await;
        peer.say_done(CorrelationId::NONE).await;
    };
    let client = async {
        let (_connection, session) = connected(&endpoint, SessionOptions::AUTO).await;
        let error = session.consumer("q", &ConsumerOptions::default()).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::QUEUE_DOES_NOT_EXIST));
        session.stop().await.unwrap();
    };
    both(server, client).await;
}

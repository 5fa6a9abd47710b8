//! Packets that nobody knows, that come where they have no place, or that ask for no answer.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::RoutingType;
use protocol::core::packet::connection::Ping;
use protocol::core::packet::queue::{
    CreateQueue, CreateQueueV2, CreateSharedQueue, CreateSharedQueueV2, GroupCount, QueueAttributes, QueueDefinition,
    SharedQueueDefinition,
};
use protocol::core::packet::transaction::{XaBranch, Xid};
use protocol::core::packet::{Packet, PacketType};
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;

use crate::peer::{AUTOMATIC, TRANSACTED, What, frame, send};
use crate::reattach::{WINDOWED, holding, whats};
use crate::rig::{CHECK_MS, Rig};

/// A type number that no packet has.
const NO_PACKET: u8 = 99;

/// A frame of a type that no packet has.
fn unknown(channel: i64) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 9, NO_PACKET];
    bytes.extend(channel.to_be_bytes());
    bytes
}

#[test]
fn a_packet_that_nobody_knows_ends_the_connection_on_every_channel() {
    assert!(PacketType(NO_PACKET.cast_signed()).name().is_none());
    for channel in [0, 1, 2, 10, 77, -1] {
        let mut rig = Rig::new(1, 1);
        let before = rig.greet(0);
        rig.receive(before, &unknown(channel));
        rig.settle();
        assert!(rig.has_closed(before), "without a session, channel {channel}");
        let open = rig.session(0, AUTOMATIC);
        rig.receive(open, &unknown(channel));
        rig.settle();
        assert!(rig.has_closed(open), "with a session, channel {channel}");
        // While the answer to its close waits for the disk.
        let closing = rig.session(0, AUTOMATIC);
        rig.disk_stands = true;
        rig.receive(closing, &[send(10, "a", "x", Some(1)), frame(10, &Packet::SessionClose)].concat());
        rig.settle();
        rig.receive(closing, &unknown(channel));
        rig.settle();
        assert!(rig.has_closed(closing), "with a session that is being closed, channel {channel}");
    }
}

#[test]
fn whoever_breaks_the_protocol_does_not_come_back_for_his_sessions() {
    let ping = frame(10, &Packet::Ping(Ping { connection_ttl_ms: 60_000 }));
    for broken in [ping, unknown(10), unknown(77), unknown(1)] {
        let mut rig = Rig::new(1, 1);
        let (peer, _) = holding(&mut rig, 0, 7, WINDOWED);
        rig.receive(peer, &broken);
        rig.settle();
        assert!(rig.has_closed(peer));
        assert_eq!(rig.census(), [Census::default()], "{broken:?}");
    }
    // The control: one that is lost waits.
    let mut rig = Rig::new(1, 1);
    let (peer, _) = holding(&mut rig, 0, 7, WINDOWED);
    rig.lose(peer);
    rig.wait_ms(CHECK_MS);
    assert_eq!(rig.census()[0].sessions, 1);
}

#[test]
fn a_failed_branch_is_not_answered() {
    let xid = Xid { format_id: 1, branch_qualifier: b"branch", global_transaction_id: b"transaction" };
    for how in [AUTOMATIC, TRANSACTED] {
        let mut rig = Rig::new(1, 1);
        let peer = rig.session(0, how);
        assert_eq!(rig.ask(peer, 10, &Packet::XaFailed(XaBranch { xid })), []);
        assert!(!rig.has_closed(peer));
        // What answers the next request is its own answer.
        rig.tell(peer, 10, &Packet::XaRollback(XaBranch { xid }));
        rig.tell(peer, 10, &Packet::SessionStop);
        rig.settle();
        let refused = What::Exception(ErrorCode::NOT_IMPLEMENTED, None);
        assert_eq!(whats(&mut rig, peer), [refused, What::Null(-1)]);
    }
}

#[test]
fn a_queue_that_is_not_made_is_answered_only_to_those_who_ask() {
    let (address, name) = (SimpleString::from("an address"), SimpleString::from("a queue"));
    let (address, name, filter) = (address.as_simple(), name.as_simple(), None);
    let (durable, temporary, routing_type) = (true, false, RoutingType::MULTICAST);
    let requests = |requires_response: bool| {
        let definition = QueueDefinition {
            address,
            name,
            filter,
            durable,
            temporary,
            requires_response,
            auto_created: false,
            routing_type,
            max_consumers: -1,
            purge_on_no_consumers: false,
        };
        // Not served, as the other three are not.
        let attributes = QueueAttributes { exclusive: Some(true), ..QueueAttributes::default() };
        let shared = SharedQueueDefinition { address, name, filter, durable, routing_type, requires_response };
        [
            Packet::CreateQueue(CreateQueue { address, name, filter, durable, temporary, requires_response }),
            Packet::CreateQueueV2(CreateQueueV2 { definition, attributes, groups: GroupCount::ALL }),
            Packet::CreateSharedQueue(CreateSharedQueue { address, name, filter, durable, requires_response }),
            Packet::CreateSharedQueueV2(CreateSharedQueueV2 {
                definition: shared,
                max_consumers: None,
                purge_on_no_consumers: None,
                attributes: QueueAttributes::default(),
                groups: GroupCount::ALL,
            }),
        ]
    };
    for how in [AUTOMATIC, WINDOWED] {
        let mut rig = Rig::new(1, 1);
        let peer = rig.session(0, how);
        for (asking, silent) in requests(true).iter().zip(&requests(false)) {
            assert_eq!(rig.ask(peer, 10, silent), [], "{silent:?}");
            let heard: Vec<What> = rig.ask(peer, 10, asking).into_iter().map(|heard| heard.what).collect();
            assert_eq!(heard, [What::Exception(ErrorCode::NOT_IMPLEMENTED, None)], "{asking:?}");
        }
    }
}

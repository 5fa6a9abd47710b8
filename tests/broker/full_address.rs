//! Addresses that have as much as they may: what their producers hear, on whichever core.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{CorrelationId, ProducerId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::credit::ProducerCredits;
use protocol::core::packet::query::QueueQuery;
use protocol::core::packet::transaction::{Commit, Rollback};
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::message::MessageBuilder;
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;
use ringmq::routing::{FullPolicy, FullSettings};

use crate::peer::{AUTOMATIC, TRANSACTED, What, acknowledge, consume, create_queue, frame, send};
use crate::rig::{Peer, Rig};

const PLACES: [(u16, usize); 4] = [(1, 0), (3, 0), (3, 1), (3, 2)];
const CREDITS: i32 = 32_768;

fn at_most(policy: FullPolicy, messages: u64) -> FullSettings {
    FullSettings { policy, messages_max: Some(messages), bytes_max: None }
}

fn ask_credits(rig: &mut Rig, peer: Peer, address: &str) {
    let address = SimpleString::from(address);
    let ask = ProducerCredits { credits: CREDITS, address: address.as_simple() };
    rig.receive(peer, &frame(10, &Packet::ProducerRequestCredits(ask)));
    rig.settle();
}

fn whats(rig: &mut Rig, peer: Peer) -> Vec<What> {
    rig.settle();
    rig.hear(peer).into_iter().map(|heard| heard.what).collect()
}

fn granted(address: &str) -> What {
    What::Credits { credits: CREDITS, address: address.to_owned(), granted: true }
}

fn refused(address: &str) -> What {
    What::Credits { credits: CREDITS, address: address.to_owned(), granted: false }
}

/// A producer, and a queue of that name that has two messages.
fn two_messages(rig: &mut Rig, home: usize) -> (Peer, String) {
    let address = rig.address_on(home);
    let producer = rig.session(0, AUTOMATIC);
    rig.receive(producer, &create_queue(10, &address, &address, RoutingType::ANYCAST));
    for number in 1..=2 {
        rig.receive(producer, &send(10, &address, "text", Some(number)));
    }
    let heard = whats(rig, producer);
    assert_eq!(heard, [What::Null(-1), What::Null(1), What::Null(2)]);
    (producer, address)
}

/// A consumer's ids of what it got.
fn deliveries(heard: &[What]) -> Vec<i64> {
    let id = |what: &What| if let What::Delivery { id, .. } = what { Some(*id) } else { None };
    heard.iter().filter_map(id).collect()
}

#[test]
fn producers_wait_for_room_and_nothing_else_waits_with_them() {
    for (cores, home) in PLACES {
        let mut rig = Rig::limited(cores, 3, at_most(FullPolicy::Block, 2));
        let (producer, address) = two_messages(&mut rig, home);
        ask_credits(&mut rig, producer, &address);
        assert_eq!(whats(&mut rig, producer), [], "the address is full");
        // What it may still send is taken, and what the session asks beside is answered.
        rig.receive(producer, &send(10, &address, "covered", Some(3)));
        assert_eq!(whats(&mut rig, producer), [What::Null(3)]);
        let name = SimpleString::from(address.as_str());
        let query = Packet::QueueQuery(QueueQuery { name: name.as_simple() });
        let heard = rig.ask(producer, 10, &query);
        assert!(matches!(heard[0].what, What::Queue { messages: 3, .. }), "{heard:?}");

        let consumer = rig.session(0, AUTOMATIC);
        rig.receive(consumer, &consume(10, 1, &address));
        let ids = deliveries(&whats(&mut rig, consumer));
        assert_eq!(ids.len(), 3);
        assert_eq!(whats(&mut rig, producer), [], "delivered is not consumed");
        rig.receive(consumer, &acknowledge(10, 1, ids[0]));
        assert_eq!((whats(&mut rig, producer), whats(&mut rig, consumer).len()), (vec![], 0));
        rig.receive(consumer, &acknowledge(10, 1, ids[1]));
        assert_eq!(whats(&mut rig, producer), [granted(&address)]);
        ask_credits(&mut rig, producer, &address);
        assert_eq!(whats(&mut rig, producer), [granted(&address)]);
    }
}

/// What the reference does for a client without a limit in its way, whatever the policy.
#[test]
fn an_address_that_is_not_full_costs_no_wait() {
    for policy in [FullPolicy::Page, FullPolicy::Block, FullPolicy::Fail, FullPolicy::Drop] {
        let mut rig = Rig::limited(2, 3, at_most(policy, if policy == FullPolicy::Page { 1 } else { 3 }));
        let (producer, address) = two_messages(&mut rig, 1);
        ask_credits(&mut rig, producer, &address);
        ask_credits(&mut rig, producer, "nobody has made it");
        ask_credits(&mut rig, producer, "activemq.management");
        let mut heard = whats(&mut rig, producer);
        // Homes of different cores answer in no order.
        heard.sort_by_key(|what| format!("{what:?}"));
        let mut wanted = [&address, "nobody has made it", "activemq.management"].map(granted);
        wanted.sort_by_key(|what| format!("{what:?}"));
        assert_eq!(heard, wanted, "{policy:?}");
    }
}

#[test]
fn a_producer_that_is_gone_waits_no_longer() {
    for (cores, home) in PLACES {
        for closes in [false, true] {
            let mut rig = Rig::limited(cores, 3, at_most(FullPolicy::Block, 2));
            let (producer, address) = two_messages(&mut rig, home);
            ask_credits(&mut rig, producer, &address);
            assert_eq!(rig.census().iter().map(|census| census.home.producers_waiting).sum::<usize>(), 1);
            if closes {
                rig.tell(producer, 10, &Packet::SessionClose);
                rig.settle();
            }
            rig.lose(producer);
            rig.settle();
            assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
        }
    }
}

#[test]
fn a_send_is_refused_and_its_transaction_with_it() {
    for (cores, home) in PLACES {
        let mut rig = Rig::limited(cores, 3, at_most(FullPolicy::Fail, 2));
        let (producer, address) = two_messages(&mut rig, home);
        rig.receive(producer, &send(10, &address, "too much", Some(3)));
        assert_eq!(whats(&mut rig, producer), [What::Exception(ErrorCode::ADDRESS_FULL, Some(3))]);
        ask_credits(&mut rig, producer, &address);
        assert_eq!(whats(&mut rig, producer), [refused(&address)]);

        let transacted = rig.session(0, TRANSACTED);
        rig.receive(transacted, &send(10, &address, "too much", None));
        let commit = Packet::Commit(Commit { correlation_id: Some(CorrelationId(9)) });
        rig.tell(transacted, 10, &commit);
        let heard = whats(&mut rig, transacted);
        assert!(matches!(heard[..], [What::Exception(_, Some(9))]), "{heard:?}");
        rig.tell(transacted, 10, &Packet::Rollback(Rollback { consider_last_message_as_delivered: false }));
        whats(&mut rig, transacted);

        let consumer = rig.session(0, AUTOMATIC);
        rig.receive(consumer, &consume(10, 1, &address));
        let ids = deliveries(&whats(&mut rig, consumer));
        assert_eq!(ids.len(), 2, "nothing that was refused is there");
        rig.receive(consumer, &acknowledge(10, 1, ids[0]));
        rig.settle();
        // The reference gives late what it refused.
        assert_eq!(whats(&mut rig, producer), [granted(&address)]);
        rig.receive(producer, &send(10, &address, "fits", Some(4)));
        assert_eq!(whats(&mut rig, producer), [What::Null(4)]);
    }
}

#[test]
fn messages_are_dropped_without_a_word() {
    let mut rig = Rig::limited(2, 3, at_most(FullPolicy::Drop, 2));
    let (producer, address) = two_messages(&mut rig, 1);
    for number in 3..=5 {
        rig.receive(producer, &send(10, &address, "too much", Some(number)));
        assert_eq!(whats(&mut rig, producer), [What::Null(number)]);
    }
    rig.receive(producer, &consume(10, 1, &address));
    assert_eq!(deliveries(&whats(&mut rig, producer)).len(), 2);
}

/// Nothing is written for them, so no disk wakes the core for those who wait.
#[test]
fn messages_without_records_make_room_too() {
    for (cores, home) in PLACES {
        let mut rig = Rig::limited(cores, 3, at_most(FullPolicy::Block, 1));
        let address = rig.address_on(home);
        let producer = rig.session(0, AUTOMATIC);
        rig.receive(producer, &create_queue(10, &address, &address, RoutingType::ANYCAST));
        let mut message = Vec::new();
        MessageBuilder::new(&address).durable(false).text("passing").write(&mut message);
        let trailer =
            SendTrailer { requires_response: true, correlation_id: CorrelationId(1), producer_id: ProducerId::UNNAMED };
        rig.tell(producer, 10, &Packet::Send(Send { message: &message, trailer }));
        ask_credits(&mut rig, producer, &address);
        assert_eq!(whats(&mut rig, producer), [What::Null(-1), What::Null(1)]);
        let consumer = rig.session(0, AUTOMATIC);
        rig.receive(consumer, &consume(10, 1, &address));
        let ids = deliveries(&whats(&mut rig, consumer));
        rig.disk_stands = true;
        rig.receive(consumer, &acknowledge(10, 1, ids[0]));
        assert_eq!(whats(&mut rig, producer), [granted(&address)]);
    }
}

/// With a limit of one byte, credits are given if and only if nothing of the address is left: whatever became of its messages,
/// each is counted off exactly once.
#[test]
fn every_way_out_of_an_address_makes_room() {
    let full = FullSettings { policy: FullPolicy::Block, bytes_max: Some(1), messages_max: None };
    for seed in 0..20 {
        for (cores, home) in PLACES {
            let mut rig = Rig::limited(cores, seed, full);
            let (producer, address) = two_messages(&mut rig, home);
            ask_credits(&mut rig, producer, &address);
            let consumer = rig.session(0, TRANSACTED);
            rig.receive(consumer, &consume(10, 1, &address));
            let ids = deliveries(&whats(&mut rig, consumer));
            rig.receive(consumer, &acknowledge(10, 1, ids[1]));
            rig.tell(consumer, 10, &Packet::Rollback(Rollback { consider_last_message_as_delivered: false }));
            let ids = deliveries(&whats(&mut rig, consumer));
            assert_eq!((ids.len(), whats(&mut rig, producer)), (2, vec![]), "seed {seed}: taken back");
            rig.receive(consumer, &acknowledge(10, 1, ids[1]));
            let commit = Commit { correlation_id: Some(CorrelationId(9)) };
            rig.tell(consumer, 10, &Packet::Commit(commit));
            assert!(whats(&mut rig, consumer).contains(&What::Null(9)));
            assert_eq!(whats(&mut rig, producer), [granted(&address)], "seed {seed}: consumed");
        }
    }
}

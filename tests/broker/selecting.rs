//! Consumers with a filter: each gets what matches, in order, and leaves the rest to others as if it were not there.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{ConsumerId, MessageId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::Acknowledge;
use protocol::core::packet::query::QueueQuery;
use protocol::core::packet::transaction::{Commit, Rollback};
use protocol::message::{MessageBuilder, PropertyValue};
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;
use ringmq::limits;

use crate::peer::{
    AUTOMATIC, TRANSACTED, What, ask_for_more, close_consumer, consume, create_queue_with, create_selector, credit,
    frame, send, send_message,
};
use crate::rig::{Peer, Rig};

const HOMES: [(u16, usize); 3] = [(1, 0), (2, 0), (2, 1)];

fn heard(rig: &mut Rig, peer: Peer, bytes: &[u8]) -> Vec<What> {
    rig.receive(peer, bytes);
    rig.settle();
    rig.hear(peer).into_iter().map(|heard| heard.what).collect()
}

/// A durable message whose text is the value of its property `n`.
fn numbered(queue: &str, number: i32, priority: i8) -> Vec<u8> {
    let mut message = Vec::new();
    let builder = MessageBuilder::new(queue).text(&number.to_string()).durable(true).priority(priority);
    builder.property("n", PropertyValue::Int(number)).routing_type(RoutingType::ANYCAST).write(&mut message);
    message
}

fn put(rig: &mut Rig, peer: Peer, queue: &str, numbers: impl IntoIterator<Item = i32>) {
    for number in numbers {
        assert_eq!(heard(rig, peer, &send_message(10, &numbered(queue, number, 4), Some(9))), [What::Null(9)]);
    }
}

/// A consumer with a filter and credit without end.
fn select(consumer: i64, queue: &str, filter: &str) -> Vec<u8> {
    let start = frame(10, &Packet::SessionStart);
    [create_selector(10, consumer, queue, filter), start, credit(10, consumer, -1)].concat()
}

/// What a consumer was given: numbers with their delivery counts.
fn given(heard: &[What], of: i64) -> Vec<(i32, i32)> {
    let deliveries = heard.iter().filter_map(|what| match what {
        What::Delivery { consumer, deliveries, text, .. } if *consumer == of => {
            Some((text.parse().unwrap(), *deliveries))
        }
        _ => None,
    });
    deliveries.collect()
}

fn first_time(numbers: impl IntoIterator<Item = i32>) -> Vec<(i32, i32)> {
    numbers.into_iter().map(|number| (number, 1)).collect()
}

fn acknowledge_one(consumer: i64, heard: &[What], number: i32) -> Vec<u8> {
    let found = heard.iter().find_map(|what| match what {
        What::Delivery { id, text, .. } if *text == number.to_string() => Some(*id),
        _ => None,
    });
    let (consumer_id, message_id) = (ConsumerId(consumer), MessageId(found.unwrap()));
    frame(10, &Packet::IndividualAcknowledge(Acknowledge { consumer_id, message_id, requires_response: true }))
}

#[test]
fn what_matches_comes_in_order_and_the_rest_stays_in_order() {
    for (cores, home) in HOMES {
        let mut rig = Rig::new(cores, 3);
        let queue = rig.address_on(home);
        let peer = rig.session(0, AUTOMATIC);
        put(&mut rig, peer, &queue, 0..10);
        let got = heard(&mut rig, peer, &select(1, &queue, "n > 3 AND n <> 5"));
        assert!(got.iter().any(|what| matches!(what, What::Queue { consumers: 1, messages: 10, .. })), "{got:?}");
        assert_eq!(given(&got, 1), first_time([4, 6, 7, 8, 9]));
        // What comes later, of any priority, is looked at once.
        let urgent =
            [send_message(10, &numbered(&queue, 11, 9), None), send_message(10, &numbered(&queue, 2, 9), None)];
        assert_eq!(given(&heard(&mut rig, peer, &urgent.concat()), 1), first_time([11]));
        assert_eq!(heard(&mut rig, peer, &ask_for_more(10, 1, 5)), [What::NothingMore { consumer: 1, sequence: 5 }]);
        // Acknowledged out of the order of the queue.
        assert_eq!(heard(&mut rig, peer, &acknowledge_one(1, &got, 7)), [What::Null(-1)]);
        let rest = heard(&mut rig, peer, &consume(10, 2, &queue));
        assert_eq!(given(&rest, 2), first_time([2, 0, 1, 2, 3, 5]));
        // Not acknowledged: it comes back to its place, for whoever may have it.
        let back = heard(&mut rig, peer, &close_consumer(10, 1));
        assert_eq!(given(&back, 2), first_time([11, 4, 6, 8, 9]));
        rig.lose(peer);
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

#[test]
fn a_filter_that_is_none_is_refused_with_its_code_and_the_session_goes_on() {
    for (cores, home) in HOMES {
        let mut rig = Rig::new(cores, 3);
        let queue = rig.address_on(home);
        let peer = rig.session(0, AUTOMATIC);
        put(&mut rig, peer, &queue, 0..2);
        let refused = heard(&mut rig, peer, &create_selector(10, 1, &queue, "n ="));
        assert!(matches!(refused[..], [What::Exception(ErrorCode::INVALID_FILTER_EXPRESSION, _)]), "{refused:?}");
        // Its number is free.
        assert_eq!(given(&heard(&mut rig, peer, &select(1, &queue, "n = 1")), 1), first_time([1]));
    }
}

#[test]
fn consumers_with_and_without_filters_share_a_queue() {
    for seed in 0..20 {
        let mut rig = Rig::new(2, seed);
        let queue = rig.address_on(1);
        let peer = rig.session(0, AUTOMATIC);
        let other = rig.session(1, AUTOMATIC);
        put(&mut rig, peer, &queue, [0]);
        let mut all = heard(&mut rig, peer, &[select(1, &queue, "n < 50"), select(2, &queue, "n >= 50")].concat());
        heard(&mut rig, other, &[consume(10, 3, &queue), select(4, &queue, "n > 900")].concat());
        let sends = (1..100).flat_map(|number| send_message(10, &numbered(&queue, number, 4), None));
        all.extend(heard(&mut rig, peer, &sends.collect::<Vec<_>>()));
        all.extend(rig.hear(other).into_iter().map(|heard| heard.what));
        let shares: Vec<Vec<(i32, i32)>> = (1..=4).map(|consumer| given(&all, consumer)).collect();
        let mut together = shares.concat();
        assert!(shares.iter().all(|share| share.is_sorted()), "{shares:?}");
        assert!(shares[0].iter().all(|(number, _)| *number < 50) && shares[1].iter().all(|(number, _)| *number >= 50));
        assert!(shares[3].is_empty() && shares[..3].iter().all(|share| !share.is_empty()), "{shares:?}");
        together.sort_unstable();
        assert_eq!(together, first_time(0..100));
    }
}

#[test]
fn what_a_transaction_gives_back_comes_again_to_those_whom_it_matches() {
    for (cores, home) in HOMES {
        let mut rig = Rig::new(cores, 6);
        let queue = rig.address_on(home);
        let sender = rig.session(0, AUTOMATIC);
        put(&mut rig, sender, &queue, 0..6);
        let peer = rig.session(0, TRANSACTED);
        let got = heard(&mut rig, peer, &select(1, &queue, "n > 2"));
        assert_eq!(given(&got, 1), first_time([3, 4, 5]));
        heard(&mut rig, peer, &acknowledge_one(1, &got, 4));
        let back = frame(10, &Packet::Rollback(Rollback { consider_last_message_as_delivered: false }));
        let again = heard(&mut rig, peer, &back);
        // What was acknowledged had been consumed once.
        assert_eq!(given(&again, 1), [(3, 1), (4, 2), (5, 1)]);
        heard(&mut rig, peer, &acknowledge_one(1, &again, 5));
        heard(&mut rig, peer, &frame(10, &Packet::Commit(Commit { correlation_id: None })));
        let last = heard(&mut rig, peer, &[close_consumer(10, 1), consume(10, 2, &queue)].concat());
        assert_eq!(given(&last, 2).into_iter().map(|(number, _)| number).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}

fn make(rig: &mut Rig, peer: Peer, address: &str, name: &str, routing: RoutingType, filter: &str) -> Vec<What> {
    heard(rig, peer, &create_queue_with(10, address, name, routing, Some(filter)))
}

fn count(rig: &mut Rig, peer: Peer, queue: &str) -> i64 {
    let name = SimpleString::from(queue);
    match heard(rig, peer, &frame(10, &Packet::QueueQuery(QueueQuery { name: name.as_simple() }))).as_slice() {
        [What::Queue { messages, .. }] => *messages,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_queue_with_a_filter_gets_what_matches_and_nothing_else() {
    for (cores, home) in HOMES {
        for routing in [RoutingType::ANYCAST, RoutingType::MULTICAST] {
            let mut rig = Rig::new(cores, 5);
            let address = rig.address_on(home);
            let peer = rig.session(0, AUTOMATIC);
            for (name, filter) in [("low", "n < 4"), ("high", "n >= 3"), ("none", "_AMQX=-1")] {
                assert_eq!(make(&mut rig, peer, &address, name, routing, filter), [What::Null(-1)]);
            }
            let refused = make(&mut rig, peer, &address, "bad", routing, "n =");
            assert!(matches!(refused[..], [What::Exception(ErrorCode::INVALID_FILTER_EXPRESSION, _)]), "{refused:?}");
            let transacted = rig.session(0, TRANSACTED);
            for number in 0..6 {
                let mut message = Vec::new();
                let builder = MessageBuilder::new(&address).durable(true).property("n", PropertyValue::Int(number));
                builder.routing_type(routing).write(&mut message);
                if number < 3 {
                    assert_eq!(heard(&mut rig, peer, &send_message(10, &message, Some(9))), [What::Null(9)]);
                } else {
                    rig.receive(transacted, &send_message(10, &message, None));
                }
            }
            heard(&mut rig, transacted, &frame(10, &Packet::Commit(Commit { correlation_id: None })));
            // Of the number 3 there is one for each where all get it, and one for either where one does.
            let (low, high) = (count(&mut rig, peer, "low"), count(&mut rig, peer, "high"));
            let (all, least) = if routing == RoutingType::MULTICAST { (7, (4, 3)) } else { (6, (3, 2)) };
            assert!(low + high == all && low >= least.0 && high >= least.1, "{routing:?}: {low} and {high}");
            assert_eq!(count(&mut rig, peer, "none"), 0);
        }
    }
}

/// A consumer that looks for something in a long queue does not keep others waiting: they are served between its steps.
#[test]
fn a_search_goes_so_many_steps_and_lets_others_pass() {
    let mut rig = Rig::new(1, 9);
    let (long, other) = (rig.address_on(0), "other");
    let peer = rig.session(0, AUTOMATIC);
    let count = 3 * i32::try_from(limits::WALK_STEPS_PER_TURN).unwrap();
    for number in 0..count {
        rig.receive(peer, &send_message(10, &numbered(&long, number, 4), None));
    }
    rig.receive(peer, &send(10, other, "7", None));
    rig.settle();
    rig.hear(peer);
    let last = count - 1;
    let asked = [select(1, &long, &format!("n = {last}")), ask_for_more(10, 1, 4), consume(10, 2, other)].concat();
    let all = heard(&mut rig, peer, &asked);
    let place =
        |of: i64| all.iter().position(|what| matches!(what, What::Delivery { consumer, .. } if *consumer == of));
    assert!(place(2).unwrap() < place(1).unwrap(), "{all:?}");
    assert_eq!(all.last(), Some(&What::NothingMore { consumer: 1, sequence: 4 }));
}

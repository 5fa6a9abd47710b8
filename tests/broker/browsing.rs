//! Browsers: they see what waits, in order, as often as they ask, and take nothing from anybody.

use protocol::core::identity::RoutingType;
use protocol::core::packet::Packet;
use protocol::core::packet::query::QueueQuery;
use protocol::core::packet::queue::DeleteQueue;
use protocol::message::MessageBuilder;
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;
use ringmq::limits;

use crate::peer::{
    AUTOMATIC, What, acknowledge, ask_for_more, close_consumer, consume, create_browser, create_queue, credit, frame,
    send_message,
};
use crate::rig::{Peer, Rig};

const HOMES: [(u16, usize); 3] = [(1, 0), (2, 0), (2, 1)];

fn heard(rig: &mut Rig, peer: Peer, bytes: &[u8]) -> Vec<What> {
    rig.receive(peer, bytes);
    rig.settle();
    rig.hear(peer).into_iter().map(|heard| heard.what).collect()
}

/// Sends a durable text of a priority, and waits for the answer.
fn put(rig: &mut Rig, peer: Peer, queue: &str, text: &str, priority: i8) {
    let builder = MessageBuilder::new(queue).text(text).durable(true).priority(priority);
    let mut message = Vec::new();
    builder.routing_type(RoutingType::ANYCAST).write(&mut message);
    assert_eq!(heard(rig, peer, &send_message(10, &message, Some(9))), [What::Null(9)]);
}

/// What a consumer or browser was given: texts with their delivery counts.
fn shown(heard: &[What], of: i64) -> Vec<(&str, i32)> {
    let deliveries = heard.iter().filter_map(|what| match what {
        What::Delivery { consumer, deliveries, text, .. } if *consumer == of => Some((text.as_str(), *deliveries)),
        _ => None,
    });
    deliveries.collect()
}

fn counts(rig: &mut Rig, peer: Peer, queue: &str) -> (i32, i64) {
    let name = SimpleString::from(queue);
    match heard(rig, peer, &frame(10, &Packet::QueueQuery(QueueQuery { name: name.as_simple() }))).as_slice() {
        [What::Queue { consumers, messages, .. }] => (*consumers, *messages),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_browser_sees_what_waits_and_takes_nothing() {
    for (cores, home) in HOMES {
        let mut rig = Rig::new(cores, 3);
        let queue = rig.address_on(home);
        let peer = rig.session(0, AUTOMATIC);
        for (text, priority) in [("a", 4), ("b", 9), ("c", 4), ("d", 0)] {
            put(&mut rig, peer, &queue, text, priority);
        }
        // The session is not started.
        let opened = heard(&mut rig, peer, &create_browser(10, 0, &queue));
        assert!(matches!(opened[..], [What::Queue { consumers: 0, messages: 4, .. }]), "{opened:?}");
        put(&mut rig, peer, &queue, "later", 9);
        assert_eq!(counts(&mut rig, peer, &queue), (0, 5));
        let seen = heard(&mut rig, peer, &credit(10, 0, -1));
        assert_eq!(shown(&seen, 0), [("b", 0), ("a", 0), ("c", 0), ("d", 0)]);
        // As if nothing had been.
        let taken = heard(&mut rig, peer, &consume(10, 1, &queue));
        assert_eq!(shown(&taken, 1), [("b", 1), ("later", 1), ("a", 1), ("c", 1), ("d", 1)]);
        assert_eq!(counts(&mut rig, peer, &queue), (1, 5));
        // What others hold does not wait.
        heard(&mut rig, peer, &create_browser(10, 2, &queue));
        assert_eq!(shown(&heard(&mut rig, peer, &credit(10, 2, -1)), 2), []);
        let closed = [close_consumer(10, 0), close_consumer(10, 2), close_consumer(10, 1)].concat();
        assert_eq!(heard(&mut rig, peer, &closed), [What::Null(-1), What::Null(-1), What::Null(-1)]);
        assert_eq!(counts(&mut rig, peer, &queue), (0, 5));
        rig.lose(peer);
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

#[test]
fn each_question_for_more_is_answered_once_behind_what_there_is() {
    for (cores, home) in HOMES {
        let mut rig = Rig::new(cores, 8);
        let queue = rig.address_on(home);
        let peer = rig.session(0, AUTOMATIC);
        ["a", "b"].iter().for_each(|text| put(&mut rig, peer, &queue, text, 4));
        assert_eq!(heard(&mut rig, peer, &create_browser(10, 5, &queue)).len(), 1);
        let asked = [
            ask_for_more(10, 5, 0),
            credit(10, 5, 1_000_000),
            ask_for_more(10, 5, 1),
            ask_for_more(10, 5, 2),
            close_consumer(10, 5),
        ];
        let all = heard(&mut rig, peer, &asked.concat());
        let more = |sequence| What::NothingMore { consumer: 5, sequence };
        // Without credit nothing can be shown, and that is said.
        assert_eq!(all[0], more(0));
        assert!(matches!((&all[1], &all[2]), (What::Delivery { .. }, What::Delivery { .. })), "{all:?}");
        assert_eq!(all[3..], [more(1), more(2), What::Null(-1)]);
    }
}

#[test]
fn credit_is_what_a_browser_may_be_shown() {
    let mut rig = Rig::new(2, 4);
    let queue = rig.address_on(1);
    let peer = rig.session(0, AUTOMATIC);
    ["a", "b", "c"].iter().for_each(|text| put(&mut rig, peer, &queue, text, 4));
    let first = heard(&mut rig, peer, &[create_browser(10, 0, &queue), credit(10, 0, 1)].concat());
    assert_eq!(shown(&first, 0), [("a", 0)]);
    let none = heard(&mut rig, peer, &[credit(10, 0, 0), ask_for_more(10, 0, 7)].concat());
    assert_eq!(none, [What::NothingMore { consumer: 0, sequence: 7 }]);
    // Gone before it comes there.
    let taken = rig.session(1, AUTOMATIC);
    let held = heard(&mut rig, taken, &consume(10, 1, &queue));
    let Some(What::Delivery { id, .. }) =
        held.iter().rfind(|what| matches!(what, What::Delivery { text, .. } if text == "b"))
    else {
        panic!("{held:?}")
    };
    heard(&mut rig, taken, &acknowledge(10, 1, *id));
    assert_eq!(shown(&heard(&mut rig, peer, &credit(10, 0, 1)), 0), []);
    // Given back before the browser has come so far: it is there again, with its count.
    rig.lose(taken);
    rig.settle();
    let seen = heard(&mut rig, peer, &ask_for_more(10, 0, 8));
    assert_eq!(shown(&seen, 0), [("c", 1)]);
    assert_eq!(seen[1..], [What::NothingMore { consumer: 0, sequence: 8 }]);
}

#[test]
fn a_message_that_came_back_is_shown_with_its_count() {
    let mut rig = Rig::new(2, 4);
    let queue = rig.address_on(1);
    let peer = rig.session(0, AUTOMATIC);
    ["a", "b"].iter().for_each(|text| put(&mut rig, peer, &queue, text, 4));
    let other = rig.session(1, AUTOMATIC);
    assert_eq!(shown(&heard(&mut rig, other, &consume(10, 1, &queue)), 1), [("a", 1), ("b", 1)]);
    rig.lose(other);
    rig.settle();
    let seen = heard(&mut rig, peer, &[create_browser(10, 0, &queue), credit(10, 0, -1)].concat());
    assert_eq!(shown(&seen, 0), [("a", 1), ("b", 1)]);
}

#[test]
fn a_queue_with_a_browser_can_be_removed_and_its_browser_is_told() {
    let mut rig = Rig::new(2, 2);
    let queue = rig.address_on(1);
    let name = SimpleString::from(queue.as_str());
    let (peer, other) = (rig.session(0, AUTOMATIC), rig.session(1, AUTOMATIC));
    assert_eq!(heard(&mut rig, peer, &create_queue(10, &queue, &queue, RoutingType::ANYCAST)), [What::Null(-1)]);
    put(&mut rig, peer, &queue, "a", 4);
    heard(&mut rig, other, &create_browser(10, 0, &queue));
    assert_eq!(
        heard(&mut rig, peer, &frame(10, &Packet::DeleteQueue(DeleteQueue { name: name.as_simple() }))),
        [What::Null(-1)]
    );
    let told = rig.hear(other);
    assert!(
        told.iter().any(|heard| matches!(&heard.what, What::Other(name) if name.contains("DISCONNECT_CONSUMER"))),
        "{told:?}"
    );
}

/// A browser of a long queue does not keep others waiting: they are served between its steps.
#[test]
fn a_browser_goes_so_many_steps_and_lets_others_pass() {
    let mut rig = Rig::new(1, 9);
    let (long, other) = (rig.address_on(0), "other");
    let peer = rig.session(0, AUTOMATIC);
    let count = 3 * limits::WALK_STEPS_PER_TURN;
    for number in 0..count {
        rig.receive(peer, &crate::peer::send(10, &long, &number.to_string(), None));
    }
    rig.settle();
    put(&mut rig, peer, other, "quick", 4);
    rig.hear(peer);
    let client = rig.session(0, AUTOMATIC);
    let asked = [create_browser(10, 0, &long), create_browser(10, 1, &long)].concat();
    let opened = heard(&mut rig, client, &asked);
    assert_eq!(opened.len(), 2, "{opened:?}");
    // In one piece of bytes, so that nothing but the browsers' own bound lets the consumer between.
    let all = [credit(10, 0, -1), credit(10, 1, -1), consume(10, 2, other)].concat();
    let all = heard(&mut rig, client, &all);
    let expected: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    for browser in [0, 1] {
        let texts: Vec<&str> = shown(&all, browser).into_iter().map(|(text, _)| text).collect();
        assert_eq!(texts, expected);
    }
    let at = all.iter().position(|what| matches!(what, What::Delivery { text, .. } if text == "quick"));
    assert!(at.is_some_and(|at| at <= limits::WALK_STEPS_PER_TURN + 1), "served behind {at:?} others");
}

//! A full disk: who sends waits, who consumes goes on, on whichever core.

use protocol::core::identity::{ConsumerId, CorrelationId, MessageId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::Acknowledge;
use protocol::core::packet::query::QueueQuery;
use protocol::core::packet::transaction::Commit;
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;

use crate::peer::{AUTOMATIC, Heard, How, TRANSACTED, What, acknowledge, consume, create_queue, create_session, send};
use crate::rig::{Peer, Rig};

/// In UTF-16: ten of these fit a segment.
pub(crate) const LONG: usize = 50_000;
/// More than fit the segments that there are.
const MESSAGES: i64 = 60;

/// Sends until a message is not taken, and gives its number.
pub(crate) fn fill(rig: &mut Rig, producer: Peer, address: &str) -> i64 {
    let text = "x".repeat(LONG);
    for number in 1..=MESSAGES {
        rig.receive(producer, &send(10, address, &text, Some(number)));
        rig.settle();
        if !rig.hear(producer).iter().any(|heard| heard.what == What::Null(number)) {
            return number;
        }
    }
    panic!("{MESSAGES} messages were taken on a full disk");
}

#[test]
fn consumers_go_on_where_producers_wait() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        let mut rig = Rig::full(cores, 1);
        let address = rig.address_on(home);
        let producer = rig.session(0, AUTOMATIC);
        rig.receive(producer, &create_queue(10, &address, &address, RoutingType::ANYCAST));
        rig.settle();
        rig.hear(producer);
        let waiting = fill(&mut rig, producer, &address);

        let consumer = rig.session(0, AUTOMATIC);
        rig.receive(consumer, &consume(10, 1, &address));
        rig.settle();
        let heard = rig.hear(consumer);
        let first = heard.iter().find_map(|heard| match &heard.what {
            What::Delivery { id, .. } => Some(MessageId(*id)),
            _ => None,
        });
        let acknowledge = Acknowledge {
            consumer_id: ConsumerId(1),
            message_id: first.unwrap_or_else(|| panic!("nothing was delivered: {heard:?}")),
            requires_response: true,
        };
        let answers = rig.ask(consumer, 10, &Packet::IndividualAcknowledge(acknowledge));
        assert!(answers.iter().any(|heard| matches!(heard.what, What::Null(_))), "{cores} cores: {answers:?}");
        assert!(rig.hear(producer).is_empty(), "nothing was freed yet");

        rig.make_segments();
        rig.settle();
        let heard = rig.hear(producer);
        assert!(heard.iter().any(|heard| heard.what == What::Null(waiting)), "{cores} cores: {heard:?}");
    }
}

#[test]
fn producers_on_every_core_hear_of_it() {
    let mut rig = Rig::full(2, 2);
    let (near, far) = (rig.address_on(0), rig.address_on(1));
    let producer = rig.session(0, AUTOMATIC);
    let other = rig.session(0, AUTOMATIC);
    for address in [&near, &far] {
        rig.receive(producer, &create_queue(10, address, address, RoutingType::ANYCAST));
        rig.settle();
    }
    // The control: with room on both cores it is taken.
    rig.receive(other, &send(10, &near, "before", Some(1)));
    rig.settle();
    assert!(rig.hear(other).iter().any(|heard| heard.what == What::Null(1)));
    rig.hear(producer);
    fill(&mut rig, producer, &far);
    rig.receive(other, &send(10, &near, "meanwhile", Some(2)));
    rig.settle();
    assert!(rig.hear(other).is_empty());
    rig.make_segments();
    rig.settle();
    assert!(rig.hear(other).iter().any(|heard| heard.what == What::Null(2)));
}

/// A client with a producing session on channel 10, whose last send waits, and a second session on channel 11. Gives the number of
/// that send.
fn producer_and_other(rig: &mut Rig, address: &str, other: How) -> (Peer, i64) {
    let peer = rig.session(0, AUTOMATIC);
    rig.receive(peer, &create_session(11, other));
    rig.receive(peer, &create_queue(10, address, address, RoutingType::ANYCAST));
    rig.settle();
    rig.hear(peer);
    let waiting = fill(rig, peer, address);
    (peer, waiting)
}

/// Consumes on channel 11, and gives the first message.
fn first_message(rig: &mut Rig, peer: Peer, address: &str) -> Option<i64> {
    rig.receive(peer, &consume(11, 1, address));
    rig.settle();
    let heard = rig.hear(peer);
    heard.iter().find_map(|heard| match &heard.what {
        What::Delivery { id, .. } if heard.channel == 11 => Some(*id),
        _ => None,
    })
}

fn acknowledged(rig: &mut Rig, peer: Peer, message: i64) -> Vec<Heard> {
    let (consumer_id, message_id) = (ConsumerId(1), MessageId(message));
    rig.ask(peer, 11, &Packet::Acknowledge(Acknowledge { consumer_id, message_id, requires_response: true }))
}

fn numbers_on(heard: &[Heard], channel: i64) -> Vec<i64> {
    let of_channel = heard.iter().filter(|heard| heard.channel == channel);
    of_channel.filter_map(|heard| if let What::Null(number) = heard.what { Some(number) } else { None }).collect()
}

#[test]
fn a_send_that_waits_holds_up_its_own_session_and_no_other() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        let mut rig = Rig::full(cores, 1);
        let address = rig.address_on(home);
        let (peer, waiting) = producer_and_other(&mut rig, &address, AUTOMATIC);
        // Behind it in the same session: a question, which needs no room, and another send.
        let name = SimpleString::from(address.as_str());
        rig.tell(peer, 10, &Packet::QueueQuery(QueueQuery { name: name.as_simple() }));
        rig.receive(peer, &send(10, &address, "the last", Some(waiting + 1)));
        rig.settle();
        assert_eq!(rig.hear(peer), [], "{cores} cores");

        let first = first_message(&mut rig, peer, &address).expect("the other session is not served");
        let heard = acknowledged(&mut rig, peer, first);
        assert!(!numbers_on(&heard, 11).is_empty(), "{cores} cores: {heard:?}");
        assert!(heard.iter().all(|heard| heard.channel != 10), "{cores} cores: {heard:?}");

        rig.make_segments();
        rig.settle();
        let heard = rig.hear(peer);
        let own: Vec<&What> = heard.iter().filter(|heard| heard.channel == 10).map(|heard| &heard.what).collect();
        let in_order = matches!(own[..], [What::Null(one), What::Queue { .. }, What::Null(two)] if (*one, *two) == (waiting, waiting + 1));
        assert!(in_order, "{cores} cores: {own:?}");
        let mut texts = heard.iter().filter_map(|heard| match &heard.what {
            What::Delivery { text, .. } => Some(text.as_str()),
            _ => None,
        });
        assert_eq!(texts.next_back(), Some("the last"));
    }
}

#[test]
fn more_than_may_be_set_aside_stops_its_connection_until_there_is_room() {
    let mut rig = Rig::full(1, 1);
    let address = rig.address_on(0);
    let (peer, waiting) = producer_and_other(&mut rig, &address, AUTOMATIC);
    let first = first_message(&mut rig, peer, &address).unwrap();
    // More than a connection may set aside.
    let text = "x".repeat(LONG);
    let sends: Vec<i64> = (waiting + 1..waiting + 12).collect();
    for number in &sends {
        rig.receive(peer, &send(10, &address, &text, Some(*number)));
    }
    rig.settle();
    assert_eq!(acknowledged(&mut rig, peer, first), [], "what is set aside has no bound");
    // Others are not held up by it.
    let other = rig.session(0, AUTOMATIC);
    rig.receive(other, &consume(10, 1, &address));
    rig.settle();
    assert!(!rig.hear(other).is_empty());
    rig.lose(other);

    rig.make_segments();
    rig.settle();
    let heard = rig.hear(peer);
    let wanted: Vec<i64> = std::iter::once(waiting).chain(sends).collect();
    assert_eq!(numbers_on(&heard, 10), wanted);
    assert_eq!(numbers_on(&heard, 11).len(), 1);
}

#[test]
fn nothing_is_left_of_what_was_set_aside() {
    for (cores, home) in [(1, 0), (2, 1)] {
        let mut rig = Rig::full(cores, 1);
        let address = rig.address_on(home);
        let (peer, _) = producer_and_other(&mut rig, &address, AUTOMATIC);
        let before = rig.census();
        assert!(before.iter().any(|census| census.due > 0), "nothing waits: {before:?}");
        rig.lose(peer);
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
        rig.make_segments();
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

#[test]
fn a_commit_of_sends_waits_and_one_of_acknowledgements_does_not() {
    for (cores, home) in [(1, 0), (2, 1)] {
        let mut rig = Rig::full(cores, 1);
        let address = rig.address_on(home);
        let sender = rig.session(0, TRANSACTED);
        rig.receive(sender, &create_queue(10, &address, &address, RoutingType::ANYCAST));
        rig.receive(sender, &send(10, &address, "in a transaction", None));
        rig.settle();
        rig.hear(sender);
        let (peer, _) = producer_and_other(&mut rig, &address, TRANSACTED);
        let commit = |number| Packet::Commit(Commit { correlation_id: Some(CorrelationId(number)) });
        assert_eq!(rig.ask(sender, 10, &commit(1)), []);

        let first = first_message(&mut rig, peer, &address).unwrap();
        rig.receive(peer, &acknowledge(11, 1, first));
        assert_eq!(numbers_on(&rig.ask(peer, 11, &commit(2)), 11), [2]);
        rig.make_segments();
        rig.settle();
        assert_eq!(numbers_on(&rig.hear(sender), 10), [1]);
    }
}

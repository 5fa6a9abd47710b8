//! A full disk: who sends waits, who consumes goes on, on whichever core.

use protocol::core::identity::{ConsumerId, MessageId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::Acknowledge;

use crate::peer::{AUTOMATIC, What, consume, create_queue, send};
use crate::rig::{Peer, Rig};

/// In UTF-16: ten of these fit a segment.
const LONG: usize = 50_000;
/// More than fit the segments that there are.
const MESSAGES: i64 = 60;

/// Sends until a message is not taken, and gives its number.
fn fill(rig: &mut Rig, producer: Peer, address: &str) -> i64 {
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

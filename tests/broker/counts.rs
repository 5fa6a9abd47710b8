//! How often a message was delivered, as the next consumer hears it.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::RoutingType;
use protocol::core::packet::Packet;
use protocol::core::packet::transaction::Commit;

use crate::peer::{
    AUTOMATIC, Heard, How, TRANSACTED, What, acknowledge, consume, create_queue, create_session, frame, send,
};
use crate::rig::{Peer, Rig};

const MESSAGES: usize = 8;
/// Signs of a text: all messages together are more than one turn delivers.
const TEXT: usize = 20_000;

/// Cores, the core of the queue, and a seed.
fn places() -> impl Iterator<Item = (u16, usize, u64)> {
    [(1, 0), (2, 0), (2, 1)].into_iter().flat_map(|(cores, home)| (0..8).map(move |seed| (cores, home, seed)))
}

/// A rig with an empty queue, and its name.
fn empty(cores: u16, home: usize, seed: u64) -> (Rig, String) {
    let mut rig = Rig::new(cores, seed);
    let queue = rig.address_on(home);
    let maker = rig.session(0, AUTOMATIC);
    rig.receive(maker, &create_queue(10, &queue, &queue, RoutingType::ANYCAST));
    rig.settle();
    (rig, queue)
}

/// A client with two sessions of two consumers each, all of the same queue, that holds all its messages.
fn holder(rig: &mut Rig, queue: &str, how: How) -> (Peer, Vec<Heard>) {
    let peer = rig.session(0, how);
    rig.receive(peer, &create_session(11, how));
    for channel in [10, 11] {
        for consumer in [0, 1] {
            rig.receive(peer, &consume(channel, consumer, queue));
        }
    }
    rig.settle();
    let producer = rig.session(0, AUTOMATIC);
    for number in 0..MESSAGES {
        rig.receive(producer, &send(10, queue, &format!("{number:TEXT$}"), None));
    }
    rig.settle();
    let heard = rig.hear(peer);
    assert_eq!(deliveries(&heard).len(), MESSAGES);
    for channel in [10, 11] {
        assert!(heard.iter().any(|heard| heard.channel == channel && matches!(heard.what, What::Delivery { .. })));
    }
    (peer, heard)
}

fn deliveries(heard: &[Heard]) -> Vec<(String, i32)> {
    heard
        .iter()
        .filter_map(|heard| match &heard.what {
            What::Delivery { text, deliveries, .. } => Some((text.trim().to_owned(), *deliveries)),
            _ => None,
        })
        .collect()
}

/// All messages in their order, each with its count.
fn expected(count: impl Fn(usize) -> i32) -> Vec<(String, i32)> {
    (0..MESSAGES).map(|number| (number.to_string(), count(number))).collect()
}

/// What a consumer that comes now is given.
fn next_consumer(rig: &mut Rig, queue: &str) -> Vec<(String, i32)> {
    let next = rig.session(0, AUTOMATIC);
    rig.receive(next, &consume(10, 0, queue));
    rig.settle();
    deliveries(&rig.hear(next))
}

#[test]
fn a_lost_connection_counts_each_message_once() {
    for (cores, home, seed) in places() {
        for how in [AUTOMATIC, TRANSACTED] {
            let (mut rig, queue) = empty(cores, home, seed);
            let (lost, _) = holder(&mut rig, &queue, how);
            rig.lose(lost);
            rig.settle();
            assert_eq!(next_consumer(&mut rig, &queue), expected(|_| 2), "{cores} cores, seed {seed}");
        }
    }
}

#[test]
fn a_lost_connection_gives_back_in_order_to_who_waits() {
    for (cores, home, seed) in places() {
        let (mut rig, queue) = empty(cores, home, seed);
        let (lost, _) = holder(&mut rig, &queue, AUTOMATIC);
        let waiting = rig.session(0, AUTOMATIC);
        rig.receive(waiting, &consume(10, 0, &queue));
        rig.settle();
        rig.lose(lost);
        rig.settle();
        assert_eq!(deliveries(&rig.hear(waiting)), expected(|_| 2), "{cores} cores, seed {seed}");
    }
}

#[test]
fn a_lost_transaction_counts_what_was_acknowledged_in_it_once() {
    for (cores, home, seed) in places() {
        let (mut rig, queue) = empty(cores, home, seed);
        let (lost, heard) = holder(&mut rig, &queue, TRANSACTED);
        for heard in heard.iter().take(10) {
            if let What::Delivery { consumer, id, .. } = heard.what {
                rig.receive(lost, &acknowledge(heard.channel, consumer, id));
            }
        }
        rig.settle();
        rig.lose(lost);
        rig.settle();
        assert_eq!(next_consumer(&mut rig, &queue), expected(|_| 2), "{cores} cores, seed {seed}");
    }
}

#[test]
fn a_closed_session_counts_only_what_was_acknowledged() {
    for (cores, home, seed) in places() {
        let (mut rig, queue) = empty(cores, home, seed);
        let (closed, heard) = holder(&mut rig, &queue, TRANSACTED);
        let mut acknowledged = Vec::new();
        for heard in &heard {
            if let What::Delivery { consumer: 1, id, text, .. } = &heard.what {
                rig.receive(closed, &acknowledge(heard.channel, 1, *id));
                acknowledged.push(text.trim().to_owned());
            }
        }
        let close = |channel| frame(channel, &Packet::SessionClose);
        rig.receive(closed, &[close(10), close(11)].concat());
        rig.settle();
        let count = |number: usize| if acknowledged.contains(&number.to_string()) { 2 } else { 1 };
        assert!(!acknowledged.is_empty());
        assert_eq!(next_consumer(&mut rig, &queue), expected(count), "{cores} cores, seed {seed}");
    }
}

#[test]
fn a_commit_under_way_when_the_connection_is_lost_is_finished() {
    for (cores, home, seed) in
        places().flat_map(|(cores, home, seed)| [0, 1, 2].map(|more| (cores, home, 8 * seed + more)))
    {
        let (mut rig, queue) = empty(cores, home, seed);
        let (lost, heard) = holder(&mut rig, &queue, TRANSACTED);
        let mut acknowledged = Vec::new();
        for heard in &heard {
            if let (10, What::Delivery { consumer, id, text, .. }) = (heard.channel, &heard.what) {
                rig.receive(lost, &acknowledge(10, *consumer, *id));
                acknowledged.push(text.trim().to_owned());
            }
        }
        // Over two cores, where there are two.
        for core in 0..usize::from(cores) {
            let other = format!("{}.other", rig.address_on(core));
            rig.receive(lost, &send(10, &other, "sent", None));
        }
        rig.receive(lost, &frame(10, &Packet::Commit(Commit { correlation_id: None })));
        rig.go_on(3 * seed);
        rig.lose(lost);
        rig.settle();
        let heard = next_consumer(&mut rig, &queue);
        let mut expected = expected(|_| 2);
        expected.retain(|(text, _)| !acknowledged.contains(text));
        assert!(expected.len() < MESSAGES);
        assert_eq!(heard, expected, "{cores} cores, seed {seed}");
    }
}

#[test]
fn an_acknowledgement_for_no_consumer_spoils_its_transaction() {
    for (cores, home) in [(1, 0), (2, 1)] {
        let mut rig = Rig::new(cores, 1);
        let queue = rig.address_on(home);
        let peer = rig.session(0, TRANSACTED);
        let commit = frame(10, &Packet::Commit(Commit { correlation_id: None }));
        rig.receive(peer, &[send(10, &queue, "with it", None), acknowledge(10, 7, 1), commit.clone()].concat());
        rig.settle();
        let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
        assert_eq!(heard, [What::Exception(ErrorCode::ILLEGAL_STATE, None)]);
        // The next transaction works, and the message of the last one is nowhere.
        rig.receive(peer, &[send(10, &queue, "after it", None), commit].concat());
        rig.settle();
        assert_eq!(next_consumer(&mut rig, &queue), [("after it".to_owned(), 1)]);
    }
}

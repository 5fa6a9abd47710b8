//! Sessions and connections end, in every order and at every moment: nothing of them is left anywhere.

use protocol::core::packet::Packet;
use protocol::core::packet::query::QueueQuery;
use protocol::core::packet::session::AddMetadataV2;
use protocol::core::packet::transaction::{Commit, Rollback};
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;

use crate::peer::{
    AUTOMATIC, How, TRANSACTED, What, acknowledge, close_consumer, consume, create_session, credit, frame, send,
};
use crate::rig::{CHECK_MS, Peer, Rig};

/// What a client hears of a queue: consumers and messages.
fn ask_queue(rig: &mut Rig, peer: Peer, queue: &str) -> (i32, i64) {
    let name = SimpleString::from(queue);
    let heard = rig.ask(peer, 10, &Packet::QueueQuery(QueueQuery { name: name.as_simple() }));
    heard
        .iter()
        .find_map(|heard| match &heard.what {
            What::Queue { consumers, messages, .. } => Some((*consumers, *messages)),
            _ => None,
        })
        .unwrap()
}

#[test]
fn what_comes_after_the_close_of_a_session_is_dropped() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        let mut rig = Rig::new(cores, 1);
        let queue = rig.address_on(home);
        let witness = rig.session(0, AUTOMATIC);
        rig.receive(witness, &send(10, &queue, "one", Some(1)));
        rig.settle();
        let late = rig.session(0, AUTOMATIC);
        // The close is answered once the send is promised: what follows it comes before that.
        rig.disk_stands = true;
        let mut bytes = send(10, &queue, "two", Some(2));
        bytes.extend(frame(10, &Packet::SessionClose));
        bytes.extend(consume(10, 7, &queue));
        bytes.extend(send(10, &queue, "too late", Some(3)));
        rig.receive(late, &bytes);
        rig.settle();
        rig.disk_stands = false;
        rig.settle();
        let heard: Vec<What> = rig.hear(late).into_iter().map(|heard| heard.what).collect();
        assert_eq!(heard, [What::Null(2), What::Null(-1)]);
        assert_eq!(ask_queue(&mut rig, witness, &queue), (0, 2));
        // The channel may be used again, and is a new session's then.
        rig.receive(late, &[create_session(10, AUTOMATIC), consume(10, 7, &queue)].concat());
        rig.settle();
        let deliveries = rig.hear(late).iter().filter(|heard| matches!(heard.what, What::Delivery { .. })).count();
        assert_eq!(deliveries, 2);
        assert_eq!(ask_queue(&mut rig, witness, &queue), (1, 2));
        rig.lose(late);
        rig.lose(witness);
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

#[test]
fn a_channel_is_used_again_only_after_the_answer_to_the_close() {
    for (cores, home) in [(1, 0), (2, 1)] {
        let mut rig = Rig::new(cores, 1);
        let queue = rig.address_on(home);
        let peer = rig.session(0, AUTOMATIC);
        rig.disk_stands = true;
        let mut bytes = send(10, &queue, "one", Some(1));
        bytes.extend(frame(10, &Packet::SessionClose));
        bytes.extend(create_session(10, AUTOMATIC));
        bytes.extend(consume(10, 0, &queue));
        rig.receive(peer, &bytes);
        rig.settle();
        assert_eq!(rig.hear(peer), []);
        rig.disk_stands = false;
        rig.settle();
        let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
        assert_eq!(heard[..3], [What::Null(1), What::Null(-1), What::SessionOpen]);
        let delivered = heard.iter().any(|what| matches!(what, What::Delivery { text, .. } if text == "one"));
        assert!(delivered, "{heard:?}");
        rig.lose(peer);
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

/// What a client that behaves well, or badly, does next on one of its channels.
fn act(rig: &mut Rig, peer: Peer, queues: &[String], correlation: &mut i64) {
    let channel = 10 + i64::try_from(rig.below(3)).unwrap();
    let consumer = i64::try_from(rig.below(3)).unwrap();
    let which = rig.below(queues.len());
    let queue = &queues[which];
    let target = if rig.below(4) == 0 { format!("{queue}::{queue}.{consumer}") } else { queue.clone() };
    let answered = rig.below(2) == 0;
    let text = "x".repeat(rig.below(20_000));
    *correlation += 1;
    let heard = rig.hear(peer);
    let bytes = match rig.below(15) {
        0 => create_session(channel, if answered { AUTOMATIC } else { TRANSACTED }),
        12 => create_session(channel, How { automatic: answered, window: 200 }),
        13 => frame(channel, &Packet::Rollback(Rollback { consider_last_message_as_delivered: answered })),
        14 => {
            let metadata = AddMetadataV2 { key: "id".into(), data: "same".into(), requires_confirmation: true };
            frame(channel, &Packet::UniqueAddMetadata(metadata))
        }
        1 | 2 => consume(channel, consumer, &target),
        3..=5 => send(channel, &target, &text, answered.then_some(*correlation)),
        6 => credit(channel, consumer, 100),
        7 => close_consumer(channel, consumer),
        8 => heard
            .iter()
            .filter_map(|heard| match heard.what {
                What::Delivery { consumer, id, .. } => Some(acknowledge(heard.channel, consumer, id)),
                _ => None,
            })
            .flatten()
            .collect(),
        9 => frame(channel, &Packet::Commit(Commit { correlation_id: None })),
        10 => frame(channel, if answered { &Packet::SessionStart } else { &Packet::SessionStop }),
        _ => frame(channel, &Packet::SessionClose),
    };
    rig.receive(peer, &bytes);
}

/// So many seeds, or those that somebody who looks longer asks for.
pub(crate) fn seeds(count: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("RINGMQ_SEEDS").ok().and_then(|count| count.parse().ok());
    0..asked.unwrap_or(count)
}

/// Clients that do this and that, and are lost one after the other. Gives how many messages they held at last, and what is left of
/// them.
fn life(seed: u64, ends_are_lost: bool) -> (usize, Vec<Census>) {
    let cores = 1 + u16::try_from(seed % 3).unwrap();
    let mut rig = Rig::new(cores, seed);
    rig.ends_are_lost = ends_are_lost;
    let mut queues: Vec<String> = (0..usize::from(cores)).map(|core| rig.address_on(core)).collect();
    queues.extend((0..3).map(|number| format!("other.{number}")));
    let mut correlation = 0;
    let mut peers: Vec<Peer> = Vec::new();
    for _ in 0..3 {
        let core = rig.below(usize::from(cores));
        let how = if rig.below(2) == 0 { AUTOMATIC } else { TRANSACTED };
        peers.push(rig.session(core, how));
    }
    for _ in 0..100 {
        let who = rig.below(peers.len());
        act(&mut rig, peers[who], &queues, &mut correlation);
        let events = rig.below(6);
        rig.go_on(events as u64);
    }
    let held = rig.census().iter().map(|census| census.home.held).sum();
    while !peers.is_empty() {
        let at = rig.below(peers.len());
        let peer = peers.swap_remove(at);
        if !rig.closed.contains(&peer) {
            rig.lose(peer);
        }
        let events = rig.below(20);
        rig.go_on(events as u64);
    }
    rig.settle();
    // Some wait for their clients first.
    rig.wait_ms(60_000);
    rig.wait_ms(CHECK_MS);
    (held, rig.census())
}

#[test]
fn nothing_is_left_of_lost_connections() {
    // What there was to be left.
    let mut all_held = 0;
    for seed in seeds(150) {
        let (held, left) = life(seed, false);
        all_held += held;
        assert_eq!(left, vec![Census::default(); left.len()], "seed {seed}");
    }
    assert!(all_held > 150, "{all_held} messages were in the hands of consumers: the runs prove little");
}

#[test]
fn what_is_left_is_seen() {
    let caught = (0..30).filter(|seed| life(*seed, true).1.iter().any(|left| *left != Census::default()));
    assert!(caught.count() > 10);
}

#[test]
fn a_client_that_is_to_go_and_takes_no_bytes_is_cut_off() {
    let mut rig = Rig::new(2, 1);
    let queue = rig.address_on(1);
    let witness = rig.session(0, AUTOMATIC);
    let deaf = rig.session(0, AUTOMATIC);
    rig.wires_stand = true;
    rig.receive(deaf, &consume(10, 0, &queue));
    rig.receive(witness, &send(10, &queue, "one", Some(1)));
    rig.settle();
    // No client sends this: it has to go once it has what was written for it, which it does not take.
    rig.receive(deaf, &[0, 0, 0, 9, 99, 0, 0, 0, 0, 0, 0, 0, 0]);
    rig.settle();
    assert_eq!(rig.closed, []);
    rig.wait_ms(CHECK_MS);
    rig.wait_ms(CHECK_MS);
    assert_eq!(rig.closed, [deaf]);
    rig.wires_stand = false;
    assert_eq!(ask_queue(&mut rig, witness, &queue), (0, 1));
}

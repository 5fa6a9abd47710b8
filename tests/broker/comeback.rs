//! What belongs to a connection, or is under way on it, when its client loses it and comes back, or does not.

use protocol::core::identity::{CommandId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::connection::Ping;
use protocol::core::packet::query::QueueQuery;
use protocol::core::packet::session::ReattachSession;
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;
use ringmq::limits::AWAY_MS_MAX;

use crate::full::{LONG, fill};
use crate::management::{ANSWERS, Wanted, request};
use crate::peer::{AUTOMATIC, What, consume, create_named, create_queue, create_session, frame, send};
use crate::reattach::{NAME, REFUSED, WINDOWED, delivered_again, greet, holding, named, reattach, whats};
use crate::rig::{CHECK_MS, CONNECTIONS_MAX, Peer, Rig};
use crate::temporary::{HOMES, create};

/// Until a connection that falls silent is dead.
const TTL_MS: u64 = 60_000;

fn heard(rig: &mut Rig, peer: Peer, bytes: &[u8]) -> Vec<What> {
    rig.receive(peer, bytes);
    rig.settle();
    whats(rig, peer)
}

/// Is this queue there, as a session on this channel hears?
fn is_there(rig: &mut Rig, peer: Peer, channel: i64, queue: &str) -> bool {
    let name = SimpleString::from(queue);
    let question = frame(channel, &Packet::QueueQuery(QueueQuery { name: name.as_simple() }));
    let mut heard = heard(rig, peer, &question);
    heard.retain(|what| !matches!(what, What::Confirmed(_)));
    match heard.as_slice() {
        [What::Queue { exists, .. }] => *exists,
        other => panic!("{other:?}"),
    }
}

/// As somebody sees it who comes for that.
fn is_seen(rig: &mut Rig, queue: &str) -> bool {
    let witness = rig.session(0, AUTOMATIC);
    let seen = is_there(rig, witness, 10, queue);
    rig.lose(witness);
    rig.settle();
    seen
}

fn temporary(channel: i64, queue: &str) -> Vec<u8> {
    create(channel, queue, queue, true, RoutingType::ANYCAST)
}

#[test]
fn a_temporary_queue_waits_with_a_session_that_may_go_on() {
    for (cores, home) in HOMES {
        let mut rig = Rig::new(cores, 5);
        let queue = rig.address_on(home);
        let owner = named(&mut rig, 0, 7, WINDOWED);
        let made = [temporary(10, &queue), consume(10, 1, &queue)].concat();
        assert_eq!(heard(&mut rig, owner, &made).len(), 2);
        rig.lose(owner);
        let other = rig.session(usize::from(cores) - 1, AUTOMATIC);
        assert!(is_there(&mut rig, other, 10, &queue));
        assert_eq!(heard(&mut rig, other, &send(10, &queue, "answer", Some(7))), [What::Null(7)]);
        rig.lose(other);

        let back = greet(&mut rig, usize::from(cores) - 1, 7);
        let came = reattach(&mut rig, back, NAME, 1);
        assert!(matches!(&came[..], [What::Reattached(3, true), What::Delivery { text, .. }] if text == "answer"));
        // It belongs to the new connection, and goes with that when nobody comes back any more.
        rig.lose(back);
        rig.wait_ms(TTL_MS - 1_000);
        assert!(is_seen(&mut rig, &queue));
        rig.wait_ms(CHECK_MS + 1_000);
        assert!(!is_seen(&mut rig, &queue));
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

#[test]
fn it_does_not_wait_where_no_session_does() {
    for (cores, home) in HOMES {
        // The client has closed its sessions: it has gone in good order.
        let mut rig = Rig::new(cores, 5);
        let queue = rig.address_on(home);
        let owner = named(&mut rig, 0, 7, WINDOWED);
        heard(&mut rig, owner, &temporary(10, &queue));
        heard(&mut rig, owner, &frame(10, &Packet::SessionClose));
        assert!(is_seen(&mut rig, &queue));
        rig.lose(owner);
        assert!(!is_seen(&mut rig, &queue), "{cores} cores");
        // Its session cannot go on.
        let owner = named(&mut rig, 0, 7, WINDOWED);
        heard(&mut rig, owner, &temporary(10, &queue));
        let back = greet(&mut rig, usize::from(cores) - 1, 7);
        assert_eq!(reattach(&mut rig, back, NAME, 5), [REFUSED]);
        assert!(!is_seen(&mut rig, &queue), "{cores} cores");
        // Another takes its name.
        let owner = named(&mut rig, 0, 7, WINDOWED);
        heard(&mut rig, owner, &temporary(10, &queue));
        rig.lose(owner);
        assert!(is_seen(&mut rig, &queue));
        named(&mut rig, usize::from(cores) - 1, 7, WINDOWED);
        assert!(!is_seen(&mut rig, &queue), "{cores} cores");
    }
}

#[test]
fn one_session_that_goes_on_is_enough_for_it() {
    for (cores, home) in HOMES {
        let mut rig = Rig::new(cores, 6);
        let queue = rig.address_on(home);
        let owner = named(&mut rig, 0, 7, WINDOWED);
        heard(&mut rig, owner, &create_named(11, "another name", WINDOWED));
        heard(&mut rig, owner, &temporary(10, &queue));
        rig.lose(owner);
        let back = greet(&mut rig, usize::from(cores) - 1, 7);
        assert_eq!(reattach(&mut rig, back, "another name", -1), [What::Reattached(-1, true)]);
        rig.wait_ms(TTL_MS - 1_000);
        assert!(is_there(&mut rig, back, 11, &queue));
        rig.wait_ms(CHECK_MS + 1_000);
        // The session that made it has ended.
        assert!(is_there(&mut rig, back, 11, &queue));
        let late = greet(&mut rig, 0, 7);
        assert_eq!(reattach(&mut rig, late, NAME, -1), [REFUSED]);
        assert!(is_there(&mut rig, back, 11, &queue));
        rig.lose(late);
        heard(&mut rig, back, &frame(11, &Packet::SessionClose));
        rig.lose(back);
        assert!(!is_seen(&mut rig, &queue));
        rig.wait_ms(TTL_MS + CHECK_MS);
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

/// A client with a temporary queue and without sessions, on the second of two cores; the session of that name waits on the first.
fn about_to_move(rig: &mut Rig, queue: &str) -> Peer {
    let owner = named(rig, 0, 7, WINDOWED);
    rig.lose(owner);
    let mover = greet(rig, 1, 7);
    heard(rig, mover, &create_session(20, WINDOWED));
    assert_eq!(heard(rig, mover, &temporary(20, queue)), [What::Null(-1)]);
    heard(rig, mover, &frame(20, &Packet::SessionClose));
    assert!(is_seen(rig, queue));
    mover
}

#[test]
fn temporary_queues_go_along_with_a_connection_that_moves() {
    for home in [0, 1] {
        let mut rig = Rig::new(2, 7);
        let queue = rig.address_on(home);
        let mover = about_to_move(&mut rig, &queue);
        assert_eq!(reattach(&mut rig, mover, NAME, -1), [What::Reattached(-1, true)]);
        assert!(is_seen(&mut rig, &queue));
        rig.lose(mover);
        assert!(is_seen(&mut rig, &queue));
        let back = greet(&mut rig, 1, 7);
        assert_eq!(reattach(&mut rig, back, NAME, -1), [What::Reattached(-1, true)]);
        heard(&mut rig, back, &frame(10, &Packet::SessionClose));
        rig.lose(back);
        assert!(!is_seen(&mut rig, &queue));
        rig.wait_ms(TTL_MS + CHECK_MS);
        assert_eq!(rig.census(), vec![Census::default(); 2]);
    }
}

#[test]
fn they_end_with_a_connection_that_finds_no_place_where_it_moves() {
    for home in [0, 1] {
        let mut rig = Rig::new(2, 7);
        let queue = rig.address_on(home);
        let mover = about_to_move(&mut rig, &queue);
        let others: Vec<Peer> = (0..CONNECTIONS_MAX).map(|_| rig.connect(0)).collect();
        assert_eq!(reattach(&mut rig, mover, NAME, -1), []);
        assert!(rig.has_closed(mover));
        for other in others {
            rig.lose(other);
        }
        assert!(!is_seen(&mut rig, &queue));
        rig.wait_ms(TTL_MS + CHECK_MS);
        assert_eq!(rig.census(), vec![Census::default(); 2]);
    }
}

#[test]
fn a_connection_takes_over_no_more_temporary_queues_than_it_may_have() {
    let most = ringmq::limits::TEMPORARY_QUEUES_PER_CONNECTION_MAX;
    let mut rig = Rig::new(1, 8);
    let many = |peer: Peer, rig: &mut Rig, kind: &str, count: usize| {
        for number in 0..count {
            rig.receive(peer, &temporary(10, &format!("{kind}.{number}")));
            rig.settle();
        }
        assert_eq!(whats(rig, peer), vec![What::Null(-1); count]);
    };
    for (own, came) in
        [(most / 2, What::Reattached(i32::try_from(most / 2).unwrap() - 1, true)), (most / 2 + 1, REFUSED)]
    {
        let owner = named(&mut rig, 0, 7, WINDOWED);
        many(owner, &mut rig, "old", most / 2);
        rig.lose(owner);
        let back = greet(&mut rig, 0, 7);
        let mut other = create_session(11, AUTOMATIC);
        for number in 0..own {
            other.extend(temporary(11, &format!("new.{number}")));
        }
        assert_eq!(heard(&mut rig, back, &other).len(), 1 + own);
        let last = i32::try_from(most / 2).unwrap() - 1;
        assert_eq!(reattach(&mut rig, back, NAME, last), [came]);
        rig.receive(back, &frame(10, &Packet::SessionClose));
        rig.settle();
        rig.lose(back);
        rig.wait_ms(TTL_MS + CHECK_MS);
        assert_eq!(rig.census(), [Census::default()]);
    }
}

/// The first connection moves from core to core while the second one comes to where the session is: they may be handled in either order.
#[test]
fn a_connection_that_its_client_has_given_up_does_not_take_the_session_away_again() {
    let mut late = 0;
    for events in 0..24 {
        for seed in 0..8 {
            let mut rig = Rig::new(2, seed);
            let (owner, queue) = holding(&mut rig, 0, 7, WINDOWED);
            rig.lose(owner);
            let given_up = greet(&mut rig, 1, 7);
            // It had received less when it said so.
            let say = |last: i32| ReattachSession { name: NAME.into(), last_confirmed: CommandId(last) };
            rig.tell(given_up, 1, &Packet::ReattachSession(say(0)));
            rig.go_on(events);
            let back = greet(&mut rig, 0, 7);
            let came = reattach(&mut rig, back, NAME, 1);
            assert!(came.contains(&What::Reattached(3, true)), "{events} events, seed {seed}: {came:?}");
            assert!(!rig.has_closed(back) && rig.has_closed(given_up), "{events} events, seed {seed}");
            late += u64::from(whats(&mut rig, given_up).is_empty());
            assert!(is_there(&mut rig, back, 10, &queue), "{events} events, seed {seed}");
            assert_eq!(delivered_again(&mut rig, &queue), None, "{events} events, seed {seed}");
        }
    }
    assert!(late > 20, "{late} of them were late: the runs prove little");
}

/// The first connection is the same client's, and nobody has noticed that it is dead.
#[test]
fn a_session_that_is_opened_again_is_there_once() {
    for cores in [1, 2] {
        for events in 0..12 {
            for seed in 0..6 {
                let mut rig = Rig::new(cores, seed);
                let given_up = greet(&mut rig, 0, 7);
                rig.receive(given_up, &create_named(10, NAME, WINDOWED));
                rig.go_on(events);
                // Its client did not hear the answer, opens the session again, and goes on with it wherever it comes in.
                let again = named(&mut rig, usize::from(cores) - 1, 7, WINDOWED);
                let queue = rig.address_on(0);
                let work = [send(10, &queue, "one", Some(1)), send(10, &queue, "two", Some(2))].concat();
                assert_eq!(heard(&mut rig, again, &work), [What::Null(1), What::Null(2)]);
                rig.lose(again);
                let back = greet(&mut rig, 0, 7);
                assert_eq!(reattach(&mut rig, back, NAME, 1), [What::Reattached(1, true)], "{events}, {seed}");
                let sessions: usize = rig.census().iter().map(|census| census.sessions).sum();
                assert_eq!(sessions, 1, "{cores} cores, {events} events, seed {seed}");
            }
        }
    }
}

#[test]
fn what_was_set_aside_is_the_clients_again() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        for noticed in [false, true] {
            let mut rig = Rig::full(cores, 1);
            let address = rig.address_on(home);
            let peer = named(&mut rig, 0, 7, WINDOWED);
            heard(&mut rig, peer, &create_queue(10, &address, &address, RoutingType::ANYCAST));
            let waiting = fill(&mut rig, peer, &address);
            rig.receive(peer, &send(10, &address, "the last", Some(waiting + 1)));
            rig.settle();
            assert!(rig.census()[0].due > 0, "nothing is set aside");
            if noticed {
                rig.lose(peer);
                rig.settle();
                assert_eq!(rig.census()[0].due, 0);
            }
            let back = greet(&mut rig, usize::from(cores) - 1, 7);
            // The answers to the queue and to all sends but the last two; the packets are as many.
            let last = i32::try_from(waiting).unwrap() - 1;
            assert_eq!(reattach(&mut rig, back, NAME, last), [What::Reattached(last, true)], "{cores} cores");
            rig.receive(back, &send(10, &address, &"x".repeat(LONG), Some(waiting)));
            rig.receive(back, &send(10, &address, "the last", Some(waiting + 1)));
            rig.settle();
            assert_eq!(whats(&mut rig, back), []);
            rig.make_segments();
            rig.settle();
            assert_eq!(whats(&mut rig, back), [What::Null(waiting), What::Null(waiting + 1)]);
            let consumer = rig.session(0, AUTOMATIC);
            let got = heard(&mut rig, consumer, &consume(10, 0, &address));
            let texts = got.iter().filter_map(|what| match what {
                What::Delivery { text, .. } => Some(text.as_str()),
                _ => None,
            });
            let ends: Vec<bool> = texts.map(|text| text == "the last").collect();
            let wanted: Vec<bool> = (1..=waiting + 1).map(|number| number == waiting + 1).collect();
            assert_eq!(ends, wanted, "{cores} cores");
        }
    }
}

#[test]
fn a_request_to_look_after_the_broker_is_answered_to_who_comes_back() {
    for cores in [1, 2] {
        let mut rig = Rig::new(cores, 3);
        let queue = rig.address_on(usize::from(cores) - 1);
        let peer = named(&mut rig, 0, 7, WINDOWED);
        let made = [create_queue(10, ANSWERS, ANSWERS, RoutingType::ANYCAST), consume(10, 1, ANSWERS)].concat();
        assert_eq!(heard(&mut rig, peer, &made).len(), 2);
        rig.disk_stands = true;
        let arguments = format!(r#"["{queue}","ANYCAST","{queue}",null,true,-1,false,true]"#);
        let create = Wanted::Operation("createQueue", &arguments);
        assert_eq!(heard(&mut rig, peer, &request("broker", create, Some(ANSWERS), Some(-5))), []);
        rig.lose(peer);
        let back = greet(&mut rig, usize::from(cores) - 1, 7);
        assert_eq!(reattach(&mut rig, back, NAME, 1), []);
        rig.disk_stands = false;
        rig.settle();
        let came = whats(&mut rig, back);
        assert!(matches!(&came[..2], [What::Null(-5), What::Reattached(4, true)]), "{came:?}");
        assert!(matches!(&came[2..], [What::Delivery { .. }]), "{came:?}");
    }
}

#[test]
fn nobody_is_waited_for_without_end() {
    for ttl_ms in [i64::MAX, i64::from(u32::MAX), AWAY_MS_MAX + 1] {
        let mut rig = Rig::new(1, 8);
        let (owner, queue) = holding(&mut rig, 0, 7, WINDOWED);
        rig.tell(owner, 0, &Packet::Ping(Ping { connection_ttl_ms: ttl_ms }));
        rig.settle();
        rig.lose(owner);
        rig.wait_ms(AWAY_MS_MAX.unsigned_abs() - 2 * CHECK_MS);
        assert_eq!(delivered_again(&mut rig, &queue), None, "{ttl_ms}");
        rig.wait_ms(3 * CHECK_MS);
        assert_eq!(delivered_again(&mut rig, &queue), Some(1), "{ttl_ms}");
    }
}

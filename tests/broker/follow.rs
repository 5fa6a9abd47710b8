//! Connections move to the core on which the first address that they name lives: with their sessions, whatever happens meanwhile, and only
//! while nothing would be left behind.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{CommandId, CorrelationId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::query::BindingQuery;
use protocol::core::packet::session::{AddMetadataV2, ReattachSession};
use protocol::core::packet::transaction::Commit;
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;
use ringmq::limits::CONNECTIONS_AHEAD_MAX;

use crate::closing::seeds;
use crate::peer::{AUTOMATIC, How, TRANSACTED, What, acknowledge, consume, create_queue, create_session, frame, send};
use crate::reattach::{NAME, REFUSED, WINDOWED, greet, named, reattach, whats};
use crate::rig::{CHECK_MS, CONNECTIONS_MAX, Peer, Rig};
use crate::{security, temporary};

/// Nothing is held for anybody on any core, once all waiting is over.
fn assert_nothing_is_left(rig: &mut Rig, of: &str) {
    rig.wait_ms(60_000);
    rig.wait_ms(CHECK_MS);
    let left = rig.census();
    assert_eq!(left, vec![Census::default(); left.len()], "{of}");
}

/// The texts of a queue, all of them, as somebody is given them who takes them away.
fn texts(rig: &mut Rig, queue: &str) -> Vec<String> {
    let reader = rig.session(rig.home_of(queue), AUTOMATIC);
    rig.receive(reader, &consume(10, 0, queue));
    let mut texts = Vec::new();
    loop {
        rig.settle();
        let heard = whats(rig, reader);
        let before = texts.len();
        for what in heard {
            if let What::Delivery { id, text, .. } = what {
                texts.push(text);
                rig.receive(reader, &acknowledge(10, 0, id));
            }
        }
        if texts.len() == before {
            rig.lose(reader);
            rig.settle();
            return texts;
        }
    }
}

#[test]
fn a_connection_moves_to_the_home_of_what_it_names_first() {
    for cores in [2, 3] {
        let all = 0..usize::from(cores);
        for (accepted, home) in all.clone().flat_map(|one| all.clone().map(move |two| (one, two))) {
            for what in 0..4 {
                let mut rig = Rig::new(cores, 1);
                let queue = rig.address_on(home);
                let peer = rig.session(accepted, AUTOMATIC);
                assert_eq!(rig.core_of(peer), Some(accepted));
                let request = match what {
                    0 => send(10, &queue, "text", Some(5)),
                    1 => create_queue(10, &queue, &queue, RoutingType::ANYCAST),
                    2 => consume(10, 0, &queue),
                    _ => temporary::create(10, &queue, &queue, true, RoutingType::ANYCAST),
                };
                rig.receive(peer, &request);
                rig.settle();
                assert!(!whats(&mut rig, peer).is_empty(), "request {what} has no answer");
                assert_eq!(rig.core_of(peer), Some(home), "request {what} of a client on {accepted}");
                // There it stays, whatever it names next.
                let elsewhere = rig.address_on((home + 1) % usize::from(cores));
                rig.receive(peer, &send(10, &elsewhere, "other", Some(6)));
                rig.settle();
                assert_eq!(whats(&mut rig, peer), [What::Null(6)]);
                assert_eq!(rig.core_of(peer), Some(home));
                assert_eq!(texts(&mut rig, &elsewhere), ["other"]);
                rig.lose(peer);
                assert_nothing_is_left(&mut rig, "a connection");
            }
        }
    }
    // The control: where connections stay, this one does.
    let mut rig = Rig::staying(2, 1);
    let queue = rig.address_on(1);
    let peer = rig.session(0, AUTOMATIC);
    rig.receive(peer, &send(10, &queue, "text", Some(5)));
    rig.settle();
    assert_eq!((whats(&mut rig, peer), rig.core_of(peer)), (vec![What::Null(5)], Some(0)));
}

#[test]
fn what_is_sent_meanwhile_is_handled_once_and_in_order() {
    let mut moved = 0;
    for seed in seeds(60) {
        for how in [AUTOMATIC, TRANSACTED] {
            let mut rig = Rig::new(3, seed);
            let queue = rig.address_on(2);
            let peer = rig.session(0, how);
            let mut bytes = create_session(11, how);
            let sent: Vec<String> = (0..30).map(|number| format!("m{number}")).collect();
            for text in &sent {
                bytes.extend(send(10, &queue, text, None));
            }
            bytes.extend(frame(10, &Packet::Commit(Commit { correlation_id: Some(CorrelationId(7)) })));
            // In pieces of any size, at any time.
            while !bytes.is_empty() {
                let piece = 1 + rig.below(bytes.len().min(2_000));
                rig.receive(peer, &bytes[..piece]);
                bytes.drain(..piece);
                let events = rig.below(6);
                rig.go_on(events as u64);
            }
            rig.settle();
            let heard = whats(&mut rig, peer);
            assert_eq!(heard, [What::SessionOpen, What::Null(7)], "seed {seed}");
            moved += usize::from(rig.core_of(peer) == Some(2));
            assert_eq!(texts(&mut rig, &queue), sent, "seed {seed}");
            rig.lose(peer);
            assert_nothing_is_left(&mut rig, &format!("seed {seed}"));
        }
    }
    assert!(moved >= 30, "{moved} connections moved: the runs prove little");
}

/// What a connection has done before it names an address of another core.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// It has a session that outlives it.
    Window,
    /// It is owed the answer to a send.
    Owed,
    /// It has a consumer.
    Consumer,
    /// It has a temporary queue.
    Temporary,
    /// It has sent in a transaction.
    Transaction,
    /// It has noted what nobody else may note.
    Claim,
    /// It has asked about an address here.
    Question,
    /// It has noted much.
    Notes,
}

#[test]
fn a_connection_that_would_leave_something_behind_stays() {
    use Before::{Claim, Consumer, Notes, Owed, Question, Temporary, Transaction, Window};
    for before in [Window, Owed, Consumer, Temporary, Transaction, Claim, Question, Notes] {
        let mut rig = Rig::new(2, 1);
        let (here, there) = (rig.address_on(0), rig.address_on(1));
        let how = match before {
            Window => WINDOWED,
            Transaction => TRANSACTED,
            _ => AUTOMATIC,
        };
        let peer = rig.session(0, how);
        let note = |key: &str, value: &str, unique| {
            let note = AddMetadataV2 { key: key.into(), data: value.into(), requires_confirmation: true };
            let packet = if unique { Packet::UniqueAddMetadata(note) } else { Packet::AddMetadataV2(note) };
            frame(10, &packet)
        };
        let bytes = match before {
            Window => Vec::new(),
            Owed => send(10, &here, "first", Some(1)),
            Consumer => consume(10, 0, &here),
            Temporary => temporary::create(10, &here, &here, true, RoutingType::ANYCAST),
            Transaction => send(10, &here, "first", None),
            Question => {
                let address = SimpleString::from(here.as_str());
                frame(10, &Packet::BindingQuery(BindingQuery { address: address.as_simple() }))
            }
            Claim => note("id", "mine", true),
            Notes => (0..8).flat_map(|key| note(&format!("k{key}"), &"x".repeat(1_000), false)).collect(),
        };
        rig.disk_stands = matches!(before, Owed);
        rig.receive(peer, &bytes);
        rig.settle();
        rig.receive(peer, &send(10, &there, "second", Some(2)));
        rig.settle();
        rig.disk_stands = false;
        rig.settle();
        assert!(whats(&mut rig, peer).contains(&What::Null(2)) || matches!(before, Window), "{before:?}");
        assert_eq!(rig.core_of(peer), Some(0), "{before:?}");
        // Asked once: it does not go later either.
        rig.receive(peer, &send(10, &there, "third", Some(3)));
        rig.settle();
        assert_eq!(rig.core_of(peer), Some(0), "{before:?}");
        rig.lose(peer);
        assert_nothing_is_left(&mut rig, &format!("{before:?}"));
    }
}

/// Connections of each core.
fn loads(rig: &Rig) -> Vec<usize> {
    rig.census().iter().map(|census| census.connections).collect()
}

#[test]
fn cores_stay_balanced() {
    let mut away = 0;
    for seed in seeds(20) {
        for at_once in [false, true] {
            let mut rig = Rig::new(2, seed);
            let queue = rig.address_on(1);
            let mut peers = Vec::new();
            for _ in 0..24 {
                peers.push(rig.session(0, AUTOMATIC));
            }
            for peer in &peers {
                rig.receive(*peer, &send(10, &queue, "text", Some(1)));
                if !at_once {
                    rig.settle();
                }
                let loads = loads(&rig);
                assert!(loads[1] <= loads[0] + CONNECTIONS_AHEAD_MAX, "seed {seed}: {loads:?}");
            }
            rig.settle();
            let loads = loads(&rig);
            assert!(
                loads[0] + loads[1] == 24 && loads[1] <= loads[0] + CONNECTIONS_AHEAD_MAX,
                "seed {seed}: {loads:?}"
            );
            assert!(loads[1] > 8, "seed {seed}: {loads:?}");
            away += loads[1];
            for peer in peers {
                assert_eq!(whats(&mut rig, peer), [What::Null(1)], "seed {seed}");
                rig.lose(peer);
            }
            assert_eq!(texts(&mut rig, &queue).len(), 24);
            assert_nothing_is_left(&mut rig, &format!("seed {seed}"));
        }
    }
    assert!(away > 0);
}

#[test]
fn one_who_sends_and_one_who_takes_sit_together() {
    let mut rig = Rig::new(2, 1);
    let queue = rig.address_on(1);
    let (sender, taker, third) = (rig.session(0, AUTOMATIC), rig.session(0, AUTOMATIC), rig.session(0, AUTOMATIC));
    rig.receive(sender, &send(10, &queue, "text", Some(1)));
    rig.settle();
    rig.receive(taker, &consume(10, 0, &queue));
    rig.settle();
    assert_eq!((rig.core_of(sender), rig.core_of(taker)), (Some(1), Some(1)));
    rig.receive(third, &send(10, &queue, "text", Some(1)));
    rig.settle();
    assert_eq!((rig.core_of(third), loads(&rig)), (Some(0), vec![1, 2]));
}

#[test]
fn a_full_core_takes_nobody_and_closes_nobody() {
    for seed in seeds(10) {
        let mut rig = Rig::new(2, seed);
        let queue = rig.address_on(1);
        let there: Vec<Peer> = (0..CONNECTIONS_MAX - 2).map(|_| rig.session(1, AUTOMATIC)).collect();
        let here: Vec<Peer> = (0..CONNECTIONS_MAX).map(|_| rig.session(0, AUTOMATIC)).collect();
        for peer in &here {
            rig.receive(*peer, &send(10, &queue, "text", Some(1)));
        }
        rig.settle();
        for peer in &here {
            assert_eq!(whats(&mut rig, *peer), [What::Null(1)], "seed {seed}");
        }
        assert_eq!(rig.closed, [], "seed {seed}");
        assert!(loads(&rig)[1] <= CONNECTIONS_MAX);
        for peer in there.into_iter().chain(here) {
            rig.lose(peer);
        }
        assert_nothing_is_left(&mut rig, &format!("seed {seed}"));
    }
}

#[test]
fn a_core_without_memory_for_its_sessions_takes_nobody() {
    for (memory, sessions, moves) in [(usize::MAX, 3, true), (1 << 17, 3, false), (usize::MAX, 40, false)] {
        let mut rig = Rig::holding(2, 1, (memory, true));
        let queue = rig.address_on(1);
        let peer = rig.session(0, AUTOMATIC);
        for channel in 11..10 + sessions {
            rig.receive(peer, &create_session(channel, AUTOMATIC));
        }
        rig.receive(peer, &send(10, &queue, "text", Some(1)));
        rig.settle();
        assert_eq!(whats(&mut rig, peer).last(), Some(&What::Null(1)));
        assert_eq!(rig.core_of(peer), Some(usize::from(moves)), "{memory} bytes, {sessions} sessions");
        rig.lose(peer);
        assert_nothing_is_left(&mut rig, "a connection");
    }
}

/// Events between the first word and the last one of a connection that moves: more than any run has.
const EVENTS: u64 = 24;

/// A client that has one session of this name on core 0, and has just sent a message to a queue of core 1; so many events later.
fn under_way(rig: &mut Rig, events: u64, how: How) -> (Peer, String) {
    let queue = rig.address_on(1);
    let peer = named(rig, 0, 7, how);
    rig.receive(peer, &send(10, &queue, "one", Some(1)));
    rig.go_on(events);
    (peer, queue)
}

#[test]
fn a_connection_may_be_cut_at_every_step() {
    let (mut stored, mut moving, mut moved) = (0, 0, 0);
    for (seed, events) in seeds(6).flat_map(|seed| (0..EVENTS).map(move |events| (seed, events))) {
        for twice in [false, true] {
            let mut rig = Rig::new(2, seed);
            let (peer, queue) = under_way(&mut rig, events, AUTOMATIC);
            match rig.core_of(peer) {
                None => moving += 1,
                Some(1) => moved += 1,
                _ => {}
            }
            if twice {
                // What it says next is on the way as well.
                rig.receive(peer, &send(10, &queue, "two", Some(2)));
            }
            rig.lose(peer);
            rig.settle();
            let found = texts(&mut rig, &queue);
            let whole = ["one".to_owned(), "two".to_owned()];
            assert!(whole.starts_with(&found), "seed {seed}, {events} events: {found:?}");
            stored += usize::from(!found.is_empty());
            assert_nothing_is_left(&mut rig, &format!("seed {seed}, {events} events"));
        }
    }
    assert!(stored > 10 && moving > 10 && moved > 10, "{stored} stored, {moving} cut on the way, {moved} behind it");
}

#[test]
fn the_broker_may_stop_at_every_step() {
    for (seed, events) in seeds(6).flat_map(|seed| (0..EVENTS).map(move |events| (seed, events))) {
        for first in [0, 1] {
            let mut rig = Rig::new(2, seed);
            let (peer, queue) = under_way(&mut rig, events, AUTOMATIC);
            rig.stop(first);
            let between = rig.below(6);
            rig.go_on(between as u64);
            rig.stop(1 - first);
            rig.settle();
            assert!(rig.has_closed(peer), "seed {seed}, {events} events: its client waits for ever");
            let left: Vec<Census> =
                rig.census().into_iter().map(|census| Census { home: Default::default(), ..census }).collect();
            assert_eq!(left, vec![Census::default(); 2], "seed {seed}, {events} events, {queue}");
        }
    }
}

/// When the client of a connection that moves comes back for its session.
#[derive(Clone, Copy, Debug)]
enum Again {
    /// So many events after its first message.
    After(u64),
    /// While its old connection is on its way.
    Between,
}

/// A client whose connection moves comes back on another one and asks for its session, which cannot go on. Gives what is wrong: a
/// session that lives on, or a message that is stored though it came behind the answer.
fn comes_back(seed: u64, (when, later): (Again, u64), places_are_lost: bool) -> Option<String> {
    let between = matches!(when, Again::Between);
    let cores = if between { 3 } else { 2 + u16::try_from(seed % 2).unwrap() };
    let mut rig = Rig::new(cores, seed);
    rig.places_are_lost = places_are_lost;
    let events = if let Again::After(events) = when { events } else { 0 };
    let (peer, queue) = under_way(&mut rig, events, AUTOMATIC);
    rig.receive(peer, &send(10, &queue, "two", None));
    // Between two cores, a third one is the one that could miss it.
    let core = if between { 2 } else { rig.below(usize::from(cores)) };
    let back = greet(&mut rig, core, 7);
    if between {
        (0..1_000).find(|_| {
            rig.go_on(1);
            rig.core_of(peer).is_none()
        });
    }
    rig.go_on(later);
    let ask = ReattachSession { name: NAME.into(), last_confirmed: CommandId(-1) };
    rig.tell(back, 1, &Packet::ReattachSession(ask));
    let mut heard = Vec::new();
    for _ in 0..1_000 {
        heard.extend(whats(&mut rig, back));
        if !heard.is_empty() {
            break;
        }
        rig.go_on(1);
    }
    if heard != [REFUSED] {
        return Some(format!("it hears {heard:?}"));
    }
    let lives: usize = rig.census().iter().map(|census| census.sessions).sum();
    let moves = rig.core_of(peer).is_none();
    rig.receive(peer, &send(10, &queue, "late", None));
    rig.settle();
    let late = texts(&mut rig, &queue).iter().any(|text| text == "late");
    rig.lose(peer);
    rig.lose(back);
    assert_nothing_is_left(&mut rig, &format!("seed {seed}, {when:?}, {later} events"));
    let what = format!("{lives} sessions live on, one is on its way: {moves}, what came behind is stored: {late}");
    (lives > 0 || moves || late).then_some(what)
}

#[test]
fn a_session_is_found_while_it_moves() {
    for seed in seeds(4) {
        for when in (0..EVENTS).map(Again::After).chain([Again::Between]) {
            for later in [0, 2] {
                if let Some(what) = comes_back(seed, (when, later), false) {
                    panic!("seed {seed}, {when:?}, {later} events: {what}");
                }
            }
        }
    }
    // The control: a core that has forgotten where a session went says that there is none.
    let caught = (0..30).filter(|seed| comes_back(*seed, (Again::Between, 0), true).is_some()).count();
    assert!(caught > 3, "that was noticed in {caught} runs of 30");
}

#[test]
fn nobody_is_asked_in_circles() {
    for core in 0..3 {
        let mut rig = Rig::new(3, 1);
        // Two clients of different places whose sessions have one name, and have changed places.
        for (home, host) in [(1, 7), (0, 8)] {
            let queue = rig.address_on(home);
            let peer = named(&mut rig, 1 - home, host, AUTOMATIC);
            rig.receive(peer, &send(10, &queue, "text", Some(1)));
            rig.settle();
            assert_eq!(rig.core_of(peer), Some(home));
        }
        let stranger = greet(&mut rig, core, 9);
        assert_eq!(reattach(&mut rig, stranger, NAME, -1), [REFUSED]);
        assert_eq!(rig.census().iter().map(|census| census.sessions).sum::<usize>(), 2);
    }
}

#[test]
fn who_moves_may_do_there_what_he_may() {
    let mut moved = 0;
    for seed in seeds(20) {
        let mut rig = Rig::new(2, seed);
        let (granted, denied) = (rig.address_on(1), (0..).map(|number| format!("no.{number}")));
        let denied = denied.into_iter().find(|name| rig.home_of(name) == 1).unwrap();
        security::allow(&mut rig, &granted);
        let peer = security::session(&mut rig, 0, "u", AUTOMATIC);
        // What he may not do takes him nowhere.
        rig.receive(peer, &send(10, &denied, "text", Some(1)));
        rig.settle();
        let refused = |heard: &[What]| matches!(heard[..], [What::Exception(ErrorCode::SECURITY_EXCEPTION, Some(_))]);
        assert!(refused(&whats(&mut rig, peer)), "seed {seed}");
        assert_eq!(rig.core_of(peer), Some(0), "seed {seed}");
        rig.receive(peer, &send(10, &granted, "text", Some(2)));
        rig.settle();
        assert_eq!(whats(&mut rig, peer), [What::Null(2)], "seed {seed}");
        moved += usize::from(rig.core_of(peer) == Some(1));
        rig.receive(peer, &send(10, &denied, "text", Some(3)));
        rig.settle();
        assert!(refused(&whats(&mut rig, peer)), "seed {seed}");
    }
    assert!(moved > 0);
}

#[test]
fn a_session_that_outlives_its_connection_stays() {
    for seed in seeds(10) {
        let mut rig = Rig::new(2, seed);
        let (peer, _) = under_way(&mut rig, 0, WINDOWED);
        rig.settle();
        assert_eq!(rig.core_of(peer), Some(0));
        let heard = whats(&mut rig, peer);
        assert!(heard.contains(&What::Null(1)), "{heard:?}");
        rig.lose(peer);
        rig.settle();
        let back = greet(&mut rig, 1, 7);
        let heard = reattach(&mut rig, back, NAME, 0);
        assert!(matches!(heard[..], [What::Reattached(_, true)]), "{heard:?}");
        assert_eq!(rig.core_of(back), Some(0));
        rig.lose(back);
        assert_nothing_is_left(&mut rig, "a session that waits");
    }
}

#[test]
fn a_connection_that_has_moved_finds_its_old_sessions() {
    let mut rig = Rig::new(2, 1);
    let old = named(&mut rig, 0, 7, WINDOWED);
    rig.lose(old);
    rig.settle();
    // It moves to core 1 for an address, has no session any more, and then wants the one that waits on core 0.
    let queue = rig.address_on(1);
    let peer = greet(&mut rig, 0, 7);
    rig.receive(peer, &create_session(10, AUTOMATIC));
    rig.receive(peer, &send(10, &queue, "text", Some(1)));
    rig.settle();
    rig.receive(peer, &frame(10, &Packet::SessionClose));
    rig.settle();
    assert_eq!((whats(&mut rig, peer).len(), rig.core_of(peer)), (3, Some(1)));
    let heard = reattach(&mut rig, peer, NAME, -1);
    assert!(matches!(heard[..], [What::Reattached(_, true)]), "{heard:?}");
    assert_eq!(rig.core_of(peer), Some(0));
}

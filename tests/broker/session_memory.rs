//! What sessions and consumers take has a bound: nobody opens more of them than there is memory for, and whoever has one session is never
//! refused for what others have.

use std::sync::Arc;

use protocol::core::error_code::ErrorCode;
use protocol::core::frame::HANDSHAKE;
use protocol::core::identity::{CommandId, ConsumerId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::ConsumerClose;
use protocol::core::packet::query::BindingQuery;
use protocol::core::packet::queue::DeleteQueue;
use protocol::core::packet::session::ReattachSession;
use protocol::simple_string::SimpleString;
use ringmq::limits;
use ringmq::message::AddressMatch;
use ringmq::security::{Grant, Identity, Permission, Policy, Verdict};

use crate::peer::{AUTOMATIC, What, create_consumer, create_named, create_queue, create_session, frame, log_in, send};
use crate::reattach::WINDOWED;
use crate::rig::{Peer, Rig};

/// What the connections of one core may take together, and the share of it for sessions.
const WHOLE: usize = 32 << 20;
const SHARE: usize = WHOLE / 16;
/// More sessions or consumers than find room in the share.
const MANY: i64 = 4_000;

fn held(rig: &Rig) -> usize {
    rig.census().iter().map(|census| census.session_memory).sum()
}

/// Opens sessions on channels; how many there are then.
fn open_sessions(rig: &mut Rig, peer: Peer, channels: std::ops::Range<i64>) -> usize {
    let open = |channel| {
        rig.receive(peer, &create_session(channel, AUTOMATIC));
        rig.settle();
        let heard = rig.hear(peer);
        let refused = heard.iter().any(|heard| matches!(heard.what, What::Exception(ErrorCode::INTERNAL_ERROR, _)));
        assert_ne!(heard.iter().any(|heard| heard.what == What::SessionOpen), refused, "{heard:?}");
        !refused
    };
    channels.map(open).filter(|opened| *opened).count()
}

/// Opens consumers of a queue; how many there are then.
fn open_consumers(rig: &mut Rig, peer: Peer, consumers: std::ops::Range<i64>, queue: &str) -> usize {
    let open = |consumer| {
        rig.receive(peer, &create_consumer(10, consumer, queue, true));
        rig.settle();
        let heard = rig.hear(peer);
        let opened = heard.iter().any(|heard| matches!(heard.what, What::Queue { .. }));
        assert!(opened || heard.iter().any(|heard| matches!(heard.what, What::Exception(..))), "{heard:?}");
        opened
    };
    consumers.map(open).filter(|opened| *opened).count()
}

fn close_consumer(rig: &mut Rig, peer: Peer, consumer: i64) {
    rig.tell(peer, 10, &Packet::ConsumerClose(ConsumerClose { consumer_id: ConsumerId(consumer) }));
    rig.settle();
    rig.hear(peer);
}

fn make_queue(rig: &mut Rig, peer: Peer, name: &str) {
    rig.receive(peer, &create_queue(10, name, name, RoutingType::ANYCAST));
    rig.settle();
    rig.hear(peer);
}

#[test]
fn sessions_have_a_bound_together() {
    for (whole, is_bounded) in [(WHOLE, true), (usize::MAX, false)] {
        let mut rig = Rig::remembering(1, 3, whole);
        let crowd = rig.session(0, AUTOMATIC);
        let other = rig.session(0, AUTOMATIC);
        assert_eq!(held(&rig), 0, "what a connection has for itself is not counted");
        let opened =
            open_sessions(&mut rig, crowd, 100..100 + MANY / 2) + open_sessions(&mut rig, other, 100..100 + MANY / 2);
        assert_eq!(
            (opened < 2_000, held(&rig) <= SHARE),
            (is_bounded, is_bounded),
            "{opened} are open, {} bytes",
            held(&rig)
        );
        assert!(opened > 300 && held(&rig) > SHARE / 2);
        // Others are not refused what everybody has for himself.
        let late = rig.session(0, AUTOMATIC);
        make_queue(&mut rig, late, "q");
        assert_eq!(open_consumers(&mut rig, late, 0..2, "q"), 2);
        // A connection that goes makes room.
        rig.lose(crowd);
        rig.settle();
        assert!(open_sessions(&mut rig, late, 100..110) == 10);
        for peer in [other, late] {
            rig.lose(peer);
        }
        rig.settle();
        assert_eq!(held(&rig), 0);
    }
}

#[test]
fn a_session_that_is_closed_makes_room() {
    let mut rig = Rig::remembering(1, 4, WHOLE);
    let peer = rig.session(0, AUTOMATIC);
    let opened = open_sessions(&mut rig, peer, 100..100 + MANY);
    assert!(opened < 2_000);
    let full = held(&rig);
    for _ in 0..3 {
        assert_eq!(open_sessions(&mut rig, peer, 9_000..9_001), 0);
        rig.tell(peer, 100, &Packet::SessionClose);
        rig.settle();
        rig.hear(peer);
        assert_eq!(open_sessions(&mut rig, peer, 100..101), 1);
        assert!(held(&rig).abs_diff(full) < 64, "{} bytes instead of {full}", held(&rig));
    }
    // The first one has something for itself; another that takes its place has it too.
    rig.tell(peer, 10, &Packet::SessionClose);
    rig.settle();
    assert!(held(&rig).abs_diff(full) < 64);
}

#[test]
fn consumers_have_a_bound_together() {
    for (whole, is_bounded) in [(WHOLE, true), (usize::MAX, false)] {
        let mut rig = Rig::remembering(2, 5, whole);
        let queue = rig.address_on(1);
        let (peer, late) = (rig.session(0, AUTOMATIC), rig.session(0, AUTOMATIC));
        make_queue(&mut rig, peer, &queue);
        let opened = open_consumers(&mut rig, peer, 0..MANY, &queue);
        assert_eq!(
            (opened < 3_999, held(&rig) <= SHARE),
            (is_bounded, is_bounded),
            "{opened} are open, {} bytes",
            held(&rig)
        );
        let full = held(&rig);
        assert!(opened > 1_000 && full > SHARE / 2);
        assert_eq!(open_consumers(&mut rig, late, 0..1, &queue), 1);
        for _ in 0..3 {
            close_consumer(&mut rig, peer, 5);
            assert!(held(&rig) < full);
            // One that is not opened leaves nothing.
            assert_eq!(open_consumers(&mut rig, peer, 9_000..9_001, "no such queue"), 0);
            assert!(held(&rig) < full);
            assert_eq!(open_consumers(&mut rig, peer, 5..6, &queue), 1);
            assert_eq!(held(&rig), full);
        }
        // With their queue they go, and what they took with them.
        let name = SimpleString::from(queue.as_str());
        rig.tell(late, 10, &Packet::DeleteQueue(DeleteQueue { name: name.as_simple() }));
        rig.settle();
        for peer in [peer, late] {
            rig.lose(peer);
        }
        rig.settle();
        assert_eq!((held(&rig), rig.census().iter().map(|census| census.consumers).sum::<usize>()), (0, 0));
    }
}

#[test]
fn what_a_user_may_do_is_remembered_while_there_is_memory() {
    let mut rig = Rig::remembering(1, 6, WHOLE);
    let may = Permission::ALL.map(|(permission, _)| ("u".to_owned(), permission)).to_vec();
    let grants = vec![Grant { covers: AddressMatch::new("open.#"), to: may }];
    rig.require_login(Policy::new(grants), |_| {
        Verdict::Known(Arc::new(Identity { name: "u".to_owned(), roles: vec!["u".to_owned()] }))
    });
    let peer = rig.greet(0);
    for channel in 10..30 {
        rig.receive(peer, &log_in(channel, AUTOMATIC, Some(("u", "u"))));
        rig.settle();
    }
    rig.hear(peer);
    let pad = "x".repeat(limits::NAME_BYTES_MAX - 20);
    for channel in 10..30 {
        for number in 0..limits::PERMISSIONS_REMEMBERED_MAX {
            let name = SimpleString::from(format!("open.{pad}.{number}").as_str());
            rig.tell(peer, channel, &Packet::BindingQuery(BindingQuery { address: name.as_simple() }));
        }
        rig.settle();
        rig.hear(peer);
    }
    assert!(held(&rig) > SHARE - 2_000 && held(&rig) <= SHARE, "{} bytes", held(&rig));
    // What is not remembered is looked up, and the same comes of it.
    for (address, may) in [("open.new", true), ("closed.new", false)] {
        rig.receive(peer, &send(29, address, "text", Some(7)));
        rig.settle();
        let heard = rig.hear(peer);
        let expected = if may { What::Null(7) } else { What::Exception(ErrorCode::SECURITY_EXCEPTION, Some(7)) };
        assert!(heard.iter().any(|heard| heard.what == expected), "{address}: {heard:?}");
    }
    rig.lose(peer);
    rig.settle();
    assert_eq!(held(&rig), 0);
}

#[test]
fn a_session_that_goes_on_elsewhere_counts_there() {
    let mut rig = Rig::remembering(1, 7, WHOLE);
    let old = rig.greet(0);
    rig.receive(old, &create_named(10, "comes again", WINDOWED));
    rig.settle();
    assert_eq!(held(&rig), 0);
    let new = rig.connect(0);
    rig.receive(new, &HANDSHAKE);
    rig.receive(new, &create_named(12, "was here before", WINDOWED));
    rig.settle();
    assert_eq!(held(&rig), 0);
    let reattach = ReattachSession { name: "comes again".into(), last_confirmed: CommandId(-1) };
    rig.receive(new, &frame(1, &Packet::ReattachSession(reattach)));
    rig.settle();
    let heard = rig.hear(new);
    assert!(heard.iter().any(|heard| matches!(heard.what, What::Reattached(_, true))), "{heard:?}");
    assert!(held(&rig) > 0, "two sessions of one connection are not both for itself");
}

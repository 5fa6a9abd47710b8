//! What is on the way between cores and waits for another core: it has a bound in bytes, nobody waits for ever, and nothing is lost.

use protocol::core::identity::RoutingType;
use protocol::core::packet::Packet;
use protocol::core::packet::session::AddMetadataV2;
use protocol::message::MessageBuilder;

use crate::peer::{AUTOMATIC, What, consume, create_session, frames, send, send_message};
use crate::rig::{Peer, Rig};

const MIB: usize = 1 << 20;
/// What the connections of one core may take together.
const WHOLE: usize = 64 * MIB;
/// The share of it for letters.
const LETTERS: usize = WHOLE / 16;
/// The share of it for requests that wait for another core.
const PARKED: usize = WHOLE / 32;
/// The share of it for metadata.
const NOTES: usize = WHOLE / 32;
/// Bytes of a message.
const BODY: usize = 100 * 1024;

fn durable(address: &str) -> Vec<u8> {
    send(10, address, &"x".repeat(BODY / 2), Some(1))
}

/// Has clients of a core send until nothing is taken, or so many bytes are. Gives how many messages each has sent.
fn send_while_taken(rig: &mut Rig, peers: &[Peer], address: impl Fn(usize) -> String, most: usize) -> Vec<usize> {
    let mut sent = vec![0; peers.len()];
    let mut went = true;
    while went {
        went = false;
        for (at, peer) in peers.iter().enumerate() {
            if !rig.is_paused(*peer) && sent.iter().sum::<usize>() * BODY < most {
                rig.receive(*peer, &durable(&address(at)));
                rig.settle();
                sent[at] += 1;
                went = true;
            }
        }
    }
    sent
}

fn all_are_answered(rig: &mut Rig, peers: &[Peer], sent: &[usize]) {
    for (peer, sent) in peers.iter().zip(sent) {
        let answers = rig.hear(*peer).iter().filter(|heard| heard.channel == 10).count();
        assert_eq!((answers, rig.is_paused(*peer), rig.has_closed(*peer)), (*sent, false, false));
    }
}

#[test]
fn what_another_core_cannot_read_has_a_bound() {
    for (whole, is_bounded) in [(WHOLE, true), (usize::MAX, false)] {
        let mut rig = Rig::remembering(2, 3, whole);
        let address = rig.address_on(1);
        let peers: Vec<Peer> = (0..30).map(|_| rig.session(0, AUTOMATIC)).collect();
        rig.receive(peers[0], &durable(&address));
        rig.settle();
        rig.hear(peers[0]);
        rig.disk_stands = true;
        let sent = send_while_taken(&mut rig, &peers, |_| address.clone(), 24 * MIB);
        let (on_the_way, unread) = (rig.letter_bytes(0).0, rig.letter_bytes(1).1);
        assert!(unread <= on_the_way, "{unread} bytes are not read, {on_the_way} should be on the way");
        assert_eq!(unread <= LETTERS + 2 * BODY, is_bounded, "{unread} bytes are not read");
        assert!(unread > LETTERS / 2);
        rig.disk_stands = false;
        rig.settle();
        all_are_answered(&mut rig, &peers, &sent);
        let (on_the_way, unread) = (rig.letter_bytes(0).0, rig.letter_bytes(1).1);
        assert!(unread == 0 && on_the_way <= LETTERS.max(whole / 16).min(32 * MIB) / 8, "{on_the_way} are left");
    }
}

#[test]
fn what_waits_for_another_core_to_write_a_name_has_a_bound() {
    for (whole, is_bounded) in [(WHOLE, true), (usize::MAX, false)] {
        let mut rig = Rig::remembering(2, 4, whole);
        let prefix = rig.address_on(1);
        let names: Vec<String> = (0..200).map(|number| format!("{prefix}.{number}")).collect();
        let names: Vec<String> = names.into_iter().filter(|name| rig.home_of(name) == 1).take(40).collect();
        let peers: Vec<Peer> = names.iter().map(|_| rig.session(1, AUTOMATIC)).collect();
        rig.rests = Some(0);
        let sent = send_while_taken(&mut rig, &peers, |at| names[at].clone(), 12 * MIB);
        let parked = rig.census()[1].home.parked_bytes;
        assert_eq!(parked <= PARKED + BODY + 1024, is_bounded, "{parked} bytes are parked");
        assert!(parked > PARKED / 2);
        rig.rests = None;
        rig.settle();
        all_are_answered(&mut rig, &peers, &sent);
        assert_eq!(rig.census()[1].home.parked_bytes, 0);
    }
}

#[test]
fn the_news_that_a_name_is_written_comes_through_whatever_stands_before_it() {
    let mut rig = Rig::staying(3, 5);
    let address = rig.address_on(1);
    let peer = rig.session(2, AUTOMATIC);
    // It writes the names.
    rig.rests = Some(0);
    // More than wait for the name, and more behind these than a core reads ahead.
    let count = 256 + 4_096 + 500;
    for piece in send(10, &address, "x", Some(1)).repeat(count).chunks(16 * 1024) {
        rig.receive(peer, piece);
        rig.settle();
    }
    let census = rig.census()[1];
    assert!(census.home.parked >= 256 && census.letters >= 4_096, "{census:?}");
    rig.rests = None;
    rig.settle();
    let answers = rig.hear(peer).iter().filter(|heard| heard.channel == 10).count();
    assert_eq!(answers, count);
}

#[test]
fn a_client_that_reads_nothing_is_sent_no_more_though_its_home_takes_no_records() {
    let mut rig = Rig::remembering(2, 6, WHOLE);
    let (queue, other) = (rig.address_on(1), format!("{}.other", rig.address_on(1)));
    let other = (0..200).map(|number| format!("{other}.{number}")).find(|name| rig.home_of(name) == 1).unwrap();
    let producer = rig.session(1, AUTOMATIC);
    for address in [&queue, &other] {
        let mut message = Vec::new();
        let builder = MessageBuilder::new(address).bytes(&vec![7; 64 * 1024]).durable(false);
        builder.routing_type(RoutingType::ANYCAST).write(&mut message);
        for _ in 0..if *address == queue { 32 * MIB / (64 * 1024) } else { 1 } {
            rig.receive(producer, &send_message(10, &message, None));
            rig.settle();
        }
    }
    let (peer, sender) = (rig.session(0, AUTOMATIC), rig.session(0, AUTOMATIC));
    (rig.disk_stands, rig.deaf) = (true, vec![peer]);
    rig.receive(peer, &consume(10, 1, &queue));
    for piece in durable(&other).repeat(60).chunks(16 * 1024) {
        rig.receive(sender, piece);
    }
    rig.settle();
    assert!(rig.letter_bytes(1).1 > MIB, "{:?} letters wait", rig.letter_bytes(1));
    let held = rig.census()[0].outgoing;
    assert!(held > 0 && held < 8 * MIB, "{held} bytes are held");
    (rig.disk_stands, rig.deaf) = (false, Vec::new());
    rig.settle();
    assert!(rig.take_heard(peer).len() > 32 * MIB, "the rest does not come");
    assert_eq!(frames(&rig.take_heard(sender)).count(), 60);
}

#[test]
fn metadata_has_a_bound_together() {
    for (whole, is_bounded) in [(WHOLE, true), (usize::MAX, false)] {
        let mut rig = Rig::remembering(1, 7, whole);
        let peer = rig.session(0, AUTOMATIC);
        let note = |rig: &mut Rig, channel: i64, key: &str, bytes: usize| {
            let value = "v".repeat(bytes);
            let data = AddMetadataV2 { key: key.into(), data: value.as_str().into(), requires_confirmation: true };
            let heard = rig.ask(peer, channel, &Packet::AddMetadataV2(data));
            matches!(heard[..], [ref heard] if matches!(heard.what, What::Null(_)))
        };
        let mut refused = 0;
        for channel in 100..150 {
            rig.receive(peer, &create_session(channel, AUTOMATIC));
            rig.settle();
            rig.take_heard(peer);
            assert!(note(&mut rig, channel, "jms-session", 40), "what a real client notes is always taken");
            refused += (0..64).filter(|key| !note(&mut rig, channel, &format!("key {key}"), 4_000)).count();
        }
        let noted = rig.census()[0].notes;
        assert_eq!((noted <= NOTES, refused > 50), (is_bounded, is_bounded), "{noted} bytes, {refused} are refused");
        assert!(noted > NOTES / 2);
        rig.lose(peer);
        rig.settle();
        assert_eq!(rig.census()[0].notes, 0);
    }
}

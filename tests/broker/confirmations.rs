//! What a client with a confirmation window is told, and never too early.

use std::fs;
use std::path::Path;

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::RoutingType;
use protocol::core::packet::Packet;
use protocol::core::packet::transaction::Commit;
use protocol::core::version::Version;

use crate::peer::{How, What, acknowledge, consume, frame, frames, send, send_routed, summary};
use crate::rig::{CHECK_MS, Rig};

/// A session whose client keeps what it sends.
const fn keeping(automatic: bool, window: i32) -> How {
    How { automatic, window }
}

/// Confirmations, each with its channel.
type Numbers = Vec<(i64, i32)>;

/// A recorded conversation: what its client sent, and what was confirmed to it, in the order of the recording.
enum Recorded {
    Sent(Vec<u8>),
    Confirmed { channel: i64, last: i32 },
}

/// The conversation up to the first line that begins with this.
fn recorded(name: &str, end: &str, version: Version) -> Vec<Recorded> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("protocol/tests/captures/{name}.cap"));
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().take_while(|line| end.is_empty() || !line.contains(end));
    let read = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        match (words[0], words.get(2)) {
            ("C1", Some(_)) if words.len() > 4 => Some(Recorded::Sent(unpack(words[4]))),
            ("S1", Some(&"PACKETS_CONFIRMED")) => {
                let heard = summary(&unpack(words[4])[4..], version);
                let What::Confirmed(last) = heard.what else { panic!("{line}") };
                Some(Recorded::Confirmed { channel: heard.channel, last })
            }
            _ => None,
        }
    };
    lines.filter_map(read).collect()
}

/// Bytes of hex with runs in brackets.
fn unpack(text: &str) -> Vec<u8> {
    let hex = |part: &str| -> Vec<u8> {
        (0..part.len() / 2).map(|at| u8::from_str_radix(&part[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let parts = text.split(['[', ']']).enumerate().map(|(at, part)| match part.split_once('*') {
        Some((unit, count)) if at % 2 == 1 => hex(unit).repeat(count.parse().unwrap()),
        _ => hex(part),
    });
    parts.flatten().collect()
}

/// Plays the client's side of a conversation. Gives the confirmations of the recording and those heard, each in their order.
fn play(name: &str, end: &str, version: Version) -> (Numbers, Numbers) {
    let mut rig = Rig::new(2, 1);
    let peer = rig.connect(0);
    let (mut expected, mut heard) = (Vec::new(), Vec::new());
    for line in recorded(name, end, version) {
        match line {
            Recorded::Sent(bytes) => rig.receive(peer, &bytes),
            Recorded::Confirmed { channel, last } => {
                expected.push((channel, last));
                if !heard.contains(&(channel, last)) {
                    // Nothing that was sent by now made it due: it was the time.
                    rig.wait_ms(CHECK_MS);
                }
            }
        }
        rig.settle();
        let bytes = rig.take_heard(peer);
        heard.extend(frames(&bytes).map(|body| summary(body, version)).filter_map(|heard| match heard.what {
            What::Confirmed(last) => Some((heard.channel, last)),
            _ => None,
        }));
    }
    // Which channel comes first at a check of the time is left open.
    (sorted(expected), sorted(heard))
}

fn sorted(mut confirmed: Numbers) -> Numbers {
    confirmed.sort_unstable();
    confirmed
}

#[test]
fn recorded_clients_are_told_what_the_reference_told_them() {
    for (name, end, version) in [
        ("send-async-window", "", Version::NEWEST),
        ("clients/2.18.0/send-async-window", "", Version(131)),
        ("clients/2.6.4/send-async-window", "asynchronous sends of 150000", Version(129)),
        ("confirm-client", "", Version::NEWEST),
    ] {
        let (expected, heard) = play(name, end, version);
        assert!(expected.len() > 3, "{name}: {expected:?}");
        assert_eq!(heard, expected, "{name}");
    }
}

#[test]
fn what_is_confirmed_is_promised() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        for answer in [None, Some(5)] {
            let mut rig = Rig::new(cores, 1);
            let queue = rig.address_on(home);
            // A window of nothing: every packet is confirmed by itself, as early as it may be.
            let peer = rig.session(0, keeping(true, 0));
            rig.receive(peer, &send(10, &queue, "makes the queue", None));
            rig.settle();
            assert_eq!(rig.hear(peer).iter().map(|heard| heard.what.clone()).collect::<Vec<_>>(), [What::Confirmed(0)]);
            rig.disk_stands = true;
            rig.receive(peer, &send(10, &queue, "text", answer));
            rig.receive(peer, &frame(10, &Packet::SessionStart));
            rig.settle();
            rig.wait_ms(CHECK_MS);
            assert_eq!(rig.hear(peer), [], "not written yet");
            rig.disk_stands = false;
            rig.settle();
            let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
            let mut expected = vec![What::Confirmed(1)];
            expected.extend(answer.map(What::Null));
            expected.push(What::Confirmed(2));
            assert_eq!(heard, expected);
        }
    }
}

#[test]
fn a_consumed_message_is_promised_before_its_acknowledgement_is_confirmed() {
    let mut rig = Rig::new(2, 1);
    let queue = rig.address_on(1);
    let peer = rig.session(0, keeping(true, 0));
    rig.receive(peer, &[send(10, &queue, "text", None), consume(10, 0, &queue)].concat());
    rig.settle();
    let delivered = rig.hear(peer).into_iter().find_map(|heard| match heard.what {
        What::Delivery { id, .. } => Some(id),
        _ => None,
    });
    rig.disk_stands = true;
    rig.receive(peer, &acknowledge(10, 0, delivered.unwrap()));
    rig.settle();
    assert_eq!(rig.hear(peer), []);
    rig.disk_stands = false;
    rig.settle();
    assert_eq!(rig.hear(peer).pop().map(|heard| heard.what), Some(What::Confirmed(4)));
}

#[test]
fn a_close_tells_all_before_its_answer() {
    let mut rig = Rig::new(1, 1);
    let queue = rig.address_on(0);
    let peer = rig.session(0, keeping(false, 1 << 20));
    rig.receive(
        peer,
        &[send(10, &queue, "text", None), frame(10, &Packet::Commit(Commit { correlation_id: None }))].concat(),
    );
    rig.settle();
    let heard = rig.ask(peer, 10, &Packet::SessionClose);
    let heard: Vec<What> = heard.into_iter().map(|heard| heard.what).collect();
    assert_eq!(heard, [What::Null(-1), What::Confirmed(2), What::Null(-1)]);
}

#[test]
fn a_failure_is_heard_before_the_confirmation() {
    let mut rig = Rig::new(1, 1);
    let peer = rig.session(0, keeping(true, 0));
    // An empty address cannot be made.
    rig.receive(peer, &send_routed(10, "", "text", Some(7), Some(RoutingType::ANYCAST)));
    rig.settle();
    let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
    assert_eq!(heard, [What::Exception(ErrorCode::ILLEGAL_STATE, Some(7)), What::Confirmed(0)]);
    // Where no answer is wanted, a confirmation is all that the client would hear: there is none any more.
    rig.receive(peer, &send_routed(10, "", "text", None, Some(RoutingType::ANYCAST)));
    rig.receive(peer, &send(10, "queue", "text", None));
    rig.settle();
    rig.wait_ms(CHECK_MS);
    assert_eq!(rig.hear(peer), []);
}

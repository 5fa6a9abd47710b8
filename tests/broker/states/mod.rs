//! Every packet type in every state of its client is answered, ends the connection, or is dropped for a reason that the table names:
//! never a panic, a hang, or a drop without a reason.
//!
//! The table is [`due`]; [`judge`] holds a broker to one.

mod due;
mod examples;
mod page;
mod stage;
mod walks;

use std::collections::BTreeMap;

use protocol::core::packet::connection::Ping;
use protocol::core::packet::{Packet, PacketType};
use protocol::simple_string::SimpleString;

use crate::peer::{OWN, What, consume, frame, send};
use due::{Due, State, due};
use examples::{Bodies, bodies, framed, read};
use stage::{CLIENTS, Stage, answers};

/// A channel that nobody has opened.
const NOBODYS: i64 = 77;
/// Cut-off packets are tried up to this length.
const CUT_BYTES_MAX: usize = 40;

/// What becomes of a packet in a state, on a channel.
type Table<'a> = dyn Fn(State, i64, Option<&Packet<'_>>) -> Due + 'a;

/// What in a state is not as the table says, with the type of the packet, and how often each thing was due.
fn judge(state: State, bodies: &Bodies, table: &Table<'_>) -> (Vec<(PacketType, String)>, BTreeMap<String, usize>) {
    let (mut wrong, mut counts) = (Vec::new(), BTreeMap::new());
    let mut stages = [1, 2].map(|cores| Stage::new(cores, state));
    for (number, bodies) in bodies {
        let channels = [0, 1, OWN, NOBODYS];
        let mut cases: Vec<_> =
            bodies.iter().enumerate().flat_map(|body| channels.map(|channel| (channel, body))).collect();
        if state == State::Leaving {
            // Once for each type: such a broker serves nobody afterwards.
            let which = usize::from(number.unsigned_abs()) % cases.len();
            cases.rotate_left(which);
            cases.truncate(1);
        }
        for (channel, (at, body)) in cases {
            let due = table(state, channel, read(body).as_ref());
            *counts.entry(format!("{due:?}")).or_default() += 1;
            let stage = &mut stages[at % 2];
            let outcome = try_one(stage, channel, body, due);
            if outcome.is_err() || state == State::Leaving {
                *stage = Stage::new(1, state);
            }
            if let Err(text) = outcome {
                wrong.push((PacketType(*number), format!("example {at} on {channel}, {state:?}: {text}")));
            }
        }
    }
    (wrong, counts)
}

fn try_one(stage: &mut Stage, channel: i64, body: &[u8], due: Due) -> Result<(), String> {
    let peer = stage.client();
    let found = stage.outcome(peer, channel, &framed(body, channel))?;
    if !found.is(due) {
        return Err(format!("{found:?} and not {due:?}"));
    }
    if stage.state == State::Leaving {
        return Ok(());
    }
    stage.ends_well(peer)?;
    stage.is_served(read(body).as_ref())
}

fn report(wrong: &[(PacketType, String)]) -> String {
    wrong.iter().map(|(kind, text)| format!("{kind}, {text}\n")).collect()
}

#[test]
fn every_packet_in_every_state_leads_to_what_is_due() {
    let bodies = bodies();
    let (mut all, mut reasons) = (0, BTreeMap::new());
    for state in State::ALL {
        let (wrong, counts) = judge(state, &bodies, &due);
        assert!(wrong.is_empty(), "{} of these:\n{}", wrong.len(), report(&wrong));
        println!("{state:?}: {counts:?}");
        all += counts.values().sum::<usize>();
        counts.into_iter().for_each(|(due, count)| *reasons.entry(due).or_insert(0) += count);
    }
    assert!(all > 20 * 256, "{all} packets in states: the captures hold more");
    // Whoever wants an answer and whoever wants none were there, and so on.
    assert_eq!(reasons.len(), 10, "{reasons:?}");
}

#[test]
fn a_wrong_row_is_seen() {
    let bodies = bodies();
    let of = |kinds: &[PacketType]| -> Bodies {
        bodies
            .iter()
            .filter(|(number, _)| kinds.contains(&PacketType(**number)))
            .map(|(n, of)| (*n, of.clone()))
            .collect()
    };
    let silence = Due::Silence("planted");
    let rows = [
        (State::Mute, 0, PacketType::PING, Due::Answer),
        (State::Greeted, 0, PacketType::PING, silence),
        (State::Greeted, 1, PacketType::CREATESESSION, Due::Refusal),
        (State::Greeted, NOBODYS, PacketType::SESS_QUEUEQUERY, Due::Answer),
        (State::Stranger, 1, PacketType::REATTACH_SESSION, Due::End),
        (State::Open, OWN, PacketType::SESS_STOP, silence),
        (State::Open, OWN, PacketType::SESS_START, Due::Answer),
        (State::Open, OWN, PacketType::SESS_XA_FAILED, Due::End),
        (State::Open, OWN, PacketType::SESS_CREATECONSUMER, Due::Refusal),
        (State::Open, OWN, PacketType(99), silence),
        (State::Powerless, OWN, PacketType::CREATE_ADDRESS, silence),
        (State::Powerless, OWN, PacketType::SESS_QUEUEQUERY, Due::Refusal),
        (State::Closing, OWN, PacketType::SESS_COMMIT, Due::Answer),
        (State::Closed, OWN, PacketType::SESS_FLOWTOKEN, Due::End),
        (State::Leaving, 0, PacketType::PING, Due::Answer),
    ];
    for (state, on, kind, planted) in rows {
        let table = |state, channel, packet: Option<&Packet<'_>>| {
            let is_it =
                (channel == on || state == State::Leaving) && packet.is_some_and(|packet| packet.packet_type() == kind);
            if is_it { planted } else { due(state, channel, packet) }
        };
        let (wrong, _) = judge(state, &of(&[kind, PacketType::SESS_ROLLBACK]), &table);
        assert!(!wrong.is_empty() && wrong.iter().all(|(found, _)| *found == kind), "{kind} {state:?}: {wrong:?}");
    }
}

#[test]
fn a_broker_that_hangs_or_keeps_something_is_seen() {
    // The write that the answer waits for never ends.
    let mut stage = Stage::new(1, State::Open);
    let peer = stage.client();
    stage.rig.disk_stands = true;
    let asking = send(OWN, &stage.queue, "text", Some(3));
    let found = stage.outcome(peer, OWN, &asking).unwrap();
    assert!(!found.is(Due::Answer), "{found:?}");
    assert!(stage.is_there(SimpleString::from(CLIENTS).as_simple()));
    assert!(!stage.is_there(SimpleString::from("nobody's").as_simple()));
    // Another core does not hear of the end.
    let mut stage = Stage::new(2, State::Open);
    stage.rig.ends_are_lost = true;
    let peer = stage.client();
    let away = stage.rig.address_on(1);
    stage.rig.receive(peer, &consume(OWN, 5, &away));
    stage.rig.settle();
    assert!(stage.ends_well(peer).is_err_and(|text| text.contains("something is left")));
}

/// What ends a connection: numbers that no packet has, packets that clients do not send, and packets that are cut off.
fn broken() -> Vec<Vec<u8>> {
    let mut broken: Vec<Vec<u8>> = Vec::new();
    for bodies in bodies().values() {
        let Some(body) = bodies.first() else { continue };
        let is_broken = |body: &[u8]| matches!(read(body), None | Some(Packet::Unknown { .. }));
        let cut = (0..body.len().min(CUT_BYTES_MAX)).map(|end| body[..end].to_vec());
        broken.extend(cut.chain([body.clone()]).filter(|body| is_broken(body)));
    }
    broken
}

#[test]
fn what_cannot_be_read_ends_the_connection_before_and_behind_a_packet_that_can() {
    let ping = frame(0, &Packet::Ping(Ping { connection_ttl_ms: 60_000 }));
    let broken = broken();
    assert!(broken.len() > 1_000, "{} are few", broken.len());
    for state in [State::Greeted, State::Open] {
        let mut stage = Stage::new(1, state);
        for (at, body) in broken.iter().enumerate() {
            let channel = [0, 1, OWN, NOBODYS][at % 4];
            let bytes = framed(body, channel);
            for (order, echoes) in [([&ping[..], &bytes[..]], 1), ([&bytes[..], &ping[..]], 0)] {
                let peer = stage.client();
                stage.rig.receive(peer, &order.concat());
                stage.rig.settle();
                let heard = answers(&mut stage.rig, peer);
                assert!(heard.iter().all(|(heard, _)| heard.what == What::Other("PING".to_owned())), "{heard:?}");
                assert_eq!((heard.len(), stage.rig.has_closed(peer)), (echoes, true), "{state:?} {channel} {body:?}");
                stage.ends_well(peer).unwrap();
            }
        }
        stage.is_served(None).unwrap();
    }
}

#[test]
fn a_packet_that_comes_in_two_pieces_leads_to_the_same() {
    let mut random = 0_usize;
    let mut stage = Stage::new(1, State::Open);
    for (number, bodies) in bodies() {
        let body = bodies.first().unwrap();
        for channel in [0, 1, OWN] {
            let bytes = framed(body, channel);
            random = random.wrapping_mul(31).wrapping_add(bytes.len() + 7);
            let (first, second) = bytes.split_at(1 + random % (bytes.len() - 1));
            let peer = stage.client();
            stage.rig.receive(peer, first);
            stage.rig.settle();
            assert_eq!((answers(&mut stage.rig, peer), stage.rig.has_closed(peer)), (vec![], false), "{number}");
            let found = stage.outcome(peer, channel, second).unwrap();
            let due = due(State::Open, channel, read(body).as_ref());
            assert!(found.is(due), "{number} on {channel}: {found:?} and not {due:?}");
            stage.ends_well(peer).unwrap();
        }
    }
}

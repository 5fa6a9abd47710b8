//! Clients that say anything that was ever recorded, in any order, on any channel, sound or damaged: nobody panics, goes round in
//! circles, or keeps anything of them; who is served goes on being served.
//!
//! The table says what one packet leads to in a known state; here the states follow from the packets themselves.

use std::path::Path;
use std::sync::LazyLock;

use bench::prove::fuzz::examples;
use protocol::core::identity::CommandId;
use protocol::core::packet::Packet;
use protocol::core::packet::connection::Ping;
use protocol::core::packet::session::ReattachSession;
use ringmq::broker::Census;

use super::examples::framed;
use super::stage::answers;
use crate::closing::seeds;
use crate::peer::{AUTOMATIC, How, OWN, TRANSACTED, What, consume, create_named, frame, send};
use crate::rig::{CHECK_MS, Peer, Rig};

/// Longer ones say nothing new.
const EXAMPLE_BYTES_MAX: usize = 4 * 1024;
/// Steps of one walk.
const STEPS: usize = 60;

/// Everything that was recorded, by its type: each type comes as often as any other.
static RECORDED: LazyLock<Vec<Vec<Vec<u8>>>> = LazyLock::new(|| {
    let mut all = examples(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    all.values_mut().for_each(|bodies| bodies.retain(|body| body.len() <= EXAMPLE_BYTES_MAX));
    // What only brokers send ends a connection at once, and is tried elsewhere.
    all.retain(|_, bodies| bodies.iter().any(|body| super::examples::read(body).is_some()));
    all.into_values().collect()
});

/// What came of the walks.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    steps: usize,
    answers: usize,
    ends: usize,
    held: usize,
}

/// Something that a client says.
fn word(rig: &mut Rig, name: &str) -> Vec<u8> {
    let channel = [OWN, OWN, OWN, 11, 0, 1, 77][rig.below(7)];
    let which = rig.below(12);
    let how = [AUTOMATIC, TRANSACTED, How { automatic: true, window: 300 }][rig.below(3)];
    let queue = ["one", "two", "three"][rig.below(3)];
    match which {
        0 => return create_named(channel, name, how),
        1 => return consume(channel, i64::try_from(rig.below(3)).unwrap(), queue),
        2 => return send(channel, queue, "text", Some(5)),
        4 => {
            let last_confirmed = CommandId(i32::try_from(rig.below(5)).unwrap() - 1);
            return frame(1, &Packet::ReattachSession(ReattachSession { name: name.into(), last_confirmed }));
        }
        _ => {}
    }
    let kind = rig.below(RECORDED.len());
    let bodies = &RECORDED[kind];
    let at = rig.below(bodies.len());
    let mut body = bodies[at].clone();
    if which == 3 && rig.below(4) == 0 {
        let at = rig.below(body.len());
        match rig.below(3) {
            0 => body[at] ^= 1 << rig.below(8),
            1 => body.truncate(at),
            _ => body[at] = 0xff,
        }
    }
    // Where a type has its place, and now and then elsewhere.
    let natural = match body.first().map(|first| first.cast_signed()) {
        Some(10 | 112 | 113) => 0,
        Some(30 | 32 | -4 | -18) => 1,
        _ => channel.max(OWN),
    };
    framed(&body, if rig.below(50) == 0 { channel } else { natural })
}

/// A broker with a few clients that walk about; an error if somebody is not served or something of them is left.
fn walk(seed: u64, ends_are_lost: bool, seen: &mut Seen) -> Result<(), String> {
    let cores = 1 + u16::try_from(seed % 3).unwrap();
    let mut rig = Rig::new(cores, seed);
    rig.ends_are_lost = ends_are_lost;
    let witness = rig.session(usize::from(cores) - 1, AUTOMATIC);
    let mut peers: Vec<Peer> = Vec::new();
    for step in 0..STEPS {
        if peers.is_empty() || rig.below(20) == 0 {
            let core = rig.below(usize::from(cores));
            let peer = rig.greet(core);
            rig.receive(peer, &create_named(OWN, &format!("walker {step}"), AUTOMATIC));
            peers.push(peer);
        }
        let which = rig.below(peers.len());
        let peer = peers[which];
        let name = format!("walker {}", rig.below(step + 1));
        let words: Vec<u8> = (0..=rig.below(3)).flat_map(|_| word(&mut rig, &name)).collect();
        rig.receive(peer, &words);
        seen.steps += 1;
        rig.disk_stands = rig.below(4) == 0;
        let events = rig.below(8);
        rig.go_on(events as u64);
        if rig.below(40) == 0 {
            rig.wait_ms(CHECK_MS);
        }
        if rig.has_closed(peer) {
            seen.ends += 1;
            peers.swap_remove(which);
        } else if rig.below(30) == 0 {
            rig.lose(peer);
            peers.swap_remove(which);
        }
    }
    rig.disk_stands = false;
    rig.settle();
    seen.held += rig.census().iter().map(|census| census.home.held).sum::<usize>();
    rig.receive(witness, &send(OWN, "the witness's", "text", Some(7)));
    rig.settle();
    let heard = answers(&mut rig, witness);
    if !heard.iter().any(|(heard, _)| heard.what == What::Null(7)) {
        return Err(format!("the witness hears {heard:?}"));
    }
    for peer in peers {
        seen.answers += answers(&mut rig, peer).len();
        if rig.has_closed(peer) {
            continue;
        }
        rig.receive(peer, &frame(0, &Packet::Ping(Ping { connection_ttl_ms: 60_000 })));
        rig.settle();
        let heard = answers(&mut rig, peer);
        if !heard.iter().any(|(heard, _)| heard.what == What::Other("PING".to_owned())) {
            return Err(format!("a PING is answered with {heard:?}"));
        }
        rig.lose(peer);
    }
    rig.lose(witness);
    rig.settle();
    // Some wait for their clients first.
    rig.wait_ms(3_600_000);
    rig.wait_ms(CHECK_MS);
    let left = rig.census();
    if left == vec![Census::default(); left.len()] { Ok(()) } else { Err(format!("something is left: {left:?}")) }
}

#[test]
fn whatever_clients_say_the_broker_goes_on_and_keeps_nothing() {
    let mut seen = Seen::default();
    for seed in seeds(200) {
        if let Err(text) = walk(seed, false, &mut seen) {
            panic!("seed {seed}: {text}");
        }
    }
    println!("{seen:?}");
    let Seen { steps, answers, ends, held } = seen;
    assert!(answers > steps / 10 && ends > 10 && held > 10, "they prove little: {seen:?}");
}

#[test]
fn what_is_kept_of_them_is_seen() {
    let mut seen = Seen::default();
    let caught = (0..40).filter(|seed| walk(*seed, true, &mut seen).is_err()).count();
    assert!(caught > 10, "{caught}");
}

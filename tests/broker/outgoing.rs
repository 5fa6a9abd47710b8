//! What clients do not read: all of it together has a bound, and whoever reads does not wait for those who do not.

use protocol::core::identity::{CommandId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::connection::Ping;
use protocol::core::packet::response::PacketsConfirmed;
use protocol::message::MessageBuilder;
use ringmq::limits::{OUTPUT_BYTES_FREE, OUTPUT_BYTES_HARD};

use crate::peer::{AUTOMATIC, How, consume, frame, frames, send_message};
use crate::rig::{Peer, Rig};

const MIB: usize = 1 << 20;
/// What one core may hold of what is not read, spare buffers included, and of what is not confirmed: a quarter of it each.
const BOUND: usize = 4 * MIB;
/// As much as the ring brings at a time.
const PIECE: usize = 16 * 1024;
/// Between two looks for those who do not read.
const LOOK_MS: u64 = 250;

fn held(rig: &Rig) -> usize {
    rig.census()[0].outgoing
}

/// Has a client ask for so many answers of no use.
fn ask_for(rig: &mut Rig, peer: Peer, bytes: usize) {
    let ping = frame(0, &Packet::Ping(Ping { connection_ttl_ms: 60_000 }));
    for piece in ping.repeat(bytes / ping.len()).chunks(PIECE) {
        if rig.has_closed(peer) || rig.is_paused(peer) {
            return;
        }
        rig.receive(peer, piece);
        rig.settle();
    }
}

/// A message that lives in memory; answered.
fn send_volatile(address: &str, bytes: usize) -> Vec<u8> {
    let mut message = Vec::new();
    let builder = MessageBuilder::new(address).bytes(&vec![7; bytes]).durable(false);
    builder.routing_type(RoutingType::ANYCAST).write(&mut message);
    send_message(10, &message, Some(1))
}

fn is_answered(rig: &mut Rig, peer: Peer) -> bool {
    rig.receive(peer, &frame(0, &Packet::Ping(Ping { connection_ttl_ms: 60_000 })));
    rig.settle();
    frames(&rig.take_heard(peer)).count() == 1
}

#[test]
fn what_is_not_read_has_a_bound_together() {
    for (bound, is_bounded) in [(4 * BOUND, true), (usize::MAX, false)] {
        let mut rig = Rig::remembering(1, 3, bound);
        let reader = rig.session(0, AUTOMATIC);
        let deaf: Vec<Peer> = (0..20).map(|_| rig.session(0, AUTOMATIC)).collect();
        rig.deaf.clone_from(&deaf);
        deaf.iter().for_each(|peer| ask_for(&mut rig, *peer, 2 * OUTPUT_BYTES_HARD));
        // The buffers grow by doubling.
        let most = 2 * (BOUND + OUTPUT_BYTES_HARD + deaf.len() * OUTPUT_BYTES_FREE);
        assert_eq!(held(&rig) <= most, is_bounded, "{} bytes are held, {most} may be", held(&rig));
        assert!(rig.closed.is_empty(), "nobody is ended before he had time");
        assert!(is_answered(&mut rig, reader), "who reads does not wait");
        for _ in 0..40 {
            rig.wait_ms(LOOK_MS);
            assert!(is_answered(&mut rig, reader), "who reads does not wait");
        }
        let closed = deaf.iter().filter(|peer| rig.has_closed(**peer)).count();
        assert_eq!(closed > 0, is_bounded, "who does not read is ended while memory is scarce, and then alone");
        assert!(!is_bounded || held(&rig) <= BOUND, "{} bytes are held", held(&rig));
        rig.deaf.clear();
        rig.settle();
        assert!(!rig.has_closed(reader));
        for peer in deaf.into_iter().chain([reader]).filter(|peer| !rig.has_closed(*peer)).collect::<Vec<_>>() {
            rig.lose(peer);
        }
        rig.settle();
        assert_eq!(held(&rig), 0, "somebody has gone and left something");
    }
}

#[test]
fn large_messages_wait_while_others_are_not_read() {
    for (cores, core, home) in [(1, 0, 0), (2, 0, 1), (2, 0, 0)] {
        let mut rig = Rig::remembering(cores, 5, 4 * BOUND);
        let producer = rig.session(home, AUTOMATIC);
        let address = rig.address_on(home);
        let large = |number: usize| format!("{address}.{number}");
        let queues: Vec<String> = (0..200).map(large).filter(|name| rig.home_of(name) == home).take(8).collect();
        for queue in &queues {
            rig.receive(producer, &send_volatile(queue, MIB));
            rig.settle();
        }
        rig.receive(producer, &send_volatile(&address, 100));
        rig.settle();
        let sent = frames(&rig.take_heard(producer)).count();
        assert_eq!(sent, queues.len() + 1);
        // All but the last one are taken by clients that do not read.
        let consumers: Vec<Peer> = queues.iter().map(|_| rig.session(core, AUTOMATIC)).collect();
        rig.deaf = consumers[..queues.len() - 1].to_vec();
        for (consumer, queue) in consumers.iter().zip(&queues) {
            rig.receive(*consumer, &consume(10, 1, queue));
            rig.settle();
        }
        let held = rig.census()[core].outgoing;
        assert!(held <= BOUND + 2 * MIB, "cores {cores}, core {core}, home {home}: {held} bytes are held");
        let honest = consumers[queues.len() - 1];
        let got = |rig: &mut Rig| rig.take_heard(honest).len() > MIB;
        assert!(!got(&mut rig), "memory was not scarce");
        let small = rig.session(core, AUTOMATIC);
        rig.receive(small, &consume(10, 1, &address));
        rig.settle();
        assert!(rig.take_heard(small).len() > 100, "a small message waits for nobody");
        let mut waited = 0;
        while !got(&mut rig) {
            assert!(waited < 12_000, "it still waits after {waited} ms");
            rig.wait_ms(LOOK_MS);
            waited += LOOK_MS;
        }
        assert!(rig.deaf.iter().any(|peer| rig.has_closed(*peer)) && !rig.has_closed(honest));
    }
}

/// Sends so many bytes of volatile messages to an address.
fn fill(rig: &mut Rig, address: &str, bytes: usize) {
    let producer = rig.session(rig.home_of(address), AUTOMATIC);
    for _ in 0..bytes / (64 * 1024) {
        rig.receive(producer, &send_volatile(address, 64 * 1024));
        rig.settle();
    }
    rig.lose(producer);
    rig.settle();
}

#[test]
fn a_consumer_that_is_opened_while_its_client_reads_nothing_waits_too() {
    for (cores, home) in [(1, 0), (2, 1)] {
        let mut rig = Rig::new(cores, 7);
        let (first, second) = (rig.address_on(0), format!("{}.more", rig.address_on(home)));
        let second =
            (0..200).map(|number| format!("{second}.{number}")).find(|name| rig.home_of(name) == home).unwrap();
        fill(&mut rig, &first, MIB);
        fill(&mut rig, &second, 8 * MIB);
        let peer = rig.session(0, AUTOMATIC);
        rig.deaf = vec![peer];
        rig.receive(peer, &consume(10, 1, &first));
        rig.settle();
        let before = held(&rig);
        assert!(before > MIB / 4 && before < 2 * MIB, "{before} bytes are held of the first queue");
        rig.receive(peer, &consume(10, 2, &second));
        rig.settle();
        assert!(held(&rig) < 2 * MIB, "{} bytes are held", held(&rig));
        // It goes on when the client reads.
        rig.deaf.clear();
        rig.settle();
        assert!(rig.take_heard(peer).len() > 9 * MIB, "the rest does not come");
    }
}

#[test]
fn what_is_not_confirmed_has_a_bound_together() {
    let window = How { automatic: true, window: i32::try_from(MIB).unwrap() };
    for (memory, is_bounded) in [(4 * BOUND, true), (usize::MAX, false)] {
        let mut rig = Rig::remembering(2, 8, memory);
        let address = rig.address_on(1);
        let queues: Vec<String> = (0..60).map(|number| format!("{address}.{number}")).collect();
        let queues: Vec<&String> = queues.iter().filter(|name| rig.home_of(name) == 1).take(12).collect();
        for queue in &queues {
            fill(&mut rig, queue, 2 * MIB);
        }
        let honest = rig.session(0, window);
        rig.receive(honest, &consume(10, 1, queues[0]));
        rig.settle();
        let mut read = 0;
        // It confirms whenever its window is full, as a client does.
        for _ in 0..8 {
            let heard = rig.take_heard(honest);
            read += frames(&heard).count();
            let last = CommandId(i32::try_from(read).unwrap() - 1);
            rig.tell(honest, 10, &Packet::PacketsConfirmed(PacketsConfirmed { command_id: last }));
            rig.settle();
        }
        let silent: Vec<Peer> = queues[1..].iter().map(|_| rig.session(0, window)).collect();
        for (peer, queue) in silent.iter().zip(&queues[1..]) {
            rig.receive(*peer, &consume(10, 1, queue));
            rig.settle();
            let kept = rig.census()[0].unconfirmed;
            assert!(!is_bounded || kept <= BOUND, "{kept} bytes are kept");
        }
        let kept = rig.census()[0].unconfirmed;
        assert_eq!(kept <= BOUND, is_bounded, "{kept} bytes are kept");
        assert!(read > 2 * MIB / (64 * 1024), "{read} packets came to the one who confirms");
        assert!(!rig.has_closed(honest));
        assert_eq!(silent.iter().any(|peer| rig.has_closed(*peer)), is_bounded);
        for peer in silent.into_iter().chain([honest]).filter(|peer| !rig.has_closed(*peer)).collect::<Vec<_>>() {
            rig.lose(peer);
        }
        rig.wait_ms(61_000);
        assert_eq!(rig.census()[0].unconfirmed, 0, "somebody has gone and left something");
    }
}

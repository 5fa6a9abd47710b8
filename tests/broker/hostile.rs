//! Clients that do not play by the rules: what they keep the broker from, and what they can make it keep.

use protocol::core::frame::HANDSHAKE;
use protocol::core::packet::Packet;
use protocol::core::packet::connection::Ping;
use protocol::core::packet::topology::SubscribeTopologyV2;
use protocol::core::version::Version;
use ringmq::limits::{
    FRAME_BYTES_BEFORE_LOGIN, OUTPUT_BYTES_BEFORE_LOGIN, OUTPUT_BYTES_HARD, PARKED_MAX, REQUESTS_BEFORE_LOGIN_MAX,
};

use crate::peer::{AUTOMATIC, frame, frames, send};
use crate::rig::{CHECK_MS, HANDSHAKE_MS, Peer, Rig};

/// As much as the ring brings at a time.
const PIECE: usize = 16 * 1024;
/// Far below the time after which a silent client is dead.
const STEP_MS: u64 = 50_000;

fn ping() -> Vec<u8> {
    frame(0, &Packet::Ping(Ping { connection_ttl_ms: 60_000 }))
}

/// Sends so many bytes of pings, in pieces as they come from a socket. Gives how many pings these were.
fn flood(rig: &mut Rig, peer: Peer, bytes: usize) -> usize {
    let ping = ping();
    let count = bytes / ping.len();
    for piece in ping.repeat(count).chunks(PIECE) {
        rig.receive(peer, piece);
        rig.settle();
    }
    count
}

/// The length field of a frame, and its first bytes.
fn begun(length: usize) -> Vec<u8> {
    [u32::try_from(length).unwrap().to_be_bytes().as_slice(), &[30; 100]].concat()
}

#[test]
fn before_login_a_frame_that_was_begun_is_finished_in_time() {
    let mut rig = Rig::new(1, 1);
    let (slow, idle, inside) = (rig.greet(0), rig.greet(0), rig.session(0, AUTOMATIC));
    rig.receive(slow, &begun(FRAME_BYTES_BEFORE_LOGIN));
    rig.receive(inside, &begun(FRAME_BYTES_BEFORE_LOGIN));
    let half_handshake = rig.connect(0);
    rig.receive(half_handshake, &HANDSHAKE[..1]);
    let mut gone = Vec::new();
    let mut passed = 0;
    while passed < HANDSHAKE_MS + 2 * (STEP_MS + CHECK_MS) {
        // None of them falls silent.
        rig.receive(slow, &[30]);
        rig.receive(inside, &[30]);
        rig.receive(half_handshake, &[]);
        rig.receive(idle, &ping());
        rig.wait_ms(STEP_MS);
        passed += STEP_MS;
        let early = passed < HANDSHAKE_MS;
        for peer in [slow, half_handshake].into_iter().filter(|peer| rig.has_closed(*peer)) {
            assert!(!early, "closed after {passed} ms");
            gone.push(peer);
        }
    }
    assert!(gone.contains(&slow) && gone.contains(&half_handshake), "they hold their places for ever");
    // The controls: who sends whole frames stays, and so does who has logged in and takes his time.
    assert!(!rig.has_closed(idle) && !rig.has_closed(inside));
}

#[test]
fn before_login_requests_have_a_bound() {
    let (most, step) = (REQUESTS_BEFORE_LOGIN_MAX as usize, REQUESTS_BEFORE_LOGIN_MAX as usize / 2);
    let mut rig = Rig::new(1, 1);
    let (quick, steady) = (rig.connect(0), rig.connect(0));
    let inside = rig.session(0, AUTOMATIC);
    [quick, steady].into_iter().for_each(|peer| rig.receive(peer, &HANDSHAKE));
    rig.receive(quick, &ping().repeat(most));
    rig.settle();
    assert!(!rig.has_closed(quick));
    assert_eq!(frames(&rig.take_heard(quick)).count(), most);
    rig.receive(quick, &ping());
    rig.settle();
    assert!(rig.has_closed(quick), "a core that answers has time for nothing else");
    // The controls: who takes his time is answered for ever, and who has logged in at any pace.
    for _ in 0..5 {
        rig.receive(steady, &ping().repeat(step));
        rig.settle();
        assert_eq!(frames(&rig.take_heard(steady)).count(), step);
        rig.wait_ms(CHECK_MS);
    }
    let sent = flood(&mut rig, inside, 5 * most * ping().len());
    assert_eq!(frames(&rig.take_heard(inside)).count(), sent);
    assert!(!rig.has_closed(steady) && !rig.has_closed(inside));
}

#[test]
fn before_login_answers_that_nobody_reads_have_a_bound() {
    let subscribe = SubscribeTopologyV2 { is_cluster_connection: false, client_version: Version::NEWEST };
    let subscribe = frame(0, &Packet::SubscribeTopologyV2(subscribe));
    // Greeting takes some too.
    let few = REQUESTS_BEFORE_LOGIN_MAX as usize - 8;
    let mut rig = Rig::new(1, 1);
    let reader = rig.greet(0);
    rig.receive(reader, &subscribe.repeat(few));
    rig.settle();
    // The control: all is answered to somebody who reads, and that is more than is kept for one who does not.
    let heard = rig.take_heard(reader);
    assert_eq!(frames(&heard).count(), few + 1, "with the first topology");
    assert!(heard.len() > OUTPUT_BYTES_BEFORE_LOGIN);
    rig.wires_stand = true;
    let deaf = rig.greet(0);
    rig.receive(deaf, &subscribe.repeat(few));
    rig.settle();
    rig.wait_ms(2 * CHECK_MS);
    assert!(!rig.has_closed(deaf), "some answers may wait");
    flood(&mut rig, deaf, 20 * FRAME_BYTES_BEFORE_LOGIN);
    (0..3).for_each(|_| rig.wait_ms(CHECK_MS));
    assert!(rig.has_closed(deaf), "everything it asks for is kept for it");
    assert!(!rig.has_closed(reader));
}

#[test]
fn many_sends_at_once_to_an_address_that_is_not_there_hold_nobody_up() {
    for (cores, core, home) in [(1, 0, 0), (2, 0, 1), (2, 1, 1), (2, 1, 0)] {
        for leaves in [false, true] {
            let mut rig = Rig::new(cores, 3);
            let (eager, other) = (rig.session(core, AUTOMATIC), rig.session(home, AUTOMATIC));
            let address = rig.address_on(home);
            let count = 3 * PARKED_MAX;
            let sends: Vec<u8> = (0..count).flat_map(|_| send(10, &address, "x", Some(7))).collect();
            rig.receive(eager, &sends);
            if leaves {
                rig.go_on(200);
                rig.lose(eager);
            }
            rig.settle();
            let answers = frames(&rig.take_heard(eager)).count();
            assert!(leaves || answers == count, "{answers} of {count} answers, core {core}, home {home}");
            rig.receive(other, &send(10, &address, "y", Some(8)));
            rig.settle();
            assert_eq!(frames(&rig.take_heard(other)).count(), 1, "core {core}, home {home}");
            let census = rig.census().swap_remove(home).home;
            assert_eq!((census.parked, census.letters), (0, 0));
        }
    }
}

#[test]
fn answers_that_nobody_reads_have_a_bound_and_are_not_looked_at_in_every_turn() {
    let mut rig = Rig::new(1, 1);
    let deaf: Vec<Peer> = (0..10).map(|_| rig.session(0, AUTOMATIC)).collect();
    rig.wires_stand = true;
    let sent: Vec<usize> = deaf.iter().map(|peer| flood(&mut rig, *peer, 3 * OUTPUT_BYTES_HARD)).collect();
    assert!(deaf.iter().all(|peer| rig.is_paused(*peer)), "what they send is taken all the same");
    assert_eq!(rig.census()[0].due, 0, "every turn looks at them, though nothing can have changed");
    // Others go on meanwhile, and so do they once they read; nothing was lost.
    rig.wires_stand = false;
    rig.settle();
    for (peer, sent) in deaf.into_iter().zip(sent) {
        assert!(!rig.is_paused(peer) && !rig.has_closed(peer));
        let heard = rig.take_heard(peer);
        assert_eq!(frames(&heard).count(), sent);
    }
    assert_eq!(rig.census()[0].due, 0);
}

//! What clients have sent and what is not handled yet: all of it together has a bound, and whoever goes on with his frame comes through.

use protocol::limits::LENGTH_PREFIX_BYTES;
use ringmq::limits::{FRAME_GRACE_MS, FRAME_TIME_MS, INPUT_BYTES_FREE};

use crate::peer::{AUTOMATIC, frames, send};
use crate::rig::{Peer, Rig};

const MIB: usize = 1 << 20;
/// What one core may hold of frames that have begun.
const BOUND: usize = 4 * MIB;

/// What all holders of a core may take, if so much of it is for frames.
fn whole(frames: usize) -> usize {
    (frames / 18).saturating_mul(64)
}

/// As much as the ring brings at a time.
const PIECE: usize = 16 * 1024;
/// Between two looks for those who are slow.
const LOOK_MS: u64 = 250;

/// A client that sends one frame, as far as the broker takes it.
struct Sender {
    peer: Peer,
    frame: Vec<u8>,
    sent: usize,
}

impl Sender {
    fn new(rig: &mut Rig, bytes: usize) -> Self {
        let peer = rig.session(0, AUTOMATIC);
        Self { peer, frame: send(10, "q", &"x".repeat(bytes / 2), Some(1)), sent: 0 }
    }

    fn many(rig: &mut Rig, count: usize, bytes: usize) -> Vec<Self> {
        (0..count).map(|_| Self::new(rig, bytes)).collect()
    }

    /// Sends the next piece, but never the last bytes of the frame if they are kept back. False: the broker takes nothing now.
    fn piece(&mut self, rig: &mut Rig, keeps_back: usize) -> bool {
        let end = (self.sent + PIECE).min(self.frame.len() - keeps_back);
        if rig.is_paused(self.peer) || rig.has_closed(self.peer) || self.sent == end {
            return false;
        }
        rig.receive(self.peer, &self.frame[self.sent..end]);
        self.sent = end;
        rig.settle();
        true
    }

    /// Sends as much as the broker takes.
    fn push(&mut self, rig: &mut Rig, keeps_back: usize) {
        while self.piece(rig, keeps_back) {}
    }

    /// Sends so much that it needs room.
    fn begin(&mut self, rig: &mut Rig) {
        while self.sent <= INPUT_BYTES_FREE && self.piece(rig, 0) {}
    }

    fn is_answered(&self, rig: &mut Rig) -> bool {
        // Signs of life are no answers.
        rig.hear(self.peer).iter().any(|heard| heard.channel == 10)
    }
}

fn held(rig: &Rig) -> usize {
    rig.census()[0].incoming
}

fn quiet(rig: &mut Rig, senders: &[Sender]) {
    for sender in senders {
        if !rig.has_closed(sender.peer) {
            rig.lose(sender.peer);
        }
    }
    rig.settle();
    assert_eq!(held(rig), 0, "somebody has gone and left something");
}

#[test]
fn frames_that_have_begun_have_a_bound_together() {
    for (bound, is_bounded) in [(BOUND, true), (usize::MAX, false)] {
        let mut rig = Rig::remembering(1, 3, whole(bound));
        let mut senders = Sender::many(&mut rig, 12, 2 * MIB);
        senders.iter_mut().for_each(|sender| sender.push(&mut rig, 1));
        let all: usize = senders.iter().map(|sender| sender.sent).sum();
        let most = BOUND + senders.len() * (INPUT_BYTES_FREE + PIECE);
        // The control: without the bound all of it is kept.
        assert_eq!(all <= most, is_bounded, "{all} bytes are kept, {most} may be");
        assert_eq!(senders.iter().any(|sender| rig.is_paused(sender.peer)), is_bounded);
        assert!(rig.closed.is_empty(), "nobody is ended before he had time");
        quiet(&mut rig, &senders);
    }
}

#[test]
fn who_goes_on_comes_through_those_who_do_not() {
    let mut rig = Rig::remembering(1, 4, whole(BOUND));
    let mut hostile = Sender::many(&mut rig, 40, 2 * MIB - 1024);
    hostile.iter_mut().for_each(|sender| sender.push(&mut rig, 1));
    let mut honest = Sender::new(&mut rig, MIB);
    let mut small = Sender::new(&mut rig, PIECE);
    small.push(&mut rig, 0);
    assert!(small.is_answered(&mut rig), "an ordinary message waits for nobody");
    let mut waited = 0;
    honest.push(&mut rig, 0);
    while !honest.is_answered(&mut rig) {
        assert!(waited < 2 * FRAME_GRACE_MS, "it still waits after {waited} ms");
        rig.wait_ms(LOOK_MS);
        waited += LOOK_MS;
        hostile.iter_mut().for_each(|sender| sender.push(&mut rig, 1));
        honest.push(&mut rig, 0);
    }
    assert!(waited >= FRAME_GRACE_MS, "the room was not taken");
    assert!(!rig.has_closed(honest.peer) && !rig.has_closed(small.peer));
    assert!(
        hostile.iter().any(|sender| rig.has_closed(sender.peer)),
        "after {waited} ms {} bytes are held, {:?} sent, {:?} closed",
        held(&rig),
        hostile.iter().map(|sender| sender.sent).collect::<Vec<_>>(),
        rig.closed,
    );
    hostile.extend([honest, small]);
    quiet(&mut rig, &hostile);
}

#[test]
fn who_sends_at_a_pace_keeps_his_room_though_others_wait() {
    let mut rig = Rig::remembering(1, 5, whole(BOUND));
    // There is room for one of them.
    let mut both = Sender::many(&mut rig, 2, BOUND - 2 * MIB / 8);
    both.iter_mut().for_each(|sender| sender.begin(&mut rig));
    let (first, second) = (rig.is_paused(both[0].peer), rig.is_paused(both[1].peer));
    assert!(!first && second, "one has room and the other waits");
    let pieces = both[0].frame.len() / PIECE;
    let steps = FRAME_TIME_MS / LOOK_MS;
    for step in 0..steps {
        rig.wait_ms(LOOK_MS);
        let sent = both[0].sent;
        assert!(!rig.has_closed(both[0].peer), "it was ended with {sent} bytes after {step} steps, though it went on");
        for _ in 0..2 * pieces.div_ceil(usize::try_from(steps).unwrap()) {
            both[0].piece(&mut rig, 0);
        }
    }
    assert!(both[0].is_answered(&mut rig), "{} of {} bytes are sent", both[0].sent, both[0].frame.len());
    both[1].push(&mut rig, 0);
    assert!(both[1].is_answered(&mut rig));
    quiet(&mut rig, &both);
}

#[test]
fn one_frame_is_always_taken_and_then_the_next() {
    let mut rig = Rig::remembering(1, 6, whole(BOUND));
    let mut both = Sender::many(&mut rig, 2, 3 * BOUND);
    both.iter_mut().for_each(|sender| sender.push(&mut rig, PIECE));
    assert!(!rig.is_paused(both[0].peer) && rig.is_paused(both[1].peer));
    both[0].push(&mut rig, 0);
    assert!(both[0].is_answered(&mut rig));
    both[1].push(&mut rig, 0);
    assert!(both[1].is_answered(&mut rig));
    quiet(&mut rig, &both);
}

#[test]
fn small_frames_do_not_stand_behind_all_large_ones() {
    let mut rig = Rig::remembering(1, 7, whole(BOUND));
    let mut all = vec![Sender::new(&mut rig, BOUND - MIB / 8)];
    all.extend(Sender::many(&mut rig, 3, BOUND - MIB / 8));
    all.push(Sender::new(&mut rig, MIB));
    all.iter_mut().for_each(|sender| sender.push(&mut rig, PIECE));
    assert!(all[1..].iter().all(|sender| rig.is_paused(sender.peer)));
    all[0].push(&mut rig, 0);
    assert!(all[0].is_answered(&mut rig));
    let goes_on: Vec<bool> = all.iter().map(|sender| !rig.is_paused(sender.peer)).collect();
    assert_eq!(goes_on, [true, false, false, false, true], "the small one came last");
    quiet(&mut rig, &all);
}

#[test]
fn a_frame_that_ends_while_it_waits_is_handled_and_its_client_goes_on() {
    let mut rig = Rig::remembering(1, 8, whole(BOUND));
    let mut hog = Sender::new(&mut rig, BOUND - LENGTH_PREFIX_BYTES - 1024);
    hog.push(&mut rig, 1);
    let mut waiting = Sender::new(&mut rig, 2 * INPUT_BYTES_FREE);
    waiting.push(&mut rig, 0);
    assert!(rig.is_paused(waiting.peer));
    // The system had received the rest already.
    rig.receive(waiting.peer, &waiting.frame[waiting.sent..]);
    rig.settle();
    assert!(waiting.is_answered(&mut rig) && !rig.is_paused(waiting.peer));
    quiet(&mut rig, &[hog, waiting]);
}

#[test]
fn what_waits_for_the_lanes_counts_too() {
    let mut rig = Rig::remembering(1, 9, whole(BOUND));
    let senders: Vec<Peer> = (0..40).map(|_| rig.session(0, AUTOMATIC)).collect();
    rig.disk_stands = true;
    let message = send(10, "q", &"x".repeat(PIECE / 2 - 100), Some(1));
    let mut sent = vec![0; senders.len()];
    for (peer, sent) in senders.iter().zip(&mut sent) {
        while !rig.is_paused(*peer) && *sent < 4 * MIB {
            rig.receive(*peer, &message);
            rig.settle();
            *sent += message.len();
        }
    }
    assert!(held(&rig) <= BOUND && held(&rig) > BOUND / 2, "{} bytes", held(&rig));
    rig.disk_stands = false;
    rig.settle();
    for (peer, sent) in senders.iter().zip(sent) {
        let answers = frames(&rig.take_heard(*peer)).count();
        assert_eq!((answers, rig.is_paused(*peer)), (sent / message.len(), false), "nobody is forgotten");
    }
    assert!(rig.closed.is_empty());
    assert_eq!(held(&rig), 0);
}

//! What lives in the oldest segments is written again when the lane is mostly dead, and that ends.

use crate::machine::{JOURNAL, Machine, Setup, body};

const MESSAGES: u64 = 150;
const KEPT_MAX: u64 = 2;

/// Small messages, each in a block of its own, so that nearly all of the lane is padding.
fn sparse(hot_bytes: usize) -> (Machine, Vec<Vec<u8>>) {
    let mut machine = Machine::with(Setup {
        lanes: 1,
        hot_bytes,
        segments_before_compaction: KEPT_MAX,
        slow: None,
        checkpoint_bytes: u64::MAX,
    });
    let bodies: Vec<Vec<u8>> = (0..MESSAGES).map(|number| body(number, 100)).collect();
    for body in &bodies {
        machine.publish(body, false);
        machine.turn();
    }
    (machine, bodies)
}

#[test]
fn small_messages_lie_close_together_afterwards() {
    // After a start nothing is in memory: they are read back, many at a time.
    let (machine, bodies) = sparse(64 * 1024);
    let mut machine = machine.kill();
    machine.settle();
    let kept = machine.writing(JOURNAL).0 - machine.oldest(JOURNAL).0;
    assert!(kept <= KEPT_MAX, "{kept} segments are kept for {} bytes", 100 * MESSAGES);
    assert!(machine.waiting() == bodies);
    assert!(machine.kill().waiting() == bodies);
}

#[test]
fn it_comes_to_rest_even_if_it_wins_nothing() {
    // Nothing fits the hot window: every message is read and written alone.
    let (machine, bodies) = sparse(1);
    let mut machine = machine.kill();
    let before = machine.oldest(JOURNAL);
    machine.settle();
    assert!(machine.oldest(JOURNAL).0 > before.0, "nothing was moved");
    assert!(machine.waiting() == bodies);
    assert!(machine.kill().waiting() == bodies);
}

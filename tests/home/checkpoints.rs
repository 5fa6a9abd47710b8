//! How often the index is written: its cost is a share of what is appended, not of what waits.

use crate::machine::{JOURNAL, Machine, PLAIN, Setup, body};

/// Small, so that a short queue has its index written often.
const CHECKPOINT_BYTES: u64 = 8 * 1024;
const BATCHES: u64 = 100;
const BATCH: u64 = 20;

/// Checkpoints while so many messages come, and go again at once or not, and how far the lane came for each of them.
fn written(they_stay: bool) -> (u64, u64) {
    let mut machine = Machine::with(Setup { checkpoint_bytes: CHECKPOINT_BYTES, ..PLAIN });
    for batch in 0..BATCHES {
        (0..BATCH).for_each(|number| machine.publish(&body(batch * BATCH + number, 100), false));
        machine.settle();
        if !they_stay {
            machine.drain();
        }
    }
    let written = machine.home.checkpoints_written();
    let apart = machine.end_of(JOURNAL).0 / written;
    let waiting = if they_stay { BATCHES * BATCH } else { 0 };
    let mut machine = machine.kill();
    assert!(machine.used_checkpoint);
    assert_eq!(machine.waiting().len() as u64, waiting, "nothing is lost or comes again");
    (written, apart)
}

#[test]
fn the_index_of_a_long_queue_is_written_as_it_grows() {
    let ((long, far), (_, near)) = (written(true), written(false));
    assert!(long >= 4, "the index of a long queue was written {long} times");
    assert!(near < 4 * CHECKPOINT_BYTES, "with nothing waiting, once in {near} bytes");
    // With a fixed distance both would be the same.
    assert!(far > 2 * near, "once in {far} bytes with all messages waiting, in {near} with none");
}

//! Bodies in the large lane are read back whole, whatever stands between their pieces, wherever the segments end.

use crate::machine::{JOURNAL, LARGE, Machine, body};

const SIZES: [usize; 6] = [128 * 1024 + 1, 200 * 1024, 256 * 1024 + 17, 700_000, 2_500_000, 10 * 1024 * 1024];

fn bodies(from: u64) -> Vec<Vec<u8>> {
    (from..).zip(SIZES).map(|(number, bytes)| body(number, bytes)).collect()
}

#[test]
fn they_are_read_back_live_and_after_a_kill() {
    let mut machine = Machine::new();
    for body in &bodies(0) {
        machine.publish(body, false);
    }
    machine.settle();
    assert!(machine.writing(LARGE).0 > 10);
    // Nothing fits the hot window of this machine.
    assert!(machine.waiting() == bodies(0));
    let mut machine = machine.kill();
    assert!(machine.waiting() == bodies(0));
    machine.drain();
    machine.pass_segments(1);
    assert_eq!(machine.oldest(LARGE), machine.writing(LARGE), "what is consumed holds nothing");
}

#[test]
fn they_are_read_back_from_where_a_checkpoint_says() {
    let mut machine = Machine::new();
    for body in &bodies(0) {
        machine.publish(body, false);
    }
    machine.home.want_checkpoint();
    machine.settle();
    assert_eq!(machine.home.checkpoints_written(), 1);
    let mut machine = machine.kill();
    assert!(machine.used_checkpoint);
    assert!(machine.waiting() == bodies(0));
}

#[test]
fn seals_and_freed_segments_may_stand_between_their_pieces() {
    let mut machine = Machine::new();
    let (earlier, wanted) = (body(1, 1_000_000), body(2, 10 * 1024 * 1024));
    machine.publish(&earlier, false);
    machine.settle();
    machine.consume();
    let ids: Vec<_> = machine.delivered().into_iter().map(|(id, _)| id).collect();
    let (seals, oldest, records) =
        (machine.stats(LARGE).idle_seals, machine.oldest(LARGE), machine.stats(LARGE).records);
    // The earlier body is consumed, and its segments are freed, while the next one is written.
    ids.into_iter().for_each(|id| machine.acknowledge(id));
    machine.publish(&wanted, false);
    assert!(machine.stats(LARGE).idle_seals > seals + 1, "no seal came between the pieces");
    assert!(machine.oldest(LARGE).0 > oldest.0, "no segment was freed between the pieces");
    machine.settle();
    let pieces = wanted.len().div_ceil(128 * 1024) as u64;
    assert!(machine.stats(LARGE).records > records + pieces, "nothing but pieces was written");
    assert!(machine.delivered().into_iter().map(|(_, body)| body).eq([wanted.clone()]));
    machine.close();
    let mut machine = machine.kill();
    assert!(machine.waiting() == [wanted]);
}

#[test]
fn a_transaction_of_large_bodies_is_there_after_a_kill() {
    let mut machine = Machine::new();
    for body in &bodies(0) {
        machine.publish(body, true);
    }
    machine.publish(&body(50, 1000), true);
    machine.ask(ringmq::mail::Ask::Commit);
    machine.settle();
    let mut machine = machine.kill();
    let mut all = bodies(0);
    all.push(body(50, 1000));
    assert!(machine.waiting() == all);
    assert!(machine.writing(JOURNAL).0 < machine.writing(LARGE).0);
}

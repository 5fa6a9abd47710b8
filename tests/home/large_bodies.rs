//! Bodies in the large lane are read back whole, whatever stands between their pieces, wherever the segments end.

use ringmq::mail::Ask;

use crate::machine::{JOURNAL, LARGE, Machine, body, publish};

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
    machine.ask(Ask::Commit);
    machine.settle();
    let mut machine = machine.kill();
    let mut all = bodies(0);
    all.push(body(50, 1000));
    assert!(machine.waiting() == all);
    assert!(machine.writing(JOURNAL).0 < machine.writing(LARGE).0);
}

/// The machine dies when the large lane's last writes are not on the disk, and those of the journal lane are.
fn killed_without_bodies(work: impl Fn(&mut Machine)) -> Machine {
    let mut machine = Machine::new();
    machine.publish(&body(1, 1_000), false);
    machine.settle();
    machine.withheld = Some(LARGE);
    work(&mut machine);
    for _ in 0..20 {
        machine.turn();
    }
    machine.kill()
}

#[test]
fn a_message_whose_body_is_missing_is_dropped_and_holds_nobody_up() {
    let mut machine = killed_without_bodies(|machine| {
        machine.begin(publish(0, &body(2, 200_000), false));
    });
    assert_eq!(machine.report.unpromised, 1, "the message must be found without its body");
    machine.publish(&body(3, 1_000), false);
    let all = [body(1, 1_000), body(3, 1_000)];
    assert!(machine.waiting() == all);
    // The lane has grown over the place where the body should have been.
    machine.publish(&body(4, 500_000), false);
    machine.settle();
    let mut machine = machine.kill();
    let all = [&all[..], &[body(4, 500_000)]].concat();
    assert!(machine.waiting() == all);
    // So often that no lane remembers the epoch in which it was cut.
    for _ in 0..=journal::EPOCH_HISTORY_MAX {
        machine = machine.kill();
    }
    assert!(machine.waiting() == all);
}

#[test]
fn a_transaction_with_a_missing_body_counts_as_a_whole_or_not_at_all() {
    let mut machine = killed_without_bodies(|machine| {
        for number in 2..5 {
            machine.publish(&body(number, 1_000), true);
            machine.publish(&body(10 + number, 150_000), true);
        }
        machine.begin(Ask::Commit);
    });
    assert!(machine.waiting() == [body(1, 1_000)]);
    let mut machine = machine.kill();
    assert!(machine.waiting() == [body(1, 1_000)]);
}

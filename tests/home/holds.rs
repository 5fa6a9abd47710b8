//! Segments that an operation under way has written to are kept until what it wrote lives by itself.

use ringmq::mail::Ask;
use ringmq::store::record::TransactionId;

use crate::machine::{JOURNAL, Machine, body, publish_to};

/// With 1 KiB each they fill more than four segments.
const MESSAGES: u64 = 600;
const BYTES: usize = 1024;

fn bodies() -> Vec<Vec<u8>> {
    (0..MESSAGES).map(|number| body(number, BYTES)).collect()
}

/// The messages, in the session's open transaction.
fn staged(machine: &mut Machine) {
    bodies().iter().for_each(|body| machine.publish(body, true));
}

fn prepare(machine: &mut Machine) -> journal::Vector {
    let transaction = TransactionId { epoch: 1, core: 0, number: 77 };
    machine.ask(Ask::Prepare { transaction }).vector
}

#[test]
fn a_commit_over_many_segments_is_there_after_a_kill() {
    let mut machine = Machine::new();
    let first = machine.writing(JOURNAL);
    staged(&mut machine);
    machine.ask(Ask::Commit);
    machine.settle();
    assert!(machine.writing(JOURNAL).0 >= first.0 + 4, "the commit must be larger than a segment to prove anything");
    let mut machine = machine.kill();
    assert!(machine.waiting() == bodies());
    // The control: nothing is held for ever.
    machine.drain();
    machine.pass_segments(2);
    assert!(machine.oldest(JOURNAL).0 + 1 >= machine.writing(JOURNAL).0);
}

#[test]
fn a_long_acknowledgement_is_there_after_a_kill() {
    const COUNT: u64 = 40_000;
    let mut machine = Machine::new();
    (0..COUNT).for_each(|number| machine.publish(&number.to_le_bytes(), false));
    let before = machine.writing(JOURNAL);
    machine.drain();
    assert!(machine.writing(JOURNAL).0 > before.0 + 1, "the acknowledgement must be larger than a segment");
    let mut machine = machine.kill();
    assert_eq!(machine.waiting().len(), 0);
}

#[test]
fn a_prepared_part_is_kept_until_its_decision_and_lives_then() {
    let mut machine = Machine::new();
    staged(&mut machine);
    let vector = prepare(&mut machine);
    machine.pass_segments(4);
    machine.ask(Ask::Decide { vector });
    machine.ask(Ask::Finish);
    machine.settle();
    let mut machine = machine.kill();
    assert!(machine.waiting() == bodies());
}

#[test]
fn a_decided_part_is_finished_by_the_next_start() {
    let mut machine = Machine::new();
    staged(&mut machine);
    let vector = prepare(&mut machine);
    machine.pass_segments(2);
    machine.ask(Ask::Decide { vector });
    machine.settle();
    let mut machine = machine.kill();
    assert!(machine.waiting() == bodies());
    let mut machine = machine.kill();
    assert!(machine.waiting() == bodies());
}

/// Lets segment after segment go, kills it each time, and looks whether anything of the part comes back.
fn never_comes_back(mut machine: Machine, run: (u64, u64)) {
    let mut cut = 0;
    while machine.oldest(JOURNAL).0 <= run.1 {
        let oldest = machine.oldest(JOURNAL).0;
        cut += u32::from(oldest > run.0);
        machine = machine.kill();
        assert_eq!(machine.waiting().len(), 0, "the run lies in {run:?}, the oldest segment is {oldest}");
        machine.pass_segments(1);
    }
    assert!(cut > 0, "no kill came while a part of the run was freed");
}

/// A prepared part, and the segments of its first and its last record.
fn prepared() -> (Machine, (u64, u64)) {
    let mut machine = Machine::new();
    machine.pass_segments(1);
    staged(&mut machine);
    let first = machine.writing(JOURNAL).0;
    prepare(&mut machine);
    machine.settle();
    let last = machine.writing(JOURNAL).0;
    (machine, (first, last))
}

#[test]
fn an_abandoned_part_never_comes_back() {
    let (mut machine, run) = prepared();
    machine.ask(Ask::Abandon);
    machine.settle();
    never_comes_back(machine, run);
}

#[test]
fn a_part_that_was_never_decided_never_comes_back() {
    let (machine, run) = prepared();
    let mut machine = machine.kill();
    assert_eq!(machine.report.undecided, 1);
    machine.settle();
    let mut machine = machine.kill();
    assert_eq!(machine.report.undecided, 0, "what never counts is found out once");
    machine.settle();
    never_comes_back(machine, run);
}

#[test]
fn a_checkpoint_that_is_asked_for_during_a_commit_loses_nothing_of_it() {
    let mut machine = Machine::new();
    machine.publish(&body(1000, BYTES), false);
    staged(&mut machine);
    let commit = machine.begin(Ask::Commit);
    machine.home.want_checkpoint();
    machine.turn();
    assert!(!machine.is_answered(commit), "the checkpoint must be asked for while the commit is written");
    machine.settle();
    assert!(machine.is_answered(commit) && machine.home.checkpoints_written() == 1);
    let mut machine = machine.kill();
    assert!(machine.used_checkpoint);
    let mut all = vec![body(1000, BYTES)];
    all.extend(bodies());
    assert!(machine.waiting() == all);
}

#[test]
fn a_prepared_part_holds_back_a_checkpoint() {
    let (mut machine, _) = prepared();
    machine.home.want_checkpoint();
    machine.pass_segments(1);
    assert_eq!(machine.home.checkpoints_written(), 0);
    machine.ask(Ask::Abandon);
    machine.settle();
    assert_eq!(machine.home.checkpoints_written(), 1);
    let mut machine = machine.kill();
    assert!(machine.used_checkpoint);
    assert_eq!(machine.waiting().len(), 0);
}

#[test]
fn a_commit_waits_for_the_names_that_it_uses() {
    let mut machine = Machine::new();
    machine.publish(&body(1, BYTES), false);
    machine.settle();
    // The machine dies when the name is not on the disk, and everything else is.
    machine.withheld = Some(journal::LaneId::BINDINGS);
    machine.publish(&body(2, BYTES), true);
    machine.ask(publish_to("fresh", &body(3, BYTES), true));
    machine.begin(Ask::Commit);
    for _ in 0..20 {
        machine.turn();
    }
    let mut machine = machine.kill();
    assert!(machine.waiting() == [body(1, BYTES)]);
    // The number of the queue that never was lies behind those of later ones: still nothing of the commit counts.
    machine.ask(publish_to("later", &body(4, BYTES), false));
    machine.settle();
    let mut machine = machine.kill();
    assert!(machine.waiting() == [body(1, BYTES)]);
}

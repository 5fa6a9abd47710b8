//! What cannot be read back: the read is tried again, and then the broker stops. Nothing wrong is delivered, and nothing overtakes.

use journal::testing::{Fault, FaultKind};
use journal::{Lsn, SegmentSequence};

use crate::machine::{JOURNAL, LARGE, Machine, PLAIN, Setup, body, publish};

const MESSAGES: u64 = 6;

fn bodies() -> Vec<Vec<u8>> {
    // Two do not fit a block of one page, so that the damage of one leaves the one before it alone.
    (0..MESSAGES).map(|number| body(number, 3_000)).collect()
}

/// Messages whose blocks lie before the marks of a checkpoint, in a process that has nothing in memory; and where the blocks begin.
fn cold(setup: Setup) -> (Machine, Vec<Lsn>) {
    let mut machine = Machine::with(setup);
    let mut places = Vec::new();
    for body in bodies() {
        machine.settle();
        places.push(machine.end_of(JOURNAL));
        machine.publish(&body, false);
        machine.settle();
    }
    machine.home.want_checkpoint();
    machine.settle();
    let mut machine = machine.kill();
    assert!(machine.used_checkpoint);
    machine.settle();
    (machine, places)
}

/// What a consumer gets, and whether the home says that it must stop.
fn got(machine: &mut Machine) -> (Vec<Vec<u8>>, bool) {
    machine.open(0, -1);
    machine.wait_for_reads();
    (machine.heard_bodies(), machine.home.damaged().is_some())
}

#[test]
fn a_damaged_block_stops_the_broker_and_nothing_overtakes_it() {
    // The control: without damage everything comes.
    assert!(got(&mut cold(PLAIN).0) == (bodies(), false));
    for victim in 0..MESSAGES as usize {
        let (mut machine, places) = cold(PLAIN);
        let at = *places.get(victim).unwrap();
        machine.flip(JOURNAL, at.plus(200));
        let (came, stops) = got(&mut machine);
        assert!(stops && bodies().get(..victim) == Some(&came[..]), "victim {victim}: {} came, {stops}", came.len());
        let damaged = machine.home.damaged().unwrap();
        assert_eq!((damaged.lane, damaged.lsn, damaged.segment), (JOURNAL, at, SegmentSequence(0)));
        assert!(damaged.promised > at && damaged.problem.contains("damaged"), "{damaged:?}");
    }
}

#[test]
fn an_error_that_passes_costs_nothing() {
    let (mut machine, _) = cold(PLAIN);
    for tries in 0..3 {
        machine.disk().plan(Fault { at: tries, kind: FaultKind::Error });
    }
    assert!(got(&mut machine) == (bodies(), false));
    assert_eq!(machine.failed_reads, 3);
}

#[test]
fn an_error_that_stays_stops_the_broker() {
    let (mut machine, places) = cold(PLAIN);
    let at = *places.first().unwrap();
    machine.break_page(JOURNAL, at);
    assert!(got(&mut machine) == (Vec::new(), true));
    assert_eq!(machine.failed_reads, 4, "once, and three times again");
    let damaged = machine.home.damaged().unwrap();
    assert!(damaged.lsn == at && damaged.problem.contains("os error 5"), "{damaged:?}");
}

#[test]
fn a_damaged_piece_of_a_large_body_is_named_in_its_own_lane() {
    let mut machine = Machine::new();
    let large = body(7, 400_000);
    let at = machine.end_of(LARGE);
    machine.publish(&large, false);
    machine.settle();
    machine.home.want_checkpoint();
    machine.settle();
    let mut sound = machine.kill();
    assert!(got(&mut sound) == (vec![large], false));
    let mut machine = sound.kill();
    machine.flip(LARGE, at.plus(300_000));
    assert!(got(&mut machine) == (Vec::new(), true));
    let damaged = machine.home.damaged().unwrap();
    assert!(damaged.lane == LARGE && damaged.lsn >= at && damaged.lsn <= at.plus(300_000), "{damaged:?}");
}

#[test]
fn compaction_that_meets_damage_stops_the_broker() {
    let setup = Setup { segments_before_compaction: 2, ..PLAIN };
    let compacted = |damage: bool| {
        let (mut machine, places) = cold(setup);
        if damage {
            machine.flip(JOURNAL, places.get(2).unwrap().plus(200));
        }
        // Messages come and go in another queue of the lane.
        while machine.writing(JOURNAL).0 < 5 && machine.home.damaged().is_none() {
            for _ in 0..32 {
                machine.ask(publish(1, &[9; 1024], false));
            }
            machine.drain_queue(1);
        }
        machine.wait_for_reads();
        machine.home.damaged().map(|damaged| damaged.lsn == *places.get(2).unwrap())
    };
    assert_eq!((compacted(false), compacted(true)), (None, Some(true)));
}

#[test]
fn what_is_given_up_in_the_middle_takes_nothing_else_with_it() {
    let (mut machine, places) = cold(PLAIN);
    let at = *places.get(2).unwrap();
    machine.flip(JOURNAL, at.plus(200));
    let mut left = bodies();
    left.remove(2);
    let mut machine = machine.kill_and_accept(JOURNAL, at);
    assert!(machine.waiting() == left);
    assert!(machine.home.damaged().is_none());
    // What comes after it is as durable as ever, and nothing is asked again.
    machine.publish(&body(99, 3_000), false);
    machine.settle();
    left.push(body(99, 3_000));
    assert!(machine.kill().waiting() == left);
}

#[test]
fn a_large_body_of_which_a_piece_is_given_up_is_gone_and_others_are_not() {
    let mut machine = Machine::new();
    let bodies: Vec<Vec<u8>> = (0..4).map(|number| body(number, 300_000)).collect();
    let mut begins = Vec::new();
    for body in &bodies {
        begins.push(machine.end_of(LARGE));
        machine.publish(body, false);
        machine.settle();
    }
    let mut machine = machine.kill();
    machine.settle();
    let at = *begins.get(1).unwrap();
    machine.flip(LARGE, at.plus(200));
    let mut left = bodies.clone();
    left.remove(1);
    let mut machine = machine.kill_and_accept(LARGE, at);
    let waiting = machine.waiting();
    assert!(waiting == left, "{:?}", waiting.iter().map(Vec::len).collect::<Vec<_>>());
    // Also when the next start goes by a checkpoint, and when one does not.
    machine.home.want_checkpoint();
    machine.settle();
    let mut machine = machine.kill();
    assert!(machine.used_checkpoint && machine.waiting() == left);
    assert!(machine.kill().waiting() == left);
}

/// The acknowledgement of a large message is given up after its body's segment was freed.
#[test]
fn a_large_message_without_a_body_does_not_come_again() {
    let mut machine = Machine::new();
    let large = |number| body(number, 140_000);
    machine.publish(&large(0), false);
    machine.consume();
    let (first, _) = machine.delivered().pop().unwrap();
    let at = machine.end_of(JOURNAL);
    machine.acknowledge(first);
    machine.close();
    machine.settle();
    // The large lane goes on, until it frees where the body lay.
    let mut number = 1;
    while machine.oldest(LARGE) == SegmentSequence(0) {
        machine.publish(&large(number), false);
        machine.drain();
        number += 1;
        assert!(number < 100);
    }
    machine.publish(&large(number), false);
    machine.settle();
    machine.flip(JOURNAL, at.plus(80));
    let mut machine = machine.kill_and_accept(JOURNAL, at);
    assert!(machine.waiting() == [large(number)]);
    assert!(machine.home.damaged().is_none());
    assert!(machine.kill().waiting() == [large(number)]);
}

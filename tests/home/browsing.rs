//! Browsers of bodies that are only on the disk: each message once, in order and whole, whatever happens to the queue meanwhile.

use ringmq::limits;
use ringmq::mail::Ask;

use crate::machine::{JOURNAL, Machine, PLAIN, Setup, body, consumer_of, publish};

/// Small ones, some in each block, and large ones of several pieces.
fn bodies() -> Vec<Vec<u8>> {
    let sizes = [100, 3_000, 60, 700_000, 5_000, 128 * 1024 + 1, 1_000, 40, 90_000, 2_000];
    (0..40).zip(sizes.iter().cycle()).map(|(number, bytes)| body(number, *bytes)).collect()
}

fn filled(setup: Setup) -> Machine {
    let mut machine = Machine::with(setup);
    for body in &bodies() {
        machine.publish(body, false);
        machine.settle();
    }
    machine
}

fn seen(machine: &mut Machine) -> Vec<Vec<u8>> {
    machine.delivered().into_iter().map(|(_, body)| body).collect()
}

#[test]
fn every_body_is_read_back_for_a_browser_and_stays() {
    let mut machine = filled(PLAIN);
    for _ in 0..2 {
        machine.session = 1;
        machine.browse(0, -1);
        assert!(seen(&mut machine) == bodies());
        machine.close();
        machine = machine.kill();
    }
    machine.session = 0;
    assert!(machine.waiting() == bodies());
}

#[test]
fn browsers_and_a_consumer_go_side_by_side() {
    let mut machine = filled(PLAIN);
    for session in [1, 2] {
        machine.session = session;
        machine.browse(0, -1);
    }
    machine.session = 0;
    machine.open(0, -1);
    machine.settle();
    let mut came: [Vec<Vec<u8>>; 3] = Default::default();
    for delivery in machine.deliveries() {
        if let Some(came) = came.get_mut(delivery.session) {
            came.push(delivery.body);
        }
    }
    let [consumed, browsed @ ..] = came;
    assert!(consumed == bodies());
    // What the consumer held by then did not wait any more: some are missing, and none comes twice or out of order.
    for browsed in browsed {
        let mut all = bodies().into_iter();
        assert!(browsed.iter().all(|body| all.any(|other| other == *body)), "out of order");
    }
}

#[test]
fn what_goes_while_it_is_read_is_left_out() {
    let mut machine = filled(PLAIN);
    machine.session = 1;
    machine.browse(0, -1);
    // The browser's first read is under way.
    let purge = Ask::Purge { address: "orders".into(), queue: "orders".into(), limit: 3 };
    machine.ask(purge);
    let came = seen(&mut machine);
    assert!(Some(came.as_slice()) == bodies().get(3..), "{} came", came.len());
}

#[test]
fn compaction_moves_what_a_browser_is_about_to_see() {
    let setup = Setup { segments_before_compaction: 2, ..PLAIN };
    let mut machine = Machine::with(setup);
    let bodies = || bodies().into_iter().filter(|body| body.len() < 10_000);
    for body in bodies() {
        machine.publish(&body, false);
        machine.settle();
    }
    machine.session = 1;
    machine.browse(0, 1);
    let consumer = consumer_of(1, 0);
    let mut came = seen(&mut machine);
    let oldest = machine.oldest(JOURNAL);
    for _ in 1..bodies().count() {
        // Messages come and go in another queue of the lane.
        machine.session = 0;
        for _ in 0..256 {
            machine.ask(publish(1, &[9; 1024], false));
        }
        machine.drain_queue(1);
        machine.session = 1;
        machine.ask(Ask::Credit { consumer, bytes: 0 });
        machine.ask(Ask::Credit { consumer, bytes: 1 });
        came.extend(seen(&mut machine));
    }
    assert!(machine.oldest(JOURNAL) > oldest, "nothing was moved");
    assert!(bodies().eq(came));
}

#[test]
fn damage_that_a_browser_meets_stops_the_broker() {
    let found = |damage: bool| {
        let mut machine = Machine::with(PLAIN);
        machine.publish(&body(1, 3_000), false);
        machine.settle();
        let at = machine.end_of(JOURNAL);
        machine.publish(&body(2, 3_000), false);
        machine.settle();
        if damage {
            machine.flip(JOURNAL, at.plus(200));
        }
        machine.browse(0, -1);
        machine.wait_for_reads();
        (machine.heard_bodies().len(), machine.home.damaged().map(|damaged| damaged.lsn == at))
    };
    assert_eq!((found(false), found(true)), ((2, None), (1, Some(true))));
}

#[test]
fn one_turn_shows_so_many_messages_and_no_more() {
    let mut machine = Machine::with(Setup { hot_bytes: 1 << 20, ..PLAIN });
    let count = 2 * limits::WALK_STEPS_PER_TURN + 10;
    for number in 0..count as u64 {
        machine.publish(&body(number, 20), false);
        if number % 100 == 0 {
            machine.settle();
        }
    }
    machine.settle();
    machine.browse(0, -1);
    let mut shares = vec![machine.heard_bodies().len()];
    while machine.wants_turn() {
        machine.turn();
        shares.push(machine.heard_bodies().len());
    }
    assert!(shares.iter().all(|share| *share <= limits::WALK_STEPS_PER_TURN), "{shares:?}");
    assert_eq!(shares.iter().sum::<usize>(), count);
}

//! The rules as they are: nothing is found, in all states within small bounds and on random ways within larger ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use ha_engine::register::AckMode;
use ha_model::pair::{Bounds, Cast, Grain, Pair};
use ha_model::{Limits, Outcome, Walks, explore, walk};

const MUCH: Bounds =
    Bounds { operations: 2, crashes: 2, epochs: 4, cuts: 1, suspicions: 1, orders: 1, timeouts: 1, looks: 4, beats: 0 };

fn holds(cast: Cast) -> usize {
    let outcome = explore(&Pair::in_sync(cast).unwrap(), Limits { states_max: 1_000_000, threads: 2 }, &mut |_| ());
    if let Some(trace) = outcome.trace() {
        panic!("{} states:\n{trace}", outcome.states());
    }
    assert!(matches!(outcome, Outcome::Holds { .. }), "{outcome:?}");
    outcome.states()
}

fn walks(cast: Cast, count: u64) {
    let walked = walk(&Pair::in_sync(cast).unwrap(), Walks { seed: 1, count, steps_max: 300 });
    if let Some(trace) = walked.trace {
        panic!("{trace}");
    }
    assert!(walked.steps > count, "{}", walked.steps);
}

#[test]
fn a_handover_at_any_moment_loses_nothing() {
    let bounds = Bounds { operations: 1, epochs: 1, orders: 1, ..Bounds::default() };
    let states = holds(Cast::pair(bounds));
    assert!(states > 10_000, "{states} states: bounds that let nothing happen prove nothing");
}

#[test]
fn a_late_answer_of_the_register_loses_nothing() {
    let bounds = Bounds { operations: 1, epochs: 1, timeouts: 1, looks: 1, ..Bounds::default() };
    holds(Cast::pair(bounds));
}

#[test]
fn random_ways_lose_nothing_and_all_comes_right_in_the_end() {
    walks(Cast::pair(MUCH), 500);
}

#[test]
fn several_lanes_lose_nothing() {
    walks(Cast::pair(Bounds { operations: 4, ..MUCH }).with(|settings| settings.lanes = 2), 200);
}

#[test]
fn memory_mode_loses_nothing() {
    walks(Cast::pair(MUCH).with(|settings| settings.ack_mode = AckMode::Memory), 200);
}

#[test]
fn whatever_comes_between_a_servers_own_work_loses_nothing() {
    walks(Cast { grain: Grain::Fine, ..Cast::pair(MUCH) }, 200);
}

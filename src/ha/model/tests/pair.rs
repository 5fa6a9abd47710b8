//! The rules as they are: nothing is found, in all states within small bounds and on random ways within larger ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use ha_model::{Expect, Limits, Look, Outcome, Size, Variant, Walks};

/// Random ways through each world that is too large for more; `bench prove model` goes many more.
const WALKS: u64 = 150;
/// Bounds that let nothing happen prove nothing.
const STATES_MIN: usize = 1_000;

fn all_with(look: Look) -> impl Iterator<Item = Variant> {
    ha_model::pair::variants()
        .into_iter()
        .filter(move |variant| variant.look == look && variant.expects == Expect::Holds)
}

#[test]
fn small_worlds_hold_in_every_state() {
    for variant in all_with(Look::States) {
        let outcome = variant.run(Size::Small, Limits { states_max: 1_000_000, threads: 2 }, &mut |_| ()).unwrap();
        if let Some(trace) = outcome.trace() {
            panic!("{}, {} states:\n{trace}", variant.name, outcome.states());
        }
        println!("{}: {outcome:?}", variant.name);
        assert!(
            matches!(outcome, Outcome::Holds { states, .. } if states > STATES_MIN),
            "{}: {outcome:?}",
            variant.name
        );
    }
}

#[test]
fn random_ways_lose_nothing_and_all_comes_right_in_the_end() {
    for variant in all_with(Look::Walks) {
        let walked = variant.walk(Size::Small, Walks { seed: 1, count: WALKS, steps_max: 300 }).unwrap();
        if let Some(trace) = walked.trace {
            panic!("{}:\n{trace}", variant.name);
        }
        println!("{}: {} steps", variant.name, walked.steps);
        assert!(walked.steps > WALKS, "{}: {}", variant.name, walked.steps);
    }
}

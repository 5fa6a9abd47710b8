//! Ways on which the engine was once wrong, gone again: nothing comes of them any more, and all comes right behind the last step.
//!
//! A step is named by the beginning of its sentence. That such a way can lead to harm, the mutants with ways of their own show.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use ha_engine::register_client::PairPolicy;
use ha_model::pair::{Bounds, Cast, Pair};
use ha_model::{Expect, Size, Variant};

const MUCH: Bounds =
    Bounds { operations: 2, crashes: 3, epochs: 4, cuts: 1, suspicions: 1, orders: 1, timeouts: 1, looks: 4, beats: 0 };

fn comes_right(cast: Cast, way: &[&str]) {
    let variant = Variant::of("way", Expect::Holds, "a way", move |_| Pair::in_sync(cast.clone()));
    if let Some(trace) = variant.lead(Size::Small, way).unwrap() {
        panic!("{trace}");
    }
}

#[test]
fn a_read_from_before_a_newer_epoch_was_heard_of_is_no_restored_register() {
    comes_right(
        Cast::pair(MUCH),
        &[
            "B loses its power, and nothing else",
            "A sees that the connection is gone",
            "A: ha.state is durable",
            "B starts",
            "B: ha.state is durable",
            "register: read of B",
            "register: write over Version(2)",
            "B connects to A",
            "B: the timer Retry fires",
            "A gets Hello",
            "A hears of the register: Applied",
            "A: done: StartEpoch",
            "A: done: Flush",
            "A: ha.state is durable",
            "B gets HelloAck",
            "B gets Removed",
            "B sees that the connection is gone",
            "B hears of the register: version 2",
        ],
    );
}

#[test]
fn the_refresh_of_a_members_life_ends_with_its_removal() {
    comes_right(
        Cast::pair(MUCH),
        &[
            "A appends operation 0 to lane 0",
            "B loses its power, and nothing else",
            "A sees that the connection is gone",
            "A: ha.state is durable",
            "B starts",
            "B: ha.state is durable",
            "register: read of B",
            "register: write over Version(2)",
            "B hears of the register: version 2",
            "B connects to A",
            "A gets Hello",
            "B gets HelloAck",
            "A gets History",
            "B gets History",
            "B: done: ReadChains",
            "A gets ChainsAsked",
            "A: done: ReadChains",
            "B gets Chains",
            "B: ha.state is durable",
            "B: done: Flush",
            "A gets Ready",
            "A hears of the register: Applied",
            "A: done: StartEpoch",
            "A: done: Flush",
            "A: ha.state is durable",
        ],
    );
}

#[test]
fn two_equal_copies_with_nothing_to_pull_do_not_wait_for_it() {
    comes_right(
        Cast::pair(MUCH),
        &[
            "B loses its power, and nothing else",
            "A loses its power, and nothing else",
            "A starts",
            "A: ha.state is durable",
            "B starts",
            "B: ha.state is durable",
            "register: read of A",
            "A hears of the register: version 2",
            "A connects to B",
            "B gets Hello",
            "A gets HelloAck",
            "B gets History",
            "A gets History",
            "B gets TailAsked",
            "A gets Tail",
        ],
    );
}

#[test]
fn a_claim_that_waits_is_not_made_over_a_newer_register() {
    comes_right(
        Cast::pair(MUCH),
        &[
            "A: the timer Silence fires",
            "A: the timer StartWait fires",
            "B: the timer StartWait fires",
            "A is ordered: Stop",
            "A: done: Freeze",
            "A: done: Flush",
            "A loses its power, and nothing else; of 1 writes of ha.state 0 count",
            "B loses its power, and nothing else",
            "A starts",
            "A: ha.state is durable",
            "A waits no longer for the register",
            "A: the timer Retry fires",
            "A dials and nobody answers",
            "B starts",
            "B: ha.state is durable",
            "B: the timer Retry fires",
            "register: read of A",
            "register: read of B",
            "B hears of the register",
            "A hears of the register",
            "B connects to A",
            "A gets Hello",
            "B gets HelloAck",
            "A gets History",
            "B gets History",
        ],
    );
}

#[test]
fn a_dial_that_arrives_during_a_claim_does_not_keep_from_dialling_later() {
    comes_right(
        Cast::pair(MUCH),
        &[
            "A loses its power, and nothing else",
            "B sees that the connection is gone",
            "A starts",
            "A: ha.state is durable",
            "register: read of B",
            "B hears of the register",
            "B: ha.state is durable",
            "B: done: Flush",
            "B connects to A",
            "register: write",
            "B hears of the register: Applied",
        ],
    );
}

/// B, active, hands over and stops; the connection breaks before A hears of it: B has seen an epoch that A has not.
#[test]
fn two_passives_of_whom_one_has_seen_more_hear_each_other() {
    comes_right(
        Cast::pair(MUCH).without_register(PairPolicy::PrimaryWins),
        &[
            "A is ordered: Stop",
            "A: done: Freeze",
            "A: done: Flush",
            "A: ha.state is durable",
            "A: ha.state is durable",
            "A loses its power, and nothing else",
            "B sees that the connection is gone",
            "A starts",
        ],
    );
}

/// B has agreed that A serves, and its word is lost with the connection.
#[test]
fn who_is_not_heard_agreeing_is_asked_again() {
    comes_right(
        Cast::pair(MUCH).without_register(PairPolicy::PrimaryWins),
        &[
            "A appends operation 0 to lane 0",
            "B loses its power, and nothing else",
            "A is killed",
            "B starts",
            "B: ha.state is durable",
            "A starts",
            "A: ha.state is durable",
            "A connects to B",
            "B gets Hello",
            "A gets HelloAck",
            "B gets History",
            "A gets History",
            "the connection is cut",
            "B gets ConsentAsked",
            "B: ha.state is durable",
            "B sees that the connection is gone",
            "A sees that the connection is gone",
        ],
    );
}

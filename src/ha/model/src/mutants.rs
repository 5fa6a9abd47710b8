//! The engine without a rule, each in a world small enough to show at once what the rule is for.
//!
//! What is found is found by random walks from a fixed seed, and shortened: the trace has no step that can be left out, though another one may be
//! shorter.

use ha_engine::register::AckMode;
use ha_engine::rules::{Rule, Rules};

use crate::follow::follow;
use crate::pair::{Bounds, Cast, Pair};
use crate::walk::{Walked, Walks, walk};
use crate::world::Violation;

/// The seed of the walks.
const SEED: u64 = 1;
/// Walks until a mutant counts as not caught; most need fewer than a hundred.
const WALKS_MAX: u64 = 20_000;
/// Steps of a walk.
const STEPS_MAX: usize = 300;

/// Much of everything, with two operations.
const MUCH: Bounds =
    Bounds { operations: 2, crashes: 2, epochs: 4, cuts: 1, suspicions: 1, orders: 1, timeouts: 1, looks: 4, beats: 0 };
/// A crash, a cut and a suspicion, without orders.
const FAULTS: Bounds = Bounds { crashes: 1, epochs: 3, orders: 0, timeouts: 0, looks: 2, ..MUCH };

/// A crash and two suspicions.
const SUSPICIONS: Bounds =
    Bounds { crashes: 1, epochs: 3, cuts: 0, suspicions: 2, orders: 0, timeouts: 0, looks: 1, ..MUCH };
/// One operation, two crashes, an order.
const HANDED_OVER: Bounds =
    Bounds { operations: 1, epochs: 3, cuts: 0, suspicions: 0, orders: 1, timeouts: 0, looks: 2, ..MUCH };
/// The same with a suspicion instead.
const DIED_TWICE: Bounds = Bounds { suspicions: 1, orders: 0, ..HANDED_OVER };
/// Answers of the register that are not waited for.
const UNKNOWN: Bounds =
    Bounds { operations: 1, crashes: 1, epochs: 2, cuts: 0, suspicions: 1, orders: 0, timeouts: 2, looks: 1, beats: 0 };

/// Rules taken away together.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it is called.
    pub name: &'static str,
    /// Which rules: the smallest set that shows.
    pub without: &'static [Rule],
    /// What the servers do then.
    pub about: &'static str,
    /// When they ack.
    pub ack_mode: AckMode,
    /// What may happen.
    pub bounds: Bounds,
}

/// All that are caught.
pub const MUTANTS: &[Mutant] = &[
    mutant("sr1", &[Rule::Sr1], "they write the register whatever its version is", MUCH),
    mutant(
        "sr2",
        &[Rule::Sr2],
        "an ack does not wait for the own disk, nor for confirmations of this epoch",
        SUSPICIONS,
    ),
    mutant("sr3", &[Rule::Sr3], "the view is what is connected, not what the register says", MUCH),
    mutant("sr4", &[Rule::Sr4], "a server takes over that is not in the in-sync set", MUCH),
    mutant("sr5", &[Rule::Sr5], "a restart, or going on alone, keeps the old epoch", MUCH),
    Mutant {
        ack_mode: AckMode::Memory,
        ..mutant(
            "sr6",
            &[Rule::Sr6],
            "a takeover, or a successor, is not flushed before the register is asked",
            HANDED_OVER,
        )
    },
    mutant("sr9", &[Rule::Sr9], "a joiner is named before it has confirmed what was acked", FAULTS),
    mutant("sr11", &[Rule::Sr11], "an ack waits for either of two", FAULTS),
    Mutant {
        ack_mode: AckMode::Memory,
        ..mutant("sr13", &[Rule::Sr13], "who confirmed in memory is a member in its next life too", DIED_TWICE)
    },
    mutant("sr14", &[Rule::Sr14], "what is not promised yet is delivered", FAULTS),
    mutant("sr16", &[Rule::Sr16], "what became of a change is found out by a plain read: two serve for ever", UNKNOWN),
];

const fn mutant(name: &'static str, without: &'static [Rule], about: &'static str, bounds: Bounds) -> Mutant {
    Mutant { name, without, about, ack_mode: AckMode::Durable, bounds }
}

impl Mutant {
    /// The pair in sync, under what rules are left.
    ///
    /// # Errors
    ///
    /// It does not come to be in sync: what it did.
    pub fn root(&self) -> Result<Pair, String> {
        let rules = self.without.iter().fold(Rules::ALL, |rules, rule| rules.without(*rule));
        let ack_mode = self.ack_mode;
        Pair::in_sync(Cast::pair(self.bounds).under(rules).with(|settings| settings.ack_mode = ack_mode))
    }

    /// What random walks find.
    ///
    /// # Errors
    ///
    /// As for [`Self::root`].
    pub fn walk(&self) -> Result<Walked, String> {
        Ok(walk(&self.root()?, Walks { seed: SEED, count: WALKS_MAX, steps_max: STEPS_MAX }))
    }

    /// Takes the steps again that are told in these sentences, and gives what comes of them.
    ///
    /// # Errors
    ///
    /// As for [`Self::root`]; or a step cannot be taken, or nothing is wrong behind the last one.
    pub fn follow(&self, sentences: &[String]) -> Result<Violation, String> {
        follow(&self.root()?, sentences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_rule_is_found_out() {
        for mutant in MUTANTS {
            let walked = mutant.walk().unwrap();
            let trace = walked.trace.unwrap_or_else(|| panic!("{}: nothing in {} steps", mutant.name, walked.steps));
            println!("{}: {}, after {} steps of walks:\n{trace}", mutant.name, mutant.about, walked.steps);
            // A pair that merely takes its time is not what is looked for.
            let two = trace.violation.0.ends_with("A is ACTIVE_SOLO, B is ACTIVE_SOLO");
            assert!(two || !trace.violation.0.starts_with("it does not heal"), "{}:\n{trace}", mutant.name);
        }
    }
}

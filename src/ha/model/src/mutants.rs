//! The engine without a rule, each in a world small enough to show at once what the rule is for.
//!
//! Most are found by random walks from a fixed seed, and shortened: the trace has no step that can be left out, though another one may be
//! shorter. Two need so many steps in their order that chance would look for them too long: their ways are written down, and a test goes them with
//! all rules kept, where nothing comes of them.

use ha_engine::register::AckMode;
use ha_engine::register_client::PairPolicy;
use ha_engine::rules::{Rule, Rules};

use crate::pair::{Bounds, Cast, Judged, Pair};
use crate::variant::{Expect, Variant};

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

/// One operation, a crash, a suspicion.
const SUSPECTED: Bounds =
    Bounds { operations: 1, crashes: 1, epochs: 1, cuts: 0, suspicions: 1, orders: 0, timeouts: 0, looks: 2, beats: 0 };
/// One operation and an order.
const ORDERED: Bounds = Bounds { crashes: 0, suspicions: 0, orders: 1, ..SUSPECTED };
/// One operation, two crashes.
const CRASHES_OF_ONE: Bounds = Bounds { crashes: 2, suspicions: 0, looks: 0, ..SUSPECTED };
/// Crashes of both.
const CRASHES: Bounds = Bounds { operations: 0, crashes: 2, suspicions: 0, ..SUSPECTED };

/// B takes over and acks, dies, and cannot read the register when it comes back; A does not know yet that it is not the active any more.
const OLD_EPOCH: &[&str] = &[
    "B: the timer Silence fires",
    "register: read of B",
    "B hears of the register",
    "B: ha.state is durable",
    "B: done: Flush",
    "register: write",
    "B hears of the register: Applied",
    "B: ha.state is durable",
    "B: done: StartEpoch",
    "B: done: Flush",
    "B: done: Load",
    "B: ha.state is durable",
    "B appends operation 0",
    "B: lane 0 is durable",
    "B loses its power, and nothing else",
    "B starts",
    "B: ha.state is durable",
    "B connects to A",
    "A gets Hello",
    "B gets HelloAck",
    "B: the timer Retry fires",
    "A gets History",
    "B gets History",
    "B: done: ReadChains",
    "A gets ChainsAsked",
    "A: done: ReadChains",
    "B gets Chains",
    "B: done: Snapshot",
    "B: ha.state is durable",
    "B: done: Truncate",
];
/// B has received a block, and is killed before it is durable; what it finds when it comes back lies in a cache.
const NOT_FLUSHED: &[&str] = &[
    "A appends operation 0",
    "B gets a block",
    "B is killed",
    "B starts",
    "B: ha.state is durable",
    "B connects to A",
    "A gets Hello",
    "register: read of B",
    "B hears of the register",
    "B gets HelloAck",
    "A gets History",
    "B gets History",
    "B: done: ReadChains",
    "A gets ChainsAsked",
    "A: done: ReadChains",
    "B gets Chains",
    "B: ha.state is durable",
    "A gets Ready",
    "A: lane 0 is durable",
    "B loses its power, and the last blocks of its lanes: [1]",
];

/// Rules taken away together.
struct Mutant {
    name: &'static str,
    /// Which rules: the smallest set that shows.
    without: &'static [Rule],
    /// What the servers do then.
    about: &'static str,
    /// What may happen.
    bounds: Bounds,
    /// What else they are configured to be.
    cast: fn(Cast) -> Cast,
    /// The way to what comes of it, where it is known.
    way: Option<&'static [&'static str]>,
}

const fn mutant(name: &'static str, without: &'static [Rule], about: &'static str, bounds: Bounds) -> Mutant {
    Mutant { name, without, about, bounds, cast: |cast| cast, way: None }
}

impl Mutant {
    const fn with(self, cast: fn(Cast) -> Cast) -> Self {
        Self { cast, ..self }
    }

    const fn on(self, way: &'static [&'static str]) -> Self {
        Self { way: Some(way), ..self }
    }

    /// The pair in sync under what rules are left.
    fn variant(&'static self, rules: Rules) -> Variant {
        let root = move |_| Pair::in_sync((self.cast)(Cast::pair(self.bounds).under(rules)));
        let variant = Variant::of(self.name, Expect::Broken, self.about, root);
        match self.way {
            Some(way) => variant.led(way),
            None => variant.walked(),
        }
    }
}

fn from_memory(cast: Cast) -> Cast {
    cast.with(|settings| settings.ack_mode = AckMode::Memory)
}

/// All that are caught.
const MUTANTS: &[Mutant] = &[
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
    mutant("sr6", &[Rule::Sr6], "a takeover, or a successor, is not flushed before the register is asked", HANDED_OVER)
        .with(from_memory),
    mutant("sr7", &[Rule::Sr7], "a start does not know what was seen and asked before, and old epochs pass", SUSPECTED)
        .on(OLD_EPOCH),
    mutant("sr8", &[Rule::Sr8], "what a member keeps is confirmed as it stands", CRASHES_OF_ONE).on(NOT_FLUSHED),
    mutant("sr9", &[Rule::Sr9], "a joiner is named before it has confirmed what was acked", FAULTS),
    mutant("sr10", &[Rule::Sr10], "clients are served while the register is asked for a handover", ORDERED)
        .with(|cast| cast.with(|settings| settings.ack_mode = AckMode::Local)),
    mutant("sr11", &[Rule::Sr11], "an ack waits for either of two", FAULTS),
    mutant("sr12", &[Rule::Sr12], "epochs of one number are taken for the same", CRASHES)
        .with(|cast| Cast { judged: Judged::Split, ..cast.without_register(PairPolicy::Availability) }),
    mutant("sr13", &[Rule::Sr13], "who confirmed in memory is a member in its next life too", DIED_TWICE)
        .with(from_memory),
    mutant("sr14", &[Rule::Sr14], "what is not promised yet is delivered", FAULTS),
    mutant("sr16", &[Rule::Sr16], "what became of a change is found out by a plain read: two serve for ever", UNKNOWN),
];

/// Each of them.
pub(crate) fn variants() -> Vec<Variant> {
    let without = |mutant: &Mutant| mutant.without.iter().fold(Rules::ALL, |rules, rule| rules.without(*rule));
    MUTANTS.iter().map(|mutant| mutant.variant(without(mutant))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    #[test]
    fn each_missing_rule_is_found_out() {
        for mutant in variants() {
            let trace = mutant.find(Size::Small).unwrap().unwrap_or_else(|| panic!("{} is not caught", mutant.name));
            println!("{mutant:?}:\n{trace}");
            // A pair that merely takes its time is not what is looked for.
            let wrong = ["A is ACTIVE_SOLO, B is ACTIVE_SOLO", "QUARANTINED"];
            let wrong = wrong.iter().any(|end| trace.violation.0.ends_with(end));
            assert!(wrong || !trace.violation.0.starts_with("it does not heal"), "{}:\n{trace}", mutant.name);
        }
    }

    #[test]
    fn on_their_ways_nothing_comes_of_it_with_all_rules() {
        for mutant in MUTANTS {
            let Some(way) = mutant.way else { continue };
            // Some step cannot be taken, or nothing is wrong behind the last one.
            let found = mutant.variant(Rules::ALL).lead(Size::Small, way);
            assert!(matches!(found, Ok(None) | Err(_)), "{}: {found:?}", mutant.name);
        }
    }
}

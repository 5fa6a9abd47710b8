//! Rules of the engine and safeguards of the rooms, each taken away: a proof that cannot fail proves nothing.

use ha_engine::rules::{Rule, Rules};

use super::run::{Plan, live};
use crate::testing::Control;

/// A rule or a safeguard taken away: how many seeds must show it.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What is taken away.
    pub name: &'static str,
    /// A rule of the engine.
    pub rule: Option<Rule>,
    /// A safeguard of the rooms.
    pub control: Control,
    /// It must be caught within so many seeds.
    pub within: u64,
}

impl Mutant {
    const fn rule(name: &'static str, rule: Rule, within: u64) -> Self {
        Self { name, rule: Some(rule), control: Control::None, within }
    }

    const fn control(name: &'static str, control: Control, within: u64) -> Self {
        Self { name, rule: None, control, within }
    }

    /// What it runs.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let rules = self.rule.map_or(Rules::ALL, |rule| Rules::ALL.without(rule));
        Plan { rules, control: self.control, ..Plan::FULL }
    }
}

/// All of them, each caught in seeds that a sound pair passes in the test beside. Rules that need three members, acks from memory, or a crash within a few steps of another one are shown by the model.
pub const ALL: [Mutant; 4] = [
    Mutant::control("an answer before the flush", Control::NoFlush, 20),
    Mutant::rule("SR1: the register is written without a comparison", Rule::Sr1, 20),
    Mutant::rule("SR3: the replica is left before the register says so", Rule::Sr3, 20),
    Mutant::rule("SR4: whoever wants to activates", Rule::Sr4, 20),
];

/// The first of its seeds that shows a mutant.
#[must_use]
pub fn caught_within(mutant: &Mutant) -> Option<u64> {
    let plan = mutant.plan();
    (0..mutant.within).find(|seed| !live(*seed, &plan).findings.is_empty())
}

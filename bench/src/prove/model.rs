//! The proof of the rules of a pair: the model explored within large bounds.
//!
//! Takes a variant of `ha-model`, gives how many states it has and whether it shows what it must. Must stay true: a variant with more states
//! than it may have is not counted as held.

use std::fmt;

use ha_model::explorer::{Limits, Outcome};
use ha_model::variants::{Expect, Scale, Variant, all};
use ha_model::walk::Walks;

use super::parts;

/// Steps of one random walk.
const WALK_STEPS: usize = 400;

/// Which variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Those that must be caught.
    Control,
    /// All others.
    Proof,
}

/// Those of a kind whose name contains a text.
pub fn variants(kind: Kind, only: &str) -> impl Iterator<Item = &'static Variant> {
    let wanted = move |variant: &&Variant| (variant.expect == Expect::Caught) == (kind == Kind::Control);
    all().filter(wanted).filter(move |variant| variant.name.contains(only))
}

/// What came of variants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many.
    pub variants: u64,
    /// States seen.
    pub states: u64,
    /// Steps of random walks.
    pub walked: u64,
    /// Variants that did not show what they must.
    pub wrong: u64,
    /// Steps to the violations found.
    pub steps: u64,
}

impl Figures {
    /// Whether every variant showed what it must.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.wrong == 0
    }
}

impl parts::Figures for Figures {
    fn numbers(&self) -> Vec<u64> {
        vec![self.variants, self.states, self.walked, self.wrong, self.steps]
    }

    fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let [variants, states, walked, wrong, steps] = numbers.try_into().ok()?;
        Some(Self { variants, states, walked, wrong, steps })
    }

    fn merge(&mut self, other: &Self) {
        self.variants += other.variants;
        self.states += other.states;
        self.walked += other.walked;
        self.wrong += other.wrong;
        self.steps += other.steps;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variants, states, walked, wrong, .. } = self;
        write!(f, "{variants} variants, {states} states, {walked} steps of random walks, {wrong} wrong")
    }
}

/// Explores one variant, and then goes so many random ways through it if it must hold.
///
/// # Errors
///
/// It cannot begin.
pub fn part(variant: &Variant, states_max: usize, threads: usize, walks: u64, seed: u64) -> Result<Figures, String> {
    let mut told = |progress: ha_model::explorer::Progress| {
        eprintln!("{}: {} states, {} steps deep", variant.name, progress.states, progress.depth);
    };
    let outcome = variant.explore(Scale::Large, Limits { states_max, threads }, &mut told)?;
    println!("{}: {}", variant.name, shown(&outcome));
    let mut figures = Figures { variants: 1, states: outcome.states() as u64, ..Figures::default() };
    figures.wrong = u64::from(!variant.agrees(&outcome));
    figures.steps = outcome.trace().map_or(0, |trace| trace.steps.len() as u64);
    if variant.expect == Expect::Holds && walks > 0 && figures.agrees() {
        let walked = variant.walk(Walks { seed, count: walks, steps_max: WALK_STEPS })?;
        figures.walked = walked.steps;
        if let Some(trace) = walked.trace {
            println!("{}: a random walk:\n{trace}", variant.name);
            figures.wrong = 1;
        }
    }
    Ok(figures)
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Holds { states, depth } => format!("holds, {states} states, {depth} steps deep"),
        Outcome::TooMany { states, depth } => format!("NOT COMPLETE: more than {states} states, {depth} steps deep"),
        Outcome::Broken { states, trace } => format!("a violation, {states} states:\n{trace}"),
    }
}

//! What happened, step by step, for people to read.

use std::fmt;

use crate::world::{Violation, World};

/// The steps to a state that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// A sentence for each step.
    pub steps: Vec<String>,
    /// What came of them.
    pub violation: Violation,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:3}. {step}")?;
        }
        write!(f, "     so: {}", self.violation)
    }
}

/// The sentences of the steps that lead through states with these fingerprints, the first of which is that of `root`.
pub(crate) fn replay<W: World>(root: &W, way: &[u64]) -> Vec<String> {
    let mut state = root.clone();
    let mut told = Vec::new();
    let mut steps = Vec::new();
    for print in way.iter().skip(1) {
        steps.clear();
        state.steps(&mut steps);
        let found = steps.iter().find_map(|step| {
            let next = state.take(step);
            (next.fingerprint() == *print).then_some((step, next))
        });
        let Some((step, next)) = found else {
            // Only a world that breaks its contract comes here; what is known is better than nothing.
            told.push("a step that cannot be found again: equal states of this world have different steps".to_owned());
            break;
        };
        told.push(state.tell(step));
        state = next;
    }
    told
}

/// The state after these steps, as far as they are possible one after the other, ended at the first violation: how many were taken, and it.
pub(crate) fn play<W: World>(root: &W, way: &[W::Step]) -> Option<(usize, Violation)> {
    let mut state = root.clone();
    let mut steps = Vec::new();
    for (taken, step) in (1..).zip(way) {
        steps.clear();
        state.steps(&mut steps);
        if !steps.contains(step) {
            return None;
        }
        state = state.take(step);
        if let Err(violation) = state.judge() {
            return Some((taken, violation));
        }
    }
    None
}

/// The sentences of steps that are possible one after the other.
pub(crate) fn tell<W: World>(root: &W, way: &[W::Step]) -> Vec<String> {
    let mut state = root.clone();
    way.iter()
        .map(|step| {
            let sentence = state.tell(step);
            state = state.take(step);
            sentence
        })
        .collect()
}

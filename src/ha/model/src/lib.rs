//! The model of a pair: every order of events within bounds, played to the engine that the broker runs, not to a copy of its rules.
//!
//! A [`World`] says what can happen next and what must never be. [`explore`] looks at every state that can be reached, breadth first, so that
//! the trace it gives is a shortest one; [`walk`] goes at random through a world that is too large for that. Nothing here assumes a time: what
//! may come late comes late, and what was armed may fire at once.

mod explorer;
mod follow;
mod hash;
pub mod lanes;
mod mutants;
pub mod pair;
mod seen;
pub mod tail;
#[cfg(test)]
mod toy;
mod trace;
mod variant;
mod walk;
mod world;

pub use explorer::{Limits, Outcome, Progress, explore};
pub use trace::Trace;
pub use variant::{Expect, Look, Size, Variant};
pub use walk::{Walked, Walks, walk};
pub use world::{Violation, World};

/// Every variant of every world.
#[must_use]
pub fn variants() -> Vec<Variant> {
    [pair::variants(), mutants::variants(), lanes::variants(), tail::variants()].into_iter().flatten().collect()
}

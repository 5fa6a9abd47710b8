//! What can be explored: a state, the steps that it allows, and what must never be.

use std::fmt;
use std::hash::Hash;

use crate::hash::hash_of;

/// What must never be, and is: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A state of something with steps. Equal states have equal steps, and a step leads from a state to one other: whatever chance, order or time
/// decides is a step of its own.
pub trait World: Clone + Hash + Send + Sync {
    /// What can happen.
    type Step: Clone + PartialEq + Send;

    /// Adds everything that can happen next.
    fn steps(&self, steps: &mut Vec<Self::Step>);

    /// The state after one of [`Self::steps`].
    #[must_use]
    fn take(&self, step: &Self::Step) -> Self;

    /// One sentence that says what `step` does here.
    fn tell(&self, step: &Self::Step) -> String;

    /// Whether everything is as it must be.
    ///
    /// # Errors
    ///
    /// What is not.
    fn judge(&self) -> Result<(), Violation>;

    /// Whether all comes right from here, if nothing more goes wrong. Asked where a random walk ends.
    ///
    /// # Errors
    ///
    /// What does not.
    fn judge_end(&self) -> Result<(), Violation> {
        Ok(())
    }

    /// What stands for this state among those that were seen. Of fifty million states two have the same one with a probability below one in
    /// ten thousand; then one of them is not looked at.
    fn fingerprint(&self) -> u64 {
        hash_of(self)
    }
}

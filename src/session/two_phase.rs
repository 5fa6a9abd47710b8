//! A commit whose work lies on several cores: all prepare, one decides, all finish.

use journal::Vector;

use super::CoreSet;
use crate::mail::{Answer, Failure, Token};
use crate::message::CoreId;

/// Where the commit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Every core writes its part; none of it counts yet.
    Preparing,
    /// The decision is being written.
    Deciding,
    /// The decision has to be promised.
    Promising,
    /// The cores take the parts as done.
    Finishing,
}

/// A commit over several cores.
#[derive(Debug)]
pub struct TwoPhase {
    /// What its client waits for, if it does.
    pub token: Option<Token>,
    /// Who takes part.
    pub cores: CoreSet,
    /// Where it stands.
    pub phase: Phase,
    /// What the parts, or the decision, rely on.
    pub vector: Vector,
    /// The core that writes the decision, once one is asked.
    pub decider: Option<CoreId>,
    missing: usize,
    failure: Option<Failure>,
}

impl TwoPhase {
    /// The beginning: every core is asked to prepare.
    pub fn new(token: Option<Token>, cores: CoreSet) -> Self {
        let (phase, vector) = (Phase::Preparing, Vector::new());
        Self { token, cores, phase, vector, decider: None, missing: cores.len(), failure: None }
    }

    /// An answer of the current phase. True: it was the last.
    pub fn answered(&mut self, answer: Answer) -> bool {
        self.missing = self.missing.saturating_sub(1);
        self.vector.merge(&answer.vector);
        if let Err(failure) = answer.reply {
            self.failure.get_or_insert(failure);
        }
        self.missing == 0
    }

    /// Goes on to a phase that waits for this many answers.
    pub fn enter(&mut self, phase: Phase, answers: usize) {
        self.phase = phase;
        self.missing = answers;
    }

    /// Why it cannot be decided, if a part failed.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }
}

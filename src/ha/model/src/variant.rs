//! A world under a name: with all rules, or without one, and what must come of it.

use std::sync::Arc;

use crate::explorer::{Limits, Outcome, Progress, explore};
use crate::follow::follow;
use crate::world::{Violation, World};

/// What must come of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// All rules are kept: no state is as it must not be.
    Holds,
    /// A rule is missing, or is as it was before a hole in it was closed: that is found.
    Broken,
    /// Something that the rules do not promise: the trace shows where that begins.
    Limit,
}

/// How much may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Enough to catch every variant that must be, and quick: for tests.
    Small,
    /// As much as minutes allow.
    Large,
}

/// Has a world of this size explored.
type Run = dyn Fn(Size, Limits, &mut dyn FnMut(Progress)) -> Result<Outcome, String> + Send + Sync;

/// Has the steps of these sentences taken again.
type Follow = dyn Fn(Size, &[String]) -> Result<Violation, String> + Send + Sync;

/// A world under a name.
pub struct Variant {
    /// Its name, in lower case with hyphens.
    pub name: &'static str,
    /// What must come of it.
    pub expects: Expect,
    /// What is different in it, in one line.
    pub about: &'static str,
    run: Box<Run>,
    follow: Box<Follow>,
}

impl Variant {
    /// One whose first state `root` makes, for bounds of either size.
    #[must_use]
    pub fn new<W: World + 'static>(
        name: &'static str,
        expects: Expect,
        about: &'static str,
        root: impl Fn(Size) -> W + Send + Sync + 'static,
    ) -> Self {
        Self::of(name, expects, about, move |size| Ok(root(size)))
    }

    /// One whose first state may not come about, which is a mistake of the world.
    #[must_use]
    pub fn of<W: World + 'static>(
        name: &'static str,
        expects: Expect,
        about: &'static str,
        root: impl Fn(Size) -> Result<W, String> + Send + Sync + 'static,
    ) -> Self {
        let root = Arc::new(root);
        let again = Arc::clone(&root);
        let run = move |size, limits, told: &mut dyn FnMut(Progress)| Ok(explore(&root(size)?, limits, told));
        let follow = move |size, sentences: &[String]| follow(&again(size)?, sentences);
        Self { name, expects, about, run: Box::new(run), follow: Box::new(follow) }
    }

    /// Looks at every state within the bounds.
    ///
    /// # Errors
    ///
    /// The first state did not come about.
    pub fn run(&self, size: Size, limits: Limits, told: &mut dyn FnMut(Progress)) -> Result<Outcome, String> {
        (self.run)(size, limits, told)
    }

    /// Takes the steps again that are told in these sentences, and gives what comes of them.
    ///
    /// # Errors
    ///
    /// A step cannot be taken, or nothing is wrong behind the last one.
    pub fn follow(&self, size: Size, sentences: &[String]) -> Result<Violation, String> {
        (self.follow)(size, sentences)
    }

    /// Whether this came of it.
    #[must_use]
    pub const fn is_expected(&self, outcome: &Outcome) -> bool {
        match self.expects {
            Expect::Holds => matches!(outcome, Outcome::Holds { .. }),
            Expect::Broken | Expect::Limit => outcome.trace().is_some(),
        }
    }
}

impl std::fmt::Debug for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:?}): {}", self.name, self.expects, self.about)
    }
}

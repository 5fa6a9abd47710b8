//! A world under a name: with all rules, or without one, and what must come of it.

use std::sync::Arc;

use crate::explorer::{Limits, Outcome, Progress, explore};
use crate::follow::{follow, lead};
use crate::trace::Trace;
use crate::walk::{Walked, Walks, walk};
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

/// What must be found is found within these, or is not: far more than any of them needs.
const FINDS: Limits = Limits { states_max: 20_000_000, threads: 2 };
/// Likewise, on walks.
const FINDS_ON: Walks = Walks { seed: 1, count: 20_000, steps_max: 300 };

/// How a variant is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// At every state that can be reached.
    States,
    /// On random ways: it is too large for more.
    Walks,
    /// On one way, by the beginnings of the sentences of its steps: what chance would hardly find.
    Way(&'static [&'static str]),
}

/// Has a world of this size explored.
type Run = dyn Fn(Size, Limits, &mut dyn FnMut(Progress)) -> Result<Outcome, String> + Send + Sync;

/// Has random ways through a world of this size gone.
type Walk = dyn Fn(Size, Walks) -> Result<Walked, String> + Send + Sync;

/// Has steps taken by the beginnings of their sentences.
type Lead = dyn Fn(Size, &[&str]) -> Result<Option<Trace>, String> + Send + Sync;

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
    /// How it is looked at.
    pub look: Look,
    run: Box<Run>,
    walk: Box<Walk>,
    lead: Box<Lead>,
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
        let (again, through, along) = (Arc::clone(&root), Arc::clone(&root), Arc::clone(&root));
        Self {
            name,
            expects,
            about,
            look: Look::States,
            run: Box::new(move |size, limits, told: &mut dyn FnMut(Progress)| Ok(explore(&root(size)?, limits, told))),
            walk: Box::new(move |size, walks| Ok(walk(&through(size)?, walks))),
            lead: Box::new(move |size, beginnings: &[&str]| lead(&along(size)?, beginnings)),
            follow: Box::new(move |size, sentences: &[String]| follow(&again(size)?, sentences)),
        }
    }

    /// The same, looked at on random ways.
    #[must_use]
    pub fn walked(self) -> Self {
        Self { look: Look::Walks, ..self }
    }

    /// The same, looked at on that way.
    #[must_use]
    pub fn led(self, way: &'static [&'static str]) -> Self {
        Self { look: Look::Way(way), ..self }
    }

    /// Looks at every state within the bounds.
    ///
    /// # Errors
    ///
    /// The first state did not come about.
    pub fn run(&self, size: Size, limits: Limits, told: &mut dyn FnMut(Progress)) -> Result<Outcome, String> {
        (self.run)(size, limits, told)
    }

    /// Goes so many random ways.
    ///
    /// # Errors
    ///
    /// The first state did not come about.
    pub fn walk(&self, size: Size, walks: Walks) -> Result<Walked, String> {
        (self.walk)(size, walks)
    }

    /// Takes, again and again, the first step whose sentence begins so, until something is wrong; nothing if all comes right behind the last one.
    ///
    /// # Errors
    ///
    /// The first state did not come about, or a step cannot be taken.
    pub fn lead(&self, size: Size, beginnings: &[&str]) -> Result<Option<Trace>, String> {
        (self.lead)(size, beginnings)
    }

    /// Looks for what must be found, as it says; nothing if that is not found.
    ///
    /// # Errors
    ///
    /// The first state did not come about, or a step of its way cannot be taken.
    pub fn find(&self, size: Size) -> Result<Option<Trace>, String> {
        match self.look {
            Look::States => Ok(self.run(size, FINDS, &mut |_| ())?.trace().cloned()),
            Look::Walks => Ok(self.walk(size, FINDS_ON)?.trace),
            Look::Way(way) => self.lead(size, way),
        }
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

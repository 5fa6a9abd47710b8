//! Every state that can be reached, breadth first.
//!
//! Takes a first state, gives how many there are, or the shortest way to one that must never be. The outcome is the same for any number of
//! threads: they work out what comes next, one adds it to what was seen, in order.

use crate::seen::Seen;
use crate::trace::{Trace, replay};
use crate::world::{Violation, World};

/// States whose steps are worked out before they are added to those seen: enough to keep threads busy, few enough not to weigh.
const BATCH: usize = 8 * 1024;

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// So many states are looked at.
    pub states_max: usize,
    /// Threads that work out what comes next.
    pub threads: usize,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// States seen.
    pub states: usize,
    /// Steps to the last of them.
    pub depth: usize,
    /// Of them, those at this depth.
    pub width: usize,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every state was seen, and all are as they must be.
    Holds {
        /// How many there are.
        states: usize,
        /// Steps to the farthest one.
        depth: usize,
    },
    /// There are more states than were to be looked at; those seen are as they must be.
    TooMany {
        /// States seen.
        states: usize,
        /// All states so many steps away were seen.
        depth: usize,
    },
    /// One is not.
    Broken {
        /// States seen until then.
        states: usize,
        /// A shortest way to it.
        trace: Trace,
    },
}

impl Outcome {
    /// States seen.
    #[must_use]
    pub const fn states(&self) -> usize {
        match self {
            Self::Holds { states, .. } | Self::TooMany { states, .. } | Self::Broken { states, .. } => *states,
        }
    }

    /// The trace to a violation, if there is one.
    #[must_use]
    pub const fn trace(&self) -> Option<&Trace> {
        match self {
            Self::Broken { trace, .. } => Some(trace),
            Self::Holds { .. } | Self::TooMany { .. } => None,
        }
    }
}

/// A state that was reached.
struct Reached<W> {
    parent: u32,
    print: u64,
    world: W,
    violation: Option<Violation>,
}

/// Looks at every state that can be reached from `root`, nearest first; `told` hears how far it has come after each depth.
pub fn explore<W: World>(root: &W, limits: Limits, told: &mut dyn FnMut(Progress)) -> Outcome {
    let mut seen = Seen::default();
    let mut level: Vec<(u32, W)> =
        seen.insert(root.fingerprint(), None).map(|first| (first, root.clone())).into_iter().collect();
    if let Err(violation) = root.judge() {
        return Outcome::Broken { states: 1, trace: Trace { steps: Vec::new(), violation } };
    }
    let mut depth = 0;
    loop {
        let mut following = Vec::new();
        // A level is given up batch by batch, so that two whole ones need no memory at a time.
        let mut rest = level.into_iter();
        loop {
            let batch: Vec<_> = rest.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            for reached in expand(&batch, &seen, limits.threads) {
                let Some(number) = seen.insert(reached.print, Some(reached.parent)) else { continue };
                if let Some(violation) = reached.violation {
                    let steps = replay(root, &seen.way_to(number));
                    return Outcome::Broken { states: seen.len(), trace: Trace { steps, violation } };
                }
                if seen.len() >= limits.states_max {
                    return Outcome::TooMany { states: seen.len(), depth };
                }
                following.push((number, reached.world));
            }
        }
        if following.is_empty() {
            return Outcome::Holds { states: seen.len(), depth };
        }
        level = following;
        depth += 1;
        told(Progress { states: seen.len(), depth, width: level.len() });
    }
}

/// What comes next of each state of a batch, in order, without what was seen before.
fn expand<W: World>(batch: &[(u32, W)], seen: &Seen, threads: usize) -> Vec<Reached<W>> {
    if threads <= 1 {
        return expand_part(batch, seen);
    }
    std::thread::scope(|scope| {
        let parts = batch.chunks(batch.len().div_ceil(threads).max(1));
        let workers: Vec<_> = parts.map(|part| scope.spawn(|| expand_part(part, seen))).collect();
        let joined =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause)));
        joined.flatten().collect()
    })
}

fn expand_part<W: World>(part: &[(u32, W)], seen: &Seen) -> Vec<Reached<W>> {
    let (mut all, mut steps) = (Vec::new(), Vec::new());
    for (parent, state) in part {
        steps.clear();
        state.steps(&mut steps);
        for step in &steps {
            let world = state.take(step);
            let print = world.fingerprint();
            if !seen.contains(print) {
                let violation = world.judge().err();
                all.push(Reached { parent: *parent, print, world, violation });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Counter;

    fn limits(threads: usize) -> Limits {
        Limits { states_max: 100_000, threads }
    }

    #[test]
    fn every_state_is_seen_once() {
        let mut depths = Vec::new();
        let outcome = explore(&Counter::sound(3), limits(1), &mut |progress| depths.push(progress));
        // Each of three may have added or not; a state is which ones have: eight.
        assert_eq!(outcome, Outcome::Holds { states: 8, depth: 3 });
        assert_eq!(depths.iter().map(|progress| progress.width).collect::<Vec<_>>(), [3, 3, 1]);
    }

    #[test]
    fn the_shortest_way_to_a_planted_bug_is_found() {
        let outcome = explore(&Counter::with_lost_update(3), limits(1), &mut |_| ());
        let trace = outcome.trace().unwrap();
        assert_eq!(trace.steps, ["0 reads 0", "1 reads 0", "0 writes 1", "1 writes 1"]);
        assert_eq!(trace.violation.0, "2 have added 1, and the counter shows 1");
        assert!(trace.to_string().starts_with("  1. 0 reads 0\n"), "{trace}");
    }

    #[test]
    fn threads_change_nothing() {
        for world in [Counter::sound(9), Counter::with_lost_update(6)] {
            assert_eq!(explore(&world, limits(1), &mut |_| ()), explore(&world, limits(3), &mut |_| ()));
        }
    }

    #[test]
    fn too_many_states_are_told() {
        let limits = Limits { states_max: 5, threads: 1 };
        assert_eq!(explore(&Counter::sound(3), limits, &mut |_| ()), Outcome::TooMany { states: 5, depth: 1 });
    }
}

//! Random ways through a world, for bounds that are too large to see every state.
//!
//! A seed decides every choice. A way that ends where it must not is shortened: steps that it does not need are left out.

use crate::trace::{Trace, play, tell};
use crate::world::World;

/// Which ways to go.
#[derive(Clone, Copy, Debug)]
pub struct Walks {
    /// Decides every choice.
    pub seed: u64,
    /// How many ways.
    pub count: u64,
    /// Steps of each, unless it comes to an end before.
    pub steps_max: usize,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Steps taken, over all ways.
    pub steps: u64,
    /// The first way to a state that must never be; few of its steps could be left out, so it is short, though there may be a shorter one.
    pub trace: Option<Trace>,
}

/// Goes so many random ways from `root`, until one comes to a state that must never be.
pub fn walk<W: World>(root: &W, walks: Walks) -> Walked {
    let mut random = Random(walks.seed);
    let (mut taken, mut steps) = (0, Vec::new());
    for _ in 0..walks.count {
        let (mut state, mut way) = (root.clone(), Vec::new());
        for _ in 0..walks.steps_max {
            steps.clear();
            state.steps(&mut steps);
            let Some(step) = random.choose(&steps) else { break };
            state = state.take(step);
            way.push(step.clone());
            taken += 1;
            if state.judge().is_err() {
                return Walked { steps: taken, trace: shorten(root, way) };
            }
        }
        if let Err(violation) = state.judge_end() {
            return Walked { steps: taken, trace: Some(Trace { steps: tell(root, &way), violation }) };
        }
    }
    Walked { steps: taken, trace: None }
}

/// Leaves out every step, or run of steps, without which there is a violation still.
fn shorten<W: World>(root: &W, mut way: Vec<W::Step>) -> Option<Trace> {
    let mut violation = play(root, &way)?.1;
    let mut run = way.len() / 2;
    while run > 0 {
        let (mut at, before) = (0, way.len());
        while at < way.len() {
            let shorter: Vec<W::Step> = way.iter().take(at).chain(way.iter().skip(at + run)).cloned().collect();
            if let Some((taken, found)) = play(root, &shorter) {
                way = shorter;
                way.truncate(taken);
                violation = found;
            } else {
                at += run;
            }
        }
        // One pass over single steps may make others superfluous.
        if run > 1 || way.len() == before {
            run /= 2;
        }
    }
    Some(Trace { steps: tell(root, &way), violation })
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn choose<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(from.len()).ok().filter(|count| *count > 0)?;
        from.get(usize::try_from(self.next() % count).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Counter;

    const WALKS: Walks = Walks { seed: 7, count: 100, steps_max: 50 };

    #[test]
    fn a_planted_bug_is_found_and_its_way_is_shortened() {
        let walked = walk(&Counter::with_lost_update(12), WALKS);
        let trace = walked.trace.unwrap();
        assert_eq!(trace.steps.len(), 4, "{trace}");
        assert_eq!(trace.violation.0, "2 have added 1, and the counter shows 1");
    }

    #[test]
    fn a_sound_world_is_walked_to_its_end() {
        let walked = walk(&Counter::sound(12), WALKS);
        assert_eq!(walked, Walked { steps: 1_200, trace: None });
    }

    #[test]
    fn a_seed_decides_everything() {
        let world = Counter::with_lost_update(12);
        let other = Walks { seed: 8, ..WALKS };
        assert_eq!(walk(&world, WALKS), walk(&world, WALKS));
        assert_ne!(walk(&world, WALKS), walk(&world, other));
    }
}

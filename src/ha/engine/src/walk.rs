//! For the tests of this crate: walks through every order of steps of something small, breadth first, so that what it finds is a shortest way.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Something with steps.
pub(crate) trait World: Clone + Hash {
    /// Every step that is possible now: its sentence, and the world after it.
    fn steps(&self) -> Vec<(String, Self)>;
    /// What must never be.
    fn wrong(&self) -> Option<String>;
}

/// What a walk came to.
#[derive(Debug)]
pub(crate) struct Walked {
    /// Different states.
    pub(crate) states: usize,
    /// The sentences of a shortest way to something wrong, and what it is.
    pub(crate) wrong: Option<(Vec<String>, String)>,
}

/// Walks until something is wrong or everything was seen. States are remembered as 64 bits.
pub(crate) fn walk<W: World>(start: W, states_max: usize) -> Walked {
    let mut seen = HashSet::from([fingerprint(&start)]);
    let mut ways: Vec<(usize, String)> = vec![(0, String::new())];
    let mut level = vec![(0, start)];
    while !level.is_empty() {
        let mut next = Vec::new();
        for (at, world) in level {
            if let Some(wrong) = world.wrong() {
                return Walked { states: seen.len(), wrong: Some((way(&ways, at), wrong)) };
            }
            for (sentence, world) in world.steps() {
                if seen.insert(fingerprint(&world)) {
                    ways.push((at, sentence));
                    next.push((ways.len() - 1, world));
                }
            }
            assert!(seen.len() <= states_max, "more than {states_max} states");
        }
        level = next;
    }
    Walked { states: seen.len(), wrong: None }
}

fn way(ways: &[(usize, String)], mut at: usize) -> Vec<String> {
    let mut sentences = Vec::new();
    while at != 0 {
        sentences.push(ways[at].1.clone());
        at = ways[at].0;
    }
    sentences.reverse();
    sentences
}

fn fingerprint(world: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

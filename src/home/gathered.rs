//! What a start has found for one queue: messages by their id, while records tell of them and take them away again.
//!
//! Records tell of messages nearly in the order of their ids, and of hundreds of thousands, so they stand in one list in that order and are
//! found by halving it; what comes out of order stands beside it. A table of hashes would be as right, and several times as slow.

use hashbrown::HashMap;

use crate::message::MessageId;

/// A list with fewer than this that are taken is left as it is.
const TAKEN_MIN: usize = 1024;

/// Messages by id; each id once.
#[derive(Debug)]
pub(super) struct Gathered<M> {
    /// Ascending ids; nothing in the place of what was taken.
    ordered: Vec<(MessageId, Option<M>)>,
    /// How many of those are taken.
    taken: usize,
    /// Those that came with a lower id than the last one of the list.
    strays: HashMap<MessageId, M>,
}

impl<M> Default for Gathered<M> {
    fn default() -> Self {
        Self { ordered: Vec::new(), taken: 0, strays: HashMap::new() }
    }
}

impl<M> Gathered<M> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ordered.len() - self.taken + self.strays.len()
    }

    /// Adds a message. If it is there already, `merge` decides what becomes of the one that is there.
    pub(super) fn add(&mut self, id: MessageId, message: M, merge: impl FnOnce(&mut M, M)) {
        if self.ordered.last().is_none_or(|(last, _)| *last < id) {
            self.ordered.push((id, Some(message)));
            return;
        }
        match self.ordered.binary_search_by_key(&id, |(id, _)| *id).ok().and_then(|at| self.ordered.get_mut(at)) {
            Some((_, Some(known))) => merge(known, message),
            Some((_, place)) => {
                *place = Some(message);
                self.taken -= 1;
            }
            None => match self.strays.get_mut(&id) {
                Some(known) => merge(known, message),
                None => {
                    self.strays.insert(id, message);
                }
            },
        }
    }

    /// Takes a message away, if it is there.
    pub(super) fn take(&mut self, id: MessageId) -> Option<M> {
        let found = self.ordered.binary_search_by_key(&id, |(id, _)| *id).ok();
        let Some((_, place)) = found.and_then(|at| self.ordered.get_mut(at)) else { return self.strays.remove(&id) };
        let message = place.take()?;
        self.taken += 1;
        if self.taken >= TAKEN_MIN.max(self.ordered.len() / 2) {
            self.ordered.retain(|(_, message)| message.is_some());
            self.taken = 0;
        }
        Some(message)
    }

    /// All of them, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MessageId, &M)> {
        let ordered = self.ordered.iter().filter_map(|(id, message)| Some((*id, message.as_ref()?)));
        ordered.chain(self.strays.iter().map(|(id, message)| (*id, message)))
    }

    /// Keeps those that `keep` wants.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(MessageId, &M) -> bool) {
        self.ordered.retain(|(id, message)| message.as_ref().is_some_and(|message| keep(*id, message)));
        self.taken = 0;
        self.strays.retain(|id, message| keep(*id, message));
    }

    /// All of them, by id.
    pub(super) fn into_ordered(self) -> impl Iterator<Item = M> {
        let mut all = self.ordered;
        if !self.strays.is_empty() {
            all.extend(self.strays.into_iter().map(|(id, message)| (id, Some(message))));
            all.sort_unstable_by_key(|(id, _)| *id);
        }
        all.into_iter().filter_map(|(_, message)| message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds and takes by a table and by this, in an order that a generator of random numbers chooses.
    #[test]
    fn it_does_what_a_table_does() {
        for seed in 1..=40_u64 {
            let (mut gathered, mut table) = (Gathered::default(), HashMap::new());
            let mut state = seed;
            let mut next = |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            for step in 0..6_000_u64 {
                // Mostly ahead, sometimes behind, sometimes again.
                let id = MessageId(if next(8) == 0 { next(step + 1) } else { step });
                if next(5) < 3 {
                    gathered.add(id, step, |known, new| *known = (*known).max(new));
                    table.entry(id).and_modify(|known: &mut u64| *known = (*known).max(step)).or_insert(step);
                } else {
                    let id = MessageId(next(step + 1));
                    assert_eq!(gathered.take(id), table.remove(&id), "seed {seed}, step {step}");
                }
                assert_eq!(gathered.len(), table.len(), "seed {seed}, step {step}");
            }
            gathered.retain(|id, _| id.0 % 3 != 0);
            table.retain(|id, _| id.0 % 3 != 0);
            let mut expected: Vec<_> = table.iter().map(|(id, message)| (*id, *message)).collect();
            expected.sort_unstable();
            let mut found: Vec<_> = gathered.iter().map(|(id, message)| (id, *message)).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "seed {seed}");
            let ordered: Vec<_> = gathered.into_ordered().collect();
            assert_eq!(ordered, expected.iter().map(|(_, message)| *message).collect::<Vec<_>>(), "seed {seed}");
        }
    }
}

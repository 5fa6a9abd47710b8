//! Consumers of one queue: the highest priority first, and in turn among equals.

use crate::message::ConsumerKey;

/// The consumers of a queue in the order in which they are asked.
#[derive(Debug, Default)]
pub struct RoundRobin {
    /// Sorted by priority, highest first.
    members: Vec<(i32, ConsumerKey)>,
    /// Where the search among all goes on.
    next: usize,
}

impl RoundRobin {
    /// A new consumer.
    pub fn add(&mut self, consumer: ConsumerKey, priority: i32) {
        let at = self.members.partition_point(|(other, _)| *other >= priority);
        self.members.insert(at, (priority, consumer));
    }

    /// A consumer is gone.
    pub fn remove(&mut self, consumer: ConsumerKey) {
        self.members.retain(|(_, other)| *other != consumer);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = ConsumerKey> {
        self.members.iter().map(|(_, consumer)| *consumer)
    }

    /// The next consumer for which `ready` holds; it goes behind its equals.
    pub fn pick(&mut self, mut ready: impl FnMut(ConsumerKey) -> bool) -> Option<ConsumerKey> {
        let mut from = 0;
        while let Some((priority, _)) = self.members.get(from) {
            let same = self.members.iter().skip(from).take_while(|(other, _)| other == priority).count();
            for step in 0..same {
                let at = from + (self.next + step) % same;
                let Some((_, consumer)) = self.members.get(at) else { continue };
                if ready(*consumer) {
                    self.next = at - from + 1;
                    return Some(*consumer);
                }
            }
            from += same;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    #[test]
    fn equals_take_turns_behind_higher_priorities() {
        let mut keys: SlotMap<ConsumerKey, ()> = SlotMap::with_key();
        let [low, a, b] = [keys.insert(()), keys.insert(()), keys.insert(())];
        let mut members = RoundRobin::default();
        members.add(low, 0);
        members.add(a, 5);
        members.add(b, 5);
        let picked: Vec<_> = (0..4).filter_map(|_| members.pick(|_| true)).collect();
        assert_eq!(picked, [a, b, a, b]);
        assert_eq!(members.pick(|consumer| consumer == low), Some(low));
        members.remove(a);
        assert_eq!(members.pick(|_| true), Some(b));
        assert_eq!(members.pick(|_| false), None);
    }
}

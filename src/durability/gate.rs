//! Who waits for which position of which lane.

use std::collections::{BTreeMap, VecDeque};

use journal::{LaneId, Lsn};

/// Waiters of type `W`, each at one position of one lane. A waiter whose vector has several positions waits for them one after
/// the other.
#[derive(Debug)]
pub struct Gate<W> {
    lanes: BTreeMap<LaneId, VecDeque<(Lsn, W)>>,
}

impl<W> Default for Gate<W> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new() }
    }
}

impl<W> Gate<W> {
    /// Waits for a position.
    pub fn wait(&mut self, lane: LaneId, lsn: Lsn, waiter: W) {
        let queue = self.lanes.entry(lane).or_default();
        // Positions mostly come in order; one that waits for an older fact is put where it belongs.
        match queue.back() {
            Some((last, _)) if *last > lsn => {
                let at = queue.partition_point(|(other, _)| *other <= lsn);
                queue.insert(at, (lsn, waiter));
            }
            _ => queue.push_back((lsn, waiter)),
        }
    }

    /// The next waiter whose position is reached, oldest first.
    pub fn pass(&mut self, lane: LaneId, promised: Lsn) -> Option<W> {
        let queue = self.lanes.get_mut(&lane)?;
        if queue.front().is_some_and(|(lsn, _)| *lsn <= promised) {
            queue.pop_front().map(|(_, waiter)| waiter)
        } else {
            None
        }
    }

    /// The lanes for which somebody waits.
    pub fn lanes(&self) -> impl Iterator<Item = LaneId> {
        self.lanes.iter().filter(|(_, queue)| !queue.is_empty()).map(|(lane, _)| *lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiters_pass_in_the_order_of_their_positions_and_never_early() {
        let (lane, other) = (LaneId::JOURNAL, LaneId::BINDINGS);
        let mut gate = Gate::default();
        gate.wait(lane, Lsn(10), "a");
        gate.wait(lane, Lsn(30), "c");
        gate.wait(lane, Lsn(20), "b");
        gate.wait(lane, Lsn(20), "b2");
        gate.wait(other, Lsn(1), "o");
        assert_eq!(gate.pass(lane, Lsn(9)), None);
        let mut passed = Vec::new();
        while let Some(waiter) = gate.pass(lane, Lsn(29)) {
            passed.push(waiter);
        }
        assert_eq!(passed, ["a", "b", "b2"]);
        assert_eq!(gate.pass(lane, Lsn(30)), Some("c"));
        assert_eq!(gate.lanes().collect::<Vec<_>>(), [other]);
    }
}

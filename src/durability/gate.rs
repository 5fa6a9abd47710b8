//! Who waits for which position of which lane.

use std::collections::VecDeque;

use journal::{LaneId, Lsn};

use super::Promises;

/// Waiters of type `W`, each at one position of one lane. A waiter whose vector has several positions waits for them one after
/// the other.
#[derive(Debug)]
pub struct Gate<W> {
    /// A queue for each lane that was ever waited for; there are few.
    lanes: Vec<(LaneId, VecDeque<(Lsn, W)>)>,
}

impl<W> Default for Gate<W> {
    fn default() -> Self {
        Self { lanes: Vec::new() }
    }
}

impl<W> Gate<W> {
    /// Waits for a position.
    pub fn wait(&mut self, lane: LaneId, lsn: Lsn, waiter: W) {
        let Some((_, queue)) = self.lanes.iter_mut().find(|(of, _)| *of == lane) else {
            return self.lanes.push((lane, VecDeque::from([(lsn, waiter)])));
        };
        // Positions mostly come in order; one that waits for an older fact is put where it belongs.
        match queue.back() {
            Some((last, _)) if *last > lsn => {
                let at = queue.partition_point(|(other, _)| *other <= lsn);
                queue.insert(at, (lsn, waiter));
            }
            _ => queue.push_back((lsn, waiter)),
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(|(_, queue)| queue.len()).sum()
    }

    /// Does nobody wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next waiter whose position is reached: lane by lane, the oldest of each first.
    pub fn pass(&mut self, promises: &Promises) -> Option<W> {
        self.lanes.iter_mut().find_map(|(lane, queue)| {
            let (lsn, _) = queue.front()?;
            if *lsn > promises.of(*lane) {
                return None;
            }
            queue.pop_front().map(|(_, waiter)| waiter)
        })
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
        let mut promises = Promises::default();
        let mut passed = |gate: &mut Gate<_>, lsn| {
            promises.note(lane, Lsn(lsn));
            std::iter::from_fn(|| gate.pass(&promises)).collect::<Vec<_>>()
        };
        assert_eq!(passed(&mut gate, 9), [""; 0]);
        assert_eq!(passed(&mut gate, 29), ["a", "b", "b2"]);
        assert_eq!(passed(&mut gate, 30), ["c"]);
        promises.note(other, Lsn(1));
        assert_eq!(gate.pass(&promises), Some("o"));
        assert_eq!(gate.pass(&promises), None);
    }
}

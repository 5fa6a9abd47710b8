//! Who waits for which position of which lane.

use std::collections::VecDeque;

use journal::{LaneId, Lsn};

use super::Promises;

/// Waiters of type `W`, each at one position of one lane. A waiter whose vector has several positions waits for them one after
/// the other.
#[derive(Debug)]
pub struct Gate<W> {
    /// One for each lane that was ever waited for; there are few.
    lanes: Vec<LaneGate<W>>,
    /// Nobody passes while [`Promises::changes`] is this number.
    exhausted: Option<u64>,
}

#[derive(Debug)]
struct LaneGate<W> {
    lane: LaneId,
    waiters: VecDeque<(Lsn, W)>,
    /// Whoever waited up to here has passed.
    passed: Lsn,
}

impl<W> Default for Gate<W> {
    fn default() -> Self {
        Self { lanes: Vec::new(), exhausted: None }
    }
}

impl<W> Gate<W> {
    /// Waits for a position.
    pub fn wait(&mut self, lane: LaneId, lsn: Lsn, waiter: W) {
        let Some(gate) = self.lanes.iter_mut().find(|gate| gate.lane == lane) else {
            self.exhausted = None;
            return self.lanes.push(LaneGate { lane, waiters: VecDeque::from([(lsn, waiter)]), passed: Lsn::ZERO });
        };
        if lsn <= gate.passed {
            self.exhausted = None;
        }
        // Positions mostly come in order; one that waits for an older fact is put where it belongs.
        match gate.waiters.back() {
            Some((last, _)) if *last > lsn => {
                let at = gate.waiters.partition_point(|(other, _)| *other <= lsn);
                gate.waiters.insert(at, (lsn, waiter));
            }
            _ => gate.waiters.push_back((lsn, waiter)),
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(|gate| gate.waiters.len()).sum()
    }

    /// Does nobody wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets all waiters pass whose positions are reached: lane by lane, the oldest of each first.
    #[inline]
    pub fn pass(&mut self, promises: &Promises, each: impl FnMut(W)) {
        if self.exhausted != Some(promises.changes()) {
            self.exhausted = Some(promises.changes());
            self.look(promises, each);
        }
    }

    #[inline(never)]
    fn look(&mut self, promises: &Promises, mut each: impl FnMut(W)) {
        for gate in &mut self.lanes {
            gate.passed = promises.of(gate.lane);
            while gate.waiters.front().is_some_and(|(lsn, _)| *lsn <= gate.passed) {
                if let Some((_, waiter)) = gate.waiters.pop_front() {
                    each(waiter);
                }
            }
        }
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
            all(gate, &promises)
        };
        assert_eq!(passed(&mut gate, 9), [""; 0]);
        assert_eq!(passed(&mut gate, 29), ["a", "b", "b2"]);
        assert_eq!(passed(&mut gate, 30), ["c"]);
        promises.note(other, Lsn(1));
        assert_eq!(all(&mut gate, &promises), ["o"]);
        assert_eq!(all(&mut gate, &promises), [""; 0]);
        gate.wait(other, Lsn(1), "late");
        gate.wait(other, Lsn(2), "early");
        assert_eq!(all(&mut gate, &promises), ["late"], "although nothing was promised since");
    }

    fn all<'a>(gate: &mut Gate<&'a str>, promises: &Promises) -> Vec<&'a str> {
        let mut passed = Vec::new();
        gate.pass(promises, |waiter| passed.push(waiter));
        passed
    }
}

//! What the blocks of this lane rely on in other lanes (SR17), and how far a promise may go because of it.
//!
//! **Why a record with a new dependency begins a new block.** Promises are made by whole blocks. Were such a record put into the block that is
//! filling, two lanes could wait for each other for ever:
//!
//! 1. r0 goes into block A of lane j00, which keeps filling.
//! 2. r1 goes into block B of lane j01 and relies on r0, so B waits for A.
//! 3. r2 relies on r1 and goes into A as well, so A waits for B. Both are durable and neither is ever promised.
//!
//! Here a block's dependencies are complete when its first record is appended: step 3 closes A and begins A'. A block then relies only on
//! blocks that were begun before it was, so no circle can form (begun-before is an order, along every chain of messages between lanes).

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::ids::{LaneId, Lsn};
use crate::vector::Vector;

/// The blocks of one lane that wait for other lanes. Public, so that a model of several lanes runs this very rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dependencies {
    /// Begin of the block, and what it waits for. Ordered by position; nothing in here is known to be covered when it is put in.
    waits: VecDeque<(Lsn, Vector)>,
    /// Everything that `waits` names together: a record that relies on no more than this adds nothing, because promises go in order.
    together: Vector,
    /// What other lanes have promised, as far as this lane was told.
    others: SmallVec<[(LaneId, Lsn); 8]>,
}

impl Dependencies {
    /// What is left to wait for of `depends`, beyond what earlier blocks of this lane wait for anyway. Empty in nearly all cases.
    #[must_use]
    pub fn fresh(&self, own: LaneId, depends: &Vector) -> Vector {
        let mut fresh = depends.clone();
        fresh.forget_covered(|lane| {
            let waited = self.together.get(lane).unwrap_or(Lsn::ZERO);
            if lane == own { Lsn(u64::MAX) } else { self.promised(lane).max(waited) }
        });
        fresh
    }

    /// The block that begins at `block` waits for `fresh`.
    pub fn wait(&mut self, block: Lsn, fresh: Vector) {
        debug_assert!(!fresh.is_empty());
        self.together.merge(&fresh);
        match self.waits.back_mut() {
            Some((at, waits)) if *at == block => waits.merge(&fresh),
            _ => self.waits.push_back((block, fresh)),
        }
    }

    /// Another lane has promised more.
    pub fn note(&mut self, lane: LaneId, lsn: Lsn) {
        match self.others.iter_mut().find(|(name, _)| *name == lane) {
            Some((_, known)) => *known = lsn.max(*known),
            None => self.others.push((lane, lsn)),
        }
    }

    /// Does a block wait for another lane?
    #[must_use]
    pub fn is_anything_waiting(&self) -> bool {
        !self.waits.is_empty()
    }

    /// How far a promise may go when everything up to `durable` is durable.
    pub fn limit(&mut self, durable: Lsn) -> Lsn {
        while let Some((block, waits)) = self.waits.front() {
            if *block >= durable {
                return durable;
            }
            if !waits.covered_by(|lane| self.promised(lane)) {
                return *block;
            }
            self.waits.pop_front();
        }
        self.together.clear();
        durable
    }

    fn promised(&self, lane: LaneId) -> Lsn {
        self.others.iter().find(|(name, _)| *name == lane).map_or(Lsn::ZERO, |(_, lsn)| *lsn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_stops_before_the_first_block_that_waits() {
        let (own, other) = (LaneId::JOURNAL, LaneId::BINDINGS);
        let mut dependencies = Dependencies::default();
        dependencies.wait(Lsn(4096), Vector::of(other, Lsn(100)));
        dependencies.wait(Lsn(12288), Vector::of(other, Lsn(200)));
        assert_eq!(dependencies.limit(Lsn(4096)), Lsn(4096));
        assert_eq!(dependencies.limit(Lsn(20480)), Lsn(4096));
        assert!(dependencies.fresh(own, &Vector::of(other, Lsn(150))).is_empty(), "an earlier block waits for more");
        assert!(!dependencies.fresh(own, &Vector::of(other, Lsn(201))).is_empty());
        assert!(dependencies.fresh(own, &Vector::of(own, Lsn(1 << 40))).is_empty(), "the own lane is in order anyway");
        dependencies.note(other, Lsn(100));
        assert_eq!(dependencies.limit(Lsn(20480)), Lsn(12288));
        dependencies.note(other, Lsn(8192));
        assert_eq!(dependencies.limit(Lsn(20480)), Lsn(20480));
        assert!(dependencies.fresh(own, &Vector::of(other, Lsn(8192))).is_empty());
    }
}

//! The dependency vector: which positions of which lanes an operation waits for.
//!
//! One type carries it through the journal and the durability gate. It holds at most one position per lane, the highest.

use smallvec::SmallVec;

use crate::ids::{LaneId, Lsn};

/// Lane to position. Up to two lanes need no heap: what one message waits for are its own lane and, while its queue is new, the bindings lane.
/// Room for more would be copied along with every answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vector {
    /// Sorted by lane, one entry per lane.
    entries: SmallVec<[(LaneId, Lsn); 2]>,
}

impl Vector {
    /// Depends on nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Depends on one position.
    #[must_use]
    pub fn of(lane: LaneId, lsn: Lsn) -> Self {
        let mut vector = Self::new();
        vector.raise(lane, lsn);
        vector
    }

    /// Whether it depends on nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many lanes it names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The position for this lane, if it names one.
    #[must_use]
    pub fn get(&self, lane: LaneId) -> Option<Lsn> {
        self.entries.iter().find(|(name, _)| *name == lane).map(|(_, lsn)| *lsn)
    }

    /// Adds a position; a higher one that is already there stays.
    pub fn raise(&mut self, lane: LaneId, lsn: Lsn) {
        if self.entries.last().is_none_or(|(last, _)| *last < lane) {
            return self.entries.push((lane, lsn));
        }
        match self.entries.binary_search_by_key(&lane, |(name, _)| *name) {
            Ok(at) => {
                if let Some((_, known)) = self.entries.get_mut(at) {
                    *known = lsn.max(*known);
                }
            }
            Err(at) => self.entries.insert(at, (lane, lsn)),
        }
    }

    /// Adds all positions of another vector.
    pub fn merge(&mut self, other: &Self) {
        for (lane, lsn) in other.iter() {
            self.raise(lane, lsn);
        }
    }

    /// Whether every lane has promised what this vector names.
    #[must_use]
    pub fn covered_by(&self, mut promised: impl FnMut(LaneId) -> Lsn) -> bool {
        self.entries.iter().all(|&(lane, lsn)| promised(lane) >= lsn)
    }

    /// Drops what is promised already.
    pub fn forget_covered(&mut self, mut promised: impl FnMut(LaneId) -> Lsn) {
        self.entries.retain(|entry| promised(entry.0) < entry.1);
    }

    /// Drops everything; keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The entries, sorted by lane.
    pub fn iter(&self) -> impl Iterator<Item = (LaneId, Lsn)> + '_ {
        self.entries.iter().copied()
    }
}

impl FromIterator<(LaneId, Lsn)> for Vector {
    fn from_iter<I: IntoIterator<Item = (LaneId, Lsn)>>(entries: I) -> Self {
        let mut vector = Self::new();
        for (lane, lsn) in entries {
            vector.raise(lane, lsn);
        }
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_the_highest_position_of_each_lane() {
        let (b, j) = (LaneId::BINDINGS, LaneId::JOURNAL);
        let mut vector: Vector = [(j, Lsn(10)), (b, Lsn(5)), (j, Lsn(7))].into_iter().collect();
        vector.merge(&Vector::of(b, Lsn(6)));
        assert_eq!(vector.iter().collect::<Vec<_>>(), [(b, Lsn(6)), (j, Lsn(10))]);
        assert!(!vector.covered_by(|lane| if lane == b { Lsn(6) } else { Lsn(9) }));
        assert!(vector.covered_by(|_| Lsn(10)));
        vector.forget_covered(|lane| if lane == b { Lsn(6) } else { Lsn(9) });
        assert_eq!(vector.iter().collect::<Vec<_>>(), [(j, Lsn(10))]);
        assert!(Vector::new().covered_by(|_| Lsn(0)));
    }
}

//! Where two copies part, and which of them continues the other.

use crate::history::History;
use crate::ids::Epoch;
use crate::vector::Vector;

/// The last epoch that two copies share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Which one.
    pub epoch: Epoch,
    /// Its place in the one history.
    pub mine: usize,
    /// Its place in the other.
    pub theirs: usize,
    /// How far they may be equal on each lane: where the epoch ends on the side that has less of it. That they are, only the chains there tell.
    pub cut: Vector,
}

/// How one copy stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Both end at the same positions of the same epoch.
    Equal,
    /// The other continues this one.
    Ancestor,
    /// This one continues the other.
    Descendant,
    /// Both end in the same epoch, so one writer made all of it; each has more than the other on some lane, and that is right.
    Interleaved,
    /// Each has something behind the common point that the other has not.
    Diverged,
    /// No epoch in common, though both reach back to their first one: two stores.
    Unrelated,
    /// No epoch in common within what both still know.
    Forgotten,
    /// One epoch begins at two places: one of them is damaged.
    Conflict,
}

impl Relation {
    /// What the other side sees.
    #[must_use]
    pub const fn swapped(self) -> Self {
        match self {
            Self::Ancestor => Self::Descendant,
            Self::Descendant => Self::Ancestor,
            same => same,
        }
    }
}

impl History {
    /// The last epoch, equal in both numbers, that both have.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<Common> {
        let (mine, theirs) = (0..self.entries.len()).rev().find_map(|mine| {
            let epoch = self.entries.get(mine)?.epoch;
            Some((mine, other.entries.iter().rposition(|entry| entry.epoch == epoch)?))
        })?;
        let epoch = self.entries.get(mine)?.epoch;
        Some(Common { epoch, mine, theirs, cut: self.end_of(mine).lower(&other.end_of(theirs)) })
    }

    /// Whether the epochs before a common one are the same and begin at the same places, as far as both know them.
    fn agrees(&self, other: &Self, common: &Common) -> bool {
        (0..=common.mine.min(common.theirs)).all(|back| {
            let (Some(mine), Some(theirs)) =
                (self.entries.get(common.mine - back), other.entries.get(common.theirs - back))
            else {
                return true;
            };
            let lanes = mine.starts.len().max(theirs.starts.len());
            mine.epoch == theirs.epoch
                && (0..lanes).all(|lane| match (mine.start(lane), theirs.start(lane)) {
                    (Some(mine), Some(theirs)) => mine == theirs,
                    _ => true,
                })
        })
    }

    /// How this copy stands to `other`.
    #[must_use]
    pub fn relation(&self, other: &Self) -> Relation {
        match (self.is_empty(), other.is_empty()) {
            (true, true) => return Relation::Equal,
            (true, false) => return Relation::Ancestor,
            (false, true) => return Relation::Descendant,
            (false, false) => {}
        }
        let Some(common) = self.common(other) else {
            return if self.is_whole() && other.is_whole() { Relation::Unrelated } else { Relation::Forgotten };
        };
        if !self.agrees(other, &common) {
            return Relation::Conflict;
        }
        let (mine, theirs) = (self.end(), other.end());
        match (common.cut.covers(&mine), common.cut.covers(&theirs)) {
            (true, true) => Relation::Equal,
            (true, false) => Relation::Ancestor,
            (false, true) => Relation::Descendant,
            (false, false) if common.mine + 1 == self.entries.len() && common.theirs + 1 == other.entries.len() => {
                Relation::Interleaved
            }
            (false, false) => Relation::Diverged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::*;

    const ZERO: [Option<u64>; 2] = [Some(0), Some(0)];

    fn relation(mine: &History, theirs: &History) -> Relation {
        let relation = mine.relation(theirs);
        assert_eq!(theirs.relation(mine), relation.swapped(), "seen from the other side");
        relation
    }

    #[test]
    fn copies_of_one_epoch() {
        let of = |end: [u64; 2]| history(&[(1, &ZERO)], &end);
        assert_eq!(relation(&of([10, 10]), &of([10, 10])), Relation::Equal);
        assert_eq!(relation(&of([10, 10]), &of([10, 20])), Relation::Ancestor);
        assert_eq!(relation(&of([10, 20]), &of([20, 10])), Relation::Interleaved);
        assert_eq!(relation(&History::empty(2), &of([10, 10])), Relation::Ancestor);
        assert_eq!(relation(&History::empty(2), &History::empty(2)), Relation::Equal);
    }

    #[test]
    fn a_number_alone_does_not_make_epochs_equal() {
        let mine = history(&[(1, &ZERO), (2, &[Some(10), Some(10)])], &[50, 50]);
        let theirs = history(&[(1, &ZERO), (1002, &[Some(20), Some(5)])], &[30, 30]);
        let common = mine.common(&theirs).unwrap();
        assert_eq!((common.epoch, common.cut.clone()), (epoch(1), Vector::from_iter([10, 5])));
        assert_eq!(relation(&mine, &theirs), Relation::Diverged);
        // The control: compared by numbers, epoch 2 would be common.
        assert_eq!(mine.last().unwrap().epoch.number, theirs.last().unwrap().epoch.number);
    }

    #[test]
    fn a_copy_that_ends_before_the_next_epoch_is_continued() {
        let old = history(&[(1, &ZERO)], &[10, 10]);
        let new = history(&[(1, &ZERO), (2, &[Some(10), Some(15)])], &[20, 20]);
        assert_eq!(relation(&old, &new), Relation::Ancestor);
        let longer = history(&[(1, &ZERO)], &[12, 10]);
        assert_eq!(relation(&longer, &new), Relation::Diverged, "two pages too many on the first lane");
    }

    #[test]
    fn copies_without_a_common_epoch() {
        let mine = history(&[(1, &ZERO)], &[10, 10]);
        let theirs = history(&[(1001, &ZERO)], &[10, 10]);
        assert!(!theirs.is_whole(), "the helper gives the first reason to number 1 only");
        assert_eq!(relation(&mine, &theirs), Relation::Forgotten);
        let mut first = History::empty(2);
        first.push(crate::history::Entry { epoch: epoch(2001), ..entry(1, &ZERO) });
        first.set_end([place(10), place(10)]);
        assert_eq!(relation(&mine, &first), Relation::Unrelated);
    }

    #[test]
    fn an_epoch_that_begins_at_two_places_is_damage() {
        let mine = history(&[(1, &ZERO), (2, &[Some(10), Some(10)])], &[20, 20]);
        let theirs = history(&[(1, &ZERO), (2, &[Some(10), Some(12)])], &[20, 20]);
        assert_eq!(relation(&mine, &theirs), Relation::Conflict);
        let missing = history(&[(1, &ZERO), (2, &[Some(10), None])], &[20, 10]);
        assert_eq!(relation(&missing, &mine), Relation::Ancestor, "a start that a crash left out is none");
        let between = history(&[(1, &ZERO), (7, &[Some(5), Some(5)]), (2, &[Some(10), Some(10)])], &[20, 20]);
        assert_eq!(relation(&mine, &between), Relation::Conflict);
    }
}

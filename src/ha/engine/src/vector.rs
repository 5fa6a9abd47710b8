//! One position for each lane of a store.

use smallvec::SmallVec;

use crate::ids::Lsn;

/// One position for each lane, in the order of the lanes' numbers. Both members of a pair have the same lanes, which is checked when they
/// meet; vectors of different lengths are compared as if the shorter one went on with zeroes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vector(pub SmallVec<[Lsn; 4]>);

impl Vector {
    /// The beginning of `lanes` lanes.
    #[must_use]
    pub fn zero(lanes: usize) -> Self {
        Self(SmallVec::from_elem(Lsn::default(), lanes))
    }

    /// The position of the `lane`th lane; zero beyond the last one.
    #[must_use]
    pub fn at(&self, lane: usize) -> Lsn {
        self.0.get(lane).copied().unwrap_or_default()
    }

    /// Sets the position of the `lane`th lane.
    pub fn set(&mut self, lane: usize, lsn: Lsn) {
        if lane >= self.0.len() {
            self.0.resize(lane + 1, Lsn::default());
        }
        if let Some(place) = self.0.get_mut(lane) {
            *place = lsn;
        }
    }

    /// Whether no lane of `other` is beyond this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        (0..self.0.len().max(other.0.len())).all(|lane| self.at(lane) >= other.at(lane))
    }

    /// For each lane the lower one.
    #[must_use]
    pub fn lower(&self, other: &Self) -> Self {
        self.merge(other, Ord::min)
    }

    /// For each lane the higher one.
    #[must_use]
    pub fn higher(&self, other: &Self) -> Self {
        self.merge(other, Ord::max)
    }

    fn merge(&self, other: &Self, choose: impl Fn(Lsn, Lsn) -> Lsn) -> Self {
        Self((0..self.0.len().max(other.0.len())).map(|lane| choose(self.at(lane), other.at(lane))).collect())
    }
}

impl FromIterator<u64> for Vector {
    fn from_iter<I: IntoIterator<Item = u64>>(lanes: I) -> Self {
        Self(lanes.into_iter().map(Lsn).collect())
    }
}

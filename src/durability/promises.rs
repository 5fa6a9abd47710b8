//! What each lane has promised, as far as this core knows.

use std::collections::BTreeMap;

use journal::{LaneId, Lsn, Vector};

/// A position for each lane; never goes back.
#[derive(Debug, Default)]
pub struct Promises {
    lanes: BTreeMap<LaneId, Lsn>,
}

impl Promises {
    /// The lane is promised up to here. False if that is no news.
    pub fn note(&mut self, lane: LaneId, lsn: Lsn) -> bool {
        let known = self.lanes.entry(lane).or_default();
        if *known >= lsn {
            return false;
        }
        *known = lsn;
        true
    }

    /// How far the lane is promised; the beginning if nothing is known of it.
    pub fn of(&self, lane: LaneId) -> Lsn {
        self.lanes.get(&lane).copied().unwrap_or_default()
    }

    /// Is all of this promised?
    pub fn cover(&self, vector: &Vector) -> bool {
        vector.covered_by(|lane| self.of(lane))
    }

    /// The first position of the vector that is not promised.
    pub fn first_missing(&self, vector: &Vector) -> Option<(LaneId, Lsn)> {
        vector.iter().find(|(lane, lsn)| self.of(*lane) < *lsn)
    }
}

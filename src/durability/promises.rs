//! What each lane has promised, as far as this core knows.

use journal::{LaneId, Lsn, Vector};

/// Lanes that are looked at one after the other.
const FEW: usize = 8;

/// A position for each lane; never goes back.
#[derive(Debug, Default)]
pub struct Promises {
    /// Sorted by lane.
    lanes: Vec<(LaneId, Lsn)>,
    changes: u64,
}

impl Promises {
    /// The lane is promised up to here. False if that is no news.
    pub fn note(&mut self, lane: LaneId, lsn: Lsn) -> bool {
        match self.find(lane) {
            Ok(at) => match self.lanes.get_mut(at) {
                Some((_, known)) if *known < lsn => *known = lsn,
                _ => return false,
            },
            Err(_) if lsn == Lsn::ZERO => return false,
            Err(at) => self.lanes.insert(at, (lane, lsn)),
        }
        self.changes += 1;
        true
    }

    /// How often there was news: as long as this is the same number, nothing more is promised.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How far the lane is promised; the beginning if nothing is known of it.
    pub fn of(&self, lane: LaneId) -> Lsn {
        self.find(lane).ok().and_then(|at| self.lanes.get(at)).map_or(Lsn::ZERO, |(_, lsn)| *lsn)
    }

    /// Is all of this promised?
    pub fn cover(&self, vector: &Vector) -> bool {
        vector.covered_by(|lane| self.of(lane))
    }

    /// The first position of the vector that is not promised.
    #[inline]
    pub fn first_missing(&self, vector: &Vector) -> Option<(LaneId, Lsn)> {
        vector.iter().find(|(lane, lsn)| self.of(*lane) < *lsn)
    }

    fn find(&self, lane: LaneId) -> Result<usize, usize> {
        // A core has few lanes as a rule, and asks for each message: then looking at one after the other is quicker.
        if self.lanes.len() <= FEW
            && let Some(at) = self.lanes.iter().position(|(of, _)| *of == lane)
        {
            return Ok(at);
        }
        self.lanes.binary_search_by_key(&lane, |(of, _)| *of)
    }
}

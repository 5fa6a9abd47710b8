//! Segments in which nothing lives are given back, oldest first.

use journal::{FreeError, LaneId, LaneKind};
use smallvec::SmallVec;

/// Lanes that are being compacted.
#[derive(Debug, Default)]
pub(super) struct Compactions {}

impl<B: journal::BlockBuffer> super::Home<B> {
    /// Frees the oldest segment of each lane while nothing in it lives.
    pub(super) fn reclaim(&mut self) {
        let lanes: SmallVec<[LaneId; 8]> = self.lanes.iter().map(|lane| lane.id).collect();
        for lane in lanes.into_iter().filter(|lane| lane.kind() != LaneKind::Bindings) {
            while self.free_oldest(lane) {}
        }
    }

    fn free_oldest(&mut self, id: LaneId) -> bool {
        let current = self.lanes.current_segment(id);
        let Some(lane) = self.lanes.get_mut(id) else { return false };
        let Some(dead) = lane.lives.oldest_dead(current) else { return false };
        match lane.lane.free_segment(dead) {
            Ok(_) => {
                lane.lives.drop_oldest();
                true
            }
            // Tried again at a later turn: its end is not promised yet, or the lane is full.
            Err(FreeError::InUse | FreeError::NotOldest | FreeError::Append(_)) => false,
        }
    }
}

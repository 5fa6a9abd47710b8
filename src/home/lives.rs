//! How many living things each segment of a lane holds, oldest segment first.
//!
//! Segments are freed in the order of the lane, so that whatever settles a record is freed with it or after it.

use std::collections::VecDeque;

use journal::SegmentSequence;

/// Counts of one lane.
#[derive(Debug, Default)]
pub(super) struct Lives {
    first: u64,
    counts: VecDeque<u32>,
    live_bytes: u64,
}

impl Lives {
    /// Counts for a lane whose oldest kept segment is this.
    pub(super) fn starting_at(first: SegmentSequence) -> Self {
        Self { first: first.0, counts: VecDeque::new(), live_bytes: 0 }
    }

    /// Something of this size in this segment lives. What lies before the oldest segment is gone and counts nothing.
    pub(super) fn add(&mut self, segment: SegmentSequence, bytes: u32) {
        self.live_bytes += u64::from(bytes);
        let Some(at) = segment.0.checked_sub(self.first) else { return };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        while self.counts.len() <= at {
            self.counts.push_back(0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
    }

    /// Something of this size in this segment lives no more.
    pub(super) fn release(&mut self, segment: SegmentSequence, bytes: u32) {
        self.live_bytes = self.live_bytes.saturating_sub(u64::from(bytes));
        let at = segment.0.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(count) = at.and_then(|at| self.counts.get_mut(at)) {
            debug_assert!(*count > 0, "released more often than added");
            *count = count.saturating_sub(1);
        }
    }

    /// The oldest segment, if it lies before `current` and nothing in it lives.
    pub(super) fn oldest_dead(&self, current: SegmentSequence) -> Option<SegmentSequence> {
        let dead = self.counts.front().is_none_or(|count| *count == 0);
        (dead && self.first < current.0).then_some(SegmentSequence(self.first))
    }

    /// The oldest segment was given up.
    pub(super) fn drop_oldest(&mut self) {
        self.counts.pop_front();
        self.first += 1;
    }

    /// The oldest kept segment.
    pub(super) fn first(&self) -> SegmentSequence {
        SegmentSequence(self.first)
    }

    /// Living things in the oldest segment.
    pub(super) fn oldest_count(&self) -> u32 {
        self.counts.front().copied().unwrap_or(0)
    }

    /// Bytes of everything that lives.
    pub(super) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_oldest_dead_segment_can_go() {
        let mut lives = Lives::starting_at(SegmentSequence(5));
        lives.add(SegmentSequence(5), 10);
        lives.add(SegmentSequence(7), 10);
        lives.add(SegmentSequence(2), 10);
        assert_eq!(lives.oldest_dead(SegmentSequence(8)), None);
        lives.release(SegmentSequence(5), 10);
        assert_eq!(lives.oldest_dead(SegmentSequence(5)), None, "it is being written");
        assert_eq!(lives.oldest_dead(SegmentSequence(8)), Some(SegmentSequence(5)));
        lives.drop_oldest();
        assert_eq!(lives.oldest_dead(SegmentSequence(8)), Some(SegmentSequence(6)));
        lives.drop_oldest();
        assert_eq!((lives.oldest_dead(SegmentSequence(8)), lives.oldest_count()), (None, 1));
    }
}

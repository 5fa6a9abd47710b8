//! A body that cannot be read back: the read is tried again, and then the broker stops.
//!
//! Takes what a read brought instead of the wanted block. A start that goes by an index checkpoint has not looked at the blocks before its
//! marks, so this is where damage there shows. What must stay true: what is not the wanted block is never delivered, nothing overtakes
//! the message, and no queue stands still in silence. A read, unlike a write, may be tried again: nothing was promised by it, and what it
//! brings is checked.

use journal::{LaneId, Lsn, SegmentSequence};

use super::super::Home;
use super::Reading;
use super::reads::{Wanted, Wish};
use crate::limits;
use crate::mail::Deliver;
use crate::queue::Entry;

/// A place in a lane that was promised and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The lane.
    pub lane: LaneId,
    /// Where the block begins.
    pub lsn: Lsn,
    /// The segment in which it lies.
    pub segment: SegmentSequence,
    /// What the lane has promised.
    pub promised: Lsn,
    /// What the last read brought.
    pub problem: String,
}

impl<B: journal::BlockBuffer> Home<B> {
    /// Why the broker must step down, if something that it has promised cannot be read.
    pub fn damaged(&self) -> Option<&Damaged> {
        self.reads.damaged.as_ref()
    }

    /// A read did not bring the wanted message. If that lies elsewhere by now, or is gone, it is no wonder.
    pub(super) fn not_read(&mut self, reading: &Reading, problem: String, deliver: &mut impl Deliver) {
        if self.is_there(reading) {
            return self.try_again(reading, problem);
        }
        match reading.moving {
            Some(lane) => self.read_moved(lane, None),
            None => {
                match reading.walker.map(|walker| walker.consumer) {
                    Some(consumer) => self.walk_of(consumer).into_iter().for_each(|walk| walk.reading = false),
                    None => self.names.queue_mut(reading.queue).into_iter().for_each(|queue| queue.reading = false),
                }
                self.dispatch(reading.queue, deliver);
            }
        }
    }

    /// Must the wanted message be where it was looked for?
    fn is_there(&self, reading: &Reading) -> bool {
        let there = |entry: &Entry| entry.id == reading.id && entry.location == reading.location;
        match reading.moving {
            // Compaction also looks at what is not promised yet, and so perhaps not written.
            Some(lane) => {
                let promised = self.lanes.get(lane).map_or(Lsn::ZERO, |lane| lane.lane.promised());
                reading.collecting.lsn < promised && self.first_to_move(lane).is_some_and(there)
            }
            None => self
                .wanted(reading.queue, reading.walker)
                .is_some_and(|(id, location)| (id, location) == (reading.id, reading.location)),
        }
    }

    fn try_again(&mut self, reading: &Reading, problem: String) {
        let (lane, lsn, failures) = (reading.collecting.lane, reading.collecting.lsn, reading.failures + 1);
        let Some(home_lane) = self.lanes.get(lane) else { return };
        if failures > limits::COLD_RETRY_NANOS.len() {
            let ((segment, _), promised) = (home_lane.lane.segment_of(lsn), home_lane.lane.promised());
            self.reads.damaged.get_or_insert(Damaged { lane, lsn, segment, promised, problem });
            return;
        }
        crate::event!(JN208, %lane, lsn = lsn.0, failures, "a stored message is read again: {problem}");
        let body = match reading.moving {
            Some(lane) => match self.first_to_move(lane).cloned() {
                Some(entry) => Wanted::Move { queue: reading.queue, entry, lane },
                None => return,
            },
            None => match reading.walker {
                Some(walker) => Wanted::Walk { queue: reading.queue, walker },
                None => Wanted::Next(reading.queue),
            },
        };
        self.reads.wish_again(Wish { body, failures });
    }
}

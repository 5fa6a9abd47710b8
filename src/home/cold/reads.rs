//! Which reads are under way, and which have to wait: for room for another body, or for their next try.

use std::collections::VecDeque;

use hashbrown::HashMap;
use journal::{LaneId, Now, SegmentSequence};

use super::failure::Damaged;
use super::{Reading, Walker};
use crate::limits;
use crate::message::QueueKey;
use crate::queue::Entry;

/// A read that the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColdRead {
    /// Names the read.
    pub token: u64,
    /// From which lane.
    pub lane: LaneId,
    /// From which of its segments.
    pub segment: SegmentSequence,
    /// Where in the segment's file.
    pub offset: u64,
    /// How many bytes.
    pub len: usize,
}

/// A body that somebody wants.
#[derive(Debug)]
pub(super) struct Wish {
    /// Which.
    pub(super) body: Wanted,
    /// Reads of it that brought something else.
    pub(super) failures: usize,
}

/// Which body is wanted.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// That of whichever message is a queue's next.
    Next(QueueKey),
    /// That of the message that a consumer has come to on its way through a queue.
    Walk { queue: QueueKey, walker: Walker },
    /// That of a message that is to be written again in its lane.
    Move { queue: QueueKey, entry: Entry, lane: LaneId },
}

/// The reads of one home. At most one of a queue, one of a consumer on its way, and one of a lane's compaction.
#[derive(Debug, Default)]
pub(in crate::home) struct Reads {
    /// By their tokens.
    active: HashMap<u64, Reading>,
    /// Not yet given to the driver.
    asked: VecDeque<ColdRead>,
    /// Not begun.
    wishes: VecDeque<Wish>,
    /// Read in vain and to be read again, from when on: as soon as a turn has said what time it is.
    again: Vec<(Option<Now>, Wish)>,
    next_token: u64,
    /// Bodies on their way, and their bytes.
    bodies: usize,
    bytes: usize,
    /// What cannot be read, however often.
    pub(super) damaged: Option<Damaged>,
}

impl Reads {
    /// Somebody wants a body.
    pub(super) fn wish(&mut self, wish: Wish) {
        self.wishes.push_back(wish);
    }

    /// A wish is tried again after a while.
    pub(super) fn wish_again(&mut self, wish: Wish) {
        self.again.push((None, wish));
    }

    /// Is there a wish that is to be tried again?
    pub(super) fn tries_again(&self) -> bool {
        !self.again.is_empty()
    }

    /// It is this late now: wishes whose time has come are wishes again. Gives when the next one's time comes.
    pub(super) fn pass(&mut self, now: Now) -> Option<Now> {
        for at in (0..self.again.len()).rev() {
            let Some((due, wish)) = self.again.get_mut(at) else { continue };
            let wait = limits::COLD_RETRY_NANOS.get(wish.failures.saturating_sub(1)).copied().unwrap_or(0);
            if *due.get_or_insert(now.plus_nanos(wait)) <= now {
                let (_, wish) = self.again.swap_remove(at);
                self.wishes.push_back(wish);
            }
        }
        self.again.iter().filter_map(|(due, _)| *due).min()
    }

    /// The oldest wish.
    pub(super) fn next_wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    /// The oldest wish has to wait.
    pub(super) fn wish_first(&mut self, wish: Wish) {
        self.wishes.push_front(wish);
    }

    /// May another body of this size be on its way?
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.bodies < limits::COLD_READS_MAX && self.bytes.saturating_add(size) <= limits::COLD_BODY_BYTES_MAX
    }

    /// A body of this size is on its way.
    pub(super) fn admit(&mut self, size: usize) {
        self.bodies += 1;
        self.bytes += size;
    }

    /// A body of this size was used, or cannot be had.
    pub(super) fn leave(&mut self, size: usize) {
        self.bodies = self.bodies.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size);
    }

    /// Asks the driver for bytes; gives the read its token.
    pub(super) fn ask(&mut self, read: ColdRead, reading: Reading) {
        let token = self.next_token;
        self.next_token += 1;
        self.asked.push_back(ColdRead { token, ..read });
        self.active.insert(token, reading);
    }

    /// The next read for the driver.
    pub(super) fn next_asked(&mut self) -> Option<ColdRead> {
        self.asked.pop_front()
    }

    /// What a read was for. It is not under way any more.
    pub(super) fn take(&mut self, token: u64) -> Option<Reading> {
        self.active.remove(&token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_body_of_any_size_fits_and_then_others_wait() {
        let mut reads = Reads::default();
        assert!(reads.has_room(limits::FRAME_BYTES_MAX));
        reads.admit(limits::FRAME_BYTES_MAX);
        assert!(!reads.has_room(limits::FRAME_BYTES_MAX), "two of the largest are more than may be on their way");
        for _ in 1..limits::COLD_READS_MAX {
            assert!(reads.has_room(1));
            reads.admit(1);
        }
        assert!(!reads.has_room(1), "as many reads as there may be");
        reads.leave(limits::FRAME_BYTES_MAX);
        assert!(reads.has_room(limits::FRAME_BYTES_MAX));
    }
}

//! An operation in flight, and the mark that finds it again.
//!
//! Owns: the buffers of operations, in slots. Must stay true: a flight is removed only when the
//! kernel has said its last word about it; an operation that is carried on gets a new slot, so that
//! each mark has one last completion.

use nix::sys::socket::SockaddrStorage;

use super::file::FileFlight;
use super::{Driver, ListenerId, SocketId};
use crate::ring::{Entry, Op, Ring};
use crate::slots::Slot;

/// Bits of a mark that hold the index.
const INDEX_BITS: u32 = 28;

/// More operations than a mark can tell apart.
pub(super) const FLIGHTS_MAX: u32 = 1 << INDEX_BITS;

/// The mark of entries whose completion says nothing: cancels.
pub(super) const IGNORED: u64 = u64::MAX;

/// A write may have two entries in flight; the mark says which one completes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Main,
    Sync,
}

/// What is in flight.
pub(super) enum Flight {
    Accept(ListenerId),
    Connect { socket: SocketId, address: Box<SockaddrStorage> },
    Receive(SocketId),
    Send(SendFlight),
    File(FileFlight),
    Wake,
}

/// A send and how far it came.
pub(super) struct SendFlight {
    pub(super) socket: SocketId,
    pub(super) buffer: Vec<u8>,
    pub(super) done: usize,
    pub(super) retries: u8,
}

/// Entries that must enter together.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    pub(super) first: Entry,
    pub(super) second: Option<Entry>,
}

pub(super) fn mark(slot: Slot, part: Part) -> u64 {
    let part = match part {
        Part::Main => 0,
        Part::Sync => 1u64,
    };
    u64::from(slot.generation) << 32 | part << INDEX_BITS | u64::from(slot.index)
}

pub(super) fn unmark(mark: u64) -> (Slot, Part) {
    let low = (mark & u64::from(u32::MAX)) as u32;
    let part = if low >> INDEX_BITS == 0 { Part::Main } else { Part::Sync };
    (Slot { index: low & (FLIGHTS_MAX - 1), generation: (mark >> 32) as u32 }, part)
}

impl<R: Ring> Driver<R> {
    /// Hands a chain to the ring, or keeps it until the next turn when the queue is full.
    pub(super) fn issue(&mut self, chain: Chain) {
        if self.backlog.is_empty() && self.try_push(chain) {
            return;
        }
        self.stats.postponed += 1;
        self.backlog.push_back(chain);
    }

    pub(super) fn issue_one(&mut self, op: Op, mark: u64) {
        self.issue(Chain { first: Entry { op, mark }, second: None });
    }

    /// Asks the kernel to end an operation. Its own last completion still comes, and only that one counts.
    pub(super) fn issue_cancel(&mut self, slot: Slot, part: Part) {
        self.issue_one(Op::Cancel { target: mark(slot, part) }, IGNORED);
    }

    pub(super) fn try_push(&mut self, chain: Chain) -> bool {
        let pair;
        let one;
        let (entries, count): (&[Entry], u32) = match chain.second {
            Some(second) => {
                pair = [chain.first, second];
                (&pair, 2)
            }
            None => {
                one = [chain.first];
                (&one, 1)
            }
        };
        // SAFETY: every address in an entry points into a buffer owned by the entry's flight, a boxed
        // address or counter of this driver, all on the heap. A flight leaves its slot only at its last
        // completion, and a driver dropped before that leaks them (see `drain`).
        if unsafe { self.ring.push(entries) }.is_err() {
            return false;
        }
        self.queued += count;
        self.stats.submissions += u64::from(count);
        if matches!(chain.first.op, Op::Send { at_once: true, .. }) {
            self.quick_sends += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_gives_back_what_went_in() {
        for slot in [Slot { index: 0, generation: 0 }, Slot { index: FLIGHTS_MAX - 1, generation: u32::MAX - 1 }] {
            for part in [Part::Main, Part::Sync] {
                let mark = mark(slot, part);
                assert_eq!(unmark(mark), (slot, part));
                assert_ne!(mark, IGNORED);
            }
        }
    }
}

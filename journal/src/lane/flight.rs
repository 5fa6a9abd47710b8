//! Blocks between seal and completion, and the rule when a group is submitted.
//!
//! There is no timer: what arrives while a group is in flight is the next group. One group is in flight while little waits, up to four when
//! at least 64 KiB wait: on the disks that were measured a flush of 64 KiB costs as much as one of 4 KiB, so more flights of small groups
//! would only make the groups smaller.
//!
//! A write may hang while later ones are done. What is done behind it gives its buffer back, so the buffers alone do not bound how far the
//! others get ahead; [`BLOCKS_IN_FLIGHT_MAX`] does. Then the lane waits, and its producers find it full.

use std::collections::VecDeque;

use crate::error::IoError;
use crate::ids::{Lsn, Ticket};
use crate::limits::{BLOCKS_IN_FLIGHT_MAX, GROUP_BYTES_PARALLEL, GROUPS_IN_FLIGHT_MAX};

/// The number of a group within the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GroupId(u64);

/// A block that is complete and waits to be submitted.
#[derive(Debug)]
pub(super) struct Sealed<B> {
    pub(super) buffer: B,
    pub(super) lsn: Lsn,
    pub(super) len: usize,
}

#[derive(Debug)]
struct Flight {
    lsn: Lsn,
    end: Lsn,
    group: GroupId,
    done: bool,
}

/// What a completion changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Landed {
    /// Everything up to here is durable.
    Durable(Lsn),
    /// The write of the block that begins here failed.
    Failed(Lsn, IoError),
    /// Nobody waits for such a ticket.
    Unknown,
}

/// Sealed blocks, released blocks, blocks in flight.
#[derive(Debug)]
pub(super) struct Flights<B> {
    /// Each with the group that it joins.
    sealed: VecDeque<(GroupId, Sealed<B>)>,
    /// How many of `sealed`, from the front, belong to the newest group and only wait for room in the command queue.
    released: usize,
    flights: VecDeque<Flight>,
    /// The ticket of the front of `flights`.
    first_ticket: u64,
    /// Groups with blocks not yet durable, with how many.
    groups: VecDeque<(GroupId, usize)>,
    next_group: u64,
}

impl<B> Flights<B> {
    pub(super) fn new(buffers: usize) -> Self {
        Self {
            sealed: VecDeque::with_capacity(buffers),
            released: 0,
            flights: VecDeque::with_capacity(BLOCKS_IN_FLIGHT_MAX),
            first_ticket: 0,
            groups: VecDeque::with_capacity(GROUPS_IN_FLIGHT_MAX),
            next_group: 0,
        }
    }

    pub(super) fn seal(&mut self, sealed: Sealed<B>) {
        self.sealed.push_back((GroupId(self.next_group), sealed));
    }

    /// The buffers of blocks that were never submitted.
    pub(super) fn into_buffers(self) -> impl Iterator<Item = B> {
        self.sealed.into_iter().map(|(_, sealed)| sealed.buffer)
    }

    /// Nothing sealed and nothing in flight.
    pub(super) fn is_quiet(&self) -> bool {
        self.sealed.is_empty() && self.flights.is_empty()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Whether a group may leave now, given what the filling block holds.
    pub(super) fn may_release(&self, filling_bytes: usize) -> bool {
        match self.groups.len() {
            0 => filling_bytes > 0 || self.sealed.len() > self.released,
            GROUPS_IN_FLIGHT_MAX.. => false,
            _ => self.waiting_bytes() + filling_bytes >= GROUP_BYTES_PARALLEL,
        }
    }

    /// Bytes of the blocks that no group has yet.
    fn waiting_bytes(&self) -> usize {
        self.sealed.iter().skip(self.released).map(|(_, block)| block.len).sum()
    }

    /// Everything sealed becomes one group. Gives its bytes, if there is any.
    pub(super) fn release(&mut self) -> Option<usize> {
        let count = self.sealed.len() - self.released;
        if count == 0 {
            return None;
        }
        let bytes = self.waiting_bytes();
        self.groups.push_back((GroupId(self.next_group), count));
        self.next_group += 1;
        self.released = self.sealed.len();
        Some(bytes)
    }

    /// The next released block leaves, if it may; gives its ticket.
    pub(super) fn depart(&mut self) -> Option<(Ticket, Sealed<B>)> {
        if self.released == 0 || self.flights.len() >= BLOCKS_IN_FLIGHT_MAX {
            return None;
        }
        let (group, sealed) = self.sealed.pop_front()?;
        self.released -= 1;
        let ticket = Ticket(self.first_ticket + self.flights.len() as u64);
        self.flights.push_back(Flight { lsn: sealed.lsn, end: sealed.lsn.plus(sealed.len as u64), group, done: false });
        Some((ticket, sealed))
    }

    /// One block of this group is durable.
    fn done_in(&mut self, group: GroupId) {
        // Nearly always the oldest one.
        let at = self.groups.iter().position(|(name, _)| *name == group);
        let Some((at, (_, unfinished))) = at.and_then(|at| Some((at, self.groups.get_mut(at)?))) else { return };
        *unfinished -= 1;
        match (*unfinished, at) {
            (0, 0) => drop(self.groups.pop_front()),
            (0, at) => drop(self.groups.remove(at)),
            _ => {}
        }
    }

    pub(super) fn land(&mut self, ticket: Ticket, result: Result<(), IoError>, durable: Lsn) -> Landed {
        let index = ticket.0.checked_sub(self.first_ticket).and_then(|index| usize::try_from(index).ok());
        let Some(flight) = index.and_then(|index| self.flights.get_mut(index)).filter(|flight| !flight.done) else {
            return Landed::Unknown;
        };
        if let Err(error) = result {
            return Landed::Failed(flight.lsn, error);
        }
        flight.done = true;
        let group = flight.group;
        self.done_in(group);
        let mut end = durable;
        while self.flights.front().is_some_and(|flight| flight.done) {
            if let Some(flight) = self.flights.pop_front() {
                end = flight.end;
                self.first_ticket += 1;
            }
        }
        Landed::Durable(end)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    const BLOCK: u64 = 4096;

    /// Sends blocks off as long as any leaves, each done at once except the first; gives how many left.
    fn overtake(flights: &mut Flights<()>, next: &mut u64) -> u64 {
        let before = *next;
        loop {
            if flights.sealed.is_empty() {
                flights.seal(Sealed { buffer: (), lsn: Lsn(*next * BLOCK), len: BLOCK as usize });
            }
            if flights.released == 0 && flights.may_release(GROUP_BYTES_PARALLEL) {
                flights.release();
            }
            let Some((ticket, sealed)) = flights.depart() else { return *next - before };
            assert_eq!((ticket, sealed.lsn), (Ticket(*next), Lsn(*next * BLOCK)));
            *next += 1;
            if ticket != Ticket(0) {
                flights.land(ticket, Ok(()), Lsn::ZERO);
            }
        }
    }

    #[test]
    fn no_more_than_the_bound_overtakes_a_write_that_hangs() {
        let (mut flights, mut next) = (Flights::new(8), 0);
        assert_eq!(overtake(&mut flights, &mut next), BLOCKS_IN_FLIGHT_MAX as u64);
        assert_eq!(overtake(&mut flights, &mut next), 0, "the lane waits");
        let landed = flights.land(Ticket(0), Ok(()), Lsn::ZERO);
        assert_eq!(landed, Landed::Durable(Lsn(BLOCKS_IN_FLIGHT_MAX as u64 * BLOCK)));
        let (ticket, _) = flights.depart().unwrap();
        assert_eq!(ticket, Ticket(BLOCKS_IN_FLIGHT_MAX as u64), "and goes on");
    }
}

//! One range of a replica's lane: blocks come in order, are gathered into writes, and are durable in order.
//!
//! Two of these write into one lane at once, at disjoint positions. A write holds consecutive blocks of one segment, at most a buffer full.
//! As in the writer's own lane there is no timer: what comes while a write is in flight is the next one, and more than one is in flight only
//! when much waits.

use std::collections::VecDeque;

use super::track::Track;
use crate::block::BlockView;
use crate::border::ChainEnd;
use crate::buffer::BlockBuffer;
use crate::command::{Command, Commands};
use crate::geometry::Geometry;
use crate::ids::{Lsn, SegmentSequence, Ticket};
use crate::limits::{GROUP_BYTES_PARALLEL, REPLICA_WRITES_MAX};

/// Consecutive blocks in a buffer.
#[derive(Debug)]
struct Piece<B> {
    buffer: B,
    lsn: Lsn,
    len: usize,
}

impl<B> Piece<B> {
    const fn end(&self) -> Lsn {
        self.lsn.plus(self.len as u64)
    }
}

#[derive(Debug)]
struct Flight {
    ticket: Ticket,
    end: Lsn,
    is_done: bool,
}

/// A range of the lane.
#[derive(Debug)]
pub(super) struct Stretch<B> {
    /// Behind the last block that was taken.
    pub(super) end: ChainEnd,
    /// Taken and durable up to here, without a gap since the range began.
    pub(super) durable: Lsn,
    pub(super) track: Track,
    filling: Option<Piece<B>>,
    waiting: VecDeque<Piece<B>>,
    flights: VecDeque<Flight>,
}

impl<B: BlockBuffer> Stretch<B> {
    pub(super) fn new(end: ChainEnd, track: Track) -> Self {
        let durable = end.border.lsn;
        Self { end, durable, track, filling: None, waiting: VecDeque::new(), flights: VecDeque::new() }
    }

    /// Whether the block goes on in the buffer that is filling; otherwise it needs one of its own.
    pub(super) fn fits(&self, bytes: usize, geometry: Geometry) -> bool {
        let starts_segment = self.end.border.lsn == geometry.start(geometry.place(self.end.border.lsn).0);
        let fits = |piece: &Piece<B>| piece.len + bytes <= piece.buffer.as_ref().len();
        !starts_segment && self.filling.as_ref().is_some_and(fits)
    }

    /// Takes a block that was checked, into the buffer that is filling or into this one.
    pub(super) fn take(&mut self, view: &BlockView<'_>, buffer: Option<B>, geometry: Geometry) {
        if let Some(buffer) = buffer {
            self.waiting.extend(self.filling.take());
            self.filling = Some(Piece { buffer, lsn: view.header.lsn, len: 0 });
        }
        if let Some(piece) = &mut self.filling {
            let end = piece.len + view.bytes().len();
            if let Some(place) = piece.buffer.as_mut().get_mut(piece.len..end) {
                place.copy_from_slice(view.bytes());
                piece.len = end;
            }
        }
        self.track.pass(view, geometry);
        self.end = ChainEnd::behind(view);
    }

    /// The segment that it writes into next.
    pub(super) fn segment(&self, geometry: Geometry) -> SegmentSequence {
        geometry.place(self.end.border.lsn).0
    }

    /// Nothing waits and nothing is in flight.
    pub(super) fn is_quiet(&self) -> bool {
        self.filling.is_none() && self.waiting.is_empty() && self.flights.is_empty()
    }

    /// Hands writes out, as many as may be in flight.
    pub(super) fn submit(&mut self, geometry: Geometry, next_ticket: &mut u64, out: &mut Commands<B>) {
        while !out.is_full() && self.may_submit() {
            let Some(piece) = self.waiting.pop_front().or_else(|| self.filling.take()) else { return };
            let ticket = Ticket(*next_ticket);
            *next_ticket += 1;
            self.flights.push_back(Flight { ticket, end: piece.end(), is_done: false });
            let (segment, offset) = geometry.place(piece.lsn);
            out.push(Command::Write { ticket, segment, offset, buffer: piece.buffer, len: piece.len });
        }
    }

    fn may_submit(&self) -> bool {
        match self.flights.len() {
            0 => true,
            REPLICA_WRITES_MAX.. => false,
            _ => {
                let waiting = self.waiting.iter().chain(&self.filling).map(|piece| piece.len).sum::<usize>();
                waiting >= GROUP_BYTES_PARALLEL
            }
        }
    }

    /// Where the write with this ticket began to fail, or that it is not one of this range.
    pub(super) fn begin_of(&self, ticket: Ticket) -> Option<Lsn> {
        let at = self.flights.iter().position(|flight| flight.ticket == ticket)?;
        let before = at.checked_sub(1).and_then(|before| self.flights.get(before));
        Some(before.map_or(self.durable, |flight| flight.end))
    }

    /// The write is durable. False if it is not one of this range.
    pub(super) fn landed(&mut self, ticket: Ticket) -> bool {
        let Some(flight) = self.flights.iter_mut().find(|flight| flight.ticket == ticket) else { return false };
        flight.is_done = true;
        while self.flights.front().is_some_and(|flight| flight.is_done) {
            self.durable = self.flights.pop_front().map_or(self.durable, |flight| flight.end);
        }
        true
    }

    pub(super) fn into_buffers(self) -> impl Iterator<Item = B> {
        self.waiting.into_iter().chain(self.filling).map(|piece| piece.buffer)
    }
}

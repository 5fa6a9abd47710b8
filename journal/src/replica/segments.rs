//! The segments of a replica's lane: made ahead of two ranges at once.

use std::collections::BTreeMap;

use crate::command::{Command, Commands};
use crate::ids::{Now, SegmentSequence};
use crate::limits::SEGMENT_RETRY_NANOS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Asked,
    Ready,
    /// To be asked for again; the first poll after the failure sets the time.
    Failed(Option<Now>),
}

/// Which segments are there, and which have been asked for.
#[derive(Debug)]
pub(super) struct Segments {
    /// Those that a range may still write into.
    known: BTreeMap<SegmentSequence, Segment>,
    ahead: u64,
}

impl Segments {
    /// The segments from `first` up to, but without, `ready_to` have a file.
    pub(super) fn new(first: SegmentSequence, ready_to: SegmentSequence, ahead: u64) -> Self {
        let there = (first.0..ready_to.0).map(|sequence| (SegmentSequence(sequence), Segment::Ready));
        Self { known: there.collect(), ahead }
    }

    pub(super) fn is_ready(&self, sequence: SegmentSequence) -> bool {
        self.known.get(&sequence) == Some(&Segment::Ready)
    }

    /// Asks for what a range that writes in `current` needs, up to `last`.
    pub(super) fn ask<B>(
        &mut self,
        (current, last): (SegmentSequence, SegmentSequence),
        now: Now,
        out: &mut Commands<B>,
    ) {
        let mut sequence = current;
        while sequence <= last.min(current.plus(self.ahead)) && !out.is_full() {
            let is_due = match self.known.get_mut(&sequence) {
                None => true,
                Some(Segment::Asked | Segment::Ready) => false,
                Some(Segment::Failed(retry_at)) => now >= *retry_at.get_or_insert(now.plus_nanos(SEGMENT_RETRY_NANOS)),
            };
            if is_due {
                out.push(Command::PrepareSegment { sequence });
                self.known.insert(sequence, Segment::Asked);
            }
            sequence = sequence.next();
        }
    }

    pub(super) fn made(&mut self, sequence: SegmentSequence, is_ready: bool) {
        if let Some(segment) = self.known.get_mut(&sequence) {
            *segment = if is_ready { Segment::Ready } else { Segment::Failed(None) };
        }
    }

    /// No range writes before `sequence` any more.
    pub(super) fn forget_before(&mut self, sequence: SegmentSequence) {
        while self.known.first_key_value().is_some_and(|(known, _)| *known < sequence) {
            self.known.pop_first();
        }
    }

    /// When to ask again.
    pub(super) fn retry_at(&self, now: Now) -> Option<Now> {
        let due = |segment: &Segment| match segment {
            Segment::Failed(retry_at) => Some(retry_at.unwrap_or(now)),
            Segment::Asked | Segment::Ready => None,
        };
        self.known.values().filter_map(due).min()
    }

    /// The first segment from `sequence` on that is not there.
    pub(super) fn ready_to(&self, sequence: SegmentSequence) -> SegmentSequence {
        let mut next = sequence;
        while self.is_ready(next) {
            next = next.next();
        }
        next
    }
}

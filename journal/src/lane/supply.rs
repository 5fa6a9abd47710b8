//! The lane's segments: asked for ahead of the writer, asked for again when the disk was full, given back when they are free.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::command::{Command, Commands};
use crate::error::IoError;
use crate::ids::{Lsn, Now, SegmentSequence};
use crate::limits::SEGMENT_RETRY_NANOS;

#[derive(Debug)]
enum Request {
    Asked,
    Ready,
    /// Failed; the first poll after that sets the time.
    Failed {
        error: IoError,
        retry_at: Option<Now>,
    },
}

/// Which segments exist, and which have been asked for.
#[derive(Debug)]
pub(super) struct Supply {
    /// All segments before this one are there.
    ready_to: SegmentSequence,
    /// What became of `ready_to`, the one after it, and so on.
    requests: SmallVec<[Request; 4]>,
    /// How many are wanted behind the one being written.
    ahead: u64,
    /// Of `requests`, those that failed.
    failures: usize,
    /// Freed segments, and up to where their FREE record reaches: the file goes only when that is promised (SR18).
    frees: VecDeque<(Lsn, SegmentSequence)>,
}

impl Supply {
    pub(super) fn new(ready_to: SegmentSequence, ahead: u64, leftovers: &[SegmentSequence]) -> Self {
        let frees = leftovers.iter().map(|&sequence| (Lsn::ZERO, sequence)).collect();
        Self { ready_to, requests: SmallVec::new(), ahead, failures: 0, frees }
    }

    pub(super) fn ready_to(&self) -> SegmentSequence {
        self.ready_to
    }

    /// Must a lane that writes in `current` ask for something, now or as soon as there is room or time for it?
    pub(super) fn must_ask(&self, current: SegmentSequence) -> bool {
        self.failures > 0 || self.next_request() <= current.plus(self.ahead)
    }

    /// Asks for what is missing up to `ahead` behind `current`.
    pub(super) fn ask<B>(&mut self, current: SegmentSequence, now: Now, out: &mut Commands<B>) {
        for (index, request) in self.requests.iter_mut().enumerate() {
            let Request::Failed { retry_at, .. } = request else { continue };
            let due = *retry_at.get_or_insert(now.plus_nanos(SEGMENT_RETRY_NANOS));
            if now >= due && !out.is_full() {
                out.push(Command::PrepareSegment { sequence: self.ready_to.plus(index as u64) });
                *request = Request::Asked;
                self.failures -= 1;
            }
        }
        let wanted = current.plus(self.ahead);
        while !out.is_full() {
            let sequence = self.next_request();
            if sequence > wanted {
                break;
            }
            out.push(Command::PrepareSegment { sequence });
            self.requests.push(Request::Asked);
        }
    }

    /// The first segment that nobody was asked for.
    fn next_request(&self) -> SegmentSequence {
        self.ready_to.plus(self.requests.len() as u64)
    }

    pub(super) fn ready(&mut self, sequence: SegmentSequence) {
        self.set(sequence, Request::Ready);
        while matches!(self.requests.first(), Some(Request::Ready)) {
            self.requests.remove(0);
            self.ready_to = self.ready_to.next();
        }
    }

    pub(super) fn failed(&mut self, sequence: SegmentSequence, error: IoError) {
        self.set(sequence, Request::Failed { error, retry_at: None });
    }

    /// Notes what became of a request, if there is such a one.
    fn set(&mut self, sequence: SegmentSequence, to: Request) {
        let Some(request) = self.request(sequence) else { return };
        let was = std::mem::replace(request, to);
        let is_failed = matches!(request, Request::Failed { .. });
        self.failures -= usize::from(matches!(was, Request::Failed { .. }));
        self.failures += usize::from(is_failed);
    }

    fn request(&mut self, sequence: SegmentSequence) -> Option<&mut Request> {
        let index = sequence.0.checked_sub(self.ready_to.0)?;
        self.requests.get_mut(usize::try_from(index).ok()?)
    }

    /// The reason why the next segment could not be made, while it is missing.
    pub(super) fn error(&self) -> Option<&IoError> {
        self.requests.iter().find_map(|request| match request {
            Request::Failed { error, .. } => Some(error),
            Request::Asked | Request::Ready => None,
        })
    }

    /// When to ask again.
    pub(super) fn retry_at(&self, now: Now) -> Option<Now> {
        if self.failures == 0 {
            return None;
        }
        let due = |request: &Request| match request {
            Request::Failed { retry_at, .. } => Some(retry_at.unwrap_or(now)),
            Request::Asked | Request::Ready => None,
        };
        self.requests.iter().filter_map(due).min()
    }

    pub(super) fn free_later(&mut self, record_end: Lsn, sequence: SegmentSequence) {
        self.frees.push_back((record_end, sequence));
    }

    pub(super) fn give_back<B>(&mut self, promised: Lsn, out: &mut Commands<B>) {
        while !out.is_full() && self.frees.front().is_some_and(|&(end, _)| end <= promised) {
            if let Some((_, sequence)) = self.frees.pop_front() {
                out.push(Command::FreeSegment { sequence });
            }
        }
    }
}

//! Records as callers hand them over, and the fragments in which they lie in blocks.
//!
//! A record lies in one fragment, or, where it does not fit the block, in several: the first at the end of one block, the rest at the very
//! beginning of the blocks that follow. `journal/FORMAT.md` draws the fragment header.

use std::fmt;

use crate::ids::{Location, Lsn, RunId};
use crate::limits::{FRAGMENT_HEADER_BYTES, RUN_BYTES};

/// What a record is. Numbers below 0x40 belong to the journal, the others to its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKind(pub u8);

impl RecordKind {
    /// The start of an epoch, alone in its block.
    pub const EPOCH_START: Self = Self(0x01);
    /// The oldest segment of the lane holds nothing alive any more.
    pub const SEGMENT_FREE: Self = Self(0x02);
    /// Closes a run and says nothing else.
    pub const COMMIT: Self = Self(0x03);
    /// Gives up a run.
    pub const ABORT: Self = Self(0x04);
    /// Says what lay in its block's place and was given up.
    pub const PATCH: Self = Self(0x05);
    /// Begins an index checkpoint.
    pub const CHECKPOINT_BEGIN: Self = Self(0x10);
    /// A piece of an index checkpoint.
    pub const CHECKPOINT_CHUNK: Self = Self(0x11);
    /// The position of one lane in an index checkpoint.
    pub const CHECKPOINT_MARK: Self = Self(0x13);
    /// Closes an index checkpoint.
    pub const CHECKPOINT_END: Self = Self(0x12);
    /// The first kind that belongs to the user.
    pub const USER_FIRST: Self = Self(0x40);

    /// Whether the journal's user defined this kind.
    #[must_use]
    pub const fn is_user(self) -> bool {
        self.0 >= Self::USER_FIRST.0
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

/// Whether a record stands alone or belongs to a run of records that counts as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Counts by itself.
    None,
    /// Counts when the COMMIT of its run is there.
    Member(RunId),
    /// The last member: with it the run counts.
    Commit(RunId),
    /// The run is given up: none of its members ever counts. This record is not delivered either.
    Abort(RunId),
}

/// A record to append. Its body is the parts one after the other; they are copied once, into the block.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What it is.
    pub kind: RecordKind,
    /// Alone, or part of a run.
    pub run: Run,
    /// The body in pieces.
    pub parts: &'a [&'a [u8]],
}

impl<'a> Record<'a> {
    /// A record that counts by itself.
    #[must_use]
    pub const fn alone(kind: RecordKind, parts: &'a [&'a [u8]]) -> Self {
        Self { kind, run: Run::None, parts }
    }

    /// The length of the body.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }
}

/// Where an appended record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where it begins; enough to find and verify it.
    pub location: Location,
    /// The byte behind it: the lane's `promised() >= end` exactly when the whole record is promised.
    pub end: Lsn,
}

/// The header of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// The kind of the record, repeated in every fragment.
    pub kind: RecordKind,
    /// The record begins here.
    pub first: bool,
    /// The record ends here.
    pub last: bool,
    /// The run; only in a first fragment.
    pub run: Run,
    /// The bytes of the body in this fragment.
    pub body_bytes: u32,
}

const FLAG_FIRST: u8 = 1;
const FLAG_LAST: u8 = 2;
const RUN_SHIFT: u8 = 2;
const RUN_MASK: u8 = 0b1100;
const RUN_MEMBER: u8 = 1;
const RUN_COMMIT: u8 = 2;
const RUN_ABORT: u8 = 3;

impl FragmentHeader {
    /// How long the header is with these fields.
    #[must_use]
    pub const fn encoded_bytes(first: bool, run: Run) -> usize {
        match run {
            Run::None => FRAGMENT_HEADER_BYTES,
            _ if !first => FRAGMENT_HEADER_BYTES,
            _ => FRAGMENT_HEADER_BYTES + RUN_BYTES,
        }
    }

    /// Writes the header at the beginning of `out` and says how long it is; `None` if `out` is too short.
    #[must_use]
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let (marks, run) = match self.run {
            Run::None => (0, None),
            Run::Member(run) => (RUN_MEMBER, Some(run)),
            Run::Commit(run) => (RUN_COMMIT, Some(run)),
            Run::Abort(run) => (RUN_ABORT, Some(run)),
        };
        let run = if self.first { run } else { None };
        let marks = if run.is_some() { marks } else { 0 };
        let flags = (u8::from(self.first) * FLAG_FIRST) | (u8::from(self.last) * FLAG_LAST) | (marks << RUN_SHIFT);
        let length = self.body_bytes.to_le_bytes();
        let (head, rest) = out.split_first_chunk_mut::<FRAGMENT_HEADER_BYTES>()?;
        *head = [self.kind.0, flags, 0, 0, length[0], length[1], length[2], length[3]];
        let Some(run) = run else { return Some(FRAGMENT_HEADER_BYTES) };
        *rest.first_chunk_mut::<RUN_BYTES>()? = run.0.to_le_bytes();
        Some(FRAGMENT_HEADER_BYTES + RUN_BYTES)
    }

    /// Reads the header at the beginning of `bytes`; `None` if no writer of this version could have written it. The second value is its length.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (head, rest) = bytes.split_first_chunk::<FRAGMENT_HEADER_BYTES>()?;
        let [kind, flags, zero_a, zero_b, length @ ..] = *head;
        let first = flags & FLAG_FIRST != 0;
        let marks = (flags & RUN_MASK) >> RUN_SHIFT;
        if kind == 0
            || flags & !(FLAG_FIRST | FLAG_LAST | RUN_MASK) != 0
            || zero_a != 0
            || zero_b != 0
            || (marks != 0 && !first)
        {
            return None;
        }
        let (run, header_bytes) = if marks == 0 {
            (Run::None, FRAGMENT_HEADER_BYTES)
        } else {
            let run = RunId(u64::from_le_bytes(*rest.first_chunk::<RUN_BYTES>()?));
            let run = match marks {
                RUN_MEMBER => Run::Member(run),
                RUN_COMMIT => Run::Commit(run),
                _ => Run::Abort(run),
            };
            (run, FRAGMENT_HEADER_BYTES + RUN_BYTES)
        };
        let header = Self {
            kind: RecordKind(kind),
            first,
            last: flags & FLAG_LAST != 0,
            run,
            body_bytes: u32::from_le_bytes(length),
        };
        Some((header, header_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragment_headers_go_both_ways() {
        for run in [Run::None, Run::Member(RunId(7)), Run::Commit(RunId(u64::MAX)), Run::Abort(RunId(0))] {
            for (first, last) in [(true, true), (true, false), (false, false), (false, true)] {
                let header = FragmentHeader { kind: RecordKind(0x41), first, last, run, body_bytes: 0x0001_0203 };
                let mut bytes = [0xff; 16];
                let length = header.encode(&mut bytes).unwrap();
                assert_eq!(length, FragmentHeader::encoded_bytes(first, run));
                let run = if first { run } else { Run::None };
                assert_eq!(FragmentHeader::decode(&bytes), Some((FragmentHeader { run, ..header }, length)));
            }
        }
    }

    #[test]
    fn headers_that_nobody_wrote_are_refused() {
        assert_eq!(FragmentHeader::decode(&[0; 8]), None, "kind 0 is what zeroes would say");
        assert_eq!(FragmentHeader::decode(&[0x41, 0x10, 0, 0, 0, 0, 0, 0]), None, "unknown flag");
        assert_eq!(FragmentHeader::decode(&[0x41, 3, 1, 0, 0, 0, 0, 0]), None, "reserved byte");
        assert_eq!(FragmentHeader::decode(&[0x41, 6, 0, 0, 0, 0, 0, 0]), None, "a run in a later fragment");
        assert_eq!(FragmentHeader::decode(&[0x41, 5, 0, 0, 0, 0, 0, 0]), None, "run id cut off");
        assert_eq!(FragmentHeader::decode(&[0x41, 3, 0]), None, "cut off");
    }
}

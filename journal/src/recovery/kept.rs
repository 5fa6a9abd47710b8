//! Records that a scan has read and a replay will want: kept as short as its user needs them, so that nothing is read twice.
//!
//! Takes the blocks that the scan accepts, one after the other; gives their records to whoever walks the lane afterwards. What must stay true:
//! a walk with what is kept gives the very records that it would give by reading. What does not fit the bound is read again.

use std::cell::RefCell;
use std::fmt;

use super::error::RecoveryError;
use super::records::{Assembler, WalkedRecord, walk_records};
use super::walk::BlockWalk;
use crate::block::BlockView;
use crate::ids::{LaneId, Location, Lsn, RunId};
use crate::limits::KEPT_RECORDS_BYTES_MAX;
use crate::record::{RecordKind, Run};

/// Writes down what a replay needs of a record of the user: takes its kind and its body, appends to the buffer. It depends on nothing else.
pub type Abridge = fn(RecordKind, &[u8], &mut Vec<u8>);

/// What a scan keeps for the replay.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// What of each record. The replay gives the same, whether it was kept or had to be read.
    pub abridge: Abridge,
    /// Bytes that are kept, at most, of all lanes together.
    pub bytes_max: usize,
}

impl Keep {
    /// As much as a start may.
    #[must_use]
    pub const fn all(abridge: Abridge) -> Self {
        Self { abridge, bytes_max: KEPT_RECORDS_BYTES_MAX }
    }

    /// What is kept of a record: the journal's own are kept whole.
    pub(super) fn shorten(self, kind: RecordKind, body: &[u8], into: &mut Vec<u8>) {
        if kind.is_user() {
            (self.abridge)(kind, body, into);
        } else {
            into.extend_from_slice(body);
        }
    }
}

/// How much is kept in one piece of memory.
const CHUNK_BYTES: usize = 256 * 1024;

/// The records of one lane, from one position on.
#[derive(Clone)]
pub(super) struct Kept {
    keep: Keep,
    lane: LaneId,
    from: Lsn,
    chunks: Vec<Vec<u8>>,
    bytes: usize,
    /// Where a walk has to read on, and the last record that is kept, once the bound is met.
    full: Option<(Lsn, Option<Location>)>,
    last: Option<Location>,
    /// Of the last record.
    epoch: u64,
    assembler: Assembler,
    /// Where a record is put together before it is kept.
    scratch: Vec<u8>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("lane", &self.lane)
            .field("from", &self.from)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Kept {
    /// For the records of a lane from here on.
    pub(super) const fn new(keep: Keep, lane: LaneId, from: Lsn) -> Self {
        Self {
            keep,
            lane,
            from,
            chunks: Vec::new(),
            bytes: 0,
            full: None,
            last: None,
            epoch: 0,
            assembler: Assembler::new(),
            scratch: Vec::new(),
        }
    }

    /// How much is kept.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the next block of the lane.
    pub(super) fn take(&mut self, view: &BlockView<'_>) {
        if self.full.is_some() {
            return;
        }
        let mut assembler = std::mem::take(&mut self.assembler);
        for fragment in view.fragments() {
            // No visit of this one fails.
            let _done: Result<(), RecoveryError> = assembler.take(&fragment, view.header.epoch, &mut |record| {
                self.put(&record);
                Ok(())
            });
        }
        self.assembler = assembler;
    }

    fn put(&mut self, record: &WalkedRecord<'_>) {
        if self.full.is_some() {
            return;
        }
        self.scratch.clear();
        self.scratch.resize(HEAD_BYTES, 0);
        let head = Head::of(record, self.epoch);
        head.extend(record, &mut self.scratch);
        let before = self.scratch.len();
        self.keep.shorten(record.kind, record.body, &mut self.scratch);
        let head = head.encode(self.scratch.len() - before);
        if let Some(to) = self.scratch.first_chunk_mut() {
            *to = head;
        }
        if self.bytes + self.scratch.len() > self.keep.bytes_max {
            self.full = Some((record.location.block(), self.last));
            return;
        }
        self.bytes += self.scratch.len();
        self.epoch = record.epoch;
        self.last = Some(record.location);
        match self.chunks.last_mut().filter(|chunk| chunk.len() + self.scratch.len() <= chunk.capacity()) {
            Some(chunk) => chunk.extend_from_slice(&self.scratch),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK_BYTES.max(self.scratch.len()));
                chunk.extend_from_slice(&self.scratch);
                self.chunks.push(chunk);
            }
        }
    }

    /// The records, in order.
    fn records(&self) -> impl Iterator<Item = WalkedRecord<'_>> {
        let mut chunks = self.chunks.iter();
        let (mut rest, mut epoch): (&[u8], u64) = (&[], 0);
        std::iter::from_fn(move || {
            if rest.is_empty() {
                rest = chunks.next()?;
            }
            let (record, behind) = Head::read(rest, epoch)?;
            (rest, epoch) = (behind, record.epoch);
            Some(record)
        })
    }
}

/// The fixed part of a kept record. The epoch follows if it is not that of the record before, then the number of the run if there is one, then
/// the body.
struct Head {
    location: Location,
    end: Lsn,
    kind: RecordKind,
    flags: u8,
}

const HEAD_BYTES: usize = 4 + 8 + 4 + 1 + 1;
/// The lower bits of the flags say what the run is.
const RUN_FLAGS: u8 = 0b11;
/// The epoch is another one than that of the record before.
const OTHER_EPOCH: u8 = 0b100;

impl Head {
    const fn of(record: &WalkedRecord<'_>, epoch_before: u64) -> Self {
        let run = match record.run {
            Run::None => 0,
            Run::Member(_) => 1,
            Run::Commit(_) => 2,
            Run::Abort(_) => 3,
        };
        let epoch = if record.epoch == epoch_before { 0 } else { OTHER_EPOCH };
        Self { location: record.location, end: record.end, kind: record.kind, flags: run | epoch }
    }

    /// What follows the fixed part, but for the body.
    fn extend(&self, record: &WalkedRecord<'_>, into: &mut Vec<u8>) {
        if self.flags & OTHER_EPOCH != 0 {
            into.extend_from_slice(&record.epoch.to_le_bytes());
        }
        if let Run::Member(run) | Run::Commit(run) | Run::Abort(run) = record.run {
            into.extend_from_slice(&run.0.to_le_bytes());
        }
    }

    fn encode(&self, body_bytes: usize) -> [u8; HEAD_BYTES] {
        // Neither a body nor a record over blocks comes near 4 GiB.
        let short = |long: u64| u32::try_from(long).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = [0; HEAD_BYTES];
        let length = short(self.end.since(self.location.block()));
        let (body, place) = (short(body_bytes as u64), self.location.to_bits().to_le_bytes());
        let all = body.into_iter().chain(place).chain(length).chain([self.kind.0, self.flags]);
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        bytes
    }

    /// The first record of these bytes, and what follows it.
    fn read(bytes: &[u8], epoch_before: u64) -> Option<(WalkedRecord<'_>, &[u8])> {
        let (body_bytes, rest) = bytes.split_first_chunk().map(|(four, rest)| (u32::from_le_bytes(*four), rest))?;
        let (location, rest) = number(rest)?;
        let (length, rest) = rest.split_first_chunk().map(|(four, rest)| (u32::from_le_bytes(*four), rest))?;
        let ([kind, flags], rest) = rest.split_first_chunk()?;
        let (epoch, rest) = if flags & OTHER_EPOCH == 0 { (epoch_before, rest) } else { number(rest)? };
        let (run, rest) = if flags & RUN_FLAGS == 0 { (0, rest) } else { number(rest)? };
        let run = match flags & RUN_FLAGS {
            1 => Run::Member(RunId(run)),
            2 => Run::Commit(RunId(run)),
            3 => Run::Abort(RunId(run)),
            _ => Run::None,
        };
        let (body, rest) = rest.split_at_checked(body_bytes as usize)?;
        let location = Location::from_bits(location);
        let end = location.block().plus(u64::from(length));
        Some((WalkedRecord { location, end, epoch, kind: RecordKind(*kind), run, body }, rest))
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    bytes.split_first_chunk().map(|(eight, rest)| (u64::from_le_bytes(*eight), rest))
}

/// Where a kept lane waits for the one walk that takes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf(RefCell<Option<Kept>>);

impl Shelf {
    pub(super) const fn new(kept: Option<Kept>) -> Self {
        Self(RefCell::new(kept))
    }

    /// How much is kept here.
    pub(super) fn bytes(&self) -> usize {
        self.0.borrow().as_ref().map_or(0, Kept::bytes)
    }

    /// What lies here; nothing the second time.
    pub(super) fn take(&self) -> Option<Kept> {
        self.0.take()
    }
}

/// As [`walk_records`], with what is kept in the place of what need not be read. Bodies come as `keep` has them, if it is given.
pub(super) fn walk_kept(
    walk: &mut BlockWalk<'_>,
    kept: Option<&Kept>,
    keep: Option<Keep>,
    lane: LaneId,
    (from, end): (Lsn, Lsn),
    visit: &mut dyn FnMut(&mut BlockWalk<'_>, WalkedRecord<'_>) -> Result<(), RecoveryError>,
) -> Result<(), RecoveryError> {
    let (mut at, mut last) = (from, None);
    if let Some(kept) = kept.filter(|kept| kept.lane == lane && kept.from <= from) {
        for record in kept.records().filter(|record| record.location.block() >= from && record.end <= end) {
            visit(walk, record)?;
        }
        (at, last) = kept.full.map_or((end, None), |(behind, last)| (behind.max(from), last));
    }
    let mut short = Vec::new();
    walk_records(walk, lane, at, end, &mut |walk, record| {
        if last.is_some_and(|last| record.location <= last) {
            return Ok(());
        }
        let Some(keep) = keep else { return visit(walk, record) };
        short.clear();
        keep.shorten(record.kind, record.body, &mut short);
        visit(walk, WalkedRecord { body: &short, ..record })
    })
}

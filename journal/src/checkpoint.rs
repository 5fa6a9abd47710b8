//! Index checkpoints: what lets a start begin its replay near the end instead of at the beginning.
//!
//! A checkpoint is a run of records in lane c00: BEGIN, a MARK for every lane (position and chain), CHUNKs with whatever the user wants to
//! find again, END with COMMIT. It counts only if every lane still reaches its mark with the same chain; so it can always be deleted, and a
//! start without it reads everything.
//!
//! What the user promises: the chunks hold every effect of what lies before the marks. Take the marks first, then the snapshot.

use crate::buffer::BlockBuffer;
use crate::bytes::{Reader, Writer};
use crate::epoch::EpochEntry;
use crate::error::{AppendError, FreeError};
use crate::ids::{Chain, LaneId, Location, Lsn, RunId, SegmentSequence};
use crate::lane::{Lane, LaneMark};
use crate::record::{Appended, Record, RecordKind, Run};
use crate::vector::Vector;

/// A checkpoint that is being written. Every call may say [`AppendError::Full`]: then the same call is made again later.
#[derive(Debug)]
pub struct CheckpointWriter {
    run: RunId,
    begin: Location,
    depends: Vector,
    /// Marks not yet appended, last first.
    pending: Vec<LaneMark>,
    marks: u32,
    chunks: u64,
}

/// A checkpoint whose END is appended. It counts once the lane has promised `end`.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointWritten {
    /// Where it begins.
    pub begin: Location,
    /// The byte behind its END.
    pub end: Lsn,
}

impl CheckpointWriter {
    /// Begins a checkpoint at these marks, one of every lane with data.
    ///
    /// # Errors
    /// When the lane takes no record now.
    pub fn begin<B: BlockBuffer>(lane: &mut Lane<B>, marks: &[LaneMark]) -> Result<Self, AppendError> {
        let run = lane.next_run();
        let depends: Vector = marks.iter().map(|mark| (mark.lane, mark.end)).collect();
        let count = u32::try_from(marks.len()).unwrap_or(u32::MAX);
        let parts = [&count.to_le_bytes()[..]];
        let begun =
            lane.append(Record { kind: RecordKind::CHECKPOINT_BEGIN, run: Run::Member(run), parts: &parts }, &depends)?;
        let pending = marks.iter().rev().cloned().collect();
        Ok(Self { run, begin: begun.location, depends, pending, marks: count, chunks: 0 })
    }

    /// Adds a piece of the snapshot, at most [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX) long.
    ///
    /// # Errors
    /// When the lane takes no record now.
    pub fn chunk<B: BlockBuffer>(&mut self, lane: &mut Lane<B>, parts: &[&[u8]]) -> Result<Appended, AppendError> {
        self.append_marks(lane)?;
        let record = Record { kind: RecordKind::CHECKPOINT_CHUNK, run: Run::Member(self.run), parts };
        let appended = lane.append(record, &Vector::new())?;
        self.chunks += 1;
        Ok(appended)
    }

    /// Closes the checkpoint.
    ///
    /// # Errors
    /// When the lane takes no record now.
    pub fn finish<B: BlockBuffer>(&mut self, lane: &mut Lane<B>) -> Result<CheckpointWritten, AppendError> {
        self.append_marks(lane)?;
        let chunks = self.chunks.to_le_bytes();
        let record = Record { kind: RecordKind::CHECKPOINT_END, run: Run::Commit(self.run), parts: &[&chunks] };
        let appended = lane.append(record, &self.depends)?;
        Ok(CheckpointWritten { begin: self.begin, end: appended.end })
    }

    /// Gives the checkpoint up.
    ///
    /// # Errors
    /// When the lane takes no record now.
    pub fn abandon<B: BlockBuffer>(&mut self, lane: &mut Lane<B>) -> Result<(), AppendError> {
        lane.append(Record { kind: RecordKind::ABORT, run: Run::Abort(self.run), parts: &[] }, &Vector::new()).map(drop)
    }

    fn append_marks<B: BlockBuffer>(&mut self, lane: &mut Lane<B>) -> Result<(), AppendError> {
        while let Some(mark) = self.pending.last() {
            let body = encode_mark(mark);
            let record = Record { kind: RecordKind::CHECKPOINT_MARK, run: Run::Member(self.run), parts: &[&body] };
            lane.append(record, &Vector::new())?;
            self.pending.pop();
        }
        Ok(())
    }

    /// How many lanes it names.
    #[must_use]
    pub const fn marks(&self) -> u32 {
        self.marks
    }
}

impl CheckpointWritten {
    /// Frees the segments of the checkpoint lane that lie before this checkpoint; says how many. To be called once it is promised.
    ///
    /// # Errors
    /// When the record of a free cannot be appended now; to be called again then.
    pub fn free_older<B: BlockBuffer>(&self, lane: &mut Lane<B>) -> Result<usize, FreeError> {
        let mut count = 0;
        let (keep, _) = lane.segment_of(self.begin.block());
        loop {
            let (oldest, _) = lane.segment_of(lane.first_kept());
            if oldest >= keep {
                return Ok(count);
            }
            lane.free_segment(oldest)?;
            count += 1;
        }
    }
}

/// The body of a CHECKPOINT_MARK.
#[must_use]
pub fn encode_mark(mark: &LaneMark) -> Vec<u8> {
    let mut body = Vec::with_capacity(512);
    let mut out = Writer::new(&mut body);
    out.u16(mark.lane.number()).u64(mark.block.0).u64(mark.end.0).u128(mark.chain.0).u64(mark.first_kept.0);
    EpochEntry::encode_all(&mark.history, &mut out);
    body
}

/// Reads the body of a CHECKPOINT_MARK; `None` if it is not one.
#[must_use]
pub fn decode_mark(body: &[u8]) -> Option<LaneMark> {
    let mut from = Reader::new(body);
    let lane = LaneId::from_number(from.u16()?)?;
    let (block, end) = (Lsn(from.u64()?), Lsn(from.u64()?));
    let (chain, first_kept) = (Chain(from.u128()?), SegmentSequence(from.u64()?));
    let history = EpochEntry::decode_all(&mut from)?;
    let sound = from.ended() && block < end && block.is_block_border() && end.is_block_border();
    sound.then_some(LaneMark { lane, block, end, chain, first_kept, history })
}

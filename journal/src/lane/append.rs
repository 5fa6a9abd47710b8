//! Appending: the only way into a lane. All of a record or nothing.

use super::Lane;
use super::filling::PartCursor;
use crate::block::BlockFlags;
use crate::buffer::BlockBuffer;
use crate::error::AppendError;
use crate::ids::RunId;
use crate::limits::{
    BLOCK_BYTES_MAX, BLOCK_HEADER_BYTES, FRAGMENT_HEADER_BYTES, FRAGMENT_ROOM_MIN, OPEN_RUNS_MAX, RECORD_BYTES_MAX,
    RUN_BYTES,
};
use crate::record::{Appended, FragmentHeader, Record, Run};
use crate::vector::Vector;

impl<B: BlockBuffer> Lane<B> {
    /// Appends a record. It is promised once [`Self::promised`] reaches the `end` that this returns.
    ///
    /// `depends` names what the record relies on in other lanes and is not known to be promised; it is empty for nearly all records.
    ///
    /// # Errors
    /// When there is no room now, when the record is too long, or when the lane is closed. Then nothing was appended.
    pub fn append(&mut self, record: Record<'_>, depends: &Vector) -> Result<Appended, AppendError> {
        if self.latch.is_some() {
            return Err(AppendError::Latched);
        }
        if !self.started {
            return Err(AppendError::NoEpoch);
        }
        let body_bytes = record.body_bytes();
        let run = self.run_change(record.run)?;
        let fresh = if depends.is_empty() { Vector::new() } else { self.dependencies.fresh(self.id, depends) };
        let split = !fresh.is_empty() && self.filling.as_ref().is_some_and(|filling| !filling.is_empty());
        let whole = FragmentHeader::encoded_bytes(true, record.run) + body_bytes;
        if split || self.filling.as_ref().is_none_or(|filling| filling.room() < whole) {
            if body_bytes > RECORD_BYTES_MAX {
                return Err(AppendError::TooLong);
            }
            self.check_room(body_bytes, split)?;
        }
        if split {
            self.close_filling(BlockFlags::default());
            self.stats.dependency_splits += 1;
        }
        if !fresh.is_empty() {
            // A full block takes no further fragment, so the record begins in the next one: the wait is its.
            let block = self
                .filling
                .as_ref()
                .filter(|filling| filling.room() > 0)
                .map_or(self.next_block, |filling| filling.lsn);
            self.dependencies.wait(block, fresh);
        }
        self.apply_run(run);
        Ok(self.push_record(&record))
    }

    /// Whether a record with a body of this length finds room now. Its dependencies may still need a block more.
    #[must_use]
    pub fn can_append(&self, body_bytes: usize) -> bool {
        let open = self.latch.is_none() && self.started && body_bytes <= RECORD_BYTES_MAX;
        // Behind the block that is filling, two more take the longest record, even if the first ends early with its segment.
        let spacious = self.pool.len() >= 2
            && self.geometry.payload_bytes() >= BLOCK_BYTES_MAX as u64
            && self.next_block.plus(3 * BLOCK_BYTES_MAX as u64) <= self.ready_end;
        open && (spacious || self.check_room(body_bytes, true).is_ok())
    }

    /// A run id that no other run of this epoch has.
    pub fn next_run(&mut self) -> RunId {
        self.next_run += 1;
        RunId(self.next_run)
    }

    /// Checks that all blocks that the record may need have a buffer and a segment.
    pub(super) fn check_room(&self, body_bytes: usize, split: bool) -> Result<(), AppendError> {
        let mut rest = body_bytes + RUN_BYTES;
        let mut next = self.next_block;
        if let Some(filling) = &self.filling {
            next = filling.border();
            if !split && filling.room() > 0 {
                if filling.room() >= FRAGMENT_HEADER_BYTES + rest {
                    return Ok(());
                }
                rest -= filling.room() - FRAGMENT_HEADER_BYTES;
                next = filling.lsn.plus(filling.limit as u64);
            }
        }
        for _ in &self.pool {
            if next >= self.ready_end {
                return Err(AppendError::Blocked);
            }
            let limit = self.geometry.block_bytes_max(next);
            let room = limit - BLOCK_HEADER_BYTES - FRAGMENT_HEADER_BYTES;
            if rest <= room {
                return Ok(());
            }
            rest -= room;
            next = next.plus(limit as u64);
        }
        if next < self.ready_end { Err(AppendError::Full) } else { Err(AppendError::Blocked) }
    }

    /// Writes a record for which [`Self::check_room`] found room.
    pub(super) fn push_record(&mut self, record: &Record<'_>) -> Appended {
        let mut body = PartCursor::new(record.parts);
        let mut rest = record.body_bytes();
        self.stirred = true;
        self.stats.payload_bytes += rest as u64;
        self.stats.records += 1;
        let mut location = None;
        loop {
            if self.filling.as_ref().is_some_and(|filling| filling.room() < FRAGMENT_ROOM_MIN) {
                self.close_filling(BlockFlags::default());
            }
            let opened = self.open_block();
            let Some(filling) = self.filling.as_mut().filter(|_| opened) else {
                unreachable!(
                    "lane {}: a record of {} bytes was planned without a buffer or a segment",
                    self.id,
                    record.body_bytes()
                )
            };
            let header_bytes = FragmentHeader::encoded_bytes(location.is_none(), record.run);
            let body_bytes = rest.min(filling.room() - header_bytes);
            rest -= body_bytes;
            let at = filling.push(record, &mut body, location.is_none(), rest == 0, body_bytes);
            let location = *location.get_or_insert(at);
            if rest == 0 {
                let end = filling.end();
                self.marks.append(end);
                return Appended { location, end };
            }
        }
    }

    /// What the record does to the set of open runs.
    fn run_change(&self, run: Run) -> Result<RunChange, AppendError> {
        match run {
            Run::None => Ok(RunChange::Nothing),
            Run::Member(run) => match self.open_runs.binary_search(&run) {
                Ok(_) => Ok(RunChange::Nothing),
                Err(_) if self.open_runs.len() >= OPEN_RUNS_MAX => Err(AppendError::TooManyRuns),
                Err(at) => Ok(RunChange::Open(at, run)),
            },
            Run::Commit(run) | Run::Abort(run) => {
                Ok(self.open_runs.binary_search(&run).map_or(RunChange::Nothing, RunChange::Close))
            }
        }
    }

    fn apply_run(&mut self, change: RunChange) {
        match change {
            RunChange::Nothing => {}
            RunChange::Open(at, run) => self.open_runs.insert(at, run),
            RunChange::Close(at) => {
                self.open_runs.remove(at);
            }
        }
    }
}

/// How a record changes the set of open runs.
enum RunChange {
    Nothing,
    /// A first member.
    Open(usize, RunId),
    /// The end of a run.
    Close(usize),
}

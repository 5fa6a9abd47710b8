//! The index on disk, so that a start need not read the whole journal.
//!
//! Core 0 writes it into the checkpoint lane from the snapshots of all cores. A snapshot is taken in three steps whose order is
//! the proof: (1) every lane gives a mark, at a moment when no transaction over several lanes is open; (2) the index is copied,
//! which shows every effect before the marks and some behind them; (3) what was appended up to the copy is promised. Only then
//! the checkpoint is closed. Effects behind the marks are replayed and change nothing the second time; without step 3 an
//! acknowledgement that the copy already shows could be lost in a crash, and its message with it.

use std::mem::{Discriminant, discriminant};

use journal::{BlockBuffer, CheckpointWriter, CheckpointWritten, LaneId, LaneKind, LaneMark, Vector};

use super::{Effect, Home};
use crate::limits;
use crate::mail::{Letter, Snapshot};
use crate::message::CoreId;
use crate::queue::Entry;
use crate::store::encode;
use crate::store::index::{IndexWriter, Indexed};
use crate::store::record::{self, Shape};

/// Rows of one INDEX item.
const ROWS_PER_ITEM: usize = 1_024;

/// Where checkpoints stand on this core.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    state: State,
    /// Somebody asked for one.
    wanted: bool,
    /// Core 0 waits for this core's snapshot.
    snapshot_wanted: bool,
    /// The last turn took a step, so that the next turn may take another one. No event announces that on an idle core.
    moved: bool,
    /// How many were written in this run.
    written: u64,
    /// Bytes of this core's last snapshot.
    snapshot_bytes: u64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// Snapshots come in; each core tells when its own is promised.
    Gathering { snapshots: Vec<Snapshot>, safe: u16 },
    /// The checkpoint is being written.
    Writing { writer: CheckpointWriter, chunks: Vec<Vec<u8>> },
    /// It counts once it is promised.
    Closing(CheckpointWritten),
}

impl Checkpoints {
    /// Changes with every step.
    fn step(&self) -> (Discriminant<State>, bool, u64) {
        (discriminant(&self.state), self.snapshot_wanted, self.written)
    }
}

impl<B: BlockBuffer> Home<B> {
    /// Asks for a checkpoint as soon as it can be written. On core 0.
    pub fn want_checkpoint(&mut self) {
        self.checkpoints.wanted = true;
    }

    /// Is nothing of a checkpoint under way or wanted?
    pub fn checkpoint_is_idle(&self) -> bool {
        matches!(self.checkpoints.state, State::Idle) && !self.checkpoints.wanted
    }

    /// Checkpoints that were closed in this run.
    pub fn checkpoints_written(&self) -> u64 {
        self.checkpoints.written
    }

    /// Core 0 asks for a snapshot.
    pub fn want_snapshot(&mut self) {
        self.checkpoints.snapshot_wanted = true;
    }

    /// A core's snapshot has come. On core 0.
    pub fn take_snapshot(&mut self, snapshot: Snapshot) {
        if let State::Gathering { snapshots, .. } = &mut self.checkpoints.state {
            snapshots.push(snapshot);
        }
    }

    /// What a core's snapshot shows is promised. On core 0.
    pub fn snapshot_is_safe(&mut self) {
        if let State::Gathering { safe, .. } = &mut self.checkpoints.state {
            *safe += 1;
        }
    }

    /// Is a turn due for checkpoints, whether or not anything else happens?
    pub(super) fn checkpoint_goes_on(&self) -> bool {
        self.checkpoints.moved
    }

    /// Is a checkpoint wanted or under way, as far as this core is concerned?
    pub(super) fn is_checkpoint_busy(&self) -> bool {
        self.checkpoints.moved || self.checkpoints.snapshot_wanted || !self.checkpoint_is_idle()
    }

    /// Goes on with what checkpoints need of this core.
    pub(super) fn write_checkpoints(&mut self) {
        let before = self.checkpoints.step();
        self.checkpoint_step();
        self.checkpoints.moved = self.checkpoints.step() != before;
    }

    fn checkpoint_step(&mut self) {
        if self.checkpoints.snapshot_wanted
            && let Some(snapshot) = self.snapshot()
        {
            self.checkpoints.snapshot_wanted = false;
            self.send_snapshot(snapshot);
        }
        if self.keeper.is_none() {
            if self.has_grown() {
                self.remember_ends();
                self.letters.push_back((CoreId(0), Letter::CheckpointDue));
            }
            return;
        }
        match std::mem::take(&mut self.checkpoints.state) {
            State::Idle => self.begin_gathering(),
            State::Gathering { snapshots, safe } => self.begin_writing(snapshots, safe),
            State::Writing { writer, chunks } => self.write_chunks(writer, chunks),
            State::Closing(written) => self.close(written),
        }
    }

    fn begin_gathering(&mut self) {
        if !self.checkpoints.wanted && !self.has_grown() {
            return;
        }
        self.checkpoints.wanted = false;
        self.remember_ends();
        self.checkpoints.state = State::Gathering { snapshots: Vec::new(), safe: 0 };
        self.checkpoints.snapshot_wanted = true;
        for core in (0..self.settings.cores).map(CoreId).filter(|core| *core != self.settings.core) {
            self.letters.push_back((core, Letter::SnapshotWanted));
        }
    }

    /// Has a lane grown by as much as a checkpoint is worth?
    fn has_grown(&self) -> bool {
        let worth = self.checkpoint_worth();
        self.lanes.iter().any(|lane| is_data(lane.id) && lane.growth() >= worth)
    }

    /// By how much a lane must grow before the index is written again: the larger it was, the more. So it costs a share of what is
    /// appended, however many messages wait, and a start reads a few times the index at most.
    pub(super) fn checkpoint_worth(&self) -> u64 {
        let of_index = self.checkpoints.snapshot_bytes.saturating_mul(limits::CHECKPOINT_GROWTH_OF_INDEX);
        of_index.min(limits::CHECKPOINT_BYTES_MAX).max(self.settings.checkpoint_bytes)
    }

    fn remember_ends(&mut self) {
        for lane in self.lanes.iter_mut() {
            lane.checkpoint = Some(lane.lane.appended());
        }
    }

    /// Marks and index of this core; none while a transaction over several lanes is open, or a long operation.
    fn snapshot(&mut self) -> Option<Snapshot> {
        if self.open_transactions > 0 || !self.ongoing.is_empty() || !self.prepared.is_empty() {
            return None;
        }
        let mut marks = Vec::new();
        for lane in self.lanes.iter_mut().filter(|lane| is_data(lane.id)) {
            marks.push(lane.lane.mark()?);
        }
        let mut writer = IndexWriter::default();
        self.index_names(&mut writer);
        self.index_messages(&mut writer);
        let chunks = writer.into_chunks();
        self.checkpoints.snapshot_bytes = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Some(Snapshot { marks, chunks })
    }

    fn index_names(&mut self, writer: &mut IndexWriter) {
        let Self { keeper: Some(keeper), scratch, .. } = self else { return };
        encode::queue_id(scratch, crate::message::QueueId(keeper.next_queue.saturating_sub(1)));
        writer.record(record::QUEUE_ID_MARK, scratch);
        for (name, (routing, auto_created)) in &keeper.directory.addresses {
            encode::address(scratch, name, routing.bits(), *auto_created);
            writer.record(record::ADDRESS, scratch);
        }
        for (id, definition) in &keeper.directory.queues {
            encode::queue(scratch, &super::queue::stored(definition, crate::message::QueueId(*id)));
            writer.record(record::QUEUE, scratch);
        }
    }

    /// Every durable message that waits, is in the hands of a consumer, or was acknowledged in an open transaction.
    fn index_messages(&self, writer: &mut IndexWriter) {
        for (key, queue) in self.names.queues() {
            let mut rows: Vec<Indexed> = Vec::new();
            let mut add = |entry: &Entry| {
                if entry.is_durable() {
                    rows.push(self.indexed(entry));
                }
            };
            queue.waiting.iter().for_each(&mut add);
            let holders = queue.consumers.iter().filter_map(|consumer| self.consumers.get(consumer));
            holders.flat_map(|consumer| consumer.held()).for_each(&mut add);
            let orphans = self.sessions.values().flat_map(|session| &session.orphans);
            orphans.filter(|(of, _)| *of == key).for_each(|(_, entry)| add(entry));
            rows.chunks(ROWS_PER_ITEM).for_each(|rows| writer.messages(queue.id, rows));
        }
    }

    fn indexed(&self, entry: &Entry) -> Indexed {
        let large = if entry.is_large() { self.bodies.large(entry.id).map(|large| large.body) } else { None };
        let shape = Shape { size: entry.size(), priority: entry.priority() };
        Indexed { id: entry.id, location: entry.location, shape, large }
    }

    /// Gives the snapshot to core 0, and tells it when all that the snapshot shows is promised.
    fn send_snapshot(&mut self, snapshot: Snapshot) {
        let shown: Vector =
            self.lanes.iter().filter(|lane| is_data(lane.id)).map(|lane| (lane.id, lane.lane.appended())).collect();
        if self.keeper.is_some() {
            self.take_snapshot(snapshot);
        } else {
            self.letters.push_back((CoreId(0), Letter::Snapshot(Box::new(snapshot))));
        }
        self.after(&shown, Effect::SnapshotSafe);
    }

    fn begin_writing(&mut self, snapshots: Vec<Snapshot>, safe: u16) {
        let cores = self.settings.cores;
        if safe < cores || snapshots.len() < usize::from(cores) {
            self.checkpoints.state = State::Gathering { snapshots, safe };
            return;
        }
        let marks: Vec<LaneMark> = snapshots.iter().flat_map(|snapshot| snapshot.marks.iter().cloned()).collect();
        let depends: Vector = marks.iter().map(|mark| (mark.lane, mark.end)).collect();
        self.lanes.await_remote(&depends);
        let Some(lane) = self.lanes.get_mut(LaneId::CHECKPOINT) else { return };
        match CheckpointWriter::begin(&mut lane.lane, &marks) {
            Ok(writer) => {
                let mut chunks: Vec<Vec<u8>> = snapshots.into_iter().flat_map(|snapshot| snapshot.chunks).collect();
                chunks.reverse();
                self.checkpoints.state = State::Writing { writer, chunks };
            }
            Err(_) => self.checkpoints.state = State::Gathering { snapshots, safe },
        }
    }

    fn write_chunks(&mut self, mut writer: CheckpointWriter, mut chunks: Vec<Vec<u8>>) {
        let Some(lane) = self.lanes.get_mut(LaneId::CHECKPOINT) else { return };
        while let Some(chunk) = chunks.last() {
            if writer.chunk(&mut lane.lane, &[chunk]).is_err() {
                self.checkpoints.state = State::Writing { writer, chunks };
                return;
            }
            chunks.pop();
        }
        self.checkpoints.state = match writer.finish(&mut lane.lane) {
            Ok(written) => State::Closing(written),
            Err(_) => State::Writing { writer, chunks },
        };
    }

    fn close(&mut self, written: CheckpointWritten) {
        let Some(lane) = self.lanes.get_mut(LaneId::CHECKPOINT) else { return };
        if lane.lane.promised() < written.end || written.free_older(&mut lane.lane).is_err() {
            self.checkpoints.state = State::Closing(written);
        } else {
            self.checkpoints.written += 1;
        }
    }
}

fn is_data(lane: LaneId) -> bool {
    lane.kind() != LaneKind::Checkpoint
}

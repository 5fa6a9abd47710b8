//! What the conformance suite asks of a driver, and the two drivers of this crate in that shape.

use std::collections::VecDeque;

use super::random::Random;
use super::sim_disk::SimDisk;
use crate::blocking::{BlockingDriver, SyncMode};
use crate::buffer::{AlignedBuffer, BlockBuffer};
use crate::command::{Command, Completion};
use crate::error::IoError;
use crate::ids::LaneId;
use crate::reader::ReadRequest;
use crate::segment_files::{free_segment, prepare_segment};
use crate::storage::{Access, Storage};
use crate::store::{StoreLayout, StoreShape};

/// Carries out commands of several lanes.
pub trait Driver {
    /// Its buffers.
    type Buffer: BlockBuffer;

    /// Buffers for one lane.
    fn buffers(&mut self, count: usize) -> Vec<Self::Buffer>;

    /// Takes buffers back from a lane that is closed.
    fn take_back(&mut self, buffers: Vec<Self::Buffer>) {
        drop(buffers);
    }

    /// Takes a command.
    fn submit(&mut self, lane: LaneId, command: Command<Self::Buffer>);

    /// Waits for the next completion, in any order; `None` when nothing is under way.
    fn complete(&mut self) -> Option<(LaneId, Completion<Self::Buffer>)>;

    /// Reads from a segment file as a running server does, while other commands may be under way; fewer bytes at the end of the file.
    ///
    /// # Errors
    /// When that fails.
    fn read(&mut self, lane: LaneId, request: ReadRequest) -> Result<Vec<u8>, IoError> {
        let path = self.layout().segment(lane, request.segment);
        let storage = self.storage();
        let file = storage.open(&path, Access::Read)?;
        let mut bytes = vec![0; request.bytes];
        let got = storage.read_at(file, request.offset, &mut bytes);
        storage.close(file);
        bytes.truncate(got?);
        Ok(bytes)
    }

    /// The server ended without a word and begins anew; nothing is under way. A driver that can also cuts the power: what it did not make
    /// durable is then gone.
    fn restarted(&mut self) {}

    /// A blocking view of the same files, used while nothing is under way.
    fn storage(&mut self) -> &mut dyn Storage;

    /// Where the store lies; empty when the driver is new.
    fn layout(&self) -> StoreLayout;

    /// The shape of the store.
    fn shape(&self) -> StoreShape;
}

/// The blocking driver behind a queue.
pub struct QueuedBlocking<S> {
    driver: BlockingDriver<S>,
    layout: StoreLayout,
    shape: StoreShape,
    done: VecDeque<(LaneId, Completion<AlignedBuffer>)>,
}

impl<S: Storage> QueuedBlocking<S> {
    /// On this storage.
    #[must_use]
    pub fn new(storage: S, layout: StoreLayout, shape: StoreShape, sync: SyncMode) -> Self {
        let driver = BlockingDriver::new(storage, layout.clone(), shape, sync);
        Self { driver, layout, shape, done: VecDeque::new() }
    }
}

impl<S: Storage> Driver for QueuedBlocking<S> {
    type Buffer = AlignedBuffer;

    fn buffers(&mut self, count: usize) -> Vec<AlignedBuffer> {
        (0..count).map(|_| AlignedBuffer::block()).collect()
    }

    fn submit(&mut self, lane: LaneId, command: Command<AlignedBuffer>) {
        self.done.extend(self.driver.execute(lane, command).map(|completion| (lane, completion)));
    }

    fn complete(&mut self) -> Option<(LaneId, Completion<AlignedBuffer>)> {
        self.done.pop_front()
    }

    fn storage(&mut self) -> &mut dyn Storage {
        self.driver.storage()
    }

    fn layout(&self) -> StoreLayout {
        self.layout.clone()
    }

    fn shape(&self) -> StoreShape {
        self.shape
    }
}

/// When the simulated driver reports a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honesty {
    /// When it is durable.
    Durable,
    /// A control: when it is written, with no flush behind it.
    WrittenOnly,
}

enum Phase {
    /// Nothing was done yet.
    Waiting,
    /// Written, not flushed.
    Written,
}

/// Commands complete in seeded order, writes in two steps; a power cut may strike between any two.
pub struct SimDriver {
    disk: SimDisk,
    layout: StoreLayout,
    shape: StoreShape,
    sync: SyncMode,
    honesty: Honesty,
    random: Random,
    under_way: Vec<(LaneId, Phase, Command<AlignedBuffer>)>,
    spare: Vec<AlignedBuffer>,
}

impl SimDriver {
    /// On this disk.
    #[must_use]
    pub fn new(
        disk: SimDisk,
        layout: StoreLayout,
        shape: StoreShape,
        sync: SyncMode,
        honesty: Honesty,
        seed: u64,
    ) -> Self {
        Self {
            disk,
            layout,
            shape,
            sync,
            honesty,
            random: Random::new(seed),
            under_way: Vec::new(),
            spare: POOL.take(),
        }
    }

    /// The disk.
    #[must_use]
    pub const fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// The disk, to damage it.
    pub const fn disk_mut(&mut self) -> &mut SimDisk {
        &mut self.disk
    }

    /// How many commands are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// The power fails: what is under way may have reached the disk in any part.
    pub fn cut_power(&mut self, seed: u64) {
        self.abandon(true);
        self.disk.cut_power(seed);
    }

    /// The process dies: what is under way is carried out or not, and nothing that was written is flushed.
    pub fn kill_process(&mut self) {
        self.abandon(true);
        self.disk.kill_process();
    }

    fn abandon(&mut self, may_land: bool) {
        for (lane, phase, command) in std::mem::take(&mut self.under_way) {
            let Command::Write { segment, offset, buffer, len, .. } = command else { continue };
            if matches!(phase, Phase::Waiting)
                && may_land
                && self.random.percent(70)
                && let Ok(file) = self.disk.open(&self.layout.segment(lane, segment), Access::Write)
            {
                let _ = self.disk.write_at(file, offset, buffer.as_ref().get(..len).unwrap_or_default());
            }
            self.spare.push(buffer);
        }
    }

    /// Does one step of a command; gives its completion if that was the last.
    fn step(&mut self, index: usize) -> Option<(LaneId, Completion<AlignedBuffer>)> {
        let (lane, phase, command) = self.under_way.swap_remove(index);
        match command {
            Command::Write { ticket, segment, offset, buffer, len } => {
                let result =
                    self.write_step(lane, &phase, segment, offset, buffer.as_ref().get(..len).unwrap_or_default());
                match result {
                    Ok(true) => Some((lane, Completion::Written { ticket, buffer, result: Ok(()) })),
                    Ok(false) => {
                        self.under_way.push((
                            lane,
                            Phase::Written,
                            Command::Write { ticket, segment, offset, buffer, len },
                        ));
                        None
                    }
                    Err(error) => Some((lane, Completion::Written { ticket, buffer, result: Err(error) })),
                }
            }
            Command::PrepareSegment { sequence } => {
                let made = prepare_segment(&mut self.disk, &self.layout, &self.shape, lane, sequence);
                Some((
                    lane,
                    match made {
                        Ok(()) => Completion::SegmentReady { sequence },
                        Err(error) => Completion::SegmentFailed { sequence, error },
                    },
                ))
            }
            Command::FreeSegment { sequence } => {
                let _ = free_segment(&mut self.disk, &self.layout, lane, sequence);
                None
            }
        }
    }

    /// Says whether the write is to be reported.
    fn write_step(
        &mut self,
        lane: LaneId,
        phase: &Phase,
        segment: crate::ids::SegmentSequence,
        offset: u64,
        bytes: &[u8],
    ) -> Result<bool, IoError> {
        let access = if self.sync == SyncMode::Dsync && self.honesty == Honesty::Durable {
            Access::WriteDurable
        } else {
            Access::Write
        };
        let file = self.disk.open(&self.layout.segment(lane, segment), access)?;
        let done = match phase {
            Phase::Waiting => self.disk.write_at(file, offset, bytes).map(|()| access == Access::WriteDurable),
            Phase::Written => self.disk.sync(file).map(|()| true),
        };
        self.disk.close(file);
        Ok(done? || self.honesty == Honesty::WrittenOnly)
    }
}

thread_local! {
    /// Block buffers that outlive a driver: a test that crashes a thousand times would spend its time on asking for memory.
    static POOL: std::cell::Cell<Vec<AlignedBuffer>> = const { std::cell::Cell::new(Vec::new()) };
}

impl Drop for SimDriver {
    fn drop(&mut self) {
        self.abandon(false);
        POOL.set(std::mem::take(&mut self.spare));
    }
}

impl Driver for SimDriver {
    type Buffer = AlignedBuffer;

    fn buffers(&mut self, count: usize) -> Vec<AlignedBuffer> {
        (0..count).map(|_| self.spare.pop().unwrap_or_else(AlignedBuffer::block)).collect()
    }

    fn take_back(&mut self, buffers: Vec<AlignedBuffer>) {
        self.spare.extend(buffers);
    }

    fn submit(&mut self, lane: LaneId, command: Command<AlignedBuffer>) {
        self.under_way.push((lane, Phase::Waiting, command));
    }

    fn complete(&mut self) -> Option<(LaneId, Completion<AlignedBuffer>)> {
        while !self.under_way.is_empty() {
            let index = self.random.index(self.under_way.len());
            if let Some(done) = self.step(index) {
                return Some(done);
            }
        }
        None
    }

    fn restarted(&mut self) {
        let seed = self.random.next();
        self.cut_power(seed);
    }

    fn storage(&mut self) -> &mut dyn Storage {
        &mut self.disk
    }

    fn layout(&self) -> StoreLayout {
        self.layout.clone()
    }

    fn shape(&self) -> StoreShape {
        self.shape
    }
}

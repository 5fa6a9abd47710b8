//! The blocking driver: carries out a lane's commands one after the other on a [`Storage`]. For tools, store creation and tests.

use std::collections::HashMap;

use crate::buffer::BlockBuffer;
use crate::command::{Command, Commands, Completion};
use crate::error::{IoError, Operation};
use crate::ids::{LaneId, Lsn, Now, SegmentSequence};
use crate::lane::Lane;
use crate::segment_files::{free_segment, prepare_segment};
use crate::storage::{Access, FileHandle, Storage};
use crate::store::{StoreLayout, StoreShape};

/// How a write is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// Each write by itself (FUA, or a flush behind it).
    Dsync,
    /// Write, then fdatasync.
    Fdatasync,
}

impl std::fmt::Display for SyncMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dsync => "dsync",
            Self::Fdatasync => "fdatasync",
        })
    }
}

/// Runs the lanes of one store on a storage.
#[derive(Debug)]
pub struct BlockingDriver<S> {
    storage: S,
    layout: StoreLayout,
    shape: StoreShape,
    sync: SyncMode,
    /// Segments that were written, kept open.
    open: HashMap<(LaneId, SegmentSequence), FileHandle>,
    clock: Now,
}

/// Commands that one round of the driver takes from a lane.
const COMMANDS_PER_ROUND: usize = 16;

impl<S: Storage> BlockingDriver<S> {
    /// For a store that exists.
    #[must_use]
    pub fn new(storage: S, layout: StoreLayout, shape: StoreShape, sync: SyncMode) -> Self {
        Self { storage, layout, shape, sync, open: HashMap::new(), clock: Now(1) }
    }

    /// The storage.
    pub const fn storage(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Gives the storage back; closes what is open.
    #[must_use]
    pub fn into_storage(mut self) -> S {
        for (_, file) in self.open.drain() {
            self.storage.close(file);
        }
        self.storage
    }

    /// Carries out one command.
    pub fn execute<B: BlockBuffer>(&mut self, lane: LaneId, command: Command<B>) -> Option<Completion<B>> {
        match command {
            Command::Write { ticket, segment, offset, buffer, len } => {
                let result = self.write(lane, segment, offset, buffer.as_ref().get(..len).unwrap_or_default());
                Some(Completion::Written { ticket, buffer, result })
            }
            Command::PrepareSegment { sequence } => {
                Some(match prepare_segment(&mut self.storage, &self.layout, &self.shape, lane, sequence) {
                    Ok(()) => Completion::SegmentReady { sequence },
                    Err(error) => Completion::SegmentFailed { sequence, error },
                })
            }
            Command::FreeSegment { sequence } => {
                if let Some(file) = self.open.remove(&(lane, sequence)) {
                    self.storage.close(file);
                }
                // If this fails the file stays, and the next start frees it: its FREE record is promised.
                let _ = free_segment(&mut self.storage, &self.layout, lane, sequence);
                None
            }
        }
    }

    fn write(&mut self, lane: LaneId, segment: SegmentSequence, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        let file = match self.open.get(&(lane, segment)) {
            Some(&file) => file,
            None => {
                let access = if self.sync == SyncMode::Dsync { Access::WriteDurable } else { Access::Write };
                let file = self.storage.open(&self.layout.segment(lane, segment), access)?;
                self.open.insert((lane, segment), file);
                file
            }
        };
        if bytes.is_empty() {
            return Err(IoError::from_errno(Operation::Write, libc::EINVAL));
        }
        self.storage.write_at(file, offset, bytes)?;
        match self.sync {
            SyncMode::Dsync => Ok(()),
            SyncMode::Fdatasync => self.storage.sync(file),
        }
    }

    /// Runs the lanes until none has anything to do, telling each what the others have promised. Says whether all of them have promised all
    /// that was appended; if not, a lane is blocked or latched.
    pub fn settle<B: BlockBuffer>(&mut self, lanes: &mut [&mut Lane<B>]) -> bool {
        let mut commands = Commands::with_capacity(COMMANDS_PER_ROUND);
        loop {
            let mut idle = true;
            for lane in lanes.iter_mut() {
                self.clock = self.clock.plus_nanos(1);
                lane.poll(self.clock, &mut commands);
                while let Some(command) = commands.pop() {
                    idle = false;
                    if let Some(completion) = self.execute(lane.id(), command) {
                        lane.complete(completion);
                    }
                }
            }
            idle &= !share_promises(lanes);
            if idle {
                return lanes.iter().all(|lane| lane.promised() >= lane.appended());
            }
        }
    }
}

/// Tells every lane what the others have promised. Says whether any promise moved because of it.
pub fn share_promises<B: BlockBuffer>(lanes: &mut [&mut Lane<B>]) -> bool {
    let promised: Vec<(LaneId, Lsn)> = lanes.iter().map(|lane| (lane.id(), lane.promised())).collect();
    let mut moved = false;
    for lane in lanes.iter_mut() {
        let (own, before) = (lane.id(), lane.promised());
        for &(other, lsn) in promised.iter().filter(|(other, _)| *other != own) {
            lane.note_promised(other, lsn);
        }
        moved |= lane.promised() > before;
    }
    moved
}

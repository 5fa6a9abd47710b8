//! The files of all lanes on the simulated disk: carries out commands and cold reads in an order that follows from the seed.
//!
//! Takes commands, gives completions, one step at a time: a write and its flush are two steps, so a crash comes between any two
//! operations of the disk. Gives, at any step, what a crash would leave.

use journal::testing::{Honesty, Random, SimDisk};
use journal::{
    Access, Command, IoError, LaneId, SegmentSequence, Storage, StoreLayout, StoreShape, SyncMode, Ticket,
    free_segment, prepare_segment,
};

use super::buffer::Buffer;
use crate::home::ColdRead;

/// Of 100 writes that are under way when the machine stops, how many have reached the disk's cache.
const LANDED_PERCENT: u64 = 70;

/// How the machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The power fails: what is not flushed is kept, dropped or torn.
    PowerCut,
    /// The process dies: what was written stays, and stays unflushed.
    Kill,
}

/// A write under way.
struct Write {
    lane: LaneId,
    ticket: Ticket,
    segment: SegmentSequence,
    offset: u64,
    buffer: Buffer,
    len: usize,
    /// Written, not flushed.
    written: bool,
}

/// Something under way. The number is that of the core that wants it.
enum Work {
    Write(usize, Write),
    Prepare(usize, LaneId, SegmentSequence),
    Free(LaneId, SegmentSequence),
    Read(usize, ColdRead),
}

/// Something done, for the core of this number.
pub(in crate::testing) enum Done {
    Written { core: usize, lane: LaneId, ticket: Ticket, buffer: Buffer, result: Result<(), IoError> },
    Prepared { core: usize, lane: LaneId, sequence: SegmentSequence, result: Result<(), IoError> },
    Read { core: usize, token: u64, result: Result<Vec<u8>, IoError> },
}

/// The files, and what is under way.
pub(in crate::testing) struct Files {
    pub(in crate::testing) disk: SimDisk,
    pub(in crate::testing) layout: StoreLayout,
    pub(in crate::testing) shape: StoreShape,
    sync: SyncMode,
    honesty: Honesty,
    under_way: Vec<Work>,
    /// Segments of these lanes from these on stay, although they are free: somebody still reads them.
    pub(in crate::testing) pins: Vec<(LaneId, SegmentSequence)>,
}

impl Files {
    pub(in crate::testing) fn new(
        disk: SimDisk,
        layout: StoreLayout,
        shape: StoreShape,
        sync: SyncMode,
        honesty: Honesty,
    ) -> Self {
        Self { disk, layout, shape, sync, honesty, under_way: Vec::new(), pins: Vec::new() }
    }

    /// Takes a lane's command.
    pub(in crate::testing) fn submit(&mut self, core: usize, lane: LaneId, command: Command<Buffer>) {
        self.under_way.push(match command {
            Command::Write { ticket, segment, offset, buffer, len } => {
                Work::Write(core, Write { lane, ticket, segment, offset, buffer, len, written: false })
            }
            Command::PrepareSegment { sequence } => Work::Prepare(core, lane, sequence),
            Command::FreeSegment { sequence } => Work::Free(lane, sequence),
        });
    }

    /// Takes a cold read.
    pub(in crate::testing) fn read(&mut self, core: usize, read: ColdRead) {
        self.under_way.push(Work::Read(core, read));
    }

    /// What of it may go on.
    pub(in crate::testing) fn steps(&self) -> impl Iterator<Item = usize> + '_ {
        let may = |work: &Work| match work {
            Work::Free(lane, sequence) => !self.pins.iter().any(|(of, from)| of == lane && sequence >= from),
            _ => true,
        };
        self.under_way.iter().enumerate().filter(move |(_, work)| may(work)).map(|(at, _)| at)
    }

    /// How much is under way.
    pub(in crate::testing) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Does one step of one thing that is under way.
    pub(in crate::testing) fn step(&mut self, index: usize) -> Option<Done> {
        if index >= self.under_way.len() {
            return None;
        }
        match self.under_way.swap_remove(index) {
            Work::Write(core, write) => self.write_step(core, write),
            Work::Prepare(core, lane, sequence) => {
                let result = prepare_segment(&mut self.disk, &self.layout, &self.shape, lane, sequence);
                Some(Done::Prepared { core, lane, sequence, result })
            }
            Work::Free(lane, sequence) => {
                // If this fails the file stays, and the next start frees it: its FREE record is promised.
                let _freed = free_segment(&mut self.disk, &self.layout, lane, sequence);
                None
            }
            Work::Read(core, read) => {
                let result = self.read_step(&read);
                Some(Done::Read { core, token: read.token, result })
            }
        }
    }

    fn write_step(&mut self, core: usize, mut write: Write) -> Option<Done> {
        let durable = self.sync == SyncMode::Dsync && self.honesty == Honesty::Durable;
        let access = if durable { Access::WriteDurable } else { Access::Write };
        let result = self.disk.open(&self.layout.segment(write.lane, write.segment), access).and_then(|file| {
            let done = if write.written {
                self.disk.sync(file)
            } else {
                let bytes = write.buffer.as_ref().get(..write.len).unwrap_or_default();
                self.disk.write_at(file, write.offset, bytes)
            };
            self.disk.close(file);
            done
        });
        if result.is_ok() && !write.written && !durable && self.honesty == Honesty::Durable {
            write.written = true;
            self.under_way.push(Work::Write(core, write));
            return None;
        }
        let Write { lane, ticket, buffer, .. } = write;
        Some(Done::Written { core, lane, ticket, buffer, result })
    }

    fn read_step(&mut self, read: &ColdRead) -> Result<Vec<u8>, IoError> {
        let file = self.disk.open(&self.layout.segment(read.lane, read.segment), Access::Read)?;
        let mut bytes = vec![0; read.len];
        let result = self.disk.read_at(file, read.offset, &mut bytes);
        self.disk.close(file);
        bytes.truncate(result?);
        Ok(bytes)
    }

    /// What the disk holds after a crash at this moment. This machine goes on.
    pub(in crate::testing) fn after(&self, crash: Crash, seed: u64) -> SimDisk {
        let mut random = Random::new(seed);
        let mut disk = self.disk.clone();
        for work in &self.under_way {
            let Work::Write(_, write) = work else { continue };
            let lands = !write.written && random.percent(LANDED_PERCENT);
            if lands && let Ok(file) = disk.open(&self.layout.segment(write.lane, write.segment), Access::Write) {
                let bytes = write.buffer.as_ref().get(..write.len).unwrap_or_default();
                // With the power gone already it does not land.
                let _landed = disk.write_at(file, write.offset, bytes);
            }
        }
        match crash {
            Crash::PowerCut => disk.cut_power(random.next()),
            Crash::Kill => disk.kill_process(),
        }
        disk
    }
}

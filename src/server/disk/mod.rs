//! The ring driver of the journal: carries out the commands of one core's lanes, and a home's reads, on the core's ring.
//!
//! Takes commands, reads and the ring's events; tells an [`Owner`] what became of them. What must stay true: a write is reported
//! when the ring says that it is durable, once, with its buffer; nothing is written where the segment maker still writes zeros;
//! what finds no place now is tried again at the next turn, in order.

mod segments;

#[cfg(test)]
mod conformance;

use std::collections::VecDeque;
use std::path::PathBuf;

use journal::{
    Command, Completion, IoError, LaneId, Operation, SegmentSequence, StoreLayout, StoreShape, SyncMode, Ticket,
};
use runtime::segment_maker::Space;
use runtime::{AlignedBuffer, Driver, Ring, Sync, Waker, Why};

use crate::broker::Core;
use crate::home::ColdRead;
use crate::mail::DiskSpace;
use segments::Segments;

/// Marks the token of a cold read among those of writes.
const READ: u64 = 1 << 63;
/// The bits of a ticket in the token of a write; the lane's number stands above them.
const TICKET_BITS: u32 = 47;

/// Files of a core that are kept open.
pub(super) const FILES_OPEN_MAX: usize = 192;

/// How the files are treated.
#[derive(Clone, Copy, Debug)]
pub(super) struct DiskOptions {
    /// How a write is made durable.
    pub(super) sync: SyncMode,
    /// How many freed files of a lane are kept.
    pub(super) spares_max: usize,
    /// How much of a new segment is filled with zeros before it is used.
    pub(super) first_fill_bytes: u64,
    /// How many files are kept open.
    pub(super) files_open_max: usize,
}

/// Who hears what became of commands and reads.
pub(super) trait Owner {
    /// A command was carried out, or it failed.
    fn completed(&mut self, lane: LaneId, completion: Completion<AlignedBuffer>);

    /// A read ended.
    fn read_done(&mut self, token: u64, bytes: Result<&[u8], IoError>);

    /// How full the disk is, for an owner that has asked; or why nobody knows.
    fn disk_measured(&mut self, _measured: Result<DiskSpace, String>) {}
}

impl Owner for Core<AlignedBuffer> {
    fn completed(&mut self, lane: LaneId, completion: Completion<AlignedBuffer>) {
        match completion {
            Completion::Written { ticket, buffer, result } => self.written(lane, ticket, buffer, result),
            Completion::SegmentReady { sequence } => self.segment_ready(lane, sequence),
            Completion::SegmentFailed { sequence, error } => self.segment_failed(lane, sequence, error),
        }
    }

    fn read_done(&mut self, token: u64, bytes: Result<&[u8], IoError>) {
        Core::read_done(self, token, bytes);
    }

    fn disk_measured(&mut self, measured: Result<DiskSpace, String>) {
        Core::disk_measured(self, measured);
    }
}

/// The files of one core's lanes.
pub(super) struct Disk {
    sync: Sync,
    segments: Segments,
    /// Commands that found no place on the ring or in the maker's queue, or that wait for zeros.
    waiting: VecDeque<(LaneId, Command<AlignedBuffer>)>,
    waiting_reads: VecDeque<ColdRead>,
}

impl Disk {
    pub(super) fn new(
        layout: StoreLayout,
        shape: StoreShape,
        options: DiskOptions,
        waker: Waker,
    ) -> std::io::Result<Self> {
        let sync = match options.sync {
            SyncMode::Dsync => Sync::Dsync,
            SyncMode::Fdatasync => Sync::Fdatasync,
        };
        let segments = Segments::new(layout, shape, options, waker)?;
        Ok(Self { sync, segments, waiting: VecDeque::new(), waiting_reads: VecDeque::new() })
    }

    /// Carries out a lane's command; its completion comes to `owner` now, at a turn or by an event.
    pub(super) fn execute<R: Ring>(
        &mut self,
        driver: &mut Driver<R>,
        owner: &mut impl Owner,
        lane: LaneId,
        command: Command<AlignedBuffer>,
    ) {
        match command {
            Command::Write { ticket, segment, offset, buffer, len } => {
                let write = Write { lane, ticket, segment, offset, len };
                self.write(driver, owner, write, buffer);
            }
            Command::PrepareSegment { sequence } => {
                if !self.segments.prepare(lane, sequence) {
                    self.waiting.push_back((lane, command));
                }
            }
            Command::FreeSegment { sequence } => {
                if !self.segments.free(driver, lane, sequence) {
                    self.waiting.push_back((lane, command));
                }
            }
        }
    }

    fn write<R: Ring>(&mut self, driver: &mut Driver<R>, owner: &mut impl Owner, write: Write, buffer: AlignedBuffer) {
        let Write { lane, ticket, segment, offset, len } = write;
        let end = offset + len as u64;
        let file = self.segments.file(driver, lane, segment);
        let now = driver.now();
        let ready = file.and_then(|file| Ok((file, self.segments.is_filled(lane, segment, end, now)?)));
        let file = match ready {
            Ok((file, true)) => file,
            // Without descriptors nothing was written, and nothing is wrong with the disk.
            Err(error) if !error.is_no_descriptor() => {
                return owner.completed(lane, Completion::Written { ticket, buffer, result: Err(error) });
            }
            Ok((_, false)) | Err(_) => {
                return self.waiting.push_back((lane, Command::Write { ticket, segment, offset, buffer, len }));
            }
        };
        let token = (u64::from(lane.number()) << TICKET_BITS) | (ticket.0 & ((1 << TICKET_BITS) - 1));
        let Err(refused) = driver.write(file, offset, buffer, len, self.sync, token) else { return };
        let buffer = refused.buffer;
        if refused.why == Why::FileOperationsFull {
            self.waiting.push_back((lane, Command::Write { ticket, segment, offset, buffer, len }));
        } else {
            let error = IoError::from_errno(Operation::Write, journal::EIO).at(&self.segments.path(lane, segment));
            owner.completed(lane, Completion::Written { ticket, buffer, result: Err(error) });
        }
    }

    /// The file of a segment.
    pub(super) fn path(&self, lane: LaneId, segment: SegmentSequence) -> PathBuf {
        self.segments.path(lane, segment)
    }

    /// Does something wait that no event will announce?
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.waiting_reads.is_empty()
    }

    /// A write of a lane ended.
    pub(super) fn written(
        owner: &mut impl Owner,
        token: u64,
        buffer: AlignedBuffer,
        result: Result<(), runtime::IoError>,
    ) {
        let lane = u16::try_from(token >> TICKET_BITS).ok().and_then(LaneId::from_number);
        let Some(lane) = lane else { return };
        let ticket = Ticket(token & ((1 << TICKET_BITS) - 1));
        owner.completed(lane, Completion::Written { ticket, buffer, result: result.map_err(io_error) });
    }

    /// Reads for a home.
    pub(super) fn read<R: Ring>(&mut self, driver: &mut Driver<R>, owner: &mut impl Owner, read: ColdRead) {
        let file = match self.segments.file(driver, read.lane, read.segment) {
            Ok(file) => file,
            Err(error) if error.is_no_descriptor() => return self.waiting_reads.push_back(read),
            Err(error) => return owner.read_done(read.token, Err(error)),
        };
        let Some(buffer) = driver.take_buffer() else { return self.waiting_reads.push_back(read) };
        let Err(refused) = driver.read(file, read.offset, buffer, read.len, READ | read.token) else { return };
        driver.give_buffer(refused.buffer);
        if refused.why == Why::FileOperationsFull {
            self.waiting_reads.push_back(read);
        } else {
            let path = self.segments.path(read.lane, read.segment);
            owner.read_done(read.token, Err(IoError::from_errno(Operation::Read, journal::EIO).at(&path)));
        }
    }

    /// Finds out how full the disk is; the answer comes to `owner` now or at a turn.
    pub(super) fn measure(&self, owner: &mut impl Owner) {
        if !self.segments.measure() {
            owner.disk_measured(Err("the disk is too busy to be measured; try again".to_owned()));
        }
    }

    /// A read ended.
    pub(super) fn read_done<R: Ring>(
        driver: &mut Driver<R>,
        owner: &mut impl Owner,
        token: u64,
        buffer: AlignedBuffer,
        result: Result<usize, runtime::IoError>,
    ) {
        let bytes = result.map_err(io_error).map(|len| buffer.as_ref().get(..len).unwrap_or_default());
        owner.read_done(token & !READ, bytes);
        driver.give_buffer(buffer);
    }

    /// Goes on with what had to wait, and tells of the segments that were made. Called once a turn of the loop.
    pub(super) fn turn<R: Ring>(&mut self, driver: &mut Driver<R>, owner: &mut impl Owner) {
        while let Some((lane, sequence, result)) = self.segments.next_made(driver) {
            owner.completed(
                lane,
                match result {
                    Ok(()) => Completion::SegmentReady { sequence },
                    Err(error) => Completion::SegmentFailed { sequence, error },
                },
            );
        }
        if let Some(measured) = self.segments.next_measured() {
            let told = measured.map(|Space { used, total }| DiskSpace { used, total });
            owner.disk_measured(told.map_err(|errno| format!("the disk cannot be measured: {errno}")));
        }
        for (lane, command) in std::mem::take(&mut self.waiting) {
            self.execute(driver, owner, lane, command);
        }
        for read in std::mem::take(&mut self.waiting_reads) {
            self.read(driver, owner, read);
        }
    }
}

/// A write, without its buffer.
#[derive(Clone, Copy)]
struct Write {
    lane: LaneId,
    ticket: Ticket,
    segment: SegmentSequence,
    offset: u64,
    len: usize,
}

/// An error of the ring as the journal names it.
fn io_error(error: runtime::IoError) -> IoError {
    let operation = match error.step {
        runtime::error::Step::Write => Operation::Write,
        runtime::error::Step::Sync => Operation::Sync,
        runtime::error::Step::Read => Operation::Read,
    };
    IoError::from_errno(operation, error.errno.0)
}

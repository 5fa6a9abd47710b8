//! The files of one core's lanes on its ring: carries out the commands of the lanes.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use journal::{Command, IoError, LaneId, Operation, SegmentSequence, StoreLayout, StoreShape, SyncMode, Ticket};
use runtime::limits::FIRST_FILL_BYTES;
use runtime::segment_maker::{Frontier, Order, Reply, Request, SegmentMaker};
use runtime::{AlignedBuffer, Driver, FileId, Sync, Waker, Why};

use crate::broker::Core;
use crate::home::ColdRead;

/// Marks the token of a cold read among those of writes.
const READ: u64 = 1 << 63;
/// The bits of a ticket in the token of a write; the lane's number stands above them.
const TICKET_BITS: u32 = 47;
/// Files kept open for reading only.
const FILES_OPEN_MAX: usize = 192;

/// How the files are treated.
#[derive(Clone, Copy, Debug)]
pub(super) struct DiskOptions {
    /// How a write is made durable.
    pub(super) sync: SyncMode,
    /// How many freed files of a lane are kept.
    pub(super) spares_max: usize,
}

/// The files of one core's lanes.
pub(super) struct Disk {
    layout: StoreLayout,
    shape: StoreShape,
    sync: Sync,
    maker: SegmentMaker,
    files: HashMap<(LaneId, SegmentSequence), FileId>,
    /// In the order in which they were opened.
    opened: VecDeque<(LaneId, SegmentSequence)>,
    orders: HashMap<u64, (LaneId, SegmentSequence)>,
    next_order: u64,
    /// Segments that are still being filled with zeros: what is written above would be lost.
    frontiers: HashMap<(LaneId, SegmentSequence), Frontier>,
    /// How many freed files of a lane are kept.
    spares_max: usize,
    /// Freed files that can be used again.
    spares: HashMap<LaneId, Vec<PathBuf>>,
    /// Commands that found no place on the ring or in the maker's queue.
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
        Ok(Self {
            layout,
            shape,
            sync,
            maker: SegmentMaker::start(waker)?,
            files: HashMap::new(),
            opened: VecDeque::new(),
            orders: HashMap::new(),
            next_order: 0,
            frontiers: HashMap::new(),
            spares_max: options.spares_max,
            spares: HashMap::new(),
            waiting: VecDeque::new(),
            waiting_reads: VecDeque::new(),
        })
    }

    /// Carries out a lane's command; its completion comes to `core` now or by an event.
    pub(super) fn execute(
        &mut self,
        driver: &mut Driver,
        core: &mut Core<AlignedBuffer>,
        lane: LaneId,
        command: Command<AlignedBuffer>,
    ) {
        match command {
            Command::Write { ticket, segment, offset, buffer, len } => {
                let write = Write { lane, ticket, segment, offset, len };
                self.write(driver, core, write, buffer);
            }
            Command::PrepareSegment { sequence } => self.prepare(lane, sequence),
            Command::FreeSegment { sequence } => self.free(driver, lane, sequence),
        }
    }

    fn write(&mut self, driver: &mut Driver, core: &mut Core<AlignedBuffer>, write: Write, buffer: AlignedBuffer) {
        let Write { lane, ticket, segment, offset, len } = write;
        let file = match self.file(driver, lane, segment) {
            Ok(file) => file,
            Err(error) => return core.written(lane, ticket, buffer, Err(error)),
        };
        match self.is_filled(lane, segment, offset + len as u64) {
            Ok(true) => {}
            Ok(false) => {
                return self.waiting.push_back((lane, Command::Write { ticket, segment, offset, buffer, len }));
            }
            Err(error) => return core.written(lane, ticket, buffer, Err(error)),
        }
        let token = (u64::from(lane.number()) << TICKET_BITS) | (ticket.0 & ((1 << TICKET_BITS) - 1));
        if let Err(refused) = driver.write(file, offset, buffer, len, self.sync, token) {
            if refused.why == Why::FileOperationsFull {
                let command = Command::Write { ticket, segment, offset, buffer: refused.buffer, len };
                self.waiting.push_back((lane, command));
            } else {
                let error = IoError::from_errno(Operation::Write, journal::EIO).at(&self.layout.segment(lane, segment));
                core.written(lane, ticket, refused.buffer, Err(error));
            }
        }
    }

    /// May be written up to here? Segments are used while the background still fills their ends.
    fn is_filled(&mut self, lane: LaneId, segment: SegmentSequence, end: u64) -> Result<bool, IoError> {
        let Some(frontier) = self.frontiers.get(&(lane, segment)) else { return Ok(true) };
        let filled = frontier.filled();
        if filled >= self.shape.geometry(lane).segment_bytes() {
            self.frontiers.remove(&(lane, segment));
            return Ok(true);
        }
        match frontier.failure() {
            Some(errno) if filled < end => {
                Err(IoError::from_errno(Operation::Write, errno.0).at(&self.layout.segment(lane, segment)))
            }
            _ => Ok(filled >= end),
        }
    }

    /// Does something wait that no event will announce?
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.waiting_reads.is_empty()
    }

    /// A write of a lane ended.
    pub(super) fn written(
        core: &mut Core<AlignedBuffer>,
        token: u64,
        buffer: AlignedBuffer,
        result: Result<(), runtime::IoError>,
    ) {
        let lane = u16::try_from(token >> TICKET_BITS).ok().and_then(LaneId::from_number);
        let Some(lane) = lane else { return };
        let ticket = Ticket(token & ((1 << TICKET_BITS) - 1));
        core.written(lane, ticket, buffer, result.map_err(io_error));
    }

    /// Reads for a home.
    pub(super) fn read(&mut self, driver: &mut Driver, core: &mut Core<AlignedBuffer>, read: ColdRead) {
        let file = match self.file(driver, read.lane, read.segment) {
            Ok(file) => file,
            Err(error) => return core.read_done(read.token, Err(error)),
        };
        let Some(buffer) = driver.take_buffer() else { return self.waiting_reads.push_back(read) };
        if let Err(refused) = driver.read(file, read.offset, buffer, read.len, READ | read.token) {
            driver.give_buffer(refused.buffer);
            self.waiting_reads.push_back(read);
        }
    }

    /// A read ended.
    pub(super) fn read_done(
        driver: &mut Driver,
        core: &mut Core<AlignedBuffer>,
        token: u64,
        buffer: AlignedBuffer,
        result: Result<usize, runtime::IoError>,
    ) {
        let bytes = result.map_err(io_error).map(|len| buffer.as_ref().get(..len).unwrap_or_default());
        core.read_done(token & !READ, bytes);
        driver.give_buffer(buffer);
    }

    /// Goes on with what had to wait, and takes what the segment maker has done.
    pub(super) fn turn(&mut self, driver: &mut Driver, core: &mut Core<AlignedBuffer>) {
        while let Some((lane, sequence, result)) = self.next_made(driver) {
            match result {
                Ok(()) => core.segment_ready(lane, sequence),
                Err(error) => core.segment_failed(lane, sequence, error),
            }
        }
        for (lane, command) in std::mem::take(&mut self.waiting) {
            self.execute(driver, core, lane, command);
        }
        for read in std::mem::take(&mut self.waiting_reads) {
            self.read(driver, core, read);
        }
    }

    /// The next segment that was made, or could not be.
    pub(super) fn next_made(&mut self, driver: &mut Driver) -> Option<(LaneId, SegmentSequence, Result<(), IoError>)> {
        while let Some(reply) = self.maker.reply() {
            let (token, result) = match reply {
                Reply::Made { token, file, .. } => (token, Ok(file)),
                Reply::Failed { token, errno } => (token, Err(errno)),
                Reply::NotDeleted { errno, .. } => {
                    crate::event!(JN205, "a freed segment could not be deleted: {errno}");
                    continue;
                }
            };
            let Some((lane, sequence)) = self.orders.remove(&token) else { continue };
            let result = match result {
                Ok(file) => self.register(driver, lane, sequence, file).map(drop),
                Err(errno) => {
                    self.frontiers.remove(&(lane, sequence));
                    let error =
                        IoError::from_errno(Operation::Create, errno.0).at(&self.layout.segment(lane, sequence));
                    crate::event!(JN204, %lane, "a segment could not be made: {error}");
                    Err(error)
                }
            };
            return Some((lane, sequence, result));
        }
        None
    }

    /// Has a segment made: usable when its beginning is filled, filled to its end in the background.
    pub(super) fn prepare(&mut self, lane: LaneId, sequence: SegmentSequence) {
        let header = self.shape.segment_header(lane, sequence);
        let path = self.layout.segment(lane, sequence);
        let token = self.next_order;
        let order = Order {
            token,
            directory: path.parent().map(PathBuf::from).unwrap_or_default(),
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            bytes: header.geometry.segment_bytes(),
            header: header.encode(),
            recycle: self.spares.get_mut(&lane).and_then(Vec::pop),
        };
        let recycle = order.recycle.clone();
        let filled = order.bytes.min(FIRST_FILL_BYTES);
        let frontier = Frontier::new();
        if self.maker.request(Request::Begin { order, filled, frontier: frontier.clone() }).is_ok() {
            self.next_order += 1;
            self.orders.insert(token, (lane, sequence));
            self.frontiers.insert((lane, sequence), frontier);
        } else {
            self.spares.entry(lane).or_default().extend(recycle);
            self.waiting.push_back((lane, Command::PrepareSegment { sequence }));
        }
    }

    fn free(&mut self, driver: &mut Driver, lane: LaneId, sequence: SegmentSequence) {
        if let Some(file) = self.files.remove(&(lane, sequence)) {
            driver.unregister_file(file);
        }
        let path = self.layout.segment(lane, sequence);
        let spares = self.spares.entry(lane).or_default();
        if spares.len() < self.spares_max {
            spares.push(path);
        } else if self.maker.request(Request::Delete { path, token: 0 }).is_err() {
            self.waiting.push_back((lane, Command::FreeSegment { sequence }));
        }
    }

    /// The file of a segment, opened if it is not.
    fn file(&mut self, driver: &mut Driver, lane: LaneId, sequence: SegmentSequence) -> Result<FileId, IoError> {
        if let Some(file) = self.files.get(&(lane, sequence)) {
            return Ok(*file);
        }
        let path = self.layout.segment(lane, sequence);
        let file = OpenOptions::new().read(true).write(true).custom_flags(libc_o_direct()).open(&path);
        let file = file.map_err(|error| IoError::new(Operation::Open, &path, &error))?;
        self.resume_filling(lane, sequence, &file);
        self.register(driver, lane, sequence, file)
    }

    /// Goes on filling a segment whose filling the last process did not finish. What is not filled is a hole for the file system.
    fn resume_filling(&mut self, lane: LaneId, sequence: SegmentSequence, file: &File) {
        let bytes = self.shape.geometry(lane).segment_bytes();
        let hole =
            nix::unistd::lseek(file, 0, nix::unistd::Whence::SeekHole).ok().and_then(|at| u64::try_from(at).ok());
        let Some(from) = hole.filter(|at| *at < bytes && !self.frontiers.contains_key(&(lane, sequence))) else {
            return;
        };
        let Ok(file) = file.try_clone() else { return };
        let frontier = Frontier::new();
        if self.maker.request(Request::Resume { file, from, frontier: frontier.clone() }).is_ok() {
            self.frontiers.insert((lane, sequence), frontier);
        }
    }

    fn register(
        &mut self,
        driver: &mut Driver,
        lane: LaneId,
        sequence: SegmentSequence,
        file: File,
    ) -> Result<FileId, IoError> {
        while self.files.len() >= FILES_OPEN_MAX {
            let Some(oldest) = self.opened.pop_front() else { break };
            if let Some(id) = self.files.remove(&oldest) {
                driver.unregister_file(id);
            }
        }
        let path = self.layout.segment(lane, sequence);
        let id = driver.register_file(file).map_err(|error| IoError::new(Operation::Open, &path, &error))?;
        self.files.insert((lane, sequence), id);
        self.opened.push_back((lane, sequence));
        Ok(id)
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

fn libc_o_direct() -> i32 {
    nix::fcntl::OFlag::O_DIRECT.bits()
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

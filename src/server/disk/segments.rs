//! The segment files of one core's lanes: made, filled, opened and freed, none of it inside a write.
//!
//! What must stay true: a write waits until zeros reach its end; a full disk makes it wait longer and nothing worse, as long as
//! nothing of the segment's end was written; a file that is open for reading only may be closed at any time and comes back.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use journal::{Directory, IoError, LaneId, Operation, SegmentSequence, StoreLayout, StoreShape};
use nix::unistd::{Whence, lseek};
use runtime::segment_maker::{Frontier, Order, Reply, Request, SegmentMaker, Space};
use runtime::{Driver, FileId, Moment, Ring, Waker};

use super::DiskOptions;

/// What a direct write must be aligned to.
const PAGE_BYTES: u64 = 4096;
/// After the disk was full, filling is tried again after this time.
const FILL_PAUSE: Duration = Duration::from_millis(100);

type Key = (LaneId, SegmentSequence);

/// A segment that was made, or could not be.
pub(super) type Made = (LaneId, SegmentSequence, Result<(), IoError>);

pub(super) struct Segments {
    layout: StoreLayout,
    shape: StoreShape,
    options: DiskOptions,
    maker: SegmentMaker,
    files: HashMap<Key, FileId>,
    /// Those of `files`, in the order in which they were opened.
    opened: VecDeque<Key>,
    orders: HashMap<u64, Key>,
    next_order: u64,
    /// Segments that are still being filled with zeros: what is written above would be lost.
    frontiers: HashMap<Key, Frontier>,
    /// No filling is tried again before.
    fill_at: Moment,
    /// How full the disk is, as the maker found it.
    measured: Option<Result<Space, runtime::Errno>>,
    /// Freed files that can be used again.
    spares: HashMap<LaneId, Vec<PathBuf>>,
}

impl Segments {
    pub(super) fn new(
        layout: StoreLayout,
        shape: StoreShape,
        options: DiskOptions,
        waker: Waker,
    ) -> std::io::Result<Self> {
        Ok(Self {
            layout,
            shape,
            options,
            maker: SegmentMaker::start(waker)?,
            files: HashMap::new(),
            opened: VecDeque::new(),
            orders: HashMap::new(),
            next_order: 0,
            frontiers: HashMap::new(),
            fill_at: Moment::from_nanoseconds(0),
            measured: None,
            spares: HashMap::new(),
        })
    }

    pub(super) fn path(&self, lane: LaneId, sequence: SegmentSequence) -> PathBuf {
        self.layout.segment(lane, sequence)
    }

    /// Has a segment made: usable when its beginning is filled, filled to its end in the background. False: not now.
    pub(super) fn prepare(&mut self, lane: LaneId, sequence: SegmentSequence) -> bool {
        let header = self.shape.segment_header(lane, sequence);
        let path = self.path(lane, sequence);
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
        let filled = order.bytes.min(self.options.first_fill_bytes);
        let frontier = Frontier::new();
        if self.maker.request(Request::Begin { order, filled, frontier: frontier.clone() }).is_err() {
            self.spares.entry(lane).or_default().extend(recycle);
            return false;
        }
        self.next_order += 1;
        self.orders.insert(token, (lane, sequence));
        self.frontiers.insert((lane, sequence), frontier);
        true
    }

    /// The next segment that was made, or could not be.
    pub(super) fn next_made<R: Ring>(&mut self, driver: &mut Driver<R>) -> Option<Made> {
        while let Some(reply) = self.maker.reply() {
            let (token, result) = match reply {
                Reply::Made { token, file, .. } => (token, Ok(file)),
                Reply::Failed { token, errno } => (token, Err(errno)),
                Reply::Measured(measured) => {
                    self.measured = Some(measured);
                    continue;
                }
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
                    let error = IoError::from_errno(Operation::Create, errno.0).at(&self.path(lane, sequence));
                    crate::event!(JN204, %lane, "a segment could not be made: {error}");
                    Err(error)
                }
            };
            return Some((lane, sequence, result));
        }
        None
    }

    /// Has it found out how full the file systems are that segments lie on. False: not now.
    pub(super) fn measure(&self) -> bool {
        let all = [Directory::Bindings, Directory::Journal, Directory::LargeMessages];
        let directories = all.map(|directory| self.layout.directory(directory).to_owned()).to_vec();
        self.maker.request(Request::Measure { directories }).is_ok()
    }

    /// What came of it, once it is known.
    pub(super) fn next_measured(&mut self) -> Option<Result<Space, runtime::Errno>> {
        self.measured.take()
    }

    /// Takes the file of a freed segment away, or keeps it to be used again. False: not now.
    pub(super) fn free<R: Ring>(&mut self, driver: &mut Driver<R>, lane: LaneId, sequence: SegmentSequence) -> bool {
        self.close(driver, (lane, sequence));
        let path = self.path(lane, sequence);
        let bytes = self.shape.geometry(lane).segment_bytes();
        // While zeros are still written into it, it must not become another segment.
        let is_filled = self.frontiers.remove(&(lane, sequence)).is_none_or(|frontier| frontier.filled() >= bytes);
        let spares = self.spares.entry(lane).or_default();
        if is_filled && spares.len() < self.options.spares_max {
            spares.push(path);
            return true;
        }
        self.maker.request(Request::Delete { path, token: 0 }).is_ok()
    }

    /// May be written up to here? Segments are used while the background still fills their ends.
    pub(super) fn is_filled(
        &mut self,
        lane: LaneId,
        sequence: SegmentSequence,
        end: u64,
        now: Moment,
    ) -> Result<bool, IoError> {
        let Some(frontier) = self.frontiers.get(&(lane, sequence)) else { return Ok(true) };
        // The failure first: what was filled before it counts.
        let (failure, filled) = (frontier.failure(), frontier.filled());
        if filled >= self.shape.geometry(lane).segment_bytes() {
            self.frontiers.remove(&(lane, sequence));
            return Ok(true);
        }
        if filled >= end {
            return Ok(true);
        }
        let Some(errno) = failure else { return Ok(false) };
        let error = IoError::from_errno(Operation::Write, errno.0).at(&self.path(lane, sequence));
        if !error.is_no_space() {
            return Err(error);
        }
        if now < self.fill_at {
            return Ok(false);
        }
        self.fill_at = now + FILL_PAUSE;
        crate::event!(JN204, %lane, "a segment could not be filled: {error}");
        let file = self.open(lane, sequence)?;
        self.resume(lane, sequence, file, filled);
        Ok(false)
    }

    /// The file of a segment, opened if it is not.
    pub(super) fn file<R: Ring>(
        &mut self,
        driver: &mut Driver<R>,
        lane: LaneId,
        sequence: SegmentSequence,
    ) -> Result<FileId, IoError> {
        if let Some(file) = self.files.get(&(lane, sequence)) {
            return Ok(*file);
        }
        let file = self.open(lane, sequence)?;
        self.find_unfilled(lane, sequence, &file);
        self.register(driver, lane, sequence, file)
    }

    fn open(&self, lane: LaneId, sequence: SegmentSequence) -> Result<File, IoError> {
        let path = self.path(lane, sequence);
        let direct = nix::fcntl::OFlag::O_DIRECT.bits();
        let file = OpenOptions::new().read(true).write(true).custom_flags(direct).open(&path);
        file.map_err(|error| IoError::new(Operation::Open, &path, &error))
    }

    /// Goes on filling a segment whose filling the last process did not finish. What is not filled is a hole for the file system.
    fn find_unfilled(&mut self, lane: LaneId, sequence: SegmentSequence, file: &File) {
        let bytes = self.shape.geometry(lane).segment_bytes();
        let hole = lseek(file, 0, Whence::SeekHole).ok().and_then(|at| u64::try_from(at).ok());
        let hole = hole.and_then(|at| at.checked_next_multiple_of(PAGE_BYTES));
        let Some(from) = hole.filter(|at| *at < bytes && !self.frontiers.contains_key(&(lane, sequence))) else {
            return;
        };
        if let Ok(file) = file.try_clone() {
            self.resume(lane, sequence, file, from);
        }
    }

    /// Puts a frontier there by hand.
    #[cfg(test)]
    pub(super) fn set_frontier(&mut self, lane: LaneId, sequence: SegmentSequence, frontier: Frontier) {
        self.frontiers.insert((lane, sequence), frontier);
    }

    /// Has a segment filled from here on. When the maker takes no more now, all stays as it was.
    fn resume(&mut self, lane: LaneId, sequence: SegmentSequence, file: File, from: u64) {
        let frontier = Frontier::at(from);
        if self.maker.request(Request::Resume { file, from, frontier: frontier.clone() }).is_ok() {
            self.frontiers.insert((lane, sequence), frontier);
        }
    }

    fn register<R: Ring>(
        &mut self,
        driver: &mut Driver<R>,
        lane: LaneId,
        sequence: SegmentSequence,
        file: File,
    ) -> Result<FileId, IoError> {
        while self.files.len() >= self.options.files_open_max
            && let Some(oldest) = self.opened.front().copied()
        {
            self.close(driver, oldest);
        }
        let path = self.path(lane, sequence);
        let id = driver.register_file(file).map_err(|error| IoError::new(Operation::Open, &path, &error))?;
        self.files.insert((lane, sequence), id);
        self.opened.push_back((lane, sequence));
        Ok(id)
    }

    fn close<R: Ring>(&mut self, driver: &mut Driver<R>, key: Key) {
        if let Some(file) = self.files.remove(&key) {
            self.opened.retain(|opened| *opened != key);
            driver.unregister_file(file);
        }
    }
}

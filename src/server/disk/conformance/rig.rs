//! The ring driver in the shape that the journal's conformance suite asks for.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use journal::testing::Driver as Drives;
use journal::{
    Command, Completion, FileStorage, Geometry, IoError, LaneId, ReadRequest, Storage, StoreId, StoreLayout,
    StoreShape, SyncMode,
};
use runtime::{AlignedBuffer, Driver, Event, Wait};

use super::machine::Machine;
use crate::home::ColdRead;
use crate::server::disk::{Disk, DiskOptions, Owner};

/// Only a driver that lost something takes so long.
const PATIENCE: Duration = Duration::from_secs(120);
/// Of the control that drops writes: one in so many.
const DROPPED_ONE_IN: u64 = 7;

/// A folder in the build directory, gone when it is dropped: the system's place for temporary files may know no O_DIRECT.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let path = program.with_file_name(format!("ring-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Hears what became of everything.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) completions: VecDeque<(LaneId, Completion<AlignedBuffer>)>,
    reads: HashMap<u64, Result<Vec<u8>, IoError>>,
}

impl Owner for Heard {
    fn completed(&mut self, lane: LaneId, completion: Completion<AlignedBuffer>) {
        self.completions.push_back((lane, completion));
    }

    fn read_done(&mut self, token: u64, bytes: Result<&[u8], IoError>) {
        let again = self.reads.insert(token, bytes.map(<[u8]>::to_vec));
        assert!(again.is_none(), "read {token} ended twice");
    }
}

/// The product's driver on a machine.
pub(super) struct OnRing<M: Machine> {
    machine: M,
    /// The running process; none only while one ends and the next begins.
    process: Option<(Driver<M::Ring>, Disk)>,
    heard: Heard,
    /// Commands that have not completed.
    under_way: usize,
    next_read: u64,
    storage: FileStorage,
    layout: StoreLayout,
    options: DiskOptions,
    /// The control: some writes are reported and not done.
    drops_writes: bool,
    writes: u64,
}

pub(super) fn shape() -> StoreShape {
    StoreShape::uniform(StoreId(0x52), 2, Geometry::new(1024 * 1024).unwrap())
}

pub(super) fn options(sync: SyncMode) -> DiskOptions {
    // Less than a segment, and fewer files than the lanes have: what is slow or full happens all the time.
    DiskOptions { sync, spares_max: 2, first_fill_bytes: 256 * 1024, files_open_max: 4 }
}

impl<M: Machine> OnRing<M> {
    pub(super) fn new(machine: M, folder: &Path, sync: SyncMode) -> Self {
        let mut on_ring = Self {
            machine,
            process: None,
            heard: Heard::default(),
            under_way: 0,
            next_read: 0,
            storage: FileStorage::new(),
            layout: StoreLayout::under(folder),
            options: options(sync),
            drops_writes: false,
            writes: 0,
        };
        on_ring.begin();
        on_ring
    }

    pub(super) fn dropping_writes(mut self) -> Self {
        self.drops_writes = true;
        self
    }

    fn begin(&mut self) {
        let driver = self.machine.boot();
        let disk = Disk::new(self.layout.clone(), shape(), self.options, driver.waker()).unwrap();
        self.process = Some((driver, disk));
    }

    pub(super) fn process(&mut self) -> (&mut M, &mut Driver<M::Ring>, &mut Disk, &mut Heard) {
        let (driver, disk) = self.process.as_mut().unwrap();
        (&mut self.machine, driver, disk, &mut self.heard)
    }

    /// One turn of a loop like the core's.
    pub(super) fn turn(&mut self) {
        let (machine, driver, disk, heard) = self.process();
        machine.disturb(driver);
        disk.turn(driver, heard);
        driver.turn(Wait::Event(Some(driver.now() + Duration::from_millis(1)))).unwrap();
        while let Some(event) = driver.next_event() {
            match event {
                Event::Written { token, buffer, result } => Disk::written(heard, token, buffer, result),
                Event::Read { token, buffer, result } => Disk::read_done(driver, heard, token, buffer, result),
                event => machine.strange(driver, event),
            }
        }
    }

    /// Turns until `done`, which is given at last what it looked for.
    fn until<T>(&mut self, mut done: impl FnMut(&mut Heard) -> Option<T>) -> T {
        let begun = std::time::Instant::now();
        loop {
            if let Some(found) = done(&mut self.heard) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{} commands do not complete", self.under_way);
            self.turn();
            // On a fake ring nothing sleeps, and the segment maker wants to run as well.
            std::thread::yield_now();
        }
    }
}

impl<M: Machine> Drives for OnRing<M> {
    type Buffer = AlignedBuffer;

    fn buffers(&mut self, count: usize) -> Vec<AlignedBuffer> {
        let (_, driver, ..) = self.process();
        (0..count).map(|_| driver.take_buffer().unwrap()).collect()
    }

    fn take_back(&mut self, buffers: Vec<AlignedBuffer>) {
        let (_, driver, ..) = self.process();
        buffers.into_iter().for_each(|buffer| driver.give_buffer(buffer));
    }

    fn submit(&mut self, lane: LaneId, command: Command<AlignedBuffer>) {
        self.under_way += usize::from(!matches!(command, Command::FreeSegment { .. }));
        self.writes += u64::from(matches!(command, Command::Write { .. }));
        match command {
            Command::Write { ticket, buffer, .. }
                if self.drops_writes && self.writes.is_multiple_of(DROPPED_ONE_IN) =>
            {
                self.heard.completed(lane, Completion::Written { ticket, buffer, result: Ok(()) });
            }
            command => {
                let (_, driver, disk, heard) = self.process();
                disk.execute(driver, heard, lane, command);
            }
        }
    }

    fn complete(&mut self) -> Option<(LaneId, Completion<AlignedBuffer>)> {
        if self.under_way == 0 {
            return None;
        }
        let completion = self.until(|heard| heard.completions.pop_front());
        self.under_way -= 1;
        Some(completion)
    }

    fn read(&mut self, lane: LaneId, request: ReadRequest) -> Result<Vec<u8>, IoError> {
        let token = self.next_read;
        self.next_read += 1;
        let ReadRequest { segment, offset, bytes } = request;
        let (_, driver, disk, heard) = self.process();
        disk.read(driver, heard, ColdRead { token, lane, segment, offset, len: bytes });
        self.until(|heard| heard.reads.remove(&token))
    }

    fn restarted(&mut self) {
        if let Some((driver, disk)) = self.process.take() {
            // The maker ends first, as a process does: with what it had begun.
            drop(disk);
            self.machine.end(driver);
        }
        (self.heard, self.under_way) = (Heard::default(), 0);
        self.begin();
    }

    fn storage(&mut self) -> &mut dyn Storage {
        &mut self.storage
    }

    fn layout(&self) -> StoreLayout {
        self.layout.clone()
    }

    fn shape(&self) -> StoreShape {
        shape()
    }
}

impl<M: Machine> Drop for OnRing<M> {
    fn drop(&mut self) {
        if let Some((driver, disk)) = self.process.take() {
            drop(disk);
            if !std::thread::panicking() {
                self.machine.end(driver);
            }
        }
    }
}

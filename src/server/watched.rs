//! A storage that says how far a long start is.
//!
//! Takes the storage that does the work, a clock and an ear; gives the same storage, and a word to the ear whenever some time has passed.
//! What must stay true: as long as the disk answers, whoever waits for the start hears of it often enough not to lose patience.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use journal::{Access, AlignedBuffer, FileHandle, IoError, PendingRead, ReadDone, ReadTarget, Storage};

/// How often a long start is heard of. Far less than the time that each word asks the service manager for.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// How much was read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadSoFar {
    /// Files, each counted once.
    pub(super) files: usize,
    /// Bytes; what is read again is counted again.
    pub(super) bytes: u64,
}

/// The storage.
pub(super) struct Watched<'a> {
    inner: &'a mut dyn Storage,
    /// The time since some fixed moment.
    clock: &'a dyn Fn() -> Duration,
    tell: &'a dyn Fn(ReadSoFar),
    next: Duration,
    opened: HashSet<PathBuf>,
    bytes: u64,
}

impl<'a> Watched<'a> {
    pub(super) fn new(
        inner: &'a mut dyn Storage,
        clock: &'a dyn Fn() -> Duration,
        tell: &'a dyn Fn(ReadSoFar),
    ) -> Self {
        let next = clock() + EVERY;
        Self { inner, clock, tell, next, opened: HashSet::new(), bytes: 0 }
    }

    /// How much was read until now.
    pub(super) fn so_far(&self) -> ReadSoFar {
        ReadSoFar { files: self.opened.len(), bytes: self.bytes }
    }

    fn look_at_the_clock(&mut self) {
        let now = (self.clock)();
        if now >= self.next {
            self.next = now + EVERY;
            (self.tell)(self.so_far());
        }
    }
}

impl Storage for Watched<'_> {
    fn list(&mut self, directory: &Path) -> Result<Vec<String>, IoError> {
        self.inner.list(directory)
    }

    fn create_directory(&mut self, directory: &Path) -> Result<(), IoError> {
        self.inner.create_directory(directory)
    }

    fn open(&mut self, path: &Path, access: Access) -> Result<FileHandle, IoError> {
        let file = self.inner.open(path, access)?;
        if !self.opened.contains(path) {
            self.opened.insert(path.to_owned());
        }
        Ok(file)
    }

    fn create(&mut self, path: &Path) -> Result<FileHandle, IoError> {
        self.inner.create(path)
    }

    fn close(&mut self, file: FileHandle) {
        self.inner.close(file);
    }

    fn size(&mut self, file: FileHandle) -> Result<u64, IoError> {
        self.inner.size(file)
    }

    fn read_at(&mut self, file: FileHandle, offset: u64, into: &mut [u8]) -> Result<usize, IoError> {
        let read = self.inner.read_at(file, offset, into)?;
        self.bytes += read as u64;
        self.look_at_the_clock();
        Ok(read)
    }

    fn reads_at_once(&self) -> usize {
        self.inner.reads_at_once()
    }

    fn begin_read(&mut self, file: FileHandle, offset: u64, target: ReadTarget) -> PendingRead {
        self.inner.begin_read(file, offset, target)
    }

    fn take_buffer(&mut self, bytes: usize) -> AlignedBuffer {
        self.inner.take_buffer(bytes)
    }

    fn give_buffer(&mut self, buffer: AlignedBuffer) {
        self.inner.give_buffer(buffer);
    }

    fn finish_read(&mut self, read: PendingRead) -> ReadDone {
        let (buffer, read) = self.inner.finish_read(read);
        self.bytes += read.as_ref().map_or(0, |read| *read as u64);
        self.look_at_the_clock();
        (buffer, read)
    }

    fn write_at(&mut self, file: FileHandle, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        self.inner.write_at(file, offset, bytes)?;
        self.look_at_the_clock();
        Ok(())
    }

    fn sync(&mut self, file: FileHandle) -> Result<(), IoError> {
        self.inner.sync(file)?;
        self.look_at_the_clock();
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        self.inner.rename(from, to)
    }

    fn delete(&mut self, path: &Path) -> Result<(), IoError> {
        self.inner.delete(path)?;
        self.look_at_the_clock();
        Ok(())
    }

    fn delete_directory(&mut self, path: &Path) -> Result<(), IoError> {
        self.inner.delete_directory(path)
    }

    fn link(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        self.inner.link(from, to)
    }

    fn links(&mut self, path: &Path) -> Result<u64, IoError> {
        self.inner.links(path)
    }

    fn copy(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        self.inner.copy(from, to)?;
        self.look_at_the_clock();
        Ok(())
    }

    fn sync_directory(&mut self, directory: &Path) -> Result<(), IoError> {
        self.inner.sync_directory(directory)
    }

    fn sync_directories(&mut self, directories: &[&Path]) -> Result<(), IoError> {
        self.inner.sync_directories(directories)?;
        self.look_at_the_clock();
        Ok(())
    }

    fn sync_files(&mut self, files: &[PathBuf]) -> Result<(), IoError> {
        self.inner.sync_files(files)?;
        self.look_at_the_clock();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use journal::testing::SimDisk;

    use super::*;

    #[test]
    fn a_long_read_is_heard_of_again_and_again_and_a_short_one_never() {
        let path = Path::new("/store/journal/j00.seg");
        for (step, expected) in [(Duration::from_millis(500), vec![10, 20]), (Duration::from_millis(100), vec![])] {
            let mut disk = SimDisk::new(1);
            disk.put_file(path, vec![7; 4096]);
            let (now, heard) = (Cell::new(Duration::ZERO), RefCell::new(Vec::new()));
            let clock = || now.replace(now.get() + step);
            let tell = |so_far: ReadSoFar| heard.borrow_mut().push(so_far);
            let mut watched = Watched::new(&mut disk, &clock, &tell);
            let mut page = [0; 4096];
            for _ in 0..2 {
                let file = watched.open(path, Access::Read).unwrap();
                for _ in 0..12 {
                    watched.read_at(file, 0, &mut page).unwrap();
                }
                watched.close(file);
            }
            assert_eq!(watched.so_far(), ReadSoFar { files: 1, bytes: 24 * 4096 });
            let expected: Vec<ReadSoFar> =
                expected.into_iter().map(|reads: u64| ReadSoFar { files: 1, bytes: reads * 4096 }).collect();
            assert_eq!(*heard.borrow(), expected, "one read takes {step:?}");
        }
    }
}

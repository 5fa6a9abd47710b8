//! [`Storage`] on the real file system: direct I/O where the file system has it, through a bounce buffer where the caller's memory is not
//! aligned.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::buffer::AlignedBuffer;
use crate::error::{IoError, Operation};
use crate::limits::{BLOCK_BYTES_MAX, PAGE_BYTES, READ_PIECES_AHEAD_MAX, READER_THREADS};
use crate::readers::Readers;
use crate::storage::{Access, FileHandle, PendingRead, ReadTarget, Storage};

/// The files of this process. One per thread that needs one.
#[derive(Debug, Default)]
pub struct FileStorage {
    open: Vec<Option<(Arc<File>, PathBuf)>>,
    bounce: Option<AlignedBuffer>,
    /// From the first read that is begun and not waited for at once.
    readers: Option<Readers>,
    /// Memory for the next reads.
    spare: Vec<AlignedBuffer>,
    /// The directories that were flushed.
    #[cfg(test)]
    flushed: Vec<PathBuf>,
}

impl FileStorage {
    /// With nothing open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the threads that read ahead, and gives their memory back, once nothing is to be read for a while. The next read that is begun
    /// starts them again.
    pub fn end_readers(&mut self) {
        self.readers = None;
        self.spare = Vec::new();
    }

    fn keep(&mut self, file: File, path: &Path) -> FileHandle {
        let entry = Some((Arc::new(file), path.to_owned()));
        let index = self.open.iter().position(Option::is_none).unwrap_or_else(|| {
            self.open.push(None);
            self.open.len() - 1
        });
        if let Some(slot) = self.open.get_mut(index) {
            *slot = entry;
        }
        FileHandle(index as u32)
    }

    fn file(&self, handle: FileHandle) -> Result<(&File, &Path), IoError> {
        match self.open.get(handle.0 as usize) {
            Some(Some((file, path))) => Ok((file.as_ref(), path)),
            _ => Err(IoError::from_errno(Operation::Open, libc::EBADF)),
        }
    }

    fn open_direct(options: &mut OpenOptions, flags: i32, path: &Path) -> io::Result<File> {
        match options.custom_flags(flags | libc::O_DIRECT).open(path) {
            // Not every file system has direct I/O. Without it everything is still right, since durability comes from flushes.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => options.custom_flags(flags).open(path),
            other => other,
        }
    }
}

fn is_aligned(bytes: &[u8]) -> bool {
    bytes.as_ptr().addr().is_multiple_of(PAGE_BYTES)
}

impl Storage for FileStorage {
    fn list(&mut self, directory: &Path) -> Result<Vec<String>, IoError> {
        let failed = |error: io::Error| IoError::new(Operation::List, directory, &error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create_directory(&mut self, directory: &Path) -> Result<(), IoError> {
        let Some(parent) = directory.parent() else { return Ok(()) };
        // The parent of a relative name is the working directory.
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        if parent != Path::new(".") {
            self.create_directory(parent)?;
        }
        let made = match std::fs::create_dir(directory) {
            Ok(()) => true,
            Err(_) if directory.is_dir() => false,
            Err(error) => return Err(IoError::new(Operation::Create, directory, &error)),
        };
        match self.sync_directory(parent) {
            // A directory that this user may pass and not open, or that cannot be flushed, was made by another, long ago.
            Err(error) if !made && error.is_not_permitted() => Ok(()),
            result => result,
        }
    }

    fn open(&mut self, path: &Path, access: Access) -> Result<FileHandle, IoError> {
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read);
        let flags = if access == Access::WriteDurable { libc::O_DSYNC } else { 0 };
        let file = Self::open_direct(&mut options, flags, path)
            .map_err(|error| IoError::new(Operation::Open, path, &error))?;
        Ok(self.keep(file, path))
    }

    fn create(&mut self, path: &Path) -> Result<FileHandle, IoError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o640);
        let file =
            Self::open_direct(&mut options, 0, path).map_err(|error| IoError::new(Operation::Create, path, &error))?;
        Ok(self.keep(file, path))
    }

    fn close(&mut self, file: FileHandle) {
        if let Some(slot) = self.open.get_mut(file.0 as usize) {
            *slot = None;
        }
    }

    fn size(&mut self, file: FileHandle) -> Result<u64, IoError> {
        let (file, path) = self.file(file)?;
        Ok(file.metadata().map_err(|error| IoError::new(Operation::Read, path, &error))?.len())
    }

    fn read_at(&mut self, file: FileHandle, offset: u64, into: &mut [u8]) -> Result<usize, IoError> {
        if is_aligned(into) {
            let (file, path) = self.file(file)?;
            return read_up_to(file, offset, into).map_err(|error| IoError::new(Operation::Read, path, &error));
        }
        let mut bounce = self.bounce.take().unwrap_or_else(|| AlignedBuffer::new(BLOCK_BYTES_MAX));
        let read = self.file(file).and_then(|(file, path)| {
            read_bounced(file, offset, into, &mut bounce).map_err(|error| IoError::new(Operation::Read, path, &error))
        });
        self.bounce = Some(bounce);
        read
    }

    fn reads_at_once(&self) -> usize {
        READER_THREADS
    }

    fn take_buffer(&mut self, bytes: usize) -> AlignedBuffer {
        let fits = self.spare.iter().position(|spare| spare.as_ref().len() >= bytes);
        fits.map_or_else(|| AlignedBuffer::new(bytes), |at| self.spare.swap_remove(at))
    }

    fn give_buffer(&mut self, buffer: AlignedBuffer) {
        // One more than are on their way: the one that is looked at.
        if self.spare.len() <= READ_PIECES_AHEAD_MAX {
            self.spare.push(buffer);
        }
    }

    fn begin_read(&mut self, file: FileHandle, offset: u64, target: ReadTarget) -> PendingRead {
        if self.readers.is_none() {
            self.readers = Readers::start();
        }
        let opened = self.open.get(file.0 as usize).cloned().flatten();
        match (&self.readers, opened) {
            (Some(readers), Some(opened)) => {
                readers.begin(opened, offset, target).unwrap_or_else(|target| PendingRead::later(file, offset, target))
            }
            _ => PendingRead::later(file, offset, target),
        }
    }

    fn write_at(&mut self, file: FileHandle, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        if is_aligned(bytes) {
            let (file, path) = self.file(file)?;
            return file.write_all_at(bytes, offset).map_err(|error| IoError::new(Operation::Write, path, &error));
        }
        let mut bounce = self.bounce.take().unwrap_or_else(|| AlignedBuffer::new(BLOCK_BYTES_MAX));
        let written = self.file(file).and_then(|(file, path)| {
            write_bounced(file, offset, bytes, &mut bounce)
                .map_err(|error| IoError::new(Operation::Write, path, &error))
        });
        self.bounce = Some(bounce);
        written
    }

    fn sync(&mut self, file: FileHandle) -> Result<(), IoError> {
        let (file, path) = self.file(file)?;
        file.sync_data().map_err(|error| IoError::new(Operation::Sync, path, &error))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        std::fs::rename(from, to).map_err(|error| IoError::new(Operation::Rename, from, &error))
    }

    fn delete(&mut self, path: &Path) -> Result<(), IoError> {
        std::fs::remove_file(path).map_err(|error| IoError::new(Operation::Delete, path, &error))
    }

    fn delete_directory(&mut self, path: &Path) -> Result<(), IoError> {
        std::fs::remove_dir(path).map_err(|error| IoError::new(Operation::Delete, path, &error))
    }

    fn link(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        std::fs::hard_link(from, to).map_err(|error| IoError::new(Operation::Link, from, &error))
    }

    fn links(&mut self, path: &Path) -> Result<u64, IoError> {
        let found = std::fs::metadata(path).map_err(|error| IoError::new(Operation::Open, path, &error))?;
        Ok(found.nlink())
    }

    fn copy(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        // The kernel copies, and shares the extents where the file system can.
        std::fs::copy(from, to).map_err(|error| IoError::new(Operation::Create, to, &error))?;
        let failed = |error: io::Error| IoError::new(Operation::Sync, to, &error);
        File::open(to).and_then(|file| file.sync_all()).map_err(failed)
    }

    fn sync_directory(&mut self, directory: &Path) -> Result<(), IoError> {
        #[cfg(test)]
        self.flushed.push(directory.to_owned());
        sync_directory(directory)
    }

    fn sync_directories(&mut self, directories: &[&Path]) -> Result<(), IoError> {
        all_at_once(directories, |directory| sync_directory(directory))
    }

    fn sync_files(&mut self, files: &[PathBuf]) -> Result<(), IoError> {
        all_at_once(files, |path| {
            let failed = |operation| move |error: io::Error| IoError::new(operation, path, &error);
            let file = OpenOptions::new().write(true).open(path).map_err(failed(Operation::Open))?;
            file.sync_data().map_err(failed(Operation::Sync))
        })
    }
}

fn sync_directory(directory: &Path) -> Result<(), IoError> {
    let failed = |error: io::Error| IoError::new(Operation::SyncDirectory, directory, &error);
    File::open(directory).map_err(failed)?.sync_all().map_err(failed)
}

/// Does this with each, at the same time: a disk that is asked for many flushes at once does them in few. The first failure counts.
fn all_at_once<T: Sync>(all: &[T], act: impl Fn(&T) -> Result<(), IoError> + Sync) -> Result<(), IoError> {
    let Some((last, others)) = all.split_last() else { return Ok(()) };
    std::thread::scope(|scope| {
        let threads: Vec<_> = others
            .iter()
            .map(|one| std::thread::Builder::new().spawn_scoped(scope, || act(one)).map_err(|_| one))
            .collect();
        let mut result = act(last);
        for thread in threads {
            let ended = match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // Where there are no threads to be had, one after the other.
                Err(one) => act(one),
            };
            result = result.and(ended);
        }
        result
    })
}

/// Reads until `into` is full or the file ends.
pub(crate) fn read_up_to(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        // Direct I/O wants aligned positions: a short read that is not page-aligned is the end of the file.
        if !done.is_multiple_of(PAGE_BYTES) {
            break;
        }
    }
    Ok(done)
}

fn read_bounced(file: &File, offset: u64, into: &mut [u8], bounce: &mut AlignedBuffer) -> io::Result<usize> {
    let mut done = 0;
    for chunk in into.chunks_mut(BLOCK_BYTES_MAX) {
        let padded = chunk.len().next_multiple_of(PAGE_BYTES);
        let Some(window) = bounce.as_mut().get_mut(..padded) else { break };
        let count = read_up_to(file, offset + done as u64, window)?.min(chunk.len());
        if let (Some(to), Some(from)) = (chunk.get_mut(..count), window.get(..count)) {
            to.copy_from_slice(from);
        }
        done += count;
        if count < chunk.len() {
            break;
        }
    }
    Ok(done)
}

fn write_bounced(file: &File, offset: u64, bytes: &[u8], bounce: &mut AlignedBuffer) -> io::Result<()> {
    let mut done = 0;
    for chunk in bytes.chunks(BLOCK_BYTES_MAX) {
        let Some(window) = bounce.as_mut().get_mut(..chunk.len()) else { break };
        window.copy_from_slice(chunk);
        file.write_all_at(window, offset + done)?;
        done += chunk.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Under the directory for temporary files, whose own name is not relative.
    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("ringmq-file-storage-{}-{name}", std::process::id()));
        let _none = std::fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_directory_and_its_parents_are_flushed_into_theirs_whoever_made_them() {
        for made_before in [false, true] {
            let top = scratch(if made_before { "theirs" } else { "ours" });
            let directory = top.join("data/journal");
            if made_before {
                std::fs::create_dir_all(&directory).unwrap();
            }
            let mut storage = FileStorage::new();
            storage.create_directory(&directory).unwrap();
            assert!(directory.is_dir());
            for parent in [top.join("data"), top.clone(), std::env::temp_dir()] {
                assert!(storage.flushed.contains(&parent), "{} of {:?}", parent.display(), storage.flushed);
            }
            std::fs::remove_dir_all(&top).unwrap();
        }
    }

    #[test]
    fn many_are_flushed_at_once_and_one_that_is_not_there_is_told() {
        let top = scratch("at-once");
        std::fs::create_dir(&top).unwrap();
        let files: Vec<PathBuf> = (0..3).map(|number| top.join(number.to_string())).collect();
        files.iter().for_each(|file| std::fs::write(file, "x").unwrap());
        let mut storage = FileStorage::new();
        storage.sync_files(&files).unwrap();
        storage.sync_directories(&[&top, &top]).unwrap();
        storage.sync_files(&[]).unwrap();
        for at in 0..files.len() {
            let mut files = files.clone();
            files[at] = top.join("none");
            let error = storage.sync_files(&files).unwrap_err();
            assert_eq!((error.operation, error.path), (Operation::Open, Some(top.join("none"))), "{at}");
            let mut directories = [top.as_path(); 3];
            directories[at] = &files[at];
            let error = storage.sync_directories(&directories).unwrap_err();
            assert_eq!((error.operation, error.path), (Operation::SyncDirectory, Some(top.join("none"))), "{at}");
        }
        std::fs::remove_dir_all(&top).unwrap();
    }

    #[test]
    fn each_of_many_is_acted_on_once() {
        let count = std::sync::atomic::AtomicU32::new(0);
        let act = |number: &u32| {
            count.fetch_add(1 << (4 * number), std::sync::atomic::Ordering::Relaxed);
            Ok(())
        };
        all_at_once(&[0, 1, 2, 3, 4], act).unwrap();
        assert_eq!(count.into_inner(), 0x1_1111);
    }

    #[test]
    fn a_file_in_the_way_is_told() {
        let top = scratch("in-the-way");
        std::fs::create_dir(&top).unwrap();
        std::fs::write(top.join("data"), "").unwrap();
        let mut storage = FileStorage::new();
        let error = storage.create_directory(&top.join("data")).unwrap_err();
        assert_eq!((error.operation, error.path), (Operation::Create, Some(top.join("data"))));
        assert!(storage.create_directory(&top.join("data/journal")).is_err());
        std::fs::remove_dir_all(&top).unwrap();
    }
}

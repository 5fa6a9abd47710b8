//! The blocking view of a disk: what recovery, creation, the blocking driver and tools need. Never used on a data core.
//!
//! Two implementations: [`FileStorage`](crate::FileStorage) on the real file system, and the simulated disk of the feature `testing`.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use crate::buffer::AlignedBuffer;
use crate::error::{EIO, IoError, Operation};
use crate::limits::BLOCK_BYTES_MAX;

/// An open file of a [`Storage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileHandle(pub u32);

/// For what a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing; a write is durable after [`Storage::sync`].
    Write,
    /// Reading and writing; every write is durable when it returns.
    WriteDurable,
}

/// The part of a buffer that a read fills.
#[derive(Debug)]
pub struct ReadTarget {
    /// The buffer, which belongs to the read until it is finished.
    pub buffer: AlignedBuffer,
    /// Where the part begins, in bytes.
    pub from: usize,
    /// How long it is, in bytes.
    pub bytes: usize,
}

impl ReadTarget {
    /// The part.
    pub fn part(&mut self) -> &mut [u8] {
        let end = self.from.saturating_add(self.bytes);
        self.buffer.as_mut().get_mut(self.from..end).unwrap_or_default()
    }
}

/// What a read gives: the buffer again, and how many bytes it brought.
pub type ReadDone = (AlignedBuffer, Result<usize, IoError>);

/// A read that has begun: see [`Storage::begin_read`]. Whoever drops it does not want it any more.
#[derive(Debug)]
pub struct PendingRead(Pending);

#[derive(Debug)]
enum Pending {
    /// To be done when it is waited for.
    Later { file: FileHandle, offset: u64, target: ReadTarget },
    /// Done already.
    Done(ReadDone),
    /// Another thread does it and sends what comes of it.
    Elsewhere { done: Receiver<ReadDone>, bytes: usize },
}

impl PendingRead {
    /// One that is done when it is waited for.
    #[must_use]
    pub const fn later(file: FileHandle, offset: u64, target: ReadTarget) -> Self {
        Self(Pending::Later { file, offset, target })
    }

    /// One that is done already.
    #[must_use]
    pub const fn done(done: ReadDone) -> Self {
        Self(Pending::Done(done))
    }

    /// One that another thread does.
    pub(crate) const fn elsewhere(done: Receiver<ReadDone>, bytes: usize) -> Self {
        Self(Pending::Elsewhere { done, bytes })
    }
}

/// Files and directories. Offsets and lengths are multiples of 4096; aligned memory is faster, not needed.
pub trait Storage {
    /// The names of the files in a directory, in no particular order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn list(&mut self, directory: &Path) -> Result<Vec<String>, IoError>;

    /// Creates a directory with its parents, durably. It may exist already: then whoever made it may not have flushed it, so this does.
    ///
    /// # Errors
    /// When that fails.
    fn create_directory(&mut self, directory: &Path) -> Result<(), IoError>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// When that fails; [`IoError::is_not_found`] tells that there is none.
    fn open(&mut self, path: &Path, access: Access) -> Result<FileHandle, IoError>;

    /// Creates an empty file, or empties the one that is there, and opens it for writing.
    ///
    /// # Errors
    /// When that fails.
    fn create(&mut self, path: &Path) -> Result<FileHandle, IoError>;

    /// Closes a file. What was written stays as durable as it is.
    fn close(&mut self, file: FileHandle);

    /// The length of a file.
    ///
    /// # Errors
    /// When that fails.
    fn size(&mut self, file: FileHandle) -> Result<u64, IoError>;

    /// Reads until `into` is full or the file ends, and says how much.
    ///
    /// # Errors
    /// When that fails.
    fn read_at(&mut self, file: FileHandle, offset: u64, into: &mut [u8]) -> Result<usize, IoError>;

    /// How many reads this storage does side by side while its user does something else. With 0, as here, a read that has begun is done when
    /// it is waited for, so nobody need begin one early.
    fn reads_at_once(&self) -> usize {
        0
    }

    /// Begins a read as [`Storage::read_at`] does it. The file stays open until the read is finished or dropped, and what is read is not
    /// written meanwhile.
    fn begin_read(&mut self, file: FileHandle, offset: u64, target: ReadTarget) -> PendingRead {
        PendingRead::later(file, offset, target)
    }

    /// Memory of at least this many bytes for reads: what was given back before, if there is any. Fresh memory costs a fault for each page.
    fn take_buffer(&mut self, bytes: usize) -> AlignedBuffer {
        AlignedBuffer::new(bytes)
    }

    /// Takes memory back that is not read into any more.
    fn give_buffer(&mut self, _buffer: AlignedBuffer) {}

    /// Waits for a read.
    fn finish_read(&mut self, read: PendingRead) -> ReadDone {
        match read.0 {
            Pending::Later { file, offset, mut target } => {
                let done = self.read_at(file, offset, target.part());
                (target.buffer, done)
            }
            Pending::Done(done) => done,
            // A thread that is gone without an answer has read nothing: to whoever waits the disk refuses.
            Pending::Elsewhere { done, bytes } => done
                .recv()
                .unwrap_or_else(|_| (AlignedBuffer::new(bytes), Err(IoError::from_errno(Operation::Read, EIO)))),
        }
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// When that fails; how much was written is unknown then.
    fn write_at(&mut self, file: FileHandle, offset: u64, bytes: &[u8]) -> Result<(), IoError>;

    /// Makes everything written to the file durable.
    ///
    /// # Errors
    /// When that fails; what is durable is unknown then, and a second try proves nothing.
    fn sync(&mut self, file: FileHandle) -> Result<(), IoError>;

    /// Renames a file, over an existing one if there is one, or a directory. Durable after [`Storage::sync_directory`].
    ///
    /// # Errors
    /// When that fails.
    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), IoError>;

    /// Deletes a file. Durable after [`Storage::sync_directory`].
    ///
    /// # Errors
    /// When that fails.
    fn delete(&mut self, path: &Path) -> Result<(), IoError>;

    /// Deletes an empty directory. Durable after [`Storage::sync_directory`] of its parent.
    ///
    /// # Errors
    /// When that fails, or when something is in it.
    fn delete_directory(&mut self, path: &Path) -> Result<(), IoError>;

    /// Gives a file another name, in a directory of the same file system. Durable after [`Storage::sync_directory`].
    ///
    /// # Errors
    /// When that fails; [`IoError::is_not_linkable`] tells that only a copy is possible.
    fn link(&mut self, from: &Path, to: &Path) -> Result<(), IoError>;

    /// How many names a file has.
    ///
    /// # Errors
    /// When there is none, or when that cannot be told.
    fn links(&mut self, path: &Path) -> Result<u64, IoError>;

    /// Makes another file with the same content, flushed; its name is durable after [`Storage::sync_directory`]. The content may be shared
    /// where the file system can do that.
    ///
    /// # Errors
    /// When that fails; a part of the file may be there.
    fn copy(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        let source = self.open(from, Access::Read)?;
        let target = self.create(to);
        let copied = match &target {
            Ok(target) => copy_content(self, source, *target).and_then(|()| self.sync(*target)),
            Err(error) => Err(error.clone()),
        };
        self.close(source);
        if let Ok(target) = target {
            self.close(target);
        }
        copied
    }

    /// Makes creations, renames and deletions in the directory durable.
    ///
    /// # Errors
    /// When that fails.
    fn sync_directory(&mut self, directory: &Path) -> Result<(), IoError>;

    /// As [`Storage::sync_directory`] for all of these, in any order or at once.
    ///
    /// # Errors
    /// When one of them fails; what is durable is unknown then.
    fn sync_directories(&mut self, directories: &[&Path]) -> Result<(), IoError> {
        directories.iter().try_for_each(|directory| self.sync_directory(directory))
    }

    /// Makes everything written to these files durable, whoever wrote it, in any order or at once.
    ///
    /// # Errors
    /// When one of them fails; what is durable is unknown then.
    fn sync_files(&mut self, files: &[PathBuf]) -> Result<(), IoError> {
        files.iter().try_for_each(|path| {
            let file = self.open(path, Access::Write)?;
            let synced = self.sync(file);
            self.close(file);
            synced
        })
    }
}

/// Brings a file of `bytes` into being in one step: zero-filled, with `head` at its beginning, flushed, under its name for good. Whatever
/// fails, a file of that name is either complete or as it was before.
///
/// Zero-filled and not only allocated: a flush into an allocated but never written extent also writes file system metadata, at 1.5 to 4.5
/// times the price, and on some kernels was not durable at all.
///
/// # Errors
/// When a step fails. The unfinished file is removed as far as possible.
pub fn create_filled(storage: &mut dyn Storage, path: &Path, bytes: u64, head: &[u8]) -> Result<(), IoError> {
    let unfinished = unfinished_path(path);
    let made = fill(storage, &unfinished, bytes, head).and_then(|()| publish(storage, &unfinished, path));
    if made.is_err() {
        // Best effort: the start removes leftovers too.
        let _ = storage.delete(&unfinished);
    }
    made
}

/// Gives a complete, flushed file its name, durably.
///
/// # Errors
/// When a step fails.
pub fn publish(storage: &mut dyn Storage, from: &Path, to: &Path) -> Result<(), IoError> {
    storage.rename(from, to)?;
    storage.sync_directory(to.parent().unwrap_or(Path::new(".")))
}

/// The name of a file while it is being made. A start removes what it finds under such a name, so every maker of segments uses it.
#[must_use]
pub fn unfinished_path(path: &Path) -> PathBuf {
    path.with_extension(crate::segment::UNFINISHED_ENDING)
}

fn fill(storage: &mut dyn Storage, path: &Path, bytes: u64, head: &[u8]) -> Result<(), IoError> {
    let file = storage.create(path)?;
    let filled = write_zeroes(storage, file, bytes)
        .and_then(|()| storage.write_at(file, 0, head))
        .and_then(|()| storage.sync(file));
    storage.close(file);
    filled
}

/// Copies all of a file, a piece at a time.
fn copy_content<S: Storage + ?Sized>(storage: &mut S, from: FileHandle, to: FileHandle) -> Result<(), IoError> {
    let bytes = storage.size(from)?;
    let mut piece = AlignedBuffer::new(FILL_BYTES);
    let mut at = 0;
    while at < bytes {
        let wanted = usize::try_from(bytes - at).unwrap_or(FILL_BYTES).min(FILL_BYTES);
        let got = storage.read_at(from, at, piece.as_mut().get_mut(..wanted).unwrap_or_default())?;
        if got < wanted {
            return Err(IoError::from_errno(Operation::Read, 0));
        }
        storage.write_at(to, at, piece.as_ref().get(..got).unwrap_or_default())?;
        at += got as u64;
    }
    Ok(())
}

fn write_zeroes(storage: &mut dyn Storage, file: FileHandle, bytes: u64) -> Result<(), IoError> {
    let zeroes = AlignedBuffer::new(usize::try_from(bytes).unwrap_or(FILL_BYTES).min(FILL_BYTES));
    let mut offset = 0;
    while offset < bytes {
        let count = usize::try_from(bytes - offset).unwrap_or(FILL_BYTES).min(FILL_BYTES);
        storage.write_at(file, offset, zeroes.as_ref().get(..count).unwrap_or_default())?;
        offset += count as u64;
    }
    Ok(())
}

/// How much is zeroed, or copied, by one write.
const FILL_BYTES: usize = 4 * BLOCK_BYTES_MAX;

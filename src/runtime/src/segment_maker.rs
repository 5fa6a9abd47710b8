//! Makes segment files ahead of the writer, on a thread of its own.
//!
//! Owns: one background thread. Takes: [`Request`]s. Gives: [`Reply`]s, and a wake. Must stay true: a
//! file appears under its final name only when all its bytes are written and durable, and the name too
//! is durable before the reply; a failure leaves no partial file; nothing here is ever waited for by
//! an acknowledgement. Trying again is the caller's business.
//!
//! Why all bytes are written. An allocated but unwritten extent makes the first flush into it convert
//! the extent and commit the file system's journal: measured 1.5 to 4.5 times the cost of a flush.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;

use crate::buffer::AlignedBuffer;
use crate::error::Errno;
use crate::limits::{BLOCK_ALIGNMENT, SEGMENT_REQUESTS_MAX, ZERO_FILL_CHUNK_BYTES};
use crate::waker::Waker;

/// What the thread is asked for.
#[derive(Debug)]
pub enum Request {
    /// Bring a segment into being.
    Make(Order),
    /// Remove a file and make the removal durable. No reply on success.
    Delete {
        /// Which.
        path: PathBuf,
        /// What the caller calls it.
        token: u64,
    },
}

/// A segment to be made.
#[derive(Debug)]
pub struct Order {
    /// What the caller calls it.
    pub token: u64,
    /// Where.
    pub directory: PathBuf,
    /// Under which name, in the end.
    pub name: String,
    /// How many bytes in all, a multiple of 4096.
    pub bytes: u64,
    /// The first bytes of the file, at most 4096.
    pub header: Vec<u8>,
    /// A retired file of the same size to use again. When it cannot be used, a new one is made.
    pub recycle: Option<PathBuf>,
}

/// What became of a request.
#[derive(Debug)]
pub enum Reply {
    /// The segment is there, open for direct reading and writing.
    Made {
        /// As in the order.
        token: u64,
        /// The file.
        file: File,
        /// Whether a retired file was used.
        recycled: bool,
    },
    /// It could not be made; no part of it is left.
    Failed {
        /// As in the order.
        token: u64,
        /// Why. `NO_SPACE` may pass; the caller tries again.
        errno: Errno,
    },
    /// A file could not be removed.
    NotDeleted {
        /// As in the request.
        token: u64,
        /// Why.
        errno: Errno,
    },
}

/// The request queue is full, or the thread is gone. The request comes back.
#[derive(Debug)]
pub struct Full(pub Request);

/// The handle of the thread. Dropping it ends the thread after the requests it has.
#[derive(Debug)]
pub struct SegmentMaker {
    requests: Option<SyncSender<Request>>,
    replies: Receiver<Reply>,
    thread: Option<JoinHandle<()>>,
}

impl SegmentMaker {
    /// Starts the thread. Each reply wakes `waker`.
    pub fn start(waker: Waker) -> io::Result<Self> {
        let (requests, inbox) = sync_channel(SEGMENT_REQUESTS_MAX);
        let (outbox, replies) = channel();
        let thread = std::thread::Builder::new()
            .name("segment-maker".to_owned())
            .spawn(move || serve(&inbox, &outbox, &waker))?;
        Ok(Self { requests: Some(requests), replies, thread: Some(thread) })
    }

    /// Asks for something. Never waits.
    pub fn request(&self, request: Request) -> Result<(), Full> {
        let Some(requests) = &self.requests else { return Err(Full(request)) };
        requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(request) | TrySendError::Disconnected(request) => Full(request),
        })
    }

    /// The next reply, if one is there. Never waits.
    pub fn reply(&self) -> Option<Reply> {
        self.replies.try_recv().ok()
    }
}

impl Drop for SegmentMaker {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(inbox: &Receiver<Request>, outbox: &Sender<Reply>, waker: &Waker) {
    let zeros = AlignedBuffer::new(ZERO_FILL_CHUNK_BYTES);
    let mut header = AlignedBuffer::new(BLOCK_ALIGNMENT);
    while let Ok(request) = inbox.recv() {
        let reply = match request {
            Request::Make(order) => Some(match make(&order, &zeros, &mut header) {
                Ok((file, recycled)) => Reply::Made { token: order.token, file, recycled },
                Err(error) => Reply::Failed { token: order.token, errno: Errno::of(&error) },
            }),
            Request::Delete { path, token } => {
                let deleted = fs::remove_file(&path).and_then(|()| sync_directory(path.parent()));
                deleted.err().map(|error| Reply::NotDeleted { token, errno: Errno::of(&error) })
            }
        };
        let Some(reply) = reply else { continue };
        if outbox.send(reply).is_err() {
            return;
        }
        waker.wake();
    }
}

/// Makes a segment on the calling thread: for the first segments of a store, and for tools.
pub fn make_now(order: &Order) -> io::Result<File> {
    let zeros = AlignedBuffer::new(ZERO_FILL_CHUNK_BYTES);
    let mut header = AlignedBuffer::new(BLOCK_ALIGNMENT);
    make(order, &zeros, &mut header).map(|(file, _)| file)
}

fn make(order: &Order, zeros: &AlignedBuffer, header: &mut AlignedBuffer) -> io::Result<(File, bool)> {
    let aligned = order.bytes > 0 && order.bytes.is_multiple_of(BLOCK_ALIGNMENT as u64);
    let Some(start) = header.get_mut(..order.header.len()).filter(|_| aligned) else {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    };
    start.copy_from_slice(&order.header);
    if let Some(rest) = header.get_mut(order.header.len()..) {
        rest.fill(0);
    }
    let temporary = order.directory.join(format!("{}.tmp", order.name));
    let result = match order.recycle.as_deref().map(|old| recycle(old, &temporary, order.bytes, header)) {
        Some(Ok(file)) => Ok((file, true)),
        _ => create(&temporary, order.bytes, header, zeros).map(|file| (file, false)),
    };
    let result = result.and_then(|made| {
        // The name changes only after the bytes are durable; the directory is synced so that the name is, too.
        fs::rename(&temporary, order.directory.join(&order.name))?;
        sync_directory(Some(&order.directory))?;
        Ok(made)
    });
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// A new file: every byte is written.
fn create(path: &Path, bytes: u64, header: &[u8], zeros: &[u8]) -> io::Result<File> {
    let file = open(path, true)?;
    // Reserving first finds out about a full disk before any byte is written, and keeps the extents together.
    match nix::fcntl::fallocate(&file, nix::fcntl::FallocateFlags::empty(), 0, i64::try_from(bytes).unwrap_or(i64::MAX))
    {
        Ok(()) | Err(nix::errno::Errno::EOPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    let mut offset = 0;
    while offset < bytes {
        let len = usize::try_from(bytes - offset).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(zeros.get(..len).unwrap_or_default(), offset)?;
        offset += len as u64;
    }
    file.write_all_at(header, 0)?;
    file.sync_data()?;
    Ok(file)
}

/// A retired file: only its header is new. Old blocks stay in it; a reader tells them from new ones by
/// their epoch, position and chain.
fn recycle(old: &Path, path: &Path, bytes: u64, header: &[u8]) -> io::Result<File> {
    fs::rename(old, path)?;
    // The old name must be gone for good before the header changes: a start that found a later segment's header under it would take the
    // file for a foreign one.
    sync_directory(path.parent())?;
    let file = open(path, false)?;
    if file.metadata()?.len() != bytes {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    file.write_all_at(header, 0)?;
    file.sync_data()?;
    Ok(file)
}

fn open(path: &Path, new: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(new)
        .truncate(new)
        .custom_flags(libc::O_DIRECT | libc::O_CLOEXEC)
        .open(path)
}

fn sync_directory(directory: Option<&Path>) -> io::Result<()> {
    File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all())
}

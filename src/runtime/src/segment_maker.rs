//! Makes segment files ahead of the writer, on a thread of its own.
//!
//! Owns: one background thread. Takes: [`Request`]s. Gives: [`Reply`]s, and a wake. Must stay true: a
//! file appears under its final name only when all its bytes are written and durable, and the name too
//! is durable before the reply; a failure leaves no partial file; nothing here is ever waited for by
//! an acknowledgement. Trying again is the caller's business.
//!
//! Why all bytes are written. An allocated but unwritten extent makes the first flush into it convert
//! the extent and commit the file system's journal: measured 1.5 to 4.5 times the cost of a flush.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;

use nix::sys::statvfs::statvfs;

use crate::buffer::AlignedBuffer;
use crate::error::Errno;
use crate::limits::{BLOCK_ALIGNMENT, FILL_SLICE_BYTES, SEGMENT_REQUESTS_MAX, ZERO_FILL_CHUNK_BYTES};
use crate::waker::Waker;

/// What the thread is asked for.
#[derive(Debug)]
pub enum Request {
    /// Bring a segment into being.
    Make(Order),
    /// The same, but answered when the first `filled` bytes are written; the rest follows in the background.
    Begin {
        /// The segment.
        order: Order,
        /// How many bytes are written before the reply, a multiple of 4096.
        filled: u64,
        /// How far it is filled, from the reply on.
        frontier: Frontier,
    },
    /// Go on filling a segment that was begun earlier, in this process or the last one.
    Resume {
        /// The segment, open for direct writing.
        file: File,
        /// The first byte to fill, a multiple of 4096: nothing may have been written from here on.
        from: u64,
        /// How far it is filled.
        frontier: Frontier,
    },
    /// How full are the file systems of these directories?
    Measure {
        /// Those that do not exist are passed over.
        directories: Vec<PathBuf>,
    },
    /// Remove a file and make the removal durable. No reply on success.
    Delete {
        /// Which.
        path: PathBuf,
        /// What the caller calls it.
        token: u64,
    },
}

/// How full a file system is, for whoever is not root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that cannot be written any more.
    pub used: u64,
    /// Bytes in all; never 0.
    pub total: u64,
}

impl Space {
    /// Fails where a file system says that it has no size: nobody knows how full it is.
    fn of(directory: &Path) -> io::Result<Self> {
        let found = statvfs(directory)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
        let total = bytes(found.blocks());
        if total == 0 {
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
        Ok(Self { used: total.saturating_sub(bytes(found.blocks_available())), total })
    }

    /// The fullest of these, by its share.
    fn fullest(directories: &[PathBuf]) -> io::Result<Self> {
        let mut fullest: io::Result<Self> = Err(io::Error::from_raw_os_error(libc::ENOENT));
        for directory in directories {
            match (Self::of(directory), &fullest) {
                (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {}
                (Err(error), _) => return Err(error),
                (Ok(one), Ok(other)) if !one.is_fuller(other) => {}
                (one, _) => fullest = one,
            }
        }
        fullest
    }

    fn is_fuller(self, other: &Self) -> bool {
        u128::from(self.used) * u128::from(other.total) > u128::from(other.used) * u128::from(self.total)
    }
}

/// How far a segment is filled with zeros. The writer stays below it, always: what it wrote above would be
/// overwritten with zeros. Clones are the same frontier.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    shared: Arc<(AtomicU64, AtomicI32)>,
}

impl Frontier {
    /// A frontier at the start of its segment.
    pub fn new() -> Self {
        Self::default()
    }

    /// A frontier of a segment that is filled up to here already.
    pub fn at(filled: u64) -> Self {
        let frontier = Self::new();
        frontier.advance(filled);
        frontier
    }

    /// A frontier at which filling stopped: for tests of what its owner does then.
    #[cfg(feature = "testing")]
    pub fn failed(filled: u64, errno: Errno) -> Self {
        let frontier = Self::at(filled);
        frontier.fail(&errno.into());
        frontier
    }

    /// All bytes below are written and durable, as zeros or by the writer.
    pub fn filled(&self) -> u64 {
        self.shared.0.load(Ordering::Acquire)
    }

    /// Why filling stopped, if it did. `Request::Resume` tries again.
    pub fn failure(&self) -> Option<Errno> {
        Some(self.shared.1.load(Ordering::Acquire)).filter(|errno| *errno != 0).map(Errno)
    }

    fn advance(&self, filled: u64) {
        self.shared.1.store(0, Ordering::Release);
        self.shared.0.store(filled, Ordering::Release);
    }

    fn fail(&self, error: &io::Error) {
        self.shared.1.store(Errno::of(error).0, Ordering::Release);
    }
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
    /// The fullest of the file systems, or why it is not known.
    Measured(Result<Space, Errno>),
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
pub struct Full(pub Box<Request>);

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
        let Some(requests) = &self.requests else { return Err(Full(Box::new(request))) };
        requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(request) | TrySendError::Disconnected(request) => Full(Box::new(request)),
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

/// A segment that was begun.
struct Unfinished {
    file: File,
    next: u64,
    bytes: u64,
    frontier: Frontier,
}

struct Workshop {
    zeros: AlignedBuffer,
    header: AlignedBuffer,
    /// Filled in turn, a slice each.
    unfinished: VecDeque<Unfinished>,
}

fn serve(inbox: &Receiver<Request>, outbox: &Sender<Reply>, waker: &Waker) {
    let mut workshop = Workshop::new();
    loop {
        // Requests come first: filling may wait, a writer without a segment may not.
        let request = if workshop.unfinished.is_empty() {
            inbox.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            inbox.try_recv()
        };
        match request {
            Ok(request) => {
                let Some(reply) = workshop.carry_out(request) else { continue };
                if outbox.send(reply).is_err() {
                    return;
                }
            }
            Err(TryRecvError::Empty) => workshop.fill_slice(),
            Err(TryRecvError::Disconnected) => return,
        }
        waker.wake();
    }
}

impl Workshop {
    fn new() -> Self {
        let (zeros, header) = (AlignedBuffer::new(ZERO_FILL_CHUNK_BYTES), AlignedBuffer::new(BLOCK_ALIGNMENT));
        Self { zeros, header, unfinished: VecDeque::new() }
    }

    fn carry_out(&mut self, request: Request) -> Option<Reply> {
        match request {
            Request::Make(order) => {
                let filled = order.bytes;
                Some(self.make_and_tell(&order, filled, &Frontier::new()))
            }
            Request::Begin { order, filled, frontier } => Some(self.make_and_tell(&order, filled, &frontier)),
            Request::Resume { file, from, frontier } => {
                self.finish_later(file, from, frontier);
                None
            }
            Request::Measure { directories } => {
                Some(Reply::Measured(Space::fullest(&directories).map_err(|error| Errno::of(&error))))
            }
            Request::Delete { path, token } => {
                let deleted = fs::remove_file(&path).and_then(|()| sync_directory(path.parent()));
                deleted.err().map(|error| Reply::NotDeleted { token, errno: Errno::of(&error) })
            }
        }
    }

    fn make_and_tell(&mut self, order: &Order, filled: u64, frontier: &Frontier) -> Reply {
        let token = order.token;
        let made = make(order, filled, &self.zeros, &mut self.header).and_then(|(file, recycled)| {
            // A recycled file was filled in its first life.
            let filled = if recycled { order.bytes } else { filled };
            frontier.advance(filled);
            if filled < order.bytes {
                self.finish_later(file.try_clone()?, filled, frontier.clone());
            }
            Ok((file, recycled))
        });
        match made {
            Ok((file, recycled)) => Reply::Made { token, file, recycled },
            Err(error) => Reply::Failed { token, errno: Errno::of(&error) },
        }
    }

    fn finish_later(&mut self, file: File, from: u64, frontier: Frontier) {
        match file.metadata() {
            Ok(metadata) => self.unfinished.push_back(Unfinished { file, next: from, bytes: metadata.len(), frontier }),
            Err(error) => frontier.fail(&error),
        }
    }

    fn fill_slice(&mut self) {
        let Some(mut segment) = self.unfinished.pop_front() else { return };
        let to = segment.bytes.min(segment.next + FILL_SLICE_BYTES);
        match fill(&segment.file, segment.next, to, &self.zeros) {
            Ok(()) => {
                segment.frontier.advance(to);
                segment.next = to;
                if to < segment.bytes {
                    self.unfinished.push_back(segment);
                }
            }
            Err(error) => segment.frontier.fail(&error),
        }
    }
}

/// Makes a segment on the calling thread: for the first segments of a store, and for tools.
pub fn make_now(order: &Order) -> io::Result<File> {
    let mut workshop = Workshop::new();
    make(order, order.bytes, &workshop.zeros, &mut workshop.header).map(|(file, _)| file)
}

fn make(order: &Order, filled: u64, zeros: &AlignedBuffer, header: &mut AlignedBuffer) -> io::Result<(File, bool)> {
    let sizes = order.bytes > 0 && is_aligned(order.bytes) && is_aligned(filled) && filled <= order.bytes;
    let Some(start) = header.get_mut(..order.header.len()).filter(|_| sizes) else {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    };
    start.copy_from_slice(&order.header);
    if let Some(rest) = header.get_mut(order.header.len()..) {
        rest.fill(0);
    }
    let temporary = journal::unfinished_path(&order.directory.join(&order.name));
    let result = match order.recycle.as_deref().map(|old| recycle(old, &temporary, order.bytes, header)) {
        Some(Ok(file)) => Ok((file, true)),
        _ => create(&temporary, order.bytes, filled, header, zeros).map(|file| (file, false)),
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

/// A new file: reserved in whole, its first `filled` bytes written.
fn create(path: &Path, bytes: u64, filled: u64, header: &[u8], zeros: &[u8]) -> io::Result<File> {
    let file = open(path, true)?;
    let reserved = i64::try_from(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    // Reserving first finds out about a full disk before any byte is written, and keeps the extents together.
    match nix::fcntl::fallocate(&file, nix::fcntl::FallocateFlags::empty(), 0, reserved) {
        Ok(()) => {}
        Err(nix::errno::Errno::EOPNOTSUPP) => file.set_len(bytes)?,
        Err(error) => return Err(error.into()),
    }
    fill(&file, 0, filled, zeros)?;
    file.write_all_at(header, 0)?;
    file.sync_data()?;
    Ok(file)
}

fn fill(file: &File, from: u64, to: u64, zeros: &[u8]) -> io::Result<()> {
    if !is_aligned(from) || !is_aligned(to) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let mut offset = from;
    while offset < to {
        let len = usize::try_from(to - offset).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(zeros.get(..len).unwrap_or_default(), offset)?;
        offset += len as u64;
    }
    file.sync_data()
}

fn is_aligned(bytes: u64) -> bool {
    bytes.is_multiple_of(BLOCK_ALIGNMENT as u64)
}

/// A retired file: only its header is new. Old blocks stay in it; a reader tells them from new ones by
/// their epoch, position and chain. One that has another name belongs to a snapshot too: it loses this name, and is not written to.
fn recycle(old: &Path, path: &Path, bytes: u64, header: &[u8]) -> io::Result<File> {
    if fs::metadata(old)?.nlink() > 1 {
        fs::remove_file(old)?;
        return Err(io::Error::from_raw_os_error(libc::EMLINK));
    }
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

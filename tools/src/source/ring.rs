//! Reads on a ring: one thread with an executor of its own, whose stream reader keeps several reads in flight.
//!
//! The thread serves one stream at a time: chunks go through a bounded channel, so that it is never far ahead of whoever checks them. A
//! stream that nobody takes from any more is given up.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use glommio::io::{DmaFile, DmaStreamReaderBuilder};
use glommio::{GlommioError, LocalExecutorBuilder, Placement};
use io_uring::IoUring;
use journal::{IoError, Operation};

use super::{CHUNK_BYTES, Source, Stream};

/// Reads in flight.
const READ_AHEAD: usize = 4;
/// Chunks that wait to be checked.
const CHUNKS_WAITING: usize = 4;
/// The memory that is registered with the ring: with the rings themselves far below the 8 MiB that an ordinary user may lock.
const REGISTERED_BYTES: usize = 2 * 1024 * 1024;
/// Entries of the rings.
const RING_ENTRIES: usize = 32;

/// What the thread is asked for.
struct Order {
    path: PathBuf,
    /// Open, so that it cannot go while the executor opens it again.
    file: File,
    from: u64,
    /// An empty chunk is the end of the file.
    chunks: SyncSender<Result<Vec<u8>, IoError>>,
}

/// The thread.
pub(super) struct RingSource {
    orders: Sender<Order>,
}

struct RingStream {
    path: PathBuf,
    chunks: Receiver<Result<Vec<u8>, IoError>>,
}

impl RingSource {
    /// Starts the thread, or says why there is no ring.
    pub(super) fn start() -> Result<Self, String> {
        // Asked first, because the executor of a thread that gets no ring panics.
        IoUring::new(RING_ENTRIES as u32).map_err(|error| error.to_string())?;
        let (orders, incoming) = channel();
        let (begun, ready) = sync_channel(1);
        let builder = LocalExecutorBuilder::new(Placement::Unbound);
        let builder = builder.name("reader").io_memory(REGISTERED_BYTES).ring_depth(RING_ENTRIES);
        let thread = builder.spawn(move || async move {
            let _waited_for = begun.send(());
            serve(&incoming).await;
        });
        let thread = thread.map_err(|error| reason(&error))?;
        if ready.recv().is_err() {
            return Err(thread.join().err().map_or_else(|| "the reader ended".to_owned(), |error| reason(&error)));
        }
        Ok(Self { orders })
    }
}

/// In one line: what is missing, and how to get it where that is known.
fn reason<T>(error: &GlommioError<T>) -> String {
    let text = std::io::Error::other(error.to_string()).to_string();
    let text = text.lines().next().unwrap_or_default().to_owned();
    if text.to_lowercase().contains("memlock") {
        return "the limit of locked memory is too low: ulimit -l must give at least 512 KiB".to_owned();
    }
    text
}

async fn serve(orders: &Receiver<Order>) {
    // Blocking is fine: between two streams this thread has nothing else to do.
    while let Ok(order) = orders.recv() {
        if let Err(error) = stream(&order).await {
            let _given_up = order.chunks.send(Err(error));
        }
    }
}

async fn stream(order: &Order) -> Result<(), IoError> {
    let failed = |operation, error: GlommioError<()>| IoError {
        operation,
        path: Some(order.path.clone()),
        errno: error.raw_os_error().unwrap_or(0),
    };
    // By its descriptor: the executor asks after the name once more behind the open, and panics if the broker has removed it meanwhile.
    let descriptor = format!("/proc/self/fd/{}", order.file.as_raw_fd());
    let file = DmaFile::open(descriptor).await.map_err(|error| failed(Operation::Open, error))?;
    let builder = DmaStreamReaderBuilder::new(file).with_start_pos(order.from);
    let mut reader = builder.with_buffer_size(CHUNK_BYTES).with_read_ahead(READ_AHEAD).build();
    let ended = loop {
        match reader.get_buffer_aligned(CHUNK_BYTES as u64).await {
            Ok(chunk) if chunk.is_empty() => {
                let _given_up = order.chunks.send(Ok(Vec::new()));
                break Ok(());
            }
            Ok(chunk) => {
                if order.chunks.send(Ok(chunk.to_vec())).is_err() {
                    break Ok(());
                }
            }
            Err(error) => break Err(failed(Operation::Read, error)),
        }
    };
    let _closed = reader.close().await;
    ended
}

impl Source for RingSource {
    fn open(&mut self, path: &Path, from: u64) -> Result<Box<dyn Stream>, IoError> {
        // The system's own words where the file cannot be opened at all.
        let file = File::open(path).map_err(|error| IoError::new(Operation::Open, path, &error))?;
        let (chunks, incoming) = sync_channel(CHUNKS_WAITING);
        let order = Order { path: path.to_owned(), file, from, chunks };
        self.orders.send(order).map_err(|_| IoError::from_errno(Operation::Open, 0).at(path))?;
        Ok(Box::new(RingStream { path: path.to_owned(), chunks: incoming }))
    }
}

impl Stream for RingStream {
    fn next(&mut self) -> Result<Option<Vec<u8>>, IoError> {
        match self.chunks.recv() {
            Ok(chunk) => chunk.map(|chunk| Some(chunk).filter(|chunk| !chunk.is_empty())),
            // Without an end it is no end: the thread has gone.
            Err(_) => Err(IoError::from_errno(Operation::Read, 0).at(&self.path)),
        }
    }
}

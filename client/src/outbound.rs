//! Bytes on their way to the socket: callers append frames, one writer task takes all there is at a time.
//!
//! Must stay true: frames leave in the order in which they were appended, and what waits here is bounded, because senders of
//! messages wait for room first. (Other packets are few and small, one for each call that waits.)

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Senders wait while more than this is waiting.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A lock that is not poisoned by a panic elsewhere: each of ours guards data that is whole between any two statements.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The buffer between callers and the writer task.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    waiting: Mutex<Vec<u8>>,
    /// Tells the writer that there is something, or that it shall stop.
    pub(crate) wake: Notify,
    /// Tells senders that there is room, or that there will be none.
    pub(crate) room: Notify,
}

impl Outbound {
    /// Appends what `encode` appends.
    pub(crate) fn append<E>(&self, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        encode(&mut locked(&self.waiting))?;
        self.wake.notify_one();
        Ok(())
    }

    /// Whether a sender may append.
    pub(crate) fn has_room(&self) -> bool {
        locked(&self.waiting).len() <= WAITING_BYTES_MAX
    }

    /// Exchanges what waits for the empty `spare`, whose memory is used again. False when nothing waits.
    pub(crate) fn take(&self, spare: &mut Vec<u8>) -> bool {
        spare.clear();
        std::mem::swap(&mut *locked(&self.waiting), spare);
        self.room.notify_waiters();
        !spare.is_empty()
    }
}

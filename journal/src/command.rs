//! What a lane asks of its driver, and what the driver reports back.

use std::collections::VecDeque;

use crate::error::IoError;
use crate::ids::{SegmentSequence, Ticket};

/// One thing for the driver to do.
#[derive(Debug)]
pub enum Command<B> {
    /// Write the first `len` bytes of `buffer` at `offset` of the segment's file and make them durable (write with DSYNC, or write and then
    /// fdatasync); then report [`Completion::Written`] with the same ticket and the buffer. Writes of one lane may run side by side.
    Write {
        /// Names the write in its completion.
        ticket: Ticket,
        /// Into which file.
        segment: SegmentSequence,
        /// Where in the file, the segment header included.
        offset: u64,
        /// The block.
        buffer: B,
        /// How much of the buffer.
        len: usize,
    },
    /// Bring the segment's file into being: zero-filled or recycled, header written, flushed, renamed, directory flushed.
    PrepareSegment {
        /// Which one.
        sequence: SegmentSequence,
    },
    /// The segment's file is no longer needed: recycle or unlink it, as the host likes. There is no completion.
    FreeSegment {
        /// Which one.
        sequence: SegmentSequence,
    },
}

/// What became of a command.
#[derive(Debug)]
pub enum Completion<B> {
    /// The block is durable, or it failed.
    Written {
        /// Of which write.
        ticket: Ticket,
        /// The buffer comes back either way.
        buffer: B,
        /// Whether the block is durable.
        result: Result<(), IoError>,
    },
    /// The segment's file is there for good.
    SegmentReady {
        /// Which one.
        sequence: SegmentSequence,
    },
    /// The segment's file could not be made; nothing was written into any existing one.
    SegmentFailed {
        /// Which one.
        sequence: SegmentSequence,
        /// Why.
        error: IoError,
    },
}

/// A queue of commands with a fixed capacity: a lane that finds it full goes on at the next poll.
#[derive(Debug)]
pub struct Commands<B> {
    queue: VecDeque<Command<B>>,
    capacity: usize,
}

impl<B> Commands<B> {
    /// Room for `capacity` commands.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { queue: VecDeque::with_capacity(capacity), capacity }
    }

    /// Whether no further command fits.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.queue.len() >= self.capacity
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many commands wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// The oldest command.
    pub fn pop(&mut self) -> Option<Command<B>> {
        self.queue.pop_front()
    }

    /// The lane asks [`Self::is_full`] first, so the queue never grows beyond its capacity.
    pub(crate) fn push(&mut self, command: Command<B>) {
        debug_assert!(!self.is_full());
        self.queue.push_back(command);
    }
}

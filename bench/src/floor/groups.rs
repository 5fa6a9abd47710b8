//! Groups of messages on their way into the file.
//!
//! Owns: the open group, into which messages are copied, and those in flight with who waits for them. Takes: messages. Gives: their
//! numbers, and the groups that are done, in their order. Must stay true: a group is given out as done only after all before it.

use std::collections::VecDeque;

use runtime::limits::BLOCK_ALIGNMENT;
use runtime::{AlignedBuffer, Driver, FileId, SocketId, Sync};

use super::limits::RECORD_HEAD_BYTES;
use super::settings::{Durability, Figures};

/// A client whose answers wait for a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    /// Who.
    pub(super) socket: SocketId,
    /// Bytes of its answers.
    pub(super) bytes: usize,
}

/// A group that the device was given.
#[derive(Debug)]
struct Flying {
    token: u64,
    waiters: Vec<Waiter>,
    done: bool,
}

/// All groups of a floor broker.
#[derive(Debug)]
pub(super) struct Groups {
    file: FileId,
    file_bytes: u64,
    /// Where the next group goes.
    offset: u64,
    sync: Sync,
    in_flight_max: usize,
    open: AlignedBuffer,
    filled: usize,
    messages: u64,
    flying: VecDeque<Flying>,
    /// Lists that were used before, so that no group allocates one.
    spare: Vec<Vec<Waiter>>,
    pub(super) figures: Figures,
}

impl Groups {
    /// Groups for a file that [`filled`](super::file::filled) made. The driver has one buffer more than groups may be in flight.
    pub(super) fn new(
        file: FileId,
        file_bytes: u64,
        durability: Durability,
        in_flight_max: usize,
        open: AlignedBuffer,
    ) -> Self {
        let sync = match durability {
            Durability::Dsync => Sync::Dsync,
            Durability::Fdatasync => Sync::Fdatasync,
            Durability::None => Sync::None,
        };
        Self {
            file,
            file_bytes,
            offset: 0,
            sync,
            in_flight_max,
            open,
            filled: 0,
            messages: 0,
            flying: VecDeque::with_capacity(in_flight_max),
            spare: Vec::new(),
            figures: Figures::default(),
        }
    }

    /// Copies a message into the open group and gives its number; none when it does not fit.
    #[inline]
    pub(super) fn append(&mut self, message: &[u8]) -> Option<u64> {
        let number = self.figures.messages + 1;
        let (head, rest) = self.open.get_mut(self.filled..)?.split_at_mut_checked(RECORD_HEAD_BYTES)?;
        rest.get_mut(..message.len())?.copy_from_slice(message);
        let (first, second) = head.split_at_mut_checked(size_of::<u64>())?;
        first.copy_from_slice(&number.to_le_bytes());
        second.copy_from_slice(&(message.len() as u64).to_le_bytes());
        self.filled += RECORD_HEAD_BYTES + message.len();
        self.messages += 1;
        self.figures.messages = number;
        self.figures.message_bytes += message.len() as u64;
        Some(number)
    }

    /// Whether the open group may be written now.
    pub(super) fn may_submit(&self) -> bool {
        self.filled > 0 && self.flying.len() < self.in_flight_max
    }

    /// An empty list for those who wait for the open group.
    pub(super) fn list(&mut self) -> Vec<Waiter> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a list back.
    pub(super) fn give_list(&mut self, mut list: Vec<Waiter>) {
        list.clear();
        self.spare.push(list);
    }

    /// Writes the open group and opens the next one.
    pub(super) fn submit(&mut self, driver: &mut Driver, waiters: Vec<Waiter>) -> Result<(), String> {
        let len = self.filled.next_multiple_of(BLOCK_ALIGNMENT);
        if let Some(padding) = self.open.get_mut(self.filled..len) {
            padding.fill(0);
        }
        if self.offset + len as u64 > self.file_bytes {
            self.offset = 0;
        }
        let next = driver.take_buffer().ok_or("no buffer is left for a group")?;
        let full = std::mem::replace(&mut self.open, next);
        let token = self.figures.groups;
        let refused = driver.write(self.file, self.offset, full, len, self.sync, token);
        refused.map_err(|refused| format!("a write was not taken: {}", refused.why))?;
        self.flying.push_back(Flying { token, waiters, done: false });
        self.offset += len as u64;
        self.figures.groups += 1;
        self.figures.written_bytes += len as u64;
        self.figures.largest_group = self.figures.largest_group.max(self.messages);
        (self.filled, self.messages) = (0, 0);
        Ok(())
    }

    /// A write has ended well.
    pub(super) fn written(&mut self, token: u64) {
        if let Some(group) = self.flying.iter_mut().find(|group| group.token == token) {
            group.done = true;
        }
    }

    /// Who may be answered now: the clients of the oldest group, once it is done.
    pub(super) fn finished(&mut self) -> Option<Vec<Waiter>> {
        if !self.flying.front()?.done {
            return None;
        }
        let group = self.flying.pop_front()?;
        if self.sync != Sync::None {
            self.figures.durable_groups += 1;
        }
        Some(group.waiters)
    }
}

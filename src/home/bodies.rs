//! Where the bodies of messages are while they wait: recent durable ones in the hot window, non-durable ones in memory,
//! all others only in the journal.

use hashbrown::HashMap;

use crate::message::MessageId;
use crate::queue::{Entry, HotSlot};
use crate::store::HotWindow;
use crate::store::record::LargeBody;

/// A large body and how many queues still need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Large {
    pub(super) body: LargeBody,
    pub(super) references: u32,
}

/// A non-durable body and how many queues still need it.
#[derive(Debug)]
struct Volatile {
    body: Box<[u8]>,
    references: u32,
}

/// The bodies of one home.
#[derive(Debug)]
pub(super) struct Bodies {
    hot: HotWindow,
    volatile: HashMap<MessageId, Volatile>,
    volatile_bytes: usize,
    large: HashMap<MessageId, Large>,
    next_volatile: u64,
}

impl Bodies {
    /// `start` is a number that differs from run to run, so that ids of non-durable messages do not come again.
    pub(super) fn new(hot_bytes: usize, start: u64) -> Self {
        let secret = (start >> 16) as u32 ^ (start as u32);
        Self {
            hot: HotWindow::new(hot_bytes, secret),
            volatile: HashMap::new(),
            volatile_bytes: 0,
            large: HashMap::new(),
            next_volatile: start,
        }
    }

    /// Is there room for non-durable bodies of this size, if all may have as much as `bound`?
    pub(super) fn has_room(&self, bytes: usize, bound: usize) -> bool {
        self.volatile_bytes.saturating_add(bytes) <= bound
    }

    /// What non-durable bodies take.
    pub(super) fn volatile_bytes(&self) -> usize {
        self.volatile_bytes
    }

    /// Keeps a non-durable body for this many queues.
    pub(super) fn keep_volatile(&mut self, body: &[u8], references: u32) -> MessageId {
        let id = MessageId::non_durable(self.next_volatile);
        self.next_volatile = self.next_volatile.wrapping_add(1);
        self.volatile_bytes += body.len();
        self.volatile.insert(id, Volatile { body: body.into(), references });
        id
    }

    /// Keeps the body of a durable message as long as there is room.
    pub(super) fn keep_hot(&mut self, id: MessageId, body: &[u8]) -> HotSlot {
        self.hot.keep(id, body)
    }

    /// Remembers where a large body lies.
    pub(super) fn keep_large(&mut self, id: MessageId, large: Large) {
        self.large.insert(id, large);
    }

    /// Where the large body of this message lies.
    pub(super) fn large(&self, id: MessageId) -> Option<Large> {
        self.large.get(&id).copied()
    }

    /// All large bodies.
    pub(super) fn large_mut(&mut self) -> impl Iterator<Item = (MessageId, &mut Large)> {
        self.large.iter_mut().map(|(id, large)| (*id, large))
    }

    /// The body, if it is in memory.
    pub(super) fn get(&self, entry: &Entry) -> Option<&[u8]> {
        if entry.id.is_non_durable() {
            self.volatile.get(&entry.id).map(|volatile| volatile.body.as_ref())
        } else {
            self.hot.get(entry.hot, entry.id, entry.size())
        }
    }

    /// One queue needs the non-durable body no more.
    pub(super) fn release_volatile(&mut self, id: MessageId) {
        let Some(volatile) = self.volatile.get_mut(&id) else { return };
        volatile.references = volatile.references.saturating_sub(1);
        if volatile.references == 0 {
            self.volatile_bytes = self.volatile_bytes.saturating_sub(volatile.body.len());
            self.volatile.remove(&id);
        }
    }

    /// One queue needs the large body no more. Gives it when nobody does.
    pub(super) fn release_large(&mut self, id: MessageId) -> Option<Large> {
        let large = self.large.get_mut(&id)?;
        large.references = large.references.saturating_sub(1);
        if large.references == 0 { self.large.remove(&id) } else { None }
    }
}

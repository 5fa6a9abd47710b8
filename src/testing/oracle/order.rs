//! Order per sender, queue and priority: first deliveries never go back, and neither does one consumer's stream.
//!
//! Takes it as given that a queue has one consumer at a time; with two, what one of them gives back may rightly come later.

use std::collections::BTreeMap;

use super::message::{Identity, ProducerNumber, QueueNumber, Sequence};

type Key = (ProducerNumber, QueueNumber, u8);

fn key(identity: Identity) -> Key {
    (identity.producer, identity.queue, identity.priority)
}

/// The highest sequence that was delivered, of each sender in each queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    first: BTreeMap<Key, Sequence>,
}

impl Order {
    /// A message is delivered for the first time; gives the later one that came before it.
    pub(super) fn first_delivery(&mut self, identity: Identity) -> Option<Sequence> {
        advance(&mut self.first, identity)
    }
}

/// What one consumer has got since it was opened, or since its session was rolled back.
#[derive(Clone, Debug)]
pub struct Stream {
    queue: QueueNumber,
    last: BTreeMap<Key, Sequence>,
}

impl Stream {
    /// A consumer is opened, or begins again after a rollback.
    pub fn new(queue: QueueNumber) -> Self {
        Self { queue, last: BTreeMap::new() }
    }

    /// Whose messages it gets.
    pub fn queue(&self) -> QueueNumber {
        self.queue
    }

    /// The session was rolled back: what was not acknowledged comes again.
    pub fn begin_again(&mut self) {
        self.last.clear();
    }

    /// The next message; gives the one before it that should have been after it.
    pub(super) fn next(&mut self, identity: Identity) -> Option<Sequence> {
        advance(&mut self.last, identity)
    }
}

fn advance(of: &mut BTreeMap<Key, Sequence>, identity: Identity) -> Option<Sequence> {
    match of.get_mut(&key(identity)) {
        Some(last) if *last >= identity.sequence => Some(*last),
        Some(last) => {
            *last = identity.sequence;
            None
        }
        None => {
            of.insert(key(identity), identity.sequence);
            None
        }
    }
}

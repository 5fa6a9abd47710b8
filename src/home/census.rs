//! Counts what a home holds for sessions: all zero once every client is gone and everything is promised.

use super::Home;

/// What a home holds for sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Sessions that it knows of, with their open transactions.
    pub sessions: usize,
    /// Open consumers.
    pub consumers: usize,
    /// Consumers that queues know of.
    pub served: usize,
    /// Messages in the hands of consumers, as the consumers say.
    pub held: usize,
    /// Messages in the hands of consumers, as the queues say.
    pub delivering: usize,
    /// Transactions that are being written, prepared or decided.
    pub transactions: usize,
    /// What open transactions take of their common bound.
    pub staged_bytes: usize,
    /// Requests that wait for another core to write a binding.
    pub parked: usize,
    /// Their bytes.
    pub parked_bytes: usize,
    /// Notes that only one session may have.
    pub claims: usize,
    /// Producers that wait for credits.
    pub producers_waiting: usize,
    /// Letters that were not given away.
    pub letters: usize,
}

impl<B: journal::BlockBuffer> Home<B> {
    /// Counts what is held for sessions. Walks all queues and consumers: for tests.
    pub fn census(&self) -> Census {
        Census {
            sessions: self.sessions.len(),
            consumers: self.consumers.len().max(self.consumer_keys.len()),
            served: self.names.queues().map(|(_, queue)| queue.consumers.len()).sum(),
            held: self.consumers.values().map(|consumer| consumer.held_count()).sum(),
            delivering: self.names.queues().map(|(_, queue)| queue.delivering).sum(),
            transactions: self.ongoing.len() + self.prepared.len() + self.decisions.len() + self.open_transactions,
            staged_bytes: self.staged_bytes,
            parked: self.parked.len() + self.creating.len(),
            parked_bytes: self.parked_bytes,
            claims: self.claims.len(),
            producers_waiting: self.full.producers(),
            letters: self.letters.len(),
        }
    }
}

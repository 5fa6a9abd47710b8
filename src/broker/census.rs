//! Counts what a core holds for clients: all zero once every client is gone and everything is promised.

use journal::BlockBuffer;

use super::Core;
use crate::home;

/// What a core holds for clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Open connections.
    pub connections: usize,
    /// Sessions of those connections, and of lost ones whose commit is under way or whose clients may come back.
    pub sessions: usize,
    /// Consumers that those sessions know of.
    pub consumers: usize,
    /// Temporary queues that connections have, or that such sessions wait with.
    pub temporary: usize,
    /// Who waits at the gate.
    pub waiters: usize,
    /// Connections and sessions that something is due for.
    pub due: usize,
    /// Bytes of received frames that are kept at the expense of all, and connections that wait to keep some.
    pub incoming: usize,
    /// Memory of what clients have not read, beyond their own shares.
    pub outgoing: usize,
    /// Bytes that are kept for clients that have not confirmed them.
    pub unconfirmed: usize,
    /// Bytes that clients have noted about their sessions, beyond what each has for itself.
    pub notes: usize,
    /// Memory of sessions and consumers, beyond what each connection has for its first session.
    pub session_memory: usize,
    /// Requests to look after the broker that are under way.
    pub calls: usize,
    /// Connections that may move to the home of an address, or come for it, and sessions that are found where they have moved to.
    pub moves: usize,
    /// Letters that were not read, or not given away.
    pub letters: usize,
    /// What its home holds.
    pub home: home::Census,
}

impl<B: BlockBuffer> Core<B> {
    /// Counts what is held for clients. Walks all of it: for tests.
    pub fn census(&self) -> Census {
        let front = &self.front;
        Census {
            connections: front.clients.len(),
            sessions: front.sessions.len(),
            consumers: front.sessions.values().map(|session| session.consumer_count()).sum(),
            temporary: front.orphans.temporary_count()
                + front.clients.values().map(|client| client.temporary.len()).sum::<usize>(),
            waiters: front.gate.len(),
            due: front.due.len()
                + front.two_phase_due.len()
                + front.stalled.len()
                + front.aside.len()
                + front.seekers.len()
                + front.hold_changes.len(),
            incoming: front.incoming.held().0 + front.incoming.held().1,
            outgoing: front.outgoing.held(),
            unconfirmed: front.unconfirmed_bytes,
            notes: front.notes_bytes,
            session_memory: front.session_memory.held(),
            calls: front.calls.len() + front.calls_due.len(),
            moves: front.moves.len(),
            letters: self.inbox.len() + front.letters.len(),
            home: self.home.census(),
        }
    }

    /// What other cores have not said to have read of this one's letters, and what this one has not read of theirs, by weight: for tests.
    pub fn letter_bytes(&self) -> (usize, usize) {
        (self.front.postage.sent(), self.inbox.iter().map(|(_, letter)| letter.weight()).sum())
    }
}

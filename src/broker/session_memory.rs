//! What the sessions and consumers of a core's clients take together, within what they may.
//!
//! Takes: a session whose consumers or remembered permissions change. Gives: whether there is room for more. What must stay true: every
//! session is counted from its start to its end, but for the first one of a connection, which has something for itself: so whoever has
//! one session and a few consumers is never refused for what others have.

use super::Front;
use crate::delivery::{Consumer, Walk};
use crate::home::SESSION_BYTES as HOME_SESSION_BYTES;
use crate::limits;
use crate::message::{ConsumerId, SessionKey};
use crate::net::core::Respond;
use crate::session::{Session, TwoPhase};

/// What a session takes on its own core: itself and its places in the tables of sessions, names and channels, which grow by doubling.
const SESSION_BYTES: usize = 2 * size_of::<Session<Respond>>() + size_of::<TwoPhase>() + 1_024;

/// What a consumer takes: itself and its way through a queue at its home, and its places in the tables of both cores. Its filter counts
/// there (`limits::FILTER_MEMORY_PER_HOME_MAX`).
const CONSUMER_BYTES: usize = 2 * size_of::<Consumer>() + size_of::<Walk>() + 16 * size_of::<ConsumerId>() + 256;

/// What an address takes whose permissions are remembered, beside its name.
const PERMISSION_BYTES: usize = 64;

/// What a client hears that is refused one more.
pub(super) const NO_MEMORY: &str = "the memory for the sessions and consumers of all clients is full";

/// What the sessions of one core take.
#[derive(Debug)]
pub(super) struct SessionMemory {
    /// The bound.
    most: usize,
    /// What is counted of all sessions.
    taken: usize,
    /// What a session takes that has done nothing, with its parts at the homes of all cores.
    each: usize,
}

impl SessionMemory {
    /// Nothing, within this bound.
    pub(super) fn new(most: usize, cores: u16) -> Self {
        Self { most, taken: 0, each: SESSION_BYTES + usize::from(cores) * HOME_SESSION_BYTES }
    }

    /// Bytes that are counted.
    pub(super) fn held(&self) -> usize {
        self.taken
    }

    /// Keeps room for the sessions of a connection that may come. False: there is none.
    pub(super) fn reserve(&mut self) -> bool {
        let fits = self.taken.saturating_add(limits::MOVING_SESSIONS_BYTES_MAX) <= self.most;
        self.taken += if fits { limits::MOVING_SESSIONS_BYTES_MAX } else { 0 };
        fits
    }

    /// It is here, or does not come.
    pub(super) fn release(&mut self) {
        self.taken = self.taken.saturating_sub(limits::MOVING_SESSIONS_BYTES_MAX);
    }

    /// Is there room for one more session with a name of so many bytes?
    pub(super) fn has_room_for_session(&self, name_bytes: usize) -> bool {
        self.taken.saturating_add(self.each + name_bytes) <= self.most
    }

    /// Is there room for one more consumer of this session?
    pub(super) fn has_room_for_consumer(&self, session: &Session<Respond>) -> bool {
        self.has_room_for(session, CONSUMER_BYTES)
    }

    /// Is there room for what this session's user may do to one more address?
    pub(super) fn has_room_for_permission(&self, session: &Session<Respond>, address: &str) -> bool {
        self.has_room_for(session, PERMISSION_BYTES + address.len())
    }

    fn has_room_for(&self, session: &Session<Respond>, more: usize) -> bool {
        let grows = self.counts(session, more) - self.counts(session, 0);
        grows == 0 || self.taken.saturating_add(grows) <= self.most
    }

    /// What counts of a session, with so many bytes more.
    fn counts(&self, session: &Session<Respond>, more: usize) -> usize {
        let name = session.name.as_ref().map_or(0, |name| name.len());
        let permissions: usize = session.permissions.keys().map(|address| PERMISSION_BYTES + address.len()).sum();
        let all = self.each + name + session.consumer_count() * CONSUMER_BYTES + permissions + more;
        let own = if session.is_first { self.each + limits::SESSION_BYTES_FREE } else { 0 };
        all.saturating_sub(own)
    }

    /// Counts a session anew.
    pub(super) fn count(&mut self, session: &mut Session<Respond>) {
        // Bounds on its parts keep it far below.
        let counts = u32::try_from(self.counts(session, 0)).unwrap_or(u32::MAX);
        let before = std::mem::replace(&mut session.counted_bytes, counts);
        self.taken = self.taken - before as usize + counts as usize;
    }

    /// A session is gone.
    pub(super) fn forget(&mut self, session: &Session<Respond>) {
        self.taken -= session.counted_bytes as usize;
    }
}

impl Front {
    /// Consumers of a session have come or gone.
    #[cold]
    pub(super) fn count_session(&mut self, key: SessionKey) {
        if let Some(session) = self.sessions.get_mut(key) {
            self.session_memory.count(session);
        }
    }
}

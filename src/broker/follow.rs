//! A connection moves to the core on which the first address that it names lives: then its requests and their answers are no letters.
//!
//! Takes the first request of a connection to a home, if that is another core's; gives a question to that core, and after its answer the connection with its sessions, or the request as if nothing had been. What must stay true: a
//! connection is asked about once at most, whatever comes of it; until that is known none of its frames is handled; a core never promises
//! a place that it has not; and whoever seeks a session by its name finds it, also while it is on its way. For that the core that it has
//! left knows where it went for as long as it can be found there: a question that comes to the old core goes the way that the session
//! went, behind it.
//!
//! Sessions that outlive their connections stay, and so does what has consumers, a transaction, temporary queues, or is owed answers.

use std::collections::HashMap;

use journal::{BlockBuffer, Now};

use super::front::Client;
use super::{Core, Front, millis};
use crate::limits;
use crate::mail::{Ask, Letter};
use crate::message::{ConnectionKey, CoreId, SessionKey, SessionName};
use crate::net::core::Respond;
use crate::session::Session;

/// A connection that moves from one core to another, with what was received and not handled.
#[derive(Debug)]
pub struct Migrant {
    client: Box<Client>,
    /// Its sessions, with their channels.
    sessions: Vec<(i64, Session<Respond>)>,
    /// The core that it comes from, if it has a place where it comes to.
    expected_from: Option<CoreId>,
}

/// Connections that leave for the home of an address or come for it.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// The packet that is being handled has to wait.
    handed_back: bool,
    /// Connections that have asked, or go.
    leaving: usize,
    /// Connections that may come and have not.
    expected: usize,
    /// Sessions that have moved away, by their names, as long as they can be found there. The hasher is keyed, as theirs is.
    places: HashMap<SessionName, CoreId>,
    /// Sessions that have come, and the cores that know of them by their names.
    origins: HashMap<SessionKey, CoreId>,
}

impl Moves {
    /// Connections that may come and have not.
    pub(super) fn expected(&self) -> usize {
        self.expected
    }

    /// Must the packet wait that was being handled? Asked once.
    #[inline(always)]
    pub(super) fn take_handed_back(&mut self) -> bool {
        std::mem::take(&mut self.handed_back)
    }

    /// Where a session of this name has moved to.
    pub(super) fn place_of(&self, name: &SessionName) -> Option<CoreId> {
        self.places.get(name).copied()
    }

    /// It is no longer found there.
    pub(super) fn forget(&mut self, name: &SessionName) {
        self.places.remove(name);
    }

    /// The core that knows by its name that a session has come here: once.
    pub(super) fn take_origin_of(&mut self, key: SessionKey) -> Option<CoreId> {
        self.origins.remove(&key)
    }

    /// All that is counted here: nothing, when nobody moves and no session lives that has.
    pub(super) fn len(&self) -> usize {
        self.leaving + self.expected + self.places.len() + self.origins.len()
    }
}

impl Front {
    /// Does the connection of a session follow this request to another core, or may it? Then the request is made later.
    // Few instructions, for connections that stay and speak of addresses elsewhere.
    #[inline]
    pub(super) fn follows(&mut self, key: SessionKey, core: CoreId, ask: &Ask<'_>) -> bool {
        let connection = self.sessions.get(key).map(|session| session.connection);
        let client = connection.and_then(|connection| self.clients.get(connection));
        client.is_some_and(|client| !client.stays) && self.sets_out(key, core, ask)
    }

    #[cold]
    #[inline(never)]
    fn sets_out(&mut self, key: SessionKey, core: CoreId, ask: &Ask<'_>) -> bool {
        let Some(connection) = self.sessions.get(key).map(|session| session.connection) else { return false };
        if ask.address().is_none() {
            return false;
        }
        let may = self.settings.follows && !self.stopping && self.may_move(connection);
        let Some(client) = self.clients.get_mut(connection) else { return false };
        // Asked once, whatever comes of it.
        client.stays = true;
        if may {
            client.follows = Some(core);
            self.moves.leaving += 1;
            self.moves.handed_back = true;
            // Those who may go do not count: all of them could.
            let others = self.clients.len().saturating_sub(self.moves.leaving);
            self.letters.push_back((core, Letter::Knock { connection, others }));
        }
        may
    }

    /// Is there nothing of a connection that could not move, or could be missed?
    fn may_move(&self, connection: ConnectionKey) -> bool {
        let Some(client) = self.clients.get(connection) else { return false };
        let ends = client.closing || client.doomed;
        let waits = client.moves_to.is_some() || client.follows.is_some() || client.seeking.is_some();
        let holds = client.login.is_some() || client.aside_bytes > 0;
        let leaves = !(client.temporary.is_empty() && client.departed.is_empty());
        let mut bytes = 0;
        let mut fits = |session: &Session<Respond>| {
            bytes += session.counted_bytes as usize;
            bytes <= limits::MOVING_SESSIONS_BYTES_MAX && self.is_free(session)
        };
        let may = |key| self.sessions.get(key).is_some_and(&mut fits);
        !(ends || waits || holds || leaves) && client.channels.sessions().all(may)
    }

    /// Can this session go elsewhere, and be the only one of its name that did?
    fn is_free(&self, session: &Session<Respond>) -> bool {
        let known = session.name.as_ref().is_some_and(|name| self.moves.places.contains_key(name));
        session.is_untouched() && !known
    }

    /// A packet has to wait: it is handled anew when it is known where. False, to be given back.
    #[cold]
    pub(super) fn hand_back(&mut self, key: SessionKey, numbered: bool) -> bool {
        if let Some(session) = self.sessions.get_mut(key).filter(|_| numbered) {
            session.take_back_command();
        }
        false
    }

    /// A connection of another core names an address of this one first, and wants to come.
    pub(super) fn knocked(&mut self, from: CoreId, connection: ConnectionKey, others: usize) {
        let with_it = self.connection_count() + self.moves.expected + 1;
        let has_place = with_it <= self.connections_max();
        let is_balanced = with_it <= others + limits::CONNECTIONS_AHEAD_MAX;
        let is_welcome = !self.stopping && has_place && is_balanced && self.session_memory.reserve();
        self.moves.expected += usize::from(is_welcome);
        self.letters.push_back((from, Letter::Opened { connection, is_welcome }));
    }

    /// A connection that was to come does not, or is here.
    pub(super) fn comes_no_more(&mut self) {
        self.moves.expected = self.moves.expected.saturating_sub(1);
        self.session_memory.release();
    }

    /// The answer to a connection that wants to move.
    pub(super) fn opened(&mut self, from: CoreId, connection: ConnectionKey, is_welcome: bool) {
        let Self { clients, moves, letters, stopping, .. } = self;
        let client = clients.get_mut(connection);
        match client.filter(|client| is_welcome && !client.closing && !*stopping) {
            Some(client) => {
                client.moves_to = Some(from);
                self.list(connection);
            }
            None => {
                letters.extend(is_welcome.then_some((from, Letter::Absent)));
                if let Some(client) = clients.get_mut(connection) {
                    moves.leaving = moves.leaving.saturating_sub(usize::from(client.follows.take().is_some()));
                }
            }
        }
    }

    /// A connection is gone. Where it was to come nobody waits for it any longer.
    pub(super) fn moves_nowhere(&mut self, client: &mut Client) {
        if let Some(core) = client.follows.take() {
            self.moves.leaving = self.moves.leaving.saturating_sub(1);
            self.letters.extend(client.moves_to.map(|_| (core, Letter::Absent)));
        }
    }

    /// Connections that a core may have.
    pub(super) fn connections_max(&self) -> usize {
        self.settings.connections_max.clamp(1, limits::CONNECTIONS_PER_CORE_MAX)
    }

    /// Takes a session out, for another core. It is found there under its name.
    fn send_away(&mut self, key: SessionKey, core: CoreId) -> Option<Session<Respond>> {
        let mut session = self.sessions.remove(key)?;
        self.session_memory.forget(&session);
        session.counted_bytes = 0;
        if let Some(name) = &session.name {
            if self.names.get(name) == Some(&key) {
                self.names.remove(name);
            }
            self.moves.places.insert(name.clone(), core);
        }
        Some(session)
    }

    /// A session comes in, on a connection that has come with it.
    fn take_in(&mut self, connection: ConnectionKey, channel: i64, mut session: Session<Respond>, from: CoreId) {
        let name = session.name.take();
        session.connection = connection;
        let key = self.sessions.insert(session);
        if let Some(client) = self.clients.get_mut(connection) {
            client.channels.insert(channel, key);
        }
        let Some(name) = name else { return self.count_session(key) };
        self.name_session(key, name.clone());
        self.count_session(key);
        if self.sessions.get(key).is_some_and(|session| session.name.is_some()) {
            self.moves.origins.insert(key, from);
        } else {
            // A later one has its name: it is not found here.
            self.letters.push_back((from, Letter::Gone { name }));
        }
    }
}

impl<B: BlockBuffer> Core<B> {
    /// A connection that is to move takes nothing with it that is still to be written or received: it is another core's now. Its
    /// temporary queues and its sessions go along, but for those that it has closed: they are nothing to the other core. `None`: it
    /// is gone, or to be closed.
    pub fn departed(&mut self, connection: ConnectionKey) -> Option<(CoreId, Migrant)> {
        self.stirred = true;
        let client = self.front.clients.get(connection).filter(|client| client.moving)?;
        let core = client.moves_to?;
        let follows = client.follows.is_some();
        let untouched = |key| self.front.sessions.get(key).is_none_or(Session::is_untouched);
        let stays = follows && !client.channels.sessions().all(untouched);
        if stays || (client.closing && !self.front.stopping) {
            return None;
        }
        let mut client = self.front.clients.remove(connection)?;
        self.front.forget_login(connection, client.login.take().as_deref());
        self.front.release_input(connection, &mut client.claim);
        self.front.outgoing.forget(&mut client);
        for session in client.departed.drain(..) {
            self.front.remove_session(session);
        }
        let mut sessions = Vec::new();
        if follows {
            client.follows = None;
            self.front.moves.leaving = self.front.moves.leaving.saturating_sub(1);
            for (channel, key) in std::mem::take(&mut client.channels).all() {
                sessions.extend(self.front.send_away(key, core).map(|session| (channel, session)));
            }
        }
        let expected_from = follows.then_some(self.front.core);
        Some((core, Migrant { client: Box::new(client), sessions, expected_from }))
    }

    /// A connection comes over from another core. `None`: there are as many as there may be.
    pub fn arrived(&mut self, mut migrant: Migrant, now: Now) -> Option<ConnectionKey> {
        let from = migrant.expected_from.take();
        if from.is_some() {
            self.front.comes_no_more();
        }
        let Some(key) = self.accepted(migrant.client.origin, now) else {
            self.turn_away(migrant, from);
            return None;
        };
        let client = self.front.clients.get_mut(key)?;
        *client = *migrant.client;
        (client.moves_to, client.moving, client.stays, client.seeking) = (None, false, true, None);
        // Who has come for an address may still ask for sessions.
        client.settled |= from.is_none();
        (client.listed, client.closing, client.closed) = (false, false, false);
        (client.stalled, client.unread, client.paused) = (true, false, false);
        client.protocol.heard(millis(now));
        self.front.stalled.push(key);
        self.front.list(key);
        if let Some(from) = from {
            crate::event!(NT108, connection = ?key, core = self.front.core.0);
            for (channel, session) in migrant.sessions {
                self.front.take_in(key, channel, session, from);
            }
        }
        if self.front.stopping {
            self.front.say_goodbye(key);
        }
        Some(key)
    }

    /// A connection that comes over cannot stay: it is closed, and nobody else knows what it leaves behind.
    pub fn turned_away(&mut self, mut migrant: Migrant) {
        let from = migrant.expected_from.take();
        if from.is_some() {
            self.front.comes_no_more();
        }
        self.turn_away(migrant, from);
    }

    fn turn_away(&mut self, migrant: Migrant, from: Option<CoreId>) {
        self.stirred = true;
        let names = migrant.sessions.into_iter().filter_map(|(_, session)| session.name);
        if let Some(from) = from {
            self.front.letters.extend(names.map(|name| (from, Letter::Gone { name })));
        }
        self.forsake(migrant.client.temporary);
    }
}

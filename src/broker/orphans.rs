//! Sessions that wait for their clients to come back.
//!
//! A session outlives its connection if its client keeps what it sends, until the time to live of the connection is over. Meanwhile
//! nothing more is delivered to it, what was asked is done and its answers are kept. What must stay true: the oldest gives way when
//! there are too many, so that clients that come and go cannot fill the memory; what an ended one held goes back; the temporary queues
//! of a lost connection stay as long as one of its sessions waits.

use std::collections::VecDeque;

use hashbrown::HashMap;
use journal::BlockBuffer;
use protocol::core::version::Version;

use super::temporary::Temporary;
use super::{Core, Front, front::Client};
use crate::limits;
use crate::mail::Letter;
use crate::message::{ConnectionKey, Origin, SessionKey, SessionName};
use crate::net::core::Connection;
use crate::session::{CoreSet, Modes, Unconfirmed};

#[derive(Debug)]
struct Orphan {
    session: SessionKey,
    /// The connection that it has lost.
    connection: ConnectionKey,
    /// When its time is over, in ms of the loop's clock.
    ends_ms: u64,
    /// What its client speaks.
    version: Version,
}

/// Sessions without a connection, those first who have waited longest.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    waiting: VecDeque<Orphan>,
    /// Temporary queues of the connections that they have lost, by these.
    temporary: HashMap<ConnectionKey, Vec<Temporary>>,
    /// What all of this takes.
    bytes: usize,
}

impl Orphans {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What the client of a session speaks, if the session waits for it.
    pub(super) fn version(&self, key: SessionKey) -> Option<Version> {
        self.waiting.iter().find(|orphan| orphan.session == key).map(|orphan| orphan.version)
    }

    /// Does a session wait for its client?
    pub(super) fn contains(&self, key: SessionKey) -> bool {
        self.version(key).is_some()
    }

    /// One of them keeps so many bytes more.
    pub(super) fn grown(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// A session waits until this time at least: its client is here.
    pub(super) fn keep_until(&mut self, key: SessionKey, ends_ms: u64) {
        if let Some(orphan) = self.waiting.iter_mut().find(|orphan| orphan.session == key) {
            orphan.ends_ms = orphan.ends_ms.max(ends_ms);
        }
    }

    /// A session waits no longer. False: it did not wait.
    pub(super) fn remove(&mut self, key: SessionKey, bytes: usize) -> bool {
        let Some(at) = self.waiting.iter().position(|orphan| orphan.session == key) else { return false };
        self.waiting.remove(at);
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }

    /// The temporary queues of the connection that a session has lost.
    pub(super) fn temporary_of(&self, key: SessionKey) -> &[Temporary] {
        let orphan = self.waiting.iter().find(|orphan| orphan.session == key);
        orphan.and_then(|orphan| self.temporary.get(&orphan.connection)).map_or(&[], Vec::as_slice)
    }

    /// Gives them away: the session goes on.
    pub(super) fn take_temporary_of(&mut self, key: SessionKey) -> Vec<Temporary> {
        let orphan = self.waiting.iter().find(|orphan| orphan.session == key);
        let taken = orphan.and_then(|orphan| self.temporary.remove(&orphan.connection)).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(cost_of(&taken));
        taken
    }

    /// Gives those away that no session waits with any longer. One that its client has closed does not count: after an orderly end
    /// nobody comes back for them.
    fn take_forsaken(&mut self, is_closed: impl Fn(SessionKey) -> bool) -> Vec<Temporary> {
        let Self { waiting, temporary, bytes } = self;
        let gone = |connection: &ConnectionKey| {
            waiting.iter().all(|orphan| orphan.connection != *connection || is_closed(orphan.session))
        };
        let taken: Vec<_> = temporary.extract_if(|connection, _| gone(connection)).flat_map(|(_, of)| of).collect();
        *bytes = bytes.saturating_sub(cost_of(&taken));
        taken
    }

    /// How many temporary queues wait.
    pub(super) fn temporary_count(&self) -> usize {
        self.temporary.values().map(Vec::len).sum()
    }

    /// Those whose time is over, and those who have waited longest if there are too many.
    fn overdue(&self, now_ms: u64) -> Vec<SessionKey> {
        let surplus = self.waiting.len().saturating_sub(limits::ORPHANS_PER_CORE_MAX);
        let late = self.waiting.iter().enumerate().filter(|(at, orphan)| *at < surplus || orphan.ends_ms <= now_ms);
        late.map(|(_, orphan)| orphan.session).collect()
    }
}

fn cost_of(temporary: &[Temporary]) -> usize {
    temporary.iter().map(Temporary::cost).sum()
}

/// What a lost connection leaves behind.
#[derive(Debug)]
pub(super) struct Left {
    connection: ConnectionKey,
    sessions: Vec<SessionKey>,
    temporary: Vec<Temporary>,
    version: Version,
    heard_ms: u64,
    ttl_ms: i64,
    doomed: bool,
}

impl Client {
    /// Takes the sessions away from this connection, which is lost, and what else must not go with it.
    pub(super) fn leave(&mut self, connection: ConnectionKey) -> Left {
        let temporary = std::mem::take(&mut self.temporary);
        let channels = std::mem::take(&mut self.channels);
        let sessions = self.departed.drain(..).chain(channels.sessions()).collect();
        let Connection { version, heard_ms, ttl_ms, .. } = self.protocol;
        Left { connection, sessions, temporary, version, heard_ms, ttl_ms, doomed: self.doomed }
    }
}

impl<B: BlockBuffer> Core<B> {
    /// The sessions of a lost connection wait for their client, or end.
    pub(super) fn orphan_or_end(&mut self, left: Left) {
        let Left { connection, sessions, temporary, version, heard_ms, ttl_ms, doomed } = left;
        let now_ms = self.front.now_ms;
        let ttl = match (self.front.settings.ttl_override_ms, ttl_ms) {
            (ttl, _) if ttl >= 0 => ttl,
            (_, ttl) if ttl >= 0 => ttl.min(limits::AWAY_MS_MAX),
            // A client that may be silent for ever may not be away for ever: it holds messages.
            _ => limits::CONNECTION_TTL_DEFAULT_MS,
        };
        let ends_ms = heard_ms.saturating_add(u64::try_from(ttl).unwrap_or(0));
        let stays = !doomed && !self.front.stopping && ends_ms > now_ms;
        let mut ended = Vec::new();
        for key in sessions {
            // What was not begun does not count for its client either, who brings it again.
            self.forget_aside(key);
            let Some(session) = self.front.sessions.get_mut(key) else { continue };
            session.connection = ConnectionKey::default();
            match &session.unconfirmed {
                Some(kept) if stays && session.name.is_some() && session.ended.is_none() => {
                    crate::event!(NT105, session = ?key, milliseconds = ends_ms - now_ms);
                    self.front.orphans.bytes += kept.bytes();
                    self.front.orphans.waiting.push_back(Orphan { session: key, connection, ends_ms, version });
                    self.front.review_hold(key);
                }
                _ => ended.push(key),
            }
        }
        if !temporary.is_empty() {
            self.front.orphans.bytes += cost_of(&temporary);
            self.front.orphans.temporary.insert(connection, temporary);
        }
        self.fail_sessions(&ended);
        self.end_overdue(now_ms);
    }

    /// Ends those whose clients did not come back in time, and the oldest of too many.
    pub(super) fn end_overdue(&mut self, now_ms: u64) {
        let mut ended = self.front.orphans.overdue(now_ms);
        let Orphans { waiting, temporary, bytes } = &self.front.orphans;
        let mut bytes = *bytes;
        for (at, orphan) in waiting.iter().enumerate() {
            if bytes <= self.front.shares.kept_away() {
                break;
            }
            bytes = bytes.saturating_sub(self.front.kept_by(orphan.session));
            // Those of one connection stand together.
            if waiting.get(at + 1).is_none_or(|next| next.connection != orphan.connection) {
                bytes = bytes.saturating_sub(temporary.get(&orphan.connection).map_or(0, |of| cost_of(of)));
            }
            if !ended.contains(&orphan.session) {
                ended.push(orphan.session);
            }
        }
        for session in &ended {
            crate::event!(NT106, ?session);
        }
        self.fail_sessions(&ended);
    }

    /// Ends sessions as failed: what they hold goes back as delivered. Temporary queues go behind the last session that waited.
    pub(super) fn fail_sessions(&mut self, keys: &[SessionKey]) {
        self.tell_lost(keys);
        for key in keys {
            self.end_session(*key, true);
        }
        let Front { orphans, sessions, .. } = &mut self.front;
        let forsaken = orphans.take_forsaken(|key| sessions.get(key).is_none_or(|session| session.finished));
        self.forsake(forsaken);
    }

    /// Tells every home of all these sessions, before the first of them ends.
    fn tell_lost(&mut self, sessions: &[SessionKey]) {
        let known = |front: &Front, key: SessionKey| match front.sessions.get(key) {
            Some(session) if !session.closing => session.touched.union(session.transaction),
            _ => CoreSet::default(),
        };
        let all = sessions.iter().fold(CoreSet::default(), |all, key| all.union(known(&self.front, *key)));
        for core in all.iter() {
            let there: Vec<SessionKey> =
                sessions.iter().copied().filter(|key| known(&self.front, *key).contains(core)).collect();
            let Some(first) = there.first() else { continue };
            let lost = there.iter().map(|key| self.front.session_ref(*key)).collect();
            self.request(*first, core, None, crate::mail::Ask::Lose { sessions: lost });
        }
    }
}

impl Front {
    /// Bytes that a session keeps for a client that may come back.
    pub(super) fn kept_by(&self, key: SessionKey) -> usize {
        self.sessions.get(key).and_then(|session| session.unconfirmed.as_ref()).map_or(0, |kept| kept.bytes())
    }

    /// Can a session be found by this name?
    pub(super) fn is_name(name: &SessionName) -> bool {
        (1..=limits::SESSION_NAME_BYTES_MAX).contains(&name.len())
    }

    /// Can a session of this name and kind, whose client comes from here, outlive its connection?
    pub(super) fn is_resumable(&self, name: &SessionName, modes: Modes, origin: Origin) -> bool {
        modes.confirmation_window.is_some_and(|window| window > 0)
            && self.settings.reattach.allows(origin, origin)
            && Self::is_name(name)
    }

    /// A new session gets its name: its client finds it by that, if it comes back. One who comes from elsewhere, or came
    /// earlier, does not take the name of another's session away.
    pub(super) fn name_session(&mut self, key: SessionKey, name: SessionName) {
        let other = self.names.get(&name).copied();
        let other = other.and_then(|key| self.sessions.get(key).map(|session| (key, session.origin, session.accepted)));
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(client) = self.clients.get(session.connection) else { return };
        (session.origin, session.accepted) = (client.origin, client.accepted);
        let taken = other.is_some_and(|(_, origin, at)| origin != client.origin || at > client.accepted);
        if taken || !Self::is_name(&name) {
            return;
        }
        session.name = Some(name.clone());
        let modes = session.modes;
        if let (true, Some(window)) = (self.is_resumable(&name, modes, client.origin), modes.confirmation_window)
            && let Some(session) = self.sessions.get_mut(key)
        {
            session.unconfirmed = Some(Box::new(Unconfirmed::new(window)));
        }
        if let Some((other, ..)) = other {
            self.unname(other);
        }
        self.names.insert(name, key);
    }

    /// The sessions of a connection end with it.
    pub(super) fn doom(&mut self, key: ConnectionKey) {
        if let Some(client) = self.clients.get_mut(key) {
            client.doomed = true;
        }
    }

    /// A session is no longer found by its name, and waits for nobody.
    pub(super) fn unname(&mut self, key: SessionKey) {
        let kept = self.kept_by(key);
        self.orphans.remove(key, kept);
        self.forget_unconfirmed(key);
        let name = self.sessions.get_mut(key).and_then(|session| session.name.take());
        let came_from = self.moves.take_origin_of(key);
        if let Some(name) = name {
            if self.names.get(&name) == Some(&key) {
                self.names.remove(&name);
            }
            self.letters.extend(came_from.map(|core| (core, Letter::Gone { name })));
        }
    }

    /// A session is gone.
    pub(super) fn remove_session(&mut self, key: SessionKey) {
        self.unname(key);
        if let Some(session) = self.sessions.remove(key) {
            self.notes_bytes = self.notes_bytes.saturating_sub(session.notes_bytes());
            self.session_memory.forget(&session);
        }
        self.forget_calls(key);
    }

    /// The client of a session has closed it, and is answered. If it may not have heard the answer, the session stays for that.
    pub(super) fn session_closed(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if let Some(client) = self.clients.get_mut(session.connection) {
            client.channels.remove(session.channel);
            if session.unconfirmed.is_some() {
                session.finished = true;
                session.is_first = false;
                self.session_memory.count(session);
                client.departed.push_back(key);
                if client.departed.len() > limits::DEPARTED_SESSIONS_MAX
                    && let Some(oldest) = client.departed.pop_front()
                {
                    self.remove_session(oldest);
                }
                return;
            }
        } else if session.unconfirmed.is_some() {
            session.finished = true;
            return;
        }
        self.remove_session(key);
    }
}

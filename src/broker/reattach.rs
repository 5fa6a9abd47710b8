//! A client comes back and wants to go on with a session of a connection that it has lost.
//!
//! It names the session before it has logged in, so the session goes on only for somebody who comes from where its client was; the
//! broker may not have noticed yet that the old connection is dead. The session may be held by another core: then the connection
//! moves there, with all that was not handled yet. What must stay true: whatever the client sent counts once, and whatever it was
//! sent reaches it once, both in order; a session that cannot go on has ended before the client hears so.
//!
//! The order of steps: the old connection is cut off, so that no further command comes; commands that are under way are finished and
//! answered; the session speaks on the new connection; what the client has received is dropped, the rest is sent again; the client
//! hears which of its own packets count; deliveries go on.

use journal::{BlockBuffer, Now};

use super::{Core, Front};
use crate::limits;
use crate::mail::{Letter, Purpose};
use crate::message::{ConnectionKey, CoreId, Origin, SessionKey, SessionName};
use crate::session::Modes;

/// Who may go on with a session whose connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reattach {
    /// Who comes from the same address, with the same TLS identity if there was one.
    SameHost,
    /// Who shows the same TLS identity.
    Tls,
    /// Nobody.
    Off,
}

impl Reattach {
    pub(super) fn allows(self, old: Origin, new: Origin) -> bool {
        match self {
            Self::SameHost => old == new,
            Self::Tls => old.identity.is_some() && old.identity == new.identity,
            Self::Off => false,
        }
    }
}

/// Other cores are asked for a session.
#[derive(Debug)]
pub(super) struct Seeking {
    name: SessionName,
    purpose: Purpose,
    /// Answers still to come.
    missing: usize,
    /// Who has it.
    found: Option<CoreId>,
}

/// May a session be opened?
pub(super) enum Way {
    /// It may.
    Free,
    /// That has to wait.
    Later,
    /// Its client has come again since: the connection is closed.
    Closed,
}

/// Where a session is.
enum Place {
    Here(SessionKey),
    Nowhere,
    /// It is being looked for, or the connection moves to it.
    Pending,
}

impl<B: BlockBuffer> Core<B> {
    /// A client wants to go on with a session. False: the packet has to wait, and is to be handed in again.
    pub(super) fn reattach(&mut self, connection: ConnectionKey, name: &SessionName, last_received: i32) -> bool {
        match self.place_of(connection, name) {
            Place::Pending => false,
            Place::Nowhere => {
                self.refuse_reattach(connection);
                let Some(client) = self.front.clients.get_mut(connection) else { return true };
                client.wrong_names += 1;
                if client.wrong_names >= limits::WRONG_NAMES_MAX {
                    client.doomed = true;
                    crate::event!(NT207, ?connection);
                    self.front.close_after_output(connection);
                }
                true
            }
            Place::Here(session) => self.go_on_with(connection, session, last_received),
        }
    }

    /// A session of this name is about to be opened: one of that name on an earlier connection ends, since its client has come again.
    pub(super) fn make_way(&mut self, connection: ConnectionKey, name: &SessionName, modes: Modes) -> Way {
        let client = self.front.clients.get(connection);
        let Some((origin, accepted)) = client.map(|client| (client.origin, client.accepted)) else {
            return Way::Closed;
        };
        let resumable = self.front.is_resumable(name, modes, origin);
        let mut outrun = false;
        if let Some(session) = self.front.known(name, origin) {
            outrun = self.front.is_outrun(connection, session);
            if self.front.gives_way(session, accepted) {
                crate::event!(NT106, ?session);
                self.fail_sessions(&[session]);
            }
        }
        if resumable {
            let Some(found) = self.seek(connection, name, Purpose::Replace) else { return Way::Later };
            outrun |= found.is_some();
        }
        if !outrun {
            return Way::Free;
        }
        self.front.close_now(connection);
        Way::Closed
    }

    fn place_of(&mut self, connection: ConnectionKey, name: &SessionName) -> Place {
        let Some(client) = self.front.clients.get(connection) else { return Place::Nowhere };
        if client.moves_to.is_some() {
            return Place::Pending;
        }
        let (origin, settled, has_sessions) = (client.origin, client.settled, !client.channels.is_empty());
        let mut found = None;
        if client.seeking.is_some() {
            // What else is sought must not get these answers. The session may have come here meanwhile.
            found = self.seek(connection, name, Purpose::Resume);
            if found.is_none() {
                return Place::Pending;
            }
        }
        if let Some(session) = self.front.known(name, origin) {
            return Place::Here(session);
        }
        // No session has so long a name, and nobody is asked to carry it about. Who has come for a session may have missed it.
        let seeks = !settled || has_sessions || self.front.moves.place_of(name).is_some();
        if found.is_none() && !(seeks && Front::is_name(name)) {
            return Place::Nowhere;
        }
        let purpose = if has_sessions || settled { Purpose::End } else { Purpose::Resume };
        match found.or_else(|| self.seek(connection, name, purpose)) {
            None => Place::Pending,
            Some(None) => Place::Nowhere,
            // It was here, and has ended since.
            Some(Some(core)) if core == self.front.core => Place::Nowhere,
            Some(Some(core)) => {
                if let Some(client) = self.front.clients.get_mut(connection) {
                    client.moves_to = Some(core);
                }
                self.front.list(connection);
                Place::Pending
            }
        }
    }

    /// Asks all other cores for a session. `None`: not all have answered. Else who has it.
    fn seek(&mut self, connection: ConnectionKey, name: &SessionName, purpose: Purpose) -> Option<Option<CoreId>> {
        let Front { clients, letters, core, settings, seekers, .. } = &mut self.front;
        let client = clients.get_mut(connection)?;
        match client.seeking.as_ref().map(|seeking| (seeking.missing, seeking.found)) {
            Some((0, found)) => {
                client.seeking = None;
                seekers.retain(|seeker| *seeker != connection);
                return Some(found);
            }
            Some(_) => return None,
            None => {}
        }
        if settings.cores < 2 || settings.reattach == Reattach::Off {
            return Some(None);
        }
        let mut missing = 0;
        for other in (0..settings.cores).map(CoreId).filter(|other| other != core) {
            let (name, origin, accepted) = (name.clone(), client.origin, client.accepted);
            letters.push_back((other, Letter::Seek { by: *core, connection, name, origin, accepted, purpose }));
            missing += 1;
        }
        client.seeking = Some(Box::new(Seeking { name: name.clone(), purpose, missing, found: None }));
        seekers.push(connection);
        None
    }

    /// Another core asks for a session; `from` sends it, which is the one that asks or one that the session has left.
    pub(super) fn sought(
        &mut self,
        from: CoreId,
        (by, connection, accepted): (CoreId, ConnectionKey, Now),
        (name, origin, purpose): (SessionName, Origin, Purpose),
    ) {
        let session = self.front.known(&name, origin);
        let is_later = |key| self.front.sessions.get(key).is_some_and(|session| session.accepted > accepted);
        let outruns = session.is_some_and(is_later)
            || (purpose == Purpose::Replace && self.front.outruns_as_well(&name, origin, accepted));
        let (found, ends) = match purpose {
            Purpose::Resume => (session.is_some(), false),
            Purpose::End => (false, !outruns),
            Purpose::Replace => (outruns, session.is_some_and(|key| self.front.gives_way(key, accepted))),
        };
        if let Some(session) = session.filter(|_| ends) {
            crate::event!(NT106, ?session);
            self.fail_sessions(&[session]);
        }
        // Sent on once: two sessions of one name may have gone opposite ways.
        let goes_on = session.is_none() && !found && from == by;
        if let Some(core) = self.front.moves.place_of(&name).filter(|_| goes_on) {
            // It has left, or is about to arrive there: whoever reads this behind its arrival answers for both.
            let letter = Letter::Seek { by, connection, name, origin, accepted, purpose };
            self.front.letters.push_back((core, letter));
        } else if by == self.front.core {
            self.front.heard_of(by, connection, found);
        } else {
            self.front.letters.push_back((by, Letter::Sought { connection, found }));
        }
        self.release_replies();
    }

    fn refuse_reattach(&mut self, connection: ConnectionKey) {
        if let Some(client) = self.front.clients.get_mut(connection) {
            client.protocol.session_reattached(None, &mut client.output.bytes);
            self.front.list(connection);
        }
    }

    /// The session is here and its client may have it. False: commands of it are still under way.
    fn go_on_with(&mut self, connection: ConnectionKey, key: SessionKey, last_received: i32) -> bool {
        if self.front.is_outrun(connection, key) {
            // Its client has given this connection up and has come again since. Whatever it hears here would be wrong there.
            self.front.close_now(connection);
            return true;
        }
        self.cut_off(connection, key);
        if !self.front.may_go_on(connection, key, last_received) {
            if self.front.sessions.contains_key(key) {
                crate::event!(NT106, session = ?key);
                self.fail_sessions(&[key]);
            }
            self.refuse_reattach(connection);
            return true;
        }
        let busy = |session: &crate::session::Session<_>| session.two_phase.is_some() || !session.replies.is_empty();
        if self.front.sessions.get(key).is_some_and(busy) {
            return false;
        }
        self.front.go_on(connection, key, last_received);
        true
    }

    /// The connection that the session has lost, though nobody has noticed, brings no further command.
    fn cut_off(&mut self, connection: ConnectionKey, key: SessionKey) {
        let now_ms = self.front.now_ms;
        let Some(old) = self.front.sessions.get(key).map(|session| session.connection) else { return };
        if old == connection || !self.front.clients.contains_key(old) {
            return self.front.orphans.keep_until(key, now_ms + limits::CONNECTION_TTL_DEFAULT_MS.unsigned_abs());
        }
        let left = self.front.clients.get_mut(old).map(|client| {
            client.protocol.heard(now_ms);
            client.leave(old)
        });
        if let Some(left) = left {
            self.orphan_or_end(left);
            self.front.close_now(old);
        }
    }
}

impl Front {
    /// The session of this name, if who comes from here may have it.
    fn known(&self, name: &SessionName, origin: Origin) -> Option<SessionKey> {
        let key = *self.names.get(name)?;
        let session = self.sessions.get(key)?;
        self.settings.reattach.allows(session.origin, origin).then_some(key)
    }

    /// Has a session spoken on a connection that came after this one? Requests of two connections of a client may be handled in
    /// another order than they came, since one of them may move from core to core.
    fn is_outrun(&self, connection: ConnectionKey, key: SessionKey) -> bool {
        let (Some(session), Some(client)) = (self.sessions.get(key), self.clients.get(connection)) else {
            return false;
        };
        session.accepted > client.accepted
    }

    /// Sessions of this name that are about to be opened here: those of earlier connections are not. Is there one of a later connection?
    fn outruns_as_well(&mut self, name: &SessionName, origin: Origin, accepted: Now) -> bool {
        let mut outruns = false;
        for key in self.seekers.clone() {
            let Some(client) = self.clients.get(key).filter(|client| client.origin == origin) else { continue };
            let opens = |seeking: &Seeking| seeking.purpose == Purpose::Replace && seeking.name == *name;
            if !client.seeking.as_deref().is_some_and(opens) {
                continue;
            }
            outruns |= client.accepted > accepted;
            if client.accepted < accepted {
                self.close_now(key);
            }
        }
        outruns
    }

    /// Does a session end when one of its name is opened on a connection that was accepted then? Its client has given it up, though the
    /// end of its connection may not have been noticed.
    fn gives_way(&self, key: SessionKey, accepted: Now) -> bool {
        let Some(session) = self.sessions.get(key) else { return false };
        let waits = self.orphans.contains(key) && session.accepted <= accepted;
        waits || (session.unconfirmed.is_some() && session.accepted < accepted)
    }

    /// Another core has or has not the session that this connection has named.
    pub(super) fn heard_of(&mut self, from: CoreId, connection: ConnectionKey, found: bool) {
        let seeking = self.clients.get_mut(connection).and_then(|client| client.seeking.as_mut());
        if let Some(seeking) = seeking {
            seeking.missing = seeking.missing.saturating_sub(1);
            if found {
                seeking.found = Some(from);
            }
        }
    }

    /// Does everything fit together for the session to go on?
    fn may_go_on(&self, connection: ConnectionKey, key: SessionKey, last_received: i32) -> bool {
        let (Some(session), Some(client)) = (self.sessions.get(key), self.clients.get(connection)) else {
            return false;
        };
        let plausible = session.unconfirmed.as_ref().is_some_and(|kept| kept.is_plausible(last_received));
        let free = session.channel > 1 && client.channels.get(session.channel).is_none();
        let temporary = client.temporary.len() + self.orphans.temporary_of(key).len();
        let fits = temporary <= limits::TEMPORARY_QUEUES_PER_CONNECTION_MAX;
        plausible && free && fits && session.confirmations.is_some() && session.ended.is_none()
    }

    /// The session speaks on this connection from now on; nothing of it is under way.
    fn go_on(&mut self, connection: ConnectionKey, key: SessionKey, last_received: i32) {
        let Self { sessions, clients, orphans, unconfirmed_bytes, .. } = self;
        let (Some(session), Some(client)) = (sessions.get_mut(key), clients.get_mut(connection)) else { return };
        let (Some(kept), Some(confirmations)) = (&mut session.unconfirmed, &mut session.confirmations) else { return };
        client.temporary.append(&mut orphans.take_temporary_of(key));
        orphans.remove(key, kept.bytes());
        let before = kept.bytes();
        kept.confirm(last_received);
        *unconfirmed_bytes -= before - kept.bytes();
        session.connection = connection;
        (session.origin, session.accepted) = (client.origin, client.accepted);
        kept.write(&mut client.output.bytes);
        client.protocol.session_reattached(Some(confirmations.tell()), &mut client.output.bytes);
        client.protocol.logged_in();
        client.wrong_names = 0;
        crate::event!(NT104, session = ?key, ?connection);
        if session.finished {
            client.departed.push_back(key);
        } else {
            session.is_first = client.channels.is_empty();
            client.channels.insert(session.channel, key);
        }
        self.count_session(key);
        self.list(connection);
        self.review_hold(key);
    }
}

//! Connections come, bring bytes, fall silent, and go.

use std::sync::Arc;

use journal::{BlockBuffer, Now};
use protocol::core::identity::ChannelId;
use protocol::core::packet::{Packet, PacketType};

use super::front::Errand;
use super::login::Admission;
use super::reattach::Way;
use super::session_memory::NO_MEMORY;
use super::{Core, millis};
use crate::limits;
use crate::mail::Ask;
use crate::message::{ConnectionKey, Origin, SessionKey, SessionName};
use crate::net::core::{Event, Problem, Respond, is_sent_to};
use crate::security::Identity;
use crate::session::{CoreSet, Modes, Session};

/// Why a frame must wait.
pub(super) enum Reason {
    /// The client has not read what was written to it.
    Unread,
    /// The session's commit is under way, or too many of its answers are.
    Answers,
    /// The lanes take no records now, other cores no letters, or somebody waits for that already.
    Room,
    /// What is left of the lanes is not for those who send.
    Reserve,
}

impl<B: BlockBuffer> Core<B> {
    /// A connection was accepted. `None`: there are as many as there may be.
    pub fn accepted(&mut self, origin: Origin, now: Now) -> Option<ConnectionKey> {
        self.stirred = true;
        self.front.now_ms = millis(now);
        // Those who may come have their places.
        if self.front.connection_count() + self.front.moves.expected() >= self.front.connections_max() {
            return None;
        }
        if self.front.connection_count() == 0 && self.front.orphans.is_empty() {
            self.front.next_ttl_check_ms = millis(now) + self.front.settings.ttl_check_interval_ms;
        }
        Some(self.front.add_client(origin, now))
    }

    /// The handshake of TLS is done on a connection that nothing was received on: all that is received comes from whoever has shown a
    /// certificate with this digest, or none.
    pub fn secured(&mut self, key: ConnectionKey, identity: Option<[u8; 32]>) {
        let Some(client) = self.front.clients.get_mut(key) else { return };
        client.origin.identity = identity;
        client.protocol.within_tls();
    }

    /// Bytes came.
    pub fn received(&mut self, key: ConnectionKey, bytes: &[u8], now: Now) {
        self.stirred = true;
        self.front.now_ms = millis(now);
        let Some(client) = self.front.clients.get_mut(key) else { return };
        client.protocol.heard(millis(now));
        if client.closing {
            return;
        }
        let rest = self.complete_kept(key, bytes);
        let used = match self.front.clients.get(key) {
            Some(client) if client.protocol.kept() == 0 && !client.stalled => self.handle_frames(key, rest),
            _ => 0,
        };
        if let Some(client) = self.front.clients.get_mut(key) {
            client.protocol.keep(rest.get(used..).unwrap_or_default());
            if client.claim.matters(client.protocol.kept()) {
                self.front.review_input(key);
            }
        }
        self.pause_if_full(key);
        self.release_replies();
    }

    /// A buffer was written, or the connection broke while it was.
    #[inline]
    pub fn sent(&mut self, key: ConnectionKey, buffer: Vec<u8>) {
        let Some(client) = self.front.clients.get_mut(key) else { return };
        let before = client.output.backlog();
        client.output.written();
        self.front.spares.give(buffer);
        let outgoing = &mut self.front.outgoing;
        outgoing.count(client, false, self.front.now_ms);
        self.stirred |= outgoing.wants_look();
        let (backlog, soft) = (client.output.backlog(), outgoing.soft);
        let eased = before >= soft && backlog < soft;
        if client.unread && backlog < client.unread_max(outgoing.hard) {
            // It has taken something, which is a sign of life.
            client.unread = false;
            self.front.stalled.push(key);
        }
        if client.closing || !client.output.is_idle() || client.stalled {
            self.stirred = true;
            self.front.list(key);
        }
        if eased {
            self.eased(key);
        }
    }

    /// A client has taken so much that its deliveries may go on.
    #[cold]
    fn eased(&mut self, key: ConnectionKey) {
        self.stirred = true;
        let Some(client) = self.front.clients.get(key) else { return };
        let sessions: Vec<SessionKey> = client.channels.sessions().collect();
        for session in sessions {
            self.front.review_hold(session);
        }
    }

    /// The connection is gone.
    pub fn closed(&mut self, key: ConnectionKey) {
        self.stirred = true;
        let Some(mut client) = self.front.clients.remove(key) else { return };
        self.front.seekers.retain(|seeker| *seeker != key);
        self.front.moves_nowhere(&mut client);
        self.front.forget_login(key, client.login.take().as_deref());
        self.front.release_input(key, &mut client.claim);
        self.front.outgoing.forget(&mut client);
        self.orphan_or_end(client.leave(key));
        self.release_replies();
    }

    /// Tells every client that the server stops, and closes the connections once that is written.
    pub fn stop(&mut self) {
        self.stirred = true;
        let keys: Vec<ConnectionKey> = self.front.clients.keys().collect();
        self.front.stopping = true;
        for key in keys {
            self.front.say_goodbye(key);
        }
    }

    /// Completes the frame whose beginning a connection has kept, and no more, so that the frames behind it are handled where they
    /// lie. Gives the bytes that are left.
    fn complete_kept<'a>(&mut self, key: ConnectionKey, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Some(client) = self.front.clients.get_mut(key)
            && !client.stalled
            && !bytes.is_empty()
            && let Some(missing) = client.protocol.missing()
        {
            let (part, rest) = bytes.split_at(missing.min(bytes.len()));
            client.protocol.keep(part);
            bytes = rest;
            self.handle_kept(key);
        }
        bytes
    }

    /// Handles what a connection has kept. Says how many bytes are done with.
    fn handle_kept(&mut self, key: ConnectionKey) -> usize {
        let Some(client) = self.front.clients.get_mut(key) else { return 0 };
        let kept = client.protocol.take_kept();
        let used = self.handle_frames(key, &kept);
        if let Some(client) = self.front.clients.get_mut(key) {
            client.protocol.put_back(kept, used);
        }
        used
    }

    /// Handles whole frames as long as there are some and the lanes take records. Says how many bytes are done with.
    fn handle_frames(&mut self, key: ConnectionKey, bytes: &[u8]) -> usize {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if rest.is_empty() {
                return used;
            }
            let Some(client) = self.front.clients.get_mut(key) else { return used };
            let frame = match client.protocol.next_frame(rest) {
                Ok(Some(frame)) => frame,
                Ok(None) => return used,
                Err(problem) => {
                    self.give_up(key, &problem);
                    return bytes.len();
                }
            };
            if client.closing {
                return bytes.len();
            }
            let body = rest.get(frame.frame).unwrap_or_default();
            let channel =
                body.get(1..9).and_then(|bytes| bytes.first_chunk::<8>()).map(|bytes| i64::from_be_bytes(*bytes));
            let session = channel.and_then(|channel| client.channels.get(channel));
            let unread = client.output.backlog();
            if let Some(session) = session {
                match self.must_wait(session, body, unread) {
                    // It stands behind others of its session, or they would be overtaken.
                    None if self.is_aside(session) => {
                        if !self.set_aside(key, session, body) {
                            self.stall(key, &Reason::Reserve);
                            return used;
                        }
                        used += frame.consumed;
                        continue;
                    }
                    None => {}
                    Some(Reason::Reserve) if self.set_aside(key, session, body) => {
                        used += frame.consumed;
                        continue;
                    }
                    Some(reason) => {
                        self.stall(key, &reason);
                        return used;
                    }
                }
            } else if self.reads_too_little(key, unread) {
                return used;
            }
            if !body.is_empty() && !self.handle_frame(key, session, body) {
                self.stall(key, &Reason::Answers);
                return used;
            }
            used += frame.consumed;
        }
    }

    /// Has the client so much to read that not even its ping is answered? Then it waits.
    #[cold]
    #[inline(never)]
    fn reads_too_little(&mut self, key: ConnectionKey, unread: usize) -> bool {
        let hard = self.front.outgoing.hard;
        let too_little = self.front.clients.get(key).is_some_and(|client| unread >= client.unread_max(hard));
        if too_little {
            self.stall(key, &Reason::Unread);
        }
        too_little
    }

    /// Must a frame of this session wait, if its client has so much to read? Pings and new sessions never do: a full disk must not look
    /// like death.
    // Here and below: asked for every frame in one place, and rarely in others, which would make calls of it.
    #[inline(always)]
    pub(super) fn must_wait(&self, session: SessionKey, body: &[u8], unread: usize) -> Option<Reason> {
        let session = self.front.sessions.get(session)?;
        if session.closing {
            // What is dropped needs nothing.
            None
        } else if unread >= self.front.outgoing.hard {
            Some(Reason::Unread)
        } else if session.two_phase.is_some() || session.replies.len() >= limits::REPLIES_PER_SESSION_MAX {
            Some(Reason::Answers)
        } else if self.is_reserved() && self.takes_room(session, body) {
            Some(Reason::Reserve)
        } else if self.front.crowded || self.front.room_is_short || !self.home.ready() {
            Some(Reason::Room)
        } else {
            None
        }
    }

    /// Is what is left of the lanes not for those who send?
    pub(super) fn is_reserved(&self) -> bool {
        self.home.is_short() || !self.front.short_cores.is_empty()
    }

    /// Does this frame bring a message, or a piece of one, or make those of a transaction durable? Requests to look after the broker do
    /// not count: they can make room.
    fn takes_room(&self, session: &Session<Respond>, body: &[u8]) -> bool {
        if is_of(body, &[PacketType::SESS_COMMIT]) {
            return session.has_sent;
        }
        let sends = [PacketType::SESS_SEND, PacketType::SESS_SEND_LARGE, PacketType::SESS_SEND_CONTINUATION];
        is_of(body, &sends) && !self.is_for_management(session, body)
    }

    fn is_for_management(&self, session: &Session<Respond>, body: &[u8]) -> bool {
        let Some(client) = self.front.clients.get(session.connection) else { return false };
        match client.protocol.decode(body).map(|frame| frame.packet) {
            Ok(Packet::Send(send)) => is_sent_to(send.message, &self.front.facts.management_address),
            _ => false,
        }
    }

    fn stall(&mut self, key: ConnectionKey, reason: &Reason) {
        self.front.room_is_short |= matches!(reason, Reason::Room);
        if let Some(client) = self.front.clients.get_mut(key)
            && !client.stalled
        {
            client.stalled = true;
            client.unread = matches!(reason, Reason::Unread);
            if !client.unread {
                // Else what it takes next wakes it: many that take nothing must not cost a look at each in every turn.
                self.front.stalled.push(key);
            }
        }
    }

    /// Stops receiving while more is kept than one frame of ordinary size needs.
    fn pause_if_full(&mut self, key: ConnectionKey) {
        let Some(client) = self.front.clients.get_mut(key) else { return };
        let (logged_in, kept) = (client.protocol.is_logged_in(), client.protocol.kept());
        let most = if logged_in { limits::OUTPUT_BYTES_HARD } else { limits::KEPT_BEFORE_LOGIN };
        let full = client.stalled && kept > most;
        if full && !client.paused {
            client.paused = true;
            self.front.errands.push(Errand::Receive { connection: key, on: false });
        }
        if full && !logged_in && kept > limits::FRAME_BYTES_BEFORE_LOGIN {
            // What the system has received already still comes in.
            let text = format!("the client has sent {kept} bytes before its login and has not waited for answers");
            drop(client.protocol.take_kept());
            self.give_up(key, &Problem::Frame(text));
        }
    }

    /// Lets connections go on whose frames had to wait, those first who have waited longest. True: one of them did.
    pub(super) fn resume_stalled(&mut self, now: Now) -> bool {
        self.front.room_is_short = false;
        if !self.front.is_anybody_stalled() {
            return false;
        }
        let mut any = self.resume_aside();
        let mut served = Vec::new();
        for key in std::mem::take(&mut self.front.stalled) {
            let Some(client) = self.front.clients.get_mut(key) else { continue };
            if !client.unread {
                // The silence was ours.
                client.protocol.heard(millis(now));
            }
            if client.follows.is_some() {
                served.push(key);
                continue;
            }
            client.stalled = false;
            let used = self.handle_kept(key);
            any |= used > 0;
            let Some(client) = self.front.clients.get_mut(key) else { continue };
            if client.stalled && used > 0 {
                // One who got something stands behind those who got nothing, or he alone would be served for ever.
                served.extend(self.front.stalled.pop());
            }
            if client.claim.matters(client.protocol.kept()) {
                self.front.review_input(key);
            }
            let Some(client) = self.front.clients.get_mut(key) else { continue };
            if !client.stalled && client.paused && !client.claim.waits() {
                client.paused = false;
                self.front.errands.push(Errand::Receive { connection: key, on: true });
            }
        }
        self.front.stalled.append(&mut served);
        any
    }

    /// Handles a frame on the channel of this session, or on one that is no session's. False: it has to wait, and is to be handed in
    /// again.
    #[inline(always)]
    pub(super) fn handle_frame(&mut self, key: ConnectionKey, session: Option<SessionKey>, body: &[u8]) -> bool {
        let super::Front { clients, facts, spares, .. } = &mut self.front;
        let Some(client) = clients.get_mut(key) else { return true };
        let decoded = client.protocol.decode(body);
        let frame = match &decoded {
            Ok(frame) => frame,
            Err(error) => {
                self.give_up(key, &Problem::Packet(error.to_string()));
                return true;
            }
        };
        if frame.channel != ChannelId::PING && frame.channel != ChannelId::SESSION {
            return self.session_packet(key, session, &frame.packet, body.len());
        }
        client.output.begin(spares);
        let before = client.output.bytes.len();
        let event = client.protocol.handle(frame.channel, &frame.packet, facts, &mut client.output.bytes);
        if client.output.bytes.len() > before {
            self.front.list(key);
        }
        match event {
            Ok(Event::Handled) => {}
            // Its answers must not come before that to the close of the session that had the channel.
            Ok(Event::CreateSession { channel, .. }) if self.is_closing(key, channel) => return false,
            Ok(Event::CreateSession { name, channel, modes, login, .. }) => {
                let user = match self.admit(key, login) {
                    Admission::Open => None,
                    Admission::As(user) => Some(user),
                    Admission::Wait => return false,
                    Admission::Refused => return true,
                };
                // Behind the login: a name alone must not end the session that has it.
                match self.make_way(key, &name, modes) {
                    Way::Free => self.create_session(key, channel, modes, name, user),
                    Way::Later => return false,
                    Way::Closed => {}
                }
            }
            Ok(Event::Reattach { name, last_received }) => return self.reattach(key, &name, last_received),
            Err(problem) => self.give_up(key, &problem),
        }
        true
    }

    /// Has the session of this channel been closed by its client and not answered yet?
    fn is_closing(&self, key: ConnectionKey, channel: i64) -> bool {
        let session = self.front.clients.get(key).and_then(|client| client.channels.get(channel));
        session.and_then(|session| self.front.sessions.get(session)).is_some_and(|session| session.closing)
    }

    fn create_session(
        &mut self,
        key: ConnectionKey,
        channel: i64,
        modes: Modes,
        name: SessionName,
        user: Option<Arc<Identity>>,
    ) {
        let number = self.front.next_session_number;
        let Some(client) = self.front.clients.get_mut(key) else { return };
        let refusal = if client.channels.len() >= limits::SESSIONS_PER_CONNECTION_MAX {
            Some("the connection has as many sessions as it may")
        } else if client.channels.get(channel).is_some() || channel < 2 {
            Some("the channel is in use")
        } else if !client.channels.is_empty() && !self.front.session_memory.has_room_for_session(name.len()) {
            crate::event!(NT215, connection = ?key);
            Some(NO_MEMORY)
        } else {
            None
        };
        if let Some(text) = refusal {
            client.protocol.session_refused(text, &mut client.output.bytes);
            return self.front.list(key);
        }
        client.protocol.logged_in();
        client.wrong_names = 0;
        client.protocol.session_created(&mut client.output.bytes);
        let mut session = Session::new(key, channel, number, modes);
        session.user = user;
        session.is_first = client.channels.is_empty();
        let session = self.front.sessions.insert(session);
        client.channels.insert(channel, session);
        self.front.name_session(session, name);
        self.front.count_session(session);
        self.front.next_session_number = number.next(self.front.settings.cores);
        self.front.list(key);
    }

    /// Ends a session with all that homes hold for it.
    pub(super) fn end_session(&mut self, key: SessionKey, failed: bool) {
        self.forget_aside(key);
        self.front.unname(key);
        let Some(session) = self.front.sessions.get_mut(key) else { return };
        if session.two_phase.is_some() {
            // Its commit is finished first; then it ends.
            session.ended = Some(failed);
            return;
        }
        // One that is closing has told them.
        let cores = if session.closing { CoreSet::default() } else { session.touched.union(session.transaction) };
        for core in cores.iter() {
            self.request(key, core, None, Ask::EndSession { failed });
        }
        self.front.remove_session(key);
    }

    /// The client broke the protocol: its connection is closed, and its sessions end with it.
    #[cold]
    pub(super) fn give_up(&mut self, key: ConnectionKey, problem: &Problem) {
        match problem {
            Problem::Tls => crate::event!(NT212, connection = ?key, "connection closed: {problem}"),
            _ => crate::event!(NT203, connection = ?key, "connection closed: {problem}"),
        }
        self.front.doom(key);
        self.front.close_after_output(key);
    }

    /// Closes connections whose clients were not heard for as long as they said they would be, who never said what they speak, or who do
    /// not finish a frame before their login.
    pub(super) fn check_time_to_live(&mut self, now: Now) {
        let now_ms = millis(now);
        if now_ms < self.front.next_ttl_check_ms {
            return;
        }
        if self.front.next_ttl_check_ms == 0 {
            self.front.since_ms = now_ms;
        }
        let settings = self.front.settings;
        self.front.next_ttl_check_ms = now_ms + settings.ttl_check_interval_ms;
        let stalled: Vec<ConnectionKey> = self.front.stalled.clone();
        for key in stalled.into_iter().chain(self.front.incoming.waiting().collect::<Vec<_>>()) {
            // Its own pings wait behind frames that wait for the disk or for room: without a word from us the client would give us up.
            // One that moves to another core is on its way at once.
            let heeds = |client: &&mut super::front::Client| !client.unread && client.moves_to.is_none();
            let Some(client) = self.front.clients.get_mut(key).filter(heeds) else { continue };
            client.protocol.ping(&mut client.output.bytes);
            self.front.list(key);
        }
        self.front.confirm_all();
        self.end_overdue(now_ms);
        let (mut silent, mut deaf) = (Vec::new(), Vec::new());
        for (key, client) in &mut self.front.clients {
            if client.overdue {
                deaf.push(key);
            }
            client.overdue = client.closing;
            let late = !client.stalled && client.protocol.is_late(now_ms, settings.handshake_timeout_ms);
            let protocol = &client.protocol;
            let ttl = if settings.ttl_override_ms >= 0 { settings.ttl_override_ms } else { protocol.ttl_ms };
            let silence = now_ms.saturating_sub(protocol.heard_ms);
            let waits = (client.stalled && !client.unread) || client.claim.waits();
            let dead = u64::try_from(ttl).is_ok_and(|ttl| silence >= ttl) && !waits;
            if (dead || late) && !client.closing {
                silent.push((key, silence, dead));
            }
            let is_silent = silence >= settings.ttl_check_interval_ms;
            if is_silent {
                client.protocol.rest();
            }
            for session in client.channels.sessions() {
                let Some(session) = self.front.sessions.get_mut(session) else { continue };
                if is_silent { session.rest() } else { session.trim() }
            }
        }
        for (key, silence_ms, dead) in silent {
            self.front.doom(key);
            if dead {
                crate::event!(NT204, connection = ?key, silence_ms);
            } else {
                crate::event!(NT201, connection = ?key);
            }
            self.front.close_now(key);
        }
        for key in deaf {
            self.front.close_now(key);
        }
    }
}

fn is_of(body: &[u8], kinds: &[PacketType]) -> bool {
    body.first().is_some_and(|first| kinds.iter().any(|kind| kind.0 == first.cast_signed()))
}

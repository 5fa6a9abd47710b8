//! A CORE connection: handshake, frames, channels 0 and 1, time to live.

use std::ops::Range;

use protocol::core::error::DecodeError;
use protocol::core::frame::{self, Handshake, Split};
use protocol::core::identity::{ChannelId, CommandId};
use protocol::core::packet::connection::{CheckForFailoverReply, Ping};
use protocol::core::packet::session::{CreateSession, CreateSessionResponse, ReattachSessionResponse};
use protocol::core::packet::topology::{ClusterTopology, Pair, TopologyForm};
use protocol::core::packet::{self, Direction, Frame, Packet};
use protocol::core::version::Version;
use protocol::limits::LENGTH_PREFIX_BYTES;

use super::reply::ServerFacts;
use crate::limits;
use crate::message::SessionName;
use crate::net::tls::HANDSHAKE_RECORD;
use crate::security::{Login, Secret};
use crate::session::Modes;

/// A CORE connection.
#[derive(Debug)]
pub struct Connection {
    frame_bytes_max: usize,
    frame_bytes_before_login: usize,
    greeted: bool,
    /// A session was opened: larger frames are taken.
    logged_in: bool,
    /// What the client speaks; unset until it says so.
    pub version: Version,
    /// Received and not understood yet.
    input: Vec<u8>,
    /// How long the client may be silent, in ms; −1 for ever.
    pub ttl_ms: i64,
    /// When the client was last heard, in ms of the loop's clock.
    pub heard_ms: u64,
    /// When it came.
    pub since_ms: u64,
    /// When it was first seen that a frame is not there in whole, before login.
    unfinished_ms: Option<u64>,
    /// Requests before login that were answered at once, since the last check.
    requests: u32,
}

/// Where a frame lies. The handshake is a frame without bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAt {
    /// Its body.
    pub frame: Range<usize>,
    /// How many bytes it takes with all that belongs to it.
    pub consumed: usize,
}

/// What a packet of the connection itself asks for, beyond what the connection answered itself.
#[allow(missing_docs, reason = "a field is named by what the variant says")]
#[derive(Debug)]
pub enum Event {
    /// Nothing is left to do for it.
    Handled,
    /// A session is to be opened.
    CreateSession { name: SessionName, channel: i64, modes: Modes, client_id: Option<String>, login: Login },
    /// The client wants to go on with a session of a connection that it has lost; the last packet that it got there.
    Reattach { name: SessionName, last_received: i32 },
}

/// Why a connection is closed.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// The first bytes are no protocol that is served.
    NotCore,
    /// They are TLS, which this acceptor does not speak.
    Tls,
    /// A frame's length is impossible.
    Frame(String),
    /// A frame cannot be understood.
    Packet(String),
}

impl Problem {
    /// A packet that nobody knows.
    pub fn unknown(packet: &Packet<'_>) -> Self {
        Self::Packet(format!("the client sent {}, which this server does not know", packet.packet_type()))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotCore => f.write_str("the client speaks no protocol that this acceptor serves (it serves CORE)"),
            Self::Tls => f.write_str("the client speaks TLS, and this acceptor does not"),
            Self::Frame(text) | Self::Packet(text) => f.write_str(text),
        }
    }
}

impl Connection {
    /// A connection that was accepted at this time.
    pub fn new(now_ms: u64, frame_bytes_max: usize) -> Self {
        Self {
            frame_bytes_max: frame_bytes_max.min(limits::FRAME_BYTES_MAX),
            frame_bytes_before_login: limits::FRAME_BYTES_BEFORE_LOGIN,
            greeted: false,
            logged_in: false,
            version: Version::UNSET,
            input: Vec::new(),
            ttl_ms: limits::CONNECTION_TTL_DEFAULT_MS,
            heard_ms: now_ms,
            since_ms: now_ms,
            unfinished_ms: None,
            requests: 0,
        }
    }

    /// It is within TLS, which needs memory too.
    pub fn within_tls(&mut self) {
        self.frame_bytes_before_login = limits::FRAME_BYTES_BEFORE_LOGIN_WITHIN_TLS;
    }

    /// The client was heard.
    pub fn heard(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
    }

    /// Finds the next frame in received bytes: its place, and how many bytes it takes.
    ///
    /// # Errors
    /// The bytes are none of this protocol.
    pub fn next_frame(&mut self, bytes: &[u8]) -> Result<Option<FrameAt>, Problem> {
        let mut start = 0;
        if !self.greeted {
            match frame::detect_handshake(bytes) {
                Handshake::Core { consumed } => {
                    self.greeted = true;
                    return Ok(Some(FrameAt { frame: consumed..consumed, consumed }));
                }
                Handshake::Incomplete => return Ok(None),
                Handshake::Other if bytes.first() == Some(&HANDSHAKE_RECORD) => return Err(Problem::Tls),
                Handshake::Other => return Err(Problem::NotCore),
            }
        }
        let cap = if self.logged_in { self.frame_bytes_max } else { self.frame_bytes_before_login };
        match frame::split(bytes, cap) {
            Ok(Split::Frame { body, consumed }) => {
                start += consumed - body.len();
                Ok(Some(FrameAt { frame: start..consumed, consumed }))
            }
            Ok(Split::Incomplete { .. }) => Ok(None),
            Err(error) => Err(Problem::Frame(error.to_string())),
        }
    }

    /// Bytes that are kept until the rest of their frame comes, or until they can be handled.
    pub fn kept(&self) -> usize {
        self.input.len()
    }

    /// How many bytes at least have to come before anything can be done with what is kept. `None`: nothing is kept.
    pub fn missing(&self) -> Option<usize> {
        let kept = self.input.len();
        let needed = match (self.input.first_chunk::<LENGTH_PREFIX_BYTES>(), self.greeted) {
            _ if kept == 0 => return None,
            // A length that is no length is found out when its frame is looked for.
            (Some(length), true) => LENGTH_PREFIX_BYTES.saturating_add(u32::from_be_bytes(*length) as usize),
            (None, true) => LENGTH_PREFIX_BYTES,
            (_, false) => 0,
        };
        Some(needed.saturating_sub(kept).max(1))
    }

    /// Bytes of the frame whose beginning is kept, with its length, if that is known.
    pub fn frame_bytes(&self) -> Option<usize> {
        let length = self.input.first_chunk::<LENGTH_PREFIX_BYTES>().filter(|_| self.greeted)?;
        Some(LENGTH_PREFIX_BYTES.saturating_add(u32::from_be_bytes(*length) as usize))
    }

    /// Keeps bytes.
    pub fn keep(&mut self, bytes: &[u8]) {
        if !self.logged_in || self.input.len().saturating_add(bytes.len()) > limits::INPUT_BYTES_FREE {
            self.make_room(bytes.len());
        }
        self.input.extend_from_slice(bytes);
    }

    /// No more memory is taken than the largest frame before login needs, or the one that is on its way.
    #[cold]
    fn make_room(&mut self, more: usize) {
        let needed = self.input.len().saturating_add(more);
        if needed > self.input.capacity() {
            let most = match self.frame_bytes() {
                Some(bytes) if self.logged_in => bytes,
                _ => LENGTH_PREFIX_BYTES + limits::FRAME_BYTES_BEFORE_LOGIN,
            };
            let wanted = needed.next_power_of_two().min(most).max(needed);
            self.input.reserve_exact(wanted - self.input.len());
        }
    }

    /// Takes what is kept; what is not used is given back with [`Connection::put_back`].
    pub fn take_kept(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.input)
    }

    /// Gives back what was taken, without its first bytes. Gives memory back after a large frame, and after any before login.
    pub fn put_back(&mut self, mut input: Vec<u8>, used: usize) {
        input.drain(..used.min(input.len()));
        if input.is_empty() && (input.capacity() > limits::OUTPUT_BYTES_HARD || !self.logged_in) {
            input = Vec::new();
        } else if input.capacity() > limits::OUTPUT_BYTES_HARD && input.len() < input.capacity() / 4 {
            // What follows a large frame may be little.
            input.shrink_to(input.len());
        }
        self.input = input;
    }

    /// Its client is silent: memory that only lies ready for what it sends is given back.
    pub fn rest(&mut self) {
        if self.input.is_empty() {
            self.input = Vec::new();
        }
    }

    /// A session was opened.
    pub fn logged_in(&mut self) {
        self.logged_in = true;
    }

    /// Was a session opened?
    pub fn is_logged_in(&self) -> bool {
        self.logged_in
    }

    /// Has the client had its time, to say which protocol it speaks or, before login, to finish a frame that it has begun? Asked now and
    /// then while none of its frames has to wait: when a frame began is not noted, only when it was first seen.
    pub fn is_late(&mut self, now_ms: u64, timeout_ms: u64) -> bool {
        self.requests = 0;
        let since = match (self.greeted, self.logged_in || self.input.is_empty()) {
            (false, _) => self.since_ms,
            (true, false) => *self.unfinished_ms.get_or_insert(now_ms),
            (true, true) => {
                self.unfinished_ms = None;
                return false;
            }
        };
        now_ms.saturating_sub(since) >= timeout_ms
    }

    /// Decodes a frame. What it says is large and not moved about: the caller looks at it where this puts it.
    ///
    /// # Errors
    /// The frame breaks the protocol.
    pub fn decode<'a>(&self, body: &'a [u8]) -> Result<Frame<'a>, DecodeError> {
        let version = if self.version == Version::UNSET { Version::NEWEST } else { self.version };
        packet::decode(body, Direction::ClientToServer, version)
    }

    /// Takes a packet of the connection itself, one that is on no channel of a session; answers what needs no session.
    ///
    /// # Errors
    /// The packet breaks the protocol.
    pub fn handle(
        &mut self,
        channel: ChannelId,
        packet: &Packet<'_>,
        facts: &ServerFacts,
        out: &mut Vec<u8>,
    ) -> Result<Event, Problem> {
        self.unfinished_ms = None;
        let event = match channel {
            ChannelId::PING => self.ping_channel(packet, facts, out),
            _ => self.session_channel(packet, out),
        }?;
        // What opens or takes back a session has bounds of its own, and may be handed in again.
        if !self.logged_in && matches!(event, Event::Handled) {
            self.requests += 1;
            if self.requests > limits::REQUESTS_BEFORE_LOGIN_MAX {
                let text = "the client asks for more than a client needs before its login";
                return Err(Problem::Frame(text.to_owned()));
            }
        }
        Ok(event)
    }

    fn ping_channel(&mut self, packet: &Packet<'_>, facts: &ServerFacts, out: &mut Vec<u8>) -> Result<Event, Problem> {
        match packet {
            Packet::Ping(ping) => {
                self.ttl_ms = ping.connection_ttl_ms;
                send(ChannelId::PING, packet, self.version, out);
            }
            Packet::SubscribeTopologyV2(subscribe) => {
                self.version = subscribe.client_version;
                self.topology(facts, out);
            }
            Packet::SubscribeTopology(_) => self.topology(facts, out),
            Packet::Unknown { .. } => return Err(Problem::unknown(packet)),
            // Nothing else has a meaning on this channel; the reference drops it too.
            _ => {}
        }
        Ok(Event::Handled)
    }

    /// The only node there is: without addresses, so that the client keeps the one it used.
    fn topology(&self, facts: &ServerFacts, out: &mut Vec<u8>) {
        let form = if self.version >= Version::REDIRECTS { TopologyForm::V4 } else { TopologyForm::V2 };
        let topology = ClusterTopology {
            form,
            node_id: facts.node_id.as_str().into(),
            unique_event_id: facts.started_unix_ms,
            pair: Some(Pair { live: None, backup: None, last: true }),
            backup_group: None,
            scale_down_group: None,
            server_version: Version::NEWEST,
        };
        send(ChannelId::PING, &Packet::ClusterTopology(topology), self.version, out);
    }

    fn session_channel(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<Event, Problem> {
        match packet {
            Packet::CreateSession(create) => return Ok(self.create_session(create, out)),
            Packet::CheckForFailover(_) => {
                let reply = Packet::CheckForFailoverReply(CheckForFailoverReply { ok_to_failover: true });
                send(ChannelId::SESSION, &reply, self.version, out);
            }
            Packet::ReattachSession(reattach) => {
                let name = SessionName::new(reattach.name.to_string());
                return Ok(Event::Reattach { name, last_received: reattach.last_confirmed.0 });
            }
            Packet::Unknown { .. } => return Err(Problem::unknown(packet)),
            _ => {}
        }
        Ok(Event::Handled)
    }

    fn create_session(&mut self, create: &CreateSession<'_>, out: &mut Vec<u8>) -> Event {
        let settings = &create.settings;
        if !settings.version.is_accepted() {
            let text = format!(
                "AMQ229033: Server and client versions incompatible: this server serves client versions {} to {}, not {}",
                Version::OLDEST,
                Version::NEWEST,
                settings.version
            );
            let code = protocol::core::error_code::ErrorCode::INCOMPATIBLE_CLIENT_SERVER_VERSIONS;
            super::reply::exception(ChannelId::SESSION, code, &text, None, self.version, out);
            return Event::Handled;
        }
        if self.version == Version::UNSET {
            self.version = settings.version;
        }
        let modes = Modes {
            auto_commit_sends: settings.auto_commit_sends,
            auto_commit_acknowledgements: settings.auto_commit_acks,
            pre_acknowledge: settings.pre_acknowledge,
            confirmation_window: u32::try_from(settings.confirmation_window).ok(),
        };
        Event::CreateSession {
            name: SessionName::new(settings.name.to_string()),
            channel: settings.channel.0,
            modes,
            client_id: create.client_id.map(|id| id.to_string()),
            login: Login {
                user: settings.user.map(|name| name.to_string()),
                password: settings.password.map(|password| Secret(password.0.to_string())),
            },
        }
    }

    /// A sign of life that the client did not ask for.
    pub fn ping(&self, out: &mut Vec<u8>) {
        let ping = Ping { connection_ttl_ms: self.ttl_ms };
        send(ChannelId::PING, &Packet::Ping(ping), self.version, out);
    }

    /// Tells the client that its session is open.
    pub fn session_created(&self, out: &mut Vec<u8>) {
        let response = CreateSessionResponse { server_version: Version::NEWEST };
        send(ChannelId::SESSION, &Packet::CreateSessionResponse(response), self.version, out);
    }

    /// Tells the client that its session goes on, and which packet of its own was the last that counts; or that it does not.
    pub fn session_reattached(&self, last_handled: Option<i32>, out: &mut Vec<u8>) {
        let last_confirmed = last_handled.map_or(CommandId::NONE, CommandId);
        let reply = ReattachSessionResponse { last_confirmed, reattached: last_handled.is_some() };
        send(ChannelId::SESSION, &Packet::ReattachSessionResponse(reply), self.version, out);
    }

    /// Tells the client that its session cannot be opened.
    pub fn session_refused(&self, text: &str, out: &mut Vec<u8>) {
        let code = protocol::core::error_code::ErrorCode::INTERNAL_ERROR;
        super::reply::exception(ChannelId::SESSION, code, text, None, self.version, out);
    }

    /// Tells the client that it is not who it says it is.
    pub fn login_refused(&self, text: &str, out: &mut Vec<u8>) {
        let code = protocol::core::error_code::ErrorCode::SECURITY_EXCEPTION;
        super::reply::exception(ChannelId::SESSION, code, text, None, self.version, out);
    }
}

/// Appends a packet. One that is too long for a frame cannot come from here: all of ours are short.
pub(super) fn send(channel: ChannelId, packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) {
    let version = if version == Version::UNSET { Version::NEWEST } else { version };
    if let Err(error) = packet::encode(channel, packet, version, out) {
        crate::event!(NT301, "a packet of ours does not fit a frame: {error}");
    }
}

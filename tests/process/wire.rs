//! A client byte by byte: for what no well-behaved client can be brought to do.
//!
//! Takes a port, gives frames as they come. It has one thread, its own, so that it is silent when a test wants it to be. Every
//! wait has a bound. Only the codec is used, nothing of the broker.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::core::frame::{HANDSHAKE, Split, split};
use protocol::core::identity::ChannelId;
use protocol::core::packet::connection::Ping;
use protocol::core::packet::session::{CreateSession, SessionForm, SessionSettings};
use protocol::core::packet::topology::SubscribeTopologyV2;
use protocol::core::packet::{Direction, Packet, decode, encode};
use protocol::core::version::Version;
use protocol::limits::FRAME_BYTES_MAX;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// What a broker that works does is done by then, on any machine.
pub(crate) const SOON: Duration = Duration::from_secs(120);
/// The channel of the first session of a connection.
pub(crate) const SESSION: ChannelId = ChannelId::FIRST_SESSION;

/// How a session is opened.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    /// Sends and acknowledgements take effect one by one.
    Automatic,
    /// Both take effect with a commit.
    Transacted,
}

/// What came in a bounded time.
pub(crate) enum Came {
    /// The body of a frame.
    Frame(Vec<u8>),
    /// The end of the connection.
    Closed,
    /// Nothing.
    Nothing,
}

/// What the bytes go through.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.get_ref(),
        }
    }
}

/// A TCP connection to a broker.
pub(crate) struct Wire {
    stream: Stream,
    input: Vec<u8>,
}

impl Wire {
    /// Connects and says nothing.
    pub(crate) fn silent(port: u16) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("cannot connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("cannot set TCP_NODELAY: {error}"))?;
        Ok(Self { stream: Stream::Plain(stream), input: Vec::new() })
    }

    /// Connects within TLS and says which protocol it speaks.
    pub(crate) fn within_tls(port: u16, config: &Arc<ClientConfig>) -> Result<Self, String> {
        let Stream::Plain(socket) = Self::silent(port)?.stream else { return Err("no plain socket".to_owned()) };
        let name = ServerName::try_from("localhost").map_err(|error| error.to_string())?;
        let tls = ClientConnection::new(Arc::clone(config), name).map_err(|error| error.to_string())?;
        let mut wire = Self { stream: Stream::Tls(Box::new(StreamOwned::new(tls, socket))), input: Vec::new() };
        wire.write(&HANDSHAKE)?;
        Ok(wire)
    }

    /// Connects and says which protocol it speaks.
    pub(crate) fn greeted(port: u16) -> Result<Self, String> {
        let mut wire = Self::silent(port)?;
        wire.write(&HANDSHAKE)?;
        Ok(wire)
    }

    /// Connects as a client does, up to its first session.
    pub(crate) fn session(port: u16, mode: Mode) -> Result<Self, String> {
        let mut wire = Self::greeted(port)?;
        let subscribe = SubscribeTopologyV2 { is_cluster_connection: false, client_version: Version::NEWEST };
        wire.tell(ChannelId::PING, &Packet::SubscribeTopologyV2(subscribe))?;
        wire.open_session(SESSION, mode)?;
        Ok(wire)
    }

    /// Opens a session on a channel.
    pub(crate) fn open_session(&mut self, channel: ChannelId, mode: Mode) -> Result<(), String> {
        let port = self.stream.socket().local_addr().map_or(0, |address| address.port());
        self.open_named(channel, mode, &format!("session-{}-{port}", channel.0), -1)
    }

    /// Opens a session of this name, with a confirmation window if it is not negative.
    pub(crate) fn open_named(
        &mut self,
        channel: ChannelId,
        mode: Mode,
        name: &str,
        confirmation_window: i32,
    ) -> Result<(), String> {
        let automatic = matches!(mode, Mode::Automatic);
        let settings = SessionSettings {
            name: name.into(),
            channel,
            version: Version::NEWEST,
            user: None,
            password: None,
            min_large_message_size: 100 << 10,
            xa: false,
            auto_commit_sends: automatic,
            auto_commit_acks: automatic,
            confirmation_window,
            pre_acknowledge: false,
            default_address: None,
        };
        let create = CreateSession { form: SessionForm::V1, settings, client_id: None };
        self.tell(ChannelId::SESSION, &Packet::CreateSession(create))?;
        self.wait("CREATESESSION_RESP", |_, packet| matches!(packet, Packet::CreateSessionResponse(_)).then_some(()))
    }

    /// Writes bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        };
        written.map_err(|error| format!("cannot write {} bytes: {error}", bytes.len()))
    }

    /// Sends a packet.
    pub(crate) fn tell(&mut self, channel: ChannelId, packet: &Packet<'_>) -> Result<(), String> {
        let mut bytes = Vec::new();
        encode(channel, packet, Version::NEWEST, &mut bytes).map_err(|error| error.to_string())?;
        self.write(&bytes)
    }

    /// Sends a ping and waits for its echo.
    pub(crate) fn ping(&mut self, ttl_ms: i64) -> Result<(), String> {
        self.tell(ChannelId::PING, &Packet::Ping(Ping { connection_ttl_ms: ttl_ms }))?;
        self.wait("the echo of a ping", |channel, packet| {
            let echo = matches!(packet, Packet::Ping(ping) if ping.connection_ttl_ms == ttl_ms);
            (echo && channel == ChannelId::PING).then_some(())
        })
    }

    /// The first packet that is wanted; the others are dropped.
    pub(crate) fn wait<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(ChannelId, &Packet<'_>) -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Instant::now() + SOON;
        let mut dropped = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let body = match self.next(left)? {
                Came::Frame(body) => body,
                Came::Closed => {
                    return Err(format!("the connection ended before {what}; before that came {dropped:?}"));
                }
                Came::Nothing => return Err(format!("{what} did not come within {SOON:?}; but {dropped:?}")),
            };
            let frame = decode(&body, Direction::ServerToClient, Version::NEWEST).map_err(|error| error.to_string())?;
            if let Some(found) = wanted(frame.channel, &frame.packet) {
                return Ok(found);
            }
            dropped.push(frame.packet.packet_type().to_string());
        }
    }

    /// Waits until the broker has closed the connection, and says which packets it sent before and how long it took.
    pub(crate) fn until_closed(&mut self) -> Result<(Vec<String>, Duration), String> {
        let started = Instant::now();
        let mut packets = Vec::new();
        loop {
            match self.next(SOON.saturating_sub(started.elapsed()))? {
                Came::Frame(body) => {
                    let frame = decode(&body, Direction::ServerToClient, Version::NEWEST);
                    let frame = frame.map_err(|error| error.to_string())?;
                    packets.push(format!("{} on channel {}", frame.packet.packet_type(), frame.channel));
                }
                Came::Closed => return Ok((packets, started.elapsed())),
                Came::Nothing => return Err(format!("the connection was not closed within {SOON:?}")),
            }
        }
    }

    /// The next frame, or the end.
    pub(crate) fn next(&mut self, within: Duration) -> Result<Came, String> {
        let deadline = Instant::now() + within;
        loop {
            if let Split::Frame { body, consumed } =
                split(&self.input, FRAME_BYTES_MAX).map_err(|error| error.to_string())?
            {
                let body = body.to_vec();
                self.input.drain(..consumed);
                return Ok(Came::Frame(body));
            }
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.socket().set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
            let mut part = [0; 16 * 1024];
            let read = match &mut self.stream {
                Stream::Plain(socket) => socket.read(&mut part),
                Stream::Tls(tls) => tls.read(&mut part),
            };
            match read {
                Ok(0) => return Ok(Came::Closed),
                Ok(bytes) => self.input.extend_from_slice(part.get(..bytes).unwrap_or(&part)),
                // A read with a time limit is not begun again by itself when a process is stopped and goes on.
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) =>
                {
                    if Instant::now() >= deadline {
                        return Ok(Came::Nothing);
                    }
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(Came::Closed),
                Err(error) => return Err(format!("cannot read: {error}")),
            }
        }
    }
}

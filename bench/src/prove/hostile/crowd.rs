//! The hostile clients of one attack: they come, go on, and go.
//!
//! All of them are plain sockets on the thread that measures; none of their writes or reads waits, once they have come. What they send
//! while they go on is bounded by the pace of [`Crowd::go_on`], and counted.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::sockopt::{Linger, RcvBuf};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket};
use protocol::core::frame::HANDSHAKE;
use protocol::limits::LENGTH_PREFIX_BYTES;
use ringmq::limits::FRAME_BYTES_BEFORE_LOGIN;

use super::speech;
use super::{CONNECTION_MEMORY, Kind, Scale};
use crate::peers::wire::frames;
use crate::prove::random::Random;

/// Between two calls of [`Crowd::go_on`].
pub(super) const TICK: Duration = Duration::from_millis(50);
/// A broker that has not answered a login by then never does.
const LOGIN_WITHIN: Duration = Duration::from_secs(60);
/// What is not closed by then is not closed at all.
const CLOSED_WITHIN: Duration = Duration::from_secs(20);
/// Ticks in which each slow client sends one byte: five seconds.
const SLOW_TICKS: usize = 100;
/// Bytes that a slow client does not send at once.
const SLOW_BYTES: usize = 2_000;
/// Bytes of all requests of a client that reads nothing: their answers are far more than the system keeps on the way.
const DEAF_BYTES: usize = 512 * 1024;
/// Requests of one that stays below what the broker closes a connection for, until nothing more comes of it.
const DEAF_REQUESTS: usize = 160;
/// The same of one that has logged in.
const DEAF_CLIENT_BYTES: usize = 2 * 1024 * 1024;
/// What the system keeps for a client that reads nothing, at its side.
const DEAF_BUFFER_BYTES: usize = 4 * 1024;
/// Ticks until all are where they want to be: those who read nothing have asked for everything.
pub(super) const SETTLE_TICKS: u32 = 40;
/// Messages that such a client has sent to itself.
const DEAF_MESSAGES: usize = 128;
/// Messages without credits in a tick.
const FLOOD_MESSAGES_A_TICK: usize = 4;
/// Connections with bytes of no client in a tick.
const MALFORMED_A_TICK: usize = 2;
/// What a busy client has unanswered.
const BUSY_WINDOW: usize = 16;
/// What a client of the memory's control sends of a frame.
const FAT_BYTES: usize = 1 << 20;
/// A frame that is never sent in whole: one hundred of them are 1.6 GiB.
const HOARD_BYTES: usize = 16 << 20;
/// What is not sent of it.
const HOARD_MISSING: usize = 2_000;
/// Bytes of it that one client sends in a tick.
const HOARD_BYTES_A_TICK: usize = 1 << 20;
/// Clients that come in a tick in the place of those that were closed.
const HOARD_NEW_A_TICK: usize = 4;
/// When they have sent more than a broker may keep they come again in every so many ticks, and send less in each: what they cost is
/// measured then, and what is received costs its time.
const HOARD_CALM_TICKS: usize = 8;
/// See [`HOARD_CALM_TICKS`].
const HOARD_CALM_BYTES_A_TICK: usize = 16 * 1024;
/// A message of which each of those who hoard answers leaves one unread; and how many there are.
const HOARD_MESSAGE_BYTES: usize = 4 << 20;
/// See [`HOARD_MESSAGE_BYTES`].
const HOARD_MESSAGES: usize = 3;
/// Where these are.
const HOARD_QUEUE: &str = "hostile.hoard";
/// What a frame is made of that is never looked at.
static FILLING: [u8; 64 * 1024] = [30; 64 * 1024];
/// Addresses that clients come from: one does not have ports enough for all attacks together.
const SOURCES: u8 = 8;

/// What one of them does.
#[derive(Debug)]
enum Role {
    /// Nothing.
    Still,
    /// A byte now and then.
    Slow,
    /// Writes this again and again, up to so many bytes, and reads nothing.
    Deaf { request: Vec<u8>, a_tick: usize, left: usize },
    /// Sends this and never asks whether it may.
    Flood { message: Vec<u8> },
    /// Sends this as fast as it is answered.
    Busy { message: Vec<u8>, answer_bytes: usize },
    /// Sends so much more of a frame, as fast as it is taken.
    Hoard { left: usize },
    /// Looks at large messages and reads none.
    Unread,
}

#[derive(Debug)]
struct Member {
    stream: TcpStream,
    role: Role,
    /// Begun and not written.
    pending: Vec<u8>,
    gone: bool,
}

/// What they sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) bytes: u64,
    pub(super) connections: u64,
}

/// The hostile clients of one attack.
#[derive(Debug)]
pub(super) struct Crowd {
    port: u16,
    members: Vec<Member>,
    /// Connections that the broker has to close.
    fleeting: Vec<(TcpStream, Instant)>,
    malformed: Vec<Vec<u8>>,
    ticks: usize,
    made: usize,
    pub(super) sent: Sent,
    /// Bytes of frames that never end, of all clients so far.
    pub(super) hoarded: u64,
    /// Those who hoard come again.
    comes_again: bool,
}

impl Crowd {
    /// Has the clients of an attack come; those that log in are inside when this returns.
    pub(super) fn gather(kind: Kind, scale: Scale, port: u16, random: &mut Random) -> Result<Self, String> {
        let mut crowd = Self {
            port,
            members: Vec::new(),
            fleeting: Vec::new(),
            malformed: Vec::new(),
            ticks: 0,
            made: 0,
            sent: Sent::default(),
            hoarded: 0,
            comes_again: matches!(kind, Kind::Hoard | Kind::All),
        };
        let kinds: &[Kind] = if kind == Kind::All { &Kind::ALONE } else { &[kind] };
        for kind in kinds {
            crowd.add(*kind, kind.count(scale), random)?;
        }
        crowd.sent = Sent::default();
        Ok(crowd)
    }

    /// How many have come to stay.
    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    fn add(&mut self, kind: Kind, count: usize, random: &mut Random) -> Result<(), String> {
        if kind == Kind::Malformed {
            self.malformed = speech::malformed(random);
            return Ok(());
        }
        if matches!(kind, Kind::Hoard | Kind::Unbounded) {
            self.lay_out().map_err(|error| format!("{kind}: {error}"))?;
        }
        for number in 0..count {
            let member = self.come(kind, number)?;
            self.members.push(member);
        }
        Ok(())
    }

    /// One of them comes.
    fn come(&mut self, kind: Kind, number: usize) -> Result<Member, String> {
        let mut stream = self.connect()?;
        if matches!(kind, Kind::Deaf | Kind::DeafClients) || (kind.hoards() && !number.is_multiple_of(2)) {
            setsockopt(&stream, RcvBuf, &DEAF_BUFFER_BYTES).map_err(|error| error.to_string())?;
        }
        let role = self.introduce(kind, number, &mut stream).map_err(|error| format!("{kind}: {error}"))?;
        stream.set_nonblocking(true).map_err(|error| error.to_string())?;
        Ok(Member { stream, role, pending: Vec::new(), gone: false })
    }

    /// Stores the messages that those who hoard look at.
    fn lay_out(&mut self) -> Result<(), String> {
        let mut stream = self.connect()?;
        log_in(&mut stream, &frames::greeting(-1), HOARD_QUEUE)?;
        for _ in 0..HOARD_MESSAGES {
            let message = speech::large(HOARD_QUEUE, HOARD_MESSAGE_BYTES);
            stream.write_all(&message).map_err(|error| error.to_string())?;
            // Those of an attack before may be there still: then it is refused.
            stream.read_exact(&mut [0; LENGTH_PREFIX_BYTES]).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// What a client says when it comes.
    fn introduce(&mut self, kind: Kind, number: usize, stream: &mut TcpStream) -> Result<Role, String> {
        let queue = format!("hostile.{}", self.made);
        let mut say = |bytes: &[u8]| {
            self.sent.bytes += bytes.len() as u64;
            stream.write_all(bytes).map_err(|error| error.to_string())
        };
        let hello = frames::greeting(-1);
        Ok(match kind {
            Kind::Idle => {
                if number.is_multiple_of(2) {
                    say(&hello)?;
                }
                Role::Still
            }
            Kind::Slow => {
                let frame = speech::unfinished(FRAME_BYTES_BEFORE_LOGIN, SLOW_BYTES);
                say(&[HANDSHAKE.as_slice(), &frame].concat())?;
                Role::Slow
            }
            Kind::Deaf => {
                say(&hello)?;
                let request = frames::subscribe();
                // Half of them are as greedy as they can, and are closed; half stay.
                let bytes = if number.is_multiple_of(2) { DEAF_BYTES } else { DEAF_REQUESTS * request.len() };
                deaf(request, bytes)
            }
            Kind::HalfOpen => {
                log_in(stream, &hello, &queue)?;
                stream.write_all(&speech::greedy_consumer(&queue)).map_err(|error| error.to_string())?;
                Role::Still
            }
            Kind::DeafClients => {
                log_in(stream, &hello, &queue)?;
                let messages = speech::send(&queue, false, false).repeat(DEAF_MESSAGES);
                stream.write_all(&[speech::greedy_consumer(&queue), messages].concat()).map_err(|e| e.to_string())?;
                deaf(frames::ping(-1), DEAF_CLIENT_BYTES)
            }
            Kind::NoCredits => {
                log_in(stream, &hello, &queue)?;
                Role::Flood { message: speech::send("hostile.flood", number.is_multiple_of(2), false) }
            }
            Kind::Busy => {
                log_in(stream, &hello, &queue)?;
                Role::Busy { message: speech::send("hostile.busy", false, true), answer_bytes: 0 }
            }
            Kind::Fat => {
                log_in(stream, &hello, &queue)?;
                let frame = speech::unfinished(2 * FAT_BYTES, FAT_BYTES);
                stream.write_all(&frame).map_err(|error| error.to_string())?;
                Role::Still
            }
            Kind::Hoard | Kind::Unbounded if !number.is_multiple_of(2) => {
                log_in(stream, &hello, &queue)?;
                stream.write_all(&speech::browser(HOARD_QUEUE)).map_err(|error| error.to_string())?;
                Role::Unread
            }
            Kind::Hoard | Kind::Unbounded => {
                log_in(stream, &hello, &queue)?;
                stream.write_all(&speech::unfinished(HOARD_BYTES, HOARD_BYTES)).map_err(|error| error.to_string())?;
                Role::Hoard { left: HOARD_BYTES - HOARD_MISSING }
            }
            Kind::Malformed | Kind::All => Role::Still,
        })
    }

    /// Have those who hoard sent all of their frames but the ends?
    pub(super) fn has_sent_all(&self) -> bool {
        self.members.iter().all(|member| member.gone || !matches!(member.role, Role::Hoard { left } if left > 0))
    }

    /// Have those who hoard sent more than their broker may keep?
    pub(super) fn has_hoarded(&self) -> bool {
        self.hoarded > 2 * CONNECTION_MEMORY
    }

    /// Goes on for a tick.
    ///
    /// # Errors
    /// The broker has not closed what it should have.
    pub(super) fn go_on(&mut self) -> Result<(), String> {
        let turn = self.ticks % SLOW_TICKS;
        let is_calm = self.has_hoarded();
        self.ticks += 1;
        for (number, member) in self.members.iter_mut().enumerate().filter(|(_, member)| !member.gone) {
            let more = match &mut member.role {
                Role::Still | Role::Unread => continue,
                Role::Slow if number % SLOW_TICKS == turn => vec![30],
                Role::Slow => continue,
                // One who cannot write has asked for more than he gets.
                Role::Deaf { .. } if !member.pending.is_empty() => Vec::new(),
                Role::Deaf { request, a_tick, left } => {
                    let bytes = (*a_tick).min(*left);
                    *left -= bytes;
                    request.repeat(bytes.checked_div(request.len()).unwrap_or(0))
                }
                Role::Flood { message } => message.repeat(FLOOD_MESSAGES_A_TICK),
                Role::Busy { .. } => continue,
                Role::Hoard { .. } => {
                    let sent = member.hoard(if is_calm { HOARD_CALM_BYTES_A_TICK } else { HOARD_BYTES_A_TICK });
                    self.sent.bytes += sent;
                    self.hoarded += sent;
                    continue;
                }
            };
            // Who cannot write does not make more: nobody here waits, and nobody's memory grows.
            if member.pending.is_empty() {
                member.pending = more;
            }
            self.sent.bytes += member.write();
        }
        if self.comes_again && (!is_calm || self.ticks.is_multiple_of(HOARD_CALM_TICKS)) {
            self.come_again()?;
        }
        for _ in 0..if self.malformed.is_empty() { 0 } else { MALFORMED_A_TICK } {
            self.come_and_be_closed()?;
        }
        self.look_after_fleeting(CLOSED_WITHIN)
    }

    /// Those who hoard come again: those who send when they were closed; of those who read nothing, who do not notice, one in a tick.
    fn come_again(&mut self) -> Result<(), String> {
        let closed = |member: &Member| matches!(member.role, Role::Hoard { .. }) && member.gone;
        let closed = self.members.iter().enumerate().filter(|(_, member)| closed(member)).map(|(at, _)| at);
        let unread = self.members.iter().enumerate().filter(|(_, member)| matches!(member.role, Role::Unread));
        let unread: Vec<usize> = unread.map(|(at, _)| at).collect();
        let unread = unread.get(self.ticks % unread.len().max(1)).copied();
        for at in closed.take(HOARD_NEW_A_TICK).chain(unread).collect::<Vec<_>>() {
            let number = usize::from(Some(at) == unread);
            let come = self.come(Kind::Hoard, number).map_err(|error| format!("again: {error}"))?;
            if let Some(member) = self.members.get_mut(at) {
                *member = come;
            }
        }
        Ok(())
    }

    /// Lets the busy ones work until this time.
    pub(super) fn work_until(&mut self, until: Instant) {
        let busy = |member: &&mut Member| matches!(member.role, Role::Busy { .. }) && !member.gone;
        if !self.members.iter_mut().any(|member| busy(&member)) {
            return std::thread::sleep(until.saturating_duration_since(Instant::now()));
        }
        while Instant::now() < until {
            for member in self.members.iter_mut().filter(busy) {
                self.sent.bytes += member.work();
            }
        }
    }

    /// Waits until the broker has closed all that it must.
    pub(super) fn until_closed(&mut self) -> Result<(), String> {
        while !self.fleeting.is_empty() {
            self.look_after_fleeting(CLOSED_WITHIN)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn come_and_be_closed(&mut self) -> Result<(), String> {
        let mut stream = self.connect()?;
        stream.set_nonblocking(true).map_err(|error| error.to_string())?;
        let which = self.made % self.malformed.len().max(1);
        let bytes = self.malformed.get(which).map(Vec::as_slice).unwrap_or_default();
        // The broker may close it while it still writes.
        self.sent.bytes += stream.write(bytes).unwrap_or(0) as u64;
        self.fleeting.push((stream, Instant::now()));
        Ok(())
    }

    fn look_after_fleeting(&mut self, within: Duration) -> Result<(), String> {
        self.fleeting.retain(|(stream, _)| !is_closed(stream));
        match self.fleeting.iter().find(|(_, since)| since.elapsed() > within) {
            Some(_) => Err(format!("a connection with bytes of no client was not closed within {within:?}")),
            None => Ok(()),
        }
    }

    fn connect(&mut self) -> Result<TcpStream, String> {
        let source = u8::try_from(self.made % usize::from(SOURCES)).unwrap_or(0);
        self.made += 1;
        self.sent.connections += 1;
        connect_from(Ipv4Addr::new(127, 0, 1, 1 + source), self.port)
    }
}

fn deaf(request: Vec<u8>, bytes: usize) -> Role {
    Role::Deaf { request, a_tick: bytes / SETTLE_TICKS as usize, left: bytes }
}

/// A connection from this address, which resets when it is dropped: nothing of it stays behind.
pub(super) fn connect_from(source: Ipv4Addr, port: u16) -> Result<TcpStream, String> {
    let failed = |error: nix::errno::Errno| format!("a hostile client cannot connect: {error}");
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
    bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(source, 0))).map_err(failed)?;
    connect(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))).map_err(failed)?;
    let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&socket, Linger, &at_once).map_err(failed)?;
    Ok(TcpStream::from(socket))
}

/// Opens a session, and waits until it is open.
pub(super) fn log_in(stream: &mut TcpStream, hello: &[u8], name: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("a hostile client cannot log in: {error}");
    stream.set_read_timeout(Some(LOGIN_WITHIN)).map_err(failed)?;
    let local = stream.local_addr().map_err(failed)?;
    let session = frames::session(&format!("{name} {local}"));
    stream.write_all(&[hello, &session].concat()).map_err(failed)?;
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    // The echo of the ping, the topology, and the session.
    while frames(&heard) < 3 {
        let bytes = stream.read(&mut piece).map_err(failed)?;
        if bytes == 0 {
            return Err("a hostile client was closed instead of let in".to_owned());
        }
        heard.extend_from_slice(piece.get(..bytes).unwrap_or_default());
    }
    Ok(())
}

/// Whole frames at the beginning of these bytes.
fn frames(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Some(length) = bytes.first_chunk::<LENGTH_PREFIX_BYTES>().map(|length| u32::from_be_bytes(*length)) {
        let Some(rest) = bytes.get(LENGTH_PREFIX_BYTES + length as usize..) else { break };
        bytes = rest;
        count += 1;
    }
    count
}

/// Has the other side ended the connection, and is nothing of it left to read?
pub(super) fn is_closed(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0; 1]) {
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}

impl Member {
    /// Writes what it can of what is pending.
    fn write(&mut self) -> u64 {
        match self.stream.write(&self.pending) {
            Ok(written) => {
                self.pending.drain(..written);
                written as u64
            }
            Err(error) => {
                self.gone = !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
                0
            }
        }
    }

    /// One who hoards sends what is taken.
    fn hoard(&mut self, most: usize) -> u64 {
        let Role::Hoard { left } = &mut self.role else { return 0 };
        // Signs of life stand before the end of the connection.
        self.gone = match self.stream.read(&mut [0; 1024]) {
            Ok(heard) => heard == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
        let mut sent = 0;
        while *left > 0 && sent < most {
            match self.stream.write(FILLING.get(..FILLING.len().min(*left).min(most - sent)).unwrap_or_default()) {
                Ok(written) => {
                    *left -= written;
                    sent += written;
                }
                Err(error) => {
                    self.gone |= !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
                    break;
                }
            }
        }
        sent as u64
    }

    /// A busy client takes its answers, and sends as many messages again.
    fn work(&mut self) -> u64 {
        let Role::Busy { message, answer_bytes } = &mut self.role else { return 0 };
        let mut piece = [0; 16 * 1024];
        let heard = match self.stream.read(&mut piece) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.gone = !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
                0
            }
        };
        let begins = *answer_bytes == 0;
        *answer_bytes += heard;
        if self.pending.is_empty() && (begins || heard > 0) {
            self.pending = message.repeat(BUSY_WINDOW / 2);
        }
        self.write()
    }
}

//! The CORE protocol as raw bytes on one blocking socket: a client that costs this process next to nothing, so that there may be thousands.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Linger;
use protocol::core::frame::{Split, split};
use protocol::core::packet::{Direction, Packet, decode};
use protocol::core::version::Version;
use protocol::limits::FRAME_BYTES_MAX;

use super::frames::{greeting, message, session};

/// Bytes of the only body.
const BODY_BYTES: usize = 1_024;
/// A broker that has not answered by then never does.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// Clients that log in before the first of them is waited for.
const AT_ONCE: usize = 256;
/// May be silent for ever.
const NO_TTL: i64 = -1;

/// A connection with one session. Dropped, it resets: nothing of it stays behind in the kernel.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Client {
    /// Connects and says everything up to the start of the session; the answers are still to come.
    pub(crate) fn begin(port: u16) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("port {port}: {error}");
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(ANSWERED_WITHIN)).map_err(failed)?;
        let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&stream, Linger, &at_once).map_err(|error| format!("port {port}: {error}"))?;
        let local = stream.local_addr().map_err(failed)?;
        let mut client = Self { stream, heard: Vec::new() };
        let name = format!("7f000001-goal-11f1-a1ee-{:012}", local.port());
        let bytes = [greeting(NO_TTL), session(&name)].concat();
        client.stream.write_all(&bytes).map_err(failed)?;
        Ok(client)
    }

    /// Waits until the session is open.
    pub(crate) fn opened(&mut self) -> Result<(), String> {
        self.until("the session", |packet| matches!(packet, Packet::CreateSessionResponse(_)))
    }

    /// Sends one durable message of 1 KiB, and waits until it is acked.
    pub(crate) fn send(&mut self, queue: &str) -> Result<(), String> {
        let bytes = message(queue, true, true, BODY_BYTES);
        self.stream.write_all(&bytes).map_err(|error| error.to_string())?;
        self.until("the ack", |packet| matches!(packet, Packet::NullResponse(_)))
    }

    /// Reads up to a packet; an exception ends it.
    fn until(&mut self, what: &str, is_it: impl Fn(&Packet<'_>) -> bool) -> Result<(), String> {
        let mut piece = [0; 4096];
        loop {
            while let Split::Frame { body, consumed } =
                split(&self.heard, FRAME_BYTES_MAX).map_err(|error| error.to_string())?
            {
                let frame = decode(body, Direction::ServerToClient, Version::NEWEST).map_err(|e| e.to_string())?;
                let came = is_it(&frame.packet);
                if let Packet::Exception(exception) = &frame.packet {
                    return Err(format!("{what} did not come: {exception:?}"));
                }
                self.heard.drain(..consumed);
                if came {
                    return Ok(());
                }
            }
            let count = self.stream.read(&mut piece).map_err(|error| format!("{what} did not come: {error}"))?;
            if count == 0 {
                return Err(format!("{what} did not come: the connection was closed"));
            }
            self.heard.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }
}

/// So many clients with a session each.
pub(crate) fn log_in(port: u16, count: u32) -> Result<Vec<Client>, String> {
    let mut clients: Vec<Client> = Vec::new();
    while clients.len() < count as usize {
        let first = clients.len();
        let more = AT_ONCE.min(count as usize - first);
        for _ in 0..more {
            clients.push(Client::begin(port)?);
        }
        clients.iter_mut().skip(first).try_for_each(Client::opened)?;
    }
    Ok(clients)
}

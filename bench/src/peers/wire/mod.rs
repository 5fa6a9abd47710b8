//! Small blocking clients, enough to ask a peer whether it is ready, to make a queue, and to audit its acks. Loads have their own.

pub mod core;
pub(crate) mod frames;
pub mod nats;
pub(crate) mod raw;
pub mod stomp;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// What an answer may take: a peer that just started compiles what it runs.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A connection to loopback whose reads have an end.
fn connect(port: u16) -> Result<TcpStream, String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let connected = TcpStream::connect_timeout(&address, ANSWER_WITHIN).and_then(|stream| {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        Ok(stream)
    });
    connected.map_err(|error| format!("127.0.0.1:{port}: {error}"))
}

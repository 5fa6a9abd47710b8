//! An echo server of a few lines: what arrives goes back, one send in flight a connection.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};

use runtime::{Driver, Event, SocketId};

/// A loopback address with a port that the kernel chooses.
pub(crate) fn local() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

#[derive(Default)]
struct Connection {
    sending: bool,
    waiting: Vec<u8>,
}

/// The state of all connections.
#[derive(Default)]
pub(crate) struct Echo {
    connections: HashMap<SocketId, Connection>,
    /// Messages: receives that were answered.
    pub(crate) messages: u64,
}

impl Echo {
    /// Handles one event.
    pub(crate) fn handle(&mut self, driver: &mut Driver, event: Event) {
        match event {
            Event::Accepted { socket, .. } => {
                self.connections.insert(socket, Connection::default());
            }
            Event::Received { socket, buffer } => {
                self.messages += 1;
                let connection = self.connections.get_mut(&socket).unwrap();
                connection.waiting.extend_from_slice(driver.bytes(&buffer));
                driver.recycle(buffer);
                Self::send(driver, socket, connection);
            }
            Event::Sent { socket, mut buffer, .. } => {
                let connection = self.connections.get_mut(&socket).unwrap();
                connection.sending = false;
                if connection.waiting.is_empty() {
                    buffer.clear();
                    connection.waiting = buffer;
                } else {
                    Self::send(driver, socket, connection);
                }
            }
            Event::Closed { socket, .. } => {
                self.connections.remove(&socket);
            }
            _ => {}
        }
    }

    /// Whether a connection has bytes that wait for the end of a send.
    #[allow(dead_code, reason = "only the measurement asks")]
    pub(crate) fn is_waiting(&self) -> bool {
        self.connections.values().any(|connection| connection.sending && !connection.waiting.is_empty())
    }

    fn send(driver: &mut Driver, socket: SocketId, connection: &mut Connection) {
        if !connection.sending && !connection.waiting.is_empty() {
            // A refusal means that the connection is closing; its end follows.
            connection.sending = driver.send(socket, std::mem::take(&mut connection.waiting)).is_ok();
        }
    }
}

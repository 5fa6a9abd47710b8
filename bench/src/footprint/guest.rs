//! A client that logs in to a target in the target's protocol, and can send one durable message.

use crate::audit::Line;
use crate::peers::wire::raw::{self, Client};
use crate::targets::{Protocol, Target};

/// Connected until it is dropped.
pub(super) enum Guest {
    Core { _client: Client },
    Other { _line: Box<Line> },
}

impl Guest {
    /// So many of them, all logged in.
    pub(super) fn log_in(target: &dyn Target, port: u16, count: u32) -> Result<Vec<Self>, String> {
        match target.protocol() {
            Protocol::Core => {
                let clients = raw::log_in(port, count)?;
                Ok(clients.into_iter().map(|client| Self::Core { _client: client }).collect())
            }
            Protocol::Stomp | Protocol::Nats => {
                (0..count).map(|_| Ok(Self::Other { _line: Box::new(Line::connect(target, port, "", 1)?) })).collect()
            }
        }
    }

    /// Logs in, sends a durable message to a queue, and waits for its ack.
    pub(super) fn sent(target: &dyn Target, port: u16, queue: &str) -> Result<(), String> {
        match target.protocol() {
            Protocol::Core => {
                let mut client = Client::begin(port)?;
                client.opened()?;
                client.send(&target.destination(queue))
            }
            Protocol::Stomp | Protocol::Nats => {
                let mut line = Line::connect(target, port, queue, 1)?;
                line.send()?;
                line.acked()
            }
        }
    }
}

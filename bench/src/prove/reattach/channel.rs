//! One session as its client keeps it: what was sent and not confirmed, how many packets were received, which answers are owed.
//!
//! Follows what the reference's client does with a confirmation window. What must stay true: a packet that counts is kept until the
//! server says that it is done with it; after a reconnect exactly those behind the server's number are written again.

use std::collections::VecDeque;

use protocol::core::identity::{ChannelId, CommandId};
use protocol::core::packet::response::PacketsConfirmed;
use protocol::core::packet::{self, Packet};
use protocol::core::version::Version;

use super::Lie;

/// An answer that a session is owed, in the order of the requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owed {
    /// A null response with this id.
    Null(i64),
    /// The state of a queue.
    Queue,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The server has not said that it is open.
    Wanted,
    /// It is open, and its connection is lost.
    Away,
    /// It is open on this connection.
    Here,
    /// It is closed, and the answer was heard.
    Closed,
}

/// One session.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) number: i64,
    pub(super) automatic: bool,
    pub(super) standing: Standing,
    pub(super) owed: VecDeque<Owed>,
    /// The close was asked for.
    pub(super) closing: bool,
    window: usize,
    sent: VecDeque<Vec<u8>>,
    /// The number of the oldest packet in `sent`.
    first: i32,
    /// The number of the last packet that was received, and of the last one the server was told of.
    received: i32,
    told: i32,
    received_bytes: usize,
    /// What is sent again by the server is dropped unread, as if it had not been sent: a lie.
    pub(super) deaf: bool,
}

impl Channel {
    pub(super) fn new(name: String, number: i64, automatic: bool, window: usize) -> Self {
        Self {
            name,
            number,
            automatic,
            standing: Standing::Wanted,
            owed: VecDeque::new(),
            closing: false,
            window,
            sent: VecDeque::new(),
            first: 0,
            received: -1,
            told: -1,
            received_bytes: 0,
            deaf: false,
        }
    }

    /// A packet that counts is to be written: kept, and written if the session is here.
    pub(super) fn send(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        let frame = frame(self.number, packet);
        if self.standing == Standing::Here {
            out.extend_from_slice(&frame);
        }
        self.sent.push_back(frame);
    }

    /// The server is done with everything up to this packet.
    pub(super) fn confirmed(&mut self, last: i32) -> Result<(), String> {
        let count = usize::try_from(last - self.first + 1).ok().filter(|count| *count <= self.sent.len());
        let Some(count) = count else {
            return Err(format!("packet {last} is confirmed, of {} to {}", self.first, self.end()));
        };
        self.sent.drain(..count);
        self.first += i32::try_from(count).unwrap_or(0);
        Ok(())
    }

    fn end(&self) -> i32 {
        self.first + i32::try_from(self.sent.len()).unwrap_or(0) - 1
    }

    /// A packet that counts has come.
    pub(super) fn received(&mut self, bytes: usize, out: &mut Vec<u8>) {
        self.received += 1;
        self.received_bytes += bytes;
        if self.received_bytes >= self.window {
            self.tell(out);
        }
    }

    /// Tells the server what has come.
    pub(super) fn tell(&mut self, out: &mut Vec<u8>) {
        if self.standing == Standing::Here && self.received_bytes > 0 {
            self.received_bytes = 0;
            self.told = self.received;
            let packet = PacketsConfirmed { command_id: CommandId(self.received) };
            out.extend(frame(self.number, &Packet::PacketsConfirmed(packet)));
        }
    }

    /// The number that the server is told when the client comes back.
    pub(super) fn last_received(&mut self, lie: Lie) -> i32 {
        match lie {
            Lie::ReceivedIgnored => self.told,
            _ => {
                self.told = self.received;
                self.received_bytes = 0;
                self.received
            }
        }
    }

    /// The session goes on: what the server is not done with is written again.
    pub(super) fn resumed(&mut self, last: i32, lie: Lie, out: &mut Vec<u8>) -> Result<(), String> {
        let last = match lie {
            Lie::HandledHigh if last < self.end() => last + 1,
            Lie::HandledLow if last >= self.first => last - 1,
            _ => last,
        };
        self.confirmed(last)?;
        self.standing = Standing::Here;
        self.sent.iter().for_each(|frame| out.extend_from_slice(frame));
        Ok(())
    }
}

/// A packet as it goes out.
pub(super) fn frame(channel: i64, packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // All packets of this proof are short.
    if packet::encode(ChannelId(channel), packet, Version::NEWEST, &mut bytes).is_err() {
        bytes.clear();
    }
    bytes
}

//! The wires between clients and the broker: bytes arrive in pieces of any size, late, and a broken wire may lose its end.

use journal::testing::Random;

use super::{Event, Machine};
use crate::message::{ConnectionKey, Origin};

/// As the server's receive buffers.
const RECEIVE_BYTES_MAX: usize = 16 * 1024;

/// A connection as its client names it; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing) struct SocketNumber(usize);

pub(super) struct Socket {
    core: usize,
    key: ConnectionKey,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// The broker receives nothing for now.
    paused: bool,
    closed_by_client: bool,
    closed_by_server: bool,
    /// The core has heard of the end.
    gone: bool,
}

impl Machine {
    /// A client connects to a core. `None`: it is turned away.
    pub(in crate::testing) fn connect(&mut self, at: usize) -> Option<SocketNumber> {
        let now = self.now;
        let core = self.cores.get_mut(at)?;
        let key = core.core.accepted(Origin::default(), now)?;
        core.due = true;
        self.sockets.push(Socket {
            core: at,
            key,
            to_server: Vec::new(),
            to_client: Vec::new(),
            paused: false,
            closed_by_client: false,
            closed_by_server: false,
            gone: false,
        });
        Some(SocketNumber(self.sockets.len() - 1))
    }

    /// A client writes.
    pub(in crate::testing) fn write(&mut self, socket: SocketNumber, bytes: &[u8]) {
        if let Some(socket) = self.sockets.get_mut(socket.0).filter(|socket| !socket.gone) {
            socket.to_server.extend_from_slice(bytes);
        }
    }

    /// Is there something for the client to read, or to hear of its end?
    pub(in crate::testing) fn has_news(&self, socket: SocketNumber) -> bool {
        self.sockets.get(socket.0).is_none_or(|socket| !socket.to_client.is_empty() || socket.gone)
    }

    /// What has arrived at the client; nothing more follows if the second is true.
    pub(in crate::testing) fn read(&mut self, socket: SocketNumber, random: &mut Random) -> (Vec<u8>, bool) {
        let Some(socket) = self.sockets.get_mut(socket.0) else { return (Vec::new(), true) };
        let most = if random.percent(70) { socket.to_client.len() } else { random.index(socket.to_client.len() + 1) };
        let bytes: Vec<u8> = socket.to_client.drain(..most).collect();
        let ended = socket.gone && socket.to_client.is_empty();
        (bytes, ended)
    }

    /// A client closes its connection without a word.
    pub(in crate::testing) fn hang_up(&mut self, socket: SocketNumber) {
        if let Some(socket) = self.sockets.get_mut(socket.0) {
            socket.closed_by_client = true;
            socket.to_client.clear();
        }
    }

    /// Has the broker heard that the connection is closed?
    pub(in crate::testing) fn is_gone(&self, socket: SocketNumber) -> bool {
        self.sockets.get(socket.0).is_none_or(|socket| socket.gone)
    }

    pub(super) fn possible_on_sockets(&self, events: &mut Vec<Event>) {
        for (at, socket) in self.sockets.iter().enumerate().filter(|(_, socket)| !socket.gone) {
            if !socket.to_server.is_empty() && !self.held && !socket.paused && !socket.closed_by_server {
                events.push(Event::Received(SocketNumber(at)));
            }
            if socket.closed_by_client || socket.closed_by_server {
                events.push(Event::Closed(SocketNumber(at)));
            }
        }
    }

    pub(super) fn receive(&mut self, number: SocketNumber, random: &mut Random) {
        let now = self.now;
        let Some(socket) = self.sockets.get_mut(number.0) else { return };
        let most = socket.to_server.len().min(RECEIVE_BYTES_MAX);
        let count = if random.percent(70) { most } else { 1 + random.index(most) };
        let bytes: Vec<u8> = socket.to_server.drain(..count.min(most)).collect();
        if let Some(core) = self.cores.get_mut(socket.core) {
            core.core.received(socket.key, &bytes, now);
            core.due = true;
        }
    }

    /// The core hears of the end; what was on the way to it may have arrived before.
    pub(super) fn close(&mut self, number: SocketNumber, random: &mut Random) {
        while random.percent(50) && self.sockets.get(number.0).is_some_and(Socket::may_receive) {
            self.receive(number, random);
        }
        let Some(socket) = self.sockets.get_mut(number.0) else { return };
        socket.gone = true;
        socket.to_server.clear();
        let (at, key) = (socket.core, socket.key);
        if let Some(core) = self.cores.get_mut(at) {
            core.core.closed(key);
            core.due = true;
        }
    }

    pub(super) fn send_to_client(&mut self, core: usize, key: ConnectionKey, bytes: &[u8]) {
        if let Some(socket) = self.socket_of(core, key).filter(|socket| !socket.closed_by_client) {
            socket.to_client.extend_from_slice(bytes);
        }
    }

    pub(super) fn close_by_server(&mut self, core: usize, key: ConnectionKey) {
        if let Some(socket) = self.socket_of(core, key) {
            socket.closed_by_server = true;
        }
    }

    pub(super) fn pause(&mut self, core: usize, key: ConnectionKey, paused: bool) {
        if let Some(socket) = self.socket_of(core, key) {
            socket.paused = paused;
        }
    }

    /// A connection goes to the core that holds its sessions, with what was received and not handled.
    pub(super) fn move_to(&mut self, from: usize, key: ConnectionKey) {
        let now = self.now;
        let Some((to, migrant)) = self.cores.get_mut(from).and_then(|core| core.core.departed(key)) else { return };
        let to = usize::from(to.0);
        let arrived = self.cores.get_mut(to).and_then(|core| {
            core.due = true;
            core.core.arrived(migrant, now)
        });
        if let Some(socket) = self.socket_of(from, key) {
            match arrived {
                Some(key) => (socket.core, socket.key) = (to, key),
                None => socket.gone = true,
            }
        }
    }

    fn socket_of(&mut self, core: usize, key: ConnectionKey) -> Option<&mut Socket> {
        self.sockets.iter_mut().find(|socket| socket.core == core && socket.key == key && !socket.gone)
    }
}

impl Socket {
    fn may_receive(&self) -> bool {
        !self.to_server.is_empty() && !self.paused && !self.closed_by_server
    }
}

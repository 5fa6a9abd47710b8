//! The other ends: peers that connect, send, read and leave.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};

use super::FakeRing;
use crate::ring::Fd;

/// What a socket's send buffer takes before the peer reads.
const ROOM: usize = 10_000;

#[derive(Default)]
pub(super) struct Listener {
    pub(super) waiting: VecDeque<Fd>,
}

/// One connection, seen from the kernel.
pub(super) struct FakeSocket {
    pub(super) peer: SocketAddr,
    /// The driver's end is open.
    pub(super) open: bool,
    /// From the peer, not yet received.
    pub(super) incoming: VecDeque<u8>,
    /// The peer sends no more.
    pub(super) ended: bool,
    /// The peer is gone.
    pub(super) reset: bool,
    /// To the peer: all bytes that were ever sent.
    pub(super) outgoing: Vec<u8>,
    /// What may be sent before the peer reads.
    pub(super) room: usize,
}

impl FakeSocket {
    pub(super) fn new(peer: SocketAddr) -> Self {
        let (incoming, outgoing) = (VecDeque::new(), Vec::new());
        Self { peer, open: true, incoming, ended: false, reset: false, outgoing, room: ROOM }
    }
}

impl FakeRing {
    /// A peer connects to the only listener that is open; none if no listener is.
    pub fn peer_connects(&mut self) -> Option<SocketAddr> {
        let peer = self.fresh_address();
        let fd = self.next_fd();
        self.listeners.values_mut().next()?.waiting.push_back(fd);
        // The driver's end comes into being when it is accepted.
        self.sockets.insert(fd, FakeSocket { open: false, ..FakeSocket::new(peer) });
        Some(peer)
    }

    /// The peer sends bytes.
    pub fn peer_sends(&mut self, peer: SocketAddr, bytes: &[u8]) {
        if let Some(socket) = self.by_peer(peer).filter(|socket| !socket.ended && !socket.reset) {
            socket.incoming.extend(bytes);
        }
    }

    /// The peer reads, which makes room.
    pub fn peer_reads(&mut self, peer: SocketAddr, bytes: usize) {
        if let Some(socket) = self.by_peer(peer) {
            socket.room = (socket.room + bytes).min(ROOM);
        }
    }

    /// The peer sends no more.
    pub fn peer_ends(&mut self, peer: SocketAddr) {
        if let Some(socket) = self.by_peer(peer) {
            socket.ended = true;
        }
    }

    /// The peer is gone; what it sent is lost.
    pub fn peer_resets(&mut self, peer: SocketAddr) {
        if let Some(socket) = self.by_peer(peer) {
            socket.reset = true;
            socket.incoming.clear();
        }
    }

    /// All bytes that the driver ever sent to this peer.
    pub fn sent_to(&self, peer: SocketAddr) -> &[u8] {
        self.sockets.values().find(|socket| socket.peer == peer).map_or(&[], |socket| &socket.outgoing)
    }

    pub(super) fn fresh_address(&mut self) -> SocketAddr {
        self.next_port = self.next_port.wrapping_add(1);
        (Ipv4Addr::LOCALHOST, self.next_port).into()
    }

    fn by_peer(&mut self, peer: SocketAddr) -> Option<&mut FakeSocket> {
        self.sockets.values_mut().find(|socket| socket.peer == peer)
    }
}

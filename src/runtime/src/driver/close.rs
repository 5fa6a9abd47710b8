//! Closing a socket: cancel, drain, close, say so once.
//!
//! Must stay true: the descriptor is closed only when no operation uses it, since the kernel would
//! give its number to another connection at once.

use super::flight::Part;
use super::{CloseReason, Driver, Event, SocketId};
use crate::ring::Ring;

impl<R: Ring> Driver<R> {
    /// Closes a socket now. A send in flight is given up, and its buffer comes back in `Sent`. Then comes
    /// `Closed`, once; nothing else comes any more. Closing twice, or what is gone, does nothing.
    pub fn close(&mut self, socket: SocketId) {
        self.begin_close(socket, CloseReason::Local);
    }

    /// Closes a socket once the send in flight, if there is one, has ended. Takes no further send.
    pub fn close_after_send(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        if socket.sending.is_none() {
            return self.begin_close(id, CloseReason::Local);
        }
        socket.close_after_send = true;
    }

    pub(super) fn begin_close(&mut self, id: SocketId, reason: CloseReason) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        if socket.closing.is_some() {
            return;
        }
        socket.closing = Some(reason);
        let in_flight = [socket.receiving, socket.sending, socket.connecting];
        for slot in in_flight.into_iter().flatten() {
            self.issue_cancel(slot, Part::Main);
        }
        self.finish_close(id);
    }

    /// The end of a closing socket, as soon as nothing is in flight on it.
    pub(super) fn finish_close(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get(id.0) else { return };
        let Some(reason) = socket.closing else { return };
        if socket.receiving.is_some() || socket.sending.is_some() || socket.connecting.is_some() {
            return;
        }
        self.ring.close(socket.fd);
        self.sockets.remove(id.0);
        self.ready.push_back(Event::Closed { socket: id, reason });
    }
}

//! Giving a connection away, to be adopted by the driver of another core.
//!
//! Must stay true: all bytes that the kernel handed to this driver come before [`Event::Detached`]; the descriptor
//! leaves only when no operation uses it; a connection that ends meanwhile is closed like any other.

use std::net::TcpStream;

use super::flight::Part;
use super::{CloseReason, Driver, Event, SocketId};
use crate::error::Errno;
use crate::ring::Ring;

impl<R: Ring> Driver<R> {
    /// Gives a connection away: nothing more is received or sent. Ends in `Detached`, or in `Closed` if the connection ends
    /// before.
    pub fn detach(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        if socket.closing.is_some() || socket.connecting.is_some() || socket.detaching {
            return;
        }
        socket.detaching = true;
        socket.paused = true;
        if let Some(slot) = socket.receiving {
            self.issue_cancel(slot, Part::Main);
        }
        self.finish_detach(id);
    }

    /// The end of a connection that is given away, as soon as nothing is in flight on it. False: it is not given away.
    pub(super) fn finish_detach(&mut self, id: SocketId) -> bool {
        let Some(socket) = self.sockets.get(id.0).filter(|socket| socket.detaching) else { return false };
        if socket.closing.is_some() || socket.receiving.is_some() || socket.sending.is_some() {
            return true;
        }
        match self.ring.release(socket.fd) {
            Some(descriptor) => {
                self.sockets.remove(id.0);
                self.ready.push_back(Event::Detached { socket: id, stream: TcpStream::from(descriptor) });
            }
            None => self.begin_close(id, CloseReason::Failed(Errno(libc::EBADF))),
        }
        true
    }
}

//! Outgoing connections, and sockets that were connected elsewhere.
//!
//! Must stay true: the address that the kernel reads lives in the flight until the connect has ended.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use nix::sys::socket::SockaddrStorage;

use super::flight::{Flight, Part, mark};
use super::{CloseReason, Driver, Event, Socket, SocketId};
use crate::error::Errno;
use crate::ring::{Completion, Op, Ring};
use crate::slots::Slot;

impl<R: Ring> Driver<R> {
    /// Opens a connection to `address`. Ends in `Connected`, or in `Closed` with the reason. There is no
    /// time limit here: `close` gives it up.
    pub fn connect(&mut self, address: SocketAddr) -> io::Result<SocketId> {
        let fd = self.ring.open_socket(address)?;
        let Ok(slot) = self.sockets.insert(Socket::new(fd)) else {
            self.ring.close(fd);
            return Err(io::Error::other("this core already has its maximum of connections"));
        };
        let id = SocketId(slot);
        let address = Box::new(SockaddrStorage::from(address));
        let pointer: *const SockaddrStorage = &raw const *address;
        let Ok(flight) = self.flights.insert(Flight::Connect { socket: id, address }) else {
            self.begin_close(id, CloseReason::Failed(Errno(libc::ENOMEM)));
            return Ok(id);
        };
        if let Some(socket) = self.sockets.get_mut(slot) {
            socket.connecting = Some(flight);
        }
        self.issue_one(Op::Connect { socket: fd, address: pointer }, mark(flight, Part::Main));
        Ok(id)
    }

    /// Takes over a connected stream; receiving starts at once.
    pub fn adopt(&mut self, stream: TcpStream) -> io::Result<SocketId> {
        if self.sockets.is_full() {
            return Err(io::Error::other("this core already has its maximum of connections"));
        }
        stream.set_nodelay(true)?;
        let fd = self.ring.adopt(OwnedFd::from(stream));
        let Ok(slot) = self.sockets.insert(Socket::new(fd)) else {
            self.ring.close(fd);
            return Err(io::Error::other("this core already has its maximum of connections"));
        };
        self.arm_receive(SocketId(slot));
        Ok(SocketId(slot))
    }

    pub(super) fn on_connect(&mut self, slot: Slot, id: SocketId, completion: Completion) {
        let Some(Flight::Connect { address, .. }) = self.flights.remove(slot) else { return };
        drop(address);
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        socket.connecting = None;
        if socket.closing.is_some() {
            self.finish_close(id);
        } else if completion.result < 0 {
            self.begin_close(id, CloseReason::Failed(Errno(-completion.result)));
        } else {
            self.ready.push_back(Event::Connected { socket: id });
            self.arm_receive(id);
        }
    }
}

//! Sending: one buffer at a time, carried on until all of it is with the kernel.
//!
//! Must stay true: the buffer belongs to the flight from `send` to `Sent`; bytes go out once and in
//! order; a failed send closes the socket, since nobody can know what the peer got.

use super::flight::{Flight, Part, SendFlight, mark};
use super::{CloseReason, Driver, Event, SocketId};
use crate::error::{Errno, Refused, Why};
use crate::limits::RETRIES_MAX;
use crate::ring::{Completion, Fd, Op, Ring};
use crate::slots::Slot;

/// A longer buffer goes out in pieces of this size: the kernel counts in 32 bits.
const PIECE_BYTES_MAX: usize = 1 << 30;

impl<R: Ring> Driver<R> {
    /// Sends `buffer`. It comes back in `Sent`. One send at a time on each socket.
    pub fn send(&mut self, id: SocketId, buffer: Vec<u8>) -> Result<(), Refused<Vec<u8>>> {
        let socket = match self.sockets.get_mut(id.0) {
            Some(socket)
                if socket.closing.is_none()
                    && !socket.close_after_send
                    && !socket.detaching
                    && socket.connecting.is_none() =>
            {
                socket
            }
            _ => return Err(Refused { buffer, why: Why::Gone }),
        };
        if socket.sending.is_some() {
            return Err(Refused { buffer, why: Why::SendInFlight });
        }
        if buffer.is_empty() {
            return Err(Refused { buffer, why: Why::Length });
        }
        let fd = socket.fd;
        // The first try never waits in the kernel, so it completes while it is entered (see `Wait::Arrival`).
        self.launch_send(fd, SendFlight { socket: id, buffer, done: 0, retries: 0 }, true);
        Ok(())
    }

    fn launch_send(&mut self, fd: Fd, flight: SendFlight, at_once: bool) {
        let id = flight.socket;
        let rest = flight.buffer.get(flight.done..).unwrap_or_default();
        let (bytes, len) = (rest.as_ptr(), rest.len().min(PIECE_BYTES_MAX) as u32);
        let slot = match self.flights.insert(Flight::Send(flight)) {
            Ok(slot) => slot,
            // The slots are as many as all owners may have in flight, so one is always free.
            Err(Flight::Send(flight)) => return self.end_send(flight, Err(Errno(libc::ENOMEM))),
            Err(_) => return,
        };
        if let Some(socket) = self.sockets.get_mut(id.0) {
            socket.sending = Some(slot);
        }
        self.issue_one(Op::Send { socket: fd, bytes, len, at_once }, mark(slot, Part::Main));
    }

    pub(super) fn on_send(&mut self, slot: Slot, completion: Completion) {
        let Some(Flight::Send(mut flight)) = self.flights.remove(slot) else { return };
        let id = flight.socket;
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        socket.sending = None;
        let (fd, closing) = (socket.fd, socket.closing.is_some());
        match u32::try_from(completion.result) {
            Ok(sent) if sent > 0 => {
                flight.done += sent as usize;
                flight.retries = 0;
                self.stats.sent_bytes += u64::from(sent);
                if flight.done >= flight.buffer.len() {
                    return self.end_send(flight, Ok(()));
                }
                self.stats.resumed += 1;
            }
            _ => {
                let error = Errno(-completion.result);
                flight.retries = flight.retries.saturating_add(1);
                let again = error.is_transient() || error == Errno::CANCELED || completion.result == 0;
                if !again || flight.retries > RETRIES_MAX {
                    return self.end_send(flight, Err(error));
                }
                self.stats.retried += 1;
            }
        }
        if closing {
            return self.end_send(flight, Err(Errno::CANCELED));
        }
        // The socket is full: from here on the kernel waits for room by itself.
        self.launch_send(fd, flight, false);
    }

    fn end_send(&mut self, flight: SendFlight, result: Result<(), Errno>) {
        let id = flight.socket;
        self.ready.push_back(Event::Sent { socket: id, buffer: flight.buffer, result });
        let Some(socket) = self.sockets.get(id.0) else { return };
        let (closing, after_send) = (socket.closing.is_some(), socket.close_after_send);
        match result {
            _ if closing => self.finish_close(id),
            Err(error) => self.begin_close(id, CloseReason::Failed(error)),
            Ok(()) if after_send => self.begin_close(id, CloseReason::Local),
            Ok(()) => {
                self.finish_detach(id);
            }
        }
    }
}

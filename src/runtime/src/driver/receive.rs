//! Receiving: one multishot operation a socket, buffers from the common ring.
//!
//! Must stay true: a buffer named by a completion is lent to an event or goes straight back; a socket
//! that is open, not paused and not starving has a receive in flight; the order of bytes is the order
//! of completions, as a socket never has two receives in flight.

use super::flight::{Flight, Part, mark};
use super::{CloseReason, Driver, Event, SocketId};
use crate::buffer::ReceivedBuffer;
use crate::error::Errno;
use crate::limits::RETRIES_MAX;
use crate::ring::{Completion, Op, Ring};
use crate::slots::Slot;

impl<R: Ring> Driver<R> {
    /// Gives received bytes back; the kernel may fill the buffer anew.
    pub fn recycle(&mut self, buffer: ReceivedBuffer) {
        if let Some(id) = self.receive.take_back(buffer) {
            // SAFETY: the loan ended with the line above, so nobody can read the buffer any more.
            unsafe { self.ring.provide(id) };
        }
    }

    /// Back-pressure: stops receiving from a socket. What the kernel already took may still arrive; the
    /// rest stays in the kernel, and the peer stalls.
    pub fn pause_receive(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        if socket.paused {
            return;
        }
        socket.paused = true;
        if let Some(slot) = socket.receiving {
            self.issue_cancel(slot, Part::Main);
        }
    }

    /// Ends a pause.
    pub fn resume_receive(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        socket.paused = false;
        socket.retries = 0;
        // While the cancelled receive is still in flight, its end arms the next one.
        self.arm_receive(id);
    }

    pub(super) fn arm_receive(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        let idle = socket.receiving.is_none() && socket.connecting.is_none();
        if !idle || socket.closing.is_some() || socket.paused || socket.starved || socket.detaching {
            return;
        }
        let fd = socket.fd;
        let Ok(slot) = self.flights.insert(Flight::Receive(id)) else { return };
        socket.receiving = Some(slot);
        self.issue_one(Op::Receive { socket: fd }, mark(slot, Part::Main));
    }

    pub(super) fn on_receive(&mut self, slot: Slot, id: SocketId, completion: Completion) {
        if !completion.more {
            self.flights.remove(slot);
            if let Some(socket) = self.sockets.get_mut(id.0) {
                socket.receiving = None;
            }
        }
        let len = u32::try_from(completion.result).unwrap_or(0);
        let buffer = completion.buffer.and_then(|buffer| self.receive.lend(buffer, len));
        let open = self.sockets.get(id.0).is_some_and(|socket| socket.closing.is_none());
        match buffer {
            Some(buffer) if open && !buffer.is_empty() => {
                self.stats.received_bytes += u64::from(len);
                self.ready.push_back(Event::Received { socket: id, buffer });
            }
            Some(buffer) => self.recycle(buffer),
            None => {}
        }
        if open {
            self.judge_receive(id, completion);
        } else if !completion.more {
            self.finish_close(id);
        }
    }

    /// What a completion means for an open socket, beyond its bytes.
    fn judge_receive(&mut self, id: SocketId, completion: Completion) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        let error = Errno(-completion.result);
        match completion.result {
            1.. => socket.retries = 0,
            0 => return self.begin_close(id, CloseReason::Peer),
            _ if error.0 == libc::ENOBUFS => {
                // A multishot receive ends when no buffer is free. It is armed when one is.
                self.stats.starved += 1;
                if !socket.starved {
                    socket.starved = true;
                    self.starving.push_back(id);
                }
            }
            _ if error.is_transient() || error == Errno::CANCELED => {
                // A pause cancels, and then this is no failure; else it is a stray one, to be tried again.
                if !socket.paused {
                    socket.retries = socket.retries.saturating_add(1);
                    self.stats.retried += 1;
                    if socket.retries > RETRIES_MAX {
                        return self.begin_close(id, CloseReason::Failed(error));
                    }
                }
            }
            _ => return self.begin_close(id, CloseReason::Failed(error)),
        }
        if !completion.more && !self.finish_detach(id) {
            self.stats.rearmed += 1;
            self.arm_receive(id);
        }
    }

    /// Arms as many starving sockets as there are buffers with the kernel, first come, first served.
    pub(super) fn feed_starving(&mut self) {
        let mut free = self.receive.with_kernel();
        while free > 0
            && let Some(id) = self.starving.pop_front()
        {
            let Some(socket) = self.sockets.get_mut(id.0) else { continue };
            socket.starved = false;
            self.arm_receive(id);
            free -= 1;
        }
    }
}

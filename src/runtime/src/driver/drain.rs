//! The end of a driver: cancel everything, wait for the kernel, free.
//!
//! Must stay true: memory that the kernel may still read or write is never freed. If an operation does
//! not end in time (a dead disk, an NFS server that is away), its memory is leaked instead.

use std::io;
use std::mem;

use super::flight::{Flight, Part};
use super::{CloseReason, Driver, Event, FileId, ListenerId, SocketId};
use crate::clock::Moment;
use crate::limits::DRAIN_WAIT_MAX;
use crate::ring::Ring;
use crate::slots::Slot;

impl<R: Ring> Driver<R> {
    /// Closes all listeners, sockets and files and waits until the kernel has finished with all of them,
    /// at most until `deadline`. Events that this makes are handed to `sink`; writes in flight are
    /// waited for, not cancelled. Gives whether everything ended; the driver is of no further use.
    pub fn drain(&mut self, deadline: Moment, mut sink: impl FnMut(Event)) -> io::Result<bool> {
        self.draining = true;
        let (listeners, sockets, files): (Vec<Slot>, Vec<Slot>, Vec<Slot>) =
            (self.listeners.occupied().collect(), self.sockets.occupied().collect(), self.files.occupied().collect());
        listeners.into_iter().for_each(|slot| self.stop_listening(ListenerId(slot)));
        sockets.into_iter().for_each(|slot| self.begin_close(SocketId(slot), CloseReason::Local));
        files.into_iter().for_each(|slot| self.unregister_file(FileId(slot)));
        if let Some(slot) = self.waking {
            self.issue_cancel(slot, Part::Main);
        }
        loop {
            while let Some(event) = self.next_event() {
                match event {
                    Event::Received { buffer, .. } => self.recycle(buffer),
                    event => sink(event),
                }
            }
            if self.flights.len() == 0 && self.backlog.is_empty() {
                return Ok(true);
            }
            let now = self.ring.now();
            if now >= deadline {
                return Ok(false);
            }
            self.flush_backlog()?;
            if !self.ring.has_completions() {
                self.enter(1, Some(deadline.since(now)))?;
            }
        }
    }

    fn leak(&mut self) {
        let slots: Vec<Slot> = self.flights.occupied().collect();
        for slot in slots {
            match self.flights.remove(slot) {
                Some(Flight::Receive(_)) => {
                    // Any free receive buffer may be written: keep the arena for ever.
                    let empty = crate::buffer::ReceiveBuffers::new(self.number, 0, 1);
                    mem::forget(mem::replace(&mut self.receive, empty));
                }
                Some(Flight::Wake) => {
                    mem::forget(mem::replace(&mut self.wake_counter, Box::new(0)));
                    self.sleeper.leak();
                }
                flight => mem::forget(flight),
            }
        }
    }
}

impl<R: Ring> Drop for Driver<R> {
    fn drop(&mut self) {
        let deadline = self.ring.now() + DRAIN_WAIT_MAX;
        let drained = self.drain(deadline, drop);
        if !matches!(drained, Ok(true)) {
            let in_flight = self.flights.len();
            // In the broker's catalogue: memory was left to the kernel.
            tracing::warn!(
                code = "SV204",
                in_flight,
                "a ring was closed with operations in flight; their memory is leaked"
            );
            self.leak();
        }
        // What drained ended by itself; after a leak, these descriptors are still ours to close.
        let fds: Vec<_> = self
            .listeners
            .values()
            .map(|listener| listener.fd)
            .chain(self.sockets.values().map(|socket| socket.fd))
            .chain(self.files.values().map(|file| file.fd))
            .collect();
        fds.into_iter().for_each(|fd| self.ring.close(fd));
    }
}

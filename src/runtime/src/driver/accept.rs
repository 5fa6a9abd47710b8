//! Listening and accepting.
//!
//! Must stay true: an accepted descriptor becomes a socket or is closed, whatever else happens; a
//! listener that fails rests instead of spinning; its last event is `ListenerClosed`, once.

use std::io;
use std::net::SocketAddr;

use super::flight::{Flight, Part, mark};
use super::{Driver, Event, ListenOptions, Listener, ListenerId, Socket, SocketId};
use crate::error::Errno;
use crate::limits::ACCEPT_PAUSE;
use crate::ring::{Completion, Fd, Op, Ring};
use crate::slots::Slot;

impl<R: Ring> Driver<R> {
    /// Starts to listen.
    pub fn listen(&mut self, address: SocketAddr, options: ListenOptions) -> io::Result<ListenerId> {
        let (fd, address) = self.ring.listen(address, options)?;
        let listener = Listener { fd, address, accepting: None, closing: false, rest_until: None };
        let Ok(slot) = self.listeners.insert(listener) else {
            self.ring.close(fd);
            return Err(io::Error::other("this core already has its maximum of 64 listeners"));
        };
        let id = ListenerId(slot);
        self.arm_accept(id);
        Ok(id)
    }

    /// The address that a listener really has: with port 0, the one the kernel chose.
    pub fn address(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.listeners.get(listener.0).map(|listener| listener.address)
    }

    /// Stops to listen; connections that stand stay. Ends in `ListenerClosed`.
    pub fn stop_listening(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.get_mut(id.0) else { return };
        if listener.closing {
            return;
        }
        listener.closing = true;
        match listener.accepting {
            Some(slot) => self.issue_cancel(slot, Part::Main),
            None => self.finish_listener(id),
        }
    }

    fn arm_accept(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.get_mut(id.0) else { return };
        if listener.accepting.is_some() || listener.closing {
            return;
        }
        listener.rest_until = None;
        let fd = listener.fd;
        let Ok(slot) = self.flights.insert(Flight::Accept(id)) else { return };
        listener.accepting = Some(slot);
        self.issue_one(Op::Accept { listener: fd }, mark(slot, Part::Main));
    }

    pub(super) fn on_accept(&mut self, slot: Slot, id: ListenerId, completion: Completion) {
        if !completion.more {
            self.flights.remove(slot);
            if let Some(listener) = self.listeners.get_mut(id.0) {
                listener.accepting = None;
            }
        }
        let closing = self.listeners.get(id.0).is_none_or(|listener| listener.closing);
        if completion.result >= 0 {
            self.admit(id, Fd(completion.result), closing);
        } else if !closing {
            self.accept_failed(id, Errno(-completion.result));
        }
        if completion.more {
            return;
        }
        if closing {
            self.finish_listener(id);
        } else if self.listeners.get(id.0).is_some_and(|listener| listener.rest_until.is_none()) {
            self.stats.rearmed += 1;
            self.arm_accept(id);
        }
    }

    fn admit(&mut self, listener: ListenerId, fd: Fd, closing: bool) {
        if closing || self.draining {
            self.ring.close(fd);
            return;
        }
        let peer = self.ring.peer(fd);
        if self.sockets.is_full() {
            self.ring.close(fd);
            self.stats.refused += 1;
            self.ready.push_back(Event::TurnedAway { listener, peer: peer.ok() });
            return;
        }
        // A peer without an address has already gone: nobody needs to hear of it.
        let Ok(peer) = peer else { return self.ring.close(fd) };
        let Ok(slot) = self.sockets.insert(Socket::new(fd)) else { return self.ring.close(fd) };
        let socket = SocketId(slot);
        self.stats.accepted += 1;
        self.ready.push_back(Event::Accepted { listener, socket, peer });
        self.arm_receive(socket);
    }

    fn accept_failed(&mut self, id: ListenerId, error: Errno) {
        if error.is_transient() || matches!(error.0, libc::ECANCELED | libc::ECONNABORTED | libc::EPROTO) {
            self.stats.retried += 1;
            return;
        }
        // Out of descriptors or memory: accepting again at once would fail again at once.
        let rest = self.ring.now() + ACCEPT_PAUSE;
        if let Some(listener) = self.listeners.get_mut(id.0) {
            listener.rest_until = Some(rest);
        }
        self.ready.push_back(Event::AcceptFailed { listener: id, error });
    }

    /// Listeners that have rested accept again.
    pub(super) fn resume_listeners(&mut self) {
        if self.listeners.values().all(|listener| listener.rest_until.is_none()) {
            return;
        }
        let now = self.ring.now();
        let rested: Vec<Slot> = self
            .listeners
            .occupied()
            .filter(|slot| self.listeners.get(*slot).is_some_and(|l| l.rest_until.is_some_and(|rest| rest <= now)))
            .collect();
        for slot in rested {
            self.arm_accept(ListenerId(slot));
        }
    }

    fn finish_listener(&mut self, id: ListenerId) {
        if let Some(listener) = self.listeners.remove(id.0) {
            self.ring.close(listener.fd);
            self.ready.push_back(Event::ListenerClosed { listener: id });
        }
    }
}

impl Socket {
    pub(super) fn new(fd: Fd) -> Self {
        Self {
            fd,
            connecting: None,
            receiving: None,
            sending: None,
            closing: None,
            close_after_send: false,
            detaching: false,
            paused: false,
            starved: false,
            retries: 0,
        }
    }
}

//! What must hold of every event, and at the end.

use std::net::SocketAddr;

use super::life::{Life, PLACE_BYTES, RECEIVE_BUFFERS, key};
use crate::buffer::AlignedBuffer;
use crate::driver::{Event, SocketId, Sync};
use crate::error::{Errno, IoError};

/// The byte at a place of a stream.
pub(super) fn pattern(stream: usize, place: usize) -> u8 {
    ((place * 31) ^ (place >> 8) ^ (stream * 7)) as u8
}

/// The other end of a connection.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Bytes it sent, and how many of them the driver delivered.
    pub(super) sent: usize,
    pub(super) delivered: usize,
    pub(super) ended: bool,
    /// Bytes that the driver reported as sent.
    pub(super) accepted: Vec<u8>,
    pub(super) in_flight: Option<Vec<u8>>,
    pub(super) close_asked: bool,
}

impl Peer {
    pub(super) fn new(address: SocketAddr) -> Self {
        let (accepted, in_flight) = (Vec::new(), None);
        Self { address, sent: 0, delivered: 0, ended: false, accepted, in_flight, close_asked: false }
    }
}

/// A file operation that was issued; without a sync mode it is a read.
pub(super) struct Operation {
    pub(super) offset: u64,
    pub(super) fill: u8,
    pub(super) len: usize,
    pub(super) sync: Option<Sync>,
}

impl Life {
    pub(super) fn check(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Accepted { socket, peer, .. } => {
                let index = self.peers.iter().position(|known| known.address == peer).ok_or("accepted a stranger")?;
                let again = self.sockets.insert(key(socket), index).is_some();
                if again || self.sockets.values().filter(|peer| **peer == index).count() > 1 {
                    return Err("accepted twice".to_owned());
                }
            }
            Event::Received { socket, buffer } => {
                let index = self.living(socket)?;
                let peer = &mut self.peers[index];
                let bytes = self.driver.bytes(&buffer);
                let whole = bytes.iter().zip(peer.delivered..).all(|(byte, place)| *byte == pattern(index, place));
                peer.delivered += bytes.len();
                let sound = whole && peer.delivered <= peer.sent && !bytes.is_empty() && !peer.close_asked;
                self.held.push(buffer);
                if !sound {
                    return Err("received what was not sent, or after a close".to_owned());
                }
            }
            Event::Sent { socket, buffer, result } => self.check_sent(socket, buffer, result)?,
            Event::Closed { socket, .. } | Event::Detached { socket, .. } => {
                let index = self.living(socket)?;
                self.sockets.remove(&key(socket));
                if self.peers[index].in_flight.is_some() {
                    return Err("closed with a send that did not end".to_owned());
                }
            }
            Event::Written { token, buffer, result } => self.check_written(token, buffer, result)?,
            Event::Read { token, buffer, result } => self.check_read(token, buffer, result)?,
            Event::ListenerClosed { listener } => {
                if self.listener.take() != Some(listener) {
                    return Err("a listener closed twice".to_owned());
                }
                self.stopping = false;
            }
            Event::TurnedAway { .. } | Event::AcceptFailed { .. } | Event::Connected { .. } | Event::Woken => {}
        }
        Ok(())
    }

    fn living(&self, socket: SocketId) -> Result<usize, String> {
        self.sockets.get(&key(socket)).copied().ok_or_else(|| format!("an event for {socket:?}, which is not open"))
    }

    fn check_sent(&mut self, socket: SocketId, buffer: Vec<u8>, result: Result<(), Errno>) -> Result<(), String> {
        if self.driver.ring_mut().holds(&buffer) {
            // The fake kernel would read freed memory: keep it.
            std::mem::forget(buffer);
            return Err("a send buffer came back while the kernel has it".to_owned());
        }
        let index = self.living(socket)?;
        let peer = &mut self.peers[index];
        if peer.in_flight.take().as_ref() != Some(&buffer) {
            return Err("a send ended twice, or with another buffer".to_owned());
        }
        peer.accepted.extend_from_slice(&buffer);
        let got = self.driver.ring_mut().sent_to(peer.address);
        let sound = if result.is_ok() { got == peer.accepted } else { peer.accepted.starts_with(got) };
        if sound { Ok(()) } else { Err("the peer did not get the bytes once and in order".to_owned()) }
    }

    fn check_written(&mut self, token: u64, buffer: AlignedBuffer, result: Result<(), IoError>) -> Result<(), String> {
        if self.driver.ring_mut().holds(&buffer) {
            std::mem::forget(buffer);
            return Err("a write buffer came back while the kernel has it".to_owned());
        }
        let same = buffer.capacity() == PLACE_BYTES;
        self.driver.give_buffer(buffer);
        let Operation { offset, fill, len, sync: Some(sync) } =
            self.operations.remove(&token).ok_or("a write ended twice")?
        else {
            return Err("a read ended as a write".to_owned());
        };
        self.written += 1;
        if let Err(error) = result {
            let expected = error.errno == Errno::IO && same;
            return if expected { Ok(()) } else { Err(format!("a write failed: {error}")) };
        }
        let (fd, range) = (self.file.1, offset as usize..offset as usize + len);
        let ring = self.driver.ring_mut();
        let holds = |durable| {
            ring.file_bytes(fd, range.clone(), durable).is_some_and(|place| place.iter().all(|byte| *byte == fill))
        };
        let (written, durable) = (holds(false), holds(true));
        // After a drain the file is closed and its content gone.
        if ring.is_open(fd) {
            if !written {
                return Err("a write ended well and the bytes are not there".to_owned());
            }
            if sync != Sync::None && !durable {
                return Err("a write was reported durable and is not".to_owned());
            }
        }
        self.readable.push((self.file.0, offset, fill, len));
        Ok(())
    }

    fn check_read(&mut self, token: u64, buffer: AlignedBuffer, result: Result<usize, IoError>) -> Result<(), String> {
        if self.driver.ring_mut().holds(&buffer) {
            std::mem::forget(buffer);
            return Err("a read buffer came back while the kernel has it".to_owned());
        }
        let operation = self.operations.remove(&token).ok_or("a read ended twice")?;
        self.read += 1;
        let right = result == Ok(operation.len)
            && operation.sync.is_none()
            && buffer.iter().take(operation.len).all(|byte| *byte == operation.fill);
        if right { Ok(()) } else { Err(format!("a read gave {result:?} or wrong bytes")) }
    }

    pub(super) fn check_end(&mut self, drained: bool) -> Result<(), String> {
        // What is still in flight is named, should the drain have failed.
        let (driver_has, kernel_has) = (self.driver.in_flight(), self.driver.ring_mut().in_flight());
        let checks = [
            (drained, "the drain did not end"),
            (driver_has == 0 && kernel_has == 0, "operations are left in flight"),
            (self.sockets.is_empty() && self.driver.sockets() == 0, "sockets are left open"),
            (self.operations.is_empty(), "file operations did not end"),
            (self.peers.iter().all(|peer| peer.in_flight.is_none()), "sends did not end"),
            (self.listener.is_none(), "a listener did not close"),
            (self.driver.received_buffers_out() == 0, "receive buffers are out"),
            (self.driver.ring_mut().buffers_with_kernel() == usize::from(RECEIVE_BUFFERS), "receive buffers are lost"),
            (self.driver.free_buffers() == 2, "block buffers are lost"),
            (self.driver.ring_mut().open_descriptors() == 0, "descriptors are left open"),
            (self.driver.ring_mut().violations().is_empty(), "the kernel saw a violation"),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, what)) => Err(format!(
                "at the end {what} ({driver_has} and {kernel_has} in flight; {:?})",
                self.driver.ring_mut().violations()
            )),
        }
    }
}

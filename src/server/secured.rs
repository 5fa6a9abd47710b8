//! TLS between the sockets of a core and its rooms: records on one side, what is in them on the other.
//!
//! Takes: what the driver received and sent, what the rooms want sent and closed. Gives: the same to the other side, within records.
//! Must stay true: a buffer of the rooms comes back when all of it is with the kernel; one send is under way on a socket at a time; a
//! connection that is closed in order says so to its client, if the socket takes it at once.

use std::net::SocketAddr;

use runtime::{AlignedBuffer, Driver, SocketId};
use slotmap::SecondaryMap;

use crate::broker::Core;
use crate::event;
use crate::limits;
use crate::message::ConnectionKey;
use crate::net::tls::{Acceptor, Came, Peer, Problem, Tls};

/// TLS on one connection, and what goes to its socket.
#[derive(Debug)]
pub(super) struct Secured {
    tls: Tls,
    /// Where the client is.
    address: Option<SocketAddr>,
    /// Records that wait to be sent.
    output: Vec<u8>,
    /// A send is under way.
    sending: bool,
    /// A buffer of the rooms, whose records are in `output` or being sent.
    bytes: Option<Vec<u8>>,
}

/// The connections of a core that are within TLS: all of them.
#[derive(Debug)]
pub(super) struct SecuredSockets {
    acceptor: Acceptor,
    open: SecondaryMap<ConnectionKey, Box<Secured>>,
}

impl SecuredSockets {
    pub(super) fn new(acceptor: Acceptor) -> Self {
        Self { acceptor, open: SecondaryMap::new() }
    }

    /// New connections get these certificates.
    pub(super) fn renew(&mut self, acceptor: Acceptor) {
        self.acceptor = acceptor;
    }

    /// A connection was accepted. False: TLS cannot begin on it.
    pub(super) fn accepted(&mut self, connection: ConnectionKey, address: SocketAddr) -> bool {
        let Some(tls) = self.acceptor.begin() else { return false };
        let secured = Secured { tls, address: Some(address), output: Vec::new(), sending: false, bytes: None };
        self.open.insert(connection, Box::new(secured));
        true
    }

    /// Who is at the other end of a connection, if it has shown a certificate.
    pub(super) fn peer(&self, connection: ConnectionKey) -> Option<&Peer> {
        self.open.get(connection)?.tls.peer()
    }

    /// Bytes came from a socket.
    pub(super) fn received(
        &mut self,
        connection: ConnectionKey,
        bytes: &[u8],
        core: &mut Core<AlignedBuffer>,
        now: journal::Now,
    ) -> Next {
        let Some(secured) = self.open.get_mut(connection) else { return Next::GoOn };
        let mut ended = false;
        let received = secured.tls.received(bytes, |came| match came {
            Came::Secured(peer) => core.secured(connection, peer.map(|peer| peer.digest)),
            Came::Bytes(bytes) => core.received(connection, bytes, now),
            Came::End => ended = true,
        });
        secured.tls.answer(&mut secured.output);
        match received {
            Ok(()) if ended => Next::Close,
            Ok(()) => Next::GoOn,
            Err(problem) => {
                let peer = secured.address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
                match problem {
                    Problem::Plain => {
                        event!(NT211, ?connection, peer, "connection closed: {problem}");
                        Next::CloseSilently
                    }
                    Problem::Long | Problem::Refused(_) => {
                        event!(NT210, ?connection, peer, "connection closed: {problem}");
                        Next::Close
                    }
                }
            }
        }
    }

    /// The rooms want these bytes sent.
    pub(super) fn send(&mut self, connection: ConnectionKey, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let Some(secured) = self.open.get_mut(connection) else { return Err(bytes) };
        secured.tls.send(&bytes, &mut secured.output);
        // What a client leaves unread is held once.
        secured.bytes = Some(if bytes.capacity() > limits::TLS_SPARE_BYTES_MAX { Vec::new() } else { bytes });
        Ok(())
    }

    /// Sends the records that wait, if nothing is being sent.
    pub(super) fn pump(&mut self, connection: ConnectionKey, socket: SocketId, driver: &mut Driver) {
        let Some(secured) = self.open.get_mut(connection) else { return };
        if secured.sending || secured.output.is_empty() {
            return;
        }
        match driver.send(socket, std::mem::take(&mut secured.output)) {
            Ok(()) => secured.sending = true,
            // It is closing, and its last event follows; or it moves to another core, where they are sent.
            Err(refused) => secured.output = refused.buffer,
        }
    }

    /// A send has ended. Gives the buffer of the rooms that has been sent with it, if there is one.
    pub(super) fn sent(&mut self, connection: ConnectionKey, mut buffer: Vec<u8>) -> Option<Vec<u8>> {
        let secured = self.open.get_mut(connection)?;
        secured.sending = false;
        if !secured.output.is_empty() {
            return None;
        }
        if buffer.capacity() <= limits::TLS_SPARE_BYTES_MAX {
            buffer.clear();
            secured.output = buffer;
        }
        secured.bytes.take()
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, connection: ConnectionKey, socket: SocketId, driver: &mut Driver) {
        if let Some(secured) = self.open.get_mut(connection)
            && !secured.sending
        {
            secured.tls.close(&mut secured.output);
            // A send that the socket takes at once is done before the close; any other is given up with it.
            self.pump(connection, socket, driver);
        }
        driver.close(socket);
    }

    /// A connection is gone, or moves to another core.
    pub(super) fn remove(&mut self, connection: ConnectionKey) -> Option<Box<Secured>> {
        self.open.remove(connection)
    }

    /// A connection has come from another core.
    pub(super) fn arrived(&mut self, connection: ConnectionKey, secured: Box<Secured>) {
        self.open.insert(connection, secured);
    }
}

/// What becomes of a connection that something was received on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It goes on.
    GoOn,
    /// It is to be closed: the client has ended it, or TLS failed.
    Close,
    /// The same, and the client would not understand the end of TLS.
    CloseSilently,
}

//! TLS as a change of bytes: records of one connection to what is in them, and back.
//!
//! Takes: bytes from the socket, bytes for the client. Gives: who the client is, once; what it sent; its end; bytes for the socket. The
//! caller moves all of them. Must stay true: nothing of a client is given before its handshake is done; what is held of it until then,
//! and of half a record later, has a bound; a connection within TLS costs the others nothing.

mod acceptor;

use std::io::{BufRead as _, Write as _};

use blake2::{Blake2s256, Digest as _};
use rustls::ServerConnection;

pub use acceptor::Acceptor;

use crate::limits;

/// The first byte of a client that speaks TLS: a record of the handshake.
pub const HANDSHAKE_RECORD: u8 = 0x16;

/// Who is at the other end, by a certificate that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Whose certificate it is: `CN=orders,O=Example`.
    pub subject: String,
    /// A digest of the certificate.
    pub digest: [u8; 32],
}

/// What came out of received bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Came<'a> {
    /// The handshake is done. Comes before all else, once.
    Secured(Option<&'a Peer>),
    /// The client sent this.
    Bytes(&'a [u8]),
    /// The client sends nothing more.
    End,
}

/// Why a connection must be closed.
#[derive(Debug, PartialEq)]
pub enum Problem {
    /// The client does not speak TLS.
    Plain,
    /// The handshake is longer than it may be.
    Long,
    /// TLS itself says no.
    Refused(rustls::Error),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain => f.write_str("the client does not speak TLS, and this acceptor speaks nothing else"),
            Self::Long => {
                write!(f, "the handshake of TLS took more than {} bytes", limits::TLS_HANDSHAKE_BYTES_MAX)
            }
            Self::Refused(error) => write!(f, "TLS: {error}"),
        }
    }
}

/// TLS on one connection, server side.
#[derive(Debug)]
pub struct Tls {
    connection: ServerConnection,
    /// Bytes that were received before the handshake was done.
    handshake_bytes: usize,
    secured: bool,
    peer: Option<Peer>,
}

impl Tls {
    fn new(mut connection: ServerConnection) -> Self {
        // What is put in comes out in the same call, so that nothing is held but by the caller.
        connection.set_buffer_limit(None);
        Self { connection, handshake_bytes: 0, secured: false, peer: None }
    }

    /// Who is at the other end, if it has shown a certificate.
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// Bytes came from the socket. Whatever comes of it, there may be an answer to send: [`Tls::answer`].
    ///
    /// # Errors
    /// The connection must be closed.
    pub fn received(&mut self, mut bytes: &[u8], mut came: impl FnMut(Came<'_>)) -> Result<(), Problem> {
        if self.handshake_bytes == 0 && bytes.first().is_some_and(|first| *first != HANDSHAKE_RECORD) {
            return Err(Problem::Plain);
        }
        while !bytes.is_empty() {
            let before = bytes.len();
            // It takes 4 KiB at a time, which are put in order before there are more: it is never full.
            self.connection.read_tls(&mut bytes).map_err(|_| Problem::Long)?;
            if !self.secured {
                self.handshake_bytes += before - bytes.len();
                if self.handshake_bytes > limits::TLS_HANDSHAKE_BYTES_MAX {
                    return Err(Problem::Long);
                }
            }
            let state = self.connection.process_new_packets().map_err(Problem::Refused)?;
            if !self.secured && !self.connection.is_handshaking() {
                self.secured = true;
                self.peer = self.connection.peer_certificates().and_then(|chain| chain.first()).map(|own| Peer {
                    subject: config::Certificate::read(own).map_or_else(String::new, |own| own.subject),
                    digest: Blake2s256::digest(own).into(),
                });
                came(Came::Secured(self.peer.as_ref()));
            }
            let mut reader = self.connection.reader();
            while let Ok(chunk) = reader.fill_buf()
                && !chunk.is_empty()
            {
                came(Came::Bytes(chunk));
                let taken = chunk.len();
                reader.consume(taken);
            }
            if state.peer_has_closed() {
                came(Came::End);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Appends the records for these bytes to what goes to the socket, and whatever must go before them.
    pub fn send(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.chunks(limits::TLS_PIECE_BYTES) {
            // Into memory without a limit: it takes all of it.
            let _all = self.connection.writer().write_all(piece);
            self.answer(out);
        }
    }

    /// Appends what TLS itself has to say to what goes to the socket.
    pub fn answer(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            match self.connection.write_tls(out) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// Appends the end of all that goes to the client.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        self.connection.send_close_notify();
        self.answer(out);
    }
}

#[cfg(test)]
mod tests;

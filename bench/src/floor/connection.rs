//! One client: bytes that wait for their rest, answers that wait for their groups, answers that may leave.
//!
//! Must stay true: the answers to messages leave in the order of the messages, each with its group; what is kept is bounded by the largest
//! message and by [`UNREAD_BYTES_MAX`].

use runtime::{Driver, SocketId};

use super::groups::Groups;
use super::limits::UNREAD_BYTES_MAX;
use super::speech::{Parsed, Speech};

/// A client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: SocketId,
    speech: Speech,
    /// The beginning of something, and the bytes it will have in all, where that is known.
    begun: Vec<u8>,
    whole: Option<usize>,
    /// Answers to messages that are not durable yet, oldest first.
    held: Vec<u8>,
    /// Bytes of these that belong to the open group.
    open: usize,
    /// Answers that may leave.
    out: Vec<u8>,
    /// The buffer of the last send, to be used again.
    spare: Vec<u8>,
    sending: bool,
}

/// How far received bytes were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Bytes that need not come again.
    pub(super) bytes: usize,
    /// The open group has no room: come again, with the rest.
    pub(super) full: bool,
}

/// A walk through bytes.
struct Walk {
    consumed: usize,
    whole: Option<usize>,
    full: bool,
}

impl Connection {
    /// A client that has said nothing.
    pub(super) fn new(socket: SocketId) -> Self {
        Self {
            socket,
            speech: Speech::Unknown,
            begun: Vec::new(),
            whole: None,
            held: Vec::new(),
            open: 0,
            out: Vec::new(),
            spare: Vec::new(),
            sending: false,
        }
    }

    /// Takes received bytes: messages go into the open group.
    ///
    /// # Errors
    /// The client breaks its protocol; the text says how.
    #[inline]
    pub(super) fn take(&mut self, bytes: &[u8], groups: &mut Groups) -> Result<Taken, String> {
        let mut at = 0;
        if !self.begun.is_empty() {
            let taken = self.finish_begun(bytes, groups)?;
            if taken.full || !self.begun.is_empty() {
                return Ok(taken);
            }
            at = taken.bytes;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let walk = self.walk(rest, groups)?;
        if walk.full {
            return Ok(Taken { bytes: at + walk.consumed, full: true });
        }
        self.begun.extend_from_slice(rest.get(walk.consumed..).unwrap_or_default());
        self.whole = walk.whole;
        Ok(Taken { bytes: bytes.len(), full: false })
    }

    /// Adds to what began before just what is missing of it, so that the rest need not be copied.
    fn finish_begun(&mut self, bytes: &[u8], groups: &mut Groups) -> Result<Taken, String> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let missing = self.whole.map_or(rest.len(), |whole| whole.saturating_sub(self.begun.len()));
            let piece = rest.get(..missing).unwrap_or(rest);
            self.begun.extend_from_slice(piece);
            at += piece.len();
            let begun = std::mem::take(&mut self.begun);
            let walk = self.walk(&begun, groups);
            self.begun = begun;
            let walk = walk?;
            self.begun.drain(..walk.consumed);
            self.whole = walk.whole;
            if walk.full || self.begun.is_empty() || at == bytes.len() {
                return Ok(Taken { bytes: at, full: walk.full });
            }
        }
    }

    #[inline]
    fn walk(&mut self, bytes: &[u8], groups: &mut Groups) -> Result<Walk, String> {
        let mut consumed = 0;
        loop {
            let rest = bytes.get(consumed..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(Walk { consumed, whole: None, full: false });
            }
            match self.speech.parse(rest, &mut self.out)? {
                Parsed::Publish { message, answer, consumed: bytes } => {
                    let Some(number) = groups.append(message) else {
                        return Ok(Walk { consumed, whole: Some(bytes), full: true });
                    };
                    let before = self.held.len();
                    self.speech.answer(answer, number, &mut self.held);
                    self.open += self.held.len() - before;
                    consumed += bytes;
                }
                Parsed::Said { consumed: bytes } => consumed += bytes,
                Parsed::Incomplete { whole } => return Ok(Walk { consumed, whole, full: false }),
            }
        }
    }

    /// Greets it as a client of NATS, if it has not said what it is. Gives whether it did.
    pub(super) fn greet(&mut self) -> bool {
        self.speech.greet(&mut self.out)
    }

    /// Whether answers of it wait for the open group.
    pub(super) fn waits_for_open(&self) -> bool {
        self.open > 0
    }

    /// The open group is written: how many bytes of answers wait for it.
    pub(super) fn close_group(&mut self) -> usize {
        std::mem::take(&mut self.open)
    }

    /// A group is done: these oldest answers may leave.
    pub(super) fn release(&mut self, bytes: usize) {
        let bytes = bytes.min(self.held.len());
        if bytes == self.held.len() && self.out.is_empty() {
            std::mem::swap(&mut self.held, &mut self.out);
        } else {
            self.out.extend(self.held.drain(..bytes));
        }
    }

    /// Sends what may leave, unless a send is under way.
    ///
    /// # Errors
    /// The client does not read its answers.
    pub(super) fn flush(&mut self, driver: &mut Driver) -> Result<(), String> {
        if self.out.len() > UNREAD_BYTES_MAX {
            return Err(format!("more than {UNREAD_BYTES_MAX} bytes of answers are not read"));
        }
        if self.out.is_empty() || self.sending {
            return Ok(());
        }
        let buffer = std::mem::replace(&mut self.out, std::mem::take(&mut self.spare));
        self.sending = driver.send(self.socket, buffer).is_ok();
        Ok(())
    }

    /// A send has ended. Gives whether there is more to send.
    pub(super) fn sent(&mut self, mut buffer: Vec<u8>) -> bool {
        buffer.clear();
        self.spare = buffer;
        self.sending = false;
        !self.out.is_empty()
    }
}

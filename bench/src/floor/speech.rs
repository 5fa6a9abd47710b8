//! Which protocol a client speaks, and what its bytes say.
//!
//! Takes: received bytes. Gives: the next message in them with how it is answered, or that something else was said (and answered in
//! `out`), or that more bytes are needed. Must stay true: no input is answered by a panic, and nothing is taken from a length that is
//! above its bound.

use protocol::core::frame::{Handshake, detect_handshake};

use super::core::Core;
use super::nats::Nats;

/// What stands at the beginning of received bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    /// A message to be made durable.
    Publish {
        /// What is stored of it.
        message: &'a [u8],
        /// How it is answered.
        answer: Answer<'a>,
        /// Bytes that it took.
        consumed: usize,
    },
    /// Something that needs no disk; answered already, where it wants an answer.
    Said {
        /// Bytes that it took.
        consumed: usize,
    },
    /// The bytes end before it does.
    Incomplete {
        /// How many bytes it has in all, where that can be told.
        whole: Option<usize>,
    },
}

/// How a message is answered once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// Not at all.
    Nothing,
    /// By a message to this inbox.
    Inbox(&'a [u8]),
    /// By success on a channel.
    Response {
        /// The channel of the session.
        channel: i64,
        /// Which request is answered.
        correlation: i64,
    },
}

/// The protocol of one client.
#[derive(Debug)]
pub(super) enum Speech {
    /// It has not said enough yet.
    Unknown,
    Nats(Nats),
    Core(Core),
}

impl Speech {
    /// Reads what comes next.
    ///
    /// # Errors
    /// The client breaks its protocol, or asks for what a floor broker does not do. The text says what.
    #[inline]
    pub(super) fn parse<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<Parsed<'a>, String> {
        match self {
            Self::Core(core) => core.parse(bytes, out),
            Self::Nats(nats) => nats.parse(bytes, out),
            Self::Unknown => Ok(match detect_handshake(bytes) {
                Handshake::Core { consumed } => {
                    *self = Self::Core(Core::default());
                    Parsed::Said { consumed }
                }
                Handshake::Incomplete => Parsed::Incomplete { whole: None },
                Handshake::Other => {
                    self.greet(out);
                    Parsed::Said { consumed: 0 }
                }
            }),
        }
    }

    /// Greets a client as one of NATS, if nothing is known of it. Gives whether it did.
    pub(super) fn greet(&mut self, out: &mut Vec<u8>) -> bool {
        let is_unknown = matches!(self, Self::Unknown);
        if is_unknown {
            *self = Self::Nats(Nats::default());
            Nats::greet(out);
        }
        is_unknown
    }

    /// Writes the answer to message `number`.
    #[inline]
    pub(super) fn answer(&self, answer: Answer<'_>, number: u64, out: &mut Vec<u8>) {
        match (self, answer) {
            (Self::Nats(nats), Answer::Inbox(inbox)) => nats.answer(inbox, number, out),
            (Self::Core(_), Answer::Response { channel, correlation }) => Core::answer(channel, correlation, out),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_protocol() {
        let mut out = Vec::new();
        let mut speech = Speech::Unknown;
        assert_eq!(speech.parse(b"ART", &mut out), Ok(Parsed::Incomplete { whole: None }));
        assert_eq!(speech.parse(b"ARTEMIS\0", &mut out), Ok(Parsed::Said { consumed: 7 }));
        assert!(matches!(speech, Speech::Core(_)));
        assert!(out.is_empty(), "the handshake of CORE is not answered");
        let mut speech = Speech::Unknown;
        assert_eq!(speech.parse(b"CONNECT {}\r\n", &mut out), Ok(Parsed::Said { consumed: 0 }));
        assert!(matches!(speech, Speech::Nats(_)));
        assert!(out.starts_with(b"INFO {"), "a server of NATS introduces itself");
    }
}

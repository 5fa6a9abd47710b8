//! What goes wrong between bytes and packets, and whose fault it is.
//!
//! A decode error names packet, field, offset and expectation; the connection it came from is beyond repair, because the next
//! frame can no longer be trusted to mean what the peer meant.

use std::fmt;

use super::cursor::{CursorError, Expected};

/// Who broke the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The peer sent bytes that no version of the protocol allows.
    PeerBrokeRules,
    /// The peer sent something legal that is larger than a bound of ours.
    PeerExceedsBound,
    /// The caller asked for something that cannot be encoded.
    Caller,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Fault::PeerBrokeRules => "the peer broke the protocol",
            Fault::PeerExceedsBound => "the peer exceeded a limit",
            Fault::Caller => "this side tried to send what does not fit",
        })
    }
}

/// A frame that could not be decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// Name of the packet type, `frame` when not even that could be read.
    pub packet: &'static str,
    /// The field, where in the frame body (counted from the type byte), and what was expected.
    pub cause: CursorError,
}

impl DecodeError {
    /// Who broke the rules.
    pub fn fault(&self) -> Fault {
        match self.cause.expected {
            Expected::AtMost { .. } => Fault::PeerExceedsBound,
            _ => Fault::PeerBrokeRules,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}: {}", self.fault(), self.packet, self.cause)
    }
}

impl std::error::Error for DecodeError {}

/// A packet whose frame would be longer than a peer may expect. Nothing was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncodeError {
    /// Name of the packet type.
    pub packet: &'static str,
    /// Bytes the frame body would have.
    pub bytes: usize,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = crate::limits::FRAME_BYTES_MAX;
        write!(out, "{}: a {} of {} bytes, at most {bound} fit a frame", Fault::Caller, self.packet, self.bytes)
    }
}

impl std::error::Error for EncodeError {}

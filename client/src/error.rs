//! What a call can end with, told apart by what the caller knows afterwards.
//!
//! Refused: the server did not do it. Not sent: nobody did it. Lost or timed out: it may have been done. A test that counts
//! messages needs exactly these three.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::core::error::{DecodeError, EncodeError};
use protocol::core::error_code::ErrorCode;
use protocol::core::frame::FrameError;
use protocol::core::identity::DisconnectReason;

use crate::topology::Node;
use crate::url::{Endpoint, UrlError};

/// Why a connection is no more.
#[derive(Clone, Debug)]
pub enum Loss {
    /// This side closed or dropped it.
    ClosedHere,
    /// The server closed the socket without a word.
    ClosedByPeer,
    /// The server said that it ends the connection.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// Where it wants the client to go.
        target: Option<Node>,
    },
    /// Reading or writing failed.
    Io(Arc<io::Error>),
    /// Nothing came for as long as the connection may be silent.
    Silent(Duration),
    /// A call was not answered in time, so later answers could be taken for the wrong call.
    Unanswered(&'static str),
    /// The server sent what is no frame.
    Frame(FrameError),
    /// The server sent what is no packet.
    Packet(DecodeError),
}

impl fmt::Display for Loss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::ClosedHere => write!(out, "the connection was closed by this side"),
            Loss::ClosedByPeer => write!(out, "the server closed the connection"),
            Loss::Disconnected { reason, target: None } => {
                write!(out, "the server ended the connection (reason {reason})")
            }
            Loss::Disconnected { reason, target: Some(target) } => {
                write!(out, "the server ended the connection (reason {reason}) and names {target}")
            }
            Loss::Io(error) => write!(out, "the connection failed: {error}"),
            Loss::Silent(time) => write!(out, "nothing came from the server for {time:?}"),
            Loss::Unanswered(what) => write!(out, "{what} was not answered in time"),
            Loss::Frame(error) => fmt::Display::fmt(error, out),
            Loss::Packet(error) => fmt::Display::fmt(error, out),
        }
    }
}

/// What went wrong.
#[derive(Clone, Debug)]
pub enum Error {
    /// The server did not do it.
    Refused {
        /// The server's code.
        code: ErrorCode,
        /// The server's words.
        message: String,
    },
    /// The connection was gone before anything was sent: nobody did it.
    NotSent(Loss),
    /// The connection was lost while the server may have been at it: the outcome is unknown.
    Lost(Loss),
    /// The answer did not come in time: the outcome is unknown, and the connection has been closed.
    TimedOut {
        /// The packet that was not answered.
        what: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// No connection to this place came about.
    Unreachable {
        /// The place.
        endpoint: Endpoint,
        /// Why.
        cause: Arc<io::Error>,
    },
    /// TLS cannot begin for want of something on this side, such as a file of certificates.
    Tls(String),
    /// A management request was not carried out; the broker's words, as a JSON array of one text.
    NotDone(String),
    /// The system has no random numbers to make a session's name of: nothing was sent.
    NoName(Arc<io::Error>),
    /// The message does not fit a frame.
    TooLarge(EncodeError),
    /// The server closed the consumer, for example because its queue was deleted.
    ConsumerGone,
    /// The server answered or delivered something that cannot be read.
    Unreadable(DecodeError),
    /// A large message longer than this client is willing to put together.
    LargeMessageTooLong {
        /// The size it was announced with.
        bytes: i64,
    },
    /// The address cannot be used as wanted.
    WrongDestination(String),
    /// The URL cannot be read.
    Url(UrlError),
}

impl Error {
    /// Whether the server may have done what was asked, so that it must be neither repeated nor counted without care.
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Error::Lost(_) | Error::TimedOut { .. })
    }

    /// Whether the connection cannot be used any more.
    pub fn connection_lost(&self) -> bool {
        matches!(self, Error::Lost(_) | Error::NotSent(_) | Error::TimedOut { .. })
    }

    /// The server's code, if it refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Error::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused { code, message } => write!(out, "the server refused ({code}): {message}"),
            Error::NotSent(loss) => write!(out, "not sent: {loss}"),
            Error::Lost(loss) => write!(out, "outcome unknown: {loss}"),
            Error::TimedOut { what, after } => write!(out, "outcome unknown: {what} was not answered within {after:?}"),
            Error::Unreachable { endpoint, cause } => write!(out, "cannot connect to {endpoint}: {cause}"),
            Error::Tls(why) => write!(out, "TLS: {why}"),
            Error::NotDone(why) => write!(out, "the server did not do it: {why}"),
            Error::NoName(cause) => write!(out, "no random numbers for the name of a session: {cause}"),
            Error::TooLarge(error) => fmt::Display::fmt(error, out),
            Error::ConsumerGone => write!(out, "the server closed the consumer; its queue may have been deleted"),
            Error::Unreadable(error) => fmt::Display::fmt(error, out),
            Error::LargeMessageTooLong { bytes } => {
                let bound = protocol::limits::FRAME_BYTES_MAX;
                write!(out, "a message of {bytes} bytes, this client takes up to {bound}")
            }
            Error::WrongDestination(why) => out.write_str(why),
            Error::Url(error) => fmt::Display::fmt(error, out),
        }
    }
}

impl std::error::Error for Error {}

impl From<UrlError> for Error {
    fn from(error: UrlError) -> Error {
        Error::Url(error)
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Error {
        Error::TooLarge(error)
    }
}

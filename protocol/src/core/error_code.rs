//! The codes of an `EXCEPTION`, a number with a name where one is known.
//!
//! Unknown codes survive. What a code means to a client is in the client's own table; the few with special effects are said here.

use std::fmt;

use super::cursor::{CursorError, Reader, Writer};
use super::version::Version;
use super::wire::Wire;

/// The code of an `EXCEPTION`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub i32);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: ErrorCode = ErrorCode($code);)*

            /// Every code that has a name.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name),*];

            /// The name, if the code has one.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Anything the other codes do not say.
    INTERNAL_ERROR = 0;
    /// The packet type is not served.
    UNSUPPORTED_PACKET = 1;
    /// No connection.
    NOT_CONNECTED = 2;
    /// A blocking call was not answered in time; raised by clients.
    CONNECTION_TIMEDOUT = 3;
    /// The server ended the connection.
    DISCONNECTED = 4;
    /// A waiting call was given up because the connection failed; raised by clients.
    UNBLOCKED = 5;
    /// Input or output failed.
    IO_ERROR = 6;
    /// No such queue.
    QUEUE_DOES_NOT_EXIST = 100;
    /// The queue is there already; auto-creating clients ignore this.
    QUEUE_EXISTS = 101;
    /// The session, consumer or producer is closed.
    OBJECT_CLOSED = 102;
    /// The selector cannot be parsed.
    INVALID_FILTER_EXPRESSION = 103;
    /// Not now: in use, unknown message, wrong order.
    ILLEGAL_STATE = 104;
    /// Not allowed, or not logged in.
    SECURITY_EXCEPTION = 105;
    /// No such address, and it may not be created.
    ADDRESS_DOES_NOT_EXIST = 106;
    /// The address is there already.
    ADDRESS_EXISTS = 107;
    /// The client tries its next lower version.
    INCOMPATIBLE_CLIENT_SERVER_VERSIONS = 108;
    /// The body of a large message could not be read or written.
    LARGE_MESSAGE_ERROR_BODY = 110;
    /// The transaction was rolled back.
    TRANSACTION_ROLLED_BACK = 111;
    /// The server does not take sessions now; a client that fails over asks again at once.
    SESSION_CREATION_REJECTED = 112;
    /// A message with this duplicate id was seen before.
    DUPLICATE_ID_REJECTED = 113;
    /// Another session has this unique metadata, for example the client id.
    DUPLICATE_METADATA = 114;
    /// The client cannot know whether its transaction took effect.
    TRANSACTION_OUTCOME_UNKNOWN = 115;
    /// The node replicates to another backup already.
    ALREADY_REPLICATING = 116;
    /// An interceptor refused the packet.
    INTERCEPTOR_REJECTED_PACKET = 117;
    /// A shared queue of this name has another address or filter.
    INVALID_TRANSIENT_QUEUE_USE = 118;
    /// The other side closed.
    REMOTE_DISCONNECT = 119;
    /// The transaction took too long.
    TRANSACTION_TIMEOUT = 120;
    /// Native library error.
    NATIVE_ERROR_INTERNAL = 200;
    /// Native library error.
    NATIVE_ERROR_INVALID_BUFFER = 201;
    /// Native library error.
    NATIVE_ERROR_NOT_ALIGNED = 202;
    /// Native library error.
    NATIVE_ERROR_CANT_INITIALIZE_AIO = 203;
    /// Native library error.
    NATIVE_ERROR_CANT_RELEASE_AIO = 204;
    /// Native library error.
    NATIVE_ERROR_CANT_OPEN_CLOSE_FILE = 205;
    /// Native library error.
    NATIVE_ERROR_CANT_ALLOCATE_QUEUE = 206;
    /// Native library error.
    NATIVE_ERROR_PREALLOCATE_FILE = 208;
    /// Native library error.
    NATIVE_ERROR_ALLOCATE_MEMORY = 209;
    /// The address has no room for the message.
    ADDRESS_FULL = 210;
    /// A large message was cut off.
    LARGE_MESSAGE_INTERRUPTED = 211;
    /// A cluster credential was refused.
    CLUSTER_SECURITY_EXCEPTION = 212;
    /// The server does not do this.
    NOT_IMPLEMENTED = 213;
    /// The queue has as many consumers as it may.
    MAX_CONSUMER_LIMIT_EXCEEDED = 214;
    /// The address does not take this routing type.
    UNEXPECTED_ROUTING_TYPE_FOR_ADDRESS = 215;
    /// The queue's settings contradict each other.
    INVALID_QUEUE_CONFIGURATION = 216;
    /// The address still has queues.
    DELETE_ADDRESS_ERROR = 217;
    /// Something needed was null.
    NULL_REF = 218;
    /// The node did not stop cleanly.
    SHUTDOWN_ERROR = 219;
    /// The backup did not answer in time.
    REPLICATION_TIMEOUT_ERROR = 220;
    /// No such divert.
    DIVERT_DOES_NOT_EXIST = 221;
    /// The session belongs on another node; a redirect comes with it.
    ROUTING_EXCEPTION = 222;
    /// It took too long.
    TIMEOUT_EXCEPTION = 223;
    /// Clients take every unknown code for this one.
    GENERIC_EXCEPTION = 999;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(out, "{} {name}", self.0),
            None => fmt::Display::fmt(&self.0, out),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Wire<'_> for ErrorCode {
    fn read(reader: &mut Reader<'_>, _version: Version) -> Result<Self, CursorError> {
        reader.i32().map(ErrorCode)
    }

    fn write(&self, writer: &mut Writer<'_>, _version: Version) {
        writer.i32(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn codes_are_unique_and_unknown_ones_survive() {
        let mut numbers: Vec<i32> = ErrorCode::ALL.iter().map(|code| code.0).collect();
        let count = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
        assert!(numbers.is_sorted());
        assert_eq!(ErrorCode::QUEUE_EXISTS.to_string(), "101 QUEUE_EXISTS");
        assert_eq!(ErrorCode(109).to_string(), "109");
        assert_eq!(ErrorCode(207).name(), None);
    }
}

//! What a driver tells its caller.

use std::net::SocketAddr;

use super::{ListenerId, SocketId};
use crate::buffer::{AlignedBuffer, ReceivedBuffer};
use crate::clock::Moment;
use crate::error::{Errno, IoError};

/// How long a turn may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Not at all.
    Not,
    /// Until anything happens, or the moment comes.
    Event(Option<Moment>),
    /// As `Event`, but a send that the kernel takes at once does not end the sleep by itself. Saves a
    /// system call a message on quiet connections. Right whenever no room waits for a [`Event::Sent`]
    /// to go on; a send that the kernel could not take at once is carried on within a millisecond.
    Arrival(Option<Moment>),
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// We closed it.
    Local,
    /// The peer closed it.
    Peer,
    /// It failed.
    Failed(Errno),
}

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A peer connected. Receiving is already under way.
    Accepted {
        /// Where.
        listener: ListenerId,
        /// The connection.
        socket: SocketId,
        /// Who.
        peer: SocketAddr,
    },
    /// A peer connected and was closed again, as all places for connections are taken.
    TurnedAway {
        /// Where.
        listener: ListenerId,
        /// Who, where it could be told.
        peer: Option<SocketAddr>,
    },
    /// Accepting failed; the listener rests for a moment and goes on.
    AcceptFailed {
        /// Where.
        listener: ListenerId,
        /// How.
        error: Errno,
    },
    /// The listener is closed. Its last event.
    ListenerClosed {
        /// Which.
        listener: ListenerId,
    },
    /// An outgoing connection stands. Where it fails, `Closed` comes instead.
    Connected {
        /// The connection.
        socket: SocketId,
    },
    /// Bytes came in. Read them with `Driver::bytes`, then give them back with `Driver::recycle`.
    Received {
        /// On which connection.
        socket: SocketId,
        /// The bytes.
        buffer: ReceivedBuffer,
    },
    /// A send ended: all bytes are with the kernel, or the connection is about to close.
    Sent {
        /// On which connection.
        socket: SocketId,
        /// The buffer, to be used again.
        buffer: Vec<u8>,
        /// How it ended.
        result: Result<(), Errno>,
    },
    /// The connection is gone. Its last event.
    Closed {
        /// Which.
        socket: SocketId,
        /// Why.
        reason: CloseReason,
    },
    /// The connection was given away and is none of this driver's any more. Its last event.
    Detached {
        /// Which.
        socket: SocketId,
        /// What another driver may adopt.
        stream: std::net::TcpStream,
    },
    /// A write ended; with a sync mode, its bytes are durable.
    Written {
        /// What the caller called it.
        token: u64,
        /// The buffer, to be used again.
        buffer: AlignedBuffer,
        /// How it ended.
        result: Result<(), IoError>,
    },
    /// A read ended.
    Read {
        /// What the caller called it.
        token: u64,
        /// The buffer, filled up to the result.
        buffer: AlignedBuffer,
        /// How many bytes; fewer than asked for at the end of the file.
        result: Result<usize, IoError>,
    },
    /// Another thread called [`crate::Waker::wake`].
    Woken,
}

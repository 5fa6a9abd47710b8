//! The ids of the CORE protocol, each its own type, and their well-known values.
//!
//! They are the peer's numbers as they stand on the wire; nothing here says that an id exists.

use std::fmt;

use super::cursor::{CursorError, Reader, Writer};
use super::version::Version;
use super::wire::Wire;

/// Declares an id type over one integer of the wire.
macro_rules! identity {
    ($($(#[$doc:meta])* $name:ident($integer:ty);)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub $integer);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, out)
            }
        }

        impl Wire<'_> for $name {
            fn read(reader: &mut Reader<'_>, version: Version) -> Result<Self, CursorError> {
                <$integer as Wire>::read(reader, version).map($name)
            }

            fn write(&self, writer: &mut Writer<'_>, version: Version) {
                self.0.write(writer, version);
            }
        }
    )* };
}

identity! {
    /// A channel of a connection; the client chooses those of sessions.
    ChannelId(i64);
    /// A consumer within its session, chosen by the client.
    ConsumerId(i64);
    /// A producer within its session, chosen by the client.
    ProducerId(i32);
    /// A message within a broker, assigned by the server; 0 before that.
    MessageId(i64);
    /// Which request an answer belongs to.
    CorrelationId(i64);
    /// Index of a counted packet on a channel with a confirmation window.
    CommandId(i32);
    /// The sequence of a forced delivery.
    ForcedSequence(i64);
    /// How a message spreads over the queues of an address; unknown values survive.
    RoutingType(i8);
    /// Why a server ends a connection; unknown values survive.
    DisconnectReason(i8);
}

impl ChannelId {
    /// Pings, topology, disconnects.
    pub const PING: ChannelId = ChannelId(0);
    /// Creating and reattaching sessions.
    pub const SESSION: ChannelId = ChannelId(1);
    /// The first channel that a client gives to a session.
    pub const FIRST_SESSION: ChannelId = ChannelId(10);
}

impl CorrelationId {
    /// The request carried none.
    pub const NONE: CorrelationId = CorrelationId(-1);
}

impl Default for CorrelationId {
    fn default() -> CorrelationId {
        CorrelationId::NONE
    }
}

impl ProducerId {
    /// What a client that names no producer counts as.
    pub const UNNAMED: ProducerId = ProducerId(0);
}

impl Default for ProducerId {
    fn default() -> ProducerId {
        ProducerId::UNNAMED
    }
}

impl CommandId {
    /// Nothing confirmed yet, or no confirmation window.
    pub const NONE: CommandId = CommandId(-1);
}

impl MessageId {
    /// Not assigned yet.
    pub const UNASSIGNED: MessageId = MessageId(0);
}

impl RoutingType {
    /// Not given: the default of the address.
    pub const NOT_GIVEN: RoutingType = RoutingType(-1);
    /// A copy to every queue.
    pub const MULTICAST: RoutingType = RoutingType(0);
    /// One queue takes the message.
    pub const ANYCAST: RoutingType = RoutingType(1);
}

impl DisconnectReason {
    /// The client shall go to the named target.
    pub const REDIRECT: DisconnectReason = DisconnectReason(0);
    /// As the redirect, after a critical error.
    pub const REDIRECT_ON_CRITICAL_ERROR: DisconnectReason = DisconnectReason(1);
    /// The node leaves; another takes its messages.
    pub const SCALE_DOWN: DisconnectReason = DisconnectReason(2);
    /// As scaling down, after a critical error.
    pub const SCALE_DOWN_ON_CRITICAL_ERROR: DisconnectReason = DisconnectReason(3);
    /// The node stops.
    pub const SHUT_DOWN: DisconnectReason = DisconnectReason(4);
    /// As shutting down, after a critical error.
    pub const SHUT_DOWN_ON_CRITICAL_ERROR: DisconnectReason = DisconnectReason(5);
}

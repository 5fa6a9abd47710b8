//! Packets about the connection itself: signs of life, its end, and the question asked after a failover.

use super::layout::layout;
use crate::core::identity::{ConsumerId, DisconnectReason};
use crate::core::text::Text;
use crate::core::transport::TransportConfiguration;
use crate::simple_string::SimpleStr;

layout! {
    /// `PING`: the server keeps the time and sends the packet back unchanged.
    Ping {
        /// How long the connection may be silent, -1 for ever.
        connection_ttl_ms: i64;
    }
}

layout! {
    /// `DISCONNECT`: clients below 125.
    Disconnect<'a> {
        /// The node that leaves.
        node_id: Option<SimpleStr<'a>>;
    }
}

layout! {
    /// `DISCONNECT_V2`: clients 125 to 130.
    DisconnectV2<'a> {
        /// The node that leaves.
        node_id: Option<SimpleStr<'a>>;
        /// The node that takes its messages.
        scale_down_node_id: Option<SimpleStr<'a>>;
    }
}

layout! {
    /// `DISCONNECT_V3`: clients from 131 on.
    DisconnectV3<'a> {
        /// The node that ends the connection.
        node_id: Option<SimpleStr<'a>>;
        /// Why.
        reason: DisconnectReason;
        /// Where the client shall go.
        target_node_id: Option<SimpleStr<'a>>;
        /// How to get there.
        target: Option<TransportConfiguration<'a>>;
    }
}

layout! {
    /// `DISCONNECT_CONSUMER`: the queue under a consumer was deleted.
    DisconnectConsumer {
        /// The consumer.
        consumer_id: ConsumerId;
    }
}

layout! {
    /// `DISCONNECT_CONSUMER_KILL`: a consumer was too slow.
    DisconnectConsumerKill<'a> {
        /// The node that ends the connection.
        node_id: Option<SimpleStr<'a>>;
    }
}

layout! {
    /// `CHECK_FOR_FAILOVER`: the first question on every new connection of a client that had one before.
    CheckForFailover<'a> {
        /// The node the client was connected to.
        node_id: Option<Text<'a>>;
    }
}

layout! {
    /// `CHECK_FOR_FAILOVER_REPLY`.
    CheckForFailoverReply {
        /// Whether the client's sessions can be served here now.
        ok_to_failover: bool;
    }
}

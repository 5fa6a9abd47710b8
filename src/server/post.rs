//! What goes from core to core: letters between rooms, and connections whose sessions another core holds.

use std::net::{IpAddr, TcpStream};

use super::secured::Secured;
use crate::broker::Migrant;
use crate::mail::Letter;
use crate::message::Origin;

/// What one core gives to another.
#[derive(Debug)]
pub(super) enum Post {
    /// From room to room.
    Letter(Letter),
    /// A connection that moves, with all that was received and not handled, and what TLS holds for it.
    Visitor { migrant: Migrant, stream: TcpStream, secured: Option<Box<Secured>> },
}

/// Where a client comes from.
pub(super) fn origin(peer: IpAddr) -> Origin {
    let address = match peer {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    Origin { address: address.to_bits(), identity: None }
}

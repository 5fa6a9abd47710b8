//! Protocol versions: which number a connection speaks, and the thresholds at which layouts change.
//!
//! A client announces its version; a server decodes by the client's and encodes for it. Must stay true: a threshold has a name
//! here and nowhere else.

use std::fmt;

use super::cursor::{CursorError, Reader, Writer};
use super::wire::Wire;

/// The version number of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Version(pub i32);

impl Version {
    /// Nothing announced yet; only packets whose layout never varied may travel.
    pub const UNSET: Version = Version(0);
    /// The oldest version accepted: the first of the 2.x releases.
    pub const OLDEST: Version = Version(129);
    /// The newest version known, and the one to announce.
    pub const NEWEST: Version = Version(136);

    /// Sends, their answers and exceptions carry correlation ids; consumers a priority.
    pub const CORRELATION_IDS: Version = Version(130);
    /// `CREATESESSION_V2`, `CLUSTER_TOPOLOGY_V4`, `DISCONNECT_V3`.
    pub const REDIRECTS: Version = Version(131);
    /// A blocking commit carries a correlation id.
    pub const COMMIT_CORRELATION_ID: Version = Version(132);
    /// Sends name their producer; `CREATE_PRODUCER` and `REMOVE_PRODUCER`.
    pub const PRODUCER_IDS: Version = Version(134);
    /// The binding query is answered with what routing types the address supports.
    pub const ROUTING_SUPPORT: Version = Version(135);

    /// Whether a server of this crate can serve a client of this version.
    pub fn is_accepted(self) -> bool {
        (Version::OLDEST..=Version::NEWEST).contains(&self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl Wire<'_> for Version {
    fn read(reader: &mut Reader<'_>, _version: Version) -> Result<Self, CursorError> {
        reader.i32().map(Version)
    }

    fn write(&self, writer: &mut Writer<'_>, _version: Version) {
        writer.i32(self.0);
    }
}

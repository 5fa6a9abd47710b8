//! Where a connection comes from, as far as it decides who may take a session over.

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address of its host: an IPv6 address, or an IPv4 address mapped to one.
    pub address: u128,
    /// What its TLS certificate says who it is, if it showed one: a digest.
    pub identity: Option<[u8; 32]>,
}

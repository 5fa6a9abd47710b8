//! The wire formats of RingMQ, sans-IO: bytes in, values that borrow those bytes out, and back.
//!
//! Owns the CORE codec ([`core`]), the CORE message layout ([`message`]), filters over messages ([`filter`]), the text type both share ([`simple_string`]) and every
//! bound on what a peer may send ([`limits`]). Takes byte slices; appends to a `Vec<u8>` of the caller. Must stay true: no input
//! panics, no length allocates, and what was decoded encodes to the same bytes.

pub mod core;
pub mod filter;
pub mod limits;
pub mod message;
pub mod simple_string;

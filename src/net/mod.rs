//! Connections: bytes become commands to sessions, replies become bytes. The only room above the codecs that touches them.
//!
//! No I/O here either: the caller hands in what was received and writes what was collected.

pub mod core;
mod output;
pub mod tls;

pub use output::{Output, Spares};

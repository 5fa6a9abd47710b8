//! The client against a server that plays a script: what goes over the wire, and what a caller is told.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic, that is how it fails")]

mod connecting;
mod losing;
mod peer;
mod receiving;
mod sending;

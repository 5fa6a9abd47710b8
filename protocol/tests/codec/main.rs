//! The CORE codec from outside: recorded conversations, hand-written bytes, damaged frames.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic, that is how it fails")]

mod capture;
mod layouts;
mod mutations;
mod round_trip;
mod values;

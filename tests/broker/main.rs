//! Whole cores of the broker without a disk and without sockets: what they say to clients, and what they keep of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic, that is how it fails")]

mod bounds;
mod browsing;
mod by_match;
mod closing;
mod comeback;
mod confirmations;
mod counts;
mod follow;
mod full;
mod full_address;
mod hostile;
mod incoming;
mod letters;
mod management;
mod misplaced;
mod mixed;
mod outgoing;
mod peer;
mod qualified;
mod reattach;
mod replay;
mod rig;
mod security;
mod selecting;
mod session_memory;
mod states;
mod temporary;

//! Measures and proves: runs the built broker as a process and says what came of it.
//!
//! It links the client and the codecs, and of the broker its simulator with the oracle. Each proof names its seed, leaves a line in the ledger and has a
//! control that it must catch.

pub mod audit;
pub mod calibrate;
pub mod captures;
pub mod compare;
pub mod floor;
pub mod footprint;
pub mod gate;
pub mod goals;
pub mod load;
pub mod measure;
pub mod peers;
pub mod prove;
pub mod result;
pub mod targets;

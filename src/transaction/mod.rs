//! What a session did in its open transaction, as one home keeps it until commit or rollback.
//!
//! Acknowledgements are marks on what consumers hold; sends wait here with their bodies.

mod staged;

pub use staged::{Staged, StagedSend};

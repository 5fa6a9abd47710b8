//! Builds the broker, in order, and takes it down in reverse.
//!
//! The main thread opens the store, recovers it and starts a thread for each data core; then it waits for a signal, or for a
//! core that can promise nothing any more.

mod announcement;
pub(crate) mod broken;
mod core_loop;
mod descriptors;
mod disk;
pub(crate) mod distrust;
pub(crate) mod exit;
mod lifecycle;
mod lobby;
mod logins;
mod losses;
mod matches;
mod memory;
mod open;
mod post;
pub(crate) mod recovery;
mod rehearsal;
mod renewal;
mod secured;
mod shape;
mod signals;
mod tally;
mod watched;

pub use lifecycle::run;
pub use rehearsal::{Refused, Rehearsed, rehearse};

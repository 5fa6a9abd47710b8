//! Who gets the next message: consumers, their credit, and what they have not acknowledged.

mod consumer;
mod round_robin;
mod walk;

pub use consumer::{Consumer, Credit, Held};
pub use round_robin::RoundRobin;
pub use walk::Walk;

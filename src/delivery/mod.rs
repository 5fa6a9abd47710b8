//! Who gets the next message: consumers, their credit, and what they have not acknowledged.

mod consumer;
mod round_robin;

pub use consumer::{Consumer, Credit, Held};
pub use round_robin::RoundRobin;

//! Holds back what nobody may hear of before it is promised.
//!
//! Takes positions as lanes promise them, gives the waiters whose positions are reached. What must stay true: a confirmation
//! leaves only when every position of its vector is promised.

mod gate;
mod promises;

pub use gate::Gate;
pub use promises::Promises;

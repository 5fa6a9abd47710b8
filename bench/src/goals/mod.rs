//! The goals of RingMQ's speed, each with its number, its limit and its verdict.
//!
//! A goal is judged as a ratio to a control of the same run or as a count, never as a bare time. Those whose feature is not built say so and
//! count as open.

mod client;
pub mod conns;
pub mod idle;
pub mod rounds;
pub mod start;
mod table;
mod verdict;

pub use table::{GOALS, Goal, find};
pub use verdict::{Bound, Verdict};

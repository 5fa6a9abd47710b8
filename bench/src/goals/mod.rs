//! The goals of RingMQ's speed, each with its number, its limit and its verdict.
//!
//! A goal is judged as a ratio to a control of the same run or as a count, never as a bare time. Those whose feature is not built say so and
//! count as open, and so do those whose tool is missing here.
//!
//! - `table`: all goals; `verdict`: what came of one; `figures`: medians of rounds
//! - `rounds`: what compared rounds tell (P01, P03, P04, P05, P08, P24, P30); `artemis`: starts and memory beside them (P30); `parts`: what is missing
//! - `backlog`: a queue that is long (P10, P13, P15, P16)
//! - `write_amp` (P06), `instructions` (P25), `copies` (P23), `conns` (P12), `idle` (P14), `start` (P26), `proof` (P29): each by itself
//! - `tails` (P02, P09), `queues` (P11), `soak` (P28): loads of their own
//! - `launch`: a broker for goals that time its start

mod artemis;
pub mod backlog;
pub mod conns;
pub mod copies;
mod figures;
pub mod idle;
pub mod instructions;
mod launch;
mod parts;
pub mod proof;
pub mod queues;
pub mod rounds;
pub mod soak;
pub mod start;
mod table;
pub mod tails;
mod verdict;
pub mod write_amp;

pub use figures::Told;
pub use parts::missing;
pub use table::{GOALS, Goal, find};
pub use verdict::{Bound, Verdict};

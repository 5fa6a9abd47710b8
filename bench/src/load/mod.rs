//! The generator of loads: its own encoders, one thread, one ring, no allocation for a message.
//!
//! A [`Plan`] says what is run; [`run()`] runs it and gives an [`Outcome`]. Inside, a [`Line`](line::Line) decides for one connection what is
//! sent and what an answer means, in the words of a [`Dialect`](speech::Dialect), and does no I/O; `drive` carries that out. A closed loop
//! tells throughput and cost; an open one sends on a schedule that does not wait for answers, so that its latencies hide no stall.

mod clock;
mod drive;
pub mod flight;
pub mod jms;
pub mod line;
mod plan;
mod queues;
mod run;
mod scenario;
mod schedule;
mod series;
pub mod speech;
pub mod tally;
pub mod template;

pub use plan::{Length, Plan, Warm, body};
pub use queues::{Queues, Spread};
pub use run::{Glimpse, Outcome, Phase, run};
pub use scenario::{Changes, Row, Scenario, rows};
pub use schedule::{Pace, Schedule};
pub use series::{Done, Subject, filling, perform};
pub use speech::Login;

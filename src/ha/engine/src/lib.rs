//! The rules of a pair: who may serve, what may be acked, who follows whom, as state machines without I/O and without a clock. Events and
//! `now` go in, commands come out; drivers carry them out. It imports nothing of ours, so that model, simulator and server run the same rules.

pub mod ha_state;
pub mod history;
pub mod ids;
pub mod limits;
pub mod register;
pub mod rules;
pub mod state;
pub mod vector;

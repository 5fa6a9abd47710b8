//! The rules of a pair: who may serve, what may be acked, who follows whom, as state machines without I/O and without a clock. Events and
//! `now` go in, commands come out; drivers carry them out. It imports nothing of ours, so that model, simulator and server run the same rules.

pub mod claim;
mod code;
pub mod command;
pub mod detect;
pub mod event;
pub mod gate;
pub mod ha_state;
pub mod history;
pub mod ids;
pub mod lease;
pub mod limits;
pub mod message;
pub mod register;
pub mod register_client;
pub mod register_value;
pub mod rules;
pub mod server;
pub mod settings;
pub mod start;
pub mod state;
pub mod table;
#[cfg(test)]
mod tests;
pub mod time;
pub mod vector;
#[cfg(test)]
mod walk;

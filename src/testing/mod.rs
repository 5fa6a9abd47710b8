//! Around the rooms: the simulator that proves them.
//!
//! A [`World`] is one store on a simulated disk, the brokers that live on it one after the other, and their clients. Everything
//! in it follows from one seed: the clock, the order of events, sizes, completions, faults and crashes. The rooms are those of the
//! server, and so is recovery; the loops around them are the simulator's. [`pair`] is two of these sites. [`oracle`] is a plain model of what a broker may say,
//! [`payload`] gives every message a body that shows any change.

mod clients;
pub mod lives;
mod machine;
pub mod oracle;
pub mod pair;
pub mod payload;
pub mod steps;
pub mod sweep;
mod world;

pub use machine::Crash;
pub use world::{Refusal, WorkEnd, World};

/// A broker that is wrong on purpose. It exists in the simulator only: its disk reports too early, its lanes are told too much, or its end is
/// not the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// It is as it should be.
    None,
    /// A write is reported when it is written, without the flush.
    NoFlush,
    /// The replica of a pair reports a write when it is written, without the flush.
    ReplicaNoFlush,
    /// A promise, and so an answer, waits for its own lane only: whatever it relies on elsewhere counts as promised.
    OwnLaneOnly,
    /// A broker that stops because something cannot be read back leaves no word of it for the next start.
    ForgetsDamage,
}

/// How large a world is.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Journal lanes.
    pub lanes: u16,
    /// Data cores, as far as there are lanes for them.
    pub cores: u16,
    /// Clients do nothing but small transactions.
    pub only_transactions: bool,
}

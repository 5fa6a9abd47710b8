//! Reattach: connections of a client with a confirmation window are cut, again and again; everything counts once, in order.
//!
//! The client knows no I/O: it runs against whole cores in one process, cut at every byte, and against the built broker over TCP. Its
//! controls are lies about the numbers, each of which is what a broker would cause that counts wrongly.

mod channel;
mod client;
mod run;
mod work;

pub use client::Client;
pub use run::{CUTS_PER_ROUND, Figures, Stage, controls, round};

/// What a client has to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Confirmation window in bytes.
    pub window: i32,
    /// Messages of the session that does not wait.
    pub messages: u64,
    /// Commits of two messages each.
    pub commits: u64,
    /// The queue of the messages, and the two of the commits.
    pub queues: [String; 3],
}

/// A planted fault: a number that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// None.
    None,
    /// The broker's number of handled packets is taken for one more.
    HandledHigh,
    /// It is taken for one less.
    HandledLow,
    /// The broker ignores the client's number of received packets, and sends what the client has.
    ReceivedIgnored,
    /// The broker sends nothing again.
    NothingAgain,
}

impl Lie {
    /// Every one that must be caught.
    pub const ALL: [Self; 4] = [Self::HandledHigh, Self::HandledLow, Self::ReceivedIgnored, Self::NothingAgain];
}

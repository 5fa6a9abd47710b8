//! A transaction as its client knows it: all of it or nothing.

use std::fmt;

use super::Life;
use super::message::Identity;

/// Which transaction of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionNumber(pub u64);

impl fmt::Display for TransactionNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "transaction {}", self.0)
    }
}

/// What is known of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its commit was not asked for.
    Open,
    /// Its commit was asked for, nothing more is known.
    Unknown,
    /// It took effect: acked, or one of its messages was delivered.
    Done,
    /// It had no effect: rolled back, refused, or one of the messages it took came again.
    Never,
}

/// One transaction.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) life: Life,
    pub(super) state: State,
    /// The connection of its client was lost before the answer to its commit.
    pub(super) adrift: bool,
    pub(super) sends: Vec<Identity>,
    pub(super) takes: Vec<Identity>,
}

impl Transaction {
    pub(super) fn new(life: Life) -> Self {
        Self { life, state: State::Open, adrift: false, sends: Vec::new(), takes: Vec::new() }
    }
}

impl fmt::Display for Transaction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Open => "open",
            State::Unknown => "committed without an answer",
            State::Done => "took effect",
            State::Never => "had no effect",
        };
        write!(out, "of life {}, {state}, sends", self.life.0)?;
        let places = |out: &mut fmt::Formatter<'_>, of: &[Identity]| {
            of.iter().try_for_each(|it| write!(out, " {}/{}@{}", it.producer.0, it.sequence.0, it.queue.0))
        };
        places(out, &self.sends)?;
        write!(out, ", takes")?;
        places(out, &self.takes)
    }
}

//! A message as its sender and its consumers know it.

use std::fmt;

use super::Life;
use super::transaction::TransactionNumber;

/// One queue of the store under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueNumber(pub u16);

/// One sender of the store under test; it goes on where it was after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProducerNumber(pub u16);

/// The place of a message among all of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequence(pub u64);

/// Which message: all that tells it from others, and where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Who sent it.
    pub producer: ProducerNumber,
    /// The how manieth of its sender it is.
    pub sequence: Sequence,
    /// Where it was sent to.
    pub queue: QueueNumber,
    /// 0 to 9; order holds among messages of the same.
    pub priority: u8,
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { producer, sequence, queue, priority } = self;
        write!(out, "message {} of producer {} to queue {}, priority {priority}", sequence.0, producer.0, queue.0)
    }
}

/// What is known of its being stored, if it was sent outside of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// No answer.
    Unknown,
    /// Acked, or delivered, or part of what was.
    Stored,
    /// Refused, or known to be absent.
    Never,
}

/// What is known of its being consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consumed {
    /// Nobody has acknowledged it.
    No,
    /// Acknowledged in this life, no answer.
    Unknown(Life),
    /// Acknowledged without an answer, and its connection is gone: it may come again at any time, or never.
    Adrift,
    /// As the transaction ends.
    Within(TransactionNumber),
    /// For good, acked in this life.
    Gone(Life),
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) sent_in: Life,
    pub(super) sent: Sent,
    pub(super) transaction: Option<TransactionNumber>,
    pub(super) seen: bool,
    pub(super) consumed: Consumed,
    /// Judged: what is known of it will not change any more.
    pub(super) settled: bool,
}

impl Message {
    pub(super) fn new(life: Life, transaction: Option<TransactionNumber>) -> Self {
        Self { sent_in: life, sent: Sent::Unknown, transaction, seen: false, consumed: Consumed::No, settled: false }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "sent in life {}", self.sent_in.0)?;
        match (self.transaction, self.sent) {
            (Some(number), _) => write!(out, " within {number}")?,
            (None, Sent::Unknown) => write!(out, " without an answer")?,
            (None, Sent::Stored) => write!(out, ", stored")?,
            (None, Sent::Never) => write!(out, ", not stored")?,
        }
        write!(out, ", {}", if self.seen { "delivered before" } else { "never delivered" })?;
        match self.consumed {
            Consumed::No => write!(out, ", not acknowledged"),
            Consumed::Unknown(life) => write!(out, ", acknowledged in life {} without an answer", life.0),
            Consumed::Adrift => write!(out, ", acknowledged on a connection that was lost before the answer"),
            Consumed::Within(number) => write!(out, ", acknowledged within {number}"),
            Consumed::Gone(life) => write!(out, ", acknowledged and acked in life {}", life.0),
        }
    }
}

//! The sends of one open transaction in one home.

use std::ops::Range;

use crate::limits;
use crate::mail::{Failure, FailureKind};
use crate::message::AddressKey;
use crate::routing::Targets;

/// A send that waits for its commit.
#[derive(Clone, Debug)]
pub struct StagedSend {
    /// Where it goes.
    pub address: AddressKey,
    /// The queues that get it, chosen when it came.
    pub targets: Targets,
    /// Its encoded bytes in [`Staged::bytes`].
    pub range: Range<usize>,
    /// 0 to 9.
    pub priority: u8,
    /// Survives a crash?
    pub durable: bool,
}

/// The open transaction of one session in one home.
#[derive(Debug, Default)]
pub struct Staged {
    /// The encoded messages, one after the other.
    pub bytes: Vec<u8>,
    /// The sends, in order.
    pub sends: Vec<StagedSend>,
    /// Acknowledgements marked so far; bounds the record run of the commit.
    pub marked: usize,
    /// Why it can only be rolled back: the first error of something that nobody waited for.
    pub failure: Option<Failure>,
}

impl Staged {
    /// Takes a send.
    ///
    /// # Errors
    /// The transaction has reached a bound; from now on it can only be rolled back.
    pub fn send(&mut self, message: &[u8], send: impl FnOnce(Range<usize>) -> StagedSend) -> Result<(), Failure> {
        let start = self.bytes.len();
        let fits = start.saturating_add(message.len()) <= limits::TRANSACTION_BYTES_MAX;
        if !fits || self.sends.len() + self.marked >= limits::TRANSACTION_OPERATIONS_MAX {
            let text = format!(
                "the transaction is larger than {} MiB or {} operations: commit more often",
                limits::TRANSACTION_BYTES_MAX >> 20,
                limits::TRANSACTION_OPERATIONS_MAX
            );
            return Err(self.fail(Failure::new(FailureKind::Full, text)));
        }
        self.bytes.extend_from_slice(message);
        self.sends.push(send(start..self.bytes.len()));
        Ok(())
    }

    /// From now on the transaction can only be rolled back; the first reason is kept.
    pub fn fail(&mut self, failure: Failure) -> Failure {
        self.failure.get_or_insert(failure).clone()
    }

    /// Has nothing been done in it?
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty() && self.marked == 0 && self.failure.is_none()
    }
}

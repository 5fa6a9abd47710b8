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

/// What a staged send takes beside its bytes: itself, and the queues of an address with some.
const SEND_BYTES: usize = size_of::<StagedSend>() + 64;

/// What a send would take of [`limits::STAGED_BYTES_PER_HOME_MAX`].
fn cost_of(message: &[u8]) -> usize {
    message.len().saturating_add(SEND_BYTES)
}

/// The open transaction of one session in one home.
#[derive(Debug, Default)]
pub struct Staged {
    /// The encoded messages, one after the other.
    pub bytes: Vec<u8>,
    /// The sends, in order.
    pub sends: Vec<StagedSend>,
    /// Bytes of the non-durable ones.
    pub volatile_bytes: usize,
    /// Acknowledgements marked so far; bounds the record run of the commit.
    pub marked: usize,
    /// Why it can only be rolled back: the first error of something that nobody waited for.
    pub failure: Option<Failure>,
}

impl Staged {
    /// Takes a send, if what is taken by then stays within `room`, for all that is staged in the home. One that can only be rolled back
    /// takes nothing any more.
    ///
    /// # Errors
    /// The transaction, or all of them, have reached a bound; from now on it can only be rolled back.
    pub fn send(
        &mut self,
        message: &[u8],
        room: usize,
        send: impl FnOnce(Range<usize>) -> StagedSend,
    ) -> Result<(), Failure> {
        if self.failure.is_some() {
            return Ok(());
        }
        let start = self.bytes.len();
        if cost_of(message) > room {
            let text = "the open transactions hold as many bytes as they may together: commit, and try again later";
            return Err(self.fail(Failure::new(FailureKind::Full, text)));
        }
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
        let send = send(start..self.bytes.len());
        self.volatile_bytes += if send.durable { 0 } else { message.len() };
        self.sends.push(send);
        Ok(())
    }

    /// What it takes of [`limits::STAGED_BYTES_PER_HOME_MAX`].
    pub fn cost(&self) -> usize {
        self.bytes.len() + self.sends.len() * SEND_BYTES
    }

    /// From now on the transaction can only be rolled back; the first reason is kept, and what was sent is not.
    pub fn fail(&mut self, failure: Failure) -> Failure {
        (self.bytes, self.sends, self.volatile_bytes) = (Vec::new(), Vec::new(), 0);
        self.failure.get_or_insert(failure).clone()
    }

    /// Has nothing been done in it?
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty() && self.marked == 0 && self.failure.is_none()
    }
}

//! How the register's versions go with etcd's revisions: what a request compares, and what its answer means.
//!
//! The register is one key without a lease: it must never go by itself. A write is one transaction: compare, then put, else get, so that a
//! lost comparison brings the value that won. Reads and transactions are linearizable (etcd's default); a serializable read would bring an old
//! value.
//!
//! The value carries the register's version, etcd compares the revision at which the key was last written. Both grow with every write, so a
//! member remembers the pair that it saw last. Comparing the revision also catches a hand that put an older value back.

use crate::register_client::{Answer, Compare};
use crate::register_value::{ValueError, decode};

/// The version of a value and the revision at which etcd stored it. What a late answer brings counts only if its revision is higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known {
    /// Of the register.
    pub version: u64,
    /// Of the key.
    pub mod_revision: u64,
}

impl Known {
    /// The newer one of what was known and what an answer brought.
    #[must_use]
    pub const fn newer(self, other: Self) -> Self {
        if other.mod_revision > self.mod_revision { other } else { self }
    }
}

/// The comparison of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCompare {
    /// `create_revision = 0`: there is no such key.
    Absent,
    /// `mod_revision = this`.
    ModRevision(u64),
}

/// What to compare so that a write takes effect only over the version that it names. `None`: the revision of that version is not known; read
/// first, and if the value has another version, the write is lost to it without a transaction ([`meaning_of_get`] and [`lost_to`]).
#[must_use]
pub fn compare(compare: Compare, known: Option<Known>) -> Option<KeyCompare> {
    match (compare, known) {
        (Compare::Absent, _) => Some(KeyCompare::Absent),
        (Compare::Version(version), Some(known)) if known.version == version => {
            Some(KeyCompare::ModRevision(known.mod_revision))
        }
        _ => None,
    }
}

/// A key with its value, as a get brings it.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The encoded register.
    pub value: &'a [u8],
    /// When it was written.
    pub mod_revision: u64,
}

/// The answer to a transaction.
#[derive(Clone, Copy, Debug)]
pub struct TxnAnswer<'a> {
    /// The comparison held, and the value was put.
    pub succeeded: bool,
    /// The revision in the answer's header; after a put it is that put's.
    pub revision: u64,
    /// What the get found, if the comparison failed.
    pub found: Option<Found<'a>>,
}

/// What an answer of etcd means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// For the client.
    pub answer: Answer,
    /// What is known of the key now.
    pub known: Option<Known>,
    /// The value cannot be read: a person must hear of it. Until then it is as if the register did not answer.
    pub unreadable: Option<ValueError>,
}

/// The meaning of the answer to a get.
#[must_use]
pub fn meaning_of_get(found: Option<Found<'_>>) -> Meaning {
    read(found, Answer::Value)
}

/// The meaning of a get that was made because a revision was missing and that brought another version than the write compares.
#[must_use]
pub fn lost_to(found: Option<Found<'_>>) -> Meaning {
    read(found, Answer::Lost)
}

/// The meaning of the answer to a transaction that compared `compared` and put a register of the version `written`.
#[must_use]
pub fn meaning_of_txn(compared: Compare, written: u64, answer: TxnAnswer<'_>) -> Meaning {
    if answer.succeeded {
        let known = Known { version: written, mod_revision: answer.revision };
        return Meaning { answer: Answer::Applied, known: Some(known), unreadable: None };
    }
    let mut meaning = read(answer.found, Answer::Lost);
    let expected = match compared {
        Compare::Version(version) => version,
        Compare::Absent | Compare::Anything => 0,
    };
    if let Answer::Lost(value) = &meaning.answer
        && value.as_ref().map_or(0, |value| value.version) == expected
    {
        // The same version at another revision: somebody wrote the value again as it was. With that revision the write may be tried again.
        meaning.answer = Answer::Unreachable;
    }
    meaning
}

fn read(found: Option<Found<'_>>, answer: impl Fn(Option<crate::register::Register>) -> Answer) -> Meaning {
    let Some(found) = found else { return Meaning { answer: answer(None), known: None, unreadable: None } };
    match decode(found.value) {
        Ok(register) => {
            let known = Known { version: register.version, mod_revision: found.mod_revision };
            Meaning { answer: answer(Some(register)), known: Some(known), unreadable: None }
        }
        Err(error) => Meaning { answer: Answer::Unreachable, known: None, unreadable: Some(error) },
    }
}

/// The meaning of an error, by its gRPC code. Only what etcd refuses for what it is (a wrong argument, no permission, no login) has certainly
/// had no effect. All others may come after a proposal was made: "request timed out" and "leader changed" are `UNAVAILABLE`.
#[must_use]
pub const fn meaning_of_error(code: u32) -> Answer {
    const INVALID_ARGUMENT: u32 = 3;
    const PERMISSION_DENIED: u32 = 7;
    const UNAUTHENTICATED: u32 = 16;
    match code {
        INVALID_ARGUMENT | PERMISSION_DENIED | UNAUTHENTICATED => Answer::Unreachable,
        _ => Answer::Unknown,
    }
}

/// The time to live of the key that tells of the holder: etcd counts whole seconds. The holder's own deadline is the lease itself, which is not
/// longer.
#[must_use]
pub const fn alive_seconds(lease: std::time::Duration) -> u64 {
    lease.as_secs().saturating_add((lease.subsec_nanos() > 0) as u64)
}

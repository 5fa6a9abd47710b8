//! How the register's versions go with etcd's revisions: what a request compares, and what its answer means.
//!
//! The register is one key without a lease: it must never go by itself. A write is one transaction: compare, then put, else get, so that a
//! lost comparison brings the value that won. Reads and transactions are linearizable (etcd's default); a serializable read would bring an old
//! value.
//!
//! The value carries the register's version, etcd compares the revision at which the key was last written. Both grow with every write, so a
//! member remembers the pair that it saw last. Comparing the revision also catches a hand that put an older value back.

use std::time::Duration;

use crate::register::Register;
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

fn read(found: Option<Found<'_>>, answer: impl Fn(Option<Register>) -> Answer) -> Meaning {
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
pub const fn alive_seconds(lease: Duration) -> u64 {
    lease.as_secs().saturating_add((lease.subsec_nanos() > 0) as u64)
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::ids::{Epoch, InstanceId, Member};
    use crate::register::AckMode;
    use crate::register_value::encode;

    fn register(version: u64) -> Register {
        Register {
            version,
            epoch: Epoch::NONE,
            holder: InstanceId::default(),
            in_sync: smallvec![Member::default()],
            ack_mode: AckMode::Durable,
            voters_version: 0,
        }
    }

    const fn known(version: u64, mod_revision: u64) -> Known {
        Known { version, mod_revision }
    }

    fn failed(compared: Compare, found: Option<(&[u8], u64)>) -> Meaning {
        let found = found.map(|(value, mod_revision)| Found { value, mod_revision });
        meaning_of_txn(compared, 5, TxnAnswer { succeeded: false, revision: 900, found })
    }

    #[test]
    fn a_version_is_compared_as_the_revision_that_is_known_of_it() {
        assert_eq!(compare(Compare::Version(4), Some(known(4, 70))), Some(KeyCompare::ModRevision(70)));
        // Of another version, or of none, nothing is known: read first.
        assert_eq!(compare(Compare::Version(4), Some(known(5, 71))), None);
        assert_eq!(compare(Compare::Version(4), None), None);
        for known in [None, Some(known(4, 70))] {
            assert_eq!(compare(Compare::Absent, known), Some(KeyCompare::Absent));
            assert_eq!(compare(Compare::Anything, known), None, "no server writes without comparing");
        }
    }

    #[test]
    fn a_put_has_the_revision_of_its_answer() {
        let answer = TxnAnswer { succeeded: true, revision: 900, found: None };
        let meaning = meaning_of_txn(Compare::Version(4), 5, answer);
        assert_eq!(meaning, Meaning { answer: Answer::Applied, known: Some(known(5, 900)), unreadable: None });
        // An answer that came after the next one does not bring an old revision back.
        assert_eq!(known(6, 950).newer(known(5, 900)), known(6, 950));
        assert_eq!(known(5, 900).newer(known(6, 950)), known(6, 950));
    }

    #[test]
    fn a_failed_comparison_brings_what_won() {
        let bytes = encode(&register(6)).unwrap();
        let meaning = failed(Compare::Version(4), Some((&bytes, 80)));
        assert_eq!(meaning.answer, Answer::Lost(Some(register(6))));
        assert_eq!(meaning.known, Some(known(6, 80)));
        // The key is gone, or was there before its creation.
        assert_eq!(failed(Compare::Version(4), None).answer, Answer::Lost(None));
        assert_eq!(failed(Compare::Absent, Some((&bytes, 80))).answer, Answer::Lost(Some(register(6))));
        // An older value was put back by hand: the client will see that.
        let bytes = encode(&register(3)).unwrap();
        assert_eq!(failed(Compare::Version(4), Some((&bytes, 80))).answer, Answer::Lost(Some(register(3))));
    }

    #[test]
    fn the_same_value_at_another_revision_is_tried_again() {
        let bytes = encode(&register(4)).unwrap();
        let meaning = failed(Compare::Version(4), Some((&bytes, 80)));
        assert_eq!(meaning.answer, Answer::Unreachable);
        assert_eq!(compare(Compare::Version(4), meaning.known), Some(KeyCompare::ModRevision(80)));
    }

    #[test]
    fn a_value_that_cannot_be_read_is_as_if_nobody_answered_and_is_told() {
        let mut bytes = encode(&register(6)).unwrap();
        bytes[20] ^= 1;
        let expected = Meaning { answer: Answer::Unreachable, known: None, unreadable: Some(ValueError::Crc) };
        assert_eq!(failed(Compare::Version(4), Some((&bytes, 80))), expected);
        let found = || Some(Found { value: &bytes, mod_revision: 80 });
        assert_eq!(meaning_of_get(found()), expected);
        assert_eq!(lost_to(found()), expected);
    }

    #[test]
    fn a_get_brings_a_value_or_that_there_is_none() {
        assert_eq!(meaning_of_get(None).answer, Answer::Value(None));
        assert_eq!(lost_to(None).answer, Answer::Lost(None));
        let bytes = encode(&register(6)).unwrap();
        let meaning = meaning_of_get(Some(Found { value: &bytes, mod_revision: 80 }));
        assert_eq!(meaning.answer, Answer::Value(Some(register(6))));
        assert_eq!(meaning.known, Some(known(6, 80)));
    }

    #[test]
    fn only_what_was_refused_for_what_it_is_has_certainly_had_no_effect() {
        for code in 0..=20 {
            let certain = [3, 7, 16].contains(&code);
            assert_eq!(meaning_of_error(code), if certain { Answer::Unreachable } else { Answer::Unknown }, "{code}");
        }
    }

    #[test]
    fn the_lease_of_the_alive_key_is_never_shorter_than_the_holders() {
        for (ms, seconds) in [(1, 1), (999, 1), (1_000, 1), (1_001, 2), (2_000, 2), (2_500, 3)] {
            assert_eq!(alive_seconds(Duration::from_millis(ms)), seconds);
        }
    }
}

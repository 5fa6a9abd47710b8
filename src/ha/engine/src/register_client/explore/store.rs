//! What keeps the register in a walk: a plain one that compares versions, or a key of etcd that compares revisions, spoken to through
//! `etcd.rs`.

use super::super::etcd::{
    Found, KeyCompare, Known, Meaning, TxnAnswer, compare, lost_to, meaning_of_get, meaning_of_txn,
};
use super::super::{Answer, Ask, Compare};
use crate::register::Register;
use crate::register_value::encode;

/// The value and, for etcd, the revision at which it was put.
#[derive(Clone, Debug, Hash)]
pub(super) struct Store {
    pub(super) etcd: bool,
    pub(super) value: Option<Register>,
    /// Of the whole store: other keys are written too.
    pub(super) revision: u64,
    mod_revision: u64,
}

/// A request under way.
#[derive(Clone, Debug, Hash)]
pub(super) enum Asked {
    Plain(Ask),
    /// A get; with the write that could not be made before, since the revision of its version was not known.
    Get(Option<(Compare, Register)>),
    Txn(Compare, KeyCompare, Register),
}

/// An answer under way.
#[derive(Clone, Debug, Hash)]
pub(super) enum Brought {
    Plain(Answer),
    Got(Option<(Compare, Register)>, Option<(Register, u64)>),
    Txn { compared: Compare, written: u64, succeeded: bool, revision: u64, found: Option<(Register, u64)> },
}

/// What a driver makes of an answer.
pub(super) enum Made {
    /// The client hears of it.
    Answer(Answer),
    /// Now the write can be made.
    Ask(Asked),
}

impl Store {
    pub(super) const fn new(etcd: bool, value: Option<Register>) -> Self {
        Self { etcd, value, revision: 7, mod_revision: 7 }
    }

    /// The request that a driver makes of what the client asks.
    pub(super) fn asked(&self, ask: Ask, known: Option<Known>) -> Asked {
        match ask {
            ask if !self.etcd => Asked::Plain(ask),
            Ask::Read => Asked::Get(None),
            Ask::Write { compare: compared, value } => match compare(compared, known) {
                Some(key) => Asked::Txn(compared, key, value),
                None => Asked::Get(Some((compared, value))),
            },
        }
    }

    /// The request is carried out: its answer, and what it put.
    pub(super) fn take(&mut self, asked: Asked) -> (Brought, Option<Register>) {
        match asked {
            Asked::Plain(Ask::Read) => (Brought::Plain(Answer::Value(self.value.clone())), None),
            Asked::Plain(Ask::Write { compare, value }) => {
                let fits = match compare {
                    Compare::Absent => self.value.is_none(),
                    Compare::Version(version) => self.value.as_ref().is_some_and(|now| now.version == version),
                    Compare::Anything => true,
                };
                if fits {
                    (Brought::Plain(Answer::Applied), Some(value))
                } else {
                    (Brought::Plain(Answer::Lost(self.value.clone())), None)
                }
            }
            Asked::Get(write) => (Brought::Got(write, self.found()), None),
            Asked::Txn(compared, key, value) => {
                let succeeded = match key {
                    KeyCompare::Absent => self.value.is_none(),
                    KeyCompare::ModRevision(revision) => self.value.is_some() && self.mod_revision == revision,
                };
                let found = if succeeded { None } else { self.found() };
                let revision = self.revision + u64::from(succeeded);
                (
                    Brought::Txn { compared, written: value.version, succeeded, revision, found },
                    succeeded.then_some(value),
                )
            }
        }
    }

    /// A value is put.
    pub(super) fn put(&mut self, value: Register) {
        self.revision += 1;
        self.mod_revision = self.revision;
        self.value = Some(value);
    }

    fn found(&self) -> Option<(Register, u64)> {
        self.value.clone().map(|value| (value, self.mod_revision))
    }
}

/// What a driver makes of what came, and what it knows of the key from now on.
pub(super) fn made(brought: Brought, known: &mut Option<Known>) -> Made {
    let with_bytes = |found: Option<(Register, u64)>, read: &dyn Fn(Option<Found<'_>>) -> Meaning| match found {
        Some((value, mod_revision)) => {
            let bytes = encode(&value).unwrap();
            read(Some(Found { value: &bytes, mod_revision }))
        }
        None => read(None),
    };
    let meaning = match brought {
        Brought::Plain(answer) => return Made::Answer(answer),
        Brought::Got(None, found) => with_bytes(found, &meaning_of_get),
        Brought::Got(Some((compared, value)), found) => {
            let meaning = with_bytes(found, &lost_to);
            if let Some(key) = compare(compared, meaning.known) {
                *known = newer(*known, meaning.known);
                return Made::Ask(Asked::Txn(compared, key, value));
            }
            meaning
        }
        Brought::Txn { compared, written, succeeded, revision, found } => {
            with_bytes(found, &|found| meaning_of_txn(compared, written, TxnAnswer { succeeded, revision, found }))
        }
    };
    *known = newer(*known, meaning.known);
    Made::Answer(meaning.answer)
}

fn newer(known: Option<Known>, brought: Option<Known>) -> Option<Known> {
    match (known, brought) {
        (Some(known), Some(brought)) => Some(known.newer(brought)),
        (known, brought) => brought.or(known),
    }
}

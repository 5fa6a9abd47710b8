//! The rules of the house, as tests: what a reader may rely on in every file of this repository.
//!
//! Takes the files that git tracks or would track, gives one test per rule. A rule is a pure function from a [`tree::Tree`]
//! to findings, so that every rule also runs on a small planted tree: a rule that catches nothing proves nothing.
//! What must stay true: no rule has an exception list that can grow without a reason beside it.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may stop where it stands")]

// What is looked at.
mod source;
mod tree;

// One file.
mod headers;
mod length;
mod names;
mod private_places;
mod skips;
mod unsafe_code;
mod words;

// Between files.
mod crates;
mod documents;
mod events;
mod pair_rules;
mod rooms;
mod top_level;

// Dependencies.
mod licences;
mod manifests;

// What the tests prove.
mod proofs;
mod requirements;

use std::fmt;

/// One broken rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// Counted from 1; 0 means the whole file.
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// Fails with every finding, one a line.
#[track_caller]
pub(crate) fn expect_none(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} finding(s):\n{}", lines.len(), lines.join("\n"));
}

/// The control of a rule: the planted tree must give exactly these places.
#[track_caller]
pub(crate) fn expect_places(findings: &[Finding], places: &[(&str, usize)]) {
    let found: Vec<(&str, usize)> = findings.iter().map(|f| (f.path.as_str(), f.line)).collect();
    assert_eq!(found, places, "found: {findings:#?}");
}

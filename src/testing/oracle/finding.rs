//! What was wrong, by kind, with the first few in words.

use std::collections::BTreeMap;
use std::fmt;

/// Findings that are kept in words; the others only count.
const TEXTS_MAX: usize = 40;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An acked send, or all of an acked commit, is not there.
    Lost,
    /// Delivered, and never sent, or refused, or of a transaction that had no effect.
    Phantom,
    /// Delivered with other bytes, or from another queue.
    Corrupt,
    /// Delivered again after its acknowledgement was acked, or while it was in the same consumer's hands.
    Resurrected,
    /// Delivered after a later one of the same sender.
    Order,
    /// A transaction took effect in part.
    Torn,
    /// The broker did not start, did not answer, or complained.
    Broker,
}

impl Kind {
    /// All kinds, in the order of the report.
    pub const ALL: [Kind; 7] =
        [Kind::Lost, Kind::Phantom, Kind::Corrupt, Kind::Resurrected, Kind::Order, Kind::Torn, Kind::Broker];

    /// The word of the report.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Lost => "acked lost",
            Kind::Phantom => "phantom",
            Kind::Corrupt => "corrupt",
            Kind::Resurrected => "resurrected",
            Kind::Order => "out of order",
            Kind::Torn => "torn",
            Kind::Broker => "broker",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// The history that shows it.
    pub text: String,
}

/// All that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    counts: BTreeMap<Kind, u64>,
    texts: Vec<Finding>,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        *self.counts.entry(finding.kind).or_default() += 1;
        if self.texts.len() < TEXTS_MAX {
            self.texts.push(finding);
        }
    }

    /// How many of a kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// Is nothing wrong?
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Takes over the findings of another store.
    pub fn merge(&mut self, other: &Findings) {
        for (kind, count) in &other.counts {
            *self.counts.entry(*kind).or_default() += count;
        }
        let room = TEXTS_MAX.saturating_sub(self.texts.len());
        self.texts.extend(other.texts.iter().take(room).cloned());
    }

    /// Those of some kinds.
    #[must_use]
    pub fn only(&self, kinds: &[Kind]) -> Self {
        let counts = self.counts.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(kind, count)| (*kind, *count));
        let texts = self.texts.iter().filter(|finding| kinds.contains(&finding.kind)).cloned();
        Self { counts: counts.collect(), texts: texts.collect() }
    }

    /// Counts some of a kind of which the words are not known any more.
    pub fn count(&mut self, kind: Kind, count: u64) {
        if count > 0 {
            *self.counts.entry(kind).or_default() += count;
        }
    }

    /// The first few in words.
    pub fn texts(&self) -> &[Finding] {
        &self.texts
    }
}

/// One line: every kind with its count.
impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            write!(out, "{}{} {}", if at == 0 { "" } else { ", " }, kind.word(), self.of(kind))?;
        }
        Ok(())
    }
}

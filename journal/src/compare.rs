//! Comparing two copies of a lane: the common point by their histories, and the proof by their chains. Decides and reads nothing itself.
//!
//! Takes what both sides say of a lane, and answers about borders; gives the point up to which they are the same, or says that they differ
//! where one writer made both. What must stay true: lanes are never called equal without a chain that says so, and where the chains differ
//! below a common epoch nothing is to be cut: that is damage, and only a person can say which copy is right.
//!
//! Equal chains at one border mean equal lanes up to there, so the last equal border is found by halving: first over segments, by the border
//! behind the first block of each, which costs one block on either side; then within one segment.

use crate::border::{Border, BorderError, BorderReader};
use crate::epoch::EpochEntry;
use crate::geometry::Geometry;
use crate::ids::{Chain, EpochId, LaneId, Lsn, SegmentSequence};
use crate::lane::LaneTail;
use crate::limits::PAGE_BYTES;

/// What one side says of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneHistory {
    /// Which lane.
    pub lane: LaneId,
    /// Its epochs, oldest first, as far back as they are known.
    pub history: Vec<EpochEntry>,
    /// Where it ends.
    pub end: Lsn,
    /// The oldest segment that is there.
    pub first_kept: SegmentSequence,
}

impl From<&LaneTail> for LaneHistory {
    fn from(tail: &LaneTail) -> Self {
        Self { lane: tail.lane, history: tail.history.clone(), end: tail.end, first_kept: tail.first_kept }
    }
}

/// Where an epoch ends: where the next one begins, or the lane.
fn epoch_end(history: &LaneHistory, number: u64) -> Lsn {
    history.history.iter().find(|entry| entry.epoch.number > number).map_or(history.end, |entry| entry.start)
}

/// What two histories have in common, as far as they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommonPoint {
    /// One of the lanes is empty: they have nothing in common, and nothing speaks against that.
    Beginning,
    /// The last epoch that both name, in number and activation, and the end of it on the side where it ended first.
    In {
        /// Which epoch.
        epoch: EpochId,
        /// Where either side may still be the same.
        at: Lsn,
    },
    /// Both name epochs, and no common one.
    Nowhere,
    /// Both name the epoch, and say that it began differently.
    Contradiction {
        /// Which epoch.
        epoch: EpochId,
        /// Where it begins, on the side where it begins first.
        at: Lsn,
    },
}

/// The common point of two lanes by their histories alone. One writer made each epoch, so both sides hold the same blocks of the last common
/// one up to the end of the shorter part; its chain has to prove it.
#[must_use]
pub fn common_point(ours: &LaneHistory, theirs: &LaneHistory) -> CommonPoint {
    if ours.end == Lsn::ZERO || theirs.end == Lsn::ZERO {
        return CommonPoint::Beginning;
    }
    let shared = ours.history.iter().rev().find_map(|mine| {
        let other = theirs.history.iter().find(|other| other.epoch == mine.epoch)?;
        Some((mine, other))
    });
    let Some((mine, other)) = shared else { return CommonPoint::Nowhere };
    let epoch = mine.epoch;
    if (mine.start, mine.chain) != (other.start, other.chain) {
        return CommonPoint::Contradiction { epoch, at: mine.start.min(other.start) };
    }
    CommonPoint::In { epoch, at: epoch_end(ours, epoch.number).min(epoch_end(theirs, epoch.number)) }
}

/// What to read next on our side; the other side is then asked for its chain at the border that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The border behind the first block of this segment.
    BehindFirst(SegmentSequence),
    /// The last border at or before this position.
    AtOrBefore(Lsn),
}

/// The search for the last border at which two lanes have the same chain.
#[derive(Clone, Debug)]
pub struct ChainSearch {
    geometry: Geometry,
    /// The last border that is known to be equal.
    equal: Option<Border>,
    /// No border of ours lies behind `equal` and at or before this.
    nothing_to: Lsn,
    /// No border at or behind this one is equal.
    differs_from: Lsn,
    /// The segments whose first blocks are not compared yet: from, and up to but without.
    segments: (SegmentSequence, SegmentSequence),
}

impl ChainSearch {
    /// Both lanes have their segments from `first` on, and reach at least to `end`.
    #[must_use]
    pub fn new(geometry: Geometry, first: SegmentSequence, end: Lsn) -> Self {
        let (last, offset) = geometry.place(end);
        let is_begun = end.0 > 0 && offset > geometry.place(geometry.start(last)).1;
        let equal = (first == SegmentSequence::default()).then(Border::default);
        let segments = (first, if is_begun { last.next() } else { last });
        let differs_from = end.plus(PAGE_BYTES as u64);
        Self { geometry, equal, nothing_to: geometry.start(first), differs_from, segments }
    }

    /// What to ask next; `None` when it is done.
    #[must_use]
    pub fn next(&self) -> Option<Question> {
        let (from, to) = self.segments;
        if from < to {
            return Some(Question::BehindFirst(SegmentSequence(from.0.midpoint(to.0 - 1))));
        }
        self.equal?;
        let pages = self.differs_from.since(self.nothing_to) / PAGE_BYTES as u64;
        (pages > 1).then(|| Question::AtOrBefore(self.nothing_to.plus(pages / 2 * PAGE_BYTES as u64)))
    }

    /// What the question brought: the border on our side, and whether the other side has it with the same chain.
    pub fn answer(&mut self, question: Question, ours: Border, is_equal: bool) {
        let is_known = self.equal.is_some_and(|equal| ours.lsn <= equal.lsn);
        if is_equal && !is_known {
            self.equal = Some(ours);
            self.nothing_to = self.nothing_to.max(ours.lsn);
        } else if !is_known {
            self.differs_from = self.differs_from.min(ours.lsn);
        }
        match question {
            Question::BehindFirst(segment) if is_equal => self.segments.0 = segment.next(),
            Question::BehindFirst(segment) => self.segments.1 = segment,
            Question::AtOrBefore(at) if is_equal || is_known => self.nothing_to = self.nothing_to.max(at),
            Question::AtOrBefore(_) => {}
        }
    }

    /// The last equal border, when it is done; `None` if the first blocks of the first segment that both have differ.
    #[must_use]
    pub const fn last_equal(&self) -> Option<Border> {
        self.equal
    }

    /// The segments of the lane.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }
}

/// Answers for the other side: its chain at a position, if a block ends there.
pub type ChainOf<'a> = &'a mut dyn FnMut(Lsn) -> Result<Option<Chain>, BorderError>;

/// Drives a search to its end: our side is read, the other one asked. Gives the last equal border and the number of questions.
///
/// # Errors
/// When a block on the way is not as it should be on either side.
pub fn search(
    mut search: ChainSearch,
    ours: &mut BorderReader<'_>,
    theirs: ChainOf<'_>,
) -> Result<(Option<Border>, u32), BorderError> {
    let mut asked = 0;
    while let Some(question) = search.next() {
        let border = match question {
            Question::BehindFirst(segment) => ours.behind_first(segment)?,
            Question::AtOrBefore(at) => ours.at_or_before(at)?,
        };
        let is_equal = theirs(border.lsn)? == Some(border.chain);
        search.answer(question, border, is_equal);
        asked += 1;
    }
    Ok((search.last_equal(), asked))
}

/// How two copies of a lane stand to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneComparison {
    /// They are the same up to here, by their chains, and the histories say that they part here.
    Common(Border),
    /// One writer made both up to `at`, and they differ before: one of them is damaged. Nothing may be cut.
    Corrupt {
        /// Up to where the histories say that they are the same.
        at: Lsn,
        /// The last border at which they are; `None` if it lies before what both still have.
        equal: Option<Lsn>,
    },
    /// The common point lies before the first segment that one side still has: only a new copy helps.
    TooOld {
        /// The common point.
        at: Lsn,
    },
    /// The histories name no common epoch.
    Strangers,
}

/// Compares two copies of a lane: histories first, then chains.
///
/// # Errors
/// As for [`search`].
pub fn compare_lane(
    geometry: Geometry,
    (ours, theirs): (&LaneHistory, &LaneHistory),
    reader: &mut BorderReader<'_>,
    ask: ChainOf<'_>,
) -> Result<LaneComparison, BorderError> {
    let first = ours.first_kept.max(theirs.first_kept);
    let (at, is_contradiction) = match common_point(ours, theirs) {
        CommonPoint::Beginning => (Lsn::ZERO, false),
        CommonPoint::In { at, .. } => (at, false),
        CommonPoint::Contradiction { at, .. } => (at, true),
        CommonPoint::Nowhere => return Ok(LaneComparison::Strangers),
    };
    if first > SegmentSequence::default() && at <= geometry.start(first) {
        return Ok(LaneComparison::TooOld { at });
    }
    let border = reader.at_or_before(at)?;
    if !is_contradiction && border.lsn == at && ask(at)? == Some(border.chain) {
        return Ok(LaneComparison::Common(border));
    }
    let (equal, _) = search(ChainSearch::new(geometry, first, at), reader, ask)?;
    Ok(LaneComparison::Corrupt { at, equal: equal.map(|border| border.lsn) })
}

//! What a start does where a lane's contiguous valid blocks end. One pure function; its test walks every input.
//!
//! # Why nothing behind a cut is ever taken as data
//!
//! A lane of epoch e is cut at position c (a torn tail, or an accepted loss). Valid blocks of epoch e may lie behind c, and the lane grows
//! over them. Three checks keep them out; any one would do for most cases, together they leave none:
//!
//! 1. *Epoch.* The first block written at c is the start of an epoch f > e: f is made durable in `ha.state` before, and every later block
//!    has an epoch of at least f. A scan refuses a block whose epoch is below that of its predecessor. So once the start of f is durable, an
//!    old block at the end of the new ones has the wrong epoch, even if its LSN fits to the byte. (Its promised position is lower than that
//!    of the new blocks as well, and must not be.)
//! 2. *Chain.* An old block's chain is a hash over its old predecessors. The block at c was invalid, so the new lane differs at c, and no
//!    old block can follow (up to a collision of 128 bits).
//! 3. *Order of writing.* Until the start of f is durable on every lane, nothing of f is promised or even appended. If it is lost, the scan
//!    ends at c again, with the same evidence behind: the same decision, nobody was told anything in between.
//!
//! An accepted loss is honoured only at the very position where the scan stops, which is where the block is invalid. Cutting *before* a
//! valid block would break step 2: if the start of f is then torn while the old block at c survives, the old block follows again. Whoever
//! must cut valid blocks (a backup that truncates) therefore writes a TERMINATOR there first, and flushes it; a scan that meets one ends
//! without looking behind it.
//!
//! What is kept is flushed before the start of f is written. Without it: (1) a process dies, its last block lies in the disk's volatile
//! cache; (2) the next start reads it from there, keeps it, and writes its start block with FUA, which flushes nothing else; (3) power
//! fails: the start block is there, the block before it is not, and promises of epoch f that include it are broken.
//!
//! # What is known to be promised
//!
//! The header of every valid block carries its lane's promised position. Behind a hole only blocks of the tail's epoch or a later one
//! count: an older one was cut away by a start that has been durable since. A clean stop leaves the positions of all lanes in `ha.state`.

use crate::segment::SegmentHeaderError;

/// What stands at the position where the next block would have to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// No file has this position.
    NoFile,
    /// No block of this place and time: zeroes, what a recycled file held before, a block of a cut-off epoch.
    Blank,
    /// A block of this place, but not as it was written, or not behind this lane.
    Torn,
    /// The disk refuses to read it.
    Unreadable,
    /// The file's header is damaged.
    BadHeader,
    /// The file is sound and belongs elsewhere.
    Foreign,
    /// Written by a newer program.
    Newer,
    /// A valid TERMINATOR.
    Terminator,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NoFile,
        Self::Blank,
        Self::Torn,
        Self::Unreadable,
        Self::BadHeader,
        Self::Foreign,
        Self::Newer,
        Self::Terminator,
    ];

    pub(super) const fn of_header(error: SegmentHeaderError) -> Self {
        match error {
            SegmentHeaderError::Damaged => Self::BadHeader,
            SegmentHeaderError::NewerVersion => Self::Newer,
            SegmentHeaderError::ForeignStore(_)
            | SegmentHeaderError::ForeignLane(_)
            | SegmentHeaderError::ForeignSequence(_)
            | SegmentHeaderError::ForeignSize(_) => Self::Foreign,
        }
    }
}

/// Who else may have what is missing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Nobody: a live-only server, or the only copy.
    Alone,
    /// A peer may have a longer tail.
    Pair,
    /// This is a copy that is not finished, as `ha.state` says: its peer has all of it. It is written in two ranges at once, so between
    /// them, and between its lanes, anything may be missing, promised or not; whatever is, is copied again.
    Unfinished,
}

/// What the operator said about this lane (`--accept-loss LANE@LSN`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nothing.
    None,
    /// Cut exactly here.
    Here,
    /// Cut at another position.
    Elsewhere,
}

/// All that the decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// What stands there.
    pub place: Place,
    /// A promise is known that reaches beyond this position.
    pub below_promised: bool,
    /// Valid blocks of the tail's epoch or a later one stand behind.
    pub evidence: bool,
    /// Who else may have it.
    pub company: Company,
    /// What the operator said.
    pub consent: Consent,
}

/// What the start does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The lane ends here, as it should.
    End,
    /// A torn tail: cut. Nothing that was acked is missing.
    CutTorn,
    /// Cut, and say what stood behind.
    CutWithEvidence,
    /// Cut, because the operator accepts the loss; the epoch history records it.
    CutAccepted,
    /// Cut: the peer has what is missing here.
    CutUnfinished,
    /// Promised data is missing: refuse, with the place and the way out.
    RefuseCorruption,
    /// The file is not this store's: refuse; the way out is to move it away.
    RefuseForeign,
    /// Refuse; the way out is the newer program.
    RefuseNewer,
    /// The operator named another position: refuse, cut nothing.
    RefuseConsent,
    /// Undecided until the peer's tail is known.
    WaitForPeer,
}

/// The table.
#[must_use]
pub const fn decide(hole: Hole) -> Verdict {
    match hole {
        // What is certainly not ours, or not for us to judge, is never cut.
        Hole { place: Place::Foreign, .. } => Verdict::RefuseForeign,
        Hole { place: Place::Newer, .. } => Verdict::RefuseNewer,
        // Below a promise: only the operator can give that up, and only by its exact name.
        Hole { below_promised: true, consent: Consent::Here, .. } => Verdict::CutAccepted,
        Hole { below_promised: true, company: Company::Unfinished, consent: Consent::None, .. } => {
            Verdict::CutUnfinished
        }
        Hole { below_promised: true, .. } => Verdict::RefuseCorruption,
        // Nothing here needs a consent: one that names another place is a mistake, and cutting on a mistake is how data is lost.
        Hole { consent: Consent::Elsewhere, .. } => Verdict::RefuseConsent,
        Hole { place: Place::Terminator, .. } => Verdict::End,
        Hole { evidence: true, company: Company::Pair, consent: Consent::None, .. } => Verdict::WaitForPeer,
        Hole { evidence: true, company: Company::Unfinished, .. } => Verdict::CutUnfinished,
        Hole { evidence: true, .. } => Verdict::CutWithEvidence,
        Hole { place: Place::NoFile | Place::Blank, .. } => Verdict::End,
        Hole { place: Place::Torn | Place::Unreadable | Place::BadHeader, .. } => Verdict::CutTorn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Hole> {
        let mut holes = Vec::new();
        for place in Place::ALL {
            for below_promised in [false, true] {
                for evidence in [false, true] {
                    for company in [Company::Alone, Company::Pair, Company::Unfinished] {
                        for consent in [Consent::None, Consent::Here, Consent::Elsewhere] {
                            holes.push(Hole { place, below_promised, evidence, company, consent });
                        }
                    }
                }
            }
        }
        holes
    }

    fn cuts(verdict: Verdict) -> bool {
        matches!(
            verdict,
            Verdict::CutTorn | Verdict::CutWithEvidence | Verdict::CutAccepted | Verdict::CutUnfinished | Verdict::End
        )
    }

    /// What the table promises, said a second time and another way: properties over all 288 inputs.
    #[test]
    fn every_input_keeps_the_rules() {
        assert_eq!(all().len(), 8 * 2 * 2 * 3 * 3);
        for hole in all() {
            let verdict = decide(hole);
            if hole.below_promised {
                let may_be_cut = hole.consent == Consent::Here
                    || (hole.company == Company::Unfinished && hole.consent == Consent::None);
                let given_up = may_be_cut && !matches!(hole.place, Place::Foreign | Place::Newer);
                assert_eq!(
                    cuts(verdict),
                    given_up,
                    "promised data is cut only by exact consent, or where it is copied again: {hole:?}"
                );
            }
            if matches!(hole.place, Place::Foreign | Place::Newer) {
                assert!(!cuts(verdict), "what is not ours to judge is never cut: {hole:?}");
            }
            if hole.consent == Consent::Elsewhere {
                assert!(!cuts(verdict), "a consent for another place never lets a start go on: {hole:?}");
            }
            if verdict == Verdict::CutAccepted {
                assert!(hole.below_promised, "a loss is recorded only where there is one: {hole:?}");
            }
            if hole.evidence && verdict == Verdict::End {
                assert_eq!(hole.place, Place::Terminator, "evidence is never passed over in silence: {hole:?}");
            }
            if verdict == Verdict::CutUnfinished {
                assert!(hole.company == Company::Unfinished && (hole.below_promised || hole.evidence), "{hole:?}");
            }
            if verdict == Verdict::WaitForPeer {
                assert!(hole.company == Company::Pair && hole.evidence && !hole.below_promised, "{hole:?}");
            }
            let tail = !hole.evidence && !hole.below_promised && hole.consent == Consent::None;
            if tail && !matches!(hole.place, Place::Foreign | Place::Newer) {
                assert!(cuts(verdict), "a tail without evidence never blocks a start: {hole:?}");
            }
        }
    }

    /// The table in numbers, so that a change of any row is noticed.
    #[test]
    fn the_table_as_counted() {
        let count = |wanted| all().into_iter().filter(|&hole| decide(hole) == wanted).count();
        assert_eq!(count(Verdict::RefuseForeign), 36);
        assert_eq!(count(Verdict::RefuseNewer), 36);
        assert_eq!(count(Verdict::CutAccepted), 36);
        assert_eq!(count(Verdict::RefuseCorruption), 60);
        assert_eq!(count(Verdict::RefuseConsent), 36);
        assert_eq!(count(Verdict::WaitForPeer), 5);
        assert_eq!(count(Verdict::CutWithEvidence), 15);
        assert_eq!(count(Verdict::CutUnfinished), 12 + 10);
        assert_eq!(count(Verdict::End), 12 + 6 + 6);
        assert_eq!(count(Verdict::CutTorn), 18);
    }
}

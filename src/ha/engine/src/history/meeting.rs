//! Two copies meet and nobody serves: which of them may (row 13 of the start's table). Both sides come to the same answer, each from its own view.
//!
//! Two copies that were compared prove more than one that remembers, but only if at least one of them was complete: a copy that was being made when
//! the other disk was replaced by an empty one is the longer of the two, and lacks most of it.

use crate::history::{History, Relation, acked_beyond};
use crate::ids::InstanceId;
use crate::vector::Vector;

/// What one side brings to a meeting.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Which installation.
    pub instance: InstanceId,
    /// Whether it is configured as the primary.
    pub primary: bool,
    /// Its epochs.
    pub history: &'a History,
    /// What it knows to have been promised.
    pub promised: &'a Vector,
    /// Whether it says of itself that it has everything that was acked ([`Eligible::Yes`](crate::ha_state::Eligible::Yes)), as far as it knows.
    pub complete: bool,
    /// To whom it has handed over, or whose activation it agreed to.
    pub handed_over: Option<InstanceId>,
    /// Whether it is quarantined: it has acked work alone, and that was judged before.
    pub quarantined: bool,
    /// Whether its network check says that it is cut off: of two that are as good, the other one serves.
    pub isolated: bool,
}

/// What follows for the one that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It may serve, if the other agrees.
    Mine {
        /// On some lane the other has more of the same writer's: that is taken over first.
        pull: bool,
    },
    /// It may serve, but nothing was compared: the other has nothing at all. Its disk is new, and may have taken the place of one that had more.
    Sole,
    /// The other may.
    Theirs,
    /// Neither is known to be complete: only the operator can say that this is all there is.
    NoProof,
    /// Both have acked what the other does not have.
    BothAcked,
    /// One of them is damaged.
    Corrupt,
}

impl Verdict {
    /// What the other side sees, but for what it would pull.
    #[must_use]
    pub const fn swapped(self) -> Self {
        match self {
            Self::Mine { .. } | Self::Sole => Self::Theirs,
            Self::Theirs => Self::Mine { pull: false },
            same => same,
        }
    }
}

/// Who of two may serve, seen from `mine`.
#[must_use]
pub fn meet(mine: &Side<'_>, theirs: &Side<'_>) -> Verdict {
    let relation = mine.history.relation(theirs.history);
    if relation == Relation::Conflict {
        return Verdict::Corrupt;
    }
    let (my_proof, their_proof) = (complete(mine, theirs, relation), complete(theirs, mine, relation.swapped()));
    let both_empty = mine.history.is_empty() && theirs.history.is_empty();
    if !(my_proof || their_proof || both_empty) {
        return Verdict::NoProof;
    }
    let verdict = |mine: bool, pull| if mine { Verdict::Mine { pull } } else { Verdict::Theirs };
    let (my_acked, their_acked) = match relation {
        Relation::Descendant if theirs.history.is_empty() => return Verdict::Sole,
        Relation::Descendant => return verdict(true, false),
        Relation::Ancestor => return verdict(false, false),
        Relation::Equal | Relation::Interleaved => {
            return verdict(preferred(mine, theirs, my_proof, their_proof), relation == Relation::Interleaved);
        }
        Relation::Diverged | Relation::Unrelated | Relation::Forgotten | Relation::Conflict => (
            acked_beyond(mine.history, mine.promised, theirs.history).is_some(),
            acked_beyond(theirs.history, theirs.promised, mine.history).is_some(),
        ),
    };
    match (my_acked, their_acked) {
        (true, true) if mine.quarantined == theirs.quarantined => Verdict::BothAcked,
        (true, true) => verdict(theirs.quarantined, false),
        // Who is not known to be complete may lack acked work of the part that both have.
        (true, false) if my_proof => verdict(true, false),
        (false, true) if their_proof => verdict(false, false),
        (true, false) | (false, true) => Verdict::NoProof,
        (false, false) => verdict(preferred(mine, theirs, my_proof, their_proof), false),
    }
}

/// Whether `side` is known to have everything that was acked: it says so itself, or the other one does that has handed over to it, and it has all
/// that this one has.
fn complete(side: &Side<'_>, other: &Side<'_>, relation: Relation) -> bool {
    let given = other.handed_over == Some(side.instance);
    side.complete || given && matches!(relation, Relation::Equal | Relation::Descendant | Relation::Interleaved)
}

/// Of two that are as good: the one that is complete, then the one that is not cut off, then the one that the other has handed over to, then the
/// primary, then the lower instance.
fn preferred(mine: &Side<'_>, theirs: &Side<'_>, my_proof: bool, their_proof: bool) -> bool {
    let given = |side: &Side<'_>, other: &Side<'_>| other.handed_over == Some(side.instance);
    let rank = |side: &Side<'_>, other: &Side<'_>, proof| (proof, !side.isolated, given(side, other), side.primary);
    let (my_rank, their_rank) = (rank(mine, theirs, my_proof), rank(theirs, mine, their_proof));
    if my_rank == their_rank { mine.instance < theirs.instance } else { my_rank > their_rank }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::*;

    const ZERO: [Option<u64>; 2] = [Some(0), Some(0)];

    fn side<'a>(instance: u128, history: &'a History, promised: &'a Vector) -> Side<'a> {
        let primary = instance == 1;
        let instance = InstanceId(instance);
        let (complete, handed_over) = (true, None);
        Side { instance, primary, history, promised, complete, handed_over, quarantined: false, isolated: false }
    }

    fn swapped_agree(mine: &Side<'_>, theirs: &Side<'_>) -> Verdict {
        let (here, there) = (meet(mine, theirs), meet(theirs, mine));
        match (here, there) {
            (Verdict::Mine { .. } | Verdict::Sole, Verdict::Theirs)
            | (Verdict::Theirs, Verdict::Mine { .. } | Verdict::Sole) => {}
            _ => assert_eq!(here, there, "{mine:?} {theirs:?}"),
        }
        here
    }

    fn histories() -> Vec<History> {
        let mut empty_epoch = history(&[(1, &ZERO), (1004, &[Some(9), Some(9)])], &[14, 12]);
        empty_epoch.entries.last_mut().unwrap().written = false;
        vec![
            History::empty(2),
            history(&[(1, &ZERO)], &[10, 10]),
            history(&[(1, &ZERO)], &[12, 9]),
            history(&[(1, &ZERO), (2, &[Some(10), Some(10)])], &[20, 20]),
            history(&[(1, &ZERO), (2, &[Some(10), Some(10)])], &[18, 24]),
            history(&[(1, &ZERO), (1002, &[Some(10), Some(10)])], &[20, 20]),
            history(&[(1, &ZERO), (2, &[Some(10), Some(12)])], &[20, 20]),
            history(&[(5, &ZERO)], &[20, 20]),
            empty_epoch,
        ]
    }

    #[test]
    fn both_sides_come_to_the_same_answer() {
        let histories = histories();
        let promised = [Vector::zero(2), Vector::from_iter([11, 10]), Vector::from_iter([20, 20])];
        let handed = |other| [None, Some(InstanceId(other))];
        let mut seen = std::collections::HashMap::new();
        for (mine, theirs) in histories.iter().flat_map(|mine| histories.iter().map(move |theirs| (mine, theirs))) {
            for (my_promise, their_promise) in promised.iter().flat_map(|a| promised.iter().map(move |b| (a, b))) {
                for bits in 0..1_u32 << 8 {
                    let bit = |at: u32| bits & (1 << at) != 0;
                    let mut a = side(1, mine, my_promise);
                    let mut b = side(2, theirs, their_promise);
                    (a.complete, a.quarantined, a.handed_over) = (bit(0), bit(1), handed(2)[usize::from(bit(2))]);
                    (b.complete, b.quarantined, b.handed_over) = (bit(3), bit(4), handed(1)[usize::from(bit(5))]);
                    (b.primary, b.isolated) = (bit(6), bit(7));
                    *seen.entry(swapped_agree(&a, &b)).or_insert(0) += 1;
                }
            }
        }
        assert_eq!(seen.len(), 7, "every verdict comes up: {seen:?}");
    }

    #[test]
    fn of_equals_the_primary_serves_and_of_one_epoch_it_pulls() {
        let (none, histories) = (Vector::zero(2), histories());
        let of = |mine: usize, theirs: usize| {
            swapped_agree(&side(1, &histories[mine], &none), &side(2, &histories[theirs], &none))
        };
        assert_eq!(of(1, 1), Verdict::Mine { pull: false });
        assert_eq!(of(3, 4), Verdict::Mine { pull: true });
        assert_eq!(of(1, 3), Verdict::Theirs);
        assert_eq!(of(3, 5), Verdict::BothAcked);
        assert_eq!(of(3, 6), Verdict::Corrupt);
        assert_eq!(of(3, 8), Verdict::Mine { pull: false }, "nothing was written in the other's own epoch");
        assert_eq!(of(0, 0), Verdict::Mine { pull: false });
        let isolated = Side { isolated: true, ..side(1, &histories[1], &none) };
        assert_eq!(swapped_agree(&isolated, &side(2, &histories[1], &none)), Verdict::Theirs);
    }

    #[test]
    fn a_copy_in_the_making_does_not_win_over_an_empty_disk() {
        let (none, histories) = (Vector::zero(2), histories());
        let empty = Side { complete: false, ..side(1, &histories[0], &none) };
        let half = Side { complete: false, ..side(2, &histories[1], &none) };
        assert_eq!(swapped_agree(&empty, &half), Verdict::NoProof);
        // The control: a complete one does, though nothing was compared.
        let whole = Side { complete: true, ..half };
        assert_eq!(swapped_agree(&empty, &whole), Verdict::Theirs);
        assert_eq!(swapped_agree(&whole, &empty), Verdict::Sole);
    }

    #[test]
    fn who_was_handed_over_to_is_complete_if_it_has_all_of_it() {
        let (none, histories) = (Vector::zero(2), histories());
        let given = Side { complete: false, handed_over: Some(InstanceId(2)), ..side(1, &histories[1], &none) };
        let taker = |history: usize| Side { complete: false, ..side(2, &histories[history], &none) };
        assert_eq!(swapped_agree(&given, &taker(1)), Verdict::Theirs);
        assert_eq!(swapped_agree(&given, &taker(3)), Verdict::Theirs);
        assert_eq!(swapped_agree(&given, &taker(0)), Verdict::NoProof, "its disk is new");
    }

    #[test]
    fn who_won_before_goes_on_beside_the_quarantined() {
        let (none, histories) = (Vector::zero(2), histories());
        let winner = side(2, &histories[3], &none);
        let judged = Side { quarantined: true, ..side(1, &histories[5], &none) };
        assert_eq!(swapped_agree(&winner, &judged), Verdict::Mine { pull: false });
    }
}

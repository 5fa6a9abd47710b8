//! What a copy that joins an active must cut, and when it must not.

use crate::history::{Entry, History, Relation};
use crate::ids::{Epoch, Lsn};
use crate::register::AckMode;
use crate::vector::Vector;

/// Acked work that only one of two copies has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acked {
    /// Something that this copy knows to have been promised lies behind the cut of this lane.
    Promised {
        /// The lane's index.
        lane: usize,
    },
    /// It served an epoch of its own, and wrote in it.
    Alone {
        /// Which one.
        epoch: Epoch,
    },
}

/// How a copy joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Up to where each lane is kept; behind it, it is cut, and the cut closed with a terminator block before anything is taken.
    pub keep: Vector,
    /// From where each lane is copied. Where this is above `keep`, the active has freed what lies between: the lane is emptied, and begins here.
    pub from: Vector,
    /// Whether anything is cut or emptied, so that an old replica must be kept first.
    pub old_replica: bool,
    /// Whether the old replica holds, or may hold, acked work that no other copy has: it is never deleted by itself.
    pub divergent: bool,
}

/// Why a copy must not join: it is quarantined as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It would lose acked work.
    Acked(Acked),
    /// It comes from another store.
    Unrelated,
    /// Nobody can tell where the two parted.
    Forgotten,
    /// One of the two is damaged.
    Conflict,
}

/// The acked work of `mine` behind the point where it and `other` part, as far as `mine` tells: what it wrote in epochs of its own first, then what it
/// knows to be promised of the last common epoch.
///
/// What it has more of the last common epoch counts as written by the epoch of its own that follows: that one took it in and served it, and no
/// header need say so.
#[must_use]
pub fn acked_beyond(mine: &History, promised: &Vector, other: &History) -> Option<Acked> {
    let common = mine.common(other);
    if let Some(epoch) = mine.written_behind(common.as_ref().map(|common| common.mine)) {
        return Some(Acked::Alone { epoch });
    }
    let common = common?;
    let end = mine.end_of(common.mine);
    let more = mine.entries().get(common.mine).is_some_and(|entry| entry.written) && !common.cut.covers(&end);
    if let Some(next) = mine.entries().get(common.mine + 1).filter(|_| more) {
        return Some(Acked::Alone { epoch: next.epoch });
    }
    // Promised blocks of own epochs in which nothing was written are start blocks and seals.
    let known = promised.lower(&end);
    (0..known.0.len()).find(|lane| known.at(*lane) > common.cut.at(*lane)).map(|lane| Acked::Promised { lane })
}

/// How `joiner` joins `active`, which keeps its lanes from `kept` on. `promised` is what the joiner knows to have been promised.
///
/// `registered` says that a register names the active's epoch: then every acked operation is in its copy, and a joiner whose epochs are too old to be
/// known to it still joins, by a full copy.
///
/// The chains at `keep` must be compared before anything is cut ([`ChainSearch`](crate::history::ChainSearch)), on the lanes that are not emptied.
///
/// # Errors
/// When the joiner would lose acked work or nobody can tell: it is quarantined, never cut.
pub fn join(
    joiner: &History,
    promised: &Vector,
    active: &History,
    kept: &Vector,
    registered: bool,
) -> Result<Join, Refusal> {
    let acked = acked_beyond(joiner, promised, active);
    let nothing = Vector::zero(joiner.end().0.len());
    let (keep, divergent) = match (joiner.relation(active), joiner.common(active)) {
        (Relation::Conflict, _) => return Err(Refusal::Conflict),
        (Relation::Unrelated, _) if acked.is_some() => return Err(Refusal::Unrelated),
        (Relation::Forgotten, _) if acked.is_some() && !registered => return Err(Refusal::Forgotten),
        (Relation::Forgotten, _) => (nothing, acked.is_some()),
        (_, None) => (nothing, false),
        (_, Some(common)) => {
            let window = joiner.entries().get(common.mine).is_some_and(in_window);
            match acked {
                Some(Acked::Promised { .. }) if window => (common.cut, true),
                Some(acked) => return Err(Refusal::Acked(acked)),
                None => (common.cut, false),
            }
        }
    };
    // A lane whose end the active has freed cannot be continued.
    let from = keep.higher(kept);
    let keep = Vector(
        (0..keep.0.len())
            .map(|lane| if from.at(lane) == keep.at(lane) { keep.at(lane) } else { Lsn::default() })
            .collect(),
    );
    let old_replica = !keep.covers(&joiner.end());
    Ok(Join { keep, from, old_replica, divergent: divergent && old_replica })
}

/// Whether the epoch's acks did not wait for the replica: that its last ones are lost at a takeover is the mode's stated price.
fn in_window(entry: &Entry) -> bool {
    entry.ack_mode == AckMode::Local
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::*;

    const ZERO: [Option<u64>; 2] = [Some(0), Some(0)];

    fn vector(lanes: [u64; 2]) -> Vector {
        Vector::from_iter(lanes)
    }

    fn active() -> History {
        history(&[(1, &ZERO), (2, &[Some(10), Some(15)])], &[100, 100])
    }

    fn joined(joiner: &History, promised: [u64; 2], kept: [u64; 2]) -> Result<Join, Refusal> {
        join(joiner, &vector(promised), &active(), &vector(kept), false)
    }

    #[test]
    fn an_ancestor_keeps_everything() {
        let joiner = history(&[(1, &ZERO)], &[10, 12]);
        let join = joined(&joiner, [10, 12], [0, 0]).unwrap();
        assert_eq!(join, Join { keep: vector([10, 12]), from: vector([10, 12]), old_replica: false, divergent: false });
    }

    #[test]
    fn what_was_not_promised_is_cut_and_kept_aside() {
        let joiner = history(&[(1, &ZERO)], &[14, 12]);
        let join = joined(&joiner, [10, 12], [0, 0]).unwrap();
        assert_eq!(join, Join { keep: vector([10, 12]), from: vector([10, 12]), old_replica: true, divergent: false });
    }

    #[test]
    fn what_was_promised_is_never_cut() {
        let joiner = history(&[(1, &ZERO)], &[14, 12]);
        assert_eq!(joined(&joiner, [11, 0], [0, 0]), Err(Refusal::Acked(Acked::Promised { lane: 0 })));
    }

    #[test]
    fn an_epoch_of_its_own_is_never_cut_unless_nothing_was_written_in_it() {
        let mut joiner = history(&[(1, &ZERO), (1002, &[Some(9), Some(9)])], &[14, 12]);
        assert_eq!(joined(&joiner, [0, 0], [0, 0]), Err(Refusal::Acked(Acked::Alone { epoch: epoch(1002) })));
        joiner.entries.last_mut().unwrap().written = false;
        // Its start blocks are promised, but nobody was told anything.
        let join = joined(&joiner, [14, 12], [0, 0]).unwrap();
        assert_eq!((join.keep, join.old_replica, join.divergent), (vector([9, 9]), true, false));
        // One that took in what the active does not have of the epoch before: it may have acked that when it went on alone.
        joiner = history(&[(1, &ZERO), (1002, &[Some(12), Some(9)])], &[14, 12]);
        joiner.entries.last_mut().unwrap().written = false;
        assert_eq!(joined(&joiner, [0, 0], [0, 0]), Err(Refusal::Acked(Acked::Alone { epoch: epoch(1002) })));
        joiner.entries.first_mut().unwrap().written = false;
        assert!(joined(&joiner, [0, 0], [0, 0]).is_ok(), "what it has more is no client's");
    }

    #[test]
    fn a_loss_window_is_cut_and_marked_but_not_an_epoch_alone() {
        let mut joiner = history(&[(1, &ZERO)], &[14, 12]);
        joiner.entries.last_mut().unwrap().ack_mode = AckMode::Local;
        let join = joined(&joiner, [14, 12], [0, 0]).unwrap();
        assert_eq!((join.keep, join.old_replica, join.divergent), (vector([10, 12]), true, true));
        let mut alone = history(&[(1, &ZERO), (1002, &[Some(9), Some(9)])], &[14, 12]);
        for entry in &mut alone.entries {
            entry.ack_mode = AckMode::Local;
        }
        assert!(joined(&alone, [0, 0], [0, 0]).is_err(), "two served: that is no window");
    }

    #[test]
    fn after_a_long_absence_a_lane_is_copied_from_what_is_kept() {
        let joiner = history(&[(1, &ZERO)], &[10, 12]);
        let join = joined(&joiner, [10, 12], [50, 12]).unwrap();
        assert_eq!(join, Join { keep: vector([0, 12]), from: vector([50, 12]), old_replica: true, divergent: false });
    }

    #[test]
    fn nothing_in_common_needs_a_register() {
        let mut old = history(&[(5, &ZERO)], &[10, 10]);
        let of = |old: &History, registered| join(old, &vector([10, 10]), &active(), &vector([0, 0]), registered);
        assert_eq!(of(&old, false), Err(Refusal::Forgotten));
        let join = of(&old, true).unwrap();
        assert_eq!((join.keep, join.old_replica, join.divergent), (vector([0, 0]), true, true));
        old.entries[0].written = false;
        assert!(of(&old, false).is_ok(), "nothing of clients is in it");
        let empty = of(&History::empty(2), false).unwrap();
        assert!(!empty.old_replica);
    }
}

//! Two members without a register meet while one of them serves, or both do: who goes on. After a start without proof, or a cut link, that is
//! possible; both may have acked what the other does not have.
//!
//! A number of an epoch alone decides nothing: whoever has acked alone goes on, the other gives way. Only where both have, claims are compared, and
//! the lower one is quarantined with all that it has.

use std::cmp::{Ordering, Reverse};

use crate::history::{Relation, Side, acked_beyond};
use crate::ids::{Epoch, InstanceId, Lsn};
use crate::vector::Vector;

/// What a member brings forward when both have acked alone. It is ordered: the greater claim goes on.
#[derive(Clone, Debug)]
pub struct Claim {
    /// A register has named it.
    pub registered: bool,
    /// The operator has forced it.
    pub forced: bool,
    /// In which epoch it serves, or served last.
    pub epoch: Epoch,
    /// What it has committed.
    pub committed: Vector,
    /// Which installation.
    pub instance: InstanceId,
}

impl Claim {
    /// Register, operator, number of the epoch, committed bytes of all lanes together, these lane by lane, lower instance. Activation ids say
    /// nothing of which of two epochs is the more recent. A vector that covers another is the larger one by any of the two.
    fn rank(&self) -> (bool, bool, u64, u128, &[Lsn], Reverse<InstanceId>) {
        let lanes = self.committed.0.as_slice();
        let used = lanes.iter().rposition(|lsn| lsn.0 > 0).map_or(0, |last| last + 1);
        let bytes = lanes.iter().map(|lsn| u128::from(lsn.0)).sum();
        let lanes = lanes.get(..used).unwrap_or_default();
        (self.registered, self.forced, self.epoch.number, bytes, lanes, Reverse(self.instance))
    }
}

impl Ord for Claim {
    fn cmp(&self, other: &Self) -> Ordering {
        // Two claims that compare as equal are one installation's, of the same age.
        self.rank().cmp(&other.rank()).then_with(|| self.epoch.activation.cmp(&other.epoch.activation))
    }
}

impl PartialEq for Claim {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Claim {}

impl PartialOrd for Claim {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One side of a contest.
#[derive(Clone, Copy, Debug)]
pub struct Contender<'a> {
    /// Its copy.
    pub side: Side<'a>,
    /// What it claims.
    pub claim: &'a Claim,
    /// Whether it serves.
    pub active: bool,
    /// The epoch with the highest number that it has seen or tried to make.
    pub seen: Epoch,
}

/// What comes of a contest, for the one that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contest {
    /// It goes on, or serves as soon as the start's table says so; the other joins.
    Stay {
        /// The other has seen an epoch with this number, not below its own: first it starts one with a higher number, since nobody follows an epoch
        /// below what he has seen (SR7).
        above: Option<u64>,
    },
    /// It gives way: nothing of it was acked that the other has not.
    Yield,
    /// It is quarantined: both have acked alone, and its claim is the lower one.
    Quarantined,
    /// The other is, for the same reason; it goes on.
    Wins,
    /// One of the two is damaged: nobody follows the other.
    Corrupt,
}

/// Who of two goes on, one of which serves at least; seen from `mine`.
#[must_use]
pub fn contest(mine: &Contender<'_>, theirs: &Contender<'_>) -> Contest {
    let relation = mine.side.history.relation(theirs.side.history);
    let acked = |one: &Side<'_>, other: &Side<'_>| acked_beyond(one.history, one.promised, other.history).is_some();
    let stay = match (relation, acked(&mine.side, &theirs.side), acked(&theirs.side, &mine.side)) {
        (Relation::Conflict, ..) => return Contest::Corrupt,
        // One writer made both.
        (Relation::Equal | Relation::Interleaved, ..) => serves_rather(mine, theirs),
        (_, true, true) if mine.claim > theirs.claim => return Contest::Wins,
        (_, true, true) => return Contest::Quarantined,
        // Who may lack acked work serves nobody, whatever he has alone: he will be quarantined when he joins.
        (_, true, false) => mine.side.complete,
        (_, false, true) => !theirs.side.complete,
        (_, false, false) => serves_rather(mine, theirs),
    };
    if stay {
        let mine = mine.claim.epoch;
        let older = theirs.seen != mine && theirs.seen.number >= mine.number;
        Contest::Stay { above: older.then_some(theirs.seen.number) }
    } else {
        Contest::Yield
    }
}

/// Where nothing acked is at stake: who serves goes on serving; of two that do, the greater claim.
fn serves_rather(mine: &Contender<'_>, theirs: &Contender<'_>) -> bool {
    if mine.active == theirs.active { mine.claim > theirs.claim } else { mine.active }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use crate::history::testing::*;

    const ZERO: [Option<u64>; 2] = [Some(0), Some(0)];

    fn claims() -> Vec<Claim> {
        let vectors: [&[u64]; 6] = [&[], &[5], &[5, 0], &[0, 5], &[2, 3], &[6, 6]];
        let mut claims = Vec::new();
        for (at, committed) in vectors.iter().flat_map(|vector| (0..32_u32).map(move |at| (at, vector))) {
            let bit = |bit: u32| at & (1 << bit) != 0;
            let epoch = Epoch { number: u64::from(at & 1) + 3, activation: u128::from(at >> 1 & 1) };
            let committed = Vector::from_iter(committed.iter().copied());
            let instance = InstanceId(u128::from(bit(2)));
            claims.push(Claim { registered: bit(3), forced: bit(4), epoch, committed, instance });
        }
        claims
    }

    #[test]
    fn claims_are_in_a_total_order() {
        let claims = claims();
        let (mut equal, mut all) = (0, 0);
        for a in &claims {
            for b in &claims {
                all += 1;
                assert_eq!(a.cmp(b), b.cmp(a).reverse(), "{a:?} {b:?}");
                assert!(a != b || a.instance == b.instance && a.epoch == b.epoch, "{a:?} {b:?}");
                equal += usize::from(a == b);
                if a.committed.covers(&b.committed) && !b.committed.covers(&a.committed) {
                    let same = Claim { committed: b.committed.clone(), ..a.clone() };
                    assert!(*a > same, "more of everything is more");
                }
                for c in &claims {
                    assert!(!(a <= b && b <= c) || a <= c, "{a:?} {b:?} {c:?}");
                }
            }
        }
        // Only the two vectors that differ by a lane without anything are equal.
        assert_eq!((equal, all), (claims.len() + 2 * 32, claims.len() * claims.len()));
    }

    #[test]
    fn the_order_of_the_reasons() {
        let epoch = Epoch { number: 3, activation: 9 };
        let low =
            Claim { registered: false, forced: false, epoch, committed: Vector::zero(2), instance: InstanceId(5) };
        let instance = Claim { instance: InstanceId(4), ..low.clone() };
        let committed = Claim { committed: Vector::from_iter([0, 1]), ..low.clone() };
        let number = Claim { epoch: Epoch { number: 4, activation: 0 }, ..low.clone() };
        let forced = Claim { forced: true, ..low.clone() };
        let registered = Claim { registered: true, ..low.clone() };
        assert!([low, instance, committed, number, forced, registered].is_sorted());
    }

    fn copies() -> Vec<History> {
        let unwritten = |number| {
            let mut history = history(&[(1, &ZERO)], &[10, 10]);
            history.push(crate::history::Entry { written: false, ..entry(number, &[Some(10), Some(10)]) });
            history.set_end([place(12), place(12)]);
            history
        };
        vec![
            history(&[(1, &ZERO)], &[10, 10]),
            history(&[(1, &ZERO)], &[14, 9]),
            history(&[(1, &ZERO), (2, &[Some(10), Some(10)])], &[20, 20]),
            history(&[(1, &ZERO), (1002, &[Some(10), Some(10)])], &[20, 20]),
            history(&[(1, &ZERO), (2, &[Some(10), Some(11)])], &[20, 20]),
            unwritten(1003),
            unwritten(1004),
        ]
    }

    fn contender<'a>(history: &'a History, promised: &'a Vector, claim: &'a Claim, active: bool) -> Contender<'a> {
        let (instance, primary) = (claim.instance, claim.instance.0 == 0);
        let (complete, handed_over) = (active, None);
        let side =
            Side { instance, primary, history, promised, complete, handed_over, quarantined: false, isolated: false };
        Contender { side, claim, active, seen: claim.epoch }
    }

    #[test]
    fn exactly_one_of_two_goes_on() {
        let promised = [Vector::zero(2), Vector::from_iter([12, 9])];
        let claims = claims();
        let (ours, others): (Vec<_>, Vec<_>) = claims.iter().partition(|claim| claim.instance.0 == 0);
        let mut came_up = std::collections::HashSet::new();
        for (here, there) in copies().iter().flat_map(|a| copies().into_iter().map(move |b| (a.clone(), b))) {
            for (my_claim, their_claim) in ours.iter().zip(others.iter().rev()) {
                for bits in 0..1_u32 << 5 {
                    let bit = |bit: u32| bits & (1 << bit) != 0;
                    let mut mine = contender(&here, &promised[usize::from(bit(0))], my_claim, true);
                    let mut theirs = contender(&there, &promised[usize::from(bit(1))], their_claim, bit(2));
                    theirs.side.complete |= bit(3);
                    if bit(4) {
                        std::mem::swap(&mut mine, &mut theirs);
                    }
                    let (a, b) = (contest(&mine, &theirs), contest(&theirs, &mine));
                    came_up.insert(a);
                    let fits = matches!(
                        (a, b),
                        (Contest::Stay { .. }, Contest::Yield)
                            | (Contest::Yield, Contest::Stay { .. })
                            | (Contest::Wins, Contest::Quarantined)
                            | (Contest::Quarantined, Contest::Wins)
                            | (Contest::Corrupt, Contest::Corrupt)
                    );
                    assert!(fits, "{a:?} {b:?}: {mine:?} {theirs:?}");
                }
            }
        }
        assert_eq!(came_up.iter().filter(|contest| !matches!(contest, Contest::Stay { .. })).count(), 4);
    }

    #[test]
    fn a_number_does_not_win_over_acked_work() {
        let (none, copies) = (Vector::zero(2), copies());
        let claim = |instance, number| Claim {
            registered: false,
            forced: false,
            epoch: Epoch { number, activation: number.into() },
            committed: Vector::zero(2),
            instance: InstanceId(instance),
        };
        let (low, high) = (claim(1, 2), claim(2, 9));
        let acked = contender(&copies[2], &none, &low, true);
        let restarted = contender(&copies[5], &none, &high, true);
        assert_eq!(contest(&acked, &restarted), Contest::Stay { above: Some(9) });
        assert_eq!(contest(&restarted, &acked), Contest::Yield);
        let also = contender(&copies[3], &none, &high, true);
        assert_eq!(contest(&acked, &also), Contest::Quarantined);
        assert_eq!(contest(&also, &acked), Contest::Wins);
    }
}

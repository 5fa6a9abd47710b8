//! Whether two copies are equal up to where they part, and if not, where they begin to differ: a search by questions to the other side.

use crate::history::Place;
use crate::ids::{Chain, Lsn};
use crate::limits::CHAIN_PLACES_MAX;

/// What comes of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// The chains at every cut are the same, and so is everything before.
    Equal,
    /// On this lane they are not: one of the two is damaged, and nothing may be cut.
    Corrupt {
        /// The lane's index.
        lane: usize,
        /// The last place that is known to be equal, if any is.
        after: Option<Lsn>,
        /// The first place that is known to differ.
        before: Lsn,
    },
}

/// What a search needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The other side's chain at this place.
    Ask {
        /// The lane's index.
        lane: usize,
        /// The place.
        lsn: Lsn,
    },
    /// Nothing more.
    Done(Found),
}

/// One search, lane by lane: first at the cut, and only if that differs by halves of what lies before. So a healthy pair answers one question
/// a lane, and a damaged one the logarithm of its segments more.
#[derive(Clone, Debug)]
pub struct ChainSearch {
    /// For each lane its places, the cut last.
    lanes: Vec<Vec<Place>>,
    lane: usize,
    /// Within the lane, after its cut was found to differ: all before the first number is equal or unknown, the place of the second differs.
    between: Option<(usize, usize)>,
    /// The last place that is known to be equal.
    equal: Option<Lsn>,
    found: Option<Found>,
}

impl ChainSearch {
    /// A search over lanes whose own chains are known at these places: ends of segments in order, and the cut as the last one. A lane without
    /// places is not compared. Of more than [`CHAIN_PLACES_MAX`] the oldest are left out.
    #[must_use]
    pub fn new(lanes: impl IntoIterator<Item = Vec<Place>>) -> Self {
        let newest = |mut places: Vec<Place>| {
            places.drain(..places.len().saturating_sub(CHAIN_PLACES_MAX));
            places
        };
        let lanes = lanes.into_iter().map(newest).collect();
        Self { lanes, lane: 0, between: None, equal: None, found: None }
    }

    /// What is needed now. The same until it is answered.
    #[must_use]
    pub fn step(&self) -> Step {
        match (self.found, self.place()) {
            (Some(found), _) => Step::Done(found),
            (None, Some(place)) => Step::Ask { lane: self.asked_lane(), lsn: place.lsn },
            (None, None) => Step::Done(Found::Equal),
        }
    }

    /// The other side's chain at the place that was asked for last; `None` if it does not have that place. At a cut that cannot be: the cut
    /// lies within both, so its lack is damage too.
    pub fn answer(&mut self, chain: Option<Chain>) {
        let Some(place) = self.place().filter(|_| self.found.is_none()) else {
            return;
        };
        let lane = self.asked_lane();
        let same = chain == Some(place.chain);
        let cut = self.lanes.get(lane).map_or(0, |places| places.len().saturating_sub(1));
        match self.between {
            None if same => self.lane = lane + 1,
            None => {
                self.equal = None;
                self.close_in(0, cut);
            }
            Some((from, to)) => {
                let middle = from.midpoint(to);
                if same {
                    self.equal = Some(place.lsn);
                }
                // A place that the other side has freed tells nothing: the search goes on behind it.
                if same || chain.is_none() { self.close_in(middle + 1, to) } else { self.close_in(from, middle) }
            }
        }
    }

    fn close_in(&mut self, from: usize, to: usize) {
        self.between = Some((from, to));
        if from >= to {
            let lane = self.asked_lane();
            let before = self.lanes.get(lane).and_then(|places| places.get(to)).map_or(Lsn(0), |place| place.lsn);
            self.found = Some(Found::Corrupt { lane, after: self.equal, before });
        }
    }

    /// The lane in question: the next one that has places.
    fn asked_lane(&self) -> usize {
        let ahead = self.lanes.iter().skip(self.lane).position(|places| !places.is_empty());
        ahead.map_or(self.lanes.len(), |ahead| self.lane + ahead)
    }

    fn place(&self) -> Option<Place> {
        let places = self.lanes.get(self.asked_lane())?;
        match self.between {
            None => places.last().copied(),
            Some((from, to)) => places.get(from.midpoint(to)).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(count: u64) -> Vec<Place> {
        (1..=count).map(|at| Place { lsn: Lsn(at * 10), chain: Chain(u128::from(at)) }).collect()
    }

    /// Answers as a side whose lane `damaged` differs from the `first`th place on, and which has freed all before the `kept`th.
    fn run(mut search: ChainSearch, damaged: usize, first: u64, kept: u64) -> (Found, usize) {
        for questions in 0..100 {
            match search.step() {
                Step::Done(found) => return (found, questions),
                Step::Ask { lane, lsn } => {
                    assert_eq!(search.step(), Step::Ask { lane, lsn }, "the same until it is answered");
                    let at = lsn.0 / 10;
                    let own = u128::from(at);
                    let differs = lane == damaged && at >= first;
                    search.answer((at >= kept).then_some(Chain(if differs { own + 1000 } else { own })));
                }
            }
        }
        panic!("it never ends");
    }

    #[test]
    fn equal_copies_answer_one_question_a_lane() {
        let search = ChainSearch::new([places(9), Vec::new(), places(3)]);
        assert_eq!(run(search, 9, 0, 0), (Found::Equal, 2));
        assert_eq!(run(ChainSearch::new([]), 9, 0, 0), (Found::Equal, 0));
    }

    #[test]
    fn every_first_difference_is_found() {
        for count in 1..40 {
            for first in 1..=count {
                let (found, questions) = run(ChainSearch::new([places(2), places(count)]), 1, first, 0);
                let after = (first > 1).then_some(Lsn((first - 1) * 10));
                assert_eq!(found, Found::Corrupt { lane: 1, after, before: Lsn(first * 10) }, "{first} of {count}");
                assert!(questions <= 2 + 6, "{questions} for {count}");
            }
        }
    }

    #[test]
    fn what_the_other_side_has_freed_tells_nothing() {
        for kept in 1..=20 {
            for first in kept..=20 {
                let (found, _) = run(ChainSearch::new([places(20)]), 0, first, kept);
                let after = (first > kept).then_some(Lsn((first - 1) * 10));
                assert_eq!(found, Found::Corrupt { lane: 0, after, before: Lsn(first * 10) }, "{first}, kept {kept}");
            }
        }
    }

    #[test]
    fn a_cut_that_the_other_side_lacks_is_damage() {
        let (found, _) = run(ChainSearch::new([places(1)]), 9, 0, 5);
        assert_eq!(found, Found::Corrupt { lane: 0, after: None, before: Lsn(10) });
    }
}

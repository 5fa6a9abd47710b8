//! What the cuts came to, in numbers.

use std::fmt;

use super::state::State;
use crate::prove::kill9::oracle::Findings;
use crate::prove::parts;

/// All cuts so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Cuts under load, after which the same store went on.
    pub cuts: u64,
    /// Those with something in flight and at least a hundred operations acked.
    pub loaded: u64,
    /// Cuts while the broker was starting.
    pub start_cuts: u64,
    /// Moments within lives whose state was looked at.
    pub points: u64,
    /// Writes that no flush covered, in all of them.
    pub open: u64,
    /// Those of them of which something was missing.
    pub damaged: u64,
    /// Writes and flushes recorded.
    pub recorded: u64,
    /// Operations acked.
    pub acked: u64,
    /// Messages that the emptied queues of all states held.
    pub delivered: u64,
    /// What was wrong.
    pub findings: Findings,
}

impl Figures {
    /// Counts a state.
    pub(super) fn saw(&mut self, state: &State) {
        self.open += state.open;
        self.damaged += state.damaged;
    }

    const fn sums(&self) -> [u64; 9] {
        let Self { cuts, loaded, start_cuts, points, open, damaged, recorded, acked, delivered, .. } = self;
        [*cuts, *loaded, *start_cuts, *points, *open, *damaged, *recorded, *acked, *delivered]
    }

    const fn sums_mut(&mut self) -> [&mut u64; 9] {
        let Self { cuts, loaded, start_cuts, points, open, damaged, recorded, acked, delivered, .. } = self;
        [cuts, loaded, start_cuts, points, open, damaged, recorded, acked, delivered]
    }
}

impl parts::Figures for Figures {
    fn numbers(&self) -> Vec<u64> {
        self.sums().into_iter().chain(parts::counts_of(&self.findings)).collect()
    }

    fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let mut figures = Self::default();
        let (own, findings) = numbers.split_at_checked(figures.sums().len())?;
        figures.sums_mut().into_iter().zip(own).for_each(|(own, number)| *own = *number);
        figures.findings = parts::findings_of(findings)?;
        Some(figures)
    }

    fn merge(&mut self, other: &Self) {
        self.sums_mut().into_iter().zip(other.sums()).for_each(|(sum, part)| *sum += part);
        self.findings.merge(&other.findings);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, loaded, start_cuts, points, open, damaged, recorded, acked, delivered, .. } = self;
        write!(
            out,
            "{cuts} power cuts under load ({loaded} with at least 100 acked and one in flight), {start_cuts} while starting, {points} \
             crash points; {recorded} writes and flushes recorded, {open} writes were open at a cut, of {damaged} something was missing; \
             {acked} operations acked, {delivered} messages delivered after it"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prove::kill9::oracle::Kind;
    use crate::prove::parts::Figures as _;

    #[test]
    fn figures_survive_a_line() {
        let mut figures = Figures { cuts: 3, points: 30, open: 7, ..Figures::default() };
        figures.findings.count(Kind::Lost, 2);
        assert_eq!(Figures::from_line(&figures.to_line()), Some(figures.clone()));
        assert_eq!(Figures::from_line("1\t2\t3"), None);
        let mut twice = figures.clone();
        twice.merge(&figures);
        assert_eq!((twice.cuts, twice.points, twice.findings.of(Kind::Lost)), (6, 60, 4));
    }
}

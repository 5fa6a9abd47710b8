//! What the cycles came to, in numbers.

use std::fmt;
use std::time::Duration;

use super::oracle::Findings;
use crate::prove::parts;

/// Acked operations that a cycle needs to say something.
const ACKED_MIN: u64 = 100;

/// One cycle: from a ready broker to its end.
#[derive(Clone, Copy, Debug)]
pub struct Cycle {
    /// Its number in the round.
    pub number: u32,
    /// From the first moment at which every worker had an answer to the kill.
    pub load: Duration,
    /// Operations acked until the kill.
    pub acked: u64,
    /// Operations without an answer when the kill came.
    pub in_flight: u64,
    /// How long the start after it took.
    pub ready_after: Duration,
}

impl Cycle {
    /// Was there enough load, and something in flight?
    pub fn is_loaded(&self) -> bool {
        self.acked >= ACKED_MIN && self.in_flight > 0
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, load, acked, in_flight, ready_after } = self;
        let (load, ready) = (load.as_millis(), ready_after.as_millis());
        write!(out, "cycle {number}: {load} ms, {acked} acked, {in_flight} in flight, ready after {ready} ms")
    }
}

/// All cycles so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Kills under load.
    pub cycles: u64,
    /// Cycles with at least 100 acked operations and at least one in flight.
    pub loaded: u64,
    /// Operations acked.
    pub acked: u64,
    /// Operations whose answer never came.
    pub unknown: u64,
    /// Deliveries seen.
    pub delivered: u64,
    /// Transactions rolled back on purpose or with their connection.
    pub rolled_back: u64,
    /// Kills while the broker was starting.
    pub start_kills: u64,
    /// Stops under load that were asked for.
    pub stops: u64,
    /// The longest start in milliseconds.
    pub ready_ms_max: u64,
    /// What was wrong.
    pub findings: Findings,
}

impl Figures {
    /// Counts a cycle.
    pub fn add(&mut self, cycle: &Cycle) {
        self.cycles += 1;
        self.loaded += u64::from(cycle.is_loaded());
        self.saw_start(cycle.ready_after);
    }

    /// Counts a start.
    pub fn saw_start(&mut self, took: Duration) {
        self.ready_ms_max = self.ready_ms_max.max(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }

    /// The share of cycles that were loaded, in percent.
    pub fn loaded_percent(&self) -> u64 {
        (self.loaded * 100).checked_div(self.cycles).unwrap_or(0)
    }

    fn sums(&self) -> [u64; 8] {
        let Self { cycles, loaded, acked, unknown, delivered, rolled_back, start_kills, stops, .. } = self;
        [*cycles, *loaded, *acked, *unknown, *delivered, *rolled_back, *start_kills, *stops]
    }

    fn sums_mut(&mut self) -> [&mut u64; 8] {
        let Self { cycles, loaded, acked, unknown, delivered, rolled_back, start_kills, stops, .. } = self;
        [cycles, loaded, acked, unknown, delivered, rolled_back, start_kills, stops]
    }
}

impl parts::Figures for Figures {
    fn numbers(&self) -> Vec<u64> {
        let own = self.sums().into_iter().chain([self.ready_ms_max]);
        own.chain(parts::counts_of(&self.findings)).collect()
    }

    fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let mut figures = Self::default();
        let (own, rest) = numbers.split_at_checked(figures.sums().len())?;
        figures.sums_mut().into_iter().zip(own).for_each(|(own, number)| *own = *number);
        let (ready, findings) = rest.split_first()?;
        (figures.ready_ms_max, figures.findings) = (*ready, parts::findings_of(findings)?);
        Some(figures)
    }

    fn merge(&mut self, other: &Self) {
        self.sums_mut().into_iter().zip(other.sums()).for_each(|(sum, part)| *sum += part);
        self.ready_ms_max = self.ready_ms_max.max(other.ready_ms_max);
        self.findings.merge(&other.findings);
    }
}

/// Two lines: the findings, and what stands behind them.
impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} cycles: {}", self.cycles, self.findings)?;
        let Self { loaded, acked, unknown, delivered, rolled_back, start_kills, stops, ready_ms_max, .. } = self;
        write!(
            out,
            "{loaded} of {} cycles ({} %) with at least {ACKED_MIN} acked and one in flight; {acked} acked, {unknown} unknown, \
             {delivered} delivered, {rolled_back} rolled back, {start_kills} kills while starting, {stops} stops, \
             slowest start {ready_ms_max} ms",
            self.cycles,
            self.loaded_percent()
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
        let mut figures =
            Figures { cycles: 10, loaded: 9, acked: 1234, stops: 2, ready_ms_max: 77, ..Figures::default() };
        figures.findings.count(Kind::Order, 3);
        assert_eq!(Figures::from_line(&figures.to_line()), Some(figures.clone()));
        assert_eq!(Figures::from_line("1\t2\t3"), None);
        assert_eq!(Figures::from_line(&format!("{}\t1", figures.to_line())), None);
        let mut twice = figures.clone();
        twice.merge(&figures);
        assert_eq!((twice.cycles, twice.loaded_percent(), twice.findings.of(Kind::Order)), (20, 90, 6));
    }

    #[test]
    fn a_cycle_without_load_does_not_count_as_one() {
        let cycle =
            |acked, in_flight| Cycle { number: 0, load: Duration::ZERO, acked, in_flight, ready_after: Duration::ZERO };
        assert!(cycle(100, 1).is_loaded());
        assert!(!cycle(99, 1).is_loaded());
        assert!(!cycle(100, 0).is_loaded());
    }
}

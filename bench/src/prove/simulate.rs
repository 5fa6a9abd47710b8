//! The long run of the simulator of a pair: seeds in parts, and mutants that must be caught first.

use std::fmt;

use ringmq::testing::oracle::Findings;
use ringmq::testing::pair::{Day, Plan, live, mutants};

use super::parts;

/// Seeds of one part: an interrupted proof loses no more.
pub const SEEDS: u64 = 50;

/// What came of seeds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Pairs that lived.
    pub seeds: u64,
    /// Events in them.
    pub events: u64,
    /// Seconds in their worlds.
    pub seconds: u64,
    /// Epochs that the registers saw.
    pub epochs: u64,
    /// Operations of clients that were acked.
    pub acked: u64,
    /// What was wrong.
    pub findings: Findings,
}

impl Figures {
    /// Lives through so many seeds.
    #[must_use]
    pub fn of(seeds: std::ops::Range<u64>) -> Self {
        let mut figures = Self::default();
        for seed in seeds {
            let outcome = live(seed, &Plan::FULL);
            for finding in outcome.findings.texts() {
                eprintln!("FOUND, seed {seed}: {}: {}", finding.kind.word(), finding.text);
            }
            figures.seeds += 1;
            figures.events += outcome.events;
            figures.seconds += outcome.nanos / 1_000_000_000;
            figures.epochs += outcome.epochs;
            figures.acked += outcome.counts.acked;
            figures.findings.merge(&outcome.findings);
        }
        figures
    }

    /// Nothing was wrong.
    #[must_use]
    pub fn held(&self) -> bool {
        self.findings.is_empty()
    }
}

impl parts::Figures for Figures {
    fn numbers(&self) -> Vec<u64> {
        let own = [self.seeds, self.events, self.seconds, self.epochs, self.acked];
        own.into_iter().chain(parts::counts_of(&self.findings)).collect()
    }

    fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let ([seeds, events, seconds, epochs, acked], findings) = numbers.split_first_chunk::<5>()?;
        let (seeds, events, seconds, epochs, acked) = (*seeds, *events, *seconds, *epochs, *acked);
        Some(Self { seeds, events, seconds, epochs, acked, findings: parts::findings_of(findings)? })
    }

    fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.seconds += other.seconds;
        self.epochs += other.epochs;
        self.acked += other.acked;
        self.findings.merge(&other.findings);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, events, seconds, epochs, acked, findings } = self;
        write!(
            out,
            "{seeds} pairs, {events} events, {seconds} s in their worlds, {epochs} epochs, {acked} acked: {findings}"
        )
    }
}

/// Hours of a day.
const HOURS: usize = 24;
/// Hours whose most is the baseline.
const FIRST_HOURS: usize = 4;
/// How much more memory than that is still the same: of 100, and in bytes for what a world of its own remembers.
const MORE_PERCENT: i64 = 5;
const MORE_BYTES: i64 = 1 << 20;

/// A day of faults, at whose end the pair holds what it held in its first hours: files, segments, buffers, memory.
///
/// # Errors
/// What was wrong, or more at the end.
pub fn day(seed: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut day = None;
    let made = allocation_counter::measure(|| day = Some(Day::new(seed, &Plan::FULL)));
    let mut day = day.ok_or("no day")?;
    let mut held = made.bytes_current;
    for hour in 0..HOURS {
        let mut held_up = false;
        held += allocation_counter::measure(|| held_up = day.hour()).bytes_current;
        if !held_up {
            return Err(format!("seed {seed}, hour {hour}: {:?}", day.findings().texts()));
        }
        bytes.push(held);
        eprintln!("hour {hour}: {held} bytes, {:?}", day.held().last());
    }
    let first = bytes.iter().take(FIRST_HOURS).copied().max().unwrap_or_default();
    let ((events, faults, epochs), last) = (day.figures(), bytes.last().copied().unwrap_or_default());
    if last > first + first * MORE_PERCENT / 100 + MORE_BYTES {
        return Err(format!("seed {seed}: {last} bytes of memory after {HOURS} h, {first} in the first {FIRST_HOURS}"));
    }
    Ok(format!("{HOURS} h, {faults} faults, {epochs} epochs, {events} events, {last} bytes after {first}"))
}

/// Every rule and safeguard that is taken away must be seen.
///
/// # Errors
/// Those that were not.
pub fn controls() -> Result<String, String> {
    let (mut caught, mut missed) = (Vec::new(), Vec::new());
    for mutant in mutants::ALL {
        match mutants::caught_within(&mutant) {
            Some(seed) => caught.push(format!("{} (seed {seed})", mutant.name)),
            None => missed.push(mutant.name),
        }
    }
    if missed.is_empty() { Ok(format!("caught: {}", caught.join(", "))) } else { Err(missed.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prove::parts::Figures as _;

    #[test]
    fn figures_survive_a_line() {
        let mut figures =
            Figures { seeds: 7, events: 3, seconds: 9, epochs: 2, acked: 1, findings: Findings::default() };
        assert!(figures.held());
        figures.findings.count(ringmq::testing::oracle::Kind::Lost, 4);
        assert!(!figures.held());
        assert_eq!(Figures::from_line(&figures.to_line()), Some(figures));
        assert_eq!(Figures::from_line("1\t2"), None);
    }
}

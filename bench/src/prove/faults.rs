//! The fault proof: parts of the simulator's work, each with figures that survive a line.
//!
//! A part is one kind of fault over all places of one workload, or a batch of lives, or the steps of two-phase commits. Takes a seed and
//! what to run, gives figures and findings; everything that happens in a part follows from its arguments.

use std::fmt;

use journal::testing::{Fault, FaultKind};
use ringmq::testing::oracle::{Findings, Kind};
use ringmq::testing::sweep::{End, KINDS, Workload};
use ringmq::testing::{Control, Scale, lives, steps};

use super::parts;

/// Lives of one batch.
pub const LIVES: u64 = 60;
/// Parts of the places of one sweep, so that several can run at a time and an interrupted one loses little.
pub const SLICES: usize = 16;
/// Operations of the workload whose every step is crashed at.
const STEP_OPERATIONS: u64 = 120;
/// Seeds of a control.
const CONTROL_SEEDS: u64 = 40;

/// What is done in one part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// One kind of fault at every place of a workload whose lanes are all sealed at its end.
    Sweep(FaultKind),
    /// Writes that are lost although reported as done, with no later block that could show it.
    Unsealed,
    /// Stores through lives that end in every way.
    Lives,
    /// A crash at every step of transactions over two cores.
    Steps,
}

/// One part of the proof.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Decides everything.
    pub seed: u64,
    /// Journal lanes.
    pub lanes: u16,
    /// Operations of the clients of a workload.
    pub operations: u64,
    /// Every so manieth place is tried.
    pub stride: usize,
    /// What is done.
    pub work: Work,
    /// Of the places of a sweep, those whose number leaves this rest when divided by [`SLICES`].
    pub slice: usize,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, lanes, work, slice, .. } = self;
        write!(out, "seed {seed}, {lanes} lanes, {work:?} {slice}")
    }
}

impl Part {
    /// All parts of one workload.
    pub fn all(seed: u64, lanes: u16, operations: u64, stride: usize) -> Vec<Self> {
        let works = KINDS.into_iter().map(Work::Sweep).chain([Work::Unsealed, Work::Lives, Work::Steps]);
        let slices = |work| if matches!(work, Work::Lives | Work::Steps) { 0..1 } else { 0..SLICES };
        let all = works.flat_map(|work| slices(work).map(move |slice| (work, slice)));
        all.map(|(work, slice)| Self { seed, lanes, operations, stride, work, slice }).collect()
    }

    /// Does it; `each` hears how far it is.
    pub fn run(&self, each: &mut dyn FnMut(u64)) -> Figures {
        let mut figures = Figures::default();
        match self.work {
            Work::Sweep(kind) => self.sweep(kind, true, &mut figures, each),
            Work::Unsealed => self.sweep(FaultKind::Lost, false, &mut figures, each),
            Work::Lives => {
                let first = self.seed.wrapping_mul(LIVES);
                for seed in first..first + LIVES {
                    let world = lives::live(seed, Control::None);
                    figures.cases += 1;
                    figures.add(world.findings(), &format!("life {seed}"));
                    each(figures.cases);
                }
            }
            Work::Steps => {
                let done = steps::crash_at_every_step(self.seed, STEP_OPERATIONS, 1);
                figures.cases += done.crashes;
                figures.add(&done.findings, &format!("steps of seed {}", self.seed));
            }
        }
        figures
    }

    fn sweep(&self, kind: FaultKind, sealed: bool, figures: &mut Figures, each: &mut dyn FnMut(u64)) {
        let scale = Scale { lanes: self.lanes, cores: 2, only_transactions: false };
        let workload = Workload { seed: self.seed, scale, operations: self.operations, sealed, control: Control::None };
        let sweep = match workload.sweep() {
            Ok(sweep) => sweep,
            Err(what) => return figures.complain(format!("{workload:?} without a fault: {what}")),
        };
        let places = sweep.trace().iter().enumerate().filter(|(_, it)| Workload::applies(kind, it.operation));
        for (at, _) in places.step_by(self.stride.max(1)).skip(self.slice).step_by(SLICES) {
            let case = sweep.run(Fault { at: at as u64, kind });
            figures.cases += 1;
            figures.add(&case.findings, &format!("{workload:?}, {kind:?} at operation {at}, {:?}", case.struck));
            figures.ended(case.end, sealed);
            each(figures.cases);
        }
    }
}

/// What came of parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Cases, lives and crashes.
    pub cases: u64,
    /// Starts that refused hidden damage.
    pub refused: u64,
    /// Hidden damage that stopped the broker when a message was to be read, and was refused at the next start.
    pub found_by_read: u64,
    /// Something acked was gone and nobody noticed, although a later block was durable.
    pub unnoticed: u64,
    /// The same where no later block was: what the format calls undetectable.
    pub undetectable: u64,
    /// What was wrong.
    pub findings: Findings,
}

impl Figures {
    fn add(&mut self, findings: &Findings, place: &str) {
        for finding in findings.texts() {
            eprintln!("FOUND, {place}: {}: {}", finding.kind.word(), finding.text);
        }
        if !findings.is_empty() {
            eprintln!("FOUND, {place}: {findings}");
        }
        self.findings.merge(findings);
    }

    fn complain(&mut self, text: String) {
        eprintln!("FOUND: {text}");
        self.findings.count(Kind::Broker, 1);
    }

    fn ended(&mut self, end: End, sealed: bool) {
        match end {
            End::Whole => {}
            End::Refused => self.refused += 1,
            End::FoundByRead => self.found_by_read += 1,
            End::Unnoticed if sealed => self.unnoticed += 1,
            End::Unnoticed => self.undetectable += 1,
        }
    }

    /// Nothing was wrong and nothing went unnoticed.
    pub fn held(&self) -> bool {
        self.findings.is_empty() && self.unnoticed == 0
    }
}

impl parts::Figures for Figures {
    fn numbers(&self) -> Vec<u64> {
        let own = [self.cases, self.refused, self.found_by_read, self.unnoticed, self.undetectable];
        own.into_iter().chain(parts::counts_of(&self.findings)).collect()
    }

    fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let ([cases, refused, found_by_read, unnoticed, undetectable], findings) = numbers.split_first_chunk::<5>()?;
        let findings = parts::findings_of(findings)?;
        Some(Self {
            cases: *cases,
            refused: *refused,
            found_by_read: *found_by_read,
            unnoticed: *unnoticed,
            undetectable: *undetectable,
            findings,
        })
    }

    fn merge(&mut self, other: &Self) {
        self.cases += other.cases;
        self.refused += other.refused;
        self.found_by_read += other.found_by_read;
        self.unnoticed += other.unnoticed;
        self.undetectable += other.undetectable;
        self.findings.merge(&other.findings);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, refused, found_by_read, unnoticed, undetectable, findings } = self;
        write!(
            out,
            "{cases} cases: {findings}; hidden damage: {refused} refused at the start, {found_by_read} found when read and then \
             refused, {unnoticed} unnoticed; {undetectable} undetectable without a later block"
        )
    }
}

/// How many seeds of each control were caught; both must be.
pub fn controls(seed: u64) -> Result<String, String> {
    let first = seed.wrapping_mul(CONTROL_SEEDS);
    let seeds = first..first + CONTROL_SEEDS;
    let (flush, lane) = (lives::caught(Control::NoFlush, seeds.clone()), lives::caught(Control::OwnLaneOnly, seeds));
    let text = format!(
        "of {CONTROL_SEEDS} lives each: {flush} with an answer before the flush caught, {lane} with an answer that waits for its own lane \
         only"
    );
    if flush > 0 && lane > 0 { Ok(text) } else { Err(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prove::parts::Figures as _;

    #[test]
    fn figures_survive_a_line() {
        let mut figures = Figures { cases: 7, refused: 3, found_by_read: 2, undetectable: 1, ..Figures::default() };
        assert!(figures.held());
        figures.findings.count(Kind::Torn, 4);
        assert!(!figures.held());
        assert_eq!(Figures::from_line(&figures.to_line()), Some(figures));
        assert_eq!(Figures::from_line("1\t2"), None);
    }

    #[test]
    fn a_small_proof_holds_and_counts() {
        let part = |work| Part { seed: 3, lanes: 2, operations: 30, stride: 1, work, slice: 5 };
        let mut heard = 0;
        let figures = part(Work::Sweep(FaultKind::Error)).run(&mut |cases| heard = cases);
        assert!(figures.held() && figures.cases > 3 && heard == figures.cases, "{figures}");
    }
}

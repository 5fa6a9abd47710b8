//! Every operation of the disk fails once in each way: a workload is run again for each place and kind of a fault, up to the end of
//! all its messages.
//!
//! A workload goes through several lives of its broker. What one without a fault has come to at the beginning of each life is kept, and a
//! fault's case begins with the life that it strikes: up to there it would be the same again.
//!
//! What the disk admits costs nothing that was acked. What it hides (a write that is lost, torn, misdirected or damaged, and
//! reported as done) is never delivered as data: a start refuses it, with the way out. A start that goes by an index checkpoint may
//! pass it over; then the broker stops when it is read, and the next start refuses it.

use journal::testing::{Fault, FaultKind, Trace};
use journal::{LaneId, Lsn, Operation};

use super::oracle::{Findings, Kind};
use super::{Control, Crash, Scale, WorkEnd, World};

/// The ways in which an operation fails.
pub const KINDS: [FaultKind; 7] = [
    FaultKind::Error,
    FaultKind::NoSpace,
    FaultKind::PowerCut,
    FaultKind::Torn,
    FaultKind::Lost,
    FaultKind::Misdirected,
    FaultKind::BitFlip,
];
/// What a refusal advises: to give something up, to restore or move a file, to start another program.
const WAYS_OUT: [&str; 4] = ["--accept-loss", "estore ", "ove ", "tart th"];
/// Losses that an operator accepts, one after the other, before we take it that there is no end of them.
const CONSENTS_MAX: usize = 4;
/// A workload has at least so many lives: one that ends in order, one that ends by a crash under load, one that ends quietly.
const LIVES_MIN: u64 = 3;
/// Operations of the clients in one life, where there are more than in the fewest lives.
const LIFE_OPERATIONS: u64 = 1_000;
/// Lives behind the one that a hidden fault struck: what they write over it, and what their starts find.
const LIVES_BEHIND: u64 = 2;

/// A workload: what is run again and again.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Decides everything.
    pub seed: u64,
    /// How large its world is.
    pub scale: Scale,
    /// Operations of its clients.
    pub operations: u64,
    /// Every lane writes a later block that covers everything before the power fails.
    pub sealed: bool,
    /// Whether its broker is as it should be.
    pub control: Control,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Everything acked came out again.
    Whole,
    /// A start refused what it had found, and said what can be done.
    Refused,
    /// The broker stopped because a message could not be read back, and the start after that refused.
    FoundByRead,
    /// Something acked is gone and nobody noticed.
    Unnoticed,
}

impl End {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Whole, Self::Refused, Self::FoundByRead, Self::Unnoticed];
}

/// What came of one case.
#[derive(Clone, Debug)]
pub struct Case {
    /// How it ended.
    pub end: End,
    /// What was wrong; what a hidden fault rightly takes away is not.
    pub findings: Findings,
    /// What the fault struck.
    pub struck: Option<Trace>,
}

/// A workload without a fault: what it asks of the disk, and where each of its lives begins.
pub struct Sweep {
    trace: Vec<Trace>,
    beginnings: Vec<Beginning>,
}

/// The beginning of a life.
struct Beginning {
    life: u64,
    /// The next operation of the disk.
    operation: u64,
    run: Run,
}

impl Sweep {
    /// What a run without a fault asks of the disk, in the order in which faults are planned.
    #[must_use]
    pub fn trace(&self) -> &[Trace] {
        &self.trace
    }

    /// Runs the workload with one fault.
    #[must_use]
    pub fn run(&self, fault: Fault) -> Case {
        let at = self.beginnings.partition_point(|it| it.operation <= fault.at).saturating_sub(1);
        let Some(Beginning { life, run, .. }) = self.beginnings.get(at) else {
            unreachable!("a workload has a first life")
        };
        run.clone().faulted(*life, fault)
    }

    /// As [`Sweep::run`], from the first life on: what a case that begins later must be equal to.
    #[must_use]
    pub fn run_from_the_first_life(&self, fault: Fault) -> Case {
        let Some(Beginning { life, run, .. }) = self.beginnings.first() else {
            unreachable!("a workload has a first life")
        };
        run.clone().faulted(*life, fault)
    }
}

impl Workload {
    /// Runs it without a fault.
    ///
    /// # Errors
    /// What is wrong without any fault.
    pub fn sweep(&self) -> Result<Sweep, String> {
        let mut run = Run::new(*self);
        let (mut trace, mut beginnings) = (Vec::new(), Vec::new());
        for life in 0..self.lives() {
            beginnings.push(Beginning { life, operation: run.world.disk_operations(), run: run.clone() });
            run.one_life(life, &mut |world| trace.extend_from_slice(world.trace()))
                .map_err(|what| format!("life {life}: {what}"))?;
        }
        run.verify();
        let findings = run.world.findings();
        match findings.is_empty() {
            true => Ok(Sweep { trace, beginnings }),
            false => Err(format!("{findings}: {:#?}", findings.texts())),
        }
    }

    fn lives(&self) -> u64 {
        self.operations.div_ceil(LIFE_OPERATIONS).max(LIVES_MIN)
    }

    /// Can this operation fail in this way?
    #[must_use]
    pub fn applies(kind: FaultKind, operation: Operation) -> bool {
        match kind {
            FaultKind::Error | FaultKind::PowerCut => true,
            FaultKind::NoSpace => !matches!(operation, Operation::Read | Operation::Sync | Operation::SyncDirectory),
            _ => operation == Operation::Write,
        }
    }

    /// Goes on from this world's disk as a store that somebody crashed: starts, takes everything out, and judges.
    #[must_use]
    pub fn judge(&self, world: World) -> Findings {
        let mut run = Run { workload: *self, world, fault: None, end: End::Whole, ended: None };
        run.verify();
        run.world.findings().clone()
    }
}

/// Of the findings of a store that has lost something for good, those that are wrong all the same.
fn excused(findings: &Findings) -> Findings {
    findings.only(&[Kind::Phantom, Kind::Corrupt, Kind::Order, Kind::Broker])
}

#[derive(Clone)]
struct Run {
    workload: Workload,
    world: World,
    fault: Option<Fault>,
    end: End,
    /// How the life with the fault ended, if not as it should.
    ended: Option<String>,
}

impl Run {
    fn new(workload: Workload) -> Self {
        let world = World::new(workload.seed, &workload.scale, workload.control);
        Self { workload, world, fault: None, end: End::Whole, ended: None }
    }

    /// Goes on from the beginning of a life, with a fault.
    fn faulted(mut self, life: u64, fault: Fault) -> Case {
        self.fault = Some(fault);
        self.world.plan(fault);
        let mut struck = None;
        self.live(life, &mut |world| struck = struck.take().or_else(|| world.struck().cloned()));
        self.check_life(struck.as_ref());
        self.verify();
        let mut findings = self.world.findings().clone();
        if self.end != End::Whole {
            findings = excused(&findings);
        }
        Case { end: self.end, findings, struck }
    }

    /// The lives from this one on; the first that meets its fault is the last, unless the disk hides it.
    fn live(&mut self, first: u64, each: &mut dyn FnMut(&World)) {
        let mut last = self.workload.lives();
        let mut life = first;
        while life < last {
            let mut is_struck = false;
            let ended = self.one_life(life, &mut |world| {
                is_struck |= world.struck().is_some();
                each(world);
            });
            if let Err(what) = ended {
                self.ended = Some(what);
                each(&self.world);
                let crash = if self.workload.seed.is_multiple_of(2) { Crash::PowerCut } else { Crash::Kill };
                return self.world.crash(crash);
            }
            life += 1;
            if is_struck {
                last = last.min(life + LIVES_BEHIND);
            }
        }
    }

    /// Each third life is stopped in order, the others end by a crash.
    fn one_life(&mut self, life: u64, each: &mut dyn FnMut(&World)) -> Result<(), String> {
        self.world.start(&[]).map_err(|refusal| refusal.text)?;
        self.world.allow(self.workload.operations / self.workload.lives());
        done(self.world.work(None))?;
        if life.is_multiple_of(3) {
            // The stop gives the disk back and so forgets what was asked of it meanwhile.
            return self.world.stop_with(each);
        }
        // Before a later block is durable a hidden fault is past finding, in every life.
        if self.workload.sealed {
            done(self.world.seal())?;
        }
        each(&self.world);
        self.world.crash(Crash::PowerCut);
        Ok(())
    }

    /// Did the broker say what it must say?
    fn check_life(&mut self, struck: Option<&Trace>) {
        let Some(fault) = self.fault else { return };
        let in_lane = struck.is_some_and(|trace| {
            let is_segment = trace.path.extension().is_some_and(|ending| ending == "seg");
            is_segment && matches!(trace.operation, Operation::Write | Operation::Sync)
        });
        let what = match (&self.ended, fault.kind) {
            (None, FaultKind::Error | FaultKind::NoSpace) if in_lane => {
                "a write into a lane failed, and the broker went on".to_owned()
            }
            (Some(text), FaultKind::NoSpace) if !in_lane && is_creation(struck) => {
                format!("no segment could be made for a while, and the broker ended: {text}")
            }
            (Some(text), FaultKind::Error) if in_lane && !text.contains(".seg") => {
                format!("a write into a lane failed, and the broker does not say where: {text}")
            }
            // What a disk hides is found when it is read, by a start or by a running broker.
            (Some(text), kind) if !kind.is_reported() && !names_place(text) => format!("the broker ended: {text}"),
            _ => return,
        };
        self.world.report(Kind::Broker, what);
    }

    /// Starts on what is left, takes everything out, twice.
    fn verify(&mut self) {
        for _ in 0..2 {
            if self.start().is_none() {
                return;
            }
            let mut end = self.world.drain();
            while let WorkEnd::Failed(text) = end {
                self.world.crash(Crash::Kill);
                let Some(refusals) = self.start() else { return };
                if !self.is_hidden() || !names_place(&text) || refusals == 0 {
                    let what = format!("the broker stopped, and the next start found nothing: {text}");
                    return self.world.report(Kind::Broker, what);
                }
                self.end = self.end.max(End::FoundByRead);
                end = self.world.drain();
            }
            if end != WorkEnd::Done {
                return self.world.report(Kind::Broker, format!("{end:?}"));
            }
            self.world.crash(Crash::PowerCut);
        }
        if self.end == End::Whole && self.is_hidden() && is_loss(self.world.findings()) {
            self.end = End::Unnoticed;
        }
    }

    /// Starts, and gives up what is lost, in the broker's own words. Says how often it was refused before. `None`: it refuses for
    /// good, which is judged.
    fn start(&mut self) -> Option<usize> {
        let mut accepted: Vec<(LaneId, Lsn)> = Vec::new();
        while let Err(refusal) = self.world.start(&accepted) {
            let consent = self.consent(&refusal.text).filter(|it| refusal.refused && !accepted.contains(it));
            self.end = self.end.max(End::Refused);
            match consent {
                Some(consent) if accepted.len() < CONSENTS_MAX => accepted.push(consent),
                _ => {
                    self.refused(&refusal.text);
                    return None;
                }
            }
            self.world.crash(Crash::Kill);
        }
        Some(accepted.len())
    }

    fn is_hidden(&self) -> bool {
        self.fault.is_some_and(|fault| !fault.kind.is_reported())
    }

    /// The loss that the broker asks to be accepted, in its own words: `--accept-loss LANE@LSN`.
    fn consent(&self, text: &str) -> Option<(LaneId, Lsn)> {
        let words = text.split("--accept-loss ").nth(1).filter(|_| self.is_hidden())?;
        let (lane, lsn) = words.split_whitespace().next()?.split_once('@')?;
        Some((lane.parse().ok()?, Lsn(lsn.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()?)))
    }

    /// A start that refuses for good: only damage that the disk has hidden may do that, and the words must name a file.
    fn refused(&mut self, text: &str) {
        if !self.is_hidden() || !names_place(text) {
            // Nobody has lost anything that would excuse it.
            self.end = End::Whole;
            self.world.report(Kind::Broker, format!("no start: {text}"));
        }
    }
}

fn done(end: WorkEnd) -> Result<(), String> {
    match end {
        WorkEnd::Done | WorkEnd::Events => Ok(()),
        WorkEnd::Failed(text) => Err(text),
        other => Err(format!("{other:?}")),
    }
}

/// Does somebody who has lost something say which file it is about, and what can be done?
fn names_place(text: &str) -> bool {
    text.contains('/') && WAYS_OUT.iter().any(|words| text.contains(words))
}

/// Is it a step of the making of a segment, while the broker runs?
fn is_creation(struck: Option<&Trace>) -> bool {
    struck.is_some_and(|trace| trace.path.to_string_lossy().contains(".seg"))
}

/// Is something gone that was acked?
fn is_loss(findings: &Findings) -> bool {
    [Kind::Lost, Kind::Resurrected, Kind::Torn].into_iter().any(|kind| findings.of(kind) > 0)
}

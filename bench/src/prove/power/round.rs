//! One round: a store of its own through some power cuts, and the moments between them.
//!
//! Takes a plan and a number, gives figures. The choices follow from the seed; how far a broker gets until a cut does not.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::LocalSet;

use super::crash::{Through, keep, look};
use super::disk::{Barriers, DISK_BYTES, Recorded, formatted};
use super::figures::Figures;
use super::recorder::Moment;
use super::state::{State, after};
use crate::prove::kill9::broker::{Broker, Place, empty};
use crate::prove::kill9::drain;
use crate::prove::kill9::load::{Load, SharedStore, Store};
use crate::prove::kill9::oracle::{Kind, Oracle};
use crate::prove::random::Random;

/// Cuts of a round, unless fewer are left.
pub const CUTS_PER_ROUND: u32 = 6;

/// From the first answers of all workers to the cut, in milliseconds.
const CUT_AFTER_MS: (u64, u64) = (20, 600);
/// A start is cut so long after it began.
const START_CUT_AFTER_MS: (u64, u64) = (0, 400);
/// All workers get an answer within this, or there is no load.
const BEGUN_WITHIN: Duration = Duration::from_secs(60);
/// Workers end when their connection does.
const ENDED_WITHIN: Duration = Duration::from_secs(60);
/// Acked operations that a cut needs to say something.
const ACKED_MIN: u64 = 100;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The broker.
    pub binary: PathBuf,
    /// Where disks lie. States with findings are left there.
    pub directory: PathBuf,
    /// The seed of the whole run.
    pub seed: u64,
    /// Numbers of lanes; the rounds take them in turn.
    pub lanes: Vec<u16>,
    /// Moments of each life that are looked at beside its end.
    pub points: u32,
    /// Settings of the broker, as `NAME=VALUE`.
    pub settings: Vec<String>,
    /// The control: the file system never flushes its device.
    pub never_flushes: bool,
}

/// How a store makes its writes durable, in turn.
const SYNC: [&str; 2] = ["sync=dsync", "sync=fdatasync"];

impl Plan {
    /// Something was taken from the broker or from its disk on purpose.
    fn is_control(&self) -> bool {
        self.never_flushes || !self.settings.is_empty()
    }

    fn place(&self, number: u32) -> Place {
        let turn = usize::try_from(number).unwrap_or(0);
        let lanes = turn.checked_rem(self.lanes.len()).and_then(|turn| self.lanes.get(turn)).copied().unwrap_or(1);
        let sync = SYNC.get((turn / self.lanes.len().max(1)) % SYNC.len()).copied().unwrap_or_default();
        Place {
            binary: self.binary.clone(),
            directory: self.directory.join(format!("round-{number}")),
            lanes,
            port: 0,
            settings: self.settings.iter().cloned().chain([sync.to_owned()]).collect(),
        }
    }
}

/// A moment and what the clients knew then.
struct Point {
    moment: Moment,
    history: Oracle,
}

struct Round<'a> {
    plan: &'a Plan,
    place: Place,
    store: SharedStore,
    random: Random,
    /// What the disk holds, between two lives.
    disk: Vec<u8>,
    figures: Figures,
}

/// Runs a round of so many cuts on the calling thread, which has a mount namespace of its own; `each` hears of every cut.
pub fn round(plan: &Plan, number: u32, cuts: u32, mut each: impl FnMut(&str)) -> Result<Figures, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime of the clients cannot be built: {error}"))?;
    let set = LocalSet::new();
    let place = plan.place(number);
    empty(&place.directory)?;
    std::fs::create_dir_all(&place.directory).map_err(|error| format!("{}: {error}", place.directory.display()))?;
    let disk = formatted(&place.directory, DISK_BYTES)?;
    let mut random = Random::of(plan.seed, u64::from(number));
    let store = Store::new(random.number());
    let mut round = Round { plan, place, store, random, disk, figures: Figures::default() };
    for cut in 0..cuts {
        if let Err(what) = set.block_on(&runtime, round.life(&set, cut)) {
            round.complain(format!("round {number}, cut {cut}: {what}"));
            break;
        }
        each(&format!("round {number}, cut {} of {cuts}, {} crash points", cut + 1, round.figures.points));
    }
    set.block_on(&runtime, round.last_look());
    let Round { mut figures, store, place, .. } = round;
    let oracle = store.oracle.borrow();
    for finding in oracle.findings().texts() {
        eprintln!("FOUND in {}: {}: {}", place.directory.display(), finding.kind.word(), finding.text);
    }
    figures.acked = oracle.counts().acked;
    figures.findings.merge(oracle.findings());
    if figures.findings.is_empty() {
        empty(&place.directory)?;
    }
    Ok(figures)
}

impl Round<'_> {
    /// A life under load, cut; then the moments within it, and what is left of its disk is what the next one begins with.
    async fn life(&mut self, set: &LocalSet, number: u32) -> Result<(), String> {
        if number % 3 == 2 {
            self.cut_a_start()?;
        }
        // The control's store is made on a disk that does as it is told: what it loses then is what was answered later.
        let never_flushes = self.plan.never_flushes && number > 0;
        let disk = self.mount(if never_flushes { Barriers::Off } else { Barriers::On })?;
        let mut broker = Broker::start(&self.place)?;
        self.store.oracle.borrow_mut().broker_started();
        if number == 0 {
            drain::create_queues(broker.port).await.map_err(|error| format!("no queues: {error}"))?;
        } else if number.is_multiple_of(3) {
            drain::drain(&self.store, broker.port).await?;
        }
        let before = self.store.oracle.borrow().counts();
        let mut load = Load::start(set, &self.store, broker.port, &mut self.random);
        match tokio::time::timeout(BEGUN_WITHIN, load.begun()).await {
            Ok(true) => {}
            Ok(false) => self.complain(format!("a worker ended before the load had begun: {}", broker.end_of_log())),
            Err(_) => self.complain(format!("no load within {BEGUN_WITHIN:?}: {}", broker.end_of_log())),
        }
        let points = self.points(&disk).await;
        if let Some(what) = broker.ended_early() {
            self.complain(what);
        }
        let counts = self.store.oracle.borrow().counts();
        // From here on nothing becomes safe any more; what was answered before stays answered.
        let cut = disk.recorder().cut();
        broker.kill();
        // Dead already, it waits for its last writes.
        disk.release();
        self.heard(broker.killed()?);
        if tokio::time::timeout(ENDED_WITHIN, load.ended()).await.is_err() {
            return Err(format!("workers did not end within {ENDED_WITHIN:?} of the cut"));
        }
        self.figures.cuts += 1;
        self.figures.loaded += u64::from(counts.acked - before.acked >= ACKED_MIN && counts.pending > 0);
        self.figures.recorded += cut.0 as u64;
        let log = disk.recorder().until(cut).to_vec();
        drop(disk);
        for (which, Point { moment, history }) in points.into_iter().enumerate() {
            let state = after(&self.disk, log.get(..moment.0).unwrap_or(&log), &mut self.random);
            self.look_at(&state, history, &format!("life {number}, point {which}")).await;
            self.figures.points += 1;
        }
        let state = after(&self.disk, &log, &mut self.random);
        self.end_with(state);
        Ok(())
    }

    /// Lets the load run, and remembers moments of it.
    async fn points(&mut self, disk: &Recorded) -> Vec<Point> {
        let whole = self.random.between(CUT_AFTER_MS.0, CUT_AFTER_MS.1);
        let mut at: Vec<u64> = (0..self.plan.points).map(|_| self.random.between(0, whole)).collect();
        at.sort_unstable();
        at.push(whole);
        let mut points = Vec::new();
        let mut passed = 0;
        for at in at {
            tokio::time::sleep(Duration::from_millis(at - passed)).await;
            passed = at;
            // No worker runs between these two: what they know now needs no more than what the disk was asked for until now.
            let history = self.store.oracle.borrow().clone();
            points.push(Point { moment: disk.recorder().moment(), history });
        }
        // The last one is the cut itself, but for what is answered until then.
        points.pop();
        points
    }

    fn cut_a_start(&mut self) -> Result<(), String> {
        let disk = self.mount(Barriers::On)?;
        let broker = Broker::spawn(&self.place)?;
        let wait = self.random.between(START_CUT_AFTER_MS.0, START_CUT_AFTER_MS.1);
        std::thread::sleep(Duration::from_millis(wait));
        let cut = disk.recorder().cut();
        broker.kill();
        disk.release();
        self.heard(broker.killed()?);
        let log = disk.recorder().until(cut).to_vec();
        drop(disk);
        self.figures.start_cuts += 1;
        let state = after(&self.disk, &log, &mut self.random);
        self.end_with(state);
        Ok(())
    }

    fn mount(&self, barriers: Barriers) -> Result<Recorded, String> {
        Recorded::mount(&self.place.directory, self.disk.clone(), barriers)
            .map_err(|what| format!("{what}; {}", keep(&self.plan.directory, "unmounted", &self.disk)))
    }

    fn end_with(&mut self, state: State) {
        self.figures.saw(&state);
        self.disk = state.bytes;
    }

    async fn look_at(&mut self, state: &State, history: Oracle, name: &str) {
        self.figures.saw(state);
        let (seed, before) = (self.store.seed, history.findings().clone());
        let delivered = history.counts().delivered;
        let (findings, counts) = look(&self.place, &state.bytes, seed, history, Through::Mount).await;
        self.figures.delivered += counts.delivered - delivered;
        if findings == before {
            return;
        }
        let told = if self.plan.is_control() { 0 } else { usize::MAX };
        for finding in findings.texts().iter().skip(before.texts().len()).take(told) {
            eprintln!("FOUND in {}, {name}: {}: {}", self.place.directory.display(), finding.kind.word(), finding.text);
        }
        if !self.plan.is_control() {
            eprintln!("{}", keep(&self.place.directory, &name.replace([' ', ','], "-"), &state.bytes));
        }
        // What the whole store has to say is counted at its end.
        for kind in Kind::ALL {
            self.figures.findings.count(kind, findings.of(kind).saturating_sub(before.of(kind)));
        }
    }

    /// The store after its last cut, with the whole history.
    async fn last_look(&mut self) {
        let state = State { bytes: std::mem::take(&mut self.disk), open: 0, damaged: 0 };
        let history = self.store.oracle.borrow().clone();
        self.look_at(&state, history, "after the last cut").await;
    }

    /// Whatever a log complained of is a finding.
    fn heard(&self, complaints: Vec<String>) {
        complaints.into_iter().for_each(|line| self.complain(format!("in the log: {line}")));
    }

    fn complain(&self, text: String) {
        self.store.oracle.borrow_mut().report(Kind::Broker, text);
    }
}

//! One round: a store of its own through some cycles, then everything is taken out and judged.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::LocalSet;

use super::broker::{self, Broker, Place};
use super::drain;
use super::figures::{Cycle, Figures};
use super::load::{Load, SharedStore, Store};
use super::oracle::{Findings, Kind};
use crate::prove::random::Random;

/// Cycles of a round, unless fewer are left.
pub const CYCLES_PER_ROUND: u32 = 10;

/// The kill comes so long after the load has begun, in milliseconds.
const KILL_AFTER_MS: (u64, u64) = (5, 500);
/// A start is killed so long after it began.
const START_KILL_AFTER_MS: (u64, u64) = (0, 400);
/// All workers get an answer within this, or there is no load.
const BEGUN_WITHIN: Duration = Duration::from_secs(30);
/// Workers end when their connection does.
const ENDED_WITHIN: Duration = Duration::from_secs(30);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The broker.
    pub binary: PathBuf,
    /// Where the stores lie. A round with findings leaves its store there.
    pub directory: PathBuf,
    /// The seed of the whole run.
    pub seed: u64,
    /// Numbers of lanes; the rounds take them in turn.
    pub lanes: Vec<u16>,
    /// Settings of the broker beside those of the loop, as `NAME=VALUE`.
    pub settings: Vec<String>,
}

impl Plan {
    pub(super) fn place(&self, number: u32) -> Place {
        let turn = usize::try_from(number).unwrap_or(0).checked_rem(self.lanes.len()).unwrap_or(0);
        Place {
            binary: self.binary.clone(),
            directory: self.directory.join(format!("round-{number}")),
            lanes: self.lanes.get(turn).copied().unwrap_or(1),
            port: 0,
            settings: self.settings.clone(),
        }
    }
}

/// How a life under load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Kill,
    Stop,
}

/// A round under way.
pub(super) struct Round {
    place: Place,
    store: SharedStore,
    random: Random,
    figures: Figures,
    /// The end comes so long after the load has begun, in milliseconds.
    after_ms: (u64, u64),
}

/// Runs a round of so many cycles; `each` hears of every cycle. Findings are in the figures.
pub fn round(plan: &Plan, number: u32, cycles: u32, mut each: impl FnMut(&Cycle)) -> Result<Figures, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime of the clients cannot be built: {error}"))?;
    let set = LocalSet::new();
    let place = plan.place(number);
    broker::empty(&place.directory)?;
    let mut random = Random::of(plan.seed, u64::from(number));
    let store = Store::new(random.number());
    let mut round = Round::new(place, store, random);
    if let Err(what) = set.block_on(&runtime, round.run(&set, cycles, &mut each)) {
        let text = format!("round {number}, {} lanes: {what}", round.place.lanes);
        round.store.oracle.borrow_mut().report(Kind::Broker, text);
    }
    let oracle = round.store.oracle.borrow();
    let counts = oracle.counts();
    let mut figures = round.figures;
    (figures.acked, figures.unknown) = (counts.acked, counts.unknown);
    (figures.delivered, figures.rolled_back) = (counts.delivered, counts.rolled_back);
    figures.findings = oracle.findings().clone();
    if figures.findings.is_empty() {
        // It has served; whatever stays behind is in the way of nobody.
        let _left = broker::empty(&round.place.directory);
    }
    Ok(figures)
}

impl Round {
    /// On a store that nobody has used.
    pub(super) fn new(place: Place, store: SharedStore, random: Random) -> Self {
        Self { place, store, random, figures: Figures::default(), after_ms: KILL_AFTER_MS }
    }

    /// The same with lives that end earlier or later.
    pub(super) fn with_lives_of(mut self, after_ms: (u64, u64)) -> Self {
        self.after_ms = after_ms;
        self
    }

    /// What was wrong so far.
    pub(super) fn findings(&self) -> Findings {
        self.store.oracle.borrow().findings().clone()
    }

    /// What the bodies follow from.
    pub(super) fn seed(&self) -> u64 {
        self.store.seed
    }

    /// Lives under load, one after the other, with these ends.
    pub(super) async fn lives(&mut self, set: &LocalSet, ends: &[End]) -> Result<(), String> {
        for (number, end) in ends.iter().enumerate() {
            let broker = self.start()?;
            if number == 0 {
                drain::create_queues(broker.port).await.map_err(|error| format!("no queues: {error}"))?;
            }
            let (_, ended) = self.life(set, broker, *end).await?;
            ended?;
        }
        Ok(())
    }

    /// Empties a copy of the store and judges it as if it were the store itself.
    pub(super) async fn judged_at(&self, place: &Place) -> Result<(), String> {
        let broker = Broker::start(place)?;
        self.store.oracle.borrow_mut().broker_started();
        self.emptied(&broker).await?;
        self.heard(broker.killed()?);
        Ok(())
    }

    async fn run(&mut self, set: &LocalSet, cycles: u32, each: &mut impl FnMut(&Cycle)) -> Result<(), String> {
        let mut broker = self.start()?;
        drain::create_queues(broker.port).await.map_err(|error| format!("no queues: {error}"))?;
        for number in 0..cycles {
            let (mut cycle, end) = self.life(set, broker, End::Kill).await?;
            cycle.number = number;
            end?;
            self.kill_starts()?;
            broker = self.start()?;
            if number % 5 == 2 {
                let (_, end) = self.life(set, broker, End::Stop).await?;
                end?;
                self.figures.stops += 1;
                broker = self.start()?;
            }
            if number % 5 == 4 || number + 1 == cycles {
                self.emptied(&broker).await?;
            }
            cycle.ready_after = broker.ready_after;
            self.figures.add(&cycle);
            each(&cycle);
        }
        // A clean stop, and once more: nothing comes back.
        self.heard(broker.stopped()?);
        broker = self.start()?;
        self.emptied(&broker).await?;
        self.heard(broker.killed()?);
        Ok(())
    }

    async fn emptied(&self, broker: &Broker) -> Result<(), String> {
        let emptied = drain::drain(&self.store, broker.port).await;
        emptied.map_err(|what| format!("{what}\nthe end of its log:\n{}", broker.end_of_log()))
    }

    fn start(&mut self) -> Result<Broker, String> {
        let broker = Broker::start(&self.place)?;
        self.figures.saw_start(broker.ready_after);
        self.store.oracle.borrow_mut().broker_started();
        Ok(broker)
    }

    /// Load until the end comes. The inner result is that of the broker's end.
    async fn life(
        &mut self,
        set: &LocalSet,
        mut broker: Broker,
        end: End,
    ) -> Result<(Cycle, Result<(), String>), String> {
        let before = self.store.oracle.borrow().counts();
        let mut load = Load::start(set, &self.store, broker.port, &mut self.random);
        let after = Duration::from_millis(self.random.between(self.after_ms.0, self.after_ms.1));
        match tokio::time::timeout(BEGUN_WITHIN, load.begun()).await {
            Ok(true) => tokio::time::sleep(after).await,
            Ok(false) => self.complain(format!("a worker ended before the load had begun: {}", broker.end_of_log())),
            Err(_) => self.complain(format!("no load within {BEGUN_WITHIN:?}: {}", broker.end_of_log())),
        }
        if let Some(what) = broker.ended_early() {
            self.complain(what);
        }
        let counts = self.store.oracle.borrow().counts();
        let ended = match end {
            End::Kill => {
                broker.kill();
                broker.killed()
            }
            // The workers see the end while it is waited for, as clients of a stopping broker do.
            End::Stop => match tokio::task::spawn_blocking(move || broker.stopped()).await {
                Ok(ended) => ended,
                Err(error) => Err(format!("the stop was not waited for: {error}")),
            },
        };
        if tokio::time::timeout(ENDED_WITHIN, load.ended()).await.is_err() {
            return Err(format!("workers did not end within {ENDED_WITHIN:?} of the broker's end"));
        }
        let acked = counts.acked - before.acked;
        let cycle = Cycle { number: 0, load: after, acked, in_flight: counts.pending, ready_after: Duration::ZERO };
        Ok((cycle, ended.map(|lines| self.heard(lines))))
    }

    /// Every third time: the next start is killed as well, once or twice.
    fn kill_starts(&mut self) -> Result<(), String> {
        if !self.random.percent(34) {
            return Ok(());
        }
        for _ in 0..self.random.between(1, 2) {
            let broker = Broker::spawn(&self.place)?;
            let after = self.random.between(START_KILL_AFTER_MS.0, START_KILL_AFTER_MS.1);
            std::thread::sleep(Duration::from_millis(after));
            let lines = broker.killed()?;
            self.heard(lines);
            self.figures.start_kills += 1;
        }
        Ok(())
    }

    /// Whatever a log complained of is a finding.
    fn heard(&self, complaints: Vec<String>) {
        complaints.into_iter().for_each(|line| self.complain(format!("in the log: {line}")));
    }

    fn complain(&self, text: String) {
        self.store.oracle.borrow_mut().report(Kind::Broker, text);
    }
}

//! One load from its first connection to its figures: open, warm up, measure, wait for the last answers.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio_uring::net::TcpStream;

use super::clock;
use super::drive::{Common, Wire, pace};
use super::line::{Line, Part};
use super::plan::{Length, Plan};
use super::queues::{Queues, Spread, zipf};
use super::schedule::{Pace, Schedule};
use super::speech::{Message, Opened, Role, make_queues, open};
use super::tally::Tally;
use crate::measure::calls::Counting;
use crate::measure::context::Context;
use crate::measure::descriptors::raise_descriptors;
use crate::measure::device::{Counters, Device};
use crate::measure::latency::Latencies;
use crate::measure::process::Usage;
use crate::result::schema::Figures;

/// Bytes that may be on their way to a consumer, as the Artemis client has it.
const CONSUMER_CREDIT: usize = 1024 * 1024;
/// How often somebody looks how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Rates that must agree, of a second each.
const RATES: usize = 5;
/// How far the lowest and the highest of them may be from their mean.
const RATES_AGREE: f64 = 0.05;
/// Descriptors for all but connections.
const DESCRIPTORS_BESIDE: u64 = 64;
/// How long system calls are counted.
const CALLS_FOR: Duration = Duration::from_secs(1);
/// Entries of the ring: so many operations can be told to the kernel at a time.
const RING_ENTRIES: u32 = 1024;

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Glimpse {
    /// What it does.
    pub phase: Phase,
    /// How much of the phase is over, from 0 to 1.
    pub share: f64,
    /// Messages acked so far.
    pub acked: u64,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connections and queues are opened.
    Opening,
    /// The load runs and is not measured.
    WarmingUp,
    /// It is measured.
    Measuring,
    /// Nothing new is sent.
    Draining,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The figures, as results have them.
    pub figures: Figures,
    /// From when a message was due to its ack.
    pub ack: Latencies,
    /// To its delivery.
    pub delivery: Latencies,
    /// To its way into the socket.
    pub delay: Latencies,
    /// Messages sent, with those before the measured time.
    pub sent: u64,
    /// Messages acked, likewise.
    pub acked: u64,
    /// Deliveries acknowledged, and that answered, likewise.
    pub consumed: u64,
    /// Messages that no answer came for, however long it was waited.
    pub unanswered: u64,
    /// What a reader of the figures must know.
    pub remarks: Vec<String>,
}

/// Runs a plan. `watch` hears how far it is; once `stop` is set, what was measured so far is the outcome.
///
/// # Errors
///
/// The broker cannot be reached, refuses something, or ends a connection.
pub fn run(plan: &Plan, watch: &mut dyn FnMut(Glimpse), stop: &AtomicBool) -> Result<Outcome, String> {
    let message = plan.message();
    let opened = open_all(plan, &message, watch)?;
    let mut ring = tokio_uring::uring_builder();
    ring.setup_cqsize(16 * RING_ENTRIES);
    let mut builder = tokio_uring::builder();
    builder
        .entries(RING_ENTRIES)
        .uring_builder(&ring)
        .start(async { Load::start(plan, opened).conduct(plan, watch, stop).await })
}

/// All connections, those that send first.
struct AllOpened {
    producers: Vec<Opened>,
    consumers: Vec<Opened>,
    idle: Vec<Opened>,
}

fn open_all(plan: &Plan, message: &Message, watch: &mut dyn FnMut(Glimpse)) -> Result<AllOpened, String> {
    let all = plan.connections + plan.consumers + plan.idle_connections;
    raise_descriptors(u64::from(all) + DESCRIPTORS_BESIDE)?;
    let mut number = 0u32;
    let process = std::process::id();
    if plan.makes_queues {
        let name = format!("bench-{process}-queues-{}", clock::now());
        make_queues(plan.protocol, &plan.address, &name, message)?;
    }
    let mut some = |count: u32, role: &dyn Fn(u32) -> Role| -> Result<Vec<Opened>, String> {
        let one = |at| {
            number += 1;
            let share = f64::from(number) / f64::from(all.max(1));
            watch(Glimpse { phase: Phase::Opening, share, acked: 0 });
            let name = format!("bench-{process}-{number}-{}", clock::now());
            open(plan.protocol, &plan.address, &name, role(at), message)
        };
        (0..count).map(one).collect()
    };
    let queues = plan.queues.max(1);
    Ok(AllOpened {
        idle: some(plan.idle_connections, &|_| Role::Idle)?,
        consumers: some(plan.consumers, &|at| Role::Consumer { queue: at % queues })?,
        producers: some(plan.connections, &|_| Role::Producer)?,
    })
}

/// A load whose connections stand.
struct Load {
    common: Rc<Common>,
    producers: Rc<[Rc<Wire>]>,
    consumers: Vec<Rc<Wire>>,
}

impl Load {
    fn start(plan: &Plan, opened: AllOpened) -> Self {
        let common = Rc::new(Common::default());
        let shares = (plan.spread == Spread::Zipf).then(|| zipf(plan.queues));
        let queues = |at: u32| match &shares {
            Some(shares) => Queues::by_shares(plan.queues, Rc::clone(shares), plan.seed ^ u64::from(at)),
            None if plan.queues == plan.connections => Queues::even(at, 1, 0),
            None => Queues::even(0, plan.queues, at),
        };
        let wires = |opened: Vec<Opened>, part: Part| -> Vec<Rc<Wire>> {
            let numbered = (0u32..).zip(opened);
            let wire = |(at, opened): (u32, Opened)| {
                let Opened { stream, heard, dialect } = opened;
                let line = Line::new(dialect, part, plan.transaction, queues(at));
                Wire::start(TcpStream::from_std(stream), heard, line, &common)
            };
            numbered.map(wire).collect()
        };
        let part = if plan.pace == Pace::Closed { Part::Closed { window: plan.window } } else { Part::Open };
        // Their tasks keep them open.
        wires(opened.idle, Part::Idle);
        let consumers = wires(opened.consumers, Part::Consumer { credit: CONSUMER_CREDIT });
        Self { producers: wires(opened.producers, part).into(), consumers, common: Rc::clone(&common) }
    }

    async fn conduct(self, plan: &Plan, watch: &mut dyn FnMut(Glimpse), stop: &AtomicBool) -> Result<Outcome, String> {
        let mut remarks = Vec::new();
        if let (Some(count), _) = plan.length.bounds() {
            let mut tally = self.common.tally.borrow_mut();
            tally.limit = count;
            tally.begin(clock::now());
        }
        let mut before = Before::now(plan)?;
        self.begin(plan);
        if matches!(plan.length, Length::Time(_)) {
            remarks.extend(self.warm_up(plan, watch, stop).await?);
            before = Before::now(plan)?;
            self.common.tally.borrow_mut().begin(before.time);
        }
        self.measure(plan, watch, stop).await?;
        let mut figures = before.figures(plan)?;
        self.common.tally.borrow_mut().end(clock::now());
        let mut calls = None;
        if plan.counts_calls && !stop.load(Ordering::Relaxed) {
            match self.count_calls(plan).await {
                Ok(per_message) => calls = Some(per_message),
                Err(why) => remarks.push(why),
            }
        }
        self.drain(plan, watch, stop).await?;
        if stop.load(Ordering::Relaxed) {
            remarks.push("interrupted: these are the figures up to then".to_owned());
        }
        let tally = std::mem::take(&mut *self.common.tally.borrow_mut());
        // On a schedule the messages that wait are figures, too; in a closed loop nothing was measured.
        if plan.pace == Pace::Closed && tally.sent > 0 && tally.acked == 0 && !stop.load(Ordering::Relaxed) {
            return Err(format!(
                "none of the {} messages was answered, also not within {:?} after the end",
                tally.sent, plan.drain
            ));
        }
        fill(&mut figures, &tally, plan);
        figures.target_system_calls = calls.map(|per_message| (per_message * figures.messages as f64).round() as u64);
        if tally.unanswered > 0 {
            remarks.push(format!("{} messages had no answer {:?} after the end", tally.unanswered, plan.drain));
        }
        Ok(Outcome {
            figures,
            sent: tally.sent,
            acked: tally.acked,
            consumed: tally.consumed,
            unanswered: tally.unanswered,
            ack: tally.ack,
            delivery: tally.delivery,
            delay: tally.delay,
            remarks,
        })
    }

    /// Everybody starts.
    fn begin(&self, plan: &Plan) {
        let now = clock::now();
        // Consumers first, so that nothing waits for them.
        for wire in self.consumers.iter().chain(self.producers.iter()) {
            wire.line.borrow_mut().begin(now, &mut self.common.tally.borrow_mut());
            wire.wake();
        }
        if let Some(schedule) = Schedule::new(plan.pace, now, plan.seed) {
            tokio_uring::spawn(pace(schedule, Rc::clone(&self.producers), Rc::clone(&self.common)));
        }
    }

    /// Waits until the rates agree. Gives a remark if they did not.
    async fn warm_up(
        &self,
        plan: &Plan,
        watch: &mut dyn FnMut(Glimpse),
        stop: &AtomicBool,
    ) -> Result<Option<String>, String> {
        let began = clock::now();
        let mut rates = VecDeque::with_capacity(RATES + 1);
        let (mut second, mut acked) = (began, 0);
        while !self.is_over(stop)? {
            let now = clock::now();
            let spent = Duration::from_nanos(now - began);
            let settled = rates.len() == RATES && agree(&rates);
            if spent >= plan.warm.most {
                let is_short = plan.warm.most < Duration::from_secs(RATES as u64);
                let remark = format!("not warm after {spent:.0?}: the rates of its seconds still differed");
                return Ok((!settled && !is_short).then_some(remark));
            }
            if settled && spent >= plan.warm.least {
                return Ok(None);
            }
            let total = self.acked();
            let share = spent.as_secs_f64() / plan.warm.most.as_secs_f64().max(1e-9);
            watch(Glimpse { phase: Phase::WarmingUp, share, acked: total });
            if now - second >= 1_000_000_000 {
                rates.push_back((total - acked) as f64 / (now - second) as f64);
                if rates.len() > RATES {
                    rates.pop_front();
                }
                (second, acked) = (now, total);
            }
            self.wait(LOOK_EVERY.min(plan.warm.most.saturating_sub(spent))).await;
        }
        Ok(None)
    }

    async fn measure(&self, plan: &Plan, watch: &mut dyn FnMut(Glimpse), stop: &AtomicBool) -> Result<(), String> {
        let began = clock::now();
        while !self.is_over(stop)? {
            let (acked, spent) = (self.acked(), Duration::from_nanos(clock::now() - began));
            let (messages, time) = plan.length.bounds();
            let by_time = time.map_or(0.0, |time| spent.as_secs_f64() / time.as_secs_f64().max(1e-9));
            let by_count = messages.map_or(0.0, |count| acked as f64 / count.max(1) as f64);
            let share = by_time.max(by_count);
            watch(Glimpse { phase: Phase::Measuring, share, acked });
            if share >= 1.0 {
                break;
            }
            // A count may be reached at any time.
            let left = time.map_or(LOOK_EVERY, |time| time.saturating_sub(spent));
            let look = if messages.is_some() { LOOK_EVERY / 20 } else { LOOK_EVERY };
            self.wait(look.min(left)).await;
        }
        Ok(())
    }

    /// System calls of the broker for a message, while the load goes on as before. Nobody reads the clock of the load meanwhile.
    async fn count_calls(&self, plan: &Plan) -> Result<f64, String> {
        let (pids, folder) = (plan.pids.clone(), std::env::temp_dir());
        if pids.is_empty() {
            return Err("system calls cannot be counted without the process of the broker".to_owned());
        }
        let begin = tokio::task::spawn_blocking(move || Counting::begin(&pids, &folder));
        let counting = begin.await.map_err(|error| error.to_string())??;
        let before = self.acked();
        self.wait(CALLS_FOR).await;
        let acked = self.acked() - before;
        let calls = tokio::task::spawn_blocking(|| counting.end()).await.map_err(|error| error.to_string())??;
        if acked == 0 {
            Err("no message was acked while system calls were counted".to_owned())
        } else {
            Ok(calls as f64 / acked as f64)
        }
    }

    /// Waits for what is in flight.
    async fn drain(&self, plan: &Plan, watch: &mut dyn FnMut(Glimpse), stop: &AtomicBool) -> Result<(), String> {
        self.producers.iter().for_each(|wire| wire.line.borrow_mut().stop());
        let began = clock::now();
        let is_quiet = || self.producers.iter().all(|wire| wire.line.borrow().is_quiet());
        let is_consumed = || {
            let tally = self.common.tally.borrow();
            // What was left over from before may have come, too.
            self.consumers.is_empty() || tally.consumed >= tally.acked
        };
        while !(is_quiet() && is_consumed()) {
            let spent = Duration::from_nanos(clock::now() - began);
            if spent >= plan.drain || self.common.failure().is_some() || stop.load(Ordering::Relaxed) {
                break;
            }
            let share = spent.as_secs_f64() / plan.drain.as_secs_f64().max(1e-9);
            watch(Glimpse { phase: Phase::Draining, share, acked: self.acked() });
            self.wait(LOOK_EVERY / 20).await;
        }
        let (now, mut tally) = (clock::now(), self.common.tally.borrow_mut());
        self.producers.iter().for_each(|wire| wire.line.borrow_mut().end(now, &mut tally));
        self.common.failure().map_or(Ok(()), Err)
    }

    /// Messages acked, or consumed where nobody sends.
    fn acked(&self) -> u64 {
        let tally = self.common.tally.borrow();
        if self.producers.is_empty() { tally.consumed } else { tally.acked }
    }

    /// Has it failed, or was it told to stop, or is it overloaded?
    fn is_over(&self, stop: &AtomicBool) -> Result<bool, String> {
        if let Some(why) = self.common.failure() {
            return Err(why);
        }
        Ok(stop.load(Ordering::Relaxed) || self.common.tally.borrow().overload)
    }

    async fn wait(&self, time: Duration) {
        // Early when something ended.
        let _elapsed = tokio::time::timeout(time, self.common.ended.notified()).await;
    }
}

/// What was used up to the begin of the measured time.
pub(super) struct Before {
    time: u64,
    client: u64,
    target: Option<Usage>,
    device: Option<(Device, Counters)>,
    context: Context,
}

impl Before {
    pub(super) fn now(plan: &Plan) -> Result<Self, String> {
        let device = plan.directory.as_deref().map(|directory| {
            let device = Device::under(directory)?;
            let counters = device.now()?;
            Ok::<_, String>((device, counters))
        });
        Ok(Self {
            target: usage(plan)?,
            device: device.transpose()?,
            context: Context::now(),
            client: processor_us(),
            time: clock::now(),
        })
    }

    /// What came since then.
    pub(super) fn figures(&self, plan: &Plan) -> Result<Figures, String> {
        let seconds = (clock::now() - self.time) as f64 / 1e9;
        let client_us = processor_us() - self.client;
        let target = usage(plan)?.zip(self.target.as_ref()).map(|(now, then)| now.since(then));
        let device = match &self.device {
            Some((device, then)) => Some(device.now()?.since(then)),
            None => None,
        };
        let context = Context::now().since(&self.context);
        Ok(Figures { seconds, client_us, target, device, context, ..Figures::default() })
    }
}

fn usage(plan: &Plan) -> Result<Option<Usage>, String> {
    if plan.pids.is_empty() { Ok(None) } else { Usage::of(&plan.pids).map(Some) }
}

/// Processor time of this process, in microseconds.
fn processor_us() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from);
    time.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

fn fill(figures: &mut Figures, tally: &Tally, plan: &Plan) {
    figures.messages = tally.acked_within;
    figures.delivered = tally.consumed_within;
    figures.overload = tally.overload;
    if tally.overload {
        return;
    }
    figures.ack = tally.ack.summary();
    figures.ack_curve = tally.ack.curve();
    figures.delivery = (plan.consumers > 0).then(|| tally.delivery.summary());
    figures.send_delay = (plan.pace != Pace::Closed).then(|| tally.delay.summary());
}

/// Are the lowest and the highest close to the mean?
fn agree(rates: &VecDeque<f64>) -> bool {
    let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    mean > 0.0 && rates.iter().all(|rate| (rate - mean).abs() <= RATES_AGREE * mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_agree_within_a_twentieth() {
        assert!(agree(&[100.0, 104.0, 96.0].into()));
        assert!(!agree(&[100.0, 100.0, 120.0].into()));
        assert!(!agree(&[0.0, 0.0].into()));
    }
}

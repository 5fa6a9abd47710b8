//! P02 and P09: the tails of latencies on a schedule, against those of durable writes of the disk itself at the same rate of writes.
//!
//! In each round a closed loop tells what the broker can do, an open one sends a share of that on a schedule, and then the disk alone is
//! given as many durable writes of 4 KiB on a schedule of its own: for one message at a time as many as messages, else as many as the device was
//! flushed. Latencies count from when each was due. A percentile is judged by the rounds' ratios where each round had latencies enough for it, else by
//! all rounds together.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use runtime::Sync;

use super::figures::{Told, note, of};
use super::verdict::{Bound, Verdict};
use crate::calibrate::paced;
use crate::floor;
use crate::load::{self, Changes, Length, Outcome, Row, Scenario, Subject, Warm};
use crate::measure::latency::Latencies;
use crate::targets::{Place, RingMq, Running, Target};

/// Rates that agree are waited for so long.
const WARM: Duration = Duration::from_secs(2);

/// What is measured.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The broker.
    pub target: &'a RingMq,
    /// An empty place for its store.
    pub place: Place,
    /// How often.
    pub rounds: u32,
    /// How long in each round.
    pub time: Duration,
}

/// A percentile that is judged.
#[derive(Clone, Copy, Debug)]
struct Tail {
    share: f64,
    name: &'static str,
    gate: f64,
    moonshot: f64,
}

/// A goal: its load, its share of the rate, its percentiles.
#[derive(Clone, Copy, Debug)]
struct Asked {
    id: &'static str,
    scenario: Scenario,
    share: f64,
    /// Whether each message is a write.
    each: bool,
    tails: &'static [Tail],
}

const ONE: Asked = Asked {
    id: "P02",
    scenario: Scenario::S1,
    share: 0.5,
    each: true,
    tails: &[
        Tail { share: 0.99, name: "p99", gate: 1.5, moonshot: 1.2 },
        Tail { share: 0.999, name: "p99.9", gate: 2.0, moonshot: 1.5 },
    ],
};
const MANY: Asked = Asked {
    id: "P09",
    scenario: Scenario::S5,
    share: 0.75,
    each: false,
    tails: &[Tail { share: 0.999, name: "p99.9", gate: 4.0, moonshot: 2.5 }],
};

/// Judges P02.
///
/// # Errors
///
/// The broker does not start or refuses the load, or the disk refuses direct writes.
pub fn one(plan: &Plan<'_>, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    judge(plan, ONE, told)
}

/// Judges P09.
///
/// # Errors
///
/// As [`one`].
pub fn many(plan: &Plan<'_>, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    judge(plan, MANY, told)
}

/// What a round gave.
struct Round {
    ours: Latencies,
    disk: Latencies,
    rate: f64,
    writes: f64,
}

fn judge(plan: &Plan<'_>, asked: Asked, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    let running = plan.target.start(&plan.place)?;
    let rounds: Result<Vec<Round>, String> = (0..plan.rounds)
        .map(|number| {
            told(&format!("on schedule and the disk alone: round {} of {}", number + 1, plan.rounds));
            round(plan, asked, &running)
        })
        .collect();
    running.stop()?;
    let rounds = rounds?;
    asked.tails.iter().map(|tail| verdict(asked, *tail, &rounds)).collect()
}

fn round(plan: &Plan<'_>, asked: Asked, running: &Running) -> Result<Round, String> {
    running.resume();
    let base = load::Plan {
        queue: "tail".to_owned(),
        makes_queues: true,
        warm: Warm { least: Duration::ZERO, most: WARM },
        length: Length::Time(plan.time),
        ..load::Plan::against(plan.target, running, "tail")
    };
    let row = load::rows(asked.scenario, &base, Changes::default()).into_iter().next();
    let row = Row { share: Some(asked.share), ..row.ok_or("the scenario has no row")? };
    let subject = Subject::of(plan.target, asked.scenario)?;
    let done = load::perform(&row, &subject, &mut |_| {}, &AtomicBool::new(false));
    running.pause();
    let done = done?.into_iter().next().ok_or("a load gave no round")?;
    let (figures, outcome): (_, Outcome) = (done.round.figures, done.outcome);
    if figures.overload {
        return Err(format!("{} of what a closed loop did was too much for the schedule: overload", asked.share));
    }
    let rate = done.round.parameters.rate.unwrap_or(0.0);
    let flushed = figures.device.map_or(0, |device| if device.flushes > 0 { device.flushes } else { device.writes });
    let writes = if asked.each { rate } else { flushed as f64 / figures.seconds.max(1e-9) };
    let sync = match running.sync() {
        Some(floor::Durability::Fdatasync) => Sync::Fdatasync,
        _ => Sync::Dsync,
    };
    let disk = paced(&plan.place.directory, writes, plan.time, sync)?;
    Ok(Round { ours: outcome.ack, disk, rate, writes })
}

fn verdict(asked: Asked, tail: Tail, rounds: &[Round]) -> Result<Verdict, String> {
    let pairs: Vec<(f64, f64)> = rounds
        .iter()
        .filter_map(|round| Some((round.ours.percentile(tail.share)?, round.disk.percentile(tail.share)?)))
        .collect();
    let (value, limit, ratio, how) = if pairs.len() == rounds.len() && !pairs.is_empty() {
        let ratio = of(&pairs.iter().map(|(ours, disk)| ours / disk).collect::<Vec<f64>>())?;
        let median = |of_one: fn(&(f64, f64)) -> f64| of(&pairs.iter().map(of_one).collect::<Vec<f64>>());
        (median(|pair| pair.0)?.median, median(|pair| pair.1)?.median, ratio.median, note(ratio, 0))
    } else {
        let (mut ours, mut disk) = (Latencies::default(), Latencies::default());
        for round in rounds {
            ours.add(&round.ours)?;
            disk.add(&round.disk)?;
        }
        let few = || format!("too few for a {}: {} and {} latencies", tail.name, ours.count(), disk.count());
        let value = ours.percentile(tail.share).ok_or_else(few)?;
        let limit = disk.percentile(tail.share).ok_or_else(few)?;
        (
            value,
            limit,
            value / limit,
            format!("of {} rounds together, {} and {} latencies", rounds.len(), ours.count(), disk.count()),
        )
    };
    let rate = of(&rounds.iter().map(|round| round.rate).collect::<Vec<f64>>())?.median;
    let writes = of(&rounds.iter().map(|round| round.writes).collect::<Vec<f64>>())?.median;
    Ok(Verdict {
        id: asked.id.to_owned(),
        what: format!("{} at {:.0} % of the rate against the disk alone", tail.name, asked.share * 100.0),
        value,
        unit: "us".to_owned(),
        limit: Some(limit),
        ratio,
        gate: Bound::AtMost(tail.gate),
        moonshot: Some(Bound::AtMost(tail.moonshot)),
        note: format!("{how}; {rate:.0} messages a second, {writes:.0} writes a second"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(count: u64, ours_us: u64, disk_us: u64) -> Round {
        let (mut ours, mut disk) = (Latencies::default(), Latencies::default());
        for _ in 0..count {
            ours.record_ns(ours_us * 1_000);
            disk.record_ns(disk_us * 1_000);
        }
        Round { ours, disk, rate: 1.0, writes: 1.0 }
    }

    #[test]
    fn rounds_with_enough_are_judged_one_by_one_and_others_together() {
        let tail = MANY.tails[0];
        let each =
            verdict(MANY, tail, &[round(10_000, 300, 100), round(10_000, 500, 100), round(10_000, 300, 100)]).unwrap();
        assert!((each.ratio - 3.0).abs() < 0.05 && each.holds() && each.note.starts_with("n = 3"), "{each}");
        let all = verdict(MANY, tail, &[round(5_000, 500, 100), round(5_000, 500, 100)]).unwrap();
        assert!(!all.holds() && all.note.contains("together"), "{all}");
        assert!(verdict(MANY, tail, &[round(100, 1, 1)]).unwrap_err().contains("too few"));
    }
}

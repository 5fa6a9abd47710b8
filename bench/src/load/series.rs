//! One row of a scenario with what belongs to it: fill the queue, find the rate, measure, drain, and leave nothing behind.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::clock;
use super::plan::{Length, Plan};
use super::queues::Spread;
use super::run::{Glimpse, Outcome, run};
use super::scenario::{Row, Scenario};
use super::schedule::Pace;
use super::speech::remove_queues;
use crate::result::schema::{Durability, Round};
use crate::targets::Target;

/// A queue is filled with so many connections, and so much in flight on each.
const FILL: (u32, u32) = (4, 256);

/// How long a broker may refuse to take queues away.
const REMOVED_WITHIN: Duration = Duration::from_secs(3);
/// How often it is asked.
const TRY_EVERY: Duration = Duration::from_millis(100);

/// What is measured, as results name it.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// `ringmq`, `floor`, `artemis` and so on.
    pub target: String,
    /// Its version.
    pub version: String,
    /// What its acks mean.
    pub durability: Durability,
    /// `S1` and so on.
    pub scenario: String,
}

impl Subject {
    /// This target in that scenario.
    ///
    /// # Errors
    ///
    /// A target that is not there.
    pub fn of(target: &dyn Target, scenario: Scenario) -> Result<Self, String> {
        Ok(Self {
            target: target.name().to_owned(),
            version: target.version()?,
            durability: target.durability(),
            scenario: scenario.name(),
        })
    }
}

/// A round and what does not fit into results.
#[derive(Debug)]
pub struct Done {
    /// As results have it.
    pub round: Round,
    /// The latencies themselves, counts and remarks.
    pub outcome: Outcome,
}

/// Runs a row; gives one round, or two where the queue is drained afterwards.
///
/// # Errors
///
/// The broker cannot be reached, refuses something, or ends a connection.
pub fn perform(
    row: &Row,
    subject: &Subject,
    watch: &mut dyn FnMut(Glimpse),
    stop: &AtomicBool,
) -> Result<Vec<Done>, String> {
    let done = perform_steps(row, subject, watch, stop);
    let plan = &row.plan;
    if !plan.makes_queues {
        return done;
    }
    let removed = remove(plan);
    let mut done = done?;
    if let (Err(why), Some(last)) = (removed, done.last_mut()) {
        last.outcome.remarks.push(format!("the queues stay there, with what is in them: {why}"));
    }
    Ok(done)
}

/// Takes the queues away. A broker may still be busy with the end of a connection that is closed here.
fn remove(plan: &Plan) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let name = format!("bench-{}-end-{}", std::process::id(), clock::now());
        let removed = remove_queues(plan.protocol, &plan.address, &name, &plan.message());
        if removed.is_ok() || began.elapsed() > REMOVED_WITHIN {
            return removed;
        }
        std::thread::sleep(TRY_EVERY);
    }
}

fn perform_steps(
    row: &Row,
    subject: &Subject,
    watch: &mut dyn FnMut(Glimpse),
    stop: &AtomicBool,
) -> Result<Vec<Done>, String> {
    if row.depth > 0 {
        run(&filling(&row.plan, row.depth), watch, stop)?;
    }
    let mut plan = row.plan.clone();
    if let Some(share) = row.share {
        let closed = run(&halved(&plan), watch, stop)?;
        plan.pace = Pace::Constant(share * closed.figures.rate());
    }
    let outcome = run(&plan, watch, stop)?;
    let mut done = vec![named(&plan, row.depth, subject, outcome)];
    if row.drains {
        let left = row.depth + done.iter().map(|done| done.outcome.acked).sum::<u64>();
        let plan = drain(&plan, left);
        let outcome = run(&plan, watch, stop)?;
        let subject = Subject { scenario: format!("{}-drain", subject.scenario), ..subject.clone() };
        done.push(named(&plan, left, &subject, outcome));
    }
    Ok(done)
}

fn named(plan: &Plan, depth: u64, subject: &Subject, outcome: Outcome) -> Done {
    let mut parameters = plan.parameters();
    parameters.depth = depth;
    // The numbers do not tell it.
    let uneven = if plan.queues > 1 && plan.spread == Spread::Zipf { "-zipf" } else { "" };
    let round = Round {
        target: subject.target.clone(),
        target_version: subject.version.clone(),
        durability: subject.durability.clone(),
        protocol: plan.protocol.name().to_owned(),
        scenario: format!("{}{uneven}", subject.scenario),
        parameters,
        round: 0,
        order: 0,
        figures: outcome.figures.clone(),
    };
    Done { round, outcome }
}

/// As fast as it goes, and nothing is measured.
pub fn filling(plan: &Plan, depth: u64) -> Plan {
    let (connections, window) = FILL;
    let length = Length::Messages(depth);
    // Whatever is asked of the measured load, this one only makes it deep.
    Plan { connections, window, consumers: 0, idle_connections: 0, pace: Pace::Closed, length, ..plan.clone() }
}

/// What a closed loop reaches in half of the time.
fn halved(plan: &Plan) -> Plan {
    let length = match plan.length {
        Length::Time(time) => Length::Time(time / 2),
        counted => counted,
    };
    Plan { pace: Pace::Closed, length, ..plan.clone() }
}

/// A consumer of each queue and nobody who sends, until they are empty.
fn drain(plan: &Plan, left: u64) -> Plan {
    let length = match plan.length.bounds() {
        (_, Some(time)) => Length::AtMost(left, time),
        (_, None) => Length::Messages(left),
    };
    Plan {
        connections: 0,
        consumers: plan.queues.max(1),
        idle_connections: 0,
        spread: Spread::Even,
        pace: Pace::Closed,
        length,
        drain: Duration::ZERO,
        makes_queues: false,
        ..plan.clone()
    }
}

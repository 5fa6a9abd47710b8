//! `bench goal ID` and `bench goals`: what RingMQ must reach, and whether it does.

use std::path::PathBuf;

use bench::goals::{GOALS, Goal, Verdict, find};
use clap::Args;

use super::measured::{Judged, judge};

#[derive(Debug, Args)]
pub(super) struct Measured {
    /// Rounds; a level needs nine
    #[arg(long, value_name = "N", default_value_t = 9)]
    pub(super) rounds: u32,
    /// Seconds of each load in a round
    #[arg(long, value_name = "T", default_value_t = 5.0)]
    pub(super) seconds: f64,
    /// Judge these results (a result.json of `bench compare`) and measure nothing
    #[arg(long, value_name = "FILE")]
    pub(super) results: Option<PathBuf>,
    /// Idle connections of P12
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(super) connections: u32,
    /// Messages in the queue of P10, P13, P15 and P16
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(super) queued: u64,
    /// Queues of P11
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(super) queues: u32,
    /// Minutes of P28
    #[arg(long, value_name = "N", default_value_t = 30.0)]
    pub(super) minutes: f64,
    /// Messages of P06 that are sent one at a time; its other loads follow from it
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(super) device_messages: u64,
    /// Where stores are made: the disk that is measured
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub(super) directory: PathBuf,
    /// Where peers are installed; a peer that is not there is left out
    #[arg(long, value_name = "DIR", default_value = "target/peers")]
    pub(super) peers: PathBuf,
    /// Where result.json, summary.csv and report.html go
    #[arg(long, value_name = "DIR", default_value = "target/bench/goals")]
    pub(super) out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// P01 to P30, or the goal's name: P06 and write-amp are the same
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    measured: Measured,
}

/// One goal: true if it holds.
pub(super) fn one(arguments: &One) -> Result<bool, String> {
    let goal =
        find(&arguments.id).ok_or_else(|| format!("no goal is called `{}`; `bench goals` lists them", arguments.id))?;
    if let Some(feature) = goal.waits_for {
        println!("{} {}: open: it waits for {feature}", goal.id, goal.name);
        return Ok(false);
    }
    let judged = judge(&arguments.measured, &[goal])?;
    Ok(tell(goal, &judged))
}

/// All of them: true if every one holds.
pub(super) fn all(arguments: &Measured) -> Result<bool, String> {
    let goals: Vec<&Goal> = GOALS.iter().collect();
    let judged = judge(arguments, &goals)?;
    let held = GOALS.iter().filter(|goal| tell(goal, &judged)).count();
    println!("{held} of {} goals hold", GOALS.len());
    Ok(held == GOALS.len())
}

/// Prints a goal with all its figures; true if it has some and all hold.
fn tell(goal: &Goal, judged: &Judged) -> bool {
    let own: Vec<&Verdict> = judged.verdicts.iter().filter(|verdict| verdict.id == goal.id).collect();
    let missing: Vec<&str> =
        judged.missing.iter().filter(|(id, _)| id == goal.id).map(|(_, why)| why.as_str()).collect();
    if let Some(feature) = goal.waits_for {
        println!("{} {}: open: it waits for {feature}", goal.id, goal.name);
    } else if !missing.is_empty() {
        println!("{} {}: open: {}", goal.id, goal.name, missing.join("; "));
    } else if own.is_empty() {
        println!(
            "{} {}: open: not measured here; {} (gate {}, moonshot {})",
            goal.id, goal.name, goal.what, goal.gate, goal.moonshot
        );
    }
    own.iter().for_each(|verdict| println!("{verdict}"));
    missing.is_empty() && !own.is_empty() && own.iter().all(|verdict| verdict.holds())
}

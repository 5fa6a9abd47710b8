//! `bench goal ID` and `bench goals`: what RingMQ must reach, and whether it does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bench::goals::{GOALS, Goal, Verdict, conns, find, idle, rounds, start};
use bench::load::Scenario;
use bench::peers::Peers;
use bench::result::{self, schema::Results};
use bench::targets::{FloorBroker, Place, Protocol, RingMq, Target};
use clap::Args;

use super::compare::{Way, interleaved, keep, loads};
use super::load::results;

/// Rounds of a start: it is short.
const STARTS: u32 = 21;
/// MiB of the floor's file.
const FLOOR_MIB: u64 = 1024;
/// The goals that compared rounds tell something about.
const FROM_ROUNDS: [&str; 7] = ["P01", "P03", "P04", "P05", "P08", "P24", "P30"];

#[derive(Debug, Args)]
pub(super) struct Measured {
    /// Rounds; a level needs nine
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: u32,
    /// Seconds of each load in a round
    #[arg(long, value_name = "T", default_value_t = 5.0)]
    seconds: f64,
    /// Judge these results (a result.json of `bench compare`) and measure nothing
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Idle connections of P12
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: u32,
    /// Where stores are made: the disk that is measured
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    directory: PathBuf,
    /// Where peers are installed; a peer that is not there is left out
    #[arg(long, value_name = "DIR", default_value = "target/peers")]
    peers: PathBuf,
    /// Where result.json, summary.csv and report.html go
    #[arg(long, value_name = "DIR", default_value = "target/bench/goals")]
    out: PathBuf,
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
    let verdicts = verdicts(&arguments.measured, &[goal])?;
    Ok(tell(goal, &verdicts))
}

/// All of them: true if every one holds.
pub(super) fn all(arguments: &Measured) -> Result<bool, String> {
    let goals: Vec<&Goal> = GOALS.iter().collect();
    let verdicts = verdicts(arguments, &goals)?;
    let held = GOALS.iter().filter(|goal| tell(goal, &verdicts)).count();
    println!("{held} of {} goals hold", GOALS.len());
    Ok(held == GOALS.len())
}

/// Prints a goal with all its figures; true if it has some and all hold.
fn tell(goal: &Goal, verdicts: &[Verdict]) -> bool {
    let own: Vec<&Verdict> = verdicts.iter().filter(|verdict| verdict.id == goal.id).collect();
    if let Some(feature) = goal.waits_for {
        println!("{} {}: open: it waits for {feature}", goal.id, goal.name);
    } else if own.is_empty() {
        println!(
            "{} {}: open: not measured here; {} (gate {}, moonshot {})",
            goal.id, goal.name, goal.what, goal.gate, goal.moonshot
        );
    }
    own.iter().for_each(|verdict| println!("{verdict}"));
    !own.is_empty() && own.iter().all(|verdict| verdict.holds())
}

/// Measures what these goals need.
fn verdicts(arguments: &Measured, goals: &[&Goal]) -> Result<Vec<Verdict>, String> {
    let mut verdicts = Vec::new();
    for goal in goals {
        verdicts.extend(counted(arguments, goal.id)?);
    }
    if !goals.iter().any(|goal| FROM_ROUNDS.contains(&goal.id)) {
        return Ok(verdicts);
    }
    let results = match &arguments.results {
        Some(path) => result::read(path)?,
        None => compared(arguments, goals)?,
    };
    verdicts.extend(rounds::judge(&results));
    Ok(verdicts)
}

/// Goals of a broker by itself, without a control beside it.
fn counted(arguments: &Measured, id: &str) -> Result<Vec<Verdict>, String> {
    if arguments.results.is_some() {
        return Ok(Vec::new());
    }
    let target = RingMq::built()?;
    let place = |part: &str| place(&arguments.directory, part);
    match id {
        "P12" => conns::judge(&target, &place("conns")?, arguments.connections),
        "P14" => {
            let mut verdicts = idle::judge(&target, &place("idle-1")?, 1)?;
            verdicts.extend(idle::judge(&target, &place("idle-2")?, 2)?);
            Ok(verdicts)
        }
        "P26" => start::judge(&target, &place("start")?, STARTS),
        _ => Ok(Vec::new()),
    }
}

/// An empty folder for a store.
fn place(above: &Path, part: &str) -> Result<Place, String> {
    let directory = std::path::absolute(above.join(part)).map_err(|error| error.to_string())?;
    if directory.is_dir() {
        std::fs::remove_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    Ok(Place { directory, port: 0, queue: "goal".to_owned(), settings: Vec::new() })
}

fn compared(arguments: &Measured, goals: &[&Goal]) -> Result<Results, String> {
    let mut results = results();
    let mut targets: Vec<Box<dyn Target>> =
        vec![Box::new(RingMq::built()?), Box::new(FloorBroker::own(Protocol::Core, FLOOR_MIB)?)];
    if goals.iter().any(|goal| ["P03", "P30"].contains(&goal.id)) {
        let peers = Peers::below(&arguments.peers)?;
        for name in [rounds::ARTEMIS, "nats", "rabbitmq", "activemq"] {
            let Some(peer) = peers.target(name) else { continue };
            match peer.version() {
                Ok(_) => targets.push(Box::new(peer)),
                Err(why) => results.skipped.push((name.to_owned(), why)),
            }
        }
    }
    let seconds = Duration::try_from_secs_f64(arguments.seconds).map_err(|error| format!("--seconds: {error}"))?;
    let loads = loads(&needed(goals), &mut results);
    let way = Way { seconds, counts_calls: goals.iter().any(|goal| goal.id == "P24"), calibrates: true };
    interleaved(targets, loads, arguments.rounds, &arguments.directory, &way, &mut results)?;
    keep(&results, &arguments.out)?;
    Ok(results)
}

/// The scenarios that these goals are judged by.
fn needed(goals: &[&Goal]) -> Vec<Scenario> {
    let any = |ids: &[&str]| goals.iter().any(|goal| ids.contains(&goal.id));
    let table = [
        (Scenario::S1, any(&["P01", "P24", "P30"])),
        (Scenario::S2, any(&["P04", "P30"])),
        (Scenario::S3, any(&["P03", "P05", "P08", "P24", "P30"])),
        (Scenario::S4, any(&["P08"])),
    ];
    table.into_iter().filter(|(_, is_needed)| *is_needed).map(|(scenario, _)| scenario).collect()
}

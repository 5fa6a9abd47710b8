//! `bench goal ID`: one goal, measured now and judged.

use std::path::PathBuf;

use bench::goals::{self, Verdict};
use bench::targets::{Place, RingMq};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The goal by its number or its name: P14 and idle are the same
    #[arg(value_name = "ID")]
    id: String,
    /// The broker
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq")]
    broker: PathBuf,
    /// A folder for its store, which is emptied
    #[arg(long, value_name = "DIR", default_value = "target/goal")]
    directory: PathBuf,
    /// Connections of P12
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: u32,
    /// Rounds of what is measured in rounds
    #[arg(long, value_name = "N", default_value_t = 21)]
    rounds: u32,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { id, broker, directory, connections, rounds } = arguments;
    let goal = goals::find(id).ok_or_else(|| format!("there is no goal `{id}`: they are P01 to P30"))?;
    if let Some(feature) = goal.waits_for {
        println!("{} {}: open, {feature} is not built yet", goal.id, goal.name);
        return Ok(false);
    }
    let binary = broker.canonicalize();
    let binary = binary.map_err(|error| format!("{}: {error} (build it: cargo build --release)", broker.display()))?;
    let target = RingMq { binary };
    let place = |part: &str| -> Result<Place, String> {
        let directory = std::path::absolute(directory.join(part)).map_err(|error| error.to_string())?;
        if directory.is_dir() {
            std::fs::remove_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        }
        Ok(Place { directory, port: 0, queue: "goal".to_owned(), settings: Vec::new() })
    };
    println!("{} {}: {}", goal.id, goal.name, goal.what);
    let verdicts: Vec<Verdict> = match goal.id {
        "P12" => goals::conns::judge(&target, &place("conns")?, *connections)?,
        "P14" => {
            let mut verdicts = goals::idle::judge(&target, &place("idle-1")?, 1)?;
            verdicts.extend(goals::idle::judge(&target, &place("idle-2")?, 2)?);
            verdicts
        }
        "P26" => goals::start::judge(&target, &place("start")?, *rounds)?,
        _ => return Err(format!("{} is not measured by this command yet", goal.id)),
    };
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
    Ok(verdicts.iter().all(Verdict::holds))
}

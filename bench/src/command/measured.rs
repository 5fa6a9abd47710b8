//! What `bench goal` and `bench goals` measure: for each goal what it needs, what several have in common once.
//!
//! Must stay true: what cannot be measured here is told with its reason and ends none of the others.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench::footprint::Counts;
use bench::goals::{
    Goal, Verdict, backlog, conns, copies, idle, instructions, missing, proof, queues, rounds, soak, start, tails,
    write_amp,
};
use bench::load::Scenario;
use bench::peers::Peers;
use bench::result::{self, schema::Results};
use bench::targets::{FloorBroker, Place, Protocol, RingMq, Target};

use super::compare::{Way, interleaved, keep, loads};
use super::goal::Measured;
use super::load::results;
use super::{footprint, interrupt, top};

/// Rounds of a start: it is short.
const STARTS: u32 = 21;
/// MiB of the floor's file.
const FLOOR_MIB: u64 = 1024;
/// The goals that compared rounds tell something about.
const FROM_ROUNDS: [&str; 7] = ["P01", "P03", "P04", "P05", "P08", "P24", "P30"];

/// What came of goals.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) verdicts: Vec<Verdict>,
    /// What could not be measured: the goal, and why.
    pub(super) missing: Vec<(String, String)>,
}

impl Judged {
    fn take(&mut self, id: &str, came: Result<Vec<Verdict>, String>) {
        match came {
            Ok(verdicts) => self.verdicts.extend(verdicts),
            Err(why) => {
                told(&format!("{id} cannot be measured: {why}"));
                self.missing.push((id.to_owned(), why));
            }
        }
    }
}

/// Measures what these goals need.
pub(super) fn judge(arguments: &Measured, goals: &[&Goal]) -> Result<Judged, String> {
    let mut judged = Judged::default();
    let wanted = |id: &str| goals.iter().any(|goal| goal.id == id);
    if arguments.results.is_none() {
        // Counts first.
        for goal in goals {
            let came = alone(arguments, goal.id).or_else(|| loaded(arguments, goal.id));
            if let Some(came) = came {
                judged.take(goal.id, came);
            }
        }
        if backlog::GOALS.iter().any(|id| wanted(id)) {
            deep(arguments, &wanted, &mut judged);
        }
    }
    if FROM_ROUNDS.iter().any(|id| wanted(id)) {
        let results = match &arguments.results {
            Some(path) => result::read(path)?,
            None => compared(arguments, goals)?,
        };
        let verdicts = rounds::judge(&results);
        judged.missing.extend(missing(&results, &verdicts).into_iter().filter(|(id, _)| wanted(id)));
        judged.verdicts.extend(verdicts);
    }
    Ok(judged)
}

fn told(text: &str) {
    eprintln!("  {text}");
}

/// A goal that is judged by itself; none if it is another.
fn alone(arguments: &Measured, id: &str) -> Option<Result<Vec<Verdict>, String>> {
    let place = |part: &str| place(&arguments.directory, part);
    let broker = || {
        eprintln!("{id}");
        RingMq::built()
    };
    let counted = || match id {
        "P06" => {
            let place = place("write-amp")?;
            write_amp::judge(&broker()?.binary, &place.directory, arguments.device_messages, &mut told)
        }
        "P12" => conns::judge(&broker()?, &place("conns")?, arguments.connections),
        "P14" => {
            let broker = broker()?;
            let mut verdicts = idle::judge(&broker, &place("idle-1")?, 1)?;
            verdicts.extend(idle::judge(&broker, &place("idle-2")?, 2)?);
            Ok(verdicts)
        }
        "P23" => copies::judge(&mut told),
        "P25" => instructions::judge(&mut told),
        "P26" => start::judge(&broker()?, &place("start")?, STARTS),
        _ => proof::judge(&top()),
    };
    ["P06", "P12", "P14", "P23", "P25", "P26", "P29"].contains(&id).then(counted)
}

/// A goal with a load of its own; none if it is another.
fn loaded(arguments: &Measured, id: &str) -> Option<Result<Vec<Verdict>, String>> {
    let judged = || {
        eprintln!("{id}");
        let target = RingMq::built()?;
        let place = place(&arguments.directory, id)?;
        let folder = place.directory.clone();
        let time = seconds(arguments.seconds)?;
        let came = match id {
            "P02" => tails::one(&tails::Plan { target: &target, place, rounds: arguments.rounds, time }, &mut told),
            "P09" => tails::many(&tails::Plan { target: &target, place, rounds: arguments.rounds, time }, &mut told),
            "P11" => {
                let part = |name: &str| Place { directory: folder.join(name), ..place.clone() };
                let places = [part("many"), part("one")];
                let (queues, rounds) = (arguments.queues.max(1), arguments.rounds);
                queues::judge(&queues::Plan { target: &target, places, queues, rounds }, &mut told)
            }
            _ => soak::judge(&target, &place, pieces(arguments.minutes), &mut told),
        };
        // A folder that stays harms nobody.
        let _left = std::fs::remove_dir_all(folder);
        came
    };
    ["P02", "P09", "P11", "P28"].contains(&id).then(judged)
}

fn seconds(number: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number).map_err(|error| format!("--seconds: {error}"))
}

/// Pieces of ten seconds in so many minutes; at least two, so that one can be worse than another.
fn pieces(minutes: f64) -> u32 {
    ((minutes * 6.0).round() as u32).max(2)
}

/// Those that need a queue that is long.
fn deep(arguments: &Measured, wanted: &dyn Fn(&str) -> bool, judged: &mut Judged) {
    eprintln!("a queue of {} messages", arguments.queued);
    let came = (|| {
        let target = RingMq::built()?;
        let (place, bare) = (place(&arguments.directory, "deep")?, place(&arguments.directory, "not-deep")?);
        let folders = [place.directory.clone(), bare.directory.clone()];
        let plan =
            backlog::Plan { target: &target, place, bare, queued: arguments.queued.max(1), rounds: arguments.rounds };
        let came = backlog::judge(&plan, wanted, &mut told);
        // Gigabytes; a folder that stays harms nobody.
        let _left = folders.map(std::fs::remove_dir_all);
        came
    })();
    match came {
        Ok(all) => all.into_iter().for_each(|(id, came)| judged.take(id, came)),
        Err(why) => {
            let without = backlog::GOALS.into_iter().filter(|id| wanted(id));
            without.for_each(|id| judged.take(id, Err(why.clone())));
        }
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
    let mut beside: Vec<Box<dyn Target>> = Vec::new();
    if goals.iter().any(|goal| ["P03", "P30"].contains(&goal.id)) {
        let peers = Peers::below(&arguments.peers)?;
        for name in [rounds::ARTEMIS, "nats", "rabbitmq", "activemq"] {
            let Some(peer) = peers.target(name) else { continue };
            match peer.version() {
                Ok(_) => {
                    if name == rounds::ARTEMIS && goals.iter().any(|goal| goal.id == "P30") {
                        beside = vec![Box::new(RingMq::built()?), Box::new(peer.clone())];
                    }
                    targets.push(Box::new(peer));
                }
                Err(why) => results.skipped.push((name.to_owned(), why)),
            }
        }
    }
    let seconds = seconds(arguments.seconds)?;
    let loads = loads(&needed(goals), &mut results);
    let way = Way { seconds, counts_calls: goals.iter().any(|goal| goal.id == "P24"), calibrates: true };
    let stop = interrupt::flag()?;
    let directory = &arguments.directory;
    interleaved(targets, loads, arguments.rounds, directory, &way, &stop, &mut results)?;
    if !beside.is_empty() && !stop.load(Ordering::Relaxed) {
        let counts = Counts::FULL.at_most(arguments.connections, arguments.queued);
        footprint::measure(&beside, arguments.rounds, directory, counts, &stop, &mut results)?;
    }
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

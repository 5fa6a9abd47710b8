//! `bench` without arguments: what a disk can do, one canonical durable run, and two numbers with a sentence on how to read them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bench::calibrate;
use bench::load::Scenario;
use bench::measure::latency::Summary;
use bench::result::schema::{Results, Round};
use bench::result::series::{self, Series};
use bench::targets::{FloorBroker, Protocol, RingMq, Target};

use super::compare::{Load, Way, interleaved};
use super::interrupt;
use super::load::results;

/// Rounds: enough for a median, few enough for two minutes.
const ROUNDS: u32 = 5;
/// Seconds of each.
const SECONDS: Duration = Duration::from_secs(3);
/// MiB of the floor's file: more than it writes in this time.
const FLOOR_MIB: u64 = 256;
/// Where stores are made.
const DIRECTORY: &str = "target/bench";

pub(super) fn run() -> Result<bool, String> {
    let directory = PathBuf::from(DIRECTORY);
    eprintln!("1 of 2: what this machine can do (about 4 seconds)");
    let plan = calibrate::Plan { directory: directory.join("calibrate"), quick: true };
    let limits = calibrate::run(&plan, &mut |next| eprintln!("  {next}"))?;
    print!("{limits}");
    eprintln!(
        "2 of 2: one producer, one durable message of 1 KiB at a time, on RingMQ and on its control in turns (about a minute)"
    );
    let mut results = results();
    run_both(&directory, &mut results)?;
    let all = series::all(&results);
    let find = |name: &str| all.iter().find(|series| series.target == name);
    let (Some(ours), Some(floor)) = (find("ringmq"), find("floor")) else {
        return Err(results.skipped.iter().map(|(what, why)| format!("{what}: {why}")).collect::<Vec<_>>().join("; "));
    };
    println!("{}", told(ours, floor, limits.durable_answer_us(), limits.loopback.as_ref()));
    Ok(true)
}

fn run_both(directory: &Path, results: &mut Results) -> Result<(), String> {
    let targets: Vec<Box<dyn Target>> =
        vec![Box::new(RingMq::built()?), Box::new(FloorBroker::own(Protocol::Core, FLOOR_MIB)?)];
    let loads = vec![Load { scenario: Scenario::S1, row: 0 }];
    let stop = interrupt::flag()?;
    interleaved(
        targets,
        loads,
        ROUNDS,
        directory,
        &Way { seconds: SECONDS, counts_calls: false, calibrates: false },
        &stop,
        results,
    )
}

fn p50(round: &Round) -> Option<f64> {
    round.figures.ack.p50
}

/// The two numbers, and the sentence.
fn told(ours: &Series<'_>, floor: &Series<'_>, disk_us: Option<f64>, loopback: Option<&Summary>) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.2}"));
    let us = ours.figures(p50).map(|spread| spread.median);
    let of_floor = series::ratio(ours, floor, p50).map(|ratio| ratio.ratio.median);
    let of_disk = us.zip(disk_us).map(|(us, disk)| us / disk);
    let median = us.map_or_else(|| "unknown".to_owned(), |us| format!("{us:.0} us"));
    let without = if loopback.is_some() { "" } else { " (loopback could not be measured)" };
    format!(
        "\nA durable message of 1 KiB takes {median} (median).\n  {} x floor\n  {} x disk{without}\n\nHow to read them: `floor` is a broker that \
         does nothing but parse, append, flush and answer, so 1.00 x floor would mean that all else costs nothing; `disk` is one durable write of \
         4 KiB and the way there and back, which no broker on this machine can go below.",
        number(of_floor),
        number(of_disk)
    )
}

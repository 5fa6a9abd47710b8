//! `bench compare`: RingMQ, its control and peers, interleaved in one run, with results as files and as a page.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bench::calibrate::{self, Calibration};
use bench::compare::{self, Plan, Step};
use bench::footprint::Counts;
use bench::goals;
use bench::load::jms::Program;
use bench::load::{self, Changes, Length, Scenario, Subject, Warm};
use bench::peers::Peers;
use bench::result::schema::{Results, Round};
use bench::targets::{FloorBroker, Protocol, RingMq, Running, Target};
use clap::Args;

use super::load::results;
use super::{footprint, interrupt, report};

/// A runtime that compiles while it runs needs so long before its figures mean anything.
const WARM_JIT: Duration = Duration::from_secs(20);
/// Names of peers with such a runtime.
const JIT: [&str; 2] = ["artemis", "activemq"];
/// Others are warm when their rates agree, or after this.
const WARM_MOST: Duration = Duration::from_secs(4);
/// MiB of the floor's file.
const FLOOR_MIB: u64 = 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What is compared: ringmq, floor, floor-nats, artemis, nats, nats-default, rabbitmq, rabbitmq-classic, activemq
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "ringmq,floor")]
    targets: Vec<String>,
    /// The scenarios, each with all its rows
    #[arg(long, value_name = "SCENARIO,...", value_delimiter = ',', default_value = "S1,S2,S3,S4", ignore_case = true)]
    scenarios: Vec<Scenario>,
    /// How often each target does each of them; a level needs nine
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: u32,
    /// Seconds that are measured for each row
    #[arg(long, value_name = "T", default_value_t = 5.0)]
    seconds: f64,
    /// Who sends: the generator of this program, or the Artemis JMS client (needs a JDK and Maven; S1, S2 and S3)
    #[arg(long, value_name = "CLIENT", default_value = "raw")]
    client: Client,
    /// Count the system calls of the brokers, by `perf`, for a second behind the measured time
    #[arg(long)]
    system_calls: bool,
    /// Measure the start of each target and its memory too: idle, for a connection, for a message that waits
    #[arg(long)]
    footprint: bool,
    /// Where stores are made: the disk that is measured
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    directory: PathBuf,
    /// Where peers are installed
    #[arg(long, value_name = "DIR", default_value = "target/peers")]
    peers: PathBuf,
    /// Where result.json, summary.csv and report.html go
    #[arg(long, value_name = "DIR", default_value = "target/bench/compare")]
    out: PathBuf,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Client {
    /// The generator of this program.
    Raw,
    /// The unmodified Artemis JMS client.
    Jms,
}

/// One row of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) scenario: Scenario,
    /// Which row of it.
    pub(super) row: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let seconds = Duration::try_from_secs_f64(arguments.seconds).map_err(|error| format!("--seconds: {error}"))?;
    let mut results = results();
    let mut targets = Vec::new();
    for name in &arguments.targets {
        targets.push(target(name, &arguments.peers)?);
    }
    let loads = loads(&arguments.scenarios, &mut results);
    let way = Way { seconds, counts_calls: arguments.system_calls, calibrates: true };
    let mut program = match arguments.client {
        Client::Raw => None,
        Client::Jms => Some(Program::built(&arguments.directory.join("jms"))?),
    };
    let stop = interrupt::flag()?;
    let rounds = Rounds { targets, loads, rounds: arguments.rounds };
    rounds.run(&arguments.directory, &way, program.as_mut(), &stop, &mut results)?;
    if arguments.footprint && !stop.load(Ordering::Relaxed) {
        let mut targets = Vec::new();
        for name in arguments.targets.iter().filter(|name| !name.starts_with("floor")) {
            targets.push(target(name, &arguments.peers)?);
        }
        footprint::measure(&targets, arguments.rounds, &arguments.directory, Counts::FULL, &stop, &mut results)?;
    }
    for path in keep(&results, &arguments.out)? {
        println!("{}", path.display());
    }
    // The goals are those of the raw generator: this client costs more than any broker.
    if arguments.client == Client::Raw {
        goals::rounds::judge(&results).iter().for_each(|verdict| println!("{verdict}"));
    }
    Ok(!results.rounds.is_empty())
}

/// How each row is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) seconds: Duration,
    pub(super) counts_calls: bool,
    /// Measure the machine's limits before, in the middle and after.
    pub(super) calibrates: bool,
}

/// All rows of these scenarios; what cannot be run is noted.
pub(super) fn loads(scenarios: &[Scenario], results: &mut Results) -> Vec<Load> {
    let base = load::Plan::new("localhost:1", Protocol::Core);
    let mut loads = Vec::new();
    for scenario in scenarios {
        if let Some(why) = scenario.waits_for() {
            results.skipped.push((scenario.name(), why.to_owned()));
        }
        let rows = load::rows(*scenario, &base, Changes::default()).len();
        loads.extend((0..rows).map(|row| Load { scenario: *scenario, row }));
    }
    loads
}

/// Runs them all, one at a time alive; what was measured is in `results`, whatever happens.
pub(super) fn interleaved(
    targets: Vec<Box<dyn Target>>,
    loads: Vec<Load>,
    rounds: u32,
    directory: &std::path::Path,
    way: &Way,
    stop: &AtomicBool,
    results: &mut Results,
) -> Result<(), String> {
    Rounds { targets, loads, rounds }.run(directory, way, None, stop, results)
}

/// What is interleaved.
#[derive(Debug)]
struct Rounds {
    targets: Vec<Box<dyn Target>>,
    loads: Vec<Load>,
    rounds: u32,
}

impl Rounds {
    fn run(
        self,
        directory: &std::path::Path,
        way: &Way,
        mut program: Option<&mut Program>,
        stop: &AtomicBool,
        results: &mut Results,
    ) -> Result<(), String> {
        let Self { targets, loads, rounds } = self;
        std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let above = directory.canonicalize().map_err(|error| format!("{}: {error}", directory.display()))?;
        let directory = above.join(format!("compare-{}", std::process::id()));
        let plan = Plan { targets, loads, rounds, directory: directory.clone(), queue: "bench".to_owned() };
        let mut warm = Vec::new();
        let mut measure = |target: &dyn Target, running: &Running, load: &Load| {
            let is_cold = !warm.iter().any(|name| name == target.name());
            warm.push(target.name().to_owned());
            measured(target, running, load, way, is_cold, program.as_deref_mut(), stop)
        };
        let mut limits = Limits { directory: directory.join("calibrate"), found: Vec::new() };
        let mut told = |step: Step<'_>| match step {
            Step::Round(round) if way.calibrates && (round == 0 || round == plan.rounds / 2) => limits.measure(),
            step => tell(&step, plan.rounds, &plan.loads),
        };
        compare::run(&plan, &mut measure, &mut told, stop, results);
        if way.calibrates && !stop.load(Ordering::Relaxed) {
            limits.measure();
        }
        results.calibrations = limits.found;
        // A folder that stays harms nobody.
        let _left = std::fs::remove_dir_all(directory);
        Ok(())
    }
}

/// The machine's limits, measured several times in a run: a ratio to a disk that changed meanwhile says nothing.
#[derive(Debug)]
struct Limits {
    directory: PathBuf,
    found: Vec<Calibration>,
}

impl Limits {
    fn measure(&mut self) {
        eprintln!("what this machine can do (about 20 seconds)");
        let plan = calibrate::Plan { directory: self.directory.clone(), quick: false };
        match calibrate::run(&plan, &mut |next| eprintln!("  {next}")) {
            Ok(found) => self.found.push(found),
            Err(why) => eprintln!("the machine's limits are not known: {why}"),
        }
    }
}

fn measured(
    target: &dyn Target,
    running: &Running,
    load: &Load,
    way: &Way,
    is_cold: bool,
    program: Option<&mut Program>,
    stop: &AtomicBool,
) -> Result<Vec<Round>, String> {
    let least = if is_cold && JIT.contains(&target.name()) { WARM_JIT } else { Duration::ZERO };
    let base = load::Plan {
        pids: running.pids(),
        directory: Some(running.store().to_owned()),
        length: Length::Time(way.seconds),
        warm: Warm { least, most: least.max(WARM_MOST) },
        counts_calls: way.counts_calls,
        ..load::Plan::new(&format!("127.0.0.1:{}", running.port()), target.protocol())
    };
    let rows = load::rows(load.scenario, &base, Changes::default());
    let row = rows.get(load.row).ok_or_else(|| format!("{} has no row {}", load.scenario.name(), load.row))?;
    let subject = Subject {
        target: target.name().to_owned(),
        version: target.version()?,
        durability: target.durability(),
        scenario: load.scenario.name(),
    };
    let rounds: Vec<Round> = match program {
        Some(program) => vec![program.perform(&row.plan, &subject)?],
        None => load::perform(row, &subject, &mut |_| {}, stop)?.into_iter().map(|done| done.round).collect(),
    };
    for round in &rounds {
        let figures = &round.figures;
        let p50 = figures.ack.p50.map_or_else(|| "-".to_owned(), |us| format!("{us:.0} us"));
        eprintln!("    {:.0} messages a second, p50 {p50}", figures.rate());
    }
    Ok(rounds)
}

fn tell(step: &Step<'_>, rounds: u32, loads: &[Load]) {
    match step {
        Step::Start(target) => eprintln!("starting {target}"),
        Step::Round(_) => {}
        Step::Work { target, round, load } => {
            let scenario = loads.get(*load).map(|load| load.scenario.name()).unwrap_or_default();
            eprintln!("round {} of {rounds}, load {} of {}: {scenario} on {target}", round + 1, load + 1, loads.len());
        }
        Step::Out(target, why) => eprintln!("left out: {target}: {why}"),
    }
}

/// The files of a comparison.
pub(super) fn keep(results: &Results, out: &std::path::Path) -> Result<Vec<PathBuf>, String> {
    std::fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let json = out.join("result.json");
    bench::result::write(&json, results)?;
    let [page, table] = report::write(results, out)?;
    Ok(vec![json, table, page])
}

/// What can be compared under this name.
fn target(name: &str, peers: &std::path::Path) -> Result<Box<dyn Target>, String> {
    Ok(match name {
        "ringmq" => Box::new(RingMq::built()?),
        "floor" => Box::new(FloorBroker::own(Protocol::Core, FLOOR_MIB)?),
        "floor-nats" => Box::new(FloorBroker::own(Protocol::Nats, FLOOR_MIB)?),
        peer => Box::new(Peers::below(peers)?.target(peer).ok_or_else(|| format!("there is no target `{peer}`"))?),
    })
}

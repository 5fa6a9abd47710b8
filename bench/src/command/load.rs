//! What `bench run` and `bench sweep` have in common: the load, the broker, and what is printed and kept.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bench::load::{Changes, Done, Length, Login, Plan, Row, Scenario, Spread, Subject, Warm, perform};
use bench::measure::process::Usage;
use bench::result::machine::Machine;
use bench::result::schema::{Durability, Results, VERSION};
use bench::result::{csv, write};
use bench::targets::{Place, Protocol, RingMq, Running, Target};
use clap::Args;

use super::bar::Bar;
use super::top;

/// The load, the broker, and where results go.
#[derive(Debug, Args)]
pub(super) struct LoadArguments {
    /// A broker that runs, as HOST:PORT; otherwise RingMQ is started on a store of its own
    #[arg(long, value_name = "HOST:PORT")]
    url: Option<String>,
    /// What is spoken with it
    #[arg(long, value_name = "PROTOCOL", default_value = "core")]
    proto: Protocol,
    /// Messages a second on a fixed schedule, whatever the broker does; otherwise each answer lets the next message go
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// With --rate: gaps as if many independent senders sent them
    #[arg(long, requires = "rate")]
    poisson: bool,
    /// Bytes of a body
    #[arg(long, value_name = "N")]
    size: Option<u32>,
    /// Connections that send
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u32).range(1..))]
    conns: Option<u32>,
    /// Messages, or transactions, in flight on each connection
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    window: Option<u32>,
    /// Queues
    #[arg(long, value_name = "Q", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    queues: Option<u32>,
    /// How messages are spread over queues
    #[arg(long, value_name = "SPREAD")]
    spread: Option<Spread>,
    /// Consumers, one queue each in turn
    #[arg(long, value_name = "N")]
    consumers: Option<u32>,
    /// Messages that wait in the queue before it begins
    #[arg(long, value_name = "N")]
    depth: Option<u64>,
    /// Seconds that are measured
    #[arg(long, value_name = "T", default_value_t = 10.0)]
    seconds: f64,
    /// Seconds after which a load counts as warm, even if its rates still differ
    #[arg(long, value_name = "T", default_value_t = 20.0)]
    warm_up: f64,
    /// Seconds before which it does not count as warm: 20 for a broker that compiles while it runs
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    warm_up_least: f64,
    /// The name of the queue, or what the names of several begin with
    #[arg(long, value_name = "NAME", default_value = "bench")]
    queue: String,
    /// The queues are there: they are neither made nor taken away
    #[arg(long)]
    queue_exists: bool,
    /// A header of each message beside those that it must have, as NAME:VALUE (stomp)
    #[arg(long, value_name = "NAME:VALUE")]
    header: Vec<String>,
    /// Who sends, where the broker asks
    #[arg(long, value_name = "NAME", requires = "password")]
    user: Option<String>,
    /// The password
    #[arg(long, value_name = "TEXT", requires = "user")]
    password: Option<String>,
    /// The process of the broker at --url: its processor time and memory are told, with those of its children
    #[arg(long, value_name = "PID", requires = "url")]
    pid: Vec<u32>,
    /// Count the system calls of the broker, by `perf`, for a second behind the measured time
    #[arg(long)]
    system_calls: bool,
    /// A folder on the disk of the broker, whose device is counted; without --url, where its store is made
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The broker that is started
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq", conflicts_with = "url")]
    broker: PathBuf,
    /// A setting of the broker that is started, as NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "url")]
    set: Vec<String>,
    /// The name of the broker at --url in results
    #[arg(long, value_name = "NAME", default_value = "unnamed", requires = "url")]
    target_name: String,
    /// The seed of bodies, schedules and spreads
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a row for each round to this file, with commas between the figures
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the latencies to this file, as HdrHistogram's tools read them; several rows get numbers in front
    #[arg(long, value_name = "FILE")]
    hgrm: Option<PathBuf>,
}

/// A broker under load.
pub(super) struct Loaded {
    /// The one that was started here.
    running: Option<Running>,
    address: String,
    subject: Subject,
    pids: Vec<u32>,
    directory: Option<PathBuf>,
}

impl LoadArguments {
    /// What is different from the scenario.
    pub(super) fn changes(&self) -> Changes {
        Changes {
            rate: self.rate,
            poisson: self.poisson,
            size: self.size,
            connections: self.conns,
            window: self.window,
            queues: self.queues,
            consumers: self.consumers,
            depth: self.depth,
            spread: self.spread,
        }
    }

    /// Is the broker started here?
    pub(super) fn starts_broker(&self) -> bool {
        self.url.is_none()
    }

    /// The broker, started if need be, with these settings beside those of the command line.
    pub(super) fn broker(&self, scenario: Scenario, settings: &[String]) -> Result<Loaded, String> {
        if let Some(url) = &self.url {
            let address = url.strip_prefix("tcp://").unwrap_or(url).to_owned();
            let target = self.target_name.clone();
            let subject = Subject { target, scenario: scenario.name(), ..Subject::default() };
            let (pids, directory) = (self.pid.clone(), self.directory.clone());
            return Ok(Loaded { running: None, address, subject, pids, directory });
        }
        let broker = self.broker.canonicalize();
        let broker =
            broker.map_err(|error| format!("{}: {error} (build it: cargo build --release)", self.broker.display()))?;
        let target = RingMq { binary: broker };
        let above = self.directory.clone().unwrap_or_else(|| PathBuf::from("target/bench"));
        std::fs::create_dir_all(&above).map_err(|error| format!("{}: {error}", above.display()))?;
        let above = above.canonicalize().map_err(|error| format!("{}: {error}", above.display()))?;
        let directory = above.join(format!("load-{}", std::process::id()));
        let settings = self.set.iter().chain(settings).cloned().collect();
        let place = Place { directory, port: 0, queue: "bench-start".to_owned(), settings };
        let running = target.start(&place)?;
        Ok(Loaded {
            address: format!("127.0.0.1:{}", running.port()),
            pids: running.pids(),
            directory: Some(running.store().to_owned()),
            running: Some(running),
            subject: Subject::of(&target, scenario)?,
        })
    }

    /// What all rows have in common.
    pub(super) fn plan(&self, loaded: &Loaded) -> Result<Plan, String> {
        let seconds = |number: f64| {
            Duration::try_from_secs_f64(number).map_err(|error| format!("{number} is no number of seconds: {error}"))
        };
        let login = self.user.clone().zip(self.password.clone()).map(|(user, password)| Login { user, password });
        Ok(Plan {
            queue: self.queue.clone(),
            makes_queues: !self.queue_exists,
            headers: self.header.clone(),
            login,
            warm: Warm { least: seconds(self.warm_up_least)?, most: seconds(self.warm_up.max(self.warm_up_least))? },
            length: Length::Time(seconds(self.seconds)?),
            seed: self.seed,
            pids: loaded.pids.clone(),
            directory: loaded.directory.clone(),
            counts_calls: self.system_calls,
            ..Plan::new(&loaded.address, self.proto)
        })
    }

    /// Runs rows against a broker, prints each as it comes, and gives them all. A row that a broker refuses is told and left out.
    pub(super) fn run_rows(
        &self,
        rows: &[Row],
        loaded: &Loaded,
        stop: &AtomicBool,
        results: &mut Results,
    ) -> Result<Vec<Done>, String> {
        let mut all = Vec::new();
        for row in rows {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let label = label(row);
            let mut bar = Bar::new(&label);
            let done = perform(row, &loaded.subject, &mut |glimpse| bar.show(glimpse), stop);
            drop(bar);
            match done {
                Ok(done) => {
                    done.iter().for_each(|done| println!("{}", line(done)));
                    done.iter().flat_map(|done| &done.outcome.remarks).for_each(|remark| println!("  note: {remark}"));
                    all.extend(done);
                }
                // The only row: there is nothing else to tell.
                Err(why) if rows.len() == 1 => return Err(why),
                Err(why) => {
                    println!("skipped: {label}: {why}");
                    results.skipped.push((format!("{} {label}", loaded.subject.target), why));
                }
            }
        }
        Ok(all)
    }

    /// Writes the files that were asked for.
    pub(super) fn keep(&self, done: &[Done], mut results: Results) -> Result<(), String> {
        results.rounds = done.iter().map(|done| done.round.clone()).collect();
        if let Some(path) = &self.json {
            write(path, &results)?;
        }
        if let Some(path) = &self.csv {
            std::fs::write(path, csv::text(&results)).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let Some(path) = &self.hgrm else { return Ok(()) };
        for (number, done) in done.iter().enumerate() {
            let path = if number == 0 { path.clone() } else { numbered(path, number) };
            std::fs::write(&path, done.outcome.ack.hgrm()).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

impl Loaded {
    /// Ends what was started here and takes its store away.
    pub(super) fn end(self) -> Result<(), String> {
        let Some(running) = self.running else { return Ok(()) };
        let place = running.store().parent().map(Path::to_owned);
        running.stop()?;
        // A folder that stays harms nobody.
        let _left = place.map(std::fs::remove_dir_all);
        Ok(())
    }
}

/// Results with everything but rounds.
pub(super) fn results() -> Results {
    let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Results {
        version: VERSION,
        commit: bench::prove::ledger::commit(&top()),
        began: began.map_or(0, |time| time.as_secs()),
        command: std::env::args().collect::<Vec<_>>().join(" "),
        machine: Machine::this(&top()),
        calibrations: Vec::new(),
        rounds: Vec::new(),
        footprints: Vec::new(),
        skipped: Vec::new(),
    }
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    path.with_file_name(format!("{number}-{name}"))
}

fn label(row: &Row) -> String {
    let plan = &row.plan;
    let mut text = format!("{} x {}, {} B", plan.connections, plan.window, plan.size);
    let mut add = |count: u64, what: &str| {
        if count > 0 {
            let _always = write!(text, ", {count} {what}");
        }
    };
    add(u64::from(plan.queues.saturating_sub(1)) + u64::from(plan.queues > 1), "queues");
    add(u64::from(plan.consumers), "consumers");
    add(u64::from(plan.transaction.unwrap_or(0)), "a transaction");
    add(u64::from(plan.idle_connections), "idle");
    add(row.depth, "queued");
    if plan.queues > 1 && plan.spread == Spread::Zipf {
        text += ", zipf";
    }
    text
}

/// The figures of a round for people.
fn line(done: &Done) -> String {
    let (round, figures) = (&done.round, &done.round.figures);
    let load = &round.parameters;
    let mut text = format!("{} {} {} x {}", round.target, round.scenario, load.connections, load.window);
    let mut add = |part: String| {
        text += "  ";
        text += &part;
    };
    add(format!("{} B", load.size));
    for (count, what) in [(u64::from(load.queues), "queues"), (load.depth, "queued")] {
        if count > 1 {
            add(format!("{count} {what}"));
        }
    }
    if let Some(count) = load.transaction {
        add(format!("transactions of {count}"));
    }
    if load.idle_connections > 0 {
        add(format!("{} idle", load.idle_connections));
    }
    if load.connections > 0 {
        let rate = figures.rate();
        add(format!("{rate:.0} msg/s  {:.1} MB/s", rate * f64::from(load.size) / 1e6));
    }
    if load.consumers > 0 && figures.seconds > 0.0 {
        add(format!("{:.0} consumed/s", figures.delivered as f64 / figures.seconds));
    }
    if let Some(rate) = load.rate {
        add(format!("on schedule at {rate:.0}/s"));
    }
    if figures.overload {
        add("overload: a million in flight, latencies mean nothing".to_owned());
    }
    let latencies = [("ack", Some(figures.ack)), ("delivery", figures.delivery), ("send delay", figures.send_delay)];
    for (what, summary) in latencies {
        let Some(summary) = summary.filter(|summary| summary.n > 0) else { continue };
        let parts = [("p50", summary.p50), ("p99", summary.p99), ("p99.9", summary.p999), ("max", summary.max_us)];
        let parts: Vec<String> = parts.iter().filter_map(|(name, us)| us.map(|us| format!("{name} {us:.0}"))).collect();
        add(format!("{what} us: {}", parts.join(" ")));
    }
    // What a message costs is shared by both ends where nobody sends.
    let messages = if load.connections > 0 { figures.messages } else { figures.delivered }.max(1) as f64;
    add(format!("client {:.2} us/msg", figures.client_us as f64 / messages));
    if let Some(target) = &figures.target {
        add(format!("broker {:.2} us/msg  RSS {}", target.processor_us() as f64 / messages, resident(target)));
    }
    if let Some(calls) = figures.target_system_calls {
        add(format!("{:.2} calls/msg", calls as f64 / messages));
    }
    if let Some(device) = figures.device {
        let bytes = device.bytes() as f64 / messages;
        let (writes, flushes) = (device.writes as f64 / messages, device.flushes as f64 / messages);
        add(format!("device {writes:.3} writes {flushes:.3} flushes {bytes:.0} B/msg"));
    }
    if round.durability != Durability::Unknown {
        add(round.durability.to_string());
    }
    text
}

fn resident(usage: &Usage) -> String {
    format!("{:.1} MiB", usage.resident_bytes as f64 / f64::from(1 << 20))
}

//! The real client: the JMS program in `tests/jms/` on the unmodified artemis-jms-client, against a broker started here.
//!
//! Takes Java, Maven and (once) Maven Central; where one is missing it says `skipped:` with the reason. Gives one test line for
//! each case of the program on each client that it runs on (`tests/jms/suite.rs`). Must stay true: the program knows nothing of RingMQ, so it runs unchanged against the broker
//! whose client it is (`tests/jms/run-peer.sh`). What it asks of its broker (`@kill`, `@start`, …) is done here.
//! `RINGMQ_JMS_URL` names another broker that is running already; then the cases that restart it are skipped.

// These files serve other tests as well, and no test uses all of them.
#[allow(dead_code)]
#[path = "process/certificates.rs"]
mod certificates;
#[allow(dead_code)]
#[path = "process/folder.rs"]
mod folder;
#[allow(dead_code)]
#[path = "process/process.rs"]
mod process;
#[allow(dead_code)]
#[path = "process/server.rs"]
mod server;

#[path = "jms/broker.rs"]
mod broker;
#[path = "jms/build.rs"]
mod build;
#[path = "jms/suite.rs"]
mod suite;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use broker::Broker;
use build::{Program, Refusal};
use suite::{Suite, asked, suites};

/// The case with which the control shows that lost messages are noticed.
const CONTROL_CASE: &str = "restart_messages_survive";
const CONTROL: &str = "a_broker_that_forgets_is_caught";
/// Suites that run beside each other, each on a broker of its own: most of a case is waiting for one answer.
const THREADS: usize = 2;

/// What the lines of the program amounted to.
#[derive(Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let listing = std::env::args().any(|word| word == "--list");
    let started = Instant::now();
    let program = match build::program() {
        Ok(program) => program,
        Err(Refusal::Missing(reason)) => return finish(&skipped(&reason), started),
        Err(Refusal::Broken(what)) => return finish(&failed("build", &what), started),
    };
    let all = match cases(&program) {
        Ok(all) => all,
        Err(what) => return finish(&failed("list", &what), started),
    };
    let suites = suites(&all, &words);
    let control = asked(&format!("jms::{CONTROL}"), &words);
    let names = suites.iter().flat_map(|suite| suite.names.iter().map(|name| format!("{}{name}", suite.prefix)));
    let names: Vec<String> = names.chain(control.then(|| CONTROL.to_owned())).collect();
    if listing {
        names.iter().for_each(|name| println!("jms::{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", names.len());
    let counts = match std::env::var("RINGMQ_JMS_URL") {
        Ok(url) => against_another(&program, &suites, control, &url),
        Err(_) => against_own(&program, &suites, control),
    };
    finish(&counts, started)
}

/// The names of all cases.
fn cases(program: &Program) -> Result<Vec<String>, String> {
    let output = program.command().arg("--list").output().map_err(|error| format!("java does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let success = output.status.success();
    if success {
        Ok(text.lines().map(str::to_owned).collect())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Runs all suites, one after the other, against a broker that is running already.
fn against_another(javax: &Program, suites: &[Suite], control: bool, url: &str) -> Counts {
    let mut counts = Counts::default();
    let mut plain = suites.iter().filter(|suite| !suite.is_within_tls());
    let ended = plain.try_for_each(|suite| match built(javax, suite, &mut counts)? {
        Some(program) => converse(&program, url, suite, None, &mut counts),
        None => Ok(()),
    });
    if let Err(what) = ended {
        judge("end", Err(what), &mut counts);
    }
    if control {
        judge(CONTROL, forgetting_is_caught(javax), &mut counts);
    }
    counts
}

/// Runs all suites, each against a broker of its own, and the control.
fn against_own(javax: &Program, suites: &[Suite], control: bool) -> Counts {
    let mut counts = Counts::default();
    // One after the other: Maven shares its repository with nobody.
    let programs = suites.iter().map(|suite| built(javax, suite, &mut counts)).collect::<Vec<_>>();
    let jobs: Vec<_> = suites.iter().zip(programs).map(Some).chain(control.then_some(None)).collect();
    let (next, told) = (AtomicUsize::new(0), Mutex::new(counts));
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut counts = Counts::default();
            match job {
                Some((_, Ok(None))) => {}
                Some((suite, Ok(Some(program)))) => on_its_own(program, suite, &mut counts),
                Some((_, Err(what))) => judge("build", Err(what.clone()), &mut counts),
                None => judge(CONTROL, forgetting_is_caught(javax), &mut counts),
            }
            told.lock().unwrap_or_else(PoisonError::into_inner).add(&counts);
        }
    };
    std::thread::scope(|scope| {
        (1..THREADS).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    told.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a suite against a broker that nobody else has, and looks at what that said.
fn on_its_own(program: &Program, suite: &Suite, counts: &mut Counts) {
    let start = if suite.is_within_tls() { Broker::start_within_tls } else { || Broker::start(false) };
    let ended = start().and_then(|mut broker| {
        let url = broker.url();
        let ended = converse(program, &url, suite, Some(&mut broker), counts);
        let log = broker.end(ended.is_err() || counts.failed > 0);
        ended.and(log)
    });
    if let Err(what) = ended {
        judge(&format!("{}end", suite.prefix), Err(what), counts);
    }
}

/// A test line of ours.
fn judge(name: &str, outcome: Result<(), String>, counts: &mut Counts) {
    match outcome {
        Ok(()) => {
            counts.passed += 1;
            println!("test jms::{name} ... ok");
        }
        Err(what) => {
            counts.failed += 1;
            println!("test jms::{name} ... FAILED\n{what}");
        }
    }
}

/// Builds what a suite runs on. `None`: that is not possible here, which has been told.
fn built(javax: &Program, suite: &Suite, counts: &mut Counts) -> Result<Option<Program>, String> {
    match suite.program(javax) {
        Ok(program) => Ok(Some(program)),
        Err(Refusal::Missing(reason)) => {
            counts.skipped += suite.names.len();
            println!("test jms::{} ... {}", suite.prefix.trim_end_matches(':'), skip_text(&reason));
            Ok(None)
        }
        Err(Refusal::Broken(what)) => Err(what),
    }
}

/// The control: a broker that comes back without its data must fail the case that looks for it.
fn forgetting_is_caught(program: &Program) -> Result<(), String> {
    let mut broker = Broker::start(true)?;
    let mut child = Talk::start(program, &broker.url(), &[CONTROL_CASE], true)?;
    let mut lines = Vec::new();
    child.each_line(Some(&mut broker), |line| lines.push(line.to_owned()))?;
    let caught = lines.iter().any(|line| line.starts_with(&format!("FAILED {CONTROL_CASE} content of ")));
    broker.end(false)?;
    if caught { Ok(()) } else { Err(format!("all messages were thrown away, and it was not noticed:\n{lines:?}")) }
}

/// Runs the cases and turns the program's lines into those of a test harness.
fn converse(
    program: &Program,
    url: &str,
    suite: &Suite,
    broker: Option<&mut Broker>,
    counts: &mut Counts,
) -> Result<(), String> {
    let Suite { prefix, names, .. } = suite;
    let asked: Vec<&str> = names.iter().map(String::as_str).collect();
    let before = counts.failed;
    let mut child = Talk::start(program, url, &asked, broker.is_some())?;
    let mut seen = 0;
    let success = child.each_line(broker, |line| {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let count = match word {
            "ok" => {
                println!("test jms::{prefix}{name} ... ok");
                &mut counts.passed
            }
            "FAILED" => {
                println!("test jms::{prefix}{name} ... FAILED\n    {text}");
                &mut counts.failed
            }
            "skipped" => {
                println!("test jms::{prefix}{name} ... {}", skip_text(&format!("{name}: {text}")));
                &mut counts.skipped
            }
            // The last line, `N passed, N failed`, comes again as ours.
            _ if line.contains(" passed, ") => return,
            _ => return println!("{line}"),
        };
        *count += 1;
        seen += 1;
    })?;
    if seen < names.len() {
        return Err(format!("{prefix} the program ended after {seen} of {} cases", names.len()));
    }
    // Its exit code says whether all passed, and each case has its line already.
    if success || counts.failed > before { Ok(()) } else { Err("the program failed, but none of its cases".to_owned()) }
}

/// The running program and the conversation with it.
struct Talk {
    child: Child,
    answers: ChildStdin,
}

impl Talk {
    fn start(program: &Program, url: &str, names: &[&str], controlled: bool) -> Result<Self, String> {
        let mut command: Command = program.command();
        command.args(["--url", url]).args(names.iter().flat_map(|name| ["--case", name]));
        command.args(controlled.then_some("--control")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("java does not start: {error}"))?;
        let answers = child.stdin.take().ok_or("the program has no standard input")?;
        Ok(Self { child, answers })
    }

    /// Reads to the end of the program, does what it asks of its broker, and gives all other lines to `line`. The program
    /// bounds each of its cases, so this ends. True: it ended with success.
    fn each_line(&mut self, mut broker: Option<&mut Broker>, mut line: impl FnMut(&str)) -> Result<bool, String> {
        let out = self.child.stdout.take().ok_or("the program has no standard output")?;
        for text in BufReader::new(out).lines() {
            let text = text.map_err(|error| format!("the program's output cannot be read: {error}"))?;
            if !text.starts_with('@') {
                line(&text);
                continue;
            }
            let broker = broker.as_deref_mut().ok_or("a broker was asked for that is not ours")?;
            let done = match text.as_str() {
                "@kill" => broker.kill(),
                "@stop" => broker.terminate(),
                "@start" => broker.restart(),
                "@users" => broker.secure(true),
                "@nobody" => broker.secure(false),
                other => Err(format!("`{other}` is nothing that a broker can do")),
            };
            let answer = done.err().map_or_else(|| "ok".to_owned(), |what| what.replace('\n', " "));
            writeln!(self.answers, "{answer}").map_err(|error| format!("the program does not listen: {error}"))?;
        }
        let status = self.child.wait().map_err(|error| format!("cannot wait for the program: {error}"))?;
        Ok(status.success())
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // Gone already, unless something went wrong here.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn skip_text(reason: &str) -> String {
    format!("skipped: jms: {reason}")
}

fn skipped(reason: &str) -> Counts {
    println!("\nrunning 1 test");
    println!("test jms ... {}", skip_text(reason));
    Counts { skipped: 1, ..Counts::default() }
}

fn failed(name: &str, what: &str) -> Counts {
    println!("\nrunning 1 test");
    println!("test jms::{name} ... FAILED\n{what}");
    Counts { failed: 1, ..Counts::default() }
}

fn finish(counts: &Counts, started: Instant) -> ExitCode {
    let word = if counts.failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        counts.passed,
        counts.failed,
        counts.skipped,
        started.elapsed().as_secs_f64()
    );
    if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! The real client: the JMS program in `tests/jms/` on the unmodified artemis-jms-client, against a broker started here.
//!
//! Takes Java, Maven and (once) Maven Central; where one is missing it says `skipped:` with the reason. Gives one test line for
//! each case of the program. Must stay true: the program knows nothing of RingMQ, so it runs unchanged against the broker
//! whose client it is (`tests/jms/run-peer.sh`). What it asks of its broker (`@kill`, `@stop`, `@start`) is done here.
//! `RINGMQ_JMS_URL` names another broker that is running already; then the cases that restart it are skipped.

// These files serve other tests as well, and no test uses all of them.
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

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::time::Instant;

use broker::Broker;
use build::Program;

/// The case with which the control shows that lost messages are noticed.
const CONTROL_CASE: &str = "restart_messages_survive";
const CONTROL: &str = "a_broker_that_forgets_is_caught";

/// What the lines of the program amounted to.
#[derive(Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let listing = std::env::args().any(|word| word == "--list");
    let started = Instant::now();
    let program = match build::program() {
        Ok(program) => program,
        Err(build::Refusal::Missing(reason)) => return finish(&skipped(&reason), started),
        Err(build::Refusal::Broken(what)) => return finish(&failed("build", &what), started),
    };
    let chosen = match cases(&program, &words) {
        Ok(chosen) => chosen,
        Err(what) => return finish(&failed("list", &what), started),
    };
    if listing {
        chosen.iter().for_each(|name| println!("jms::{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let counts = run(&program, &chosen);
    finish(&counts, started)
}

/// The names that the command line asks for; the control is one of them.
fn cases(program: &Program, words: &[String]) -> Result<Vec<String>, String> {
    let output = program.command().arg("--list").output().map_err(|error| format!("java does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let all = text.lines().chain([CONTROL]).map(str::to_owned);
    let asked = |name: &String| words.is_empty() || words.iter().any(|word| format!("jms::{name}").contains(word));
    let chosen: Vec<String> = all.filter(asked).collect();
    if output.status.success() { Ok(chosen) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn run(program: &Program, chosen: &[String]) -> Counts {
    let mut counts = Counts::default();
    let names: Vec<&str> = chosen.iter().map(String::as_str).filter(|name| *name != CONTROL).collect();
    if !names.is_empty() {
        let ended = match std::env::var("RINGMQ_JMS_URL") {
            Ok(url) => converse(program, &url, &names, None, &mut counts),
            Err(_) => against_own(program, &names, &mut counts),
        };
        if let Err(what) = ended {
            counts.failed += 1;
            println!("test jms::end ... FAILED\n{what}");
        }
    }
    if chosen.iter().any(|name| name == CONTROL) {
        match forgetting_is_caught(program) {
            Ok(()) => {
                counts.passed += 1;
                println!("test jms::{CONTROL} ... ok");
            }
            Err(what) => {
                counts.failed += 1;
                println!("test jms::{CONTROL} ... FAILED\n{what}");
            }
        }
    }
    counts
}

fn against_own(program: &Program, names: &[&str], counts: &mut Counts) -> Result<(), String> {
    let mut broker = Broker::start(false)?;
    let before = counts.failed;
    let ended = converse(program, &broker.url(), names, Some(&mut broker), counts);
    let log = broker.end(ended.is_err() || counts.failed > before);
    ended.and(log)
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
    names: &[&str],
    broker: Option<&mut Broker>,
    counts: &mut Counts,
) -> Result<(), String> {
    let mut child = Talk::start(program, url, names, broker.is_some())?;
    let mut seen = 0;
    let success = child.each_line(broker, |line| {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let count = match word {
            "ok" => {
                println!("test jms::{name} ... ok");
                &mut counts.passed
            }
            "FAILED" => {
                println!("test jms::{name} ... FAILED\n    {text}");
                &mut counts.failed
            }
            "skipped" => {
                println!("test jms::{name} ... {}", skip_text(&format!("{name}: {text}")));
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
        return Err(format!("the program ended after {seen} of {} cases", names.len()));
    }
    // Its exit code says whether all passed, and each case has its line already.
    if success || counts.failed > 0 { Ok(()) } else { Err("the program failed, but none of its cases".to_owned()) }
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

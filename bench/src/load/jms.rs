//! The same closed loops on the unmodified Artemis JMS client: a program in one Java machine for all rounds and all brokers.
//!
//! Takes a plan and a program that was built here, gives a round. Must stay true: the measured time begins when the program says so, behind
//! its warm-up, and the latencies are its own; what the client costs is told, since on few processors it caps every broker alike.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::clock;
use super::plan::{Length, Plan};
use super::run::Before;
use super::schedule::Pace;
use super::series::Subject;
use super::speech::{make_queues, remove_queues};
use crate::measure::latency::Latencies;
use crate::measure::process::Usage;
use crate::result::schema::{Figures, Round};

/// The sources, from the top of this crate.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/jms/pom.xml");
/// The main class.
const CLASS: &str = "ringmq.bench.Load";
/// Its heap: latencies of many rounds, and no collection of its own making.
const HEAP: &str = "-Xmx768m";
/// So long it works before its first measured time: the Java machine compiles while it runs.
const WARM_FIRST: Duration = Duration::from_secs(20);
/// And so long before each of the others.
const WARM: Duration = Duration::from_secs(3);
/// Without it the client has no answers to sends that do not wait.
const CONFIRMATION_WINDOW: &str = "?confirmationWindowSize=1048576";

/// How much longer than it was told the program may take: the client's own call timeout is 30 s.
const LATE: Duration = Duration::from_secs(90);

/// The program, and the Java machine that it runs in.
#[derive(Debug)]
pub struct Program {
    directory: PathBuf,
    machine: Option<Machine>,
}

#[derive(Debug)]
struct Machine {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<String>,
    is_warm: bool,
}

impl Program {
    /// Builds it below a folder.
    ///
    /// # Errors
    ///
    /// No `mvn`, or what the build says.
    pub fn built(directory: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let directory = directory.canonicalize().map_err(|error| format!("{}: {error}", directory.display()))?;
        let mut build = Command::new("mvn");
        build.args(["-q", "-B", "-f", SOURCES]).arg(format!("-Dringmq.build={}", directory.display())).arg("package");
        let built = build.output().map_err(|error| format!("mvn does not start: {error} (install Maven and a JDK)"))?;
        if !built.status.success() {
            return Err(format!("the JMS program does not build: {}", String::from_utf8_lossy(&built.stdout).trim()));
        }
        Ok(Self { directory, machine: None })
    }

    /// Runs a plan, which must be a closed loop of senders for a time.
    ///
    /// # Errors
    ///
    /// A plan that this client has no part for, the program's own words, or a broker that cannot be reached.
    pub fn perform(&mut self, plan: &Plan, subject: &Subject) -> Result<Round, String> {
        let Length::Time(length) = plan.length else { return Err("the JMS client is measured for a time".to_owned()) };
        if plan.pace != Pace::Closed || plan.consumers > 0 || plan.queues > 1 || plan.transaction.is_some() {
            return Err("the JMS client does closed loops of senders on one queue".to_owned());
        }
        let name = |end: &str| format!("bench-jms-{}-{end}-{}", std::process::id(), clock::now());
        if plan.makes_queues {
            make_queues(plan.protocol, &plan.address, &name("begin"), &plan.message())?;
        }
        let done = self.measured(plan, length);
        if plan.makes_queues {
            remove_queues(plan.protocol, &plan.address, &name("end"), &plan.message())?;
        }
        Ok(Round {
            target: subject.target.clone(),
            target_version: subject.version.clone(),
            durability: subject.durability.clone(),
            protocol: "jms".to_owned(),
            scenario: format!("{}-jms", subject.scenario),
            parameters: plan.parameters(),
            figures: done?,
            ..Round::default()
        })
    }

    fn measured(&mut self, plan: &Plan, length: Duration) -> Result<Figures, String> {
        let (url, queue) = (format!("tcp://{}", plan.address), plan.message().destination.name(0));
        let options = if plan.window > 1 { CONFIRMATION_WINDOW } else { "" };
        let latencies = self.directory.join("latencies");
        let mut machine = match self.machine.take() {
            Some(machine) => machine,
            None => Machine::start(&self.directory)?,
        };
        let warm = if machine.is_warm { WARM } else { WARM_FIRST };
        let (connections, window, size) = (plan.connections, plan.window, plan.size);
        let (warm_ms, length_ms, file) = (warm.as_millis(), length.as_millis(), latencies.display());
        let order = format!("{url}{options} {queue} {connections} {window} {size} {warm_ms} {length_ms} {file}");
        writeln!(machine.orders, "{order}").map_err(|error| format!("the JMS program has ended: {error}"))?;
        // A machine that fails is not used again: nobody knows what its threads still do.
        machine.expect("begin", warm + LATE)?;
        let (before, client) = (Before::now(plan)?, Usage::of(&[machine.child.id()])?);
        machine.expect("end", length + LATE)?;
        let mut figures = before.figures(plan)?;
        figures.client_us = Usage::of(&[machine.child.id()])?.since(&client).processor_us();
        machine.expect("done", LATE)?;
        machine.is_warm = true;
        self.machine = Some(machine);
        let latencies = read(&latencies)?;
        figures.messages = latencies.count();
        (figures.ack, figures.ack_curve) = (latencies.summary(), latencies.curve());
        Ok(figures)
    }
}

impl Machine {
    fn start(directory: &Path) -> Result<Self, String> {
        let classes = format!("{0}/classes:{0}/lib/*", directory.display());
        let mut java = Command::new("java");
        java.args([HEAP, "-cp", &classes, CLASS]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = java.spawn().map_err(|error| format!("java does not start: {error}"))?;
        let (Some(orders), Some(out)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("java has no pipes".to_owned());
        };
        let (sender, answers) = mpsc::channel();
        // It ends with the program's output.
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, orders, answers, is_warm: false })
    }

    fn expect(&self, word: &str, within: Duration) -> Result<(), String> {
        match self.answers.recv_timeout(within) {
            Ok(line) if line == word => Ok(()),
            Ok(line) => Err(format!("the JMS program said `{line}`")),
            Err(_) => Err(format!("the JMS program did not say `{word}` within {within:?}")),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Latencies as the program writes them.
fn read(path: &Path) -> Result<Latencies, String> {
    let mut latencies = Latencies::default();
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut word = [0; 8];
    loop {
        match file.read_exact(&mut word) {
            Ok(()) => latencies.record_ns(u64::from_be_bytes(word)),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(latencies),
            Err(error) => return Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_read_as_the_program_writes_them() {
        let path = std::env::temp_dir().join(format!("ringmq-jms-latencies-{}", std::process::id()));
        let bytes: Vec<u8> = (1..=100u64).flat_map(|us| (us * 1_000).to_be_bytes()).collect();
        std::fs::write(&path, bytes).unwrap();
        let latencies = read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(latencies.count(), 100);
        assert!(latencies.summary().p50.is_some_and(|p50| (49.0..=51.0).contains(&p50)));
    }
}

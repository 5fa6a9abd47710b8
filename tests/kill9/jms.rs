//! Cycles through the real client: the load program of `tests/jms` sends and takes, the broker is killed under it.
//!
//! The program bounds its own time; a load that ends before all kills have come is followed by another one on the same store.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bench::prove::kill9::{Broker, Place};
use bench::prove::random::Random;

use crate::build::{Program, Refusal, program};
use crate::harness::{Outcome, Verdict};
use crate::judge::Judge;

/// Kills of one store.
const CYCLES: u32 = 2;
/// Answers that a cycle waits for before its kill is due.
const ACKED_MIN: u64 = 100;
/// The kill comes so long after that, in milliseconds.
const KILL_AFTER_MS: (u64, u64) = (5, 500);
/// What a load is given; the program's own clock ends it.
const LOAD_SECONDS: u32 = 4;
/// The program bounds each of its calls; this is for a program that does not.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Loads without a kill on a machine that is too slow for one.
const LOADS_MAX: u32 = 10;

/// Plain sends on one lane, transacted ones on two.
pub(crate) fn nothing_is_lost() -> Verdict {
    let program = match program() {
        Ok(program) => program,
        Err(Refusal::Missing(reason)) => return Ok(Outcome::Skipped(reason)),
        Err(Refusal::Broken(what)) => return Err(what),
    };
    for (lanes, transacted) in [(1, false), (2, true)] {
        let name = format!("jms-{lanes}");
        let directory = crate::folder(&name);
        let _absent = std::fs::remove_dir_all(&directory);
        let place = Place { binary: crate::binary(), directory, lanes, port: 0, settings: Vec::new() };
        let findings = Round { program: &program, place: &place, transacted }.run()?;
        if !findings.is_empty() {
            let shown: Vec<&str> = findings.iter().take(40).map(String::as_str).collect();
            let text = shown.join("\n");
            return Err(format!(
                "{} findings:\n{text}\nthe store is left in {}",
                findings.len(),
                place.directory.display()
            ));
        }
        let _leftover = std::fs::remove_dir_all(&place.directory);
    }
    Ok(Outcome::Passed)
}

struct Round<'a> {
    program: &'a Program,
    place: &'a Place,
    transacted: bool,
}

impl Round<'_> {
    fn run(&self) -> Result<Vec<String>, String> {
        let mut random = Random::new(crate::SEED);
        let mut judge = Judge::default();
        let mut broker = Broker::start(self.place)?;
        // The client comes back to the address it knows.
        let place = Place { port: broker.port, ..self.place.clone() };
        let mut findings = Vec::new();
        let mut kills = 0;
        let mut loads = 0;
        while kills < CYCLES {
            loads += 1;
            if loads > LOADS_MAX {
                return Err(format!("{LOADS_MAX} loads, and only {kills} kills came"));
            }
            let load = self.load(place.port, loads)?;
            let mut before = judge.acked;
            while load.until(&mut judge, |judge| kills < CYCLES && judge.acked - before >= ACKED_MIN)? {
                load.listen(&mut judge, Duration::from_millis(random.between(KILL_AFTER_MS.0, KILL_AFTER_MS.1)))?;
                broker.kill();
                println!("jms, {} lanes, cycle {kills}: {} acked", place.lanes, judge.acked - before);
                findings.extend(broker.killed()?.into_iter().map(|line| format!("in the log: {line}")));
                broker = Broker::start(&place)?;
                before = judge.acked;
                kills += 1;
            }
        }
        let drain = Talk::start(self.program, place.port, &["--drain".to_owned(), "load".to_owned()])?;
        drain.each_line(|line| judge.drained(line))?;
        findings.extend(broker.stopped()?.into_iter().map(|line| format!("in the log: {line}")));
        findings.extend(judge.findings());
        println!("jms, {} lanes: {} acked, {} left at the end", place.lanes, judge.acked, judge.left());
        Ok(findings)
    }

    fn load(&self, port: u16, number: u32) -> Result<Talk, String> {
        let transacted = self.transacted;
        let plan = format!(
            "queue=load,producers=4,consumers=2,seconds={LOAD_SECONDS},batch=5,size=500,txsends={transacted},prefix=p{number}x"
        );
        Talk::start(self.program, port, &["--load".to_owned(), plan])
    }
}

/// The running program and its lines.
struct Talk {
    child: Child,
    lines: Receiver<String>,
}

impl Talk {
    fn start(program: &Program, port: u16, arguments: &[String]) -> Result<Self, String> {
        let mut command = program.command();
        command.args(["--url", &format!("tcp://127.0.0.1:{port}")]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).current_dir(Path::new(env!("CARGO_TARGET_TMPDIR")));
        let mut child = command.spawn().map_err(|error| format!("java does not start: {error}"))?;
        let (sender, lines) = channel();
        let out = child.stdout.take();
        std::thread::spawn(move || {
            let all = out.into_iter().flat_map(|out| BufReader::new(out).lines().map_while(Result::ok));
            all.for_each(|line| drop(sender.send(line)));
        });
        Ok(Self { child, lines })
    }

    /// Listens until something holds, or until the program has ended. False: it has ended.
    fn until(&self, judge: &mut Judge, holds: impl Fn(&Judge) -> bool) -> Result<bool, String> {
        while !holds(judge) {
            match self.lines.recv_timeout(SILENCE_MAX) {
                Ok(line) => judge.heard(&line),
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
                Err(RecvTimeoutError::Timeout) => return Err(format!("the program is silent for {SILENCE_MAX:?}")),
            }
        }
        Ok(true)
    }

    /// Listens for so long.
    fn listen(&self, judge: &mut Judge, time: Duration) -> Result<(), String> {
        let end = Instant::now() + time;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => judge.heard(&line),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err("the program ended under way".to_owned()),
            }
        }
    }

    fn each_line(&self, mut line: impl FnMut(&str)) -> Result<(), String> {
        loop {
            match self.lines.recv_timeout(SILENCE_MAX) {
                Ok(text) => line(&text),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => return Err(format!("the program is silent for {SILENCE_MAX:?}")),
            }
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // Gone already, unless something went wrong here.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

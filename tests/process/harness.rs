//! A test harness whose output arrives: for targets with `harness = false`.
//!
//! Takes named trials, runs them, gives the lines and the exit code that Cargo and `.ci/run` know from the standard harness. Unlike that
//! one it lets everything through, so a trial that cannot run here says `skipped:` with its reason and is seen. A panic in a trial is
//! its failure; the next trial runs. Most of a trial's time is waiting, so those that share nothing but the machine may run beside each
//! other ([`run_beside`]); `--test-threads 1` forbids it.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Trials beside each other, unless the command line says another number.
const THREADS: usize = 2;

/// How a trial that did not fail ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// This machine lacks something; the text says what, and how to get it.
    Skipped(String),
}

/// What a trial gives: an outcome, or what went wrong.
pub(crate) type Verdict = Result<Outcome, String>;

/// One named test.
#[derive(Clone, Copy)]
pub(crate) struct Trial {
    pub(crate) name: &'static str,
    pub(crate) run: fn() -> Verdict,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
    filtered: usize,
}

/// Runs the trials that the command line asks for, one after the other.
pub(crate) fn run(trials: &[Trial]) -> ExitCode {
    run_beside(&[], trials)
}

/// The same, but first come those of `beside`, several at a time; whatever looks at the whole machine or changes this process is `alone`.
pub(crate) fn run_beside(beside: &[Trial], alone: &[Trial]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = Wanted::new(&arguments);
    if arguments.iter().any(|argument| argument == "--list") {
        let names = beside.iter().chain(alone).map(|trial| trial.name);
        names.filter(|name| wanted.holds(name)).for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let counts = run_wanted(beside, alone, &wanted, &mut std::io::stdout());
    let word = if counts.failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {} passed; {} failed; {} ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        counts.passed,
        counts.failed,
        counts.skipped,
        counts.filtered,
        started.elapsed().as_secs_f64()
    );
    if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_wanted(beside: &[Trial], alone: &[Trial], wanted: &Wanted<'_>, out: &mut (dyn Write + Send)) -> Counts {
    let chosen =
        |trials: &'_ [Trial]| trials.iter().filter(|trial| wanted.holds(trial.name)).copied().collect::<Vec<_>>();
    let (all, beside, alone) = (beside.len() + alone.len(), chosen(beside), chosen(alone));
    let left = beside.len() + alone.len();
    let _broken_pipe = writeln!(out, "\nrunning {left} tests");
    let told = Mutex::new((Counts { filtered: all - left, ..Counts::default() }, out));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(trial) = beside.get(next.fetch_add(1, Ordering::Relaxed)) {
            tell(trial, &told);
        }
    };
    std::thread::scope(|scope| {
        (1..wanted.threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    alone.iter().for_each(|trial| tell(trial, &told));
    told.into_inner().unwrap_or_else(PoisonError::into_inner).0
}

/// Runs one trial, counts it and gives it a line.
fn tell(Trial { name, run }: &Trial, told: &Mutex<(Counts, &mut (dyn Write + Send))>) {
    let verdict = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panic_text(panic.as_ref())));
    let (counts, out) = &mut *told.lock().unwrap_or_else(PoisonError::into_inner);
    let (count, line) = match verdict {
        Ok(Outcome::Passed) => (&mut counts.passed, "ok".to_owned()),
        Ok(Outcome::Skipped(reason)) => (&mut counts.skipped, format!("skipped: {name}: {reason}")),
        Err(what) => (&mut counts.failed, format!("FAILED\n{what}")),
    };
    *count += 1;
    let _broken_pipe = writeln!(out, "test {name} ... {line}");
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without a text").to_owned()
}

/// The names on the command line; options of the standard harness are accepted and mean nothing here, save `--exact`, `--skip` and
/// `--test-threads`.
struct Wanted<'a> {
    filters: Vec<&'a str>,
    refused: Vec<&'a str>,
    exact: bool,
    threads: usize,
}

impl<'a> Wanted<'a> {
    fn new(arguments: &'a [String]) -> Self {
        let mut wanted = Self { filters: Vec::new(), refused: Vec::new(), exact: false, threads: THREADS };
        let mut words = arguments.iter().flat_map(|word| word.splitn(2, '='));
        while let Some(word) = words.next() {
            match word {
                "--exact" => wanted.exact = true,
                "--skip" => wanted.refused.extend(words.next()),
                "--test-threads" => wanted.threads = words.next().and_then(|n| n.parse().ok()).unwrap_or(THREADS),
                "--format" | "--color" | "--logfile" | "-Z" => {
                    let _value = words.next();
                }
                option if option.starts_with('-') => {}
                filter => wanted.filters.push(filter),
            }
        }
        wanted
    }

    fn holds(&self, name: &str) -> bool {
        let matches = |filter: &&str| if self.exact { name == *filter } else { name.contains(*filter) };
        let asked = self.filters.is_empty() || self.filters.iter().any(matches);
        asked && !self.refused.iter().any(|refused| name.contains(refused))
    }
}

/// The control of the harness itself: it must see a failure, a panic and a skip for what they are, whether they run alone or beside each
/// other, and must run some beside each other and the others not.
pub(crate) fn counts_what_happens() -> Verdict {
    let trials = [
        Trial { name: "planted_success", run: || Ok(Outcome::Passed) },
        Trial { name: "planted_failure", run: || Err("it broke".to_owned()) },
        Trial { name: "planted_panic", run: || std::panic::resume_unwind(Box::new("it fell over".to_owned())) },
        Trial { name: "planted_skip", run: || Ok(Outcome::Skipped("no such disk".to_owned())) },
        Trial { name: "not_asked_for", run: || Err("it must not run".to_owned()) },
    ];
    let meeting = [
        Trial { name: "planted_meeting_of_one", run: meets },
        Trial { name: "planted_meeting_of_the_other", run: meets },
    ];
    let late = Trial { name: "planted_late_one", run: comes_late };
    let beside = run_planted(&[&meeting[..], &trials].concat(), &[late], "2");
    let alone = run_planted(&[], &trials, "1");
    let rest = Counts { passed: 0, failed: 2, skipped: 1, filtered: 1 };
    let seen =
        ["planted_failure ... FAILED\nit broke", "FAILED\nit fell over", "... skipped: planted_skip: no such disk"];
    let right = |(counts, text): &(Counts, String), passed| {
        *counts == Counts { passed, ..rest } && seen.iter().all(|part| text.contains(part))
    };
    if right(&beside, 4) && right(&alone, 1) { Ok(Outcome::Passed) } else { Err(format!("{beside:?}\n{alone:?}")) }
}

fn run_planted(beside: &[Trial], alone: &[Trial], threads: &str) -> (Counts, String) {
    let arguments = ["planted", "--test-threads", threads].map(str::to_owned);
    let mut out = Vec::new();
    let counts = run_wanted(beside, alone, &Wanted::new(&arguments), &mut out);
    (counts, String::from_utf8_lossy(&out).into_owned())
}

/// How many of the two that meet have come.
static CAME: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// Stays until the other one has come too: both pass when they run at the same time.
fn meets() -> Verdict {
    const PATIENCE: Duration = Duration::from_secs(60);
    let mut came = CAME.0.lock().unwrap_or_else(PoisonError::into_inner);
    *came += 1;
    CAME.1.notify_all();
    let (came, _) = CAME.1.wait_timeout_while(came, PATIENCE, |came| *came < 2).unwrap_or_else(PoisonError::into_inner);
    if *came == 2 { Ok(Outcome::Passed) } else { Err("it ran alone".to_owned()) }
}

/// Comes when both have been there, and leaves things as they were.
fn comes_late() -> Verdict {
    let came = std::mem::take(&mut *CAME.0.lock().unwrap_or_else(PoisonError::into_inner));
    if came == 2 { Ok(Outcome::Passed) } else { Err(format!("{came} came before")) }
}

//! A test harness whose output arrives: for targets with `harness = false`.
//!
//! Takes named trials, runs them one after the other, gives the lines and the exit code that Cargo and `.ci/run` know from the
//! standard harness. Unlike that one it lets everything through, so a trial that cannot run here says `skipped:` with its
//! reason and is seen. A panic in a trial is its failure; the next trial runs.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

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

/// Runs the trials that the command line asks for.
pub(crate) fn run(trials: &[Trial]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = Wanted::new(&arguments);
    if arguments.iter().any(|argument| argument == "--list") {
        trials.iter().filter(|trial| wanted.holds(trial.name)).for_each(|trial| println!("{}: test", trial.name));
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let counts = run_wanted(trials, &wanted, &mut std::io::stdout());
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

fn run_wanted(trials: &[Trial], wanted: &Wanted<'_>, out: &mut dyn Write) -> Counts {
    let chosen: Vec<&Trial> = trials.iter().filter(|trial| wanted.holds(trial.name)).collect();
    let mut counts = Counts { filtered: trials.len() - chosen.len(), ..Counts::default() };
    let _broken_pipe = writeln!(out, "\nrunning {} tests", chosen.len());
    for Trial { name, run } in chosen {
        let verdict = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panic_text(panic.as_ref())));
        let (count, line) = match verdict {
            Ok(Outcome::Passed) => (&mut counts.passed, "ok".to_owned()),
            Ok(Outcome::Skipped(reason)) => (&mut counts.skipped, format!("skipped: {name}: {reason}")),
            Err(what) => (&mut counts.failed, format!("FAILED\n{what}")),
        };
        *count += 1;
        let _broken_pipe = writeln!(out, "test {name} ... {line}");
    }
    counts
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without a text").to_owned()
}

/// The names on the command line; options of the standard harness are accepted and mean nothing here, save `--exact` and
/// `--skip`.
struct Wanted<'a> {
    filters: Vec<&'a str>,
    refused: Vec<&'a str>,
    exact: bool,
}

impl<'a> Wanted<'a> {
    fn new(arguments: &'a [String]) -> Self {
        let mut wanted = Self { filters: Vec::new(), refused: Vec::new(), exact: false };
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--exact" => wanted.exact = true,
                "--skip" => wanted.refused.extend(words.next()),
                "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => {
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

/// The control of the harness itself: it must see a failure, a panic and a skip for what they are.
pub(crate) fn counts_what_happens() -> Verdict {
    let trials = [
        Trial { name: "planted_success", run: || Ok(Outcome::Passed) },
        Trial { name: "planted_failure", run: || Err("it broke".to_owned()) },
        Trial { name: "planted_panic", run: || std::panic::resume_unwind(Box::new("it fell over".to_owned())) },
        Trial { name: "planted_skip", run: || Ok(Outcome::Skipped("no such disk".to_owned())) },
        Trial { name: "not_asked_for", run: || Err("it must not run".to_owned()) },
    ];
    let arguments = ["planted".to_owned(), "--test-threads".to_owned(), "1".to_owned()];
    let mut out = Vec::new();
    let counts = run_wanted(&trials, &Wanted::new(&arguments), &mut out);
    let text = String::from_utf8_lossy(&out);
    let seen =
        ["planted_failure ... FAILED\nit broke", "FAILED\nit fell over", "... skipped: planted_skip: no such disk"];
    let right = counts == Counts { passed: 1, failed: 2, skipped: 1, filtered: 1 }
        && seen.iter().all(|part| text.contains(part));
    if right { Ok(Outcome::Passed) } else { Err(format!("{counts:?}\n{text}")) }
}

//! `cargo fmt --check` and Clippy with warnings denied, as tests: nobody has to remember them.
//!
//! Takes the workspace as it stands, gives one trial per tool, and for each tool a control: a planted crate that the tool must
//! refuse. The tools build into a directory of their own, since the `cargo test` around them may hold the lock of the usual
//! one. A machine without a tool skips it aloud. `ci` checks what `.ci/run` makes of a log.

#[path = "../process/harness.rs"]
mod harness;

mod ci;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use harness::{Outcome, Trial, Verdict};

const FORMAT: &[&str] = &["fmt", "--all", "--check"];
const CLIPPY: &[&str] = &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
/// How much of a tool's output a failure shows.
const LINES_SHOWN: usize = 120;

fn main() -> ExitCode {
    harness::run(&[
        Trial { name: "the_sources_are_formatted", run: formatted },
        Trial { name: "clippy_has_no_warning", run: linted },
        Trial { name: "an_unformatted_file_is_caught", run: unformatted_is_caught },
        Trial { name: "ci_counts_all_harnesses", run: ci::counts_all_harnesses },
        Trial { name: "ci_refuses_an_unlisted_skip", run: ci::refuses_an_unlisted_skip },
        Trial { name: "ci_runs_the_command_of_the_readme", run: ci::runs_the_command_of_the_readme },
        Trial { name: "the_harness_counts_what_happens", run: harness::counts_what_happens },
        Trial { name: "a_warning_is_caught", run: warning_is_caught },
    ])
}

fn formatted() -> Verdict {
    verdict("rustfmt", FORMAT, &root())
}

fn linted() -> Verdict {
    verdict("clippy", CLIPPY, &root())
}

fn unformatted_is_caught() -> Verdict {
    let planted = plant("unformatted", "//! A control.\npub   fn f( ) { }\n")?;
    caught("rustfmt", FORMAT, &planted, "Diff in")
}

fn warning_is_caught() -> Verdict {
    let planted = plant("warned", "//! A control.\n/// Warns.\npub fn f() {\n    let unused = 1;\n}\n")?;
    caught("clippy", CLIPPY, &planted, "unused variable")
}

/// The tool must be content with the tree.
fn verdict(component: &str, arguments: &[&str], directory: &Path) -> Verdict {
    if let Some(reason) = missing(component, arguments) {
        return Ok(Outcome::Skipped(reason));
    }
    let (success, text) = run(arguments, directory)?;
    let shown: Vec<&str> = text.lines().collect();
    let from = shown.len().saturating_sub(LINES_SHOWN);
    let tail = || shown.iter().skip(from).copied().collect::<Vec<&str>>().join("\n");
    if success { Ok(Outcome::Passed) } else { Err(format!("{}\ncargo {} failed", tail(), arguments.join(" "))) }
}

/// The tool must refuse the tree, and for the reason that was planted.
fn caught(component: &str, arguments: &[&str], directory: &Path, reason: &str) -> Verdict {
    if let Some(reason) = missing(component, arguments) {
        return Ok(Outcome::Skipped(reason));
    }
    let (success, text) = run(arguments, directory)?;
    let refused = !success && text.contains(reason);
    if refused { Ok(Outcome::Passed) } else { Err(format!("{text}\n`{reason}` was planted and not caught")) }
}

/// Why the tool cannot run here.
fn missing(component: &str, arguments: &[&str]) -> Option<String> {
    let subcommand = arguments.first()?;
    let there = cargo().args([subcommand, "--version"]).output().is_ok_and(|output| output.status.success());
    (!there).then(|| format!("{component} is not installed (rustup component add {component})"))
}

fn run(arguments: &[&str], directory: &Path) -> Result<(bool, String), String> {
    let output = cargo().args(arguments).current_dir(directory).env("CARGO_TARGET_DIR", scratch("lints")).output();
    let output = output.map_err(|error| format!("cargo {} does not start: {error}", arguments.join(" ")))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A crate of one file, outside our workspace.
fn plant(name: &str, source: &str) -> Result<PathBuf, String> {
    let directory = scratch(name);
    let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n");
    let write = || {
        std::fs::create_dir_all(directory.join("src"))?;
        std::fs::write(directory.join("Cargo.toml"), manifest)?;
        std::fs::write(directory.join("src/lib.rs"), source)
    };
    write().map_err(|error: std::io::Error| format!("cannot plant a crate in {}: {error}", directory.display()))?;
    Ok(directory)
}

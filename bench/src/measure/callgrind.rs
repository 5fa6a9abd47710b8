//! The program `icount`, built and run under callgrind.
//!
//! Takes a measure and a group, gives the instructions of one message. A build may have a directory of its own: then nobody else's
//! lock is waited for, and nothing from the environment changes the code. Callgrind collects in one function only; the C library is told to
//! copy and clear without `rep` instructions, whose every step callgrind counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Messages of one run, half of which are warmth. The counts are exact, so more would say nothing more.
pub const MESSAGES: usize = 1_024;
/// The function that is counted.
const COUNTED: &str = "*measured_work*";
/// Above any copy of a run.
const WITHOUT_REP: &str = "glibc.cpu.x86_rep_stosb_threshold=0x7fffffff:glibc.cpu.x86_rep_movsb_threshold=0x7fffffff";
/// What would change the code that is built, or where it lies.
const NOT_INHERITED: [&str; 4] =
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET"];

/// The built program.
#[derive(Debug)]
pub struct Counted {
    program: PathBuf,
    /// Set for the run, to no effect but to move its stack.
    ballast: String,
}

/// What is counted, and of how many messages.
#[derive(Clone, Copy, Debug)]
pub struct Work<'w> {
    /// The measure.
    pub measure: &'w str,
    /// Messages that are counted.
    pub messages: usize,
    /// Messages that arrive together.
    pub group: usize,
    /// Messages that wait in the queue before, for a measure that has such.
    pub deep: u64,
}

impl Counted {
    /// Builds it, once, in a target directory of its own or in that of the workspace. `None`: valgrind is missing.
    ///
    /// # Errors
    ///
    /// It does not build.
    pub fn built(own_target: Option<&Path>) -> Result<Option<Self>, String> {
        static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        if text_of(&mut Command::new("valgrind"), &["--version"]).is_err() {
            return Ok(None);
        }
        let program = BUILT.get_or_init(|| build(own_target)).clone()?;
        Ok(Some(Self { program, ballast: String::new() }))
    }

    /// The same program at another path and with another environment.
    ///
    /// # Errors
    ///
    /// It cannot be copied.
    pub fn moved(&self, program: PathBuf) -> Result<Self, String> {
        let copied =
            program.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(&self.program, &program));
        copied.map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Self { program, ballast: "x".repeat(1_000) })
    }

    /// The instructions of one message of [`MESSAGES`].
    ///
    /// # Errors
    ///
    /// The run failed, or nothing was counted.
    pub fn count(&self, measure: &str, group: usize) -> Result<f64, String> {
        self.count_work(Work { measure, messages: MESSAGES, group, deep: 0 })
    }

    /// Bytes that the C library's copying functions copied in the whole run, its warmth included: two runs tell what is between them.
    ///
    /// # Errors
    ///
    /// The run failed, or nothing was counted.
    pub fn copied_bytes(&self, work: Work<'_>) -> Result<u64, String> {
        let Work { measure, messages, group, deep } = work;
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=dhat", "--mode=copy", "--dhat-out-file=/dev/null"]).arg(&self.program);
        let numbers = [messages.to_string(), group.to_string(), deep.to_string()];
        let [messages, group, deep] = &numbers;
        let output = run(&mut valgrind, &[measure, messages, group, deep])?;
        let said = String::from_utf8_lossy(&output.stderr);
        copied(&said).ok_or_else(|| format!("{measure}: no copies were counted\n{said}"))
    }

    /// The instructions of one message.
    ///
    /// # Errors
    ///
    /// As [`Counted::count`].
    pub fn count_work(&self, work: Work<'_>) -> Result<f64, String> {
        let Work { measure, messages, group, deep } = work;
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--collect-atstart=no", &format!("--toggle-collect={COUNTED}")]);
        // What it says at its end is enough.
        valgrind.arg("--callgrind-out-file=/dev/null");
        valgrind.arg(&self.program).env("GLIBC_TUNABLES", WITHOUT_REP).env("RINGMQ_ICOUNT_BALLAST", &self.ballast);
        let numbers = [messages.to_string(), group.to_string(), deep.to_string()];
        let [messages, group, deep] = &numbers;
        let output = run(&mut valgrind, &[measure, messages, group, deep])?;
        let said = String::from_utf8_lossy(&output.stderr);
        let collected = said.lines().find_map(|line| line.split_once("Collected :"));
        let instructions: f64 = collected.and_then(|(_, count)| count.trim().parse().ok()).unwrap_or(0.0);
        let done: Option<f64> =
            String::from_utf8_lossy(&output.stdout).split(' ').next().and_then(|count| count.parse().ok());
        match done {
            Some(done) if instructions > 0.0 && done > 0.0 => Ok(instructions / done),
            _ => Err(format!("{measure}, groups of {group}: callgrind counted nothing\n{said}")),
        }
    }
}

/// The bytes in `==7== Total:     2,297,558 bytes in 4,193 blocks`.
fn copied(said: &str) -> Option<u64> {
    let (_, behind) = said.lines().find_map(|line| line.split_once("Total:"))?;
    behind.split_whitespace().next()?.replace(',', "").parse().ok()
}

/// The compiler, as the baseline names it.
///
/// # Errors
///
/// It does not run.
pub fn rustc() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = text_of(Command::new(rustc).current_dir(root()), &["--version"])?;
    Ok(text.trim_start_matches("rustc ").to_owned())
}

/// What else the counts depend on, as the baseline names it.
///
/// # Errors
///
/// Valgrind does not run.
pub fn machine() -> Result<String, String> {
    let valgrind = text_of(&mut Command::new("valgrind"), &["--version"])?;
    let library =
        text_of(&mut Command::new("getconf"), &["GNU_LIBC_VERSION"]).unwrap_or_else(|_| "no glibc".to_owned());
    #[cfg(target_arch = "x86_64")]
    let vectors = if std::arch::is_x86_feature_detected!("avx2") { " with AVX2" } else { "" };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = "";
    Ok(format!("{}{vectors}, {library}, {valgrind}", std::env::consts::ARCH))
}

fn build(own_target: Option<&Path>) -> Result<PathBuf, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    if let Some(target) = own_target {
        cargo.env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "0");
        NOT_INHERITED.iter().for_each(|name| {
            cargo.env_remove(name);
        });
        let settings = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PROFILE_"));
        settings.for_each(|(name, _)| {
            cargo.env_remove(name);
        });
    }
    let what: &[&str] = if own_target.is_some() {
        &["--package", "icount"]
    } else {
        // The packages of `bench` as well: without them all dependencies would be built again for other features.
        &["--package", "ringmq-bench", "--package", "icount", "--bin", "icount"]
    };
    run(&mut cargo, &[&["build", "--quiet", "--release", "--locked"], what].concat())?;
    let shared = || std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(own_target.map_or_else(shared, Path::to_owned).join("release/icount"))
}

fn text_of(command: &mut Command, arguments: &[&str]) -> Result<String, String> {
    run(command, arguments).map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command to its end; what it said is the error if it failed.
fn run(command: &mut Command, arguments: &[&str]) -> Result<Output, String> {
    let output = command.args(arguments).output();
    let name = command.get_program().to_string_lossy().into_owned();
    let output = output.map_err(|error| format!("{name} does not start: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{said}\n{name} {} failed ({})", arguments.join(" "), output.status))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copied_bytes_are_found() {
        assert_eq!(copied("==7== \n==7== Total:     2,297,558 bytes in 4,193 blocks\n"), Some(2_297_558));
        assert_eq!(copied("==7== nothing"), None);
    }
}

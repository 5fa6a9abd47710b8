//! The program `icount`, built and run under callgrind.
//!
//! Takes a measure and a group, gives the instructions of one message. The build has a directory of its own, since the `cargo test`
//! around it may hold the lock of the usual one, and nothing from the environment that changes the code. Callgrind collects in
//! one function only; the C library is told to copy and clear without `rep` instructions, whose every step callgrind counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Messages of one run, half of which are warmth. The counts are exact, so more would say nothing more.
const MESSAGES: usize = 1_024;
/// The function that is counted.
const COUNTED: &str = "*measured_work*";
/// Above any copy of a run.
const WITHOUT_REP: &str = "glibc.cpu.x86_rep_stosb_threshold=0x7fffffff:glibc.cpu.x86_rep_movsb_threshold=0x7fffffff";
/// What would change the code that is built, or where it lies.
const NOT_INHERITED: [&str; 4] =
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET"];

/// The built program.
pub(crate) struct Counted {
    program: PathBuf,
    /// Set for the run, to no effect but to move its stack.
    ballast: String,
}

impl Counted {
    /// Builds it, once. `None`: valgrind is missing.
    ///
    /// # Errors
    /// It does not build.
    pub(crate) fn built() -> Result<Option<Self>, String> {
        static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        if text_of(&mut Command::new("valgrind"), &["--version"]).is_err() {
            return Ok(None);
        }
        let program = BUILT.get_or_init(build).clone()?;
        Ok(Some(Self { program, ballast: String::new() }))
    }

    /// The same program with another path and another environment.
    ///
    /// # Errors
    /// It cannot be copied.
    pub(crate) fn moved(&self) -> Result<Self, String> {
        let program = scratch("a-directory-with-a-longer-name").join("a-program-with-a-longer-name");
        let copied =
            program.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(&self.program, &program));
        copied.map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Self { program, ballast: "x".repeat(1_000) })
    }

    /// The instructions of one message.
    ///
    /// # Errors
    /// The run failed, or nothing was counted.
    pub(crate) fn count(&self, measure: &str, group: usize) -> Result<f64, String> {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--collect-atstart=no", &format!("--toggle-collect={COUNTED}")]);
        let out = format!("icount-{measure}-{group}-{}.out", self.ballast.len());
        valgrind.arg(format!("--callgrind-out-file={}", scratch(&out).display()));
        valgrind.arg(&self.program).env("GLIBC_TUNABLES", WITHOUT_REP).env("RINGMQ_ICOUNT_BALLAST", &self.ballast);
        let output = run(&mut valgrind, &[measure, &MESSAGES.to_string(), &group.to_string()])?;
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

/// The compiler, as the baseline names it.
///
/// # Errors
/// It does not run.
pub(crate) fn rustc() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = text_of(Command::new(rustc).current_dir(root()), &["--version"])?;
    Ok(text.trim_start_matches("rustc ").to_owned())
}

/// What else the counts depend on, as the baseline names it.
///
/// # Errors
/// Valgrind does not run.
pub(crate) fn machine() -> Result<String, String> {
    let valgrind = text_of(&mut Command::new("valgrind"), &["--version"])?;
    let library =
        text_of(&mut Command::new("getconf"), &["GNU_LIBC_VERSION"]).unwrap_or_else(|_| "no glibc".to_owned());
    #[cfg(target_arch = "x86_64")]
    let vectors = if std::arch::is_x86_feature_detected!("avx2") { " with AVX2" } else { "" };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = "";
    Ok(format!("{}{vectors}, {library}, {valgrind}", std::env::consts::ARCH))
}

fn build() -> Result<PathBuf, String> {
    let target = scratch("icount");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "0");
    NOT_INHERITED.iter().for_each(|name| {
        cargo.env_remove(name);
    });
    let settings = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PROFILE_"));
    settings.for_each(|(name, _)| {
        cargo.env_remove(name);
    });
    run(&mut cargo, &["build", "--quiet", "--release", "--locked", "--package", "icount"])?;
    Ok(target.join("release/icount"))
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

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

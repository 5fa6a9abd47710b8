//! The distribution of Apache Artemis: looked for, fetched once, and its command line run.
//!
//! Gives what a command said and its exit code, or a refusal: something is missing on this machine (a skip). The distribution lies in the
//! build directory, so a second run needs neither Maven nor a network.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::machine::Machine;
use crate::process::{Process, text_of};

/// The release that the JMS suite uses as well.
const VERSION: &str = "2.44.0";
/// 46 MB, on a slow line.
const FETCH_WITHIN: Duration = Duration::from_secs(240);
/// A Java machine that starts on a busy machine, and a command that gives up by itself long before.
const COMMAND_WITHIN: Duration = Duration::from_secs(60);

/// The command line of a distribution.
pub(crate) struct Distribution {
    home: PathBuf,
}

/// What a command said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// All lines of both streams.
    pub(crate) text: String,
    /// It ended with 0.
    pub(crate) success: bool,
}

impl Distribution {
    /// Finds it in the build directory or fetches it, once. The error is the reason of a skip.
    pub(crate) fn find() -> Result<Self, String> {
        static HOME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        HOME.get_or_init(home).clone().map(|home| Self { home })
    }

    /// Runs a command against the broker at `url`, in the one Java machine of all trials. The error: it does not end.
    pub(crate) fn run(&self, url: &str, words: &[&str]) -> Result<Said, String> {
        static MACHINE: Mutex<Option<Machine>> = Mutex::new(None);
        let mut running = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut machine = running.take().map_or_else(|| Machine::start(&self.home), Ok)?;
        // One that failed here is not used again.
        let said = machine.run(&with_broker(url, words))?;
        *running = Some(machine);
        Ok(said)
    }

    /// The same as a user does it: by the script, in a process of its own.
    pub(crate) fn run_script(&self, url: &str, words: &[&str]) -> Result<Said, String> {
        let mut command = Command::new(self.home.join("bin/artemis"));
        command.args(with_broker(url, words));
        let ended = Process::start(&mut command)?.end(COMMAND_WITHIN)?;
        let text = ended.lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        Ok(Said { text, success: ended.status.success() })
    }
}

fn home() -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("artemis");
    let home = directory.join(format!("apache-artemis-{VERSION}"));
    for tool in ["java", "javac"] {
        runs(tool, "-version").map_err(|_| format!("no {tool} (install a JDK 17 or later)"))?;
    }
    if !home.join("complete").is_file() {
        std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        fetch(&directory)?;
        std::fs::write(home.join("complete"), VERSION).map_err(|error| format!("{}: {error}", home.display()))?;
    }
    Ok(home)
}

/// The words of a command, and which broker it speaks to.
fn with_broker<'a>(url: &'a str, words: &[&'a str]) -> Vec<&'a str> {
    [words, &["--url", url, "--user", "user", "--password", "password"]].concat()
}

/// Without the network first: what is in the local repository needs none.
fn fetch(directory: &Path) -> Result<(), String> {
    runs("mvn", "--version").map_err(|_| "no mvn (install Maven 3.8 or later)")?;
    let mut said = String::new();
    for network in [&["-o"][..], &[]] {
        let mut command = Command::new("mvn");
        command.args(["-q", "-B"]).args(network).arg("dependency:copy");
        command.arg(format!("-Dartifact=org.apache.activemq:apache-artemis:{VERSION}:tar.gz:bin"));
        command.arg(format!("-DoutputDirectory={}", directory.display()));
        let ended = Process::start(&mut command)?.end(FETCH_WITHIN)?;
        if ended.status.success() {
            return unpack(directory);
        }
        said = text_of(&ended.lines);
    }
    let first = said.lines().find_map(|line| Some(line.split_once("[ERROR] ")?.1)).unwrap_or("it gives no reason");
    Err(format!("mvn cannot fetch the distribution: {first}"))
}

fn unpack(directory: &Path) -> Result<(), String> {
    let mut command = Command::new("tar");
    command.arg("-xzf").arg(directory.join(format!("apache-artemis-{VERSION}-bin.tar.gz"))).arg("-C").arg(directory);
    let ended = Process::start(&mut command)?.end(FETCH_WITHIN)?;
    if ended.status.success() { Ok(()) } else { Err(format!("tar cannot unpack it: {}", text_of(&ended.lines))) }
}

fn runs(tool: &str, argument: &str) -> Result<(), String> {
    let output = Command::new(tool).arg(argument).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(format!("{tool} fails")) }
}

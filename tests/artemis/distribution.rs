//! The distribution of Apache Artemis: looked for, fetched once, and its command line run.
//!
//! Gives what a command said and its exit code, or a refusal: something is missing on this machine (a skip). The distribution lies in the
//! build directory, so a second run needs neither Maven nor a network.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

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
pub(crate) struct Said {
    /// All lines of both streams.
    pub(crate) text: String,
    /// It ended with 0.
    pub(crate) success: bool,
}

impl Distribution {
    /// Finds it in the build directory or fetches it. The error is the reason of a skip.
    pub(crate) fn find() -> Result<Self, String> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("artemis");
        let home = directory.join(format!("apache-artemis-{VERSION}"));
        runs("java", "-version").map_err(|_| "no java (install a JDK 17 or later)")?;
        if !home.join("complete").is_file() {
            std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
            fetch(&directory)?;
            std::fs::write(home.join("complete"), VERSION).map_err(|error| format!("{}: {error}", home.display()))?;
        }
        Ok(Self { home })
    }

    /// Runs a command against the broker at `url`. The error: it does not start or does not end.
    pub(crate) fn run(&self, url: &str, words: &[&str]) -> Result<Said, String> {
        let mut command = Command::new(self.home.join("bin/artemis"));
        // Compiling for a long run costs more than the short one takes.
        command.env("JAVA_ARGS", "-XX:TieredStopAtLevel=1 -Xshare:auto -Xmx256m");
        command.args(words).args(["--url", url, "--user", "user", "--password", "password"]);
        let ended = Process::start(&mut command)?.end(COMMAND_WITHIN)?;
        let text = ended.lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        Ok(Said { text, success: ended.status.success() })
    }
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

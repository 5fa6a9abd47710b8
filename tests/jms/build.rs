//! The JMS program, built: Java and Maven are looked for, the sources compiled, the client fetched, once for each state of
//! the sources.
//!
//! Gives the command line of the program, or a refusal: something is missing on this machine (a skip), or the program does
//! not compile (a failure). Everything built lies in the build directory, so a second run needs neither Maven nor a network.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::process::{Process, text_of};

/// The client and the program are written for this one.
const JAVA_MIN: u32 = 17;
/// Fetching some 30 small files, on a slow line.
const BUILD_WITHIN: Duration = Duration::from_secs(240);

/// Why there is no program.
pub(crate) enum Refusal {
    /// The machine lacks something.
    Missing(String),
    /// The program itself is at fault.
    Broken(String),
}

/// The built program.
pub(crate) struct Program {
    build: PathBuf,
}

impl Program {
    /// `java` with the program and everything it needs; arguments of the program may follow.
    pub(crate) fn command(&self) -> Command {
        let (classes, lib) = (self.build.join("classes"), self.build.join("lib/*"));
        let mut command = Command::new("java");
        // Compiling for a long run costs more than the short one takes.
        command.args(["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx512m", "-cp"]);
        command.arg(format!("{}:{}", classes.display(), lib.display())).arg("ringmq.jms.Main");
        command
    }
}

/// Builds the program unless these very sources are built already.
pub(crate) fn program() -> Result<Program, Refusal> {
    java()?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jms");
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("jms");
    let state = state_of(&sources).map_err(|error| Refusal::Broken(format!("{}: {error}", sources.display())))?;
    let stamp = build.join("built-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|built| built == state) {
        return Ok(Program { build });
    }
    // What an earlier state left behind must not be found by this one.
    let _absent = std::fs::remove_dir_all(build.join("classes"));
    maven(&sources, &build)?;
    std::fs::write(&stamp, state).map_err(|error| Refusal::Broken(format!("{}: {error}", stamp.display())))?;
    Ok(Program { build })
}

fn java() -> Result<(), Refusal> {
    let output = output_of("java", "-version").ok_or_else(|| missing("no java (install a JDK 17 or later)"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let number = text.split('"').nth(1).and_then(|version| version.split(['.', '-', '+']).next()?.parse::<u32>().ok());
    if number.is_none_or(|number| number < JAVA_MIN) {
        return Err(missing(&format!("java is older than {JAVA_MIN}: {}", text.lines().next().unwrap_or_default())));
    }
    Ok(())
}

/// Without the network first: what is in the local repository needs none.
fn maven(sources: &Path, build: &Path) -> Result<(), Refusal> {
    if output_of("mvn", "--version").is_none() {
        return Err(missing("no mvn (install Maven 3.8 or later)"));
    }
    let mut said = String::new();
    for network in [&["-o"][..], &[]] {
        let mut command = Command::new("mvn");
        command.args(["-q", "-B", "-f"]).arg(sources.join("pom.xml")).args(network);
        command.arg(format!("-Dringmq.build={}", build.display())).arg("package");
        let ended =
            Process::start(&mut command).and_then(|process| process.end(BUILD_WITHIN)).map_err(|e| missing(&e))?;
        if ended.status.success() {
            return Ok(());
        }
        said = text_of(&ended.lines);
        if said.contains("COMPILATION ERROR") {
            return Err(Refusal::Broken(said));
        }
    }
    // The rest of the line, after marks and colours.
    let first = said.lines().find_map(|line| Some(line.split_once("[ERROR] ")?.1)).unwrap_or("it gives no reason");
    Err(missing(&format!("mvn cannot fetch or build: {first}")))
}

fn missing(reason: &str) -> Refusal {
    Refusal::Missing(reason.replace('\n', " "))
}

fn output_of(tool: &str, argument: &str) -> Option<Output> {
    Command::new(tool).arg(argument).output().ok().filter(|output| output.status.success())
}

/// A text that changes when a source does.
fn state_of(sources: &Path) -> std::io::Result<String> {
    let mut hasher = DefaultHasher::new();
    let mut files = Vec::new();
    let mut open = vec![sources.join("src")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { open.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files.push(sources.join("pom.xml"));
    files.sort();
    for file in &files {
        file.hash(&mut hasher);
        std::fs::read(file)?.hash(&mut hasher);
    }
    Ok(format!("{} files, {:016x}", files.len(), hasher.finish()))
}

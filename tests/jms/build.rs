//! The JMS program, built: Java and Maven are looked for, the sources compiled, the client fetched, once for each state of
//! the sources.
//!
//! Gives the command line of the program, or a refusal: something is missing on this machine (a skip), or the program does
//! not compile (a failure). There are three kinds of it: on the javax client, on the jakarta client (the same sources with
//! the other package name, written beside the build), and the first one's classes on an older client. Everything built lies
//! in the build directory, so a second run needs neither Maven nor a network.

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
    classes: PathBuf,
    lib: PathBuf,
}

impl Program {
    /// `java` with the program and everything it needs; arguments of the program may follow.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("java");
        // Compiling for a long run costs more than the short one takes.
        command.args(["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx512m", "-cp"]);
        let lib = self.lib.join("*");
        command.arg(format!("{}:{}", self.classes.display(), lib.display())).arg("ringmq.jms.Main");
        command
    }
}

/// The program on the javax client of its own release.
pub(crate) fn program() -> Result<Program, Refusal> {
    java()?;
    let build = directory("");
    let state = state_of(&[sources().join("src"), pom()])?;
    once(&build, &state, || {
        // What an earlier state left behind must not be found by this one.
        let _absent = std::fs::remove_dir_all(build.join("classes"));
        maven(&["package".to_owned(), property("build", &build)])
    })?;
    Ok(Program { classes: build.join("classes"), lib: build.join("lib") })
}

/// The same program on the jakarta client of the same release.
#[allow(dead_code, reason = "only the whole suite has use for it")]
pub(crate) fn jakarta() -> Result<Program, Refusal> {
    let build = directory("jakarta");
    let state = state_of(&[sources().join("src"), pom()])?;
    once(&build, &state, || {
        let _absent = std::fs::remove_dir_all(&build);
        let renamed = build.join("sources");
        rename(&sources().join("src/main/java"), &renamed).map_err(|error| broken(&renamed, &error))?;
        let client = "-Dringmq.client=artemis-jakarta-client".to_owned();
        maven(&["package".to_owned(), client, property("build", &build), property("sources", &renamed)])
    })?;
    Ok(Program { classes: build.join("classes"), lib: build.join("lib") })
}

/// The program as it was compiled, on a javax client of another release.
#[allow(dead_code, reason = "only the whole suite has use for it")]
pub(crate) fn generation(program: &Program, version: &str) -> Result<Program, Refusal> {
    let build = directory(version);
    let state = state_of(&[pom()])?;
    once(&build, &state, || {
        let _absent = std::fs::remove_dir_all(&build);
        let goal = "dependency:copy-dependencies".to_owned();
        let lib = format!("-DoutputDirectory={}", build.join("lib").display());
        maven(&[goal, format!("-Dartemis.version={version}"), "-DincludeScope=runtime".to_owned(), lib])
    })?;
    Ok(Program { classes: program.classes.clone(), lib: build.join("lib") })
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jms")
}

fn pom() -> PathBuf {
    sources().join("pom.xml")
}

fn directory(part: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("jms").join(part)
}

fn property(name: &str, value: &Path) -> String {
    format!("-Dringmq.{name}={}", value.display())
}

fn broken(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::Broken(format!("{}: {error}", path.display()))
}

/// Does the work unless it is done already for this very state of what it is made from.
fn once(build: &Path, state: &str, work: impl FnOnce() -> Result<(), Refusal>) -> Result<(), Refusal> {
    let stamp = build.join("built-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|built| built == state) {
        return Ok(());
    }
    work()?;
    std::fs::write(&stamp, state).map_err(|error| broken(&stamp, &error))
}

/// Copies Java sources, with the package of JMS renamed.
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let (path, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if path.is_dir() {
            rename(&path, &target)?;
        } else {
            std::fs::write(target, std::fs::read_to_string(&path)?.replace("javax.jms", "jakarta.jms"))?;
        }
    }
    Ok(())
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
fn maven(arguments: &[String]) -> Result<(), Refusal> {
    if output_of("mvn", "--version").is_none() {
        return Err(missing("no mvn (install Maven 3.8 or later)"));
    }
    let mut said = String::new();
    for network in [&["-o"][..], &[]] {
        let mut command = Command::new("mvn");
        command.args(["-q", "-B", "-f"]).arg(pom()).args(network).args(arguments);
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

/// A text that changes when one of these files, or a file below them, does.
fn state_of(paths: &[PathBuf]) -> Result<String, Refusal> {
    let mut hasher = DefaultHasher::new();
    let mut files = Vec::new();
    let mut open = paths.to_vec();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).map_err(|error| broken(&path, &error))?;
            open.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        } else {
            files.push(path);
        }
    }
    files.sort();
    for file in &files {
        file.hash(&mut hasher);
        std::fs::read(file).map_err(|error| broken(file, &error))?.hash(&mut hasher);
    }
    Ok(format!("{} files, {:016x}", files.len(), hasher.finish()))
}

//! The broker under test: a process of the built binary on one store, killed or stopped, and its log.
//!
//! Owns the child until it is waited for; a dropped one is killed by its own id. Gives, at the end, the lines of the log that
//! no broker should write, however it was ended.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A start replays what a few seconds wrote; the bound is for a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A stop has little left to write.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// How often a stopping process is looked at: there is no other way to wait for an exit with a bound.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Lines of the log that a finding shows.
const LINES_SHOWN: usize = 20;

/// Where and how a broker runs.
#[derive(Clone, Debug)]
pub struct Place {
    /// The binary.
    pub binary: PathBuf,
    /// A folder of its own: the store in `data`, the log in `broker.log`.
    pub directory: PathBuf,
    /// Journal lanes of the store.
    pub lanes: u16,
    /// The port; 0 takes a free one at each start.
    pub port: u16,
    /// Settings beside those of the loop, as `NAME=VALUE`.
    pub settings: Vec<String>,
}

/// A running broker.
#[derive(Debug)]
pub struct Broker {
    child: Child,
    out: Receiver<String>,
    log: PathBuf,
    log_from: u64,
    /// The port of the CORE acceptor; 0 until it listens.
    pub port: u16,
    /// From the start of the process to its ready line.
    pub ready_after: Duration,
}

impl Broker {
    /// Starts it and waits until clients can come.
    pub fn start(place: &Place) -> Result<Self, String> {
        let begun = Instant::now();
        let mut broker = Self::spawn(place)?;
        let mut port = None;
        loop {
            let left = READY_WITHIN.saturating_sub(begun.elapsed());
            match broker.out.recv_timeout(left) {
                Ok(line) if line.starts_with("ready in ") => break,
                Ok(line) => port = core_port(&line).or(port),
                Err(error) => {
                    let why = if error == RecvTimeoutError::Timeout { "was not ready in time" } else { "ended" };
                    return Err(format!("the broker {why} instead of starting\n{}", broker.end_of_log()));
                }
            }
        }
        broker.port = port.ok_or("the broker is ready and has named no port")?;
        broker.ready_after = begun.elapsed();
        Ok(broker)
    }

    /// Starts it and waits for nothing.
    pub fn spawn(place: &Place) -> Result<Self, String> {
        let in_place = |error: std::io::Error| format!("{}: {error}", place.directory.display());
        std::fs::create_dir_all(&place.directory).map_err(in_place)?;
        let log = place.directory.join("broker.log");
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(in_place)?;
        let log_from = file.metadata().map_err(in_place)?.len();
        let mut command = Command::new(&place.binary);
        command.args(["run", "--port", &place.port.to_string(), "--set", "journal-file-size=1MiB"]);
        // A small window, so that bodies are read back from the disk.
        command.args(["--set", &format!("journal-lanes={}", place.lanes), "--set", "hot-window-size=1MiB"]);
        command.arg("--data-directory").arg(place.directory.join("data"));
        command.current_dir(&place.directory).env_remove("RINGMQ_CONFIG");
        command.args(place.settings.iter().flat_map(|setting| ["--set", setting]));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let mut child =
            command.spawn().map_err(|error| format!("{} does not start: {error}", place.binary.display()))?;
        let out = lines_of(child.stdout.take());
        Ok(Self { child, out, log, log_from, port: 0, ready_after: Duration::ZERO })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, now. [`Broker::killed`] waits for the end.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Waits for the end of a killed broker; gives what its log complained of.
    pub fn killed(mut self) -> Result<Vec<String>, String> {
        self.signal(Signal::SIGKILL);
        self.child.wait().map_err(|error| format!("cannot wait for the broker: {error}"))?;
        Ok(self.complaints())
    }

    /// SIGTERM, and a wait for the end, which must be a success; gives what its log complained of.
    pub fn stopped(mut self) -> Result<Vec<String>, String> {
        self.signal(Signal::SIGTERM);
        let status = self.ended_within(STOP_WITHIN)?;
        if status.success() {
            Ok(self.complaints())
        } else {
            Err(format!("a stop ended with {status}\n{}", self.end_of_log()))
        }
    }

    /// Has it ended by itself? Then the end of its log.
    pub fn ended_early(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("the broker ended by itself with {status}\n{}", self.end_of_log()))
    }

    /// The end of its log.
    pub fn end_of_log(&self) -> String {
        let lines = self.lines();
        let from = lines.len().saturating_sub(LINES_SHOWN);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw);
        // It may have ended by itself, which shows when it is waited for.
        let _gone = pid.map(|pid| kill(pid, signal));
    }

    /// Waits for its end.
    pub(crate) fn ended_within(&mut self, within: Duration) -> Result<ExitStatus, String> {
        let begun = Instant::now();
        loop {
            if let Some(status) =
                self.child.try_wait().map_err(|error| format!("cannot wait for the broker: {error}"))?
            {
                return Ok(status);
            }
            if begun.elapsed() > within {
                return Err(format!("the broker did not end within {within:?}\n{}", self.end_of_log()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn complaints(&self) -> Vec<String> {
        self.lines().into_iter().filter(|line| is_complaint(line)).collect()
    }

    /// What it has written to its log in this life.
    fn lines(&self) -> Vec<String> {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.log_from))?;
            file.read_to_end(&mut text)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&text).lines().map(str::to_owned).collect(),
            Err(error) => vec![format!("ERROR the log cannot be read: {}: {error}", self.log.display())],
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Ended already, unless something went wrong on the way.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Errors and panics. Warnings are part of a life with crashes.
fn is_complaint(line: &str) -> bool {
    line.split_whitespace().take(3).any(|word| word == "ERROR") || line.contains("panicked at")
}

/// The port in `listen    127.0.0.1:61616 core`.
fn core_port(line: &str) -> Option<u16> {
    let mut words = line.strip_prefix("listen")?.split_whitespace();
    let (address, protocol) = (words.next()?, words.next()?);
    (protocol == "core").then(|| address.rsplit(':').next()?.parse().ok()).flatten()
}

fn lines_of(out: Option<ChildStdout>) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let all = out.into_iter().flat_map(|out| BufReader::new(out).lines().map_while(Result::ok));
        // Nobody listens any more once it is ready; it is read all the same, so that it never waits to be heard.
        all.for_each(|line| drop(sender.send(line)));
    });
    lines
}

/// Empties a store's folder before its first use.
pub(crate) fn empty(directory: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", directory.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broker_prints_is_understood() {
        assert_eq!(core_port("listen    127.0.0.1:4242 core"), Some(4242));
        assert_eq!(core_port("listen    127.0.0.1:4242 stomp"), None);
        assert!(is_complaint("2026-01-02T03:04:05Z ERROR JN301 a write failed"));
        assert!(is_complaint("thread 'core-0' panicked at src/x.rs:1:1:"));
        assert!(!is_complaint("2026-01-02T03:04:05Z WARN  SV201 anonymous clients"));
    }
}

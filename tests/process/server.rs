//! A broker that a test started: ready before the test goes on, and silent unless something is wrong.
//!
//! Takes a folder for the data and options for `ringmq run`, gives the port it listens on and two ways to end it. Whichever
//! way is taken, a line of its log at level WARN or ERROR that the test did not expect fails the test, and so does a panic.
//! Nothing of the broker is linked here: this is what a user sees.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::process::{Ended, Process, Stream, text_of};

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_ringmq");
/// A start replays at most what a test wrote; this bound is for a slow disk, not for a slow broker.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// A broker that was asked to stop has little left to write.
const STOP_WITHIN: Duration = Duration::from_secs(120);
/// What any broker may say on a test machine: it lets anonymous clients in (nothing is configured, and it listens on the loopback
/// address alone), and the machine's limits are lower than it would like.
const ALWAYS_EXPECTED: [&str; 2] = ["SV201", "SV202"];

/// Options for a store that is quickly made, with lanes enough to tell them apart.
pub(crate) const SMALL: [&str; 4] = ["--set", "journal-file-size=1MiB", "--set", "journal-lanes=2"];

/// A running broker.
pub(crate) struct Server {
    process: Process,
    /// The port of the CORE acceptor.
    pub(crate) port: u16,
    expected: Vec<String>,
}

impl Server {
    /// Starts `ringmq run` on a free port with its data in `data`.
    pub(crate) fn start(data: &Path, options: &[&str]) -> Result<Self, String> {
        Self::start_behind(&[], data, options)
    }

    /// The same behind these words, such as a command that changes the user.
    pub(crate) fn start_behind(words: &[&str], data: &Path, options: &[&str]) -> Result<Self, String> {
        let mut command = behind(words);
        command.args(["run", "--port", "0", "--data-directory"]).arg(data).args(options);
        Self::ready(&mut command, READY_WITHIN)
    }

    /// Starts `ringmq run` with small segments, as most tests want it.
    pub(crate) fn small(data: &Path, options: &[&str]) -> Result<Self, String> {
        Self::start(data, &[&SMALL, options].concat())
    }

    /// Starts any command that behaves like a broker.
    pub(crate) fn ready(command: &mut Command, within: Duration) -> Result<Self, String> {
        let process = Process::start(command)?;
        process.line(|line| line.starts_with("ready in "), "its ready line", within)?;
        let listen = process.line(|line| core_port(line).is_some(), "its listen line", within)?;
        let port = core_port(&listen).ok_or_else(|| format!("no port in `{listen}`"))?;
        Ok(Self { process, port, expected: ALWAYS_EXPECTED.map(str::to_owned).to_vec() })
    }

    /// From now on a WARN or ERROR line with this text is part of the test.
    pub(crate) fn expect_complaint(mut self, text: &str) -> Self {
        self.expected.push(text.to_owned());
        self
    }

    /// Waits until it has said this line on either stream.
    pub(crate) fn heard(&self, text: &str, within: Duration) -> Result<(), String> {
        self.process.said(text, within)
    }

    /// Waits until so many of its lines have this text.
    pub(crate) fn heard_times(&self, text: &str, times: usize, within: Duration) -> Result<(), String> {
        self.process.said_times(text, times, within)
    }

    /// The memory that it has in use now, in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64, String> {
        self.memory("VmRSS:")
    }

    /// The memory of its own that it has in use now, in bytes: without the pages of its program.
    pub(crate) fn own_bytes(&self) -> Result<u64, String> {
        self.memory("RssAnon:")
    }

    /// The memory that the kernel holds in place for it: registered buffers.
    pub(crate) fn pinned_bytes(&self) -> Result<u64, String> {
        self.memory("VmPin:")
    }

    fn memory(&self, field: &str) -> Result<u64, String> {
        let path = format!("/proc/{}/status", self.process.pid());
        let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
        let kib: u64 =
            line.split_whitespace().next().unwrap_or_default().parse().map_err(|_| format!("{path}: no {field}"))?;
        Ok(kib * 1024)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The address as a client writes it.
    pub(crate) fn url(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }

    /// Kills it without a warning (SIGKILL), as a crash would.
    pub(crate) fn kill(self) -> Result<(), String> {
        self.stop(Signal::SIGKILL).map(drop)
    }

    /// Asks it to stop (SIGTERM); it must end with success.
    pub(crate) fn terminate(self) -> Result<(), String> {
        let ended = self.stop(Signal::SIGTERM)?;
        let text = || format!("a stop ended with {}\n{}", ended.status, text_of(&ended.lines));
        if ended.status.success() { Ok(()) } else { Err(text()) }
    }

    /// Sends it a signal and goes on.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), String> {
        self.process.signal(signal)
    }

    /// Waits for the end of a stop that was asked for with [`Server::signal`], and gives what it said.
    pub(crate) fn ended(self) -> Result<Ended, String> {
        let expected = self.expected;
        quiet(self.process.end(STOP_WITHIN)?, &expected)
    }

    fn stop(self, signal: Signal) -> Result<Ended, String> {
        self.process.signal(signal)?;
        self.ended()
    }
}

/// The binary as the last word of a command line.
pub(crate) fn behind(words: &[&str]) -> Command {
    let mut words = words.iter().copied().chain([BINARY]);
    let mut command = Command::new(words.next().unwrap_or(BINARY));
    command.args(words);
    command
}

fn quiet(ended: Ended, expected: &[String]) -> Result<Ended, String> {
    let found = complaints(&ended.lines, expected);
    if found.is_empty() {
        return Ok(ended);
    }
    Err(format!("unexpected in the broker's log:\n{}\nall of it:\n{}", found.join("\n"), text_of(&ended.lines)))
}

/// The port in `listen    127.0.0.1:61616 core`.
pub(crate) fn core_port(line: &str) -> Option<u16> {
    let mut words = line.strip_prefix("listen")?.split_whitespace();
    let (address, protocol) = (words.next()?, words.next()?);
    (protocol == "core").then(|| address.rsplit(':').next()?.parse().ok()).flatten()
}

/// The lines that no quiet broker writes. The level is one of the first words of a line; a panic has its own text.
pub(crate) fn complaints(lines: &[(Stream, String)], expected: &[String]) -> Vec<String> {
    let loud = |line: &str| {
        let mut first = line.split_whitespace().take(3);
        let json = ["warn", "error"].iter().any(|level| line.contains(&format!("\"level\":\"{level}\"")));
        let text = first.any(|word| ["WARN", "ERROR"].contains(&word.trim_matches([':', '[', ']'])));
        text || json || line.contains("panicked at")
    };
    let known = |line: &str| expected.iter().any(|text| line.contains(text));
    lines.iter().map(|(_, line)| line).filter(|line| loud(line) && !known(line)).cloned().collect()
}

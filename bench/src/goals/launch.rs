//! A broker whose start is timed: the process, the lines that it prints, and its end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::peers::wire::raw::Client;
use crate::targets::{Place, RingMq};

/// A program that does nothing.
const BARE: &str = "/bin/true";

/// What the start of a program takes that does nothing.
pub(super) fn bare() -> Result<Duration, String> {
    let begun = Instant::now();
    let status = Command::new(BARE).status().map_err(|error| format!("{BARE} does not start: {error}"))?;
    if status.success() { Ok(begun.elapsed()) } else { Err(format!("{BARE} ended with {status}")) }
}

/// What a start read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Recovered {
    /// Records that count.
    pub(super) records: u64,
    /// Bytes of the lanes from where they had to be read.
    pub(super) bytes: u64,
    /// What it took.
    pub(super) seconds: f64,
}

/// A running broker, ended whatever happens.
#[derive(Debug)]
pub(super) struct Launched {
    child: Child,
    pub(super) port: u16,
    pub(super) recovered: Recovered,
    begun: Instant,
    /// From its start to its last line.
    pub(super) ready: Duration,
}

impl Launched {
    /// Starts it on the store of the place and waits until it is ready.
    ///
    /// # Errors
    ///
    /// It does not start; its log says why.
    pub(super) fn start(target: &RingMq, place: &Place) -> Result<Self, String> {
        let mut command = target.command(place)?;
        command.stdout(Stdio::piped());
        let begun = Instant::now();
        let child = command.spawn().map_err(|error| format!("{} does not start: {error}", target.binary.display()))?;
        let mut launched = Self { child, port: 0, recovered: Recovered::default(), begun, ready: Duration::ZERO };
        launched.wait().map_err(|why| format!("{why}; its log is in {}", place.directory.display()))?;
        Ok(launched)
    }

    fn wait(&mut self) -> Result<(), String> {
        // It says nothing more on this stream until it is told to stop, so that the pipe never fills.
        let lines = self.child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines());
        for line in lines.map_while(Result::ok) {
            if let Some(address) = line.strip_prefix("listen").and_then(|line| line.split_whitespace().next()) {
                self.port = address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
            }
            if let Some(found) = recovered(&line) {
                self.recovered = found;
            }
            if line.starts_with("ready in ") {
                self.ready = self.begun.elapsed();
                return if self.port > 0 { Ok(()) } else { Err("the broker named no port".to_owned()) };
            }
        }
        Err("the broker ended before it was ready".to_owned())
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// From its start to the ack of a durable message to this queue.
    pub(super) fn acked(&self, queue: &str) -> Result<Duration, String> {
        let mut client = Client::begin(self.port)?;
        client.opened()?;
        client.send(queue)?;
        Ok(self.begun.elapsed())
    }

    /// SIGTERM, and a wait for the end, which must be a success.
    pub(super) fn stop(mut self) -> Result<(), String> {
        let status = self.end(Signal::SIGTERM)?;
        if status.success() { Ok(()) } else { Err(format!("a stop ended with {status}")) }
    }

    /// SIGKILL, and a wait for the end.
    pub(super) fn kill(mut self) -> Result<(), String> {
        self.end(Signal::SIGKILL).map(drop)
    }

    fn end(&mut self, signal: Signal) -> Result<std::process::ExitStatus, String> {
        let pid = i32::try_from(self.child.id()).map_err(|error| error.to_string())?;
        kill(Pid::from_raw(pid), signal).map_err(|error| error.to_string())?;
        self.child.wait().map_err(|error| error.to_string())
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        // Ended already, unless something went wrong on the way.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The figures in `recovery  12 records  13 files  20480 bytes  in 0.034 s`.
fn recovered(line: &str) -> Option<Recovered> {
    let words: Vec<&str> = line.strip_prefix("recovery")?.split_whitespace().collect();
    match words.as_slice() {
        [records, "records", _, "files", bytes, "bytes", "in", seconds, "s"] => Some(Recovered {
            records: records.parse().ok()?,
            bytes: bytes.parse().ok()?,
            seconds: seconds.parse().ok()?,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_start_read_is_found() {
        let found = recovered("recovery  12 records  13 files  20480 bytes  in 0.034 s");
        assert_eq!(found, Some(Recovered { records: 12, bytes: 20_480, seconds: 0.034 }));
        assert_eq!(recovered("storage   d/journal  ext4"), None);
        assert_eq!(recovered("recovery  none"), None);
    }
}

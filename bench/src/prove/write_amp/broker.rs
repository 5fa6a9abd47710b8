//! The broker on the counted device: its store lies there, its log elsewhere.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running broker.
#[derive(Debug)]
pub(super) struct Broker {
    child: Child,
    log: PathBuf,
    pub(super) port: u16,
}

impl Broker {
    /// Starts it with one journal lane and waits until clients can come.
    pub(super) fn start(binary: &Path, data: &Path, log: &Path, settings: &[String]) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", log.display());
        let mut command = Command::new(binary);
        command.args(["run", "--port", "0", "--set", "journal-lanes=1", "--data-directory"]).arg(data);
        command.args(settings.iter().flat_map(|setting| ["--set", setting])).env_remove("RINGMQ_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log).map_err(failed)?);
        let child = command.spawn().map_err(|error| format!("{} does not start: {error}", binary.display()))?;
        let mut broker = Self { child, log: log.to_owned(), port: 0 };
        let out = broker.child.stdout.take().into_iter();
        // It says nothing more on this stream until it is told to stop, so that the pipe never fills.
        for line in out.flat_map(|out| BufReader::new(out).lines().map_while(Result::ok)) {
            if let Some(address) = line.strip_prefix("listen").and_then(|line| line.split_whitespace().next()) {
                broker.port = address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
            }
            if line.starts_with("ready in ") {
                return if broker.port > 0 { Ok(broker) } else { Err("the broker named no port".to_owned()) };
            }
        }
        Err(format!("the broker ended before it was ready\n{}", broker.said()))
    }

    /// SIGTERM, and a wait for the end, which must be a success. Gives its log.
    pub(super) fn stop(mut self) -> Result<String, String> {
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw).map_err(|error| error.to_string())?;
        kill(pid, Signal::SIGTERM).map_err(|error| format!("the broker cannot be stopped: {error}"))?;
        let status = self.child.wait().map_err(|error| format!("cannot wait for the broker: {error}"))?;
        let said = self.said();
        if status.success() { Ok(said) } else { Err(format!("a stop ended with {status}\n{said}")) }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Ended already, unless something went wrong on the way.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

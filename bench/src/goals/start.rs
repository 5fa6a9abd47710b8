//! P26: from the start of the process to the first durable ack, on a store that is there, beyond the start of a bare program in the same
//! round. The creation of the store is reported apart.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::client::Client;
use super::verdict::{Bound, Verdict};
use crate::targets::{Place, RingMq, Target};

/// A program that does nothing.
const BARE: &str = "/bin/true";

/// What one start took.
#[derive(Clone, Copy, Debug)]
struct Start {
    ready: Duration,
    acked: Duration,
}

/// Judges so many starts after orderly stops.
///
/// # Errors
///
/// The broker does not start or does not answer.
pub fn judge(target: &RingMq, place: &Place, rounds: u32) -> Result<Vec<Verdict>, String> {
    let created = Instant::now();
    let running = target.start(place)?;
    let created = created.elapsed();
    running.stop()?;
    let (mut beyond, mut ready, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let control = bare_start()?;
        let start = start(target, place)?;
        beyond.push(milliseconds(start.acked.saturating_sub(control)));
        ready.push(milliseconds(start.ready));
        bare.push(milliseconds(control));
    }
    let (beyond, ready, bare) = (sorted(beyond), sorted(ready), sorted(bare));
    let median = |all: &[f64]| all.get(all.len() / 2).copied().unwrap_or(f64::NAN);
    let least = beyond.first().copied().unwrap_or(f64::NAN);
    Ok(vec![Verdict {
        id: "P26".to_owned(),
        what: "start to the first durable ack beyond a bare program".to_owned(),
        value: median(&beyond),
        unit: "ms".to_owned(),
        limit: Some(median(&bare)),
        // Judged by itself: what is beyond the control is what is meant.
        ratio: median(&beyond),
        gate: Bound::AtMost(50.0),
        moonshot: Some(Bound::AtMost(15.0)),
        note: format!(
            "n = {rounds}, least {least:.1} ms, ready line after {:.1} ms; creation of the store and its queue: {:.0} ms",
            median(&ready),
            milliseconds(created)
        ),
    }])
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn sorted(mut all: Vec<f64>) -> Vec<f64> {
    all.sort_by(f64::total_cmp);
    all
}

fn bare_start() -> Result<Duration, String> {
    let begun = Instant::now();
    let status = Command::new(BARE).status().map_err(|error| format!("{BARE} does not start: {error}"))?;
    if status.success() { Ok(begun.elapsed()) } else { Err(format!("{BARE} ended with {status}")) }
}

fn start(target: &RingMq, place: &Place) -> Result<Start, String> {
    let (store, log) = (place.directory.join("data"), place.directory.join("start.log"));
    let file = OpenOptions::new().create(true).append(true).open(&log);
    let file = file.map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command = Command::new(&target.binary);
    command.args(["run", "--port", "0", "--data-directory"]).arg(store);
    command.args(place.settings.iter().flat_map(|setting| ["--set", setting]));
    command.current_dir(&place.directory).env_remove("RINGMQ_CONFIG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
    let begun = Instant::now();
    let child = command.spawn().map_err(|error| format!("{} does not start: {error}", target.binary.display()))?;
    let mut broker = Broker(child);
    let port = broker.ready(&log)?;
    let ready = begun.elapsed();
    let mut client = Client::begin(port)?;
    client.opened()?;
    client.send(&place.queue)?;
    let acked = begun.elapsed();
    drop(client);
    broker.stop()?;
    Ok(Start { ready, acked })
}

/// A broker that is ended whatever happens.
struct Broker(Child);

impl Broker {
    fn ready(&mut self, log: &Path) -> Result<u16, String> {
        let mut port = None;
        let lines = self.0.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines());
        for line in lines.map_while(Result::ok) {
            if let Some(address) = line.strip_prefix("listen").and_then(|line| line.split_whitespace().next()) {
                port = address.rsplit(':').next().and_then(|port| port.parse().ok());
            }
            if line.starts_with("ready in ") {
                return port.ok_or_else(|| "the broker named no port".to_owned());
            }
        }
        Err(format!("the broker ended before it was ready; its log is {}", log.display()))
    }

    fn stop(mut self) -> Result<(), String> {
        let pid = i32::try_from(self.0.id()).map_err(|error| error.to_string())?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).map_err(|error| error.to_string())?;
        let status = self.0.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("a stop ended with {status}")) }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Ended already, unless something went wrong on the way.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

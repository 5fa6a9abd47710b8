//! RingMQ itself: the built binary with its defaults, on a store in the place.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};

use super::running::{Running, Way};
use super::{Place, Protocol, Target};
use crate::floor;
use crate::result::schema::Durability;

/// The exit code of `ringmq queue create` for a queue that a store from before has.
const THERE_ALREADY: i32 = 7;

/// The built broker.
#[derive(Clone, Debug)]
pub struct RingMq {
    /// The binary.
    pub binary: PathBuf,
}

impl RingMq {
    /// The binary beside this program, as one build makes both.
    pub fn beside() -> Self {
        let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("ringmq")));
        Self { binary: beside.unwrap_or_else(|| PathBuf::from("ringmq")) }
    }

    /// The same, built from the sources as they are now if this program was started by `cargo run`: that builds this program alone, and a
    /// broker that is missing or older must not be measured.
    ///
    /// # Errors
    ///
    /// It does not build.
    pub fn built() -> Result<Self, String> {
        let beside = Self::beside();
        let Some(cargo) = std::env::var_os("CARGO") else { return Ok(beside) };
        let mut command = Command::new(cargo);
        // The packages of both programs: others would want other features of what both are made of, and all of it would be built again.
        command.args(["build", "--package", "ringmq", "--package", "ringmq-bench", "--bin", "ringmq"]);
        command.stdin(Stdio::null());
        if beside.binary.parent().is_some_and(|folder| folder.ends_with("release")) {
            command.arg("--release");
        }
        let top = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let status = command.current_dir(top).status().map_err(|error| format!("cargo does not start: {error}"))?;
        if status.success() {
            Ok(beside)
        } else {
            Err("the broker does not build; what cargo says stands above".to_owned())
        }
    }
}

impl Target for RingMq {
    fn name(&self) -> &'static str {
        "ringmq"
    }

    fn version(&self) -> Result<String, String> {
        let output = Command::new(&self.binary).arg("--version").output().map_err(|error| self.missing(&error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.split_whitespace().nth(1).unwrap_or("unknown").to_owned())
    }

    fn durability(&self) -> Durability {
        Durability::Local
    }

    fn protocol(&self) -> Protocol {
        Protocol::Core
    }

    fn start(&self, place: &Place) -> Result<Running, String> {
        let mut child = self.command(place)?.stdout(Stdio::piped()).spawn().map_err(|error| self.missing(&error))?;
        let said = child.stdout.take().and_then(said_when_ready);
        // Owned from here on: whatever fails ends the process.
        let port = said.as_ref().map_or(0, |said| said.port);
        let running = Running::new(child, way(place, port)).with_sync(said.as_ref().and_then(|said| said.sync));
        if said.is_none() {
            return Err(format!("the broker ended before it was ready; its log is {}", running.way().log.display()));
        }
        self.create_queue(running.port(), &place.queue)?;
        Ok(running)
    }

    fn launch(&self, place: &Place) -> Result<Running, String> {
        let child = self.command(place)?.stdout(Stdio::null()).spawn().map_err(|error| self.missing(&error))?;
        Ok(Running::new(child, way(place, place.port)))
    }
}

impl RingMq {
    /// What runs it on the store of a place, which is made if need be; where its lines go is still to be said.
    ///
    /// # Errors
    ///
    /// The place cannot be written to.
    pub fn command(&self, place: &Place) -> Result<Command, String> {
        let in_place = |error: std::io::Error| format!("{}: {error}", place.directory.display());
        std::fs::create_dir_all(&place.directory).map_err(in_place)?;
        let Way { store, log, .. } = way(place, place.port);
        let file = OpenOptions::new().create(true).append(true).open(log).map_err(in_place)?;
        let mut command = Command::new(&self.binary);
        command.args(["run", "--port", &place.port.to_string(), "--data-directory"]).arg(store);
        command.args(place.settings.iter().flat_map(|setting| ["--set", setting]));
        command.current_dir(&place.directory).env_remove("RINGMQ_CONFIG");
        command.stdin(Stdio::null()).stderr(file);
        Ok(command)
    }

    fn missing(&self, error: &std::io::Error) -> String {
        format!("{} does not start: {error} (build it: cargo build --release)", self.binary.display())
    }

    /// By the product's own command, which is what a user would type.
    fn create_queue(&self, port: u16, queue: &str) -> Result<(), String> {
        let mut command = Command::new(&self.binary);
        command.args(["queue", "create", "--url", &format!("tcp://127.0.0.1:{port}"), "--name", queue]);
        let output = command.stdin(Stdio::null()).output().map_err(|error| self.missing(&error))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let is_there = output.status.success() || output.status.code() == Some(THERE_ALREADY);
        if is_there { Ok(()) } else { Err(format!("queue {queue} cannot be made: {}", said.trim())) }
    }
}

/// Where a broker on this place is found.
fn way(place: &Place, port: u16) -> Way {
    Way { port, store: place.directory.join("data"), log: place.directory.join("ringmq.log") }
}

/// What a start says.
#[derive(Clone, Copy, Debug)]
struct Said {
    port: u16,
    sync: Option<floor::Durability>,
}

/// Reads what RingMQ prints until it is ready; a thread goes on reading, so that it never waits to be heard.
fn said_when_ready(out: ChildStdout) -> Option<Said> {
    let mut lines = BufReader::new(out).lines().map_while(Result::ok);
    let (mut port, mut sync) = (None, None);
    for line in lines.by_ref() {
        if line.starts_with("ready in ") {
            std::thread::spawn(move || lines.for_each(drop));
            return port.map(|port| Said { port, sync });
        }
        port = core_port(&line).or(port);
        sync = sync_of(&line).or(sync);
    }
    None
}

/// How the store syncs, in `storage   DIR  ext4 on vda  dsync 202 µs p50, 480 µs p99  ...`.
fn sync_of(line: &str) -> Option<floor::Durability> {
    let words: Vec<&str> = line.strip_prefix("storage ")?.split_whitespace().collect();
    // The folder may have words of its own.
    words.windows(3).rev().find_map(|words| match words {
        ["dsync", _, "µs"] => Some(floor::Durability::Dsync),
        ["fdatasync", _, "µs"] => Some(floor::Durability::Fdatasync),
        _ => None,
    })
}

/// The port in `listen    127.0.0.1:61616 core`.
fn core_port(line: &str) -> Option<u16> {
    let mut words = line.strip_prefix("listen")?.split_whitespace();
    let (address, protocol) = (words.next()?, words.next()?);
    (protocol == "core").then(|| address.rsplit(':').next()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_in_what_it_prints() {
        assert_eq!(core_port("listen    127.0.0.1:4242 core"), Some(4242));
        assert_eq!(core_port("listen    127.0.0.1:4242 tls"), None);
    }

    #[test]
    fn the_way_of_syncing_is_found_in_what_it_prints() {
        let line = "storage   /a dsync 1/journal  ext4 on vda  fdatasync 5408 µs p50, 8216 µs p99  1 journal lane";
        assert_eq!(sync_of(line), Some(floor::Durability::Fdatasync));
        assert_eq!(sync_of("storage   d/journal  tmpfs  dsync 9 µs p50, 10 µs p99"), Some(floor::Durability::Dsync));
        assert_eq!(sync_of("listen    127.0.0.1:4242 core"), None);
    }

    #[test]
    fn a_missing_binary_says_how_to_get_it() {
        let error = RingMq { binary: PathBuf::from("nowhere/ringmq") }.version().unwrap_err();
        assert!(error.contains("nowhere/ringmq") && error.contains("cargo build --release"), "{error}");
    }
}

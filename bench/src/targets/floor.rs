//! The floor broker as a target: this program itself, as `bench floor`, in a process of its own.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::running::{Running, Way};
use super::{Place, Protocol, Target};
use crate::result::schema::Durability;

/// The setting of a place that names how it syncs.
pub const SYNC: &str = "sync=";

/// The floor broker.
#[derive(Clone, Debug)]
pub struct FloorBroker {
    /// The program `bench`.
    pub program: PathBuf,
    /// What is spoken with it: it knows CORE and NATS.
    pub protocol: Protocol,
    /// MiB of its file, which it fills at its start.
    pub file_mib: u64,
}

impl FloorBroker {
    /// From this program.
    ///
    /// # Errors
    ///
    /// The kernel does not say which program this is.
    pub fn own(protocol: Protocol, file_mib: u64) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
        Ok(Self { program, protocol, file_mib })
    }
}

impl Target for FloorBroker {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn version(&self) -> Result<String, String> {
        Ok(env!("CARGO_PKG_VERSION").to_owned())
    }

    fn durability(&self) -> Durability {
        Durability::Local
    }

    fn is_control(&self) -> bool {
        true
    }

    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn start(&self, place: &Place) -> Result<Running, String> {
        let in_place = |error: std::io::Error| format!("{}: {error}", place.directory.display());
        std::fs::create_dir_all(&place.directory).map_err(in_place)?;
        let (store, log) = (place.directory.join("data"), place.directory.join("floor.log"));
        std::fs::create_dir_all(&store).map_err(in_place)?;
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(in_place)?;
        let mut command = Command::new(&self.program);
        command.args(["floor", "--port", &place.port.to_string(), "--file-size", &self.file_mib.to_string()]);
        command.arg("--directory").arg(&store);
        // Its only setting. Without it the floor broker measures the disk itself.
        if let Some(sync) = place.settings.iter().find_map(|setting| setting.strip_prefix(SYNC)) {
            command.args(["--sync", sync]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let mut child =
            command.spawn().map_err(|error| format!("{} does not start: {error}", self.program.display()))?;
        let out = child.stdout.take();
        // Owned from here on: whatever fails ends the process.
        let mut lines = out.into_iter().flat_map(|out| BufReader::new(out).lines().map_while(Result::ok));
        let port = lines.find_map(|line| port_of(&line));
        let running = Running::new(child, Way { port: port.unwrap_or(0), store, log });
        if port.is_none() {
            return Err(format!(
                "the floor broker ended before it listened; its log is {}",
                running.way().log.display()
            ));
        }
        std::thread::spawn(move || lines.for_each(drop));
        Ok(running)
    }
}

/// The port in `listening on 127.0.0.1:4242 for nats and core: ...`.
fn port_of(line: &str) -> Option<u16> {
    let address = line.strip_prefix("listening on ")?.split_whitespace().next()?;
    address.rsplit(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_in_what_it_prints() {
        assert_eq!(port_of("listening on 127.0.0.1:4242 for nats and core: durable"), Some(4242));
        assert_eq!(port_of("filling floor.dat"), None);
    }
}

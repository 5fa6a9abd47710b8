//! NATS with JetStream: from the Go module proxy, a stream on files, synced before each ack.
//!
//! Without `sync_interval: always` it acks from memory and syncs every two minutes.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::fetch::{self, Told};
use super::recipe::{Recipe, Settings, write};
use super::wire::nats::Nats as Client;
use crate::targets::{Place, Protocol};

/// The release that is measured; the first ones have no `sync_interval`.
const VERSION: &str = "v2.15.0";
const MODULE: &str = "github.com/nats-io/nats-server/v2";

#[derive(Debug)]
pub(super) struct Nats;

impl Recipe for Nats {
    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    fn install(&self, home: &Path, told: Told<'_>) -> Result<(), String> {
        let advice = "Go is needed, and a way to its module proxy (Debian: golang-go; or https://go.dev/dl)";
        let mut command = Command::new("go");
        command.arg("install").arg(format!("{MODULE}@{VERSION}"));
        // `go install` puts the program of another platform elsewhere: this is for the machine that it runs on.
        command.env("GOBIN", home.join("bin")).env_remove("GOOS").env_remove("GOARCH").current_dir(home);
        fetch::run("fetching and building nats-server", &mut command, &home.join("install.log"), advice, told)
    }

    fn version(&self, home: &Path) -> Result<String, String> {
        let program = program(home);
        let output = Command::new(&program).arg("--version").output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_whitespace().last().map(|word| word.trim_start_matches('v').to_owned());
        version.ok_or_else(|| format!("{} says no version", program.display()))
    }

    fn settings(&self, _home: &Path) -> Settings {
        Settings::new(&[("sync_interval", "always"), ("storage", "file"), ("num_replicas", "1")])
    }

    fn prepare(&self, _home: &Path, place: &Place, settings: &Settings) -> Result<(), String> {
        write(&configuration(place), &render(place, settings.get("sync_interval")))
    }

    fn command(&self, home: &Path, place: &Place) -> Command {
        let mut command = Command::new(program(home));
        command.arg("--config").arg(configuration(place));
        command
    }

    fn probe(&self, port: u16, queue: &str) -> Result<(), String> {
        Client::connect(port)?.make_stream(&stream(queue), &[queue.to_owned()])
    }
}

/// The name of a queue's stream: letters and digits of it.
fn stream(queue: &str) -> String {
    queue.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn program(home: &Path) -> PathBuf {
    home.join("bin/nats-server")
}

fn configuration(place: &Place) -> PathBuf {
    place.directory.join("nats.conf")
}

/// `default` leaves the interval at what the server has without this line.
fn render(place: &Place, sync_interval: &str) -> String {
    let sync = if sync_interval == "default" { String::new() } else { format!("  sync_interval: {sync_interval}\n") };
    format!(
        "host: \"127.0.0.1\"\nport: {}\nserver_name: \"ringmq-bench\"\n# Bodies of 10 MiB are measured.\nmax_payload: 16MB\n\
         jetstream {{\n  store_dir: \"{}\"\n{sync}}}\n",
        place.port,
        place.directory.join("data").display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_syncs_always_unless_it_is_told_otherwise() {
        let place = Place { directory: PathBuf::from("/x"), port: 4222, queue: "q".to_owned(), settings: Vec::new() };
        let settings = Nats.settings(Path::new("/home"));
        let text = render(&place, settings.get("sync_interval"));
        assert!(text.contains("jetstream {\n  store_dir: \"/x/data\"\n  sync_interval: always\n}"), "{text}");
        assert!(text.contains("host: \"127.0.0.1\"\nport: 4222\n"), "loopback only: {text}");
        assert!(!render(&place, "default").contains("sync_interval"));
    }

    #[test]
    fn a_stream_has_no_dots_in_its_name() {
        assert_eq!(stream("bench.queue.0"), "benchqueue0");
    }
}

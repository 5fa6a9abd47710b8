//! Apache Artemis: its distribution from Maven Central, an instance as it creates one itself, with the durable settings put in.
//!
//! The journal's flush period is tuned once, when it is installed, and kept for every instance: each `create` would measure the disk anew,
//! and what it finds beside other work is many times too long. The shortest of several is what suits it best.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::broker_xml;
use super::fetch::{self, Told};
use super::libaio::{self, Found};
use super::recipe::{Recipe, Settings, write};
use super::wire::core::Core;
use crate::targets::{Place, Protocol};

/// The release that is measured.
const VERSION: &str = "2.44.0";
/// How often the journal is tuned at an installation.
const TUNED: usize = 3;
/// Flush periods above this come from a busy machine, in nanoseconds: a device without a cache of its own may be that slow, too.
const PERIOD_DOUBTED_NS: u64 = 1_000_000;
/// The values that stand in `broker.xml` as elements of the same name.
const ELEMENTS: [&str; 8] = [
    "journal-type",
    "journal-datasync",
    "journal-sync-transactional",
    "journal-sync-non-transactional",
    "journal-min-files",
    "journal-pool-files",
    "journal-buffer-timeout",
    "security-enabled",
];

#[derive(Debug)]
pub(super) struct Artemis;

impl Recipe for Artemis {
    fn protocol(&self) -> Protocol {
        Protocol::Core
    }

    fn install(&self, home: &Path, told: Told<'_>) -> Result<(), String> {
        if !fetch::is_there("java") {
            return Err(
                "java is missing: install a Java runtime of release 17 or later (Debian: openjdk-17-jre-headless)"
                    .to_owned(),
            );
        }
        if !distribution(home).join("bin/artemis").is_file() {
            fetch_archive(home, "org.apache.activemq:apache-artemis", VERSION, "apache-artemis", told)?;
        }
        if libaio::find(home) == Found::Missing
            && let Err(error) = libaio::fetch(home, told)
        {
            told(&format!("no libaio, so that the journal will use NIO: {error}."));
        }
        tune(home, told)
    }

    fn version(&self, home: &Path) -> Result<String, String> {
        let program = distribution(home).join("bin/artemis");
        let is_there = program.is_file() && home.join("tuned").is_file();
        if is_there { Ok(VERSION.to_owned()) } else { Err(format!("{} is not there", program.display())) }
    }

    fn settings(&self, home: &Path) -> Settings {
        let journal = if libaio::find(home) == Found::Missing { "NIO" } else { "ASYNCIO" };
        let period = tuned(home).map_or_else(|| "0".to_owned(), |period| period.to_string());
        Settings::new(&[
            ("journal-type", journal),
            ("journal-datasync", "true"),
            ("journal-sync-transactional", "true"),
            ("journal-sync-non-transactional", "true"),
            ("journal-min-files", "20"),
            ("journal-pool-files", "20"),
            ("journal-buffer-timeout", &period),
            ("security-enabled", "false"),
            ("java-memory", "2G"),
        ])
    }

    fn prepare(&self, home: &Path, place: &Place, settings: &Settings) -> Result<(), String> {
        let instance = instance(place);
        let file = instance.join("etc/broker.xml");
        if !file.is_file() {
            create(home, place, settings)?;
        }
        let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        let mut text = broker_xml::with_port(&read(&file)?, place.port)?;
        for name in ELEMENTS {
            text = broker_xml::with_element(&text, name, settings.get(name))?;
        }
        write(&file, &broker_xml::with_queue(&text, &place.queue)?)?;
        let profile = instance.join("etc/artemis.profile");
        write(&profile, &with_memory(&read(&profile)?, settings.get("java-memory")))
    }

    fn command(&self, home: &Path, place: &Place) -> Command {
        let mut command = Command::new(instance(place).join("bin/artemis"));
        command.arg("run");
        with_library(&mut command, home);
        command
    }

    fn store(&self, place: &Place) -> PathBuf {
        instance(place).join("data")
    }

    fn probe(&self, port: u16, queue: &str) -> Result<(), String> {
        let core = Core::connect(port)?;
        core.make_queue(queue)?;
        // A send to an address without a queue would be acked and dropped.
        core.depth(queue).map(drop)
    }
}

/// Fetches `GROUP:ARTIFACT:VERSION:tar.gz:bin` and unpacks it.
pub(super) fn fetch_archive(
    home: &Path,
    artifact: &str,
    version: &str,
    name: &str,
    told: Told<'_>,
) -> Result<(), String> {
    let advice = "Maven is needed, and a way to Maven Central (Debian: maven)";
    let mut command = Command::new("mvn");
    command.args(["-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:copy"]);
    command.arg(format!("-Dartifact={artifact}:{version}:tar.gz:bin")).current_dir(home);
    command.arg(format!("-DoutputDirectory={}", home.display()));
    fetch::run(&format!("fetching {name} {version}"), &mut command, &home.join("fetch.log"), advice, told)?;
    let archive = home.join(format!("{name}-{version}-bin.tar.gz"));
    let mut command = Command::new("tar");
    command.arg("-xzf").arg(&archive).arg("-C").arg(home);
    fetch::run(&format!("unpacking {name}"), &mut command, &home.join("unpack.log"), "tar is needed", told)?;
    // The archive is not needed again; if it stays it costs room only.
    let _left = std::fs::remove_file(archive);
    Ok(())
}

fn distribution(home: &Path) -> PathBuf {
    home.join(format!("apache-artemis-{VERSION}"))
}

fn instance(place: &Place) -> PathBuf {
    place.directory.join("instance")
}

/// The flush period that was found, in nanoseconds.
fn tuned(home: &Path) -> Option<u64> {
    std::fs::read_to_string(home.join("tuned")).ok()?.trim().parse().ok()
}

/// Has Artemis measure the disk under the home, several times, and keeps the shortest period.
fn tune(home: &Path, told: Told<'_>) -> Result<(), String> {
    let folder = home.join("tuning");
    let mut best = None;
    for nth in 1..=TUNED {
        remove(&folder)?;
        let mut command = create_command(home, &folder);
        let what = format!("tuning the journal to this disk, {nth} of {TUNED}");
        fetch::run(&what, &mut command, &home.join("tuning.log"), "see what it says", told)?;
        let file = folder.join("etc/broker.xml");
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let period = broker_xml::element(&text, "journal-buffer-timeout").and_then(|value| value.parse::<u64>().ok());
        let period = period.ok_or_else(|| format!("{} has no journal-buffer-timeout", file.display()))?;
        best = best.into_iter().chain([period]).min();
    }
    remove(&folder)?;
    let best = best.unwrap_or(0);
    if best > PERIOD_DOUBTED_NS {
        told(&format!(
            "the journal will be flushed every {} us, as Artemis found; if the machine is busy now, run this again when it is not.",
            best / 1000
        ));
    }
    write(&home.join("tuned"), &format!("{best}\n"))
}

fn remove(folder: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", folder.display())),
        _ => Ok(()),
    }
}

/// `artemis create` as a person would call it for a broker on loopback that keeps what it acks.
fn create_command(home: &Path, folder: &Path) -> Command {
    let mut command = Command::new(distribution(home).join("bin/artemis"));
    command.arg("create").arg(folder).args(["--name", "peer", "--user", "admin", "--password", "admin"]);
    command.args(["--allow-anonymous", "--silent", "--no-web", "--host", "127.0.0.1"]);
    command.args(["--no-hornetq-acceptor", "--no-mqtt-acceptor", "--no-amqp-acceptor", "--no-stomp-acceptor"]);
    command.arg(if libaio::find(home) == Found::Missing { "--nio" } else { "--aio" });
    with_library(&mut command, home);
    command
}

fn create(home: &Path, place: &Place, settings: &Settings) -> Result<(), String> {
    let mut command = create_command(home, &instance(place));
    command.args(["--no-autotune", "--default-port", &place.port.to_string()]);
    command.args(["--java-memory", settings.get("java-memory")]);
    fetch::run(
        "creating an instance",
        &mut command,
        &place.directory.join("create.log"),
        "see what it says",
        &mut |_| {},
    )
}

fn with_library(command: &mut Command, home: &Path) {
    if let Found::Unpacked(folder) = libaio::find(home) {
        command.env("LD_LIBRARY_PATH", folder);
    }
}

/// The heap has its full size from the start: one that grows under load would be measured too.
fn with_memory(profile: &str, memory: &str) -> String {
    let with = |word: &str| match word.strip_prefix("-Xms").or_else(|| word.strip_prefix("-Xmx")) {
        Some(_) => format!("{}{memory}", word.get(..4).unwrap_or_default()),
        None => word.to_owned(),
    };
    let line = |line: &str| match line.contains("-Xmx") {
        true => line.split(' ').map(with).collect::<Vec<_>>().join(" "),
        false => line.to_owned(),
    };
    profile.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_has_one_size() {
        let profile = "# -Xms\nJAVA_ARGS=\"-XX:+UseG1GC -Xms512M -Xmx1G -Dx=y \"\nfi\n";
        let expected = "# -Xms\nJAVA_ARGS=\"-XX:+UseG1GC -Xms2G -Xmx2G -Dx=y \"\nfi\n";
        assert_eq!(with_memory(profile, "2G"), expected);
    }

    #[test]
    fn an_empty_home_is_not_installed() {
        let error = Artemis.version(Path::new("/nowhere")).unwrap_err();
        assert!(error.contains("apache-artemis-2.44.0/bin/artemis"), "{error}");
        let settings = Artemis.settings(Path::new("/nowhere"));
        assert_eq!(settings.get("journal-datasync"), "true");
        assert!(ELEMENTS.iter().all(|name| !settings.get(name).is_empty()), "{settings}");
    }
}

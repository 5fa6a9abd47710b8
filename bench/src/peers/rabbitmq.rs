//! RabbitMQ: Debian's packages, unpacked into the home, a quorum queue with one member, STOMP with receipts (publisher confirms).
//!
//! The packages are not installed, so that no root is needed and no service begins. Erlang's port mapper is started beside the broker, on
//! loopback and under a port of its own, and goes with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::fetch::{self, Told};
use super::libaio::unpack;
use super::recipe::{Recipe, Settings, write};
use super::wire::stomp::Stomp;
use crate::targets::free_port;
use crate::targets::{Place, Protocol};

/// What the broker needs of its distribution, and nothing of a machine's own.
const PACKAGES: [&str; 20] = [
    "rabbitmq-server",
    "erlang-base",
    "erlang-asn1",
    "erlang-crypto",
    "erlang-eldap",
    "erlang-ftp",
    "erlang-inets",
    "erlang-mnesia",
    "erlang-os-mon",
    "erlang-parsetools",
    "erlang-public-key",
    "erlang-runtime-tools",
    "erlang-snmp",
    "erlang-ssl",
    "erlang-syntax-tools",
    "erlang-tftp",
    "erlang-tools",
    "erlang-xmerl",
    "libwrap0",
    "socat",
];
/// Where Debian's Erlang thinks that it lies.
const ERLANG: &str = "/usr/lib/erlang";

#[derive(Debug)]
pub(super) struct RabbitMq;

impl Recipe for RabbitMq {
    fn protocol(&self) -> Protocol {
        Protocol::Stomp
    }

    fn destination(&self, queue: &str) -> String {
        // A queue that is there; `/queue/` would declare a classic one.
        format!("/amq/queue/{queue}")
    }

    fn install(&self, home: &Path, told: Told<'_>) -> Result<(), String> {
        let advice = "Debian or Ubuntu with its package lists is needed (apt-get update)";
        let mut command = Command::new("apt-get");
        command.arg("download").args(PACKAGES).current_dir(home);
        fetch::run("fetching RabbitMQ and Erlang", &mut command, &home.join("fetch.log"), advice, told)?;
        unpack(home, &home.join("unpacked"), told)?;
        relocate(&erlang(home))?;
        packages(home).iter().for_each(|package| drop(std::fs::remove_file(package)));
        Ok(())
    }

    fn version(&self, home: &Path) -> Result<String, String> {
        let scripts = scripts(home).ok_or_else(|| format!("{} has no RabbitMQ", home.display()))?;
        let version = scripts.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let version = version.and_then(|name| name.strip_prefix("rabbitmq_server-").map(str::to_owned));
        version.ok_or_else(|| format!("{} is no RabbitMQ", scripts.display()))
    }

    fn settings(&self, _home: &Path) -> Settings {
        Settings::new(&[("x-queue-type", "quorum"), ("durable", "true")])
    }

    fn prepare(&self, home: &Path, place: &Place, settings: &Settings) -> Result<(), String> {
        let directory = &place.directory;
        let (distribution, mapper) = (free_port()?, free_port()?);
        write(&directory.join("rabbitmq.conf"), &configuration(place, distribution))?;
        write(&directory.join("definitions.json"), &definitions(&place.queue, settings).to_string())?;
        write(&directory.join("enabled_plugins"), "[rabbitmq_stomp].\n")?;
        write(&directory.join("start.sh"), &script(home, place, distribution, mapper)?)
    }

    fn command(&self, _home: &Path, place: &Place) -> Command {
        let mut command = Command::new("sh");
        command.arg(place.directory.join("start.sh"));
        command
    }

    fn probe(&self, port: u16, _queue: &str) -> Result<(), String> {
        // Queues are declared from the definitions before listeners open.
        Stomp::connect(port).map(drop)
    }
}

fn erlang(home: &Path) -> PathBuf {
    home.join("unpacked").join(ERLANG.trim_start_matches('/'))
}

fn packages(home: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(home).into_iter().flatten().flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect()
}

/// The folder of `rabbitmq-server`.
fn scripts(home: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(home.join("unpacked/usr/lib/rabbitmq/lib")).into_iter().flatten().flatten();
    versions.map(|entry| entry.path().join("sbin")).find(|path| path.join("rabbitmq-server").is_file())
}

/// The start script of Erlang names the folder that it was packaged for.
fn relocate(erlang: &Path) -> Result<(), String> {
    let script = erlang.join("bin/erl");
    let failed = |error: std::io::Error| format!("{}: {error}", script.display());
    let text = std::fs::read_to_string(&script).map_err(failed)?;
    let text = text.replace(ERLANG, &erlang.display().to_string());
    std::fs::write(&script, text).map_err(failed)
}

fn configuration(place: &Place, distribution: u16) -> String {
    format!(
        "listeners.tcp = none\nstomp.listeners.tcp.1 = 127.0.0.1:{}\ndistribution.listener.interface = 127.0.0.1\n\
         distribution.listener.port_range.min = {distribution}\ndistribution.listener.port_range.max = {distribution}\n\
         load_definitions = {}\n",
        place.port,
        place.directory.join("definitions.json").display()
    )
}

fn definitions(queue: &str, settings: &Settings) -> serde_json::Value {
    let kind = settings.get("x-queue-type");
    json!({
        "vhosts": [{"name": "/"}],
        "users": [{"name": "guest", "password": "guest", "tags": "administrator"}],
        "permissions": [{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
        "queues": [{"name": queue, "vhost": "/", "durable": settings.get("durable") == "true", "auto_delete": false,
            "arguments": {"x-queue-type": kind}}],
    })
}

/// The port mapper beside the broker, which takes the place of the shell.
fn script(home: &Path, place: &Place, distribution: u16, mapper: u16) -> Result<String, String> {
    let scripts = scripts(home).ok_or_else(|| format!("{} has no RabbitMQ", home.display()))?;
    let (erlang, run) = (erlang(home), &place.directory);
    Ok(format!(
        r#"export PATH="{erlang}/bin:$PATH" HOME="{run}" RUNNING_UNDER_SYSTEMD=true
export LD_LIBRARY_PATH="{home}/unpacked/usr/lib/$(uname -m)-linux-gnu:{home}/unpacked/lib/$(uname -m)-linux-gnu"
export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT={mapper} RABBITMQ_DIST_PORT={distribution}
export RABBITMQ_NODENAME=bench@localhost RABBITMQ_MNESIA_BASE="{run}/data" RABBITMQ_LOG_BASE="{run}/logs"
export RABBITMQ_CONFIG_FILE="{run}/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="{run}/enabled_plugins"
export RABBITMQ_CONF_ENV_FILE="{run}/none"
setpriv --pdeathsig KILL "$(ls -d "{erlang}"/erts-*/bin/epmd)" &
exec "{scripts}/rabbitmq-server"
"#,
        erlang = erlang.display(),
        run = run.display(),
        home = home.display(),
        scripts = scripts.display(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_a_durable_quorum_queue_and_listeners_are_on_loopback() {
        let place = Place { directory: PathBuf::from("/x"), port: 61613, queue: "q".to_owned(), settings: Vec::new() };
        let settings = RabbitMq.settings(Path::new("/home"));
        let definitions = definitions("q", &settings).to_string();
        assert!(definitions.contains("\"name\":\"q\"") && definitions.contains("\"durable\":true"), "{definitions}");
        assert!(definitions.contains("\"x-queue-type\":\"quorum\""), "{definitions}");
        let text = configuration(&place, 25672);
        assert!(text.contains("127.0.0.1:61613") && text.contains("listeners.tcp = none"), "{text}");
        assert!(text.contains("distribution.listener.interface = 127.0.0.1"), "{text}");
    }

    #[test]
    fn erlang_is_told_where_it_lies() {
        let home = std::env::temp_dir().join(format!("ringmq-rabbitmq-{}", std::process::id()));
        let erlang = erlang(&home);
        std::fs::create_dir_all(erlang.join("bin")).unwrap();
        std::fs::write(erlang.join("bin/erl"), "ROOTDIR=/usr/lib/erlang\n").unwrap();
        relocate(&erlang).unwrap();
        let text = std::fs::read_to_string(erlang.join("bin/erl")).unwrap();
        assert_eq!(text, format!("ROOTDIR={}\n", erlang.display()));
        assert!(RabbitMq.version(&home).is_err(), "nothing of RabbitMQ is there");
        std::fs::create_dir_all(home.join("unpacked/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin")).unwrap();
        std::fs::write(home.join("unpacked/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin/rabbitmq-server"), "")
            .unwrap();
        assert_eq!(RabbitMq.version(&home).unwrap(), "3.10.8");
        std::fs::remove_dir_all(home).unwrap();
    }
}

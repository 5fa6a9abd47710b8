//! The broker under the JMS program: killed, stopped and started again on the same port.
//!
//! Owns its data folder and the port it got at first. Gives, at the end, what its log complained about: cut connections and
//! refused client ids are part of the cases, so a warning is no fault here, but an error or a panic is one.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::certificates::{Authority, When};
use crate::folder::Folder;
use crate::process::{Ended, Process, text_of};
use crate::server::{BINARY, complaints, core_port};

/// A start replays at most what the cases wrote.
const READY_WITHIN: Duration = Duration::from_secs(120);
const END_WITHIN: Duration = Duration::from_secs(120);
const COMMAND_WITHIN: Duration = Duration::from_secs(60);
/// The users that the cases know, with their passwords, and the roles of each.
const USERS: [(&str, &str); 3] = [("all", "amq"), ("reader", "readers"), ("writer", "writers")];
/// What the roles may do beside the first one, which may do everything.
const GRANTS: [(&str, &str); 3] = [("send", "writers"), ("consume", "readers"), ("browse", "readers")];
/// How much of the log a failure shows.
const LINES_SHOWN: usize = 80;

/// A broker of our own binary.
pub(crate) struct Broker {
    folder: Folder,
    /// How often the data was left behind; only a broker that forgets counts it up.
    life: u32,
    forgets: bool,
    /// Settings beside the usual ones.
    options: Vec<String>,
    /// What a URL says behind the address.
    parameters: String,
    port: u16,
    /// Its clients have to log in.
    secured: bool,
    process: Option<Process>,
    log: Vec<(crate::process::Stream, String)>,
}

impl Broker {
    /// Starts one on a free port. One that `forgets` begins every life with an empty data directory.
    pub(crate) fn start(forgets: bool) -> Result<Self, String> {
        let mut broker = Self::new(forgets)?;
        broker.restart()?;
        Ok(broker)
    }

    fn new(forgets: bool) -> Result<Self, String> {
        let (folder, log) = (Folder::new("jms")?, Vec::new());
        let (options, parameters) = (Vec::new(), String::new());
        Ok(Self { folder, life: 0, forgets, options, parameters, port: 0, secured: false, process: None, log })
    }

    /// The same within TLS, for clients with certificates only.
    pub(crate) fn start_within_tls() -> Result<Self, String> {
        let mut broker = Self::new(false)?;
        let authority = Authority::new("authority")?;
        let (own, client) =
            (authority.sign(&["127.0.0.1"], "broker", When::Now)?, authority.sign(&[], "client", When::Now)?);
        let path = |name: &str| broker.folder.path().join(name).display().to_string();
        let write = |name: &str, text: &str| {
            std::fs::write(path(name), text).map(|()| path(name)).map_err(|error| format!("{name}: {error}"))
        };
        let own = write("broker.pem", &own.both())?;
        let (client, trusted) = (write("client.pem", &client.both())?, write("authority.pem", &authority.pem)?);
        let settings = [
            "acceptor.ssl-enabled=true".to_owned(),
            "acceptor.need-client-auth=true".to_owned(),
            format!("acceptor.key-store-path={own}"),
            format!("acceptor.trust-store-path={trusted}"),
            "data-cores=2".to_owned(),
            "journal-lanes=2".to_owned(),
        ];
        broker.options = settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect();
        broker.parameters = format!(
            "?sslEnabled=true&trustStoreType=PEM&trustStorePath={trusted}&keyStoreType=PEM&keyStorePath={client}"
        );
        broker.restart()?;
        Ok(broker)
    }

    /// The address as a client writes it.
    pub(crate) fn url(&self) -> String {
        format!("tcp://127.0.0.1:{}{}", self.port, self.parameters)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join(format!("life{}", self.life))
    }

    /// Starts it on the port it had, and waits until clients can come.
    pub(crate) fn restart(&mut self) -> Result<(), String> {
        if self.forgets {
            self.life += 1;
        }
        let mut command = Command::new(BINARY);
        command.args(["run", "--port", &self.port.to_string(), "--set", "journal-file-size=1MiB", "--data-directory"]);
        command.arg(self.data()).args(&self.options);
        if self.secured {
            command.args(["--set", &self.users_file()]);
        }
        command.current_dir(self.folder.path()).env_remove("RINGMQ_CONFIG");
        let process = Process::start(&mut command)?;
        process.line(|line| line.starts_with("ready in "), "its ready line", READY_WITHIN)?;
        let listen = process.line(|line| core_port(line).is_some(), "its listen line", READY_WITHIN)?;
        self.port = core_port(&listen).ok_or_else(|| format!("no port in `{listen}`"))?;
        self.process = Some(process);
        Ok(())
    }

    /// From its next start on its clients have to log in, or nobody has to.
    pub(crate) fn secure(&mut self, secured: bool) -> Result<(), String> {
        self.secured = secured;
        let file = self.users();
        if !secured || file.exists() {
            return Ok(());
        }
        for (name, role) in USERS {
            let mut command = Command::new(BINARY);
            command.args(["user", "add", name, "--role", role, "--data-directory"]).arg(self.data());
            command.args(["--set", &self.users_file()]).env("RINGMQ_PASSWORD", name).env_remove("RINGMQ_CONFIG");
            let ended = Process::start(command.current_dir(self.folder.path()))?.end(COMMAND_WITHIN)?;
            if !ended.status.success() {
                return Err(format!("the user {name} was not added: {}", text_of(&ended.lines)));
            }
        }
        let failed = |error: std::io::Error| format!("{}: {error}", file.display());
        let mut text = std::fs::read_to_string(&file).map_err(failed)?;
        for (permission, role) in GRANTS {
            let first = format!("\n{permission} = [\"amq\"");
            if !text.contains(&first) {
                return Err(format!("the users file gives nobody `{permission}`:\n{text}"));
            }
            text = text.replace(&first, &format!("{first}, \"{role}\""));
        }
        std::fs::write(&file, text).map_err(failed)
    }

    /// Where the users of the cases are, as an option.
    fn users_file(&self) -> String {
        format!("users-file={}", self.users().display())
    }

    fn users(&self) -> PathBuf {
        self.folder.path().join("users.toml")
    }

    /// SIGKILL, and it is gone.
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        self.signalled(Signal::SIGKILL).map(drop)
    }

    /// SIGTERM; it must end with success.
    pub(crate) fn terminate(&mut self) -> Result<(), String> {
        let status = self.signalled(Signal::SIGTERM)?.status;
        if status.success() { Ok(()) } else { Err(format!("a stop of the broker ended with {status}")) }
    }

    fn signalled(&mut self, signal: Signal) -> Result<Ended, String> {
        let process = self.process.take().ok_or("the broker is not running")?;
        process.signal(signal)?;
        let ended = process.end(END_WITHIN)?;
        self.log.extend(ended.lines.iter().cloned());
        Ok(ended)
    }

    /// Stops it for good. Something failed: its log is shown. It said ERROR or panicked: that is a failure.
    pub(crate) fn end(mut self, show: bool) -> Result<(), String> {
        let stopped = if self.process.is_some() { self.terminate() } else { Ok(()) };
        if show {
            let from = self.log.len().saturating_sub(LINES_SHOWN);
            println!("the end of the broker's log:\n{}", text_of(self.log.get(from..).unwrap_or_default()));
        }
        let mut loud = complaints(&self.log, &[]);
        loud.retain(|line| line.contains("ERROR") || line.contains("panicked at"));
        if loud.is_empty() { stopped } else { Err(format!("in the broker's log:\n{}", loud.join("\n"))) }
    }
}

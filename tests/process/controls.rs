//! The controls of this base: shell scripts pose as brokers that misbehave, and each must be caught.

use std::process::Command;
use std::time::Duration;

use crate::harness::{Outcome, Verdict};
use crate::process::Process;
use crate::server::Server;

/// Long enough for a shell to start on a busy machine.
const SOON: Duration = Duration::from_secs(120);
const READY: &str = "echo 'listen    127.0.0.1:4242 core'; echo 'ready in 1 ms'; exec sleep 600";

pub(crate) fn a_quiet_server_is_accepted() -> Verdict {
    let server = posing(READY)?;
    let port = server.port;
    server.kill()?;
    if port == 4242 { Ok(Outcome::Passed) } else { Err(format!("port {port} was read instead of 4242")) }
}

pub(crate) fn a_server_that_is_never_ready_is_caught() -> Verdict {
    let mut command = Command::new("sh");
    command.args(["-c", "echo 'listen 127.0.0.1:1 core'; echo 'not ready in time'; exec sleep 600"]);
    refused(Server::ready(&mut command, Duration::from_millis(300)).map(drop), "was too slow for its ready line")
}

pub(crate) fn a_server_that_dies_at_once_is_caught() -> Verdict {
    let shown = refused(posing("echo 'no room on the disk' >&2; exit 3").map(drop), "ended before its ready line")?;
    refused(posing("echo 'no room on the disk' >&2; exit 3").map(drop), "no room on the disk").map(|_| shown)
}

pub(crate) fn a_warning_in_the_log_is_caught() -> Verdict {
    let lines = [
        "2026-01-02T03:04:05Z  WARN JN101 slow disk",
        "ERROR: slow disk",
        "{\"level\":\"warn\",\"message\":\"slow disk\"}",
        "thread 'core-0' panicked at src/slow disk",
    ];
    for line in lines {
        let loud = || {
            let script = format!("printf '%s\\n' \"$LINE\" >&2; {READY}");
            let server = Server::ready(Command::new("sh").args(["-c", &script]).env("LINE", line), SOON)?;
            // The two streams are read by two threads: what stands on the other one may come a little later.
            server.heard(line, SOON)?;
            Ok::<Server, String>(server)
        };
        refused(loud()?.kill(), "slow disk")?;
        loud()?.expect_complaint("slow disk").kill()?;
    }
    Ok(Outcome::Passed)
}

pub(crate) fn a_stop_that_fails_is_caught() -> Verdict {
    refused(posing(READY)?.terminate(), "a stop ended with")?;
    let obedient =
        "trap 'kill -9 $!; exit 0' TERM; echo 'listen 127.0.0.1:4242 core'; sleep 600 & echo 'ready in 1 ms'; wait";
    posing(obedient)?.terminate()?;
    Ok(Outcome::Passed)
}

pub(crate) fn a_process_without_an_end_is_caught() -> Verdict {
    let process = Process::start(Command::new("sleep").arg("600"))?;
    let pid = process.pid();
    refused(process.end(Duration::from_millis(50)).map(drop), "did not end within")?;
    // It was dropped with the failure, and so it must be gone.
    let gone = !std::path::Path::new(&format!("/proc/{pid}")).exists();
    if gone { Ok(Outcome::Passed) } else { Err(format!("process {pid} was left behind")) }
}

fn posing(script: &str) -> Result<Server, String> {
    Server::ready(Command::new("sh").args(["-c", script]), SOON)
}

fn refused(result: Result<(), String>, reason: &str) -> Verdict {
    match result {
        Err(what) if what.contains(reason) => Ok(Outcome::Passed),
        Err(what) => Err(format!("refused, but not because of `{reason}`: {what}")),
        Ok(()) => Err(format!("`{reason}` was planted and not caught")),
    }
}

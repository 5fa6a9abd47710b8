//! A broker that has nothing to do: what it keeps of memory, and that it sleeps.
//!
//! Counts, no times: how often a thread gave its processor up to wait says how often it woke up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Trial, Verdict};
use crate::server::Server;
use crate::wire::{Mode, Wire};

/// Memory of its own, without the pages of its program: those of a build with debug information are many.
const OWN_BYTES_MAX: u64 = 6 << 20;
/// The same for each connection that has logged in.
const CONNECTION_BYTES_MAX: u64 = 4 << 10;
const CONNECTIONS: u64 = 1_000;
/// What all of them share: the receive buffers that they have used, and spare buffers.
const SHARED_BYTES: u64 = 2 << 20;
/// What is still to be done after a start is done by then.
const QUIET_WITHIN: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_secs(1);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial { name: "idle_broker", run: a_broker_without_work_sleeps_and_is_small },
        Trial { name: "idle_connections", run: idle_connections_are_small },
    ]
}

/// How often each thread of a process has waited, by its id and name.
fn waits(pid: u32) -> Result<BTreeMap<(u32, String), u64>, String> {
    let tasks = format!("/proc/{pid}/task");
    let entries = std::fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?;
    let mut all = BTreeMap::new();
    for entry in entries.flatten() {
        // Threads that end meanwhile are none.
        let Ok(text) = std::fs::read_to_string(entry.path().join("status")) else { continue };
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let id = field("Pid:").and_then(|id| id.parse().ok()).unwrap_or(0);
        let count = field("voluntary_ctxt_switches:").and_then(|count| count.parse().ok()).unwrap_or(0);
        all.insert((id, field("Name:").unwrap_or_default().to_owned()), count);
    }
    Ok(all)
}

/// Waits for a second in which no thread woke up. Fails with those that still do.
fn until_quiet(pid: u32) -> Result<(), String> {
    let begun = Instant::now();
    let mut before = waits(pid)?;
    loop {
        std::thread::sleep(LOOK);
        let now = waits(pid)?;
        if now == before {
            return Ok(());
        }
        if begun.elapsed() > QUIET_WITHIN {
            return Err(format!(
                "after {QUIET_WITHIN:?} threads still wake up in each second: {before:?}, then {now:?}"
            ));
        }
        before = now;
    }
}

fn a_broker_without_work_sleeps_and_is_small() -> Verdict {
    let folder = Folder::new("idle")?;
    let server = Server::start(folder.path(), &["--set", "journal-lanes=2", "--set", "journal-file-size=1MiB"])?;
    until_quiet(server.pid())?;
    let own = server.own_bytes()?;
    if own > OWN_BYTES_MAX {
        return Err(format!("a broker that nobody has used keeps {own} bytes"));
    }
    // The control: one who works is seen.
    let before = waits(server.pid())?;
    Client::new(server.port)?.send("work", "one")?;
    if waits(server.pid())? == before {
        return Err("a durable message woke nobody up: nothing is counted".to_owned());
    }
    until_quiet(server.pid())?;
    server.terminate()?;
    Ok(Outcome::Passed)
}

fn idle_connections_are_small() -> Verdict {
    let folder = Folder::new("idle_connections")?;
    let server = Server::small(folder.path(), &[])?;
    until_quiet(server.pid())?;
    let before = server.own_bytes()?;
    let clients =
        (0..CONNECTIONS).map(|_| Wire::session(server.port, Mode::Automatic)).collect::<Result<Vec<_>, _>>()?;
    let grown = server.own_bytes()?.saturating_sub(before);
    let most = CONNECTIONS * CONNECTION_BYTES_MAX + SHARED_BYTES;
    // Sessions without any memory were not opened.
    if grown > most || grown < CONNECTIONS * 256 {
        return Err(format!("{} idle clients cost {grown} bytes, {most} at most", clients.len()));
    }
    drop(clients);
    server.terminate()?;
    Ok(Outcome::Passed)
}

//! A start that meets another one, or a port that is taken: one serves, the other says who and why. And what a start says.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Process, text_of};
use crate::server::{BINARY, SMALL, Server};
use crate::wire::{Mode, SOON, Wire};

const RACES: usize = 20;

fn begin(data: &Path) -> Result<Process, String> {
    let mut command = Command::new(BINARY);
    Process::start(command.args(["run", "--port", "0", "--data-directory"]).arg(data).args(SMALL))
}

/// Both begin with nothing. Whoever loses must have changed nothing: the store of the winner opens again.
pub(crate) fn two_on_an_empty_directory() -> Verdict {
    let folder = Folder::new("race")?;
    for race in 0..RACES {
        let data = folder.path().join(race.to_string());
        let (one, other) = (begin(&data)?, begin(&data)?);
        let told =
            |process: &Process| process.line(|line| line.starts_with("ready in "), "its ready line", SOON).is_ok();
        let ready = [told(&one), told(&other)];
        let (winner, loser) = match ready {
            [true, false] => (one, other),
            [false, true] => (other, one),
            _ => return Err(format!("race {race}: of two brokers in one directory, ready are {ready:?}")),
        };
        let ended = loser.end(SOON)?;
        let text = text_of(&ended.lines);
        // Who holds the store is not yet written down when both are this close.
        if ended.status.code() != Some(7) || !text.contains("SV305") || !text.contains("another server") {
            return Err(format!("race {race}: the second one ended with {}\n{text}", ended.status));
        }
        drop(winner);
        Server::small(&data, &[])?.kill()?;
    }
    Ok(Outcome::Passed)
}

pub(crate) fn a_taken_port_is_told() -> Verdict {
    let folder = Folder::new("taken")?;
    let taken = TcpListener::bind("127.0.0.1:0").and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
    let (port, listener) = taken.map_err(|error| error.to_string())?;
    let start = || {
        let mut command = Command::new(BINARY);
        command.args(["run", "--port", &port.to_string(), "--data-directory"]).arg(folder.path()).args(SMALL);
        Process::start(&mut command)
    };
    let ended = start()?.end(SOON)?;
    let text = text_of(&ended.lines);
    if ended.status.code() != Some(1) || !text.contains("SV301") || !text.contains(&port.to_string()) {
        return Err(format!("with port {port} taken: {}\n{text}", ended.status));
    }
    // The control: the same start when the port is free.
    drop(listener);
    start()?.line(|line| line.starts_with("ready in "), "its ready line", SOON)?;
    Ok(Outcome::Passed)
}

/// The lines of a start, by their first word, up to the one that says that clients can come.
fn said(data: &Path) -> Result<Vec<String>, String> {
    let server = Server::small(data, &[])?;
    server.signal(Signal::SIGTERM)?;
    Ok(server.ended()?.out().iter().map(|line| (*line).to_owned()).collect())
}

pub(crate) fn it_says_what_runs_and_where() -> Verdict {
    let folder = Folder::new("said")?;
    let (first, second) = (said(folder.path())?, said(folder.path())?);
    for (lines, new) in [(&first, true), (&second, false)] {
        let words: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
        if words != ["ringmq", "storage", "recovery", "listen", "ready"] {
            return Err(format!("a start says {lines:#?}"));
        }
        let parts = [
            ["node ", "kernel ", "io_uring ok", "data core"],
            [" µs p50, ", " µs p99", "2 journal lanes", "durability: synced on this node"],
            [" records  ", " files  ", " bytes  in ", " s"],
        ];
        for (line, parts) in lines.iter().zip(parts) {
            if let Some(missing) = parts.iter().find(|part| !line.contains(**part)) {
                return Err(format!("`{line}` does not say `{missing}`"));
            }
        }
        let storage = lines.get(1).map(String::as_str).unwrap_or_default();
        if storage.contains("new store, probe ") != new || storage.contains(" 0 µs p50") {
            return Err(format!("`{storage}` of a store that is new: {new}"));
        }
    }
    // The time of a flush is kept with the store and not measured again.
    let flush = |lines: &[String]| {
        let storage = lines.get(1).map(String::as_str).unwrap_or_default();
        storage
            .split("  ")
            .find(|part| part.contains("p50"))
            .map(|part| part.split(" (").next().unwrap_or_default().to_owned())
    };
    if flush(&first) == flush(&second) { Ok(Outcome::Passed) } else { Err(format!("{first:#?}\n{second:#?}")) }
}

/// Every directory can lie anywhere; nothing is then left where it would lie by default.
pub(crate) fn directories_lie_where_they_are_set() -> Verdict {
    const NAMES: [&str; 5] = ["bindings", "journal", "large-messages", "paging", "ha"];
    let folder = Folder::new("directories")?;
    let data = folder.path().join("data");
    let place = |name: &str| folder.path().join("elsewhere").join(name);
    let settings: Vec<String> =
        NAMES.iter().map(|name| format!("{name}-directory={}", place(name).display())).collect();
    let options: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let large = "x".repeat(90_000);
    for round in 0..2 {
        let server = Server::small(&data, &options)?;
        let mut client = Client::new(server.port)?;
        if round == 0 {
            client.send("anywhere", &large)?;
        } else {
            client.consume("anywhere")?;
            if client.drain(1)? != [large.as_str()] {
                return Err("the message is not where it was".to_owned());
            }
        }
        drop(client);
        server.terminate()?;
    }
    let holds = |name: &str, file: &str| {
        let names = std::fs::read_dir(place(name)).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.into_iter().any(|found| found.to_string_lossy().starts_with(file))
    };
    let wanted = [
        ("bindings", "b00-"),
        ("journal", "j00-"),
        ("journal", "store"),
        ("large-messages", "l00-"),
        ("ha", "ha.state"),
    ];
    if let Some((name, file)) = wanted.iter().find(|(name, file)| !holds(name, file)) {
        return Err(format!("no {file} in {}", place(name).display()));
    }
    if data.exists() { Err(format!("{} was made", data.display())) } else { Ok(Outcome::Passed) }
}

/// What is fixed in a store stays, and whoever asks for something else is told.
pub(crate) fn what_is_fixed_is_told() -> Verdict {
    let folder = Folder::new("fixed")?;
    let start = |sync: &str, size: &str, lanes: &str| {
        let set = [format!("sync={sync}"), format!("journal-file-size={size}"), format!("journal-lanes={lanes}")];
        let options: Vec<&str> = set.iter().flat_map(|setting| ["--set", setting]).collect();
        Server::start(folder.path(), &options)
    };
    start("dsync", "1MiB", "2")?.terminate()?;
    // The control: the same settings again are no reason to complain, nor is `auto`.
    start("dsync", "1MiB", "2")?.terminate()?;
    start("auto", "1MiB", "auto")?.terminate()?;
    let server = start("fdatasync", "2MiB", "1")?.expect_complaint("CF102");
    server.signal(Signal::SIGTERM)?;
    let text = text_of(&server.ended()?.lines);
    let told = ["sync is fixed", "journal-file-size is fixed", "journal-lanes is fixed"];
    let missing: Vec<&&str> = told.iter().filter(|told| !text.contains(**told)).collect();
    if missing.is_empty() { Ok(Outcome::Passed) } else { Err(format!("not told: {missing:?}\n{text}")) }
}

/// Each core accepts for itself; the bound is that of all of them.
pub(crate) fn connections_are_bounded_over_all_cores() -> Verdict {
    const MOST: usize = 5;
    let folder = Folder::new("bound")?;
    let options = ["--set", "acceptor.max-connections=5", "--set", "data-cores=2"];
    let server = Server::small(folder.path(), &options)?.expect_complaint("NT202");
    let mut inside = Vec::new();
    for _ in 0..MOST {
        inside.push(Wire::session(server.port, Mode::Automatic)?);
    }
    for _ in 0..8 {
        // The kernel spreads these over both cores.
        Wire::silent(server.port)?.until_closed()?;
    }
    for wire in &mut inside {
        wire.ping(60_000)?;
    }
    // The control: when one goes, another may come.
    inside.pop();
    let deadline = Instant::now() + SOON;
    while Wire::session(server.port, Mode::Automatic).is_err() {
        if Instant::now() > deadline {
            return Err("nobody may come although one has gone".to_owned());
        }
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

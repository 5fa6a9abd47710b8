//! A start that meets another one, or a port that is taken: one serves, the other says who and why.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Process, text_of};
use crate::server::{BINARY, SMALL, Server};
use crate::wire::SOON;

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

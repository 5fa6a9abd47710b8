//! Connections move to the core on which the first queue that they name lives, in a broker of two cores on one port.
//!
//! The log at its debug level says on which core a connection was accepted and to which one it has moved.

use nix::sys::signal::Signal;

use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Trial, Verdict};
use crate::process::Ended;
use crate::server::Server;
use crate::wire::SOON;

/// So many, one after the other, that the kernel gives some of them to each core.
const ALONE: usize = 40;
/// Connections that are open at the same time.
const TOGETHER: usize = 24;
/// As the broker's own: so many more connections a core may have by those that come to it.
const AHEAD_MAX: usize = 2;
const QUEUE: &str = "orders";

/// The cores that events of this kind name, in order.
fn cores(ended: &Ended, code: &str) -> Result<Vec<usize>, String> {
    let lines = ended.lines.iter().map(|(_, line)| line).filter(|line| line.contains(code));
    let core = |line: &String| {
        let (_, rest) = line.split_once(" core=")?;
        rest.split_whitespace().next()?.parse().ok()
    };
    lines.map(|line| core(line).ok_or_else(|| format!("no core: {line}"))).collect()
}

fn start(folder: &Folder) -> Result<Server, String> {
    Server::small(folder.path(), &["--set", "journal-lanes=2", "--set", "data-cores=2", "--set", "log-level=debug"])
}

fn stop(server: Server) -> Result<Ended, String> {
    server.signal(Signal::SIGTERM)?;
    server.ended()
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial { name: "moves_alone", run: a_connection_that_is_alone_goes_to_its_queue },
        Trial { name: "moves_together", run: many_connections_are_spread_all_the_same },
    ]
}

fn a_connection_that_is_alone_goes_to_its_queue() -> Verdict {
    let folder = Folder::new("moves-alone")?;
    let server = start(&folder)?;
    for number in 1..=ALONE {
        let mut client = Client::new(server.port)?;
        client.send(QUEUE, "first")?;
        client.send(QUEUE, "second")?;
        drop(client);
        // One that is not gone yet would count.
        server.heard_times("NT102", number, SOON)?;
    }
    let mut reader = Client::new(server.port)?;
    reader.consume(QUEUE)?;
    reader.drain(2 * ALONE)?;
    drop(reader);
    let ended = stop(server)?;
    let (accepted, moved) = (cores(&ended, "NT101")?, cores(&ended, "NT108")?);
    let Some(home) = moved.first() else {
        return Err(format!("no connection has moved; they were accepted on {accepted:?}"));
    };
    let elsewhere = accepted.iter().filter(|core| *core != home).count();
    if moved.iter().any(|core| core != home) || moved.len() != elsewhere || elsewhere == accepted.len() {
        return Err(format!("the queue lives on core {home}: accepted on {accepted:?}, moved to {moved:?}"));
    }
    Ok(Outcome::Passed)
}

fn many_connections_are_spread_all_the_same() -> Verdict {
    let folder = Folder::new("moves-together")?;
    let server = start(&folder)?;
    let mut clients = (0..TOGETHER).map(|_| Client::new(server.port)).collect::<Result<Vec<_>, _>>()?;
    for client in &mut clients {
        client.begin_send(QUEUE, "text")?;
    }
    for client in &mut clients {
        client.done("a send")?;
    }
    if let Some(first) = clients.first_mut() {
        first.consume(QUEUE)?;
        first.drain(TOGETHER)?;
    }
    drop(clients);
    let ended = stop(server)?;
    let (accepted, moved) = (cores(&ended, "NT101")?, cores(&ended, "NT108")?);
    let Some(home) = moved.first() else { return Ok(Outcome::Passed) };
    // Whoever moved came from the other of two cores.
    let before = accepted.iter().filter(|core| *core == home).count();
    let after = before + moved.len();
    if moved.iter().any(|core| core != home) || after > accepted.len() - after + AHEAD_MAX {
        return Err(format!("the queue lives on core {home}: accepted on {accepted:?}, moved to {moved:?}"));
    }
    Ok(Outcome::Passed)
}

//! A stop that was asked for: clients are told, everything acked is there, and the next start has little to read.

use std::net::TcpStream;
use std::path::Path;

use nix::sys::signal::Signal;
use protocol::core::identity::{ChannelId, DisconnectReason};
use protocol::core::packet::Packet;

use crate::blocks::wait_for_seals;
use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Ended, text_of};
use crate::server::Server;
use crate::wire::Wire;

const MESSAGES: usize = 200;

pub(crate) fn sigterm_stops_in_order() -> Verdict {
    stops_in_order(Signal::SIGTERM)
}

pub(crate) fn sigint_stops_in_order() -> Verdict {
    stops_in_order(Signal::SIGINT)
}

fn stops_in_order(signal: Signal) -> Verdict {
    let folder = Folder::new("stop")?;
    let server = Server::small(folder.path(), &[])?;
    let port = server.port;
    let mut holder = Client::new(port)?;
    holder.send("stop", "held")?;
    holder.consume("stop")?;
    holder.take()?;
    let mut clients: Vec<Wire> = Vec::new();
    for _ in 0..4 {
        clients.push(Client::new(port)?.wire);
    }
    clients.push(holder.wire);
    server.signal(signal)?;
    for client in &mut clients {
        let told = client.wait("DISCONNECT_V3", |channel, packet| match packet {
            Packet::DisconnectV3(disconnect) => Some((channel, disconnect.reason, disconnect.target_node_id.is_some())),
            _ => None,
        })?;
        if told != (ChannelId::PING, DisconnectReason::SHUT_DOWN, false) {
            return Err(format!("a client was told {told:?}"));
        }
        // Who was told comes back at once; it must find a closed door, not a broker that is about to end.
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Err("a client was told to go while the broker still took new ones".to_owned());
        }
        let (packets, _) = client.until_closed()?;
        if !packets.is_empty() {
            return Err(format!("after DISCONNECT_V3 came {packets:?}"));
        }
    }
    let ended = server.ended()?;
    if !ended.status.success() {
        return Err(format!("{signal} ended the broker with {}\n{}", ended.status, text_of(&ended.lines)));
    }
    let server = Server::small(folder.path(), &[])?;
    let mut client = Client::new(server.port)?;
    client.consume("stop")?;
    let texts = client.drain(1)?;
    server.terminate()?;
    if texts == ["held"] { Ok(Outcome::Passed) } else { Err(format!("{texts:?} was there after the stop")) }
}

/// No client is there and every lane is sealed: nothing wakes a core but the stop itself.
pub(crate) fn an_idle_broker_stops_in_order_too() -> Verdict {
    let folder = Folder::new("idle-stop")?;
    for options in [["--set", "data-cores=1"], ["--set", "data-cores=2"]] {
        let server = Server::small(folder.path(), &options)?;
        Client::new(server.port)?.send("idle", "there")?;
        wait_for_seals(folder.path())?;
        // A checkpoint that could not be written would be a warning in the log.
        server.terminate()?;
    }
    Ok(Outcome::Passed)
}

// proves: S1-094
/// Without the stop (the control), the next start reads every record again.
pub(crate) fn a_clean_stop_makes_the_next_start_short() -> Verdict {
    let killed = records_read_after(|server| server.kill())?;
    let stopped = records_read_after(Server::terminate)?;
    if killed > MESSAGES && stopped < MESSAGES / 4 {
        Ok(Outcome::Passed)
    } else {
        Err(format!("with {MESSAGES} messages, {stopped} records were read after a stop and {killed} after a kill"))
    }
}

fn records_read_after(end: impl Fn(Server) -> Result<(), String>) -> Result<usize, String> {
    let folder = Folder::new("checkpoint")?;
    let server = Server::small(folder.path(), &[])?;
    let mut client = Client::new(server.port)?;
    let texts: Vec<String> = (0..MESSAGES).map(|number| format!("message {number}")).collect();
    for text in &texts {
        client.send("checkpoint", text)?;
    }
    drop(client);
    end(server)?;
    let server = Server::small(folder.path(), &[])?;
    let mut client = Client::new(server.port)?;
    client.consume("checkpoint")?;
    let found = client.drain(MESSAGES)?;
    drop(client);
    server.signal(Signal::SIGTERM)?;
    let ended = server.ended()?;
    if found != texts {
        return Err(format!("sent {texts:?}\nfound {found:?}"));
    }
    records_of(&ended, folder.path())
}

/// The number in `recovery  12 records  4096 bytes`.
fn records_of(ended: &Ended, data: &Path) -> Result<usize, String> {
    let out = ended.out();
    let line = out.iter().find_map(|line| line.strip_prefix("recovery")).unwrap_or_default();
    let number = line.split_whitespace().next().and_then(|word| word.parse().ok());
    number.ok_or_else(|| format!("{}: no recovery line in {out:?}", data.display()))
}

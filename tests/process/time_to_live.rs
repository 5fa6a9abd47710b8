//! Connections that fall silent: closed when their client said so, not before, and what they held goes on.

use std::time::{Duration, Instant};

use protocol::core::packet::Packet;

use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::server::Server;
use crate::wire::{Came, Mode, Wire};

const QUICK_CHECK: [&str; 2] = ["--set", "connection-ttl-check-interval=100ms"];
/// A machine with other work may be late; a broker that never looks is later.
const IN_TIME: Duration = Duration::from_secs(60);
const NEVER: i64 = -1;

// proves: S1-154, S1-155
pub(crate) fn a_silent_client_is_closed_and_its_messages_go_on() -> Verdict {
    let folder = Folder::new("silent")?;
    let server = Server::small(folder.path(), &QUICK_CHECK)?.expect_complaint("NT204");
    let mut sender = Client::new(server.port)?;
    let texts = ["one", "two", "three"];
    for text in texts {
        sender.send("ttl", text)?;
    }
    let mut silent = Client::new(server.port)?;
    silent.consume("ttl")?;
    for text in texts {
        let message = silent.take()?;
        if (message.text.as_str(), message.deliveries) != (text, 1) {
            return Err(format!("{message:?} came instead of `{text}` for the first time"));
        }
    }
    let mut next = Client::new(server.port)?;
    next.consume("ttl")?;
    let asked = Instant::now();
    silent.wire.ping(500)?;
    let (packets, _) = silent.wire.until_closed()?;
    let after = asked.elapsed();
    // The broker counts in whole milliseconds.
    if after < Duration::from_millis(490) || after > IN_TIME || !packets.is_empty() {
        return Err(format!("closed {after:?} after a ping with 500 ms to live, and {packets:?} came before"));
    }
    for text in texts {
        let message = next.take()?;
        if (message.text.as_str(), message.deliveries) != (text, 2) {
            return Err(format!("{message:?} came instead of `{text}` for the second time"));
        }
        next.acknowledge(&message)?;
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

/// A client that asks for more than it reads, and then falls silent: its own frames wait behind what it does not read, which is
/// no reason to keep it.
// proves: S1-155
pub(crate) fn a_client_that_reads_nothing_is_closed() -> Verdict {
    const MESSAGES: usize = 300;
    let folder = Folder::new("unread")?;
    let server = Server::small(folder.path(), &QUICK_CHECK)?.expect_complaint("NT204");
    let mut sender = Client::new(server.port)?;
    let text = "x".repeat(90_000);
    for _ in 0..MESSAGES {
        sender.send("unread", &text)?;
    }
    let mut stuck = Client::new(server.port)?;
    stuck.wire.ping(1_000)?;
    stuck.consume("unread")?;
    // Nothing below reads from `stuck`; these frames find its output full and wait.
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(50));
        stuck.tell(&Packet::SessionStart)?;
    }
    let mut next = Client::new(server.port)?;
    next.consume("unread")?;
    for number in 0..MESSAGES {
        let message = next.take().map_err(|error| format!("after {number} messages: {error}"))?;
        if message.text != text {
            return Err(format!("message {number} is another one"));
        }
        next.acknowledge(&message)?;
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

/// The silent client is the control of the other two. A machine that stops for a second makes a client that pings look silent too, so
/// there is more time at the second and third try.
// proves: S1-155, S1-157
pub(crate) fn only_a_silent_client_is_closed() -> Verdict {
    let folder = Folder::new("pinging")?;
    let server = Server::small(folder.path(), &QUICK_CHECK)?.expect_complaint("NT204");
    let mut endless = Wire::session(server.port, Mode::Automatic)?;
    endless.ping(NEVER)?;
    let kept = [1_000, 4_000, 16_000]
        .into_iter()
        .try_fold(false, |kept, ttl| if kept { Ok(true) } else { only_the_silent_one(server.port, ttl) })?;
    if !kept {
        return Err("a client that pings in time was closed, three times".to_owned());
    }
    endless.ping(NEVER)?;
    server.terminate()?;
    Ok(Outcome::Passed)
}

/// Whether a client with `ttl` ms to live was kept while it pinged, for two and a half times as long, and while another one was closed.
fn only_the_silent_one(port: u16, ttl: i64) -> Result<bool, String> {
    let mut silent = Wire::session(port, Mode::Automatic)?;
    let mut pinging = Wire::session(port, Mode::Automatic)?;
    silent.ping(ttl)?;
    let quarter = Duration::from_millis(u64::try_from(ttl / 4).unwrap_or(0));
    for _ in 0..10 {
        // Waiting for what does not come passes the time that the broker counts.
        if pinging.ping(ttl).is_err() || matches!(pinging.next(quarter)?, Came::Closed) {
            return Ok(false);
        }
    }
    silent.until_closed()?;
    Ok(pinging.ping(ttl).is_ok())
}

// proves: S1-158
pub(crate) fn the_override_wins() -> Verdict {
    let folder = Folder::new("override")?;
    let options = [QUICK_CHECK, ["--set", "connection-ttl-override=300ms"]].concat();
    let server = Server::small(folder.path(), &options)?.expect_complaint("NT204");
    let mut client = Wire::session(server.port, Mode::Automatic)?;
    client.ping(NEVER)?;
    let (_, after) = client.until_closed()?;
    if after > IN_TIME {
        return Err(format!("closed only after {after:?}"));
    }
    server.terminate()?;
    // Without the override the client has its way: this is the default.
    let server = Server::small(folder.path(), &QUICK_CHECK)?;
    let mut client = Wire::session(server.port, Mode::Automatic)?;
    client.ping(NEVER)?;
    match client.next(Duration::from_millis(900))? {
        Came::Nothing => client.ping(NEVER)?,
        _ => return Err("a client with endless time to live was closed, or got a packet".to_owned()),
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

//! Sessions and consumers take no more memory than they are counted as, and so no more than they may.

use protocol::core::identity::{ChannelId, ConsumerId};
use protocol::core::packet::connection::Ping;
use protocol::core::packet::consumer::CreateConsumer;
use protocol::core::packet::session::{CreateSession, SessionForm, SessionSettings};
use protocol::core::packet::{Packet, encode};
use protocol::core::version::Version;
use protocol::simple_string::SimpleString;

use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::server::Server;
use crate::wire::{Mode, SESSION, Wire};

/// What the connections of the broker may hold, on its one core.
const WHOLE: &str = "connection-memory=128MiB";
/// The share of it for sessions and consumers.
const SHARE: u64 = (128 << 20) / 16;
/// What else grows meanwhile: buffers, and what each connection has for itself.
const BESIDE: u64 = 4 << 20;
/// Connections, and what each of them asks for, more than finds room.
const CONNECTIONS: usize = 5;
const EACH: i64 = 4_000;
/// So much is asked for in one go.
const AT_ONCE: usize = 250;

fn append(bytes: &mut Vec<u8>, channel: ChannelId, packet: &Packet<'_>) -> Result<(), String> {
    encode(channel, packet, Version::NEWEST, bytes).map(|_| ()).map_err(|error| error.to_string())
}

fn create_session(connection: usize, number: i64) -> Result<Vec<u8>, String> {
    let name = format!("01234567-89ab-cdef-0123-{connection:06}{number:06}");
    let channel = ChannelId(SESSION.0 + 1 + number);
    let settings = SessionSettings {
        name: name.as_str().into(),
        channel,
        version: Version::NEWEST,
        user: None,
        password: None,
        min_large_message_size: 100 << 10,
        xa: false,
        auto_commit_sends: true,
        auto_commit_acks: true,
        confirmation_window: -1,
        pre_acknowledge: false,
        default_address: None,
    };
    let mut bytes = Vec::new();
    let create = CreateSession { form: SessionForm::V1, settings, client_id: None };
    append(&mut bytes, ChannelId::SESSION, &Packet::CreateSession(create))?;
    append(&mut bytes, channel, &Packet::SessionStart)?;
    Ok(bytes)
}

fn create_consumer(_connection: usize, number: i64) -> Result<Vec<u8>, String> {
    let name = SimpleString::from("crowded");
    let create = CreateConsumer {
        consumer_id: ConsumerId(number),
        queue_name: name.as_simple(),
        filter: None,
        browse_only: false,
        requires_response: true,
        priority: 0,
    };
    let mut bytes = Vec::new();
    append(&mut bytes, SESSION, &Packet::CreateConsumer(create))?;
    Ok(bytes)
}

/// Asks for many of these, and counts those that are refused.
fn ask(wire: &mut Wire, frames: &[Vec<u8>]) -> Result<usize, String> {
    let mut refused = 0;
    for (batch, frames) in frames.chunks(AT_ONCE).enumerate() {
        wire.write(&frames.concat())?;
        // A number of its own, so that no earlier echo is taken for it. Pings overtake what waits for the disk; answers do not wait here.
        let ttl_ms = 1_000_000 + i64::try_from(batch).unwrap_or(0);
        let mut answered = 0;
        wire.tell(ChannelId::PING, &Packet::Ping(Ping { connection_ttl_ms: ttl_ms }))?;
        wire.wait("all answers", |_, packet| {
            match packet {
                Packet::CreateSessionResponse(_) | Packet::QueueQueryResponse(_) => answered += 1,
                Packet::Exception(_) => (answered, refused) = (answered + 1, refused + 1),
                _ => {}
            }
            (answered == frames.len()).then_some(())
        })?;
    }
    Ok(refused)
}

fn crowd(server: &Server, one: fn(usize, i64) -> Result<Vec<u8>, String>) -> Result<(u64, usize), String> {
    let mut wires =
        (0..CONNECTIONS).map(|_| Wire::session(server.port, Mode::Automatic)).collect::<Result<Vec<_>, _>>()?;
    let before = server.own_bytes()?;
    let mut refused = 0;
    for (connection, wire) in wires.iter_mut().enumerate() {
        let frames = (0..EACH).map(|number| one(connection, number)).collect::<Result<Vec<_>, _>>()?;
        refused += ask(wire, &frames)?;
    }
    Ok((server.own_bytes()?.saturating_sub(before), refused))
}

pub(crate) fn sessions_and_consumers_take_what_is_counted() -> Verdict {
    let folder = Folder::new("session_memory")?;
    let options = ["--set", "journal-lanes=1", "--set", WHOLE];
    for (what, one) in [("sessions", create_session as fn(_, _) -> _), ("consumers", create_consumer)] {
        let server = Server::small(&folder.path().join(what), &options)?.expect_complaint("NT215");
        Client::new(server.port)?.send("crowded", "one")?;
        let (grown, refused) = crowd(&server, one)?;
        let opened = CONNECTIONS as u64 * EACH.unsigned_abs() - refused as u64;
        eprintln!("{what}: {opened} opened, {refused} refused, {grown} bytes");
        if refused == 0 || grown > SHARE + BESIDE {
            return Err(format!("{opened} {what} took {grown} bytes of {SHARE}, {refused} were refused"));
        }
        // Whoever comes now is let in all the same.
        Client::new(server.port)?.send("crowded", "two")?;
        server.heard("NT215", crate::wire::SOON)?;
        server.terminate()?;
    }
    Ok(Outcome::Passed)
}

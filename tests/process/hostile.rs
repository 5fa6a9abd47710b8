//! Bytes that no client sends: each is answered by the end of its connection and by nothing else.
//!
//! A client that behaves works beside all of them; the broker's memory stays bounded, and its log has no panic.

use std::time::Duration;

use protocol::core::frame::HANDSHAKE;
use protocol::core::identity::ChannelId;
use protocol::core::packet::Packet;

use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::server::Server;
use crate::wire::{Came, Mode, SESSION, Wire};

/// The type number of no packet.
const NO_PACKET: u8 = 99;
/// Half-open connections of one attacker.
const HALF_OPEN: usize = 200;
/// What they may cost: 64 KiB each. Buffers of the sockets are the kernel's.
const HALF_OPEN_BYTES: u64 = (HALF_OPEN as u64) << 16;
/// The largest frame before login.
const FRAME_BYTES: usize = 32 * 1024;

/// A frame's length field, and then what stands there.
fn frame(length: i32, body: &[u8]) -> Vec<u8> {
    [&HANDSHAKE, length.to_be_bytes().as_slice(), body].concat()
}

/// Seeded noise (xorshift64*).
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes()
    };
    (0..bytes.div_ceil(8)).flat_map(|_| next()).take(bytes).collect()
}

/// A frame that is whole, with a type and a channel.
fn whole_frame(packet_type: u8, channel: i64, fields: &[u8]) -> Vec<u8> {
    let length = i32::try_from(9 + fields.len()).unwrap_or(i32::MAX);
    [length.to_be_bytes().as_slice(), &[packet_type], &channel.to_be_bytes(), fields].concat()
}

pub(crate) fn bytes_of_no_client_end_their_connection_alone() -> Verdict {
    let folder = Folder::new("hostile")?;
    let server = Server::small(folder.path(), &[])?.expect_complaint("NT203");
    let mut bystander = Client::new(server.port)?;
    bystander.send("calm", "first")?;
    bystander.consume("calm")?;
    bystander.drain(1)?;
    let mut attacks = vec![
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("2 GiB before login", frame(i32::MAX, &[20])),
        ("a negative length", frame(-1, &[20])),
        ("a length of no packet", frame(3, &[20, 0, 0])),
        ("a large frame before login", frame(i32::try_from(FRAME_BYTES).unwrap_or(0) + 1, &[30])),
        ("a packet of a server", [HANDSHAKE.to_vec(), whole_frame(21, 0, &[])].concat()),
        ("an unknown packet on channel 0", [HANDSHAKE.to_vec(), whole_frame(NO_PACKET, 0, &[])].concat()),
        ("a session without its fields", [HANDSHAKE.to_vec(), whole_frame(30, 1, &[0, 0, 0, 1])].concat()),
        ("a name of 2 GiB", [HANDSHAKE.to_vec(), whole_frame(30, 1, &i32::MAX.to_be_bytes())].concat()),
    ];
    for seed in 1..=8 {
        attacks.push(("noise", noise(seed, 5_000)));
        // Behind a handshake, with a length that is possible: only the packet is noise.
        attacks.push(("noise in a frame", frame(2_000, &[&[40], noise(seed, 1_999).as_slice()].concat())));
    }
    for (number, (what, bytes)) in attacks.iter().enumerate() {
        let mut attacker = Wire::silent(server.port)?;
        // The broker may close it while it still writes.
        let _closed_meanwhile = attacker.write(bytes);
        attacker.until_closed().map_err(|error| format!("{what}: {error}"))?;
        let text = format!("{number}");
        bystander.send("calm", &text)?;
        let message = bystander.take()?;
        if message.text != text {
            return Err(format!("after {what}: {message:?}"));
        }
        bystander.acknowledge(&message)?;
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

pub(crate) fn sessions_are_not_confused_by_strange_packets() -> Verdict {
    let folder = Folder::new("strange")?;
    let server = Server::small(folder.path(), &[])?.expect_complaint("NT203");
    let mut bystander = Client::new(server.port)?;
    let mut strange = Client::new(server.port)?;
    // A channel that nobody opened: dropped, and the connection goes on.
    strange.wire.tell(ChannelId(4_711), &Packet::SessionStart)?;
    strange.send("calm", "after a frame for nobody")?;
    // A packet that nobody knows, on an open channel or on one that nobody opened: the end.
    strange.wire.write(&whole_frame(NO_PACKET, SESSION.0, &[1, 2, 3]))?;
    strange.wire.until_closed()?;
    let mut strange = Client::new(server.port)?;
    strange.wire.write(&whole_frame(NO_PACKET, 4_712, &[1, 2, 3]))?;
    strange.wire.until_closed()?;
    bystander.consume("calm")?;
    let texts = bystander.drain(1)?;
    server.terminate()?;
    if texts == ["after a frame for nobody"] { Ok(Outcome::Passed) } else { Err(format!("{texts:?}")) }
}

pub(crate) fn half_a_handshake_is_closed_in_time() -> Verdict {
    let folder = Folder::new("half-handshake")?;
    let options = ["--set", "acceptor.handshake-timeout=300ms", "--set", "connection-ttl-check-interval=100ms"];
    let server = Server::small(folder.path(), &options)?.expect_complaint("NT201");
    let mut logged_in = Wire::session(server.port, Mode::Automatic)?;
    let mut half = Wire::silent(server.port)?;
    half.write(&HANDSHAKE[..3])?;
    let mut whole = Wire::greeted(server.port)?;
    let mut nothing = Wire::silent(server.port)?;
    let mut half_frame = Wire::silent(server.port)?;
    half_frame.write(&frame(1_000, &[30; 999]))?;
    let mut slow_inside = Wire::session(server.port, Mode::Automatic)?;
    slow_inside.write(&1_000_u32.to_be_bytes())?;
    for (what, wire) in [("half a handshake", &mut half), ("nothing", &mut nothing), ("half a frame", &mut half_frame)]
    {
        let (packets, _) = wire.until_closed().map_err(|error| format!("{what}: {error}"))?;
        if !packets.is_empty() {
            return Err(format!("{what} was answered with {packets:?}"));
        }
    }
    // The control: clients that have said what they speak are older, and still there, with a session or without.
    logged_in.ping(60_000)?;
    whole.ping(60_000)?;
    if !matches!(slow_inside.next(Duration::ZERO)?, Came::Nothing) {
        return Err("a client with a session was closed because it took its time for a frame".to_owned());
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

pub(crate) fn half_open_connections_cost_little() -> Verdict {
    let folder = Folder::new("half-open")?;
    let server = Server::small(folder.path(), &[])?.expect_complaint("NT203");
    let mut client = Client::new(server.port)?;
    client.send("busy", "first")?;
    client.consume("busy")?;
    client.drain(1)?;
    let round = |client: &mut Client, count: usize| {
        for number in 0..count {
            client.send("busy", &number.to_string())?;
            let message = client.take()?;
            client.acknowledge(&message)?;
        }
        Ok::<(), String>(())
    };
    round(&mut client, 50)?;
    let before = server.resident_bytes()?;
    let mut attackers = Vec::new();
    for number in 0..HALF_OPEN {
        let mut attacker = Wire::silent(server.port)?;
        // As much as may be kept of a client that has not logged in, and one byte short of a frame.
        let length = FRAME_BYTES;
        let body = vec![30; if number % 2 == 0 { length - 1 } else { 0 }];
        attacker.write(&frame(i32::try_from(length).unwrap_or(0), &body))?;
        attackers.push(attacker);
    }
    round(&mut client, 200)?;
    let after = server.resident_bytes()?;
    // The control: these bytes were really taken, and none of the connections was closed.
    for attacker in &mut attackers {
        match attacker.next(Duration::ZERO)? {
            Came::Nothing => {}
            _ => return Err("a half-open connection ended or was answered before its time".to_owned()),
        }
    }
    server.terminate()?;
    if after.saturating_sub(before) <= HALF_OPEN_BYTES {
        Ok(Outcome::Passed)
    } else {
        Err(format!("{HALF_OPEN} half-open connections cost {} bytes", after - before))
    }
}

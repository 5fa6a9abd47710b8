//! Every packet type, and what the broker makes of a client's packet.

use std::collections::BTreeMap;

use protocol::core::packet::topology::ClusterTopology;
use protocol::core::packet::{Direction, Packet, PacketType, decode, encode};
use protocol::core::version::Version;
use protocol::limits;
use ringmq::net::core::{LastAddress, lower};
use ringmq::session::Modes;

use super::{older, refused_some, walk, walk_some};
use crate::captures::{Capture, Versions};
use crate::prove::fuzz::target::Target;

/// The oldest version whose layouts are tried.
const VERSION_MIN: i32 = 129;
/// Examples longer than this are left out, unless a packet has no others.
const EXAMPLE_BYTES_MAX: usize = 32 * 1024;
/// The type number of no packet.
const NO_PACKET: i8 = 99;

/// One target for each type, one for a type without a name, and one for what a session understands.
pub(super) fn targets(captures: &[Capture]) -> Result<Vec<Target>, String> {
    let examples = examples(captures)?;
    let mut targets = Vec::new();
    let mut from_clients = Vec::new();
    for packet_type in PacketType::ALL {
        let own = examples.get(&packet_type.0).cloned().unwrap_or_default();
        if packet_type.sender().allows(Direction::ClientToServer) {
            from_clients.extend(own.iter().filter(|body| body.len() <= EXAMPLE_BYTES_MAX).cloned());
        }
        targets.push(packet(*packet_type, own).of_a_packet());
    }
    targets.push(packet(PacketType(NO_PACKET), from_clients.clone()));
    targets.push(session(from_clients));
    Ok(targets)
}

/// Bodies of frames by type: those of the captures, and older forms made from them. Some of every type.
pub(super) fn examples(captures: &[Capture]) -> Result<BTreeMap<i8, Vec<Vec<u8>>>, String> {
    let mut examples: BTreeMap<i8, Vec<Vec<u8>>> = BTreeMap::new();
    for capture in captures {
        let mut versions = Versions::default();
        for line in capture.lines.iter().filter(|line| line.remark != "malformed") {
            let Some(body) = line.bytes.get(limits::LENGTH_PREFIX_BYTES..).filter(|_| line.name != "HANDSHAKE") else {
                continue;
            };
            let frame = decode(body, line.direction, versions.of(line.connection))
                .map_err(|error| format!("{}:{}: {error}", capture.name, line.number))?;
            versions.track(line.connection, &frame);
            let own = examples.entry(frame.packet.packet_type().0).or_default();
            if !own.iter().any(|known| known == body) && (own.is_empty() || body.len() <= EXAMPLE_BYTES_MAX) {
                own.push(body.to_vec());
            }
            for older in older::forms(&frame.packet) {
                let mut made = Vec::new();
                encode(frame.channel, &older, Version::NEWEST, &mut made).map_err(|error| error.to_string())?;
                let body = made.split_off(limits::LENGTH_PREFIX_BYTES);
                let own = examples.entry(older.packet_type().0).or_default();
                if !own.contains(&body) {
                    own.push(body);
                }
            }
        }
    }
    match PacketType::ALL.iter().find(|packet_type| !examples.contains_key(&packet_type.0)) {
        Some(without) => Err(format!("no capture has a {without}, and no newer form of it")),
        None => Ok(examples),
    }
}

fn version(choice: u64) -> Version {
    let newer = i32::try_from(choice % 8).unwrap_or(0);
    Version(VERSION_MIN + newer)
}

fn packet(packet_type: PacketType, examples: Vec<Vec<u8>>) -> Target {
    let direction = match packet_type.sender().allows(Direction::ClientToServer) {
        true => Direction::ClientToServer,
        false => Direction::ServerToClient,
    };
    let name = packet_type.name().unwrap_or("of no known type");
    Target::new(format!("packet {name}"), examples, move |bytes, choice| {
        match decode(bytes, direction, version(choice)) {
            Ok(frame) => walk_some(&frame, choice) && look(&frame.packet),
            Err(error) => refused_some(&error, choice),
        }
    })
    .repaired(move |bytes, random| {
        // Another type now and then, or this target would only ever see its own.
        if !random.number().is_multiple_of(64)
            && let Some(first) = bytes.first_mut()
        {
            *first = packet_type.0.cast_unsigned();
        }
    })
    .checked(move |bytes, choice| comes_back(bytes, direction, version(choice)))
}

/// What is asked of a packet beyond its fields.
fn look(packet: &Packet<'_>) -> bool {
    match packet {
        Packet::ClusterTopology(ClusterTopology { pair: Some(pair), .. }) => {
            pair.live.iter().chain(&pair.backup).all(|place| walk(&(place.host(), place.port())))
        }
        Packet::DisconnectV3(gone) => gone.target.iter().all(|place| walk(&(place.host(), place.port()))),
        _ => true,
    }
}

/// What was decoded is encoded to as many bytes, and decoded to the same packet again.
fn comes_back(bytes: &[u8], direction: Direction, version: Version) -> Result<(), String> {
    let frame = decode(bytes, direction, version).map_err(|error| error.to_string())?;
    let mut again = Vec::new();
    encode(frame.channel, &frame.packet, version, &mut again).map_err(|error| error.to_string())?;
    let body = again.get(limits::LENGTH_PREFIX_BYTES..).unwrap_or_default();
    if body.len() + frame.trailing.len() != bytes.len() {
        return Err(format!("{} bytes became {}", bytes.len() - frame.trailing.len(), body.len()));
    }
    let second = decode(body, direction, version).map_err(|error| format!("not decoded again: {error}"))?;
    let same = second.channel == frame.channel && second.packet == frame.packet;
    if same { Ok(()) } else { Err(format!("{:?} became {:?}", frame.packet, second.packet)) }
}

/// A client's packet, as a session understands it.
fn session(examples: Vec<Vec<u8>>) -> Target {
    Target::new("session", examples, |bytes, choice| {
        let modes = Modes {
            auto_commit_sends: choice & 8 == 0,
            auto_commit_acknowledgements: choice & 16 == 0,
            pre_acknowledge: choice & 32 == 0,
            confirmation_window: (choice & 64 == 0).then_some(1 << 20),
        };
        let Ok(frame) = decode(bytes, Direction::ClientToServer, version(choice)) else { return false };
        if matches!(frame.packet, Packet::Unknown { .. }) {
            return false;
        }
        let mut last = LastAddress::default();
        lower(&frame.packet, modes, &mut last).is_some_and(|lowered| walk_some(&lowered, choice))
    })
}

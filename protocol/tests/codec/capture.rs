//! Reads the recorded conversations under `tests/captures`.
//!
//! Gives their frames in order, with the versions each connection has agreed on by then.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use protocol::core::packet::{Direction, Frame, Packet};
use protocol::core::version::Version;

/// One frame of a recorded conversation.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// File and line, for messages of failed tests.
    pub place: String,
    /// Number of the connection within its file.
    pub connection: u32,
    /// Who sent it.
    pub direction: Direction,
    /// The packet's name according to the recorder.
    pub name: String,
    /// The channel according to the recorder.
    pub channel: i64,
    /// The whole frame, with its length field.
    pub bytes: Vec<u8>,
    /// Whether it was made to be refused.
    pub malformed: bool,
}

/// Every frame of every capture, file by file.
pub(crate) fn all() -> Vec<Vec<Line>> {
    let mut paths = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures"), &mut paths);
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

/// The frames of one capture.
pub(crate) fn one(name: &str) -> Vec<Line> {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{name}.cap")))
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "cap") {
            paths.push(path);
        }
    }
}

fn read(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap();
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    let numbered = text.lines().zip(1..);
    numbered.filter_map(|(line, number)| parse(line, format!("{file}:{number}"))).collect()
}

/// A frame line; nothing for remarks, handshakes and closings.
fn parse(line: &str, place: String) -> Option<Line> {
    let mut words = line.split(' ');
    let side = words.next()?;
    let direction = match side.chars().next()? {
        'C' => Direction::ClientToServer,
        'S' => Direction::ServerToClient,
        _ => return None,
    };
    let connection = side[1..].parse().ok()?;
    let _ms: u64 = words.next()?.parse().ok()?;
    let name = words.next()?.to_owned();
    let channel = words.next()?.parse().ok()?;
    let bytes = unpack(words.next()?);
    let malformed = words.next() == Some("!malformed");
    Some(Line { place, connection, direction, name, channel, bytes, malformed })
}

/// Bytes of hex with runs.
pub(crate) fn unpack(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in text.split(['[', ']']).enumerate() {
        // Runs are the parts inside of brackets: every second one.
        if index % 2 == 0 {
            bytes.extend(hex(part));
        } else {
            let (unit, count) = part.split_once('*').unwrap();
            bytes.extend(hex(unit).repeat(count.parse().unwrap()));
        }
    }
    bytes
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// What the two sides of each connection of one capture have announced so far.
#[derive(Default)]
pub(crate) struct Versions(HashMap<u32, (Version, Version)>);

impl Versions {
    /// The version that the layouts of a connection follow now.
    pub(crate) fn of(&self, connection: u32) -> Version {
        let (client, server) = self.0.get(&connection).copied().unwrap_or((Version::UNSET, Version::UNSET));
        let known = |version| if version == Version::UNSET { Version::NEWEST } else { version };
        known(client).min(known(server))
    }

    /// Takes note of what a frame announces.
    pub(crate) fn track(&mut self, connection: u32, frame: &Frame<'_>) {
        let (client, server) = self.0.entry(connection).or_insert((Version::UNSET, Version::UNSET));
        match &frame.packet {
            Packet::SubscribeTopologyV2(subscribe) => *client = subscribe.client_version,
            Packet::CreateSession(create) if *client == Version::UNSET => *client = create.settings.version,
            Packet::ClusterTopology(topology) if topology.server_version != Version::UNSET => {
                *server = topology.server_version;
            }
            Packet::CreateSessionResponse(response) => *server = response.server_version,
            _ => {}
        }
    }
}

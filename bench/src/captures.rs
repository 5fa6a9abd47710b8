//! Reads the recorded conversations in `protocol/tests/captures`.
//!
//! Gives each file's frames in order, and follows the versions that a connection has agreed on. The format is described beside the files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use protocol::core::packet::{Direction, Frame, Packet};
use protocol::core::version::Version;

/// The captures, from the top of the repository.
pub const DIRECTORY: &str = "protocol/tests/captures";

/// One recorded conversation.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Its file, without the ending, from the folder of the captures: `clients/2.18.0/reattach`.
    pub name: String,
    /// What happened, in order.
    pub lines: Vec<Line>,
}

/// One frame of a recorded conversation.
#[derive(Clone, Debug)]
pub struct Line {
    /// Counted from 1, as editors do.
    pub number: usize,
    /// Which connection of its file.
    pub connection: u32,
    /// Who sent it.
    pub direction: Direction,
    /// Since the first connection, in ms.
    pub at_ms: u64,
    /// The packet's name according to the recorder; `HANDSHAKE` and `EOF` for what is no packet.
    pub name: String,
    /// The channel according to the recorder; nothing for what is no packet.
    pub channel: Option<i64>,
    /// The whole frame with its length field; empty for the end of a connection.
    pub bytes: Vec<u8>,
    /// `cut`, `dropped` or `malformed`.
    pub remark: String,
}

/// All captures below this top of the repository, in the order of their names.
///
/// # Errors
/// A file cannot be read or is none of this format.
pub fn all(top: &Path) -> Result<Vec<Capture>, String> {
    let folder = top.join(DIRECTORY);
    let mut paths = Vec::new();
    collect(&folder, &mut paths)?;
    paths.sort();
    paths.iter().map(|path| read(&folder, path)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|ending| ending == "cap") {
            paths.push(path);
        }
    }
    Ok(())
}

fn read(folder: &Path, path: &Path) -> Result<Capture, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let name = path.strip_prefix(folder).unwrap_or(path).with_extension("").display().to_string();
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with(['C', 'S']) {
            let parsed =
                parse(line, number).ok_or_else(|| format!("{}:{number}: not a line of a capture", path.display()))?;
            lines.push(parsed);
        }
    }
    Ok(Capture { name, lines })
}

fn parse(line: &str, number: usize) -> Option<Line> {
    let mut words = line.split(' ');
    let side = words.next()?;
    let direction = if side.starts_with('C') { Direction::ClientToServer } else { Direction::ServerToClient };
    let connection = side.get(1..)?.parse().ok()?;
    let at_ms = words.next()?.parse().ok()?;
    let name = words.next()?.to_owned();
    let channel = words.next().and_then(|word| word.parse().ok());
    let hex = words.next();
    let bytes = hex.map_or(Some(Vec::new()), unpack)?;
    let remark = words.find_map(|word| word.strip_prefix('!')).unwrap_or_default().to_owned();
    Some(Line { number, connection, direction, at_ms, name, channel, bytes, remark })
}

/// Bytes of hex with runs: `00[61*3]ff`.
pub fn unpack(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for (index, part) in text.split(['[', ']']).enumerate() {
        // Runs are the parts inside of brackets: every second one.
        if index % 2 == 0 {
            hex(part, &mut bytes)?;
        } else {
            let (unit, count) = part.split_once('*')?;
            let mut once = Vec::new();
            hex(unit, &mut once)?;
            bytes.extend(once.repeat(count.parse().ok()?));
        }
    }
    Some(bytes)
}

fn hex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    for pair in text.as_bytes().chunks(2) {
        out.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
    }
    Some(())
}

/// What the two sides of each connection of one capture have announced so far.
#[derive(Debug, Default)]
pub struct Versions(HashMap<u32, (Version, Version)>);

impl Versions {
    /// The version that the layouts of a connection follow now.
    pub fn of(&self, connection: u32) -> Version {
        let (client, server) = self.0.get(&connection).copied().unwrap_or((Version::UNSET, Version::UNSET));
        let known = |version| if version == Version::UNSET { Version::NEWEST } else { version };
        known(client).min(known(server))
    }

    /// Takes note of what a frame announces.
    pub fn track(&mut self, connection: u32, frame: &Frame<'_>) {
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

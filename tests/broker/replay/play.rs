//! Plays one conversation.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bench::captures::{Capture, Line, Versions};
use protocol::core::identity::{CommandId, MessageId};
use protocol::core::packet::connection::CheckForFailover;
use protocol::core::packet::{Direction, Packet, decode, encode};
use protocol::core::version::Version;
use protocol::limits::LENGTH_PREFIX_BYTES;

use super::before;
use super::compare::same;
use crate::peer::frames;
use ringmq::message::AddressMatch;
use ringmq::routing::{AddressSettings, FullPolicy, SettingsByAddress, SettingsOfMatch};
use ringmq::security::{Grant, Identity, Login, Permission, Policy, Verdict};

use crate::rig::{CHECK_MS, NODE_ID, Peer, Rig};

/// The user who may do everything.
pub(super) const ADMIN: &str = "admin";

/// Checks of the time that are waited for until an answer counts as missing.
const CHECKS_MAX: u64 = 3;

/// What is compared in order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Sequence {
    Deliveries(i64),
    Confirmations,
    /// They wait for no disk, unlike the answers to sends.
    Credits,
    /// Pushed, not only answers.
    Topology,
    Answers,
}

/// The place of a frame: connection, channel and what it is.
type Place = (u32, i64, Sequence);

struct Player {
    rig: Rig,
    cores: u32,
    peers: HashMap<u32, Peer>,
    versions: Versions,
    /// Connections whose clients asked to go on with a session: the answer says what the server has done, so that how often it says so
    /// beside that is its own affair.
    resumed: HashSet<u32>,
    /// Bodies that were heard and not compared yet.
    heard: HashMap<Place, VecDeque<Vec<u8>>>,
    /// Ids of messages there and here.
    ids: HashMap<MessageId, MessageId>,
    at_ms: u64,
    compared: usize,
    plant: fn(&mut [u8]),
}

/// What the reference was set up with for addresses. It counts its own overhead with every message; ours are full after the same one.
fn settings() -> SettingsByAddress {
    let none = SettingsOfMatch::default();
    let every = SettingsOfMatch { auto_delete_queues: Some(false), auto_delete_addresses: Some(false), ..none };
    let auto = SettingsOfMatch { auto_delete_queues: Some(true), auto_delete_addresses: Some(true), ..none };
    let closed = SettingsOfMatch { auto_create_queues: Some(false), auto_create_addresses: Some(false), ..none };
    let full = |policy| SettingsOfMatch { full_policy: Some(policy), bytes_max: Some(Some(60_000)), ..none };
    let matches = [
        ("#", every),
        ("auto.#", auto),
        ("noauto.#", closed),
        ("full.block", full(FullPolicy::Block)),
        ("full.fail", full(FullPolicy::Fail)),
    ];
    let matches = matches.map(|(text, settings)| (AddressMatch::new(text), settings));
    SettingsByAddress::new(AddressSettings::default(), matches.to_vec())
}

/// The reference wants a login. It matters to the conversations about that; the others log in as one who may do everything, or are made by
/// hand and log in as nobody.
fn rig(capture: &Capture, cores: u16) -> Rig {
    let mut rig = Rig::with(cores, 1, settings());
    if ["auth-fail", "auth-permission", "cli-bad-login"].contains(&capture.name.as_str()) {
        let to = Permission::ALL.map(|(permission, _)| ("amq".to_owned(), permission)).to_vec();
        let policy = Policy::new(vec![Grant { covers: AddressMatch::new("#"), to }]);
        rig.require_login(policy, judge);
    }
    rig
}

/// The two users of the reference: one has the role that may do everything, the other one none.
fn judge(login: &Login) -> Verdict {
    let (user, password) = (login.user.as_deref(), login.password.as_ref().map(|secret| secret.0.as_str()));
    let roles = match (user, password) {
        (Some(ADMIN), Some("adminpass123")) => vec!["amq".to_owned()],
        (Some("limited"), Some("limitedpass123")) => Vec::new(),
        _ => return Verdict::Refused("AMQ229031".to_owned()),
    };
    Verdict::Known(Arc::new(Identity { name: user.unwrap_or_default().to_owned(), roles }))
}

/// How many frames of the reference had their counterpart on so many cores, which take the connections in turn; or the first that had none. What is heard here goes through `plant` first.
pub(super) fn play(capture: &Capture, cores: u16, plant: fn(&mut [u8])) -> Result<usize, String> {
    let mut player = Player {
        rig: rig(capture, cores),
        cores: u32::from(cores),
        peers: HashMap::new(),
        versions: Versions::default(),
        resumed: HashSet::new(),
        heard: HashMap::new(),
        ids: HashMap::new(),
        at_ms: 0,
        compared: 0,
        plant,
    };
    before::leave(&mut player.rig, capture);
    for line in &capture.lines {
        player.line(line).map_err(|what| format!("line {}: {}: {what}", line.number, line.name))?;
    }
    player.nothing_more()?;
    Ok(player.compared)
}

impl Player {
    fn line(&mut self, line: &Line) -> Result<(), String> {
        self.pass_until(line.at_ms);
        match (line.direction, line.name.as_str()) {
            (_, "EOF" | "RST") => self.end(line),
            (Direction::ClientToServer, _) => self.say(line),
            (Direction::ServerToClient, _) => self.expect(line),
        }
    }

    fn pass_until(&mut self, at_ms: u64) {
        while self.at_ms < at_ms {
            let step = (at_ms - self.at_ms).min(CHECK_MS);
            self.at_ms += step;
            self.rig.wait_ms(step);
        }
        self.listen();
    }

    /// The client's side says something.
    fn say(&mut self, line: &Line) -> Result<(), String> {
        let known = self.peers.get(&line.connection).copied();
        let core = (line.connection % self.cores) as usize;
        let peer = known.unwrap_or_else(|| self.rig.connect(core));
        self.peers.insert(line.connection, peer);
        let mut bytes = line.bytes.clone();
        if line.name != "HANDSHAKE" && line.remark != "malformed" {
            bytes = self.rewritten(line)?;
        }
        match line.remark.as_str() {
            "dropped" => {}
            "cut" => self.cut(),
            _ => self.rig.receive(peer, &bytes),
        }
        self.rig.settle();
        self.listen();
        Ok(())
    }

    /// What the server chose stands in it as our server chose it.
    fn rewritten(&mut self, line: &Line) -> Result<Vec<u8>, String> {
        let version = self.versions.of(line.connection);
        let frame =
            decode(&line.bytes[LENGTH_PREFIX_BYTES..], line.direction, version).map_err(|error| error.to_string())?;
        self.versions.track(line.connection, &frame);
        let own = |id: MessageId| self.ids.get(&id).copied().unwrap_or(id);
        let mut packet = frame.packet;
        match &mut packet {
            Packet::Acknowledge(ack) | Packet::IndividualAcknowledge(ack) => ack.message_id = own(ack.message_id),
            Packet::MessageExpired(expired) => expired.message_id = own(expired.message_id),
            Packet::ReattachSession(_) => {
                self.resumed.insert(line.connection);
            }
            Packet::CheckForFailover(CheckForFailover { node_id: Some(node) }) => *node = NODE_ID.into(),
            _ => {}
        }
        let mut bytes = Vec::new();
        encode(frame.channel, &packet, version, &mut bytes).map_err(|error| error.to_string())?;
        bytes.extend_from_slice(frame.trailing);
        let length = i32::try_from(bytes.len() - LENGTH_PREFIX_BYTES).unwrap();
        bytes[..LENGTH_PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(bytes)
    }

    /// The recorder broke all connections.
    fn cut(&mut self) {
        for peer in self.peers.values().copied().collect::<Vec<_>>() {
            self.lose(peer);
        }
    }

    fn lose(&mut self, peer: Peer) {
        if !self.rig.closed.contains(&peer) {
            self.rig.lose(peer);
            self.rig.closed.push(peer);
        }
        self.rig.settle();
    }

    /// A side ends its connection.
    fn end(&mut self, line: &Line) -> Result<(), String> {
        let Some(peer) = self.peers.get(&line.connection).copied() else { return Ok(()) };
        if line.direction == Direction::ClientToServer {
            self.lose(peer);
            return Ok(());
        }
        for _ in 0..CHECKS_MAX {
            if self.rig.closed.contains(&peer) {
                return Ok(());
            }
            self.rig.wait_ms(CHECK_MS);
        }
        Err("the reference ended the connection here".to_owned())
    }

    /// Takes in what was said to the clients.
    fn listen(&mut self) {
        for (connection, peer) in &self.peers {
            let bytes = self.rig.take_heard(*peer);
            for body in frames(&bytes) {
                let mut body = body.to_vec();
                (self.plant)(&mut body);
                let version = self.versions.of(*connection);
                let place = place(*connection, &body, version);
                self.heard.entry(place).or_default().push_back(body);
            }
        }
    }

    /// The reference said something.
    fn expect(&mut self, line: &Line) -> Result<(), String> {
        let body = &line.bytes[LENGTH_PREFIX_BYTES..];
        let version = self.versions.of(line.connection);
        let frame = decode(body, line.direction, version).map_err(|error| error.to_string())?;
        self.versions.track(line.connection, &frame);
        let place = place(line.connection, body, version);
        if let Packet::PacketsConfirmed(confirmed) = frame.packet {
            self.confirmed(place, confirmed.command_id)?;
            self.compared += 1;
            return Ok(());
        }
        let ours = self.next(place).ok_or_else(|| format!("not heard: {:?}", frame.packet))?;
        let own = decode(&ours, line.direction, version).map_err(|error| error.to_string())?;
        let ids = same(&frame.packet, &own.packet)?;
        self.ids.extend(ids);
        self.compared += 1;
        if line.remark == "cut" {
            self.cut();
        }
        Ok(())
    }

    /// The reference confirmed up to here. When a server does so by its clock is left open, so it may be in more or in fewer steps.
    fn confirmed(&mut self, place: Place, theirs: CommandId) -> Result<(), String> {
        if self.resumed.contains(&place.0) {
            return Ok(());
        }
        loop {
            let ours = self.next(place).ok_or_else(|| format!("not confirmed up to {theirs:?}"))?;
            match decode(&ours, Direction::ServerToClient, Version::NEWEST).map(|frame| frame.packet) {
                Ok(Packet::PacketsConfirmed(own)) if own.command_id < theirs => {}
                Ok(Packet::PacketsConfirmed(own)) if own.command_id == theirs => return Ok(()),
                _ => {
                    self.heard.entry(place).or_default().push_front(ours);
                    return Ok(());
                }
            }
        }
    }

    /// The next that was heard at a place, now or when it is time.
    fn next(&mut self, place: Place) -> Option<Vec<u8>> {
        for _ in 0..CHECKS_MAX {
            if let Some(body) = self.heard.get_mut(&place).and_then(VecDeque::pop_front) {
                return Some(body);
            }
            self.rig.wait_ms(CHECK_MS);
            self.listen();
        }
        None
    }

    /// The reference said no more than this.
    fn nothing_more(&mut self) -> Result<(), String> {
        for (place, bodies) in &self.heard {
            if place.2 == Sequence::Confirmations && self.resumed.contains(&place.0) {
                continue;
            }
            if let Some(body) = bodies.front() {
                let version = self.versions.of(place.0);
                let frame = decode(body, Direction::ServerToClient, version).map_err(|error| error.to_string())?;
                return Err(format!("at {place:?} the reference says no {:?}", frame.packet));
            }
        }
        Ok(())
    }
}

fn place(connection: u32, body: &[u8], version: Version) -> Place {
    let frame = decode(body, Direction::ServerToClient, version).unwrap();
    let sequence = match frame.packet {
        Packet::ReceiveMessage(receive) => Sequence::Deliveries(receive.trailer.consumer_id.0),
        Packet::ReceiveLargeMessage(receive) => Sequence::Deliveries(receive.delivery.consumer_id.0),
        Packet::ReceiveContinuation(receive) => Sequence::Deliveries(receive.consumer_id.0),
        Packet::PacketsConfirmed(_) => Sequence::Confirmations,
        Packet::ProducerCredits(_) | Packet::ProducerFailCredits(_) => Sequence::Credits,
        Packet::ClusterTopology(_) => Sequence::Topology,
        _ => Sequence::Answers,
    };
    (connection, frame.channel.0, sequence)
}

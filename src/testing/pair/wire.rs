//! The connections between the two sites: each a stream of words and one of blocks for each lane, first in, first out; between streams and
//! between connections anything may overtake anything.
//!
//! A direction that is cut keeps what is sent and brings nothing, as TCP does, until it heals or the connection ends. An end that closes is
//! gone at once; the other end hears of it when something can reach it, and may lose what was still on the way.

use std::collections::{BTreeMap, VecDeque};

use ha_engine::gate::Link;
use ha_engine::message::Packet;
use journal::LaneId;

/// Which of the two sites.
pub(super) type SiteNumber = usize;

/// The other one.
pub(super) const fn other(site: SiteNumber) -> SiteNumber {
    1 - site
}

/// Blocks that one lane of a connection holds on their way; the sender waits beyond.
pub(super) const BLOCKS_UNDER_WAY_MAX: usize = 24;

/// Something that the wire may bring about next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireEvent {
    /// The answer to a dialler: it stands, nobody listens, or nobody answers.
    Dialled(Link),
    /// Words arrive at an end.
    Words(Link, SiteNumber),
    /// A block arrives at an end.
    Block(Link, SiteNumber, LaneId),
    /// An end hears that the other one is gone.
    Lost(Link, SiteNumber),
}

/// What came of a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialled {
    Standing,
    Refused,
    Unanswered,
}

#[derive(Debug, Default)]
struct End {
    /// It has neither closed nor heard of the end.
    open: bool,
    /// The other end is closed, and this one has not heard of it.
    severed: bool,
    /// The other end's host lost its power: only when it is up again does it answer with a reset.
    silent: bool,
    /// On the way to this end.
    words: VecDeque<Packet>,
    blocks: BTreeMap<LaneId, VecDeque<Vec<u8>>>,
}

#[derive(Debug)]
struct Connection {
    dialler: SiteNumber,
    /// When a dial without an answer ends, in nanoseconds; `None` once it is answered.
    dialling: Option<u64>,
    ends: [End; 2],
}

/// Everything between the sites.
#[derive(Debug, Default)]
pub(super) struct Wire {
    connections: BTreeMap<Link, Connection>,
    next: u64,
    /// Nothing leaves this site for the other.
    pub(super) cut: [bool; 2],
    /// Until then nothing arrives at this site, in nanoseconds.
    pub(super) stalled: [u64; 2],
}

/// How long a dial waits for an answer.
const DIAL_NANOS: u64 = 1_000_000_000;

impl Wire {
    /// A site dials the other one.
    pub(super) fn dial(&mut self, dialler: SiteNumber, now: u64) -> Link {
        self.next += 1;
        let id = Link(self.next);
        let dialling = Some(now + DIAL_NANOS);
        self.connections.insert(id, Connection { dialler, dialling, ends: Default::default() });
        id
    }

    /// Can anything get from the other site to this one?
    fn reaches(&self, site: SiteNumber, now: u64) -> bool {
        !self.cut.get(other(site)).copied().unwrap_or(true) && self.stalled.get(site).is_some_and(|until| *until <= now)
    }

    /// What may happen next. `listens` says which sites have a process, `powered` which are on at all.
    pub(super) fn possible(&self, now: u64, powered: [bool; 2], events: &mut Vec<WireEvent>) {
        for (id, connection) in &self.connections {
            if let Some(due) = connection.dialling {
                let to = other(connection.dialler);
                let answered = self.reaches(to, now) && self.reaches(connection.dialler, now);
                if (answered && powered.get(to) == Some(&true)) || due <= now {
                    events.push(WireEvent::Dialled(*id));
                }
                continue;
            }
            for (site, end) in connection.ends.iter().enumerate().filter(|(_, end)| end.open) {
                if !self.reaches(site, now) {
                    continue;
                }
                if !end.words.is_empty() {
                    events.push(WireEvent::Words(*id, site));
                }
                let lanes = end.blocks.iter().filter(|(_, blocks)| !blocks.is_empty());
                events.extend(lanes.map(|(lane, _)| WireEvent::Block(*id, site, *lane)));
                if end.severed && (!end.silent || powered.get(other(site)) == Some(&true)) {
                    events.push(WireEvent::Lost(*id, site));
                }
            }
        }
    }

    /// When a dial without an answer ends.
    pub(super) fn deadline(&self, now: u64) -> Option<u64> {
        let dials = self.connections.values().filter_map(|connection| connection.dialling);
        dials.chain(self.stalled).filter(|at| *at > now).min()
    }

    /// A dial is answered. The connection goes unless it stands.
    pub(super) fn dialled(&mut self, id: Link, now: u64, listens: [bool; 2]) -> Option<(SiteNumber, Dialled)> {
        let connection = self.connections.get(&id)?;
        let (from, to) = (connection.dialler, other(connection.dialler));
        let reaches = self.reaches(to, now) && self.reaches(from, now);
        let answer = match listens.get(to) {
            Some(true) if reaches => Dialled::Standing,
            _ if reaches => Dialled::Refused,
            _ => Dialled::Unanswered,
        };
        if answer == Dialled::Standing {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.dialling = None;
                connection.ends.iter_mut().for_each(|end| end.open = true);
            }
        } else {
            self.connections.remove(&id);
        }
        Some((from, answer))
    }

    fn end(&mut self, id: Link, site: SiteNumber) -> Option<&mut End> {
        self.connections.get_mut(&id)?.ends.get_mut(site)
    }

    /// A site says something. Without a connection it goes nowhere.
    pub(super) fn say(&mut self, from: SiteNumber, id: Link, packet: Packet) {
        if self.end(id, from).is_some_and(|end| end.open)
            && let Some(end) = self.end(id, other(from)).filter(|end| end.open)
        {
            end.words.push_back(packet);
        }
    }

    /// A site sends a block.
    pub(super) fn send(&mut self, from: SiteNumber, id: Link, lane: LaneId, block: Vec<u8>) {
        if let Some(end) = self.end(id, other(from)).filter(|end| end.open) {
            end.blocks.entry(lane).or_default().push_back(block);
        }
    }

    /// Is there room for a block on its way from a site?
    pub(super) fn has_room(&self, from: SiteNumber, id: Link, lane: LaneId) -> bool {
        let to = self.connections.get(&id).and_then(|connection| connection.ends.get(other(from)));
        to.is_some_and(|end| end.blocks.get(&lane).is_none_or(|blocks| blocks.len() < BLOCKS_UNDER_WAY_MAX))
    }

    pub(super) fn take_word(&mut self, id: Link, site: SiteNumber) -> Option<Packet> {
        self.end(id, site)?.words.pop_front()
    }

    pub(super) fn take_block(&mut self, id: Link, site: SiteNumber, lane: LaneId) -> Option<Vec<u8>> {
        self.end(id, site)?.blocks.get_mut(&lane)?.pop_front()
    }

    /// An end goes: its owner closed it, died, or hears that the other one is gone.
    pub(super) fn close(&mut self, id: Link, site: SiteNumber, silent: bool) {
        if let Some(end) = self.end(id, site) {
            *end = End::default();
        }
        if let Some(end) = self.end(id, other(site)).filter(|end| end.open) {
            end.severed = true;
            end.silent = silent;
        }
        self.connections
            .retain(|_, connection| connection.dialling.is_some() || connection.ends.iter().any(|end| end.open));
    }

    /// A site's process is gone, and with it all its ends. Without power nobody says so.
    pub(super) fn site_gone(&mut self, site: SiteNumber, silent: bool) {
        self.connections.retain(|_, connection| connection.dialling.is_none() || connection.dialler != site);
        let ids: Vec<Link> = self.connections.keys().copied().collect();
        for id in ids {
            if self.end(id, site).is_some_and(|end| end.open) {
                self.close(id, site, silent);
            }
        }
    }

    /// The connections that stand, for the baseline.
    pub(super) fn count(&self) -> usize {
        self.connections.len()
    }
}

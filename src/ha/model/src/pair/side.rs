//! One server: its disk, what it keeps of itself, and while its process runs, the engine and what the engine waits for.

use std::collections::VecDeque;

use ha_engine::command::{Clients, Job};
use ha_engine::event::Timer;
use ha_engine::gate::Link;
use ha_engine::ha_state::HaState;
use ha_engine::register_client::{Answer, Ask, Request};
use ha_engine::server::Server;
use ha_engine::vector::Vector;

use super::disk::Disk;

/// A request to the register under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) ask: Ask,
    /// What came of it, on its way back.
    pub(crate) answer: Option<Answer>,
}

/// The timers that are armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Timers(u32);

impl Timers {
    pub(crate) const fn arm(&mut self, timer: Timer) {
        self.0 |= 1 << timer as u32;
    }

    pub(crate) const fn disarm(&mut self, timer: Timer) {
        self.0 &= !(1 << timer as u32);
    }

    pub(crate) fn armed(self) -> impl Iterator<Item = Timer> {
        Timer::ALL.into_iter().filter(move |timer| self.0 & 1 << *timer as u32 != 0)
    }
}

/// A process, and what is under way for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) server: Server,
    /// Writes of `ha.state` that are not durable, oldest first.
    pub(crate) writes: VecDeque<HaState>,
    /// Jobs of the store, oldest first, each with the ends of the lanes when it was given.
    pub(crate) jobs: VecDeque<(Job, Vector)>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) wake: Option<Request>,
    pub(crate) timers: Timers,
    pub(crate) dialing: bool,
    pub(crate) clients: Clients,
    /// Nothing is appended until clients go on.
    pub(crate) frozen: bool,
    pub(crate) acked: Vector,
    pub(crate) visible: Vector,
    /// Blocks are taken from here.
    pub(crate) receiving: Option<Link>,
    /// Blocks are sent there as they are appended; so far they are.
    pub(crate) streams: Vec<(Link, Vector)>,
}

impl Process {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            writes: VecDeque::new(),
            jobs: VecDeque::new(),
            asked: Vec::new(),
            wake: None,
            timers: Timers::default(),
            dialing: false,
            clients: Clients::Closed,
            frozen: false,
            acked: Vector::default(),
            visible: Vector::default(),
            receiving: None,
            streams: Vec::new(),
        }
    }

    /// Whether work of its own is under way.
    pub(crate) fn is_at_work(&self) -> bool {
        !self.writes.is_empty() || !self.jobs.is_empty()
    }

    pub(crate) fn forget(&mut self, link: Link) {
        self.streams.retain(|(stream, _)| *stream != link);
        if self.receiving == Some(link) {
            self.receiving = None;
        }
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Side {
    pub(crate) disk: Disk,
    /// What stands in `ha.state`.
    pub(crate) kept: HaState,
    /// None while it is down.
    pub(crate) process: Option<Process>,
}

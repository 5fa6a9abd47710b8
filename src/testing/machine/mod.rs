//! The simulated machine: a disk, one broker on some cores, the wires to its clients, and a clock.
//!
//! Gives the events that may happen next; the world picks one, and the machine lets it happen. It does for the rooms what the
//! server's loops do: a core has its turn after an event or at its deadline and at no other time, so a room that forgot to ask for
//! one stays behind here too. What must stay true: nothing here decides by anything but its arguments and the seed.

mod buffer;
mod files;
mod pair;
mod socket;
mod start;
mod stop;

use std::collections::VecDeque;

use journal::testing::Random;
use journal::{Command, EpochStart, HaStateFile, LaneId, Now};

pub(super) use buffer::{Buffer, taken as buffers_taken};
pub use files::Crash;
pub(super) use files::{Done, Files};
pub(super) use socket::SocketNumber;
pub(super) use start::{NotStarted, Setup};

use super::Control;
use super::oracle::Kind;
use crate::broker::{Core, Output};
use crate::home::Unfinished;
use crate::mail::Letter;
use crate::message::{ConnectionKey, CoreId};
use crate::server::broken::Broken;
use crate::server::distrust::distrust;
use socket::Socket;

/// An event takes no longer than this.
const EVENT_NANOS_MAX: u64 = 20_000;

/// A core that wants its next turn later than this wants it for nothing that a client waits for.
const WAIT_NANOS_MAX: u64 = 60_000_000_000;

/// Something that may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A core has its turn.
    Turn(usize),
    /// One step of what is under way on the disk.
    Disk(usize),
    /// Letters arrive, between this pair of cores.
    Letters(usize),
    /// The oldest buffer of a core's clients is written.
    Sent(usize),
    /// Bytes of a client arrive.
    Received(SocketNumber),
    /// A core hears that a connection is closed.
    Closed(SocketNumber),
    /// The start of the epoch is promised everywhere: the next core begins to serve.
    Open(usize),
}

/// How far the start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The start of the epoch is not promised on all lanes.
    Promising,
    /// Cores before this one serve.
    Opening(usize),
    /// All serve.
    Serving,
}

struct SimCore {
    core: Core<Buffer>,
    /// Something happened since its last turn.
    due: bool,
    /// A buffer that is written is something that happened; otherwise the core hears of it with whatever comes next.
    heeds_sent: bool,
    /// Buffers on their way to clients.
    sent: VecDeque<(ConnectionKey, Vec<u8>)>,
}

/// The machine, with a running broker.
pub(super) struct Machine {
    files: Files,
    cores: Vec<SimCore>,
    /// Letters between each pair of cores, in order.
    mesh: Vec<VecDeque<Letter>>,
    sockets: Vec<Socket>,
    now: Now,
    phase: Phase,
    /// Clients may be let in as soon as the epoch is promised.
    doors: bool,
    /// Nothing of clients is received.
    held: bool,
    /// Nothing happens but that writes end.
    frozen: bool,
    /// The blocks that were submitted, for whoever sends them to a peer.
    tap: Option<Vec<(LaneId, Vec<u8>)>>,
    ha_state: HaStateFile,
    epoch: EpochStart,
    unfinished: Unfinished,
    outputs: Vec<Output<Buffer>>,
    control: Control,
    /// The state of the instance could not be written, so that the start fails; or something cannot be read back.
    broken: Option<String>,
    /// Events that happened.
    pub(super) events: u64,
}

impl Machine {
    /// Everything that may happen now.
    pub(super) fn possible(&self, events: &mut Vec<Event>) {
        events.extend(self.files.steps().map(Event::Disk));
        if self.frozen {
            return;
        }
        if let Phase::Opening(core) = self.phase {
            events.push(Event::Open(core));
        }
        for (at, core) in self.cores.iter().enumerate() {
            if core.due || core.core.deadline(self.now).is_some_and(|at| at <= self.now) {
                events.push(Event::Turn(at));
            }
            if !core.sent.is_empty() {
                events.push(Event::Sent(at));
            }
        }
        for (pair, letters) in self.mesh.iter().enumerate() {
            if !letters.is_empty() && self.cores.get(self.receiver(pair)).is_some_and(|core| core.core.takes_letters())
            {
                events.push(Event::Letters(pair));
            }
        }
        self.possible_on_sockets(events);
    }

    /// Lets an event happen.
    pub(super) fn happen(&mut self, event: Event, random: &mut Random) {
        self.events += 1;
        self.now = self.now.plus_nanos(random.below(EVENT_NANOS_MAX));
        match event {
            Event::Turn(core) => self.turn(core),
            Event::Disk(index) => {
                let done = self.files.step(index);
                // With the power gone nobody is left to hear of it.
                if let Some(done) = done.filter(|_| self.is_powered()) {
                    self.done(done);
                }
            }
            Event::Letters(pair) => self.deliver_letters(pair, random),
            Event::Sent(core) => {
                let Some(core) = self.cores.get_mut(core) else { return };
                if let Some((connection, buffer)) = core.sent.pop_front() {
                    core.core.sent(connection, buffer);
                    core.due |= core.heeds_sent;
                }
            }
            Event::Received(socket) => self.receive(socket, random),
            Event::Closed(socket) => self.close(socket, random),
            Event::Open(core) => self.open(core),
        }
        self.await_epoch();
        self.note_damage();
    }

    /// What cannot be read back ends the broker; word of it is left for the next start.
    fn note_damage(&mut self) {
        if self.broken.is_some() {
            return;
        }
        let mut damaged = self.cores.iter().filter_map(|core| core.core.home().damaged());
        if let Some(damaged) = damaged.next().cloned() {
            let mut word = self.files.layout.segment(damaged.lane, damaged.segment).display().to_string();
            if self.control != Control::ForgetsDamage {
                word = distrust(&mut self.files.disk, &self.files.layout, &mut self.ha_state, &damaged);
            }
            self.broken = Some(format!("{} {word}", Broken::Damaged(damaged)));
        }
    }

    /// Nothing can happen but that time passes: to the next deadline. False: there is none.
    pub(super) fn wait(&mut self) -> bool {
        match self.deadline() {
            Some(at) => self.now = at,
            None => return false,
        }
        true
    }

    /// When a core wants its next turn, if it is for something that a client waits for.
    pub(super) fn deadline(&self) -> Option<Now> {
        let next = self.cores.iter().filter_map(|core| core.core.deadline(self.now)).min();
        next.filter(|at| *at > self.now && *at <= self.now.plus_nanos(WAIT_NANOS_MAX) && !self.frozen)
    }

    /// Time passes, whatever else could happen.
    pub(super) fn pass(&mut self, nanos: u64) {
        self.now = self.now.plus_nanos(nanos);
    }

    /// Why the broker ends by itself, as the process would say it.
    pub(super) fn failure(&self) -> Option<String> {
        let mut latches = self.cores.iter().filter_map(|core| core.core.home().latch());
        self.broken.clone().or_else(|| {
            let (lane, latch) = latches.next()?;
            Some(Broken::latched(latch, &self.files.layout.segment(lane, latch.segment)).to_string())
        })
    }

    pub(super) fn is_powered(&self) -> bool {
        self.files.disk.is_powered()
    }

    pub(super) fn disk(&self) -> &journal::testing::SimDisk {
        &self.files.disk
    }

    pub(super) fn disk_mut(&mut self) -> &mut journal::testing::SimDisk {
        &mut self.files.disk
    }

    /// What the disk holds after a crash at this moment.
    pub(super) fn after(&self, crash: Crash, seed: u64) -> journal::testing::SimDisk {
        self.files.after(crash, seed)
    }

    /// How many cores there are.
    pub(super) fn core_count(&self) -> usize {
        self.cores.len()
    }

    /// Does every core serve?
    pub(super) fn is_serving(&self) -> bool {
        self.phase == Phase::Serving
    }

    /// Is all that was appended promised, and said in a later header of each lane?
    pub(super) fn is_sealed(&self) -> bool {
        self.cores.iter().all(|core| core.core.home().is_sealed(self.now))
    }

    fn receiver(&self, pair: usize) -> usize {
        pair.checked_rem(self.cores.len()).unwrap_or(0)
    }

    fn turn(&mut self, at: usize) {
        let mut outputs = std::mem::take(&mut self.outputs);
        let now = self.now;
        if let Some(core) = self.cores.get_mut(at) {
            core.due = false;
            core.core.turn(now, &mut |output| outputs.push(output));
            core.heeds_sent = core.core.awaits_sent();
        }
        for output in outputs.drain(..) {
            self.carry_out(at, output);
        }
        self.outputs = outputs;
    }

    fn carry_out(&mut self, at: usize, output: Output<Buffer>) {
        match output {
            Output::Lane { lane, command } => {
                self.tap_block(lane, &command);
                self.files.submit(at, lane, command);
            }
            Output::Read(read) => self.files.read(at, read),
            Output::Letter { core, letter } => {
                let pair = at * self.cores.len() + usize::from(core.0);
                if let Some(letters) = self.mesh.get_mut(pair) {
                    letters.push_back(letter);
                }
            }
            Output::Send { connection, bytes } => {
                self.send_to_client(at, connection, &bytes);
                if let Some(core) = self.cores.get_mut(at) {
                    core.sent.push_back((connection, bytes));
                }
            }
            Output::Close { connection } => self.close_by_server(at, connection),
            Output::Move { connection, .. } => self.move_to(at, connection),
            // Nobody has to log in on this machine.
            Output::Login { .. } => {}
            // Nor does anybody look after the broker.
            Output::MeasureDisk => {}
            Output::Receive { connection, on } => self.pause(at, connection, !on),
        }
    }

    fn tap_block(&mut self, lane: LaneId, command: &Command<Buffer>) {
        if let (Some(tap), Command::Write { buffer, len, .. }) = (&mut self.tap, command) {
            tap.extend(buffer.as_ref().get(..*len).map(|block| (lane, block.to_vec())));
        }
    }

    fn done(&mut self, done: Done) {
        let (Done::Written { core, .. } | Done::Prepared { core, .. } | Done::Read { core, .. }) = &done;
        let Some(SimCore { core, due, .. }) = self.cores.get_mut(*core) else { return };
        *due = true;
        match done {
            Done::Written { lane, ticket, buffer, result, .. } => core.written(lane, ticket, buffer, result),
            Done::Prepared { lane, sequence, result, .. } => match result {
                Ok(()) => core.segment_ready(lane, sequence),
                Err(error) => core.segment_failed(lane, sequence, error),
            },
            Done::Read { token, result, .. } => core.read_done(token, result.as_deref().map_err(Clone::clone)),
        }
    }

    fn deliver_letters(&mut self, pair: usize, random: &mut Random) {
        let (from, to) = (pair.checked_div(self.cores.len()).unwrap_or(0), self.receiver(pair));
        let Some(letters) = self.mesh.get_mut(pair) else { return };
        let count = 1 + random.index(letters.len());
        let Some(core) = self.cores.get_mut(to) else { return };
        for letter in letters.drain(..count.min(letters.len())) {
            core.core.letter(CoreId(u16::try_from(from).unwrap_or(0)), letter);
        }
        core.due = true;
    }

    /// Where every lane stands, for a finding.
    pub(super) fn positions(&self) -> String {
        let lanes = self.cores.iter().flat_map(|core| core.core.home().positions());
        let lanes: Vec<String> =
            lanes.map(|(lane, appended, promised)| format!("{lane} appended {appended} promised {promised}")).collect();
        let letters: Vec<usize> = self.mesh.iter().map(VecDeque::len).collect();
        format!("{}, letters {letters:?}, {} under way on the disk", lanes.join(", "), self.files.under_way())
    }

    /// A finding that only the machine can make: something that a broker must never do, whatever happens around it.
    pub(super) fn misbehaviour(&self) -> Option<(Kind, String)> {
        let lanes = self.cores.iter().flat_map(|core| core.core.home().positions());
        let mut beyond = lanes.filter(|(_, appended, promised)| promised > appended);
        beyond.next().map(|(lane, appended, promised)| {
            (Kind::Broker, format!("lane {lane} has promised {promised} and appended {appended}"))
        })
    }
}

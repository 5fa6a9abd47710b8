//! A step of one server: the driver of the model. Gives the engine an event, and does what it wants done.

use ha_engine::command::{Clients, Command, Commands, Job};
use ha_engine::event::{Done, Event, Start};
use ha_engine::gate::Link;
use ha_engine::ids::Lsn;
use ha_engine::register_client::Ask;
use ha_engine::server::Server;
use ha_engine::state::State;
use ha_engine::time::Now;
use ha_engine::vector::Vector;

use super::Pair;
use super::cast::name;
use super::disk::{Block, Content, index};
use super::net::Net;
use super::register::Replaced;
use super::shared::Shared;
use super::side::{Asked, Process, Side};
use crate::world::Violation;

/// A step under way. Its server and the network are apart, to be changed.
pub(super) struct Turn {
    who: usize,
    pub(super) next: Pair,
    pub(super) side: Side,
    pub(super) net: Net,
    /// What stood on its disk before.
    before: Shared<Side>,
}

impl Turn {
    /// A step of server `who` begins; nothing if there is no such server.
    pub(super) fn of(world: &Pair, who: usize) -> Option<Self> {
        let before = world.sides.get(who)?.clone();
        Some(Self { who, next: world.clone(), side: (*before).clone(), net: (*world.net).clone(), before })
    }

    /// It ends.
    pub(super) fn end(self) -> Pair {
        let Self { who, mut next, side, net, before } = self;
        let written = side.disk != before.disk;
        if let Some(place) = next.sides.get_mut(who) {
            *place = Shared::new(side);
        }
        if *next.net != net {
            next.net = Shared::new(net);
        }
        if written && next.violation.is_none() {
            next.violation = next.judge_lanes().err();
        }
        next
    }

    fn violated(&mut self, sentence: String) {
        if self.next.violation.is_none() {
            self.next.violation = Some(Violation(sentence));
        }
    }

    /// The engine hears of something.
    pub(super) fn hear(&mut self, event: Event) {
        let Some(process) = &mut self.side.process else { return };
        let before = process.server.state();
        let mut commands = Commands::new();
        process.server.handle(Now::default(), event, &mut commands);
        let after = process.server.state();
        if commands.dropped() > 0 {
            self.violated(format!("{} wants more done than fits", name(self.who)));
        }
        self.judge_change(before, after);
        let all: Vec<Command> = commands.drain().collect();
        for command in all {
            self.carry_out(command);
        }
        self.pump();
        self.answer_clients();
        self.renumber();
    }

    /// Requests are numbered, and those to look again would make every state a new one.
    fn renumber(&mut self) {
        if let Some(process) = &mut self.side.process
            && process.asked.is_empty()
            && process.server.renumber()
        {
            // It belongs to what is over.
            process.wake = None;
        }
    }

    /// Who has less than everything never becomes active; and with a register, or where no client has written anything, nothing is ever so
    /// contradictory that a person must decide.
    fn judge_change(&mut self, before: State, after: State) {
        use State::{Activating, Lagging, Quarantined, Spare, Syncing};
        let who = name(self.who);
        if after == Activating && matches!(before, Syncing | Lagging | Spare | Quarantined) {
            self.violated(format!("{who} becomes active out of {before}"));
        }
        if after == Quarantined && before != after && (self.next.cast.has_register() || self.next.begun == 0) {
            self.violated(format!("{who} is quarantined, though nothing was damaged"));
        }
    }

    fn carry_out(&mut self, command: Command) {
        let who = self.who;
        let Some(process) = &mut self.side.process else { return };
        match command {
            Command::WriteState(state) => process.writes.push_back(state),
            Command::Store(job) => process.jobs.push_back((job, self.side.disk.end())),
            Command::Call(call) => process.asked.push(Asked { request: call.request, ask: call.ask, answer: None }),
            Command::Wake(wake) => process.wake = Some(wake.request),
            Command::Dial => process.dialing = true,
            Command::Send(link, packet) => self.net.send(who, link, packet),
            Command::Close(link) => {
                process.forget(link);
                self.net.close(who, link);
            }
            Command::Receive(link) => process.receiving = Some(link),
            Command::Stream { conn, from } => process.streams.push((conn, from)),
            Command::Copy { conn, from, to } => self.copy(conn, &from, &to),
            Command::SetTimer(timer, _) => process.timers.arm(timer),
            Command::ClearTimer(timer) => process.timers.disarm(timer),
            Command::Promise { acked, visible } => {
                process.acked = acked;
                process.visible = visible;
            }
            Command::Clients(clients) => {
                process.clients = clients;
                process.frozen &= clients != Clients::Served;
            }
            Command::Exit { .. } => self.stop(),
            // Blocks do not rot here, and nobody reads the notices.
            Command::SendBlock { .. } | Command::Tell(_) => {}
        }
    }

    /// Sends what stands in the lanes between two positions.
    fn copy(&mut self, link: Link, from: &Vector, to: &Vector) {
        for lane in 0..self.next.cast.lanes() {
            for at in index(from.at(lane))..index(to.at(lane)) {
                if let Some(block) = self.side.disk.block(lane, at) {
                    self.net.send_block(self.who, link, lane, (at, block));
                }
            }
        }
    }

    /// Sends what was appended since.
    fn pump(&mut self) {
        let end = self.side.disk.end();
        let Some(process) = &mut self.side.process else { return };
        let mut due = Vec::new();
        for (link, from) in &mut process.streams {
            due.push((*link, std::mem::replace(from, from.higher(&end))));
        }
        for (link, from) in due {
            self.copy(link, &from, &end);
        }
    }

    /// What is promised is answered to clients, and delivered, while they are served.
    fn answer_clients(&mut self) {
        let Some(process) = &self.side.process else { return };
        if process.clients == Clients::Served {
            self.next.acked = self.next.acked.and(self.side.disk.operations_below(&process.acked));
            self.next.delivered = self.next.delivered.and(self.side.disk.operations_below(&process.visible));
        }
    }

    /// A new life. What the last one wrote of itself counts, and the beginning of this one is durable before anything else.
    pub(super) fn start(&mut self) {
        let life = self.side.kept.incarnations.last().map_or(0, |last| last.counter) + 1;
        let nonce = life * 16 + self.who as u64;
        self.side.kept.begin(nonce);
        let Some(settings) = self.next.cast.settings.get(self.who) else { return };
        self.side.process = Some(Process::new(Server::new(*settings, self.next.cast.rules)));
        let start = Start { state: self.side.kept.clone(), scan: self.side.disk.scan(), seed: u128::from(nonce) << 64 };
        self.hear(Event::Started(start));
    }

    /// The process ends. What it asked of the register may still be carried out.
    pub(super) fn stop(&mut self) {
        let Some(process) = self.side.process.take() else { return };
        self.net.close_all(self.who);
        for asked in process.asked {
            if asked.answer.is_none() && asked.ask != Ask::Read {
                self.next.register.outlive(self.who, asked.ask);
            }
        }
    }

    /// So many of the writes of its state that were under way count.
    pub(super) fn keep_writes(&mut self, count: usize) {
        let Some(process) = &self.side.process else { return };
        if let Some(state) = count.checked_sub(1).and_then(|last| process.writes.get(last)) {
            self.side.kept = state.clone();
        }
    }

    pub(super) fn state_written(&mut self) {
        let Some(process) = &mut self.side.process else { return };
        if let Some(state) = process.writes.pop_front() {
            self.side.kept = state;
            self.hear(Event::StateWritten);
        }
    }

    pub(super) fn job_done(&mut self) {
        let Some(process) = &mut self.side.process else { return };
        let Some((job, ends)) = process.jobs.pop_front() else { return };
        let disk = &mut self.side.disk;
        let done = match job {
            Job::StartEpoch { epoch, reason, ack_mode, .. } => {
                for lane in 0..self.next.cast.lanes() {
                    let promised = process.acked.at(lane);
                    disk.append(lane, Block { content: Content::Start(epoch, reason, ack_mode), promised });
                }
                Done::EpochStarted { end: disk.end(), history: disk.history() }
            }
            Job::Flush => {
                disk.flush_to(&ends);
                Done::Flushed(disk.durable())
            }
            Job::Snapshot { .. } => Done::Snapshotted,
            Job::Truncate(at) => {
                disk.truncate(&at);
                Done::Truncated { end: disk.end(), history: disk.history() }
            }
            Job::ReadChains(at) => Done::Chains(disk.chains(&at)),
            Job::Freeze => {
                process.frozen = true;
                Done::Frozen
            }
            Job::Load => Done::Loaded,
            Job::Quiesce { .. } => {
                process.clients = Clients::Closed;
                Done::Quiet
            }
        };
        self.hear(Event::Done(done));
    }

    pub(super) fn durable(&mut self, lane: usize) {
        self.side.disk.flush(lane);
        self.hear(Event::Durable(self.side.disk.durable()));
    }

    /// The register carries out a request; its answer is on its way.
    pub(super) fn carried_out(&mut self, number: usize) {
        let Some(asked) = self.side.process.as_mut().and_then(|process| process.asked.get_mut(number)) else { return };
        let ask = asked.ask.clone();
        let (answer, replaced) = self.next.register.carry_out(&ask);
        asked.answer = Some(answer);
        if let Some(replaced) = replaced {
            self.judge_register(replaced);
        }
    }

    pub(super) fn late_write(&mut self, number: usize) {
        if number >= self.next.register.late.len() {
            return;
        }
        let (_, ask) = self.next.register.late.remove(number);
        if let (_, Some(replaced)) = self.next.register.carry_out(&ask) {
            self.judge_register(replaced);
        }
    }

    /// The register goes from one value to the next as it must.
    fn judge_register(&mut self, before: Replaced) {
        let Some(now) = self.next.register.value.clone() else { return };
        let Some(before) = before else { return };
        if now.version != before.version + 1 {
            self.violated(format!("the register goes from version {} to {}", before.version, now.version));
        }
        if now.epoch != before.epoch && now.epoch.number <= before.epoch.number {
            self.violated(format!("the register goes from epoch {} to {}", before.epoch, now.epoch));
        }
        if now.epoch == before.epoch && now.holder != before.holder {
            self.violated(format!("epoch {} has two holders", now.epoch));
        }
        if before.member(now.holder).is_none() {
            self.violated("the register names a holder that was not in the in-sync set".to_owned());
        }
        if now.member(now.holder).is_none() {
            self.violated("the register names a holder that is not in the in-sync set".to_owned());
        }
    }

    pub(super) fn answered(&mut self, number: usize) {
        let Some(process) = &mut self.side.process else { return };
        if number < process.asked.len() {
            let Asked { request, answer, .. } = process.asked.remove(number);
            if let Some(answer) = answer {
                self.hear(Event::Answer(request, answer));
            }
        }
    }

    pub(super) fn woken(&mut self) {
        let Some(request) = self.side.process.as_mut().and_then(|process| process.wake.take()) else { return };
        self.hear(Event::Wake(request));
        self.forget_hopeless();
    }

    /// A request that is not the last one, and can have no effect any more, brings no news either: its answer may as well be lost.
    fn forget_hopeless(&mut self) {
        let register = &self.next.register;
        let Some(process) = &mut self.side.process else { return };
        let last = process.asked.iter().map(|asked| asked.request).max();
        process
            .asked
            .retain(|asked| Some(asked.request) == last || asked.answer.is_some() || !register.is_hopeless(&asked.ask));
    }

    pub(super) fn packet(&mut self, link: Link) {
        if let Some(packet) = self.net.receive(self.who, link) {
            self.hear(Event::Packet(link, packet));
        }
    }

    pub(super) fn block(&mut self, link: Link, lane: usize) {
        let Some((at, block)) = self.net.receive_block(self.who, link, lane) else { return };
        let Some(process) = &self.side.process else { return };
        if process.receiving != Some(link) {
            return;
        }
        let end = self.side.disk.end();
        let here = Lsn(at as u64);
        if here > end.at(lane) {
            self.violated(format!(
                "{} is sent a block at {at} of lane {lane}, which ends at {}",
                name(self.who),
                end.at(lane).0
            ));
        }
        if here == end.at(lane) {
            self.side.disk.append(lane, block);
            if matches!(block.content, Content::Start(..)) {
                self.hear(Event::Epochs(self.side.disk.history()));
            }
            self.hear(Event::Appended(self.side.disk.end()));
        }
    }

    pub(super) fn lost(&mut self, link: Link) {
        if let Some(process) = &mut self.side.process {
            process.forget(link);
        }
        self.net.close(self.who, link);
        self.hear(Event::Lost(link));
    }

    /// A client's operation is appended.
    pub(super) fn append(&mut self, lane: usize, operation: u8) {
        let Some(process) = &self.side.process else { return };
        let promised = process.acked.at(lane);
        self.side.disk.append(lane, Block { content: Content::Operation(operation), promised });
        self.hear(Event::Appended(self.side.disk.end()));
    }
}

//! What may happen next, from what is under way and what is left.

use ha_engine::command::Clients;
use ha_engine::event::{Admin, Timer};
use ha_engine::register_client::Ask;
use ha_engine::state::State;
use smallvec::SmallVec;

use super::cast::Grain;
use super::net::Net;
use super::side::{Process, Side};
use super::step::{Crash, Step};
use super::{Pair, cost};

impl Pair {
    pub(super) fn add_steps(&self, steps: &mut Vec<Step>) {
        let running =
            || self.sides.iter().enumerate().filter_map(|(who, side)| Some((who, side, side.process.as_ref()?)));
        if self.cast.grain == Grain::Coarse
            && let Some((who, side, process)) = running().find(|(_, _, process)| process.is_at_work())
        {
            add_work(who, process, steps);
            self.add_crashes(who, side, process, steps);
            return;
        }
        for (who, side, process) in running() {
            add_work(who, process, steps);
            self.add_of_register(who, process, steps);
            self.add_of_clients(who, side, process, steps);
            self.add_dials(who, process, steps);
            self.add_timers(who, process, steps);
            self.add_crashes(who, side, process, steps);
        }
        steps.extend((0..self.register.late.len()).map(Step::LateWrite));
        self.add_of_net(steps);
        let down = self.sides.iter().enumerate().filter(|(_, side)| side.process.is_none());
        steps.extend(down.map(|(who, _)| Step::Started(who)));
    }

    fn add_of_register(&self, who: usize, process: &Process, steps: &mut Vec<Step>) {
        for (number, asked) in process.asked.iter().enumerate() {
            if asked.answer.is_some() {
                steps.push(Step::Answered(who, number));
            } else if self.is_taken(&asked.ask) {
                steps.push(Step::CarriedOut(who, number));
            }
        }
        if process.wake.is_some() && (self.left.timeouts > 0 || !self.waits_for_register(who)) {
            steps.push(Step::Woken(who));
        }
    }

    /// Whether the register carries that out: not if it makes an epoch too many.
    fn is_taken(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Read => true,
            Ask::Write { value, .. } => value.epoch.number <= self.epoch_max,
        }
    }

    /// Whether the server waits for an answer of the register, rather than for the time to ask it again.
    pub(super) fn waits_for_register(&self, who: usize) -> bool {
        let process = self.sides.get(who).and_then(|side| side.process.as_ref());
        process.is_some_and(|process| process.asked.iter().any(|asked| Some(asked.request) == process.wake))
    }

    fn add_of_clients(&self, who: usize, side: &Side, process: &Process, steps: &mut Vec<Step>) {
        for (lane, at_risk) in side.disk.at_risk().into_iter().enumerate() {
            if at_risk > 0 {
                steps.push(Step::Durable(who, lane));
            }
        }
        if process.clients == Clients::Served && !process.frozen && self.left.operations > 0 {
            steps.extend((0..self.cast.lanes()).map(|lane| Step::Appended(who, lane)));
        }
        if process.server.state() == State::ActiveReplicated && self.left.orders > 0 {
            steps.push(Step::Ordered(who, Admin::Switchover));
            steps.push(Step::Ordered(who, Admin::Stop));
        }
    }

    fn add_dials(&self, who: usize, process: &Process, steps: &mut Vec<Step>) {
        if !process.dialing {
            return;
        }
        let others = || self.sides.iter().enumerate().filter(|(other, _)| *other != who);
        steps.extend(others().filter(|(_, side)| side.process.is_some()).map(|(other, _)| Step::Connected(who, other)));
        if others().any(|(_, side)| side.process.is_none()) {
            steps.push(Step::Refused(who));
        }
        if self.left.cuts > 0 {
            steps.push(Step::Unanswered(who));
        }
    }

    fn add_timers(&self, who: usize, process: &Process, steps: &mut Vec<Step>) {
        let possible = |timer: &Timer| *cost(*timer)(&mut self.left.clone()) > 0;
        steps.extend(process.timers.armed().filter(possible).map(|timer| Step::Fired(who, timer)));
    }

    fn add_crashes(&self, who: usize, side: &Side, process: &Process, steps: &mut Vec<Step>) {
        if self.left.crashes == 0 {
            return;
        }
        let mut losses: Vec<SmallVec<[usize; 2]>> = vec![SmallVec::new()];
        for at_risk in side.disk.at_risk() {
            let longer = |loss: &SmallVec<[usize; 2]>| {
                let loss = loss.clone();
                (0..=at_risk).map(move |lost| loss.iter().copied().chain([lost]).collect())
            };
            losses = losses.iter().flat_map(longer).collect();
        }
        let volatile = side.disk.at_risk().iter().any(|at_risk| *at_risk > 0);
        for writes in 0..=process.writes.len() {
            // Without anything in a cache the two are the same.
            if volatile {
                steps.push(Step::Crashed(who, Crash::Killed, writes));
            }
            steps.extend(losses.iter().map(|lost| Step::Crashed(who, Crash::PowerCut(lost.clone()), writes)));
        }
    }

    fn add_of_net(&self, steps: &mut Vec<Step>) {
        for wire in &self.net.wires {
            for (number, end) in wire.ends.iter().enumerate() {
                if !end.packets.is_empty() {
                    steps.push(Step::Packet(end.side, wire.link));
                }
                let lanes = end.blocks.iter().enumerate().filter(|(_, lane)| !lane.is_empty());
                steps.extend(lanes.map(|(lane, _)| Step::Block(end.side, wire.link, lane)));
                if Net::may_lose(wire, number) {
                    steps.push(Step::Lost(end.side, wire.link));
                }
            }
            if !wire.cut && self.left.cuts > 0 && wire.ends.iter().all(|end| end.open) {
                steps.push(Step::Cut(wire.link));
            }
        }
    }
}

fn add_work(who: usize, process: &Process, steps: &mut Vec<Step>) {
    if !process.writes.is_empty() {
        steps.push(Step::StateWritten(who));
    }
    if !process.jobs.is_empty() {
        steps.push(Step::JobDone(who));
    }
}

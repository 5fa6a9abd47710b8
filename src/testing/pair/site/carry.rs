//! Commands of the engine, carried out.

use std::time::Duration;

use ha_engine::command::{Clients, Command};
use ha_engine::message::{Message, Packet};
use journal::testing::Random;

use super::jobs::Doing;
use super::{Outside, Place, Site};

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 4)
}

impl Site {
    pub(super) fn carry_out(&mut self, command: Command, now: u64, _random: &mut Random) {
        let pace = self.pace;
        let after = |time| now + nanos(time).saturating_mul(pace) / 100;
        let Some(process) = &mut self.process else { return };
        match command {
            Command::WriteState(state) => process.writes.push_back(state),
            Command::Store(job) => process.jobs.push_back(Doing::new(job)),
            Command::Call(call) => self.outside.push(Outside::Call(call)),
            Command::Wake(wake) => process.wakes.push((wake.request, after(wake.after))),
            Command::Dial => self.outside.push(Outside::Dial),
            Command::Send(link, packet) => self.outside.push(Outside::Say(link, packet)),
            Command::Close(link) => {
                process.source.close(link);
                if process.receiving == Some(link) {
                    process.receiving = None;
                    if let Place::Passive(follower) = &mut self.place {
                        follower.end_receiving();
                    }
                }
                self.outside.push(Outside::Close(link));
            }
            Command::Receive(link) => {
                process.receiving = Some(link);
                if let Place::Passive(follower) = &mut self.place {
                    follower.begin_to_receive();
                }
            }
            Command::Stream { conn, from } | Command::Copy { conn, from, .. } => {
                process.source.stream(conn, self.lanes.positions(&from));
            }
            Command::SendBlock { conn, lane, at, .. } => {
                let packet = Packet { epoch: process.epoch, message: Message::Block { lane, at, found: false } };
                self.outside.push(Outside::Say(conn, packet));
            }
            Command::SetTimer(timer, time) => {
                process.timers.insert(timer, after(time));
            }
            Command::ClearTimer(timer) => {
                process.timers.remove(&timer);
            }
            Command::Promise { acked, .. } => {
                let positions: Vec<_> = self.lanes.positions(&acked).collect();
                if let Place::Active(machine) = &mut self.place {
                    machine.promise(&positions);
                }
            }
            Command::Clients(clients) => self.clients(clients),
            Command::Tell(_) => {}
            Command::Exit { code } => process.exit = Some(code),
        }
    }

    fn clients(&mut self, clients: Clients) {
        let Some(process) = &mut self.process else { return };
        process.clients = clients;
        if let Place::Active(machine) = &mut self.place {
            machine.hold(clients != Clients::Served);
            if clients == Clients::Served {
                machine.freeze(false);
            }
        }
        if matches!(clients, Clients::Closed | Clients::Dropped) {
            self.outside.push(Outside::ClientsGone);
        }
    }
}

//! Steps in sentences.

use std::fmt::Write as _;

use ha_engine::message::Message;
use ha_engine::register_client::{Answer, Ask};

use super::Pair;
use super::cast::{name, side_of};
use super::step::{Crash, Step};
use crate::world::World;

impl Pair {
    /// What a step does, and what comes of it at once.
    pub(super) fn sentence(&self, step: &Step) -> String {
        let mut sentence = self.what(step);
        let next = self.take(step);
        for (who, (before, after)) in self.sides.iter().zip(&next.sides).enumerate() {
            let state = |side: &super::side::Side| side.process.as_ref().map(|process| process.server.state());
            if let Some(now) = state(after)
                && state(before).is_some_and(|before| before != now)
            {
                let _infallible = write!(sentence, "; {} is {now}", name(who));
            }
        }
        if next.acked != self.acked {
            sentence += "; it is acked";
        }
        sentence
    }

    fn what(&self, step: &Step) -> String {
        match step {
            Step::StateWritten(who) => format!("{}: ha.state is durable", name(*who)),
            Step::JobDone(who) => format!("{}: {}", name(*who), self.job(*who)),
            Step::Durable(who, lane) => format!("{}: lane {lane} is durable as far as it goes", name(*who)),
            Step::CarriedOut(who, number) => format!("register: {} of {}", self.asked(*who, *number), name(*who)),
            Step::Answered(who, number) => {
                format!("{} hears of the register: {}", name(*who), self.answer(*who, *number))
            }
            Step::Woken(who) if self.waits_for_register(*who) => {
                format!("{} waits no longer for the register", name(*who))
            }
            Step::Woken(who) => format!("{} asks the register again", name(*who)),
            Step::LateWrite(number) => match self.register.late.get(*number) {
                Some((who, ask)) => format!("register: late, {} of an earlier life of {}", request(ask), name(*who)),
                None => "register: nothing".to_owned(),
            },
            Step::Fired(who, timer) => format!("{}: the timer {timer:?} fires", name(*who)),
            Step::Connected(from, to) => format!("{} connects to {}", name(*from), name(*to)),
            Step::Refused(who) => format!("{} dials and is refused", name(*who)),
            Step::Unanswered(who) => format!("{} dials and nobody answers", name(*who)),
            Step::Packet(who, link) => format!("{} gets {}", name(*who), self.packet(*who, *link)),
            Step::Block(who, _, lane) => format!("{} gets a block of lane {lane}", name(*who)),
            Step::Lost(who, _) => format!("{} sees that the connection is gone", name(*who)),
            Step::Cut(_) => "the connection is cut".to_owned(),
            Step::Appended(who, lane) => format!("{} appends operation {} to lane {lane}", name(*who), self.begun),
            Step::Ordered(who, order) => format!("{} is ordered: {order:?}", name(*who)),
            Step::Crashed(who, how, writes) => {
                let what = match how {
                    Crash::Killed => "is killed".to_owned(),
                    Crash::PowerCut(lost) if lost.iter().all(|lost| *lost == 0) => {
                        "loses its power, and nothing else".to_owned()
                    }
                    Crash::PowerCut(lost) => format!("loses its power, and the last blocks of its lanes: {lost:?}"),
                };
                let pending =
                    self.sides.get(*who).and_then(|side| side.process.as_ref()).map_or(0, |it| it.writes.len());
                let kept = if pending > 0 {
                    format!("; of {pending} writes of ha.state {writes} count")
                } else {
                    String::new()
                };
                format!("{} {what}{kept}", name(*who))
            }
            Step::Started(who) => format!("{} starts", name(*who)),
        }
    }

    fn job(&self, who: usize) -> String {
        let process = self.sides.get(who).and_then(|side| side.process.as_ref());
        let job = process.and_then(|process| process.jobs.front());
        job.map_or_else(|| "no job".to_owned(), |(job, _)| format!("done: {job:?}"))
    }

    fn asked(&self, who: usize, number: usize) -> String {
        let process = self.sides.get(who).and_then(|side| side.process.as_ref());
        let asked = process.and_then(|process| process.asked.get(number));
        asked.map_or_else(|| "nothing".to_owned(), |asked| request(&asked.ask))
    }

    fn answer(&self, who: usize, number: usize) -> String {
        let process = self.sides.get(who).and_then(|side| side.process.as_ref());
        let answer = process.and_then(|process| process.asked.get(number)).and_then(|asked| asked.answer.as_ref());
        match answer {
            Some(Answer::Value(Some(value)) | Answer::Lost(Some(value))) => {
                let how = if matches!(answer, Some(Answer::Lost(_))) { "it was too late for it; " } else { "" };
                format!("{how}{}", value_of(value))
            }
            Some(other) => format!("{other:?}"),
            None => "nothing".to_owned(),
        }
    }

    fn packet(&self, who: usize, link: ha_engine::gate::Link) -> String {
        let wire = self.net.wires.iter().find(|wire| wire.link == link);
        let end = wire.and_then(|wire| wire.ends.iter().find(|end| end.side == who));
        match end.and_then(|end| end.packets.front()) {
            Some(packet) => format!("{} (epoch {})", message(&packet.message), packet.epoch.number),
            None => "nothing".to_owned(),
        }
    }
}

fn request(ask: &Ask) -> String {
    match ask {
        Ask::Read => "read".to_owned(),
        Ask::Write { compare, value } => format!("write over {compare:?}, {}", value_of(value)),
    }
}

fn value_of(value: &ha_engine::register::Register) -> String {
    let members: Vec<&str> = value.in_sync.iter().map(|member| name(side_of(member.instance))).collect();
    let holder = name(side_of(value.holder));
    format!("version {}: epoch {} of {holder}, in sync {}", value.version, value.epoch.number, members.join(" and "))
}

/// Long messages by their names only.
fn message(message: &Message) -> String {
    let whole = format!("{message:?}");
    match message {
        Message::Confirm { .. } | Message::Barrier(_) | Message::BarrierOk(_) | Message::Heartbeat { .. } => whole,
        _ => whole.split(['(', ' ', '{']).next().unwrap_or_default().to_owned(),
    }
}

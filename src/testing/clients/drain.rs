//! A client that empties all queues with blocking acknowledgements, one after the other.

use journal::testing::Random;
use protocol::core::error_code::ErrorCode;

use super::link::{Command, Heard, Link, Mode};
use super::tap::Tap;
use super::{QUEUES, Shared, queue_name};
use crate::testing::machine::Machine;
use crate::testing::oracle::{Kind, Outcome, QueueNumber};

/// Messages acknowledged by one request.
const BATCH: usize = 50;

/// Where the emptying of a queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Entering,
    Opening,
    /// Messages come; "nothing more" was asked for.
    Taking {
        nothing_more: bool,
    },
    /// Empty; the broker is asked what it thinks.
    Asking,
    Done,
}

/// The client.
#[derive(Debug)]
pub(in crate::testing) struct Drainer {
    link: Link,
    /// One for each queue; its number is that of the consumer.
    taps: Vec<Tap>,
    at: usize,
    step: Step,
    /// Credit was given since "nothing more" was asked for, so the answer says nothing.
    credited: bool,
}

impl Drainer {
    /// Connects.
    pub(in crate::testing) fn come(machine: &mut Machine, random: &mut Random) -> Option<Self> {
        let core = random.index(machine.core_count());
        let link = Link::open(machine, core, Mode::ByItself)?;
        let taps = (0..QUEUES).map(|queue| Tap::new(QueueNumber(queue))).collect();
        Some(Self { link, taps, at: 0, step: Step::Entering, credited: false })
    }

    /// It goes without a word.
    pub(in crate::testing) fn hang_up(self, machine: &mut Machine) {
        machine.hang_up(self.link.socket);
    }

    /// Are all queues empty?
    pub(in crate::testing) fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    /// Where it stands, for a finding.
    pub(in crate::testing) fn state(&self) -> String {
        let awaited: Vec<_> = self.link.awaited().collect();
        let held: usize = self.taps.iter().map(|tap| tap.held.len()).sum();
        format!("queue {}, {:?}, awaits {awaited:?}, holds {held}, credited {}", self.at, self.step, self.credited)
    }

    pub(in crate::testing) fn has_news(&self, machine: &Machine) -> bool {
        machine.has_news(self.link.socket)
    }

    pub(in crate::testing) fn hear(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        let (heard, ended) = self.link.hear(machine, random);
        if ended && self.step != Step::Done {
            shared.oracle.report(Kind::Broker, "the connection that drains was closed".to_owned());
            self.step = Step::Done;
        }
        for heard in heard {
            match heard {
                Heard::Answer(command, answer) => match (command, answer) {
                    (Command::Session, Ok(_)) => {
                        self.link.start(machine);
                        self.open(machine);
                    }
                    (Command::Consumer(number), Ok(_)) => {
                        if let Some(tap) = self.taps.get_mut(number) {
                            tap.opened(number, &mut self.link, machine);
                            self.ask_for_more(machine);
                        }
                    }
                    // Nobody has used it yet.
                    (Command::Consumer(_), Err((ErrorCode::QUEUE_DOES_NOT_EXIST, _))) => self.next(machine),
                    (Command::Acknowledge(identities), Ok(_)) => {
                        shared.oracle.acknowledged(&identities, Outcome::Acked);
                        self.go_on(machine, shared);
                    }
                    (Command::Query, Ok(said)) => {
                        if said.messages != 0 {
                            let text = format!("queue {} is empty and says that it holds {}", self.at, said.messages);
                            shared.oracle.report(Kind::Broker, text);
                        }
                        self.next(machine);
                    }
                    (command, answer) => {
                        shared.oracle.report(Kind::Broker, format!("{command:?} was answered with {answer:?}"));
                        self.step = Step::Done;
                    }
                },
                Heard::Delivery { consumer, message, cost, body } => {
                    if let Some(tap) = self.taps.get_mut(consumer) {
                        tap.delivered(shared, message, cost, &body);
                    }
                    self.go_on(machine, shared);
                }
                Heard::NothingMore if self.credited => self.ask_for_more(machine),
                Heard::NothingMore => {
                    self.step = Step::Taking { nothing_more: true };
                    self.go_on(machine, shared);
                }
                Heard::Stops => {}
                Heard::Wrong(what) => shared.oracle.report(Kind::Broker, format!("a client heard {what}")),
            }
        }
    }

    fn open(&mut self, machine: &mut Machine) {
        self.step = Step::Opening;
        match self.taps.get(self.at) {
            Some(tap) => self.link.create_consumer(machine, self.at, &queue_name(tap.queue)),
            None => self.step = Step::Done,
        }
    }

    fn next(&mut self, machine: &mut Machine) {
        self.at += 1;
        self.open(machine);
    }

    /// Asks to be told when there is nothing more for the credit that is given by now.
    fn ask_for_more(&mut self, machine: &mut Machine) {
        self.link.force_delivery(machine, self.at, 0);
        self.credited = false;
        self.step = Step::Taking { nothing_more: false };
    }

    /// Acknowledges what has come, asks whether there is more, and in the end what the broker thinks.
    fn go_on(&mut self, machine: &mut Machine, shared: &mut Shared) {
        let Step::Taking { nothing_more } = self.step else { return };
        let Some(tap) = self.taps.get_mut(self.at).filter(|_| self.link.is_quiet()) else { return };
        let taken = tap.take(self.at, BATCH, &mut self.link, machine);
        if let Some(last) = taken.last() {
            let identities: Vec<_> = taken.iter().map(|held| held.identity).collect();
            shared.oracle.acknowledging(&identities);
            let command = Command::Acknowledge(identities);
            self.link.acknowledge(machine, self.at, last.message, false, Some(command));
            self.credited = true;
            if nothing_more {
                self.ask_for_more(machine);
            }
        } else if nothing_more {
            self.link.query(machine, &queue_name(tap.queue));
            self.step = Step::Asking;
        }
    }
}

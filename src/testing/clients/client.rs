//! One client: it comes, works as its role says, closes its session or its connection now and then, and comes again.

use journal::testing::Random;
use protocol::core::error_code::ErrorCode;

use super::link::{Command, Heard, Link, Mode, Said};
use super::tap::Tap;
use super::transacted::Open;
use super::{QUEUES, Role, Shared, any_queue, queue_name};
use crate::testing::machine::{Machine, SocketNumber};
use crate::testing::oracle::{Kind, Outcome, ProducerNumber, QueueNumber};

/// Of 1,000 things that a client does, how many end its session, and how many its connection.
const CLOSES_PER_THOUSAND: u64 = 6;
const HANG_UPS_PER_THOUSAND: u64 = 3;

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has no connection.
    Away,
    /// Its session is being opened.
    Entering,
    /// It works.
    Here,
    /// Its session is being closed.
    Closing,
}

/// A client.
#[derive(Clone, Debug)]
pub(in crate::testing) struct Client {
    pub(super) role: Role,
    pub(super) producer: ProducerNumber,
    /// It stays on one core while the broker lives: what it says about its old session arrives there before its new one.
    core: usize,
    state: State,
    pub(super) link: Option<Link>,
    /// The connection that it has left and that the broker may not have heard of yet.
    left: Option<SocketNumber>,
    pub(super) taps: Vec<Tap>,
    pub(super) open: Option<Open>,
}

impl Client {
    /// All clients of a store: each queue has one consumer.
    pub(in crate::testing) fn all(random: &mut Random, only_transactions: bool) -> Vec<Self> {
        let window = 4 + random.index(28);
        let roles = match only_transactions {
            true => [Role::ProduceInTransactions, Role::ProduceInTransactions, Role::ProduceInTransactions],
            false => [Role::Produce { window: 1 }, Role::Produce { window }, Role::ProduceInTransactions],
        };
        let mut queues: Vec<QueueNumber> = (0..QUEUES).map(QueueNumber).collect();
        for at in 0..queues.len() {
            let other = at + random.index(queues.len() - at);
            queues.swap(at, other);
        }
        let second = queues.split_off(queues.len() / 2);
        let first = if only_transactions { Role::TransferInTransactions } else { Role::Consume };
        let takers = [(first, queues), (Role::TransferInTransactions, second)];
        let all = roles.into_iter().map(|role| (role, Vec::new())).chain(takers);
        all.zip(0..)
            .map(|((role, queues), number)| Self {
                role,
                producer: ProducerNumber(number),
                core: 0,
                state: State::Away,
                link: None,
                left: None,
                taps: queues.into_iter().map(Tap::new).collect(),
                open: None,
            })
            .collect()
    }

    /// A broker has started: it will go there.
    pub(in crate::testing) fn begin(&mut self, machine: &Machine, random: &mut Random) {
        self.core = random.index(machine.core_count());
        self.left = None;
        self.state = State::Away;
    }

    /// Waits for nothing and holds no transaction open.
    pub(in crate::testing) fn is_idle(&self) -> bool {
        let quiet = self.link.as_ref().is_none_or(Link::is_quiet);
        quiet && self.open.is_none() && !matches!(self.state, State::Entering | State::Closing)
    }

    /// What it waits for, for a finding.
    pub(in crate::testing) fn waits_for(&self) -> String {
        let awaited: Vec<_> = self.link.iter().flat_map(Link::awaited).collect();
        let held: usize = self.taps.iter().map(|tap| tap.held.len()).sum();
        format!(
            "{:?} on core {} is {:?}, awaits {awaited:?}, holds {held}, {:?}",
            self.role, self.core, self.state, self.open
        )
    }

    /// Has it something to hear?
    pub(in crate::testing) fn has_news(&self, machine: &Machine) -> bool {
        self.link.as_ref().is_some_and(|link| machine.has_news(link.socket))
    }

    /// Could it do something now?
    pub(in crate::testing) fn can_act(&self, machine: &Machine, shared: &Shared) -> bool {
        let budget = shared.budget > 0;
        match self.state {
            State::Away => budget && self.left.is_none_or(|left| machine.is_gone(left)),
            State::Entering | State::Closing => false,
            State::Here => self.can_work(budget),
        }
    }

    fn can_work(&self, budget: bool) -> bool {
        let Some(link) = &self.link else { return false };
        let waits_for_session_end = || link.awaited().any(|it| matches!(it, Command::Commit(_) | Command::Rollback));
        let has_closed_tap = || self.taps.iter().any(|tap| !tap.open && !tap.asked);
        let holds = || self.taps.iter().any(|tap| !tap.held.is_empty());
        match self.role {
            Role::Produce { window } => {
                budget && link.awaited().filter(|it| matches!(it, Command::Send(_))).count() < window
            }
            Role::ProduceInTransactions => (budget || self.open.is_some()) && !waits_for_session_end(),
            Role::Consume => {
                let waits = link.awaited().any(|it| matches!(it, Command::Acknowledge(_)));
                budget && !waits && (holds() || has_closed_tap())
            }
            Role::TransferInTransactions => {
                !waits_for_session_end() && ((budget && (holds() || has_closed_tap())) || self.open.is_some())
            }
        }
    }

    /// Does the next thing.
    pub(in crate::testing) fn act(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        match self.state {
            State::Away => self.come(machine),
            State::Here if random.below(1000) < CLOSES_PER_THOUSAND => self.close_session(machine, shared),
            State::Here if random.below(1000) < HANG_UPS_PER_THOUSAND => self.hang_up(machine, shared),
            State::Here => self.work(machine, shared, random),
            State::Entering | State::Closing => {}
        }
    }

    fn mode(&self) -> Mode {
        match self.role {
            Role::Produce { .. } | Role::Consume => Mode::ByItself,
            Role::ProduceInTransactions | Role::TransferInTransactions => Mode::ByCommit,
        }
    }

    fn come(&mut self, machine: &mut Machine) {
        self.left = None;
        self.link = Link::open(machine, self.core, self.mode());
        if self.link.is_some() {
            self.state = State::Entering;
        }
    }

    fn close_session(&mut self, machine: &mut Machine, shared: &mut Shared) {
        let Some(link) = &mut self.link else { return };
        if link.awaited().any(|it| matches!(it, Command::Commit(_) | Command::Rollback | Command::Stop)) {
            return;
        }
        link.close(machine);
        self.state = State::Closing;
        self.give_up(shared);
    }

    pub(in crate::testing) fn hang_up(&mut self, machine: &mut Machine, shared: &mut Shared) {
        if let Some(link) = &self.link {
            machine.hang_up(link.socket);
            self.left = Some(link.socket);
        }
        self.lost(shared);
    }

    /// The open transaction comes to nothing, unless its end was asked for.
    fn give_up(&mut self, shared: &mut Shared) {
        if let Some(open) = self.open.take().filter(|open| !open.ending) {
            shared.oracle.rolled_back(open.number);
        }
    }

    /// The connection is gone: what has no answer never gets one.
    pub(in crate::testing) fn lost(&mut self, shared: &mut Shared) {
        let awaited = self.link.take();
        for command in awaited.iter().flat_map(Link::awaited) {
            match command {
                Command::Send(identity) => shared.oracle.sent(*identity, Outcome::Unknown),
                Command::Acknowledge(identities) => shared.oracle.acknowledged(identities, Outcome::Unknown),
                Command::Commit(number) => shared.oracle.committed(*number, Outcome::Unknown),
                _ => {}
            }
        }
        self.give_up(shared);
        self.taps.iter_mut().for_each(Tap::reset);
        self.state = State::Away;
    }

    fn work(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        if self.open_tap(machine, random) {
            return;
        }
        match self.role {
            Role::Produce { .. } => self.produce(machine, shared, random),
            Role::Consume => self.consume(machine, shared, random),
            Role::ProduceInTransactions | Role::TransferInTransactions => self.transact(machine, shared, random),
        }
    }

    /// Tries to open a consumer whose queue was not there. True: that was all for now.
    fn open_tap(&mut self, machine: &mut Machine, random: &mut Random) -> bool {
        let busy = self.taps.iter().any(|tap| !tap.held.is_empty()) || self.open.is_some();
        let Some(link) = self.link.as_mut().filter(|_| !busy || random.percent(10)) else { return false };
        let mut closed = self.taps.iter_mut().enumerate().filter(|(_, tap)| !tap.open && !tap.asked);
        let Some((number, tap)) = closed.next() else { return false };
        tap.asked = true;
        // Half of them are made on purpose, the others by the first send.
        if random.percent(50) {
            link.create_queue(machine, &queue_name(tap.queue));
        }
        link.create_consumer(machine, number, &queue_name(tap.queue));
        true
    }

    fn produce(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        let Some(link) = self.link.as_mut().filter(|_| shared.spend()) else { return };
        let identity = shared.next_message(self.producer, any_queue(random));
        let message = shared.encode(identity, random);
        shared.oracle.sending(identity, None);
        link.send(machine, &message, Some(Command::Send(identity)));
    }

    /// Acknowledges one message, or all of one consumer up to one.
    fn consume(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        let Some((number, tap)) = full_tap(&mut self.taps, random) else { return };
        let Some(link) = self.link.as_mut().filter(|_| shared.spend()) else { return };
        let individual = random.percent(50);
        let count = if individual { 1 } else { 1 + random.index(tap.held.len().min(20)) };
        let taken = tap.take(number, count, link, machine);
        let Some(last) = taken.last() else { return };
        let identities: Vec<_> = taken.iter().map(|held| held.identity).collect();
        shared.oracle.acknowledging(&identities);
        link.acknowledge(machine, number, last.message, individual, Some(Command::Acknowledge(identities)));
    }

    /// Hears what has arrived.
    pub(in crate::testing) fn hear(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        let Some(link) = &mut self.link else { return };
        let (heard, ended) = link.hear(machine, random);
        for heard in heard {
            match heard {
                Heard::Answer(command, answer) => self.answered(command, answer, machine, shared),
                Heard::Delivery { consumer, message, cost, body } => {
                    if self.state != State::Closing
                        && let Some(tap) = self.taps.get_mut(consumer)
                    {
                        tap.delivered(shared, message, cost, &body);
                    }
                }
                Heard::NothingMore | Heard::Stops => {}
                Heard::Wrong(what) => shared.oracle.report(Kind::Broker, format!("a client heard {what}")),
            }
        }
        if ended {
            self.lost(shared);
        }
    }

    fn answered(
        &mut self,
        command: Command,
        answer: Result<Said, (ErrorCode, String)>,
        machine: &mut Machine,
        shared: &mut Shared,
    ) {
        if let Err((code, text)) = &answer
            && !is_expected(&command, *code)
            && machine.failure().is_none()
        {
            shared.oracle.report(Kind::Broker, format!("{command:?} was refused with {code:?}: {text}"));
        }
        let outcome = if answer.is_ok() { Outcome::Acked } else { Outcome::Rejected };
        match command {
            Command::Session => self.entered(machine),
            Command::Consumer(number) => {
                if let (Some(tap), Some(link)) = (self.taps.get_mut(number), self.link.as_mut()) {
                    tap.asked = false;
                    if answer.is_ok() {
                        tap.opened(number, link, machine);
                    }
                }
            }
            Command::Send(identity) => shared.oracle.sent(identity, outcome),
            Command::Acknowledge(identities) => shared.oracle.acknowledged(&identities, outcome),
            Command::Commit(number) => {
                shared.oracle.committed(number, outcome);
                self.open = None;
            }
            Command::Rollback => self.rolled_back(machine),
            Command::Close => {
                self.taps.iter_mut().for_each(Tap::reset);
                let mode = self.mode();
                if let Some(link) = &mut self.link {
                    link.ask_for_session(machine, mode);
                }
                self.state = State::Entering;
            }
            Command::CreateQueue | Command::Staged | Command::Stop | Command::Query => {}
        }
    }

    fn entered(&mut self, machine: &mut Machine) {
        self.state = State::Here;
        if let Some(link) = &mut self.link {
            link.start(machine);
        }
    }
}

/// One of the consumers that hold something.
pub(super) fn full_tap<'a>(taps: &'a mut [Tap], random: &mut Random) -> Option<(usize, &'a mut Tap)> {
    let full = taps.iter().filter(|tap| !tap.held.is_empty()).count();
    let wanted = random.index(full);
    taps.iter_mut().enumerate().filter(|(_, tap)| !tap.held.is_empty()).nth(wanted)
}

/// May a command be refused so while the broker is well?
fn is_expected(command: &Command, code: ErrorCode) -> bool {
    match command {
        Command::Consumer(_) => code == ErrorCode::QUEUE_DOES_NOT_EXIST,
        Command::CreateQueue => code == ErrorCode::QUEUE_EXISTS,
        _ => false,
    }
}

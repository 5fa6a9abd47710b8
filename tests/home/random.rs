//! A home under random work, killed at random moments: acknowledged sends are there, acknowledged messages are not, a
//! transaction counts as a whole, and order is kept.

use std::ops::Range;

use journal::Vector;
use journal::testing::Random;
use ringmq::mail::{Acknowledge, Ask, Token};
use ringmq::message::MessageId;
use ringmq::store::record::TransactionId;

use crate::machine::{Machine, Setup, consumer_of, publish};
use crate::model::Model;

/// The session whose transactions are prepared and decided in steps, as if other cores took part.
const TWO_PHASE: usize = 1;
const QUEUES: Range<usize> = 0..2;
const LIVES: u64 = 4;
const STEPS: usize = 80;

/// Where the transaction in two phases stands.
enum Phase {
    None,
    Preparing(u64, Token),
    Prepared(u64, Vector),
    Deciding(u64, Token),
    Decided(u64, Vector),
    Finishing(Token),
}

struct World {
    machine: Machine,
    model: Model,
    random: Random,
    /// Asked, not answered; answered, not promised.
    asked: Vec<(Token, u64)>,
    answered: Vec<(Vector, u64)>,
    /// What the sessions' consumers hold.
    held: Vec<(usize, usize, MessageId, u64)>,
    phase: Phase,
    transactions: u64,
}

impl World {
    fn step(&mut self) -> Result<(), String> {
        match self.random.below(20) {
            0..5 => self.send(),
            5..9 => self.acknowledge_one(),
            9..11 => self.transaction()?,
            11..13 => self.two_phase(),
            13 => self.reopen()?,
            14 => self.machine.home.want_checkpoint(),
            _ => {}
        }
        for _ in 0..self.random.below(4) {
            self.machine.turn();
            self.look()?;
        }
        Ok(())
    }

    /// Takes what was answered, promised and delivered.
    fn look(&mut self) -> Result<(), String> {
        let Self { machine, model, .. } = self;
        for delivery in machine.deliveries() {
            let number = model.delivered(delivery.queue, &delivery.body)?;
            self.held.push((delivery.session, delivery.queue, delivery.id, number));
        }
        for (token, group) in std::mem::take(&mut self.asked) {
            match machine.answer(token) {
                Some(answer) if answer.reply.is_ok() => self.answered.push((answer.vector, group)),
                Some(answer) => return Err(format!("refused: {answer:?}")),
                None => self.asked.push((token, group)),
            }
        }
        for (vector, group) in std::mem::take(&mut self.answered) {
            if machine.home.promises().cover(&vector) {
                model.decide(group, true);
            } else {
                self.answered.push((vector, group));
            }
        }
        Ok(())
    }

    fn bytes(&mut self) -> usize {
        match self.random.below(20) {
            0 => 130_000 + self.random.index(400_000),
            1..8 => self.random.index(3_000),
            _ => self.random.index(100),
        }
    }

    fn send(&mut self) {
        for _ in 0..=self.random.index(20) {
            let (queue, bytes, group) = (self.random.index(2), self.bytes(), self.model.group());
            let body = self.model.send(queue, bytes, group);
            self.ask(publish(queue, &body, false), group);
        }
    }

    fn ask(&mut self, ask: Ask<'_>, group: u64) {
        let token = self.machine.begin(ask);
        self.asked.push((token, group));
    }

    /// Takes something out of the hands of a session.
    fn take_held(&mut self, session: usize) -> Option<(usize, MessageId, u64)> {
        let held = self.held.iter().enumerate();
        let own: Vec<usize> = held.filter(|(_, held)| held.0 == session).map(|(at, _)| at).collect();
        let at = *own.get(self.random.index(own.len()))?;
        let (_, queue, id, number) = self.held.remove(at);
        Some((queue, id, number))
    }

    fn acknowledge(&mut self, session: usize, in_transaction: bool, group: u64) {
        let Some((queue, message, number)) = self.take_held(session) else { return };
        self.model.acknowledge(number, group);
        let consumer = consumer_of(session, queue);
        let acknowledge = Acknowledge { consumer, message, individual: true, in_transaction };
        if in_transaction {
            self.machine.ask(Ask::Acknowledge(acknowledge));
        } else {
            self.ask(Ask::Acknowledge(acknowledge), group);
        }
    }

    fn acknowledge_one(&mut self) {
        for _ in 0..self.random.index(20) {
            let group = self.model.group();
            self.acknowledge(0, false, group);
        }
    }

    /// Sends and acknowledgements in the open transaction of a session.
    fn stage(&mut self, session: usize, group: u64) {
        let count = if self.random.percent(10) { 300 } else { 20 };
        for _ in 0..self.random.index(count) {
            let (queue, bytes) = (self.random.index(2), self.bytes());
            let body = self.model.send(queue, bytes, group);
            self.machine.ask(publish(queue, &body, true));
        }
        for _ in 0..self.random.index(30) {
            self.acknowledge(session, true, group);
        }
    }

    fn transaction(&mut self) -> Result<(), String> {
        let group = self.model.group();
        self.stage(0, group);
        if self.random.percent(80) {
            self.ask(Ask::Commit, group);
            return Ok(());
        }
        self.look_when_ready()?;
        self.held.retain(|held| held.0 != 0);
        self.machine.ask(Ask::Rollback { consider_last_as_delivered: false });
        self.model.decide(group, false);
        Ok(())
    }

    /// The next request is taken at once, and all that came before it is known.
    fn look_when_ready(&mut self) -> Result<(), String> {
        while !self.machine.home.ready() {
            self.machine.turn();
        }
        self.look()
    }

    /// The next step of the transaction in two phases.
    fn two_phase(&mut self) {
        self.machine.session = TWO_PHASE;
        self.phase = match std::mem::replace(&mut self.phase, Phase::None) {
            Phase::None => {
                let group = self.model.group();
                self.stage(TWO_PHASE, group);
                self.transactions += 1;
                let transaction = TransactionId { epoch: self.transactions, core: 0, number: 1 << 40 };
                Phase::Preparing(group, self.machine.begin(Ask::Prepare { transaction }))
            }
            Phase::Preparing(group, token) => match self.machine.answer(token) {
                Some(answer) => Phase::Prepared(group, answer.vector),
                None => Phase::Preparing(group, token),
            },
            Phase::Prepared(group, vector) if vector.is_empty() || self.random.percent(30) => {
                self.machine.ask(Ask::Abandon);
                self.model.decide(group, false);
                Phase::None
            }
            Phase::Prepared(group, vector) => Phase::Deciding(group, self.machine.begin(Ask::Decide { vector })),
            Phase::Deciding(group, token) => match self.machine.answer(token) {
                Some(answer) => Phase::Decided(group, answer.vector),
                None => Phase::Deciding(group, token),
            },
            Phase::Decided(group, vector) if self.machine.home.promises().cover(&vector) => {
                self.model.decide(group, true);
                Phase::Finishing(self.machine.begin(Ask::Finish))
            }
            Phase::Finishing(token) => match self.machine.answer(token) {
                Some(answer) => {
                    self.machine.ask(Ask::Settled { vector: answer.vector });
                    Phase::None
                }
                None => Phase::Finishing(token),
            },
            waiting => waiting,
        };
        self.machine.session = 0;
    }

    /// A consumer is closed, and another one comes with little credit or without bounds.
    fn reopen(&mut self) -> Result<(), String> {
        let (session, queue) = (self.random.index(2), self.random.index(2));
        self.look_when_ready()?;
        self.held.retain(|held| (held.0, held.1) != (session, queue));
        self.machine.session = session;
        self.machine.close_in(queue);
        let credit = if self.random.percent(30) { -1 } else { 1 + self.random.index(50_000) as i32 };
        self.machine.open(queue, credit);
        self.machine.session = 0;
        Ok(())
    }

    /// The end of a life, and what the next one finds.
    fn end(mut self) -> Result<Self, String> {
        let how = self.random.below(4);
        if how == 0 {
            self.machine.settle();
            self.look()?;
            self.machine.home.want_checkpoint();
            self.machine.settle();
        }
        // What is not asked to be decided never counts.
        if let Phase::Preparing(group, _) | Phase::Prepared(group, _) = self.phase {
            self.model.decide(group, false);
        }
        let seed = self.random.next();
        self.machine = if how < 3 { self.machine.kill() } else { self.machine.cut_power(seed) };
        let found: Vec<_> = QUEUES.map(|queue| self.machine.waiting_in(queue)).collect();
        self.model.found(&found)?;
        self.asked.clear();
        self.answered.clear();
        self.held.clear();
        self.phase = Phase::None;
        self.machine.session = TWO_PHASE;
        QUEUES.for_each(|queue| self.machine.open(queue, 20_000));
        self.machine.session = 0;
        QUEUES.for_each(|queue| self.machine.open(queue, -1));
        Ok(self)
    }
}

fn run(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let setup = Setup {
        lanes: 1 + u16::from(random.percent(70)),
        hot_bytes: if random.percent(50) { 1 } else { 256 * 1024 },
        segments_before_compaction: 2 + random.below(4),
        slow: random.percent(80).then_some(seed),
        checkpoint_bytes: u64::MAX,
    };
    let (asked, answered, held) = (Vec::new(), Vec::new(), Vec::new());
    let (machine, model, phase) = (Machine::with(setup), Model::default(), Phase::None);
    let mut world = World { machine, model, random, asked, answered, held, phase, transactions: seed << 20 };
    world = world.end()?;
    for _ in 0..LIVES {
        for _ in 0..STEPS {
            world.step()?;
        }
        world = world.end()?;
    }
    Ok(())
}

#[test]
fn nothing_is_lost_doubled_or_halved() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (first, count) = (number("RINGMQ_SEED").unwrap_or(0), number("RINGMQ_SEEDS").unwrap_or(4));
    for seed in first..first + count {
        if let Err(problem) = run(seed) {
            panic!("seed {seed}: {problem}");
        }
    }
}

//! One connection of a load, without its socket: what it sends next, and what an answer means.
//!
//! Takes bytes from the broker and times; gives bytes for it in [`Line::out`] and counts into a [`Tally`]. Must stay true: nothing is
//! allocated once the buffers have grown to what a window needs; a message is counted as acked once, by its own answer.

use super::flight::Flight;
use super::queues::Queues;
use super::speech::{Dialect, Reply};
use super::tally::Tally;
use super::template::Marks;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Sends; so many are in flight at a time, the next one goes when an answer makes room.
    Closed {
        /// Messages, or transactions, in flight.
        window: u32,
    },
    /// Sends what [`Line::due`] says, however much is in flight.
    Open,
    /// Takes deliveries and acknowledges each.
    Consumer {
        /// Bytes that may be on their way to it.
        credit: usize,
    },
    /// Is there and does nothing.
    Idle,
}

/// A connection.
#[derive(Debug)]
pub struct Line {
    dialect: Box<dyn Dialect>,
    part: Part,
    /// Messages of a transaction; none without transactions.
    transaction: Option<u32>,
    queues: Queues,
    flight: Flight,
    /// Deliveries that were acknowledged, without an answer so far.
    acknowledged: u64,
    /// Bytes of credit that are to be given back.
    owed: usize,
    stopped: bool,
    /// What the broker is to get.
    pub out: Vec<u8>,
    /// When the messages in it were due, for an open loop.
    pub written: Vec<u64>,
}

impl Line {
    /// A connection that has not begun.
    pub fn new(dialect: Box<dyn Dialect>, part: Part, transaction: Option<u32>, queues: Queues) -> Self {
        let room = match part {
            Part::Closed { window } => window as usize,
            _ => 1,
        };
        Self {
            dialect,
            part,
            transaction,
            queues,
            flight: Flight::new(room),
            acknowledged: 0,
            owed: 0,
            stopped: false,
            out: Vec::new(),
            written: Vec::new(),
        }
    }

    /// The first bytes: a full window, or credit.
    pub fn begin(&mut self, now: u64, tally: &mut Tally) {
        match self.part {
            Part::Closed { window } => (0..window).for_each(|_| self.send(now, tally)),
            Part::Consumer { credit } => self.dialect.credit(credit, &mut self.out),
            Part::Open | Part::Idle => {}
        }
    }

    /// A message of an open loop is due.
    pub fn due(&mut self, due: u64, tally: &mut Tally) {
        if !self.stopped && tally.may_send() {
            self.send(due, tally);
            self.written.push(due);
        }
    }

    /// Nothing new is sent; what is in flight is waited for.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Does it never say anything?
    pub fn is_idle(&self) -> bool {
        self.part == Part::Idle
    }

    /// Is nothing waited for?
    pub fn is_quiet(&self) -> bool {
        self.flight.open() == 0 && self.acknowledged == 0
    }

    /// Takes the whole answers at the start of `bytes`; gives how many bytes they took.
    ///
    /// # Errors
    ///
    /// What the broker refused, or said that is no answer.
    pub fn receive(&mut self, bytes: &[u8], now: u64, tally: &mut Tally) -> Result<usize, String> {
        let mut taken = 0;
        while let Some((consumed, reply)) = self.dialect.reply(bytes.get(taken..).unwrap_or_default())? {
            taken += consumed;
            match reply {
                Reply::Acked(token) => self.acked(token, now, tally)?,
                Reply::AckDone => {
                    self.acknowledged = self.acknowledged.checked_sub(1).ok_or("an answer that nobody asked for")?;
                    tally.on_consumed(now);
                }
                Reply::Delivered { stamp, name, cost } => {
                    tally.on_delivered(stamp, now);
                    self.dialect.acknowledge(name, &mut self.out);
                    self.acknowledged += 1;
                    self.give_back(cost);
                }
                Reply::AnswerWith(words) => self.out.extend_from_slice(words),
                Reply::Nothing => {}
            }
        }
        Ok(taken)
    }

    /// The end: what has no answer is counted as such.
    pub fn end(&mut self, now: u64, tally: &mut Tally) {
        let messages = self.messages();
        self.flight.drain().for_each(|due| tally.on_unanswered(messages, due, now));
    }

    fn acked(&mut self, token: u64, now: u64, tally: &mut Tally) -> Result<(), String> {
        let due =
            self.flight.take(token).ok_or_else(|| format!("an ack of message {token}, which is not in flight"))?;
        tally.on_acked(self.messages(), due, now);
        if matches!(self.part, Part::Closed { .. }) && !self.stopped {
            self.send(now, tally);
        }
        Ok(())
    }

    /// Messages that one answer is for.
    fn messages(&self) -> u64 {
        u64::from(self.transaction.unwrap_or(1))
    }

    fn send(&mut self, due: u64, tally: &mut Tally) {
        if !tally.may_send() {
            return;
        }
        let token = self.flight.push(due);
        tally.sent += self.messages();
        if self.transaction.is_some() {
            self.dialect.begin(&mut self.out);
        }
        for _ in 0..self.messages() {
            let marks = Marks { token, stamp: due, queue: self.queues.draw() };
            self.dialect.send(marks, &mut self.out);
        }
        if self.transaction.is_some() {
            self.dialect.commit(token, &mut self.out);
        }
    }

    /// Half of the credit at a time, as clients do it.
    fn give_back(&mut self, cost: usize) {
        let Part::Consumer { credit } = self.part else { return };
        self.owed += cost;
        if self.owed >= credit / 2 {
            self.dialect.credit(std::mem::take(&mut self.owed), &mut self.out);
        }
    }
}

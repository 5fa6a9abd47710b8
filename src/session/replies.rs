//! Replies leave in the order of the commands, each when its answer is there and what it relies on is promised.

use std::collections::VecDeque;

use journal::{LaneId, Lsn, Vector};

use crate::durability::Promises;
use crate::limits;
use crate::mail::{Answer, Failure, Reply, Token};

/// A reply that may leave.
#[derive(Debug)]
pub struct Released<C> {
    /// How the protocol answers.
    pub context: C,
    /// What came of the command.
    pub reply: Result<Reply, Failure>,
    /// Bytes of the command's frame, if its client keeps that until it is confirmed; else 0.
    pub kept_bytes: usize,
}

#[derive(Debug)]
struct Slot<C> {
    context: C,
    /// Does it wait for what its answers rely on?
    waits: bool,
    /// Answers still to come: one from each core that was asked.
    missing: usize,
    reply: Result<Reply, Failure>,
    vector: Vector,
    kept_bytes: usize,
}

/// The replies that a session owes.
#[derive(Debug)]
pub struct Replies<C> {
    slots: VecDeque<Slot<C>>,
    /// The token of the front slot.
    first: u64,
    /// Somebody waits at the gate for the front slot.
    waiting: bool,
    /// Bytes of the frame that is being handled, if its client keeps it and no slot has it yet.
    kept_bytes: usize,
    /// The token of the front slot when memory was given back: its lower half.
    trimmed_at: u32,
}

impl<C> Default for Replies<C> {
    fn default() -> Self {
        Self { slots: VecDeque::new(), first: 0, waiting: false, kept_bytes: 0, trimmed_at: 0 }
    }
}

/// What holds the next reply back.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<R> {
    /// Nothing: here it is.
    Released(R),
    /// This position is not promised.
    Position(LaneId, Lsn),
    /// Its answer is not there, or nothing is owed, or somebody waits at the gate already.
    Nothing,
}

impl<C> Replies<C> {
    /// A command is taken whose frame, of so many bytes, its client keeps until it is confirmed. What it owes next has it.
    pub fn begin_kept(&mut self, bytes: usize) {
        self.kept_bytes = bytes;
    }

    /// Has a kept frame been begun, and does nothing owed have it?
    pub fn is_kept(&self) -> bool {
        self.kept_bytes > 0
    }

    /// The command is taken. If its frame is kept and it owes nothing, its confirmation is owed. True: so it is.
    pub fn end_kept(&mut self, context: C) -> bool {
        let owed = self.is_kept();
        if owed {
            self.expect_with(context, 0, false);
        }
        owed
    }

    /// Owes a reply that takes this many answers, and waits until what they rely on is promised.
    pub fn expect(&mut self, context: C, answers: usize) -> Token {
        self.expect_with(context, answers, true)
    }

    /// As [`Replies::expect`]. Without `waits` the reply leaves when its answers are there, and may be lost in a crash.
    pub fn expect_with(&mut self, context: C, answers: usize, waits: bool) -> Token {
        let token = Token(self.first + self.slots.len() as u64);
        let kept_bytes = std::mem::take(&mut self.kept_bytes);
        let (reply, vector) = (Ok(Reply::Done), Vector::new());
        self.slots.push_back(Slot { context, waits, missing: answers, reply, vector, kept_bytes });
        token
    }

    /// One answer is there. The first failure of several is the reply's.
    pub fn fill(&mut self, token: Token, answer: Answer) {
        let at = token.0.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let Some(slot) = at.and_then(|at| self.slots.get_mut(at)) else { return };
        slot.missing = slot.missing.saturating_sub(1);
        if slot.waits && slot.vector.is_empty() {
            slot.vector = answer.vector;
        } else if slot.waits {
            slot.vector.merge(&answer.vector);
        }
        if slot.reply.is_ok() && !(answer.reply == Ok(Reply::Done)) {
            slot.reply = answer.reply;
        }
    }

    /// How many are owed.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Is nothing owed?
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Gives memory back if nothing is owed.
    pub fn rest(&mut self) {
        if self.slots.is_empty() {
            self.slots = VecDeque::new();
        }
    }

    /// Gives back what a crowd of commands has taken, once it is over, and everything if nothing was released since it was asked before.
    pub fn trim(&mut self) {
        // One that is taken for an earlier one gives back what it needs again.
        let first = self.first as u32;
        if std::mem::replace(&mut self.trimmed_at, first) == first {
            self.rest();
        }
        if self.slots.len() <= limits::REPLIES_SPARE_MAX && self.slots.capacity() > 2 * limits::REPLIES_SPARE_MAX {
            self.slots.shrink_to(limits::REPLIES_SPARE_MAX);
        }
    }

    /// The gate has let the front slot pass.
    pub fn passed(&mut self) {
        self.waiting = false;
    }

    /// The next reply, or what it waits for. Says a position only once: the caller waits at the gate.
    pub fn next(&mut self, promises: &Promises) -> Next<Released<C>> {
        if self.waiting {
            return Next::Nothing;
        }
        match self.slots.front() {
            Some(slot) if slot.missing == 0 => {
                if let Some((lane, lsn)) = promises.first_missing(&slot.vector) {
                    self.waiting = true;
                    return Next::Position(lane, lsn);
                }
            }
            _ => return Next::Nothing,
        }
        match self.slots.pop_front() {
            Some(Slot { context, reply, kept_bytes, .. }) => {
                self.first += 1;
                Next::Released(Released { context, reply, kept_bytes })
            }
            None => Next::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::FailureKind;

    fn released(replies: &mut Replies<u8>, promises: &Promises) -> Vec<(u8, bool)> {
        std::iter::from_fn(|| match replies.next(promises) {
            Next::Released(released) => Some((released.context, released.reply.is_ok())),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn memory_of_a_crowd_is_given_back() {
        let (mut replies, promises) = (Replies::default(), Promises::default());
        for round in 0..3 {
            let tokens: Vec<Token> = (0..10_000).map(|_| replies.expect(1, 1)).collect();
            replies.trim();
            assert!(replies.slots.capacity() >= 10_000, "what is owed stays");
            for token in tokens {
                replies.fill(token, Answer::done(Vector::new()));
            }
            assert_eq!(released(&mut replies, &promises).len(), 10_000, "{round}");
            replies.trim();
            assert!((1..200).contains(&replies.slots.capacity()), "room for {}", replies.slots.capacity());
            // Nothing has happened since.
            replies.trim();
            assert_eq!(replies.slots.capacity(), 0);
        }
    }

    #[test]
    fn a_reply_waits_for_its_promise_and_for_those_before_it() {
        let lane = LaneId::JOURNAL;
        let (mut replies, mut promises) = (Replies::default(), Promises::default());
        let tokens = [replies.expect(1, 1), replies.expect(2, 1), replies.expect(3, 2)];
        replies.fill(tokens[1], Answer::done(Vector::new()));
        assert_eq!(released(&mut replies, &promises), []);
        replies.fill(tokens[0], Answer::done(Vector::of(lane, Lsn(10))));
        assert!(matches!(replies.next(&promises), Next::Position(_, Lsn(10))));
        assert!(matches!(replies.next(&promises), Next::Nothing), "said once");
        promises.note(lane, Lsn(10));
        replies.passed();
        assert_eq!(released(&mut replies, &promises), [(1, true), (2, true)]);
        replies.fill(tokens[2], Answer::done(Vector::new()));
        assert_eq!(released(&mut replies, &promises), []);
        replies.fill(tokens[2], Answer::failed(Failure::new(FailureKind::Full, "")));
        assert_eq!(released(&mut replies, &promises), [(3, false)]);
    }
}

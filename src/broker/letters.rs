//! Letters from other cores.

use journal::BlockBuffer;

use super::{Core, execute::log_unheard};
use crate::home::Outcome;
use crate::mail::{Deliver, Letter, Request};
use crate::message::CoreId;

impl<B: BlockBuffer> Core<B> {
    /// A letter came. It is read at the next turn, in order, when the lanes take records.
    pub fn letter(&mut self, from: CoreId, letter: Letter) {
        self.inbox.push_back((from, letter));
    }

    /// Are more letters welcome? If not, they stay where they are and hold their senders back.
    pub fn takes_letters(&self) -> bool {
        self.inbox.len() < crate::limits::MAIL_PER_PAIR_MAX
    }

    /// Would the next turn read a letter? Then nothing else needs to happen before it: the loop must not sleep.
    pub fn reads_letters(&self) -> bool {
        self.inbox.front().is_some_and(|(_, letter)| !appends(letter) || self.home.ready())
    }

    /// Reads letters as long as the home takes requests.
    pub(super) fn take_letters(&mut self) {
        while let Some((from, letter)) = self.inbox.pop_front() {
            if appends(&letter) && !self.home.ready() {
                // What only informs may pass what appends: nothing in it depends on the order between the two.
                self.inbox.push_front((from, letter));
                return self.take_news();
            }
            self.take(from, letter);
        }
    }

    fn take_news(&mut self) {
        for (from, letter) in std::mem::take(&mut self.inbox) {
            match letter {
                Letter::Watch { .. } | Letter::Promised { .. } => self.take(from, letter),
                other => self.inbox.push_back((from, other)),
            }
        }
    }

    pub(super) fn take(&mut self, from: CoreId, letter: Letter) {
        match letter {
            Letter::Request(request) => self.foreign_request(request),
            Letter::Answer { to, token, answer } => self.front.answer(to, token, answer),
            Letter::Message { to, consumer, id, deliveries, body } => {
                self.front.message(to, consumer, id, deliveries, &body)
            }
            Letter::NothingMore { to, consumer, sequence, queue } => {
                self.front.nothing_more(to, consumer, sequence, &queue)
            }
            Letter::ConsumerGone { to, consumer } => self.front.consumer_gone(to, consumer),
            Letter::Watch { lane, lsn } => self.home.watched(from, lane, lsn),
            Letter::Promised { lane, lsn } => self.home.remote_promised(lane, lsn),
            Letter::Bind { ticket, binding } => self.home.bind_for(from, ticket, &binding),
            Letter::Bound { ticket, written } => self.home.bound(ticket, written, &mut self.front),
            Letter::Ended { lane, lsn, vector } => self.home.forget_decision(lane, lsn, &vector),
            Letter::CheckpointDue => self.home.want_checkpoint(),
            Letter::SnapshotWanted => self.home.want_snapshot(),
            Letter::Snapshot(snapshot) => self.home.take_snapshot(*snapshot),
            Letter::SnapshotSafe => self.home.snapshot_is_safe(),
            Letter::Alias { queue, address } => {
                match address {
                    Some(address) => self.front.aliases.insert(queue, address),
                    None => self.front.aliases.remove(&queue),
                };
            }
        }
    }

    fn foreign_request(&mut self, request: Request<'static>) {
        let (from, token) = (request.from, request.token);
        match (self.home.ask(request, &mut self.front), token) {
            (Outcome::Done(answer), Some(token)) => self.front.answer(from, token, answer),
            (Outcome::Done(answer), None) => log_unheard(&answer),
            (Outcome::Later, _) => {}
        }
    }
}

/// May reading it append records?
fn appends(letter: &Letter) -> bool {
    matches!(letter, Letter::Request(_) | Letter::Bind { .. } | Letter::Bound { .. })
}

//! What a home knows of a session: its consumers here and its open transaction.

use smallvec::SmallVec;

use super::{Home, Outcome, Who};
use crate::mail::Deliver;
use crate::message::{ConsumerKey, QueueKey};
use crate::transaction::Staged;
use journal::Vector;

/// A session, as far as this home is concerned.
#[derive(Debug, Default)]
pub(super) struct HomeSession {
    pub(super) consumers: Vec<ConsumerKey>,
    pub(super) staged: Staged,
    /// Acknowledged in the open transaction by consumers that are closed since.
    pub(super) orphans: Vec<(QueueKey, crate::queue::Entry)>,
}

impl<B: journal::BlockBuffer> Home<B> {
    /// The consumers of a session.
    pub(super) fn consumers_of(&self, who: Who) -> SmallVec<[ConsumerKey; 8]> {
        self.sessions.get(&who.from).map(|session| session.consumers.iter().copied().collect()).unwrap_or_default()
    }

    pub(super) fn start_or_stop(&mut self, who: Who, started: bool, deliver: &mut impl Deliver) -> Outcome {
        self.change_consumers(who, deliver, |consumer| consumer.started = started);
        Outcome::done(Vector::new())
    }

    pub(super) fn hold_back(&mut self, who: Who, held: bool, deliver: &mut impl Deliver) -> Outcome {
        self.change_consumers(who, deliver, |consumer| consumer.held_back = held);
        Outcome::done(Vector::new())
    }

    fn change_consumers(
        &mut self,
        who: Who,
        deliver: &mut impl Deliver,
        change: impl Fn(&mut crate::delivery::Consumer),
    ) {
        let mut queues: SmallVec<[QueueKey; 8]> = SmallVec::new();
        for key in self.consumers_of(who) {
            if let Some(consumer) = self.consumers.get_mut(key) {
                change(consumer);
                queues.push(consumer.queue);
            }
        }
        for queue in queues {
            self.dispatch(queue, deliver);
        }
    }

    /// Gives a note to a session, unless another one has it.
    pub(super) fn claim(&mut self, who: Who, key: &str, value: &str) -> Outcome {
        let owner = *self.claims.entry((key.into(), value.into())).or_insert(who.from);
        if owner == who.from {
            return Outcome::done(Vector::new());
        }
        let text = format!("AMQ229210: Metadata {key}={value} had been set already");
        Outcome::failed(crate::mail::FailureKind::DuplicateMetadata, text)
    }

    /// The session is gone: its transaction is rolled back, its consumers are closed.
    pub(super) fn end_session(&mut self, who: Who, failed: bool, deliver: &mut impl Deliver) -> Outcome {
        let mut orphans = Vec::new();
        if let Some(session) = self.sessions.get_mut(&who.from) {
            session.staged = Staged::default();
            orphans = std::mem::take(&mut session.orphans);
        }
        for (queue, entry) in orphans {
            // Acknowledged, so consumed once, in a transaction that comes to nothing.
            self.give_back(queue, entry, false);
            self.dispatch(queue, deliver);
        }
        for key in self.consumers_of(who) {
            self.remove_consumer(key, failed, deliver);
        }
        self.sessions.remove(&who.from);
        self.claims.retain(|_, owner| *owner != who.from);
        Outcome::done(Vector::new())
    }
}

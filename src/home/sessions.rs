//! What a home knows of a session: its consumers here and its open transaction.

use smallvec::SmallVec;

use super::{Home, Outcome, Who};
use crate::mail::{Deliver, SessionRef};
use crate::message::{ConsumerKey, QueueKey};
use crate::transaction::Staged;
use journal::Vector;

/// Queues that got something back.
type Touched = SmallVec<[QueueKey; 8]>;

/// A session, as far as this home is concerned.
#[derive(Debug, Default)]
pub(super) struct HomeSession {
    pub(super) consumers: Vec<ConsumerKey>,
    pub(super) staged: Staged,
    /// Acknowledged in the open transaction by consumers that are closed since.
    pub(super) orphans: Vec<(QueueKey, crate::queue::Entry)>,
    /// Its connection is lost; its end follows.
    pub(super) lost: bool,
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
        let mut queues = Touched::new();
        for key in self.consumers_of(who) {
            if let Some(consumer) = self.consumers.get_mut(key) {
                change(consumer);
                queues.push(consumer.queue);
            }
        }
        self.dispatch_all(queues, deliver);
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

    /// The connection of these sessions is lost. What they hold and have not acknowledged goes back as delivered; what is
    /// acknowledged in a transaction stays until that one ends.
    ///
    /// All of them together, before anything is handed out again: else what one gives back would go to the next, which is as dead,
    /// and would count once more.
    pub(super) fn lose_sessions(&mut self, sessions: &[SessionRef], deliver: &mut impl Deliver) -> Outcome {
        let mut touched = Touched::new();
        for from in sessions {
            let session = self.sessions.entry(*from).or_default();
            session.lost = true;
            for key in session.consumers.clone() {
                let Some(consumer) = self.consumers.get_mut(key) else { continue };
                consumer.lost = true;
                let queue = consumer.queue;
                for entry in consumer.take_open() {
                    self.give_back(queue, entry, false);
                }
                touched.push(queue);
            }
        }
        self.dispatch_all(touched, deliver);
        Outcome::done(Vector::new())
    }

    /// The session is gone: its transaction is rolled back, its consumers are closed.
    pub(super) fn end_session(&mut self, who: Who, failed: bool, deliver: &mut impl Deliver) -> Outcome {
        let mut touched = Touched::new();
        let mut orphans = Vec::new();
        if let Some(session) = self.sessions.get_mut(&who.from) {
            session.staged = Staged::default();
            orphans = std::mem::take(&mut session.orphans);
        }
        for (queue, entry) in orphans {
            // Acknowledged, so consumed once, in a transaction that comes to nothing.
            self.give_back(queue, entry, false);
            touched.push(queue);
        }
        for key in self.consumers_of(who) {
            touched.extend(self.take_away(key, failed));
        }
        self.sessions.remove(&who.from);
        self.claims.retain(|_, owner| *owner != who.from);
        self.dispatch_all(touched, deliver);
        Outcome::done(Vector::new())
    }

    /// Hands out what several queues have got back.
    fn dispatch_all(&mut self, mut queues: Touched, deliver: &mut impl Deliver) {
        queues.sort_unstable();
        queues.dedup();
        for queue in queues {
            self.dispatch(queue, deliver);
        }
    }
}

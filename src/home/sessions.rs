//! What a home knows of a session: its consumers here and its open transaction.

use smallvec::SmallVec;

use super::{Home, Outcome, Who};
use crate::limits;
use crate::mail::{Deliver, Failure, FailureKind, SessionRef};
use crate::message::{ConsumerKey, QueueKey};
use crate::transaction::Staged;
use journal::Vector;

/// Queues that got something back.
type Touched = SmallVec<[QueueKey; 8]>;

/// What a session takes here that has done nothing yet: itself and its place in the table, which grows by doubling.
pub const SESSION_BYTES: usize = 2 * size_of::<HomeSession>() + 64;

/// A session, as far as this home is concerned.
#[derive(Debug, Default)]
pub(super) struct HomeSession {
    pub(super) consumers: Vec<ConsumerKey>,
    pub(super) staged: Staged,
    /// Acknowledged in the open transaction by consumers that are closed since.
    pub(super) orphans: Vec<(QueueKey, crate::queue::Entry)>,
    /// Notes that are its own: at most one for a key.
    claims: Vec<(Box<str>, Box<str>)>,
    /// Its client takes nothing for now: consumers that it opens meanwhile wait too.
    pub(super) held_back: bool,
    /// Its connection is lost; its end follows.
    pub(super) lost: bool,
}

impl<B: journal::BlockBuffer> Home<B> {
    /// The consumers of a session.
    pub(super) fn consumers_of(&self, who: Who) -> SmallVec<[ConsumerKey; 8]> {
        self.sessions.get(&who.from).map(|session| session.consumers.iter().copied().collect()).unwrap_or_default()
    }

    pub(super) fn start_or_stop(&mut self, who: Who, started: bool, deliver: &mut impl Deliver) -> Outcome {
        self.change_consumers(who, deliver, |consumer| consumer.started = started || consumer.browses());
        Outcome::done(Vector::new())
    }

    pub(super) fn hold_back(&mut self, who: Who, held: bool, deliver: &mut impl Deliver) -> Outcome {
        if held {
            self.sessions.entry(who.from).or_default().held_back = true;
        } else if let Some(session) = self.sessions.get_mut(&who.from) {
            session.held_back = false;
        }
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

    /// Gives a note to a session, unless another one has it. The session's note of that key before it is nobody's then, as in the
    /// reference, where a session has one value for a key.
    pub(super) fn claim(&mut self, who: Who, key: &str, value: &str) -> Outcome {
        let claim: (Box<str>, Box<str>) = (key.into(), value.into());
        match self.claims.get(&claim) {
            Some(owner) if *owner == who.from => return Outcome::done(Vector::new()),
            Some(_) => {
                let text = format!("AMQ229210: Metadata {key}={value} had been set already");
                return Outcome::failed(FailureKind::DuplicateMetadata, text);
            }
            None => {}
        }
        let session = self.sessions.entry(who.from).or_default();
        if session.lost {
            return Outcome::failed(FailureKind::IllegalState, "the connection is lost");
        }
        if let Some(at) = session.claims.iter().position(|(known, _)| *known == claim.0) {
            self.claims.remove(&session.claims.swap_remove(at));
        } else if session.claims.len() >= limits::METADATA_PER_SESSION_MAX {
            return Outcome::failed(FailureKind::Full, "the session has as much metadata as it may");
        }
        session.claims.push(claim.clone());
        self.claims.insert(claim, who.from);
        Outcome::done(Vector::new())
    }

    /// Forgets what was sent in a session's open transaction.
    pub(super) fn drop_staged(&mut self, from: SessionRef) {
        if let Some(session) = self.sessions.get_mut(&from) {
            self.staged_bytes = self.staged_bytes.saturating_sub(session.staged.cost());
            session.staged = Staged::default();
        }
    }

    /// A session's open transaction can only be rolled back from now on.
    pub(super) fn fail_staged(&mut self, from: SessionRef, failure: Failure) {
        let staged = &mut self.sessions.entry(from).or_default().staged;
        self.staged_bytes = self.staged_bytes.saturating_sub(staged.cost());
        staged.fail(failure);
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
        self.drop_staged(who.from);
        if !self.full.is_empty() {
            self.full.forget(who.from);
        }
        if let Some(session) = self.sessions.get_mut(&who.from) {
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
        for claim in self.sessions.remove(&who.from).into_iter().flat_map(|session| session.claims) {
            self.claims.remove(&claim);
        }
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

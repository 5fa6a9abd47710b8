//! Commits: on one core by a question, over several in two phases.

use journal::{BlockBuffer, Vector};

use super::{Core, Front, front::TWO_PHASE_TOKEN, front::Waiter};
use crate::mail::{Answer, Ask, Token};
use crate::message::SessionKey;
use crate::net::core::Respond;
use crate::routing;
use crate::session::{Phase, TwoPhase};

/// The token under which cores answer a commit's phases.
const ANSWER: Token = Token(TWO_PHASE_TOKEN);

impl<B: BlockBuffer> Core<B> {
    pub(super) fn commit(&mut self, key: SessionKey, respond: Respond) {
        let Some(session) = self.front.sessions.get_mut(key) else { return };
        let cores = session.end_transaction();
        let waits = self.front.settings.sync_transactional;
        let token = (respond != Respond::Nothing).then(|| session.replies.expect_with(respond, 1, waits));
        match (cores.len(), cores.iter().next()) {
            (0, _) | (_, None) => {
                if let Some(token) = token {
                    session.replies.fill(token, Answer::done(Vector::new()));
                    self.front.due.push(key);
                }
            }
            (1, Some(core)) => self.request(key, core, token, Ask::Commit),
            _ => {
                session.two_phase = Some(Box::new(TwoPhase::new(token, cores)));
                let transaction = self.home.new_transaction();
                for core in cores.iter() {
                    self.request(key, core, Some(ANSWER), Ask::Prepare { transaction });
                }
            }
        }
    }

    /// Commits over several cores whose phase is complete enter the next one.
    pub(super) fn go_on_with_commits(&mut self) {
        while let Some(key) = self.front.two_phase_due.pop() {
            let Some(two_phase) = self.front.sessions.get_mut(key).and_then(|session| session.two_phase.as_mut())
            else {
                continue;
            };
            match two_phase.phase {
                Phase::Preparing => self.decide(key),
                Phase::Deciding => self.await_promise(key),
                Phase::Promising => self.finish(key),
                Phase::Finishing => self.settle(key),
            }
        }
    }

    /// Every part is prepared, or one failed.
    fn decide(&mut self, key: SessionKey) {
        let cores_of_process = self.front.settings.cores;
        let Some(two_phase) = self.two_phase_of(key) else { return };
        let cores = two_phase.cores;
        if let Some(failure) = two_phase.take_failure() {
            for core in cores.iter() {
                self.request(key, core, None, Ask::Abandon);
            }
            return self.end_commit(key, Answer::failed(failure));
        }
        let vector = std::mem::take(&mut two_phase.vector);
        // A lane of the transaction holds the decision. Without one there is nothing durable to decide about.
        let Some((lane, _)) = vector.iter().next() else { return self.finish(key) };
        let decider = routing::core_of_lane(lane.index(), cores_of_process);
        two_phase.decider = Some(decider);
        two_phase.enter(Phase::Deciding, 1);
        self.request(key, decider, Some(ANSWER), Ask::Decide { vector });
    }

    /// The decision is written, or could not be.
    fn await_promise(&mut self, key: SessionKey) {
        let Some(two_phase) = self.two_phase_of(key) else { return };
        let cores = two_phase.cores;
        if let Some(failure) = two_phase.take_failure() {
            for core in cores.iter() {
                self.request(key, core, None, Ask::Abandon);
            }
            return self.end_commit(key, Answer::failed(failure));
        }
        two_phase.enter(Phase::Promising, 1);
        let vector = two_phase.vector.clone();
        match self.home.promises().first_missing(&vector) {
            None => self.front.two_phase_due.push(key),
            Some((lane, lsn)) => {
                self.home.watch(lane, lsn);
                self.front.gate.wait(lane, lsn, Waiter::Decision(key));
            }
        }
    }

    /// The decision is promised: its client may hear of it, and the parts take effect.
    fn finish(&mut self, key: SessionKey) {
        let Some(two_phase) = self.two_phase_of(key) else { return };
        let (cores, token) = (two_phase.cores, two_phase.token.take());
        two_phase.vector.clear();
        two_phase.enter(Phase::Finishing, cores.len());
        if let (Some(token), Some(session)) = (token, self.front.sessions.get_mut(key)) {
            session.replies.fill(token, Answer::done(Vector::new()));
            self.front.due.push(key);
        }
        for core in cores.iter() {
            self.request(key, core, Some(ANSWER), Ask::Finish);
        }
    }

    /// Every part has said in its lane that it is done.
    fn settle(&mut self, key: SessionKey) {
        let Some(two_phase) = self.two_phase_of(key) else { return };
        let vector = std::mem::take(&mut two_phase.vector);
        if let Some(decider) = two_phase.decider {
            self.request(key, decider, None, Ask::Settled { vector });
        }
        self.end_commit(key, Answer::done(Vector::new()));
    }

    fn end_commit(&mut self, key: SessionKey, answer: Answer) {
        let Front { sessions, due, .. } = &mut self.front;
        let Some(session) = sessions.get_mut(key) else { return };
        let token = session.two_phase.take().and_then(|two_phase| two_phase.token);
        if let Some(token) = token {
            session.replies.fill(token, answer);
            due.push(key);
        }
        if let Some(failed) = session.ended.take() {
            self.end_session(key, failed);
        }
    }

    fn two_phase_of(&mut self, key: SessionKey) -> Option<&mut TwoPhase> {
        self.front.sessions.get_mut(key)?.two_phase.as_deref_mut()
    }
}

//! Whoever opens a session has to say who he is, where there are users.
//!
//! A hash of a password takes tens of milliseconds, so that this room does not compute it: it asks, and the frame that opens the
//! session waits in its connection, with all that comes behind it, until the verdict is there. Takes: what a client says, verdicts.
//! Gives: logins to look into, so many at a time, in the order in which they came. Must stay true: a session is opened only for the
//! login that was judged for its own frame.

use std::collections::VecDeque;
use std::sync::Arc;

use journal::BlockBuffer;

use super::{Core, Front, Output};
use crate::limits;
use crate::message::ConnectionKey;
use crate::security::{Identity, Login, Verdict};

/// How far the login is that the next frame of a connection waits for.
#[derive(Debug)]
pub(super) enum LoginState {
    /// It waits until it may be looked into.
    Waits(Login),
    /// It is looked into.
    Asked,
    /// This came of it.
    Judged(Verdict),
}

/// The logins of one core.
#[derive(Debug, Default)]
pub(super) struct Logins {
    waiting: VecDeque<ConnectionKey>,
    /// How many are looked into.
    asked: usize,
}

impl Logins {
    /// Is there one that may be looked into?
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() && self.asked < limits::LOGINS_PER_CORE_MAX
    }
}

/// May a session be opened?
pub(super) enum Admission {
    /// Nobody has to log in.
    Open,
    /// By this user.
    As(Arc<Identity>),
    /// That is not known yet: the frame is to be handed in again.
    Wait,
    /// No; the client is told.
    Refused,
}

impl<B: BlockBuffer> Core<B> {
    /// Who opens a session?
    pub(super) fn admit(&mut self, key: ConnectionKey, login: Login) -> Admission {
        if self.front.policy.is_none() {
            return Admission::Open;
        }
        let Some(client) = self.front.clients.get_mut(key) else { return Admission::Refused };
        match client.login.take().map(|state| *state) {
            Some(LoginState::Judged(Verdict::Known(user))) => Admission::As(user),
            Some(LoginState::Judged(Verdict::Refused(text))) => {
                client.failed_logins += 1;
                let is_enough = client.failed_logins >= limits::LOGIN_FAILURES_MAX;
                client.protocol.login_refused(&text, &mut client.output.bytes);
                self.front.list(key);
                if is_enough {
                    self.front.doom(key);
                    self.front.close_after_output(key);
                }
                Admission::Refused
            }
            Some(state) => {
                client.login = Some(Box::new(state));
                Admission::Wait
            }
            None => {
                client.login = Some(Box::new(LoginState::Waits(login)));
                // Not among those that are tried again at every turn: the verdict wakes it.
                client.stalled = true;
                self.front.logins.waiting.push_back(key);
                Admission::Wait
            }
        }
    }

    /// This came of a login. Each that was given gets one verdict, whether its connection is still there or not.
    pub fn login_judged(&mut self, key: ConnectionKey, verdict: Verdict) {
        self.stirred = true;
        self.front.logins.asked = self.front.logins.asked.saturating_sub(1);
        let Some(client) = self.front.clients.get_mut(key) else { return };
        if let Some(state) = client.login.as_deref_mut().filter(|state| matches!(state, LoginState::Asked)) {
            *state = LoginState::Judged(verdict);
            self.front.stalled.push(key);
        }
    }
}

impl Front {
    /// Gives the logins that may be looked into.
    pub(super) fn give_logins<B>(&mut self, output: &mut impl FnMut(Output<B>)) {
        while self.logins.is_waiting() {
            let Some(connection) = self.logins.waiting.pop_front() else { return };
            let Some(client) = self.clients.get_mut(connection) else { continue };
            let Some(state) = client.login.as_deref_mut().filter(|state| matches!(state, LoginState::Waits(_))) else {
                continue;
            };
            if let LoginState::Waits(login) = std::mem::replace(state, LoginState::Asked) {
                self.logins.asked += 1;
                output(Output::Login { connection, login });
            }
        }
    }

    /// The connection is gone. A login that is looked into counts until its verdict is there.
    pub(super) fn forget_login(&mut self, key: ConnectionKey, state: Option<&LoginState>) {
        if let Some(LoginState::Waits(_)) = state {
            self.logins.waiting.retain(|waiting| *waiting != key);
        }
    }
}

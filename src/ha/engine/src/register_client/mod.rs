//! The side of a member towards its register: reads it, changes it, and knows for certain what came of a change.
//!
//! Takes what the member wants, answers and wakes; gives requests, times to be woken at, and outcomes. What must stay true:
//!
//! - A change names the value that it replaces (SR1).
//! - A change whose outcome is unknown is resolved by a later write that compares the same version and puts the same old value under the
//!   next version (SR16). Whichever of the two the register takes first, the other one fails for ever. A read would prove nothing: the
//!   change may be applied after it.
//! - An answer is believed for the request that it belongs to, however late it comes, and for no other. Answers to what is over are dropped.
//! - The register keeps no history. So an outcome says what the register is now, and that nothing of this change is under way any more; a
//!   member that was overtaken sees that by the value.
//!
//! The creation of a register has no old value to write. It is sent again as it is: the second copy fails if the first was applied.

mod call;
pub mod etcd;
#[cfg(test)]
mod explore;
mod provider;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use call::{Answer, Ask, Busy, Call, Compare, Done, Request, Step, Wake};
pub use provider::{Alone, Loss, PairPolicy, Provider, alone};

use crate::limits::{REGISTER_CALL_TIMEOUT, REGISTER_RETRY_MAX, REGISTER_RETRY_MIN};
use crate::register::Register;
use crate::rules::{Rule, Rules};

/// Reads and changes the register for one member, one thing at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegisterClient {
    rules: Rules,
    /// The number of the last request.
    last: u64,
    task: Option<Task>,
}

/// What the client is at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Task {
    /// Its first request; answers to earlier ones belong to what is over.
    first: u64,
    /// None for a read.
    change: Option<Change>,
    /// The first request that resolves an unknown outcome; those before it are the change itself.
    resolving: Option<u64>,
    /// Whether a request of the change may have reached the register.
    left: bool,
    /// Between two requests, after one that failed.
    pausing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Change {
    base: Option<Register>,
    next: Register,
}

impl RegisterClient {
    /// A client that has asked nothing yet.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self { rules, last: 0, task: None }
    }

    /// Counts requests from the beginning again, unless something is under way; whether it does. For an explorer, to which states that differ in
    /// nothing else are one. It must not have requests on their way any more.
    #[cfg(any(test, feature = "mutants"))]
    pub fn renumber(&mut self) -> bool {
        let idle = self.task.is_none();
        if idle {
            self.last = 0;
        }
        idle
    }

    /// Whether a read or a change has not come to its end.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.task.is_some()
    }

    /// Asks for the present value.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub fn read(&mut self) -> Result<Step, Busy> {
        self.begin(None)
    }

    /// Asks for `next` in the place of `base`, or as the first value ever. The version of `next` is set here.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub fn change(&mut self, base: Option<&Register>, mut next: Register) -> Result<Step, Busy> {
        next.version = version_of(base).saturating_add(1);
        self.begin(Some(Change { base: base.cloned(), next }))
    }

    /// Writes the value that was read again, under the next version. Whatever comes of it, `Changed` or `Refused`, no request of an earlier life
    /// of this member can take effect any more: what it had asked for is in the value that comes back, or will never be (SR16).
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub fn settle(&mut self, read: &Register) -> Result<Step, Busy> {
        self.change(Some(read), read.clone())
    }

    /// Takes the change back. If no request of it has left, that is all ([`Done::Withdrawn`]); otherwise it is resolved, without waiting for the
    /// answer. A read, and a creation that has left, go on.
    pub fn withdraw(&mut self) -> Step {
        let Some(task) = &mut self.task else { return Step::default() };
        if task.change.is_none() || task.resolving.is_some() {
            return Step::default();
        }
        if task.pausing && !task.left {
            return self.finish(Done::Withdrawn);
        }
        self.doubt();
        let resolving = self.task.as_ref().is_some_and(|task| task.resolving.is_some());
        if resolving { self.attempt() } else { Step::default() }
    }

    /// An answer came.
    pub fn answer(&mut self, request: Request, answer: Answer) -> Step {
        let Some(task) = &self.task else { return Step::default() };
        if request.0 < task.first || request.0 > self.last {
            return Step::default();
        }
        let current = request.0 == self.last && !task.pausing;
        let resolves = task.resolving.is_some_and(|from| request.0 >= from);
        match (&task.change, answer) {
            (None, Answer::Value(value)) => self.finish(Done::Read(value)),
            (Some(change), Answer::Applied) => {
                let written = if resolves { change.rewritten() } else { Some(change.next.clone()) };
                self.judge(written)
            }
            (Some(_), Answer::Lost(value)) => self.judge(value),
            (Some(change), Answer::Value(value)) if resolves => {
                // Only where SR16 is taken away.
                let done = match value {
                    Some(value) if same(&value, &change.next) => Done::Changed(value),
                    value => Done::Refused(value),
                };
                self.finish(done)
            }
            (_, Answer::Unknown) if current => {
                self.doubt();
                self.pause()
            }
            (_, Answer::Unreachable) if current => self.pause(),
            _ => Step::default(),
        }
    }

    /// The time of a wake is over: the request's, or the pause's behind it.
    pub fn wake(&mut self, request: Request) -> Step {
        let Some(task) = &self.task else { return Step::default() };
        if request.0 != self.last {
            return Step::default();
        }
        if !task.pausing {
            self.doubt();
        }
        self.attempt()
    }

    fn begin(&mut self, change: Option<Change>) -> Result<Step, Busy> {
        if self.task.is_some() {
            return Err(Busy);
        }
        self.task = Some(Task { first: self.last + 1, change, resolving: None, left: false, pausing: false });
        Ok(self.attempt())
    }

    /// The next request of the task.
    fn attempt(&mut self) -> Step {
        let Some(task) = &mut self.task else { return Step::default() };
        task.pausing = false;
        self.last += 1;
        let request = Request(self.last);
        let compares = self.rules.keep(Rule::Sr1);
        let ask = match &task.change {
            Some(change) if task.resolving.is_none() => change.write(change.next.clone(), compares),
            Some(change) if self.rules.keep(Rule::Sr16) => {
                change.rewritten().map_or(Ask::Read, |old| change.write(old, compares))
            }
            _ => Ask::Read,
        };
        Step {
            call: Some(Call { request, ask }),
            wake: Some(Wake { request, after: REGISTER_CALL_TIMEOUT }),
            done: None,
        }
    }

    /// A request may or may not have had its effect: from now on the outcome must be resolved.
    fn doubt(&mut self) {
        let Some(task) = &mut self.task else { return };
        let Some(change) = &task.change else { return };
        task.left = true;
        let can_rewrite = change.base.is_some() || !self.rules.keep(Rule::Sr16);
        if can_rewrite && task.resolving.is_none() {
            task.resolving = Some(self.last + 1);
        }
    }

    fn pause(&mut self) -> Step {
        let Some(task) = &mut self.task else { return Step::default() };
        task.pausing = true;
        let after = pause_after(self.last - task.first);
        Step { wake: Some(Wake { request: Request(self.last), after }), ..Step::default() }
    }

    /// `value` is, or was a moment ago, in the register, and the version that the change compares is past.
    fn judge(&mut self, value: Option<Register>) -> Step {
        let Some(change) = self.task.as_ref().and_then(|task| task.change.as_ref()) else { return Step::default() };
        let done = match value {
            value if version_of(value.as_ref()) <= version_of(change.base.as_ref()) => Done::WentBack(value),
            Some(value) if same(&value, &change.next) => Done::Changed(value),
            value => Done::Refused(value),
        };
        self.finish(done)
    }

    fn finish(&mut self, done: Done) -> Step {
        self.task = None;
        Step { done: Some(done), ..Step::default() }
    }
}

impl Change {
    /// The old value under the next version; none for a creation.
    fn rewritten(&self) -> Option<Register> {
        let base = self.base.as_ref()?;
        Some(Register { version: self.next.version, ..base.clone() })
    }

    fn write(&self, value: Register, compares: bool) -> Ask {
        let compare = match &self.base {
            _ if !compares => Compare::Anything,
            Some(base) => Compare::Version(base.version),
            None => Compare::Absent,
        };
        Ask::Write { compare, value }
    }
}

/// The pause after a request that failed as others before it: twice as long each time, up to a bound.
fn pause_after(failed_before: u64) -> Duration {
    let doubled = u32::try_from(failed_before).ok().and_then(|times| 1_u32.checked_shl(times)).unwrap_or(u32::MAX);
    REGISTER_RETRY_MIN.saturating_mul(doubled).min(REGISTER_RETRY_MAX)
}

/// The version of a value; zero where there is none.
fn version_of(register: Option<&Register>) -> u64 {
    register.map_or(0, |register| register.version)
}

/// Whether two values say the same, whatever their versions. A change that is refused with a value that says the same as the one it was to
/// replace has met a write that resolved something else: it may be tried again on that value.
#[must_use]
pub fn same(one: &Register, other: &Register) -> bool {
    let Register { version: _, epoch, holder, in_sync, ack_mode, voters_version } = one;
    *epoch == other.epoch
        && *holder == other.holder
        && *in_sync == other.in_sync
        && *ack_mode == other.ack_mode
        && *voters_version == other.voters_version
}

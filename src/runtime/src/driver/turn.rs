//! One turn of the loop: hand over what was asked, sleep if allowed, take what came.
//!
//! Must stay true: one `io_uring_enter` a turn, unless the submission queue overflows; a turn with
//! nothing to say and no leave to sleep makes none; a wake before the sleep prevents it.

use std::io;
use std::time::Duration;

use super::flight::{Flight, IGNORED, Part, mark, unmark};
use super::{Driver, Event, Wait};
use crate::clock::Moment;
use crate::limits::QUIET_SEND_WAIT_MAX;
use crate::ring::{Completion, Op, Ring};
use crate::slots::Slot;

/// How to enter: completions wanted and the longest sleep.
struct Sleep {
    want: u32,
    timeout: Option<Duration>,
}

impl<R: Ring> Driver<R> {
    /// Submits, sleeps as long as `wait` allows, and returns when there are events to take, or time is up.
    /// An error here means that the ring itself is broken: the core cannot go on.
    pub fn turn(&mut self, wait: Wait) -> io::Result<()> {
        self.stats.turns += 1;
        self.feed_starving();
        self.resume_listeners();
        if wait != Wait::Not {
            self.arm_wake();
        }
        self.flush_backlog()?;
        let asleep = match self.plan_sleep(wait) {
            Some(sleep) => {
                let fell_asleep = self.sleeper.fall_asleep();
                if fell_asleep {
                    self.enter(sleep.want, sleep.timeout)?
                } else {
                    self.enter_awake()?
                }
                fell_asleep
            }
            None => {
                self.enter_awake()?;
                false
            }
        };
        let woken = if asleep { self.sleeper.wake_up() } else { self.sleeper.take_notice() };
        if woken {
            self.stats.woken += 1;
            self.ready.push_back(Event::Woken);
        }
        Ok(())
    }

    /// The next event of this turn. Operations may be issued between two calls.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let completion = self.ring.pop()?;
            self.stats.completions += 1;
            self.complete(completion);
        }
    }

    /// None: do not sleep.
    fn plan_sleep(&mut self, wait: Wait) -> Option<Sleep> {
        let (until, quick_sends) = match wait {
            Wait::Not => return None,
            Wait::Event(until) => (until, 0),
            Wait::Arrival(until) => (until, self.quick_sends),
        };
        if !self.ready.is_empty() || !self.backlog.is_empty() || self.ring.has_completions() {
            return None;
        }
        let rest = self.listeners.values().filter_map(|listener| listener.rest_until).min();
        let until: Option<Moment> = [until, rest].into_iter().flatten().min();
        let mut timeout = until.map(|until| until.since(self.ring.now()));
        if timeout == Some(Duration::ZERO) {
            return None;
        }
        if quick_sends > 0 {
            // Each quick send completes while it is entered: one more completion is an arrival. A send
            // that was taken in part must be carried on, so the sleep is short.
            timeout = Some(timeout.map_or(QUIET_SEND_WAIT_MAX, |timeout| timeout.min(QUIET_SEND_WAIT_MAX)));
        }
        Some(Sleep { want: 1 + quick_sends, timeout })
    }

    fn enter_awake(&mut self) -> io::Result<()> {
        if self.queued > 0 || self.ring.needs_enter() { self.enter(0, None) } else { Ok(()) }
    }

    pub(super) fn enter(&mut self, want: u32, timeout: Option<Duration>) -> io::Result<()> {
        self.stats.enters += 1;
        self.queued = 0;
        self.quick_sends = 0;
        self.ring.enter(want, timeout)
    }

    pub(super) fn flush_backlog(&mut self) -> io::Result<()> {
        while let Some(&chain) = self.backlog.front() {
            if self.try_push(chain) {
                self.backlog.pop_front();
                continue;
            }
            self.enter(0, None)?;
            if !self.try_push(chain) {
                // The kernel takes nothing before its completions are taken: the next turn goes on.
                return Ok(());
            }
            self.backlog.pop_front();
        }
        Ok(())
    }

    fn arm_wake(&mut self) {
        if self.waking.is_some() || self.draining {
            return;
        }
        let Ok(slot) = self.flights.insert(Flight::Wake) else { return };
        self.waking = Some(slot);
        let counter: *mut u64 = &raw mut *self.wake_counter;
        self.issue_one(Op::Wake { eventfd: self.sleeper.eventfd(), counter }, mark(slot, Part::Main));
    }

    /// Takes one completion to the operation it belongs to.
    pub(super) fn complete(&mut self, completion: Completion) {
        if completion.mark == IGNORED {
            return;
        }
        let (slot, part) = unmark(completion.mark);
        let slot = self.judge(slot);
        match self.flights.get(slot) {
            Some(&Flight::Accept(listener)) => self.on_accept(slot, listener, completion),
            Some(&Flight::Connect { socket, .. }) => self.on_connect(slot, socket, completion),
            Some(&Flight::Receive(socket)) => self.on_receive(slot, socket, completion),
            Some(Flight::Send(_)) => self.on_send(slot, completion),
            Some(Flight::File(_)) => self.on_file(slot, part, completion),
            Some(Flight::Wake) => {
                // Whether a wake was meant is told by the sleeper's flag; here the read is only armed again.
                self.flights.remove(slot);
                self.waking = None;
            }
            None => self.stats.stale += 1,
        }
    }

    #[cfg(not(test))]
    fn judge(&self, slot: Slot) -> Slot {
        slot
    }

    /// The control without generations takes whatever lives at the index now.
    #[cfg(test)]
    fn judge(&self, slot: Slot) -> Slot {
        if self.check_generations { slot } else { self.flights.current(slot.index).unwrap_or(slot) }
    }
}

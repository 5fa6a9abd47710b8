//! Waking a loop that sleeps, and only then.
//!
//! Owns: one word that says what the loop does, and an eventfd. Takes: `wake` from any thread. Gives: a
//! system call only where the loop sleeps. Must stay true: what was published before `wake` is seen
//! by the loop before its next sleep ends.
//!
//! Why no wake is lost. All steps are read-modify-writes of one word, so they have one order:
//!
//! 1. A producer publishes (say, into a ring between cores), then swaps in NOTIFIED.
//! 2. The loop, about to sleep, replaces AWAKE by ASLEEP, and only AWAKE.
//! 3. If 1 came first, 2 finds NOTIFIED and does not sleep. If 2 came first, 1 finds ASLEEP and
//!    writes the eventfd, which the loop's ring reads; the loop wakes.
//! 4. After waking, the loop swaps in AWAKE. The swap that finds NOTIFIED acquires what the producer's
//!    swap released: its publication is visible.
//!
//! A second producer between 3 and 4 finds NOTIFIED and writes nothing: the first one's wake serves both.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::ring::Fd;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const NOTIFIED: u32 = 2;

struct Shared {
    state: AtomicU32,
    eventfd: EventFd,
}

/// Wakes one loop. Clones wake the same one.
#[derive(Clone)]
pub struct Waker {
    shared: Arc<Shared>,
}

impl Waker {
    /// Makes the loop run once more, at once if it sleeps. Gives whether it slept, which costs a system call.
    pub fn wake(&self) -> bool {
        if self.shared.state.swap(NOTIFIED, Ordering::AcqRel) != ASLEEP {
            return false;
        }
        // Writing 1 blocks only at 2^64 - 2 unread wakes, and fails only for a closed descriptor.
        let _ = self.shared.eventfd.write(1);
        true
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Waker({})", self.shared.eventfd.as_fd().as_raw_fd())
    }
}

/// The loop's side. Made first where the wakers must be known before the loops run, as in a mesh.
pub struct Sleeper {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sleeper")
    }
}

impl Sleeper {
    /// A sleeper that is awake.
    pub fn new() -> io::Result<Self> {
        // Blocking mode: with O_NONBLOCK the ring would answer EAGAIN instead of waiting for a wake.
        let eventfd = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC)?;
        Ok(Self { shared: Arc::new(Shared { state: AtomicU32::new(AWAKE), eventfd }) })
    }

    /// A handle that wakes it.
    pub fn waker(&self) -> Waker {
        Waker { shared: Arc::clone(&self.shared) }
    }

    pub(crate) fn eventfd(&self) -> Fd {
        Fd(self.shared.eventfd.as_fd().as_raw_fd())
    }

    /// Whether the loop may sleep: nobody woke it since the last notice was taken.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.shared.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends the sleep. Gives whether somebody asked for it.
    pub(crate) fn wake_up(&self) -> bool {
        self.shared.state.swap(AWAKE, Ordering::AcqRel) == NOTIFIED
    }

    /// Takes a wake that came while the loop was awake.
    pub(crate) fn take_notice(&self) -> bool {
        self.shared.state.load(Ordering::Relaxed) == NOTIFIED && self.wake_up()
    }

    /// Keeps the eventfd open for ever, for an operation that did not end.
    pub(crate) fn leak(&self) {
        std::mem::forget(Arc::clone(&self.shared));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sleeper_costs_a_system_call() {
        let sleeper = Sleeper::new().unwrap();
        let waker = sleeper.waker();
        assert!(!waker.wake(), "the loop is awake");
        assert!(!sleeper.fall_asleep(), "a notice waits, so it must not sleep");
        assert!(sleeper.take_notice());
        assert!(sleeper.fall_asleep());
        assert!(waker.wake(), "it sleeps");
        assert!(!waker.wake(), "the first wake is under way");
        assert!(sleeper.wake_up());
        assert!(!sleeper.take_notice());
    }
}

//! How many clients are connected to the whole broker.
//!
//! The one number that the cores share: each core accepts for itself, and the kernel spreads connections unevenly, so no part of the
//! bound that a core had for itself would be the bound that was configured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count, and how far it may go. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    connected: Arc<AtomicUsize>,
    most: usize,
}

impl Tally {
    /// Nobody is connected, and at most so many may be.
    pub(super) fn new(most: usize) -> Self {
        Self { connected: Arc::new(AtomicUsize::new(0)), most }
    }

    /// One more, if there is room.
    pub(super) fn enter(&self) -> bool {
        // Only the number itself is shared: nothing is read on the strength of it.
        let more = |connected: usize| (connected < self.most).then_some(connected + 1);
        self.connected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// One of those that entered has gone.
    pub(super) fn leave(&self) {
        self.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_over_all_cores_and_room_comes_back() {
        let tally = Tally::new(100);
        let entered = |tally: Tally| (0..80).filter(|_| tally.enter()).count();
        let threads: Vec<_> = (0..4).map(|_| (tally.clone(), entered)).collect();
        let threads: Vec<_> =
            threads.into_iter().map(|(tally, entered)| std::thread::spawn(move || entered(tally))).collect();
        let all: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(all, 100);
        assert!(!tally.enter());
        tally.leave();
        assert!(tally.enter());
        assert!(!tally.enter());
    }
}

//! Queues that go by themselves: made by their first use, empty, and without a consumer (`auto-delete-queues`).
//!
//! Takes: queues that may be deserted now. Gives: their removal. Must stay true: a queue goes only when all that made it empty is
//! promised, since the message of an acknowledgement that a crash takes back must find it again; what an open transaction has sent to it
//! keeps it. The reference looks at its queues at times (`PostOfficeImpl.reapAddresses`); here the last consumer's end is that time.

use journal::{BlockBuffer, LaneKind, Vector};

use super::{Effect, Home};
use crate::mail::Binding;
use crate::message::QueueKey;

/// A queue that may go.
#[derive(Debug)]
pub(super) struct Departure {
    queue: QueueKey,
    /// All that made it empty is promised.
    is_safe: bool,
}

impl<B: BlockBuffer> Home<B> {
    /// A queue has lost a consumer, or messages that no consumer held.
    #[cold]
    pub(super) fn look_after(&mut self, key: QueueKey) {
        let Some(queue) = self.names.queue_mut(key).filter(|queue| queue.auto_delete) else { return };
        queue.looks = queue.looks.wrapping_add(1);
        self.departures.push(Departure { queue: key, is_safe: false });
    }

    /// The promise that a queue waited for is there. If anything happened to it meanwhile, it is looked at again for that.
    #[cold]
    pub(super) fn may_depart(&mut self, key: QueueKey, looks: u32) {
        if self.names.queue(key).is_some_and(|queue| queue.looks == looks) {
            self.departures.push(Departure { queue: key, is_safe: true });
        }
    }

    /// Can something be done about the queues that may go? A transaction that is prepared may yet give back what it consumed.
    // Asked twice a turn, and hardly ever anything but the first.
    #[inline(always)]
    pub(super) fn may_say_goodbye(&self) -> bool {
        !self.departures.is_empty() && self.can_say_goodbye()
    }

    #[cold]
    fn can_say_goodbye(&self) -> bool {
        self.prepared.is_empty() && self.has_room()
    }

    /// Has those go that are deserted.
    #[cold]
    pub(super) fn say_goodbye(&mut self) {
        for Departure { queue: key, is_safe } in std::mem::take(&mut self.departures) {
            let Some(queue) = self.names.queue(key).filter(|queue| queue.is_deserted()) else { continue };
            if !self.has_room() {
                self.departures.push(Departure { queue: key, is_safe });
            } else if !is_safe {
                let looks = queue.looks;
                let all = self.appended_so_far();
                self.after(&all, Effect::Deserted { queue: key, looks });
            } else if !self.is_awaited(key) {
                let (id, name) = (queue.id, queue.name.clone());
                let address = self.names.address(queue.address).map(|address| address.name.clone()).unwrap_or_default();
                crate::event!(QU106, queue = &*name, address = &*address);
                // Nobody waits for this: an empty queue does no harm if it stays.
                self.bind(None, Binding::QueueGone { id, name, address });
            }
        }
    }

    /// Where the lanes of messages stand.
    fn appended_so_far(&self) -> Vector {
        let mut vector = Vector::new();
        for (lane, appended, _) in self.positions().filter(|(lane, _, _)| lane.kind() == LaneKind::Journal) {
            vector.raise(lane, appended);
        }
        vector
    }

    /// Has an open transaction sent something to the queue?
    fn is_awaited(&self, key: QueueKey) -> bool {
        let sends = self.sessions.values().flat_map(|session| &session.staged.sends);
        self.staged_bytes > 0 && sends.flat_map(|send| &send.targets).any(|(target, _)| *target == key)
    }
}

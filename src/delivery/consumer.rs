//! A consumer as the home of its queue knows it.

use std::collections::VecDeque;

use super::Walk;
use crate::limits;
use crate::mail::SessionRef;
use crate::message::{ConsumerId, MessageId, QueueKey};
use crate::queue::Entry;

/// How many more bytes a consumer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credit {
    /// Bytes; a delivery needs more than none, and may overdraw it once.
    Bytes(i64),
    /// The client does not want flow control.
    Unlimited,
}

impl Credit {
    /// May a message be sent?
    pub fn allows_delivery(self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes > 0,
            Self::Unlimited => true,
        }
    }

    /// What the client grants: −1 ends flow control, 0 takes everything away, more is added. Other negative numbers say nothing.
    pub fn grant(&mut self, bytes: i32) {
        *self = match (bytes, *self) {
            (-1, _) => Self::Unlimited,
            (0, _) => Self::Bytes(0),
            (granted, Self::Bytes(left)) if granted > 0 => Self::Bytes(left.saturating_add(i64::from(granted))),
            (_, unchanged) => unchanged,
        };
    }

    /// A frame of this size was sent.
    pub fn spend(&mut self, bytes: usize) {
        if let Self::Bytes(left) = self {
            *left -= i64::try_from(bytes).unwrap_or(i64::MAX);
        }
    }
}

/// A message in the hands of a consumer.
#[derive(Clone, Debug)]
pub struct Held {
    /// The message.
    pub entry: Entry,
    /// Acknowledged in the session's open transaction.
    pub acknowledged: bool,
}

/// An open consumer.
#[derive(Debug)]
pub struct Consumer {
    /// Whose it is.
    pub session: SessionRef,
    /// As its client numbers it.
    pub id: ConsumerId,
    /// What it consumes.
    pub queue: QueueKey,
    /// Its session is started.
    pub started: bool,
    /// Its connection takes no more bytes for now.
    pub held_back: bool,
    /// Its connection is lost.
    pub lost: bool,
    /// Messages are acknowledged by being delivered.
    pub pre_acknowledge: bool,
    /// What it may still be sent.
    pub credit: Credit,
    /// Higher ones are served first.
    pub priority: i32,
    /// Its own way through the queue, if it does not take whatever is next.
    pub walk: Option<Box<Walk>>,
    /// Questions for "nothing more" that wait for a body from the disk.
    pub forced: VecDeque<i64>,
    /// What it was given, in the order of delivery.
    held: VecDeque<Held>,
}

impl Consumer {
    /// A consumer without credit.
    pub fn new(session: SessionRef, id: ConsumerId, queue: QueueKey) -> Self {
        Self {
            session,
            id,
            queue,
            started: false,
            held_back: false,
            lost: false,
            pre_acknowledge: false,
            credit: Credit::Bytes(0),
            priority: 0,
            walk: None,
            forced: VecDeque::new(),
            held: VecDeque::new(),
        }
    }

    /// May it be given a message now?
    pub fn is_ready(&self) -> bool {
        self.started && !self.held_back && !self.lost && self.credit.allows_delivery()
    }

    /// Does it look at messages without taking them?
    pub fn browses(&self) -> bool {
        self.walk.as_ref().is_some_and(|walk| walk.browses())
    }

    /// It was given a message.
    pub fn hold(&mut self, entry: Entry) {
        self.held.push_back(Held { entry, acknowledged: false });
    }

    /// Takes one message out of its hands.
    pub fn take(&mut self, message: MessageId) -> Option<Entry> {
        let at = self.held.iter().position(|held| !held.acknowledged && held.entry.id == message)?;
        let taken = self.held.remove(at).map(|held| held.entry);
        self.rest();
        taken
    }

    /// Gives back the room of a crowd of messages that are all out of its hands.
    #[inline]
    fn rest(&mut self) {
        if self.held.is_empty() && self.held.capacity() > limits::HELD_SPARE_MAX {
            self.held = VecDeque::new();
        }
    }

    /// Is the message in its hands and not acknowledged?
    pub fn holds(&self, message: MessageId) -> bool {
        self.held.iter().any(|held| !held.acknowledged && held.entry.id == message)
    }

    /// Takes the oldest message out of its hands, if it is not acknowledged.
    pub fn take_oldest_open(&mut self) -> Option<Entry> {
        let at = self.held.iter().position(|held| !held.acknowledged)?;
        let taken = self.held.remove(at).map(|held| held.entry);
        self.rest();
        taken
    }

    /// Marks messages as acknowledged in the open transaction: this one, or all open ones up to it. Returns how many.
    pub fn mark(&mut self, message: MessageId, individual: bool) -> usize {
        let Some(last) = self.held.iter().position(|held| !held.acknowledged && held.entry.id == message) else {
            return 0;
        };
        let first = if individual { last } else { 0 };
        let mut marked = 0;
        for held in self.held.range_mut(first..=last).filter(|held| !held.acknowledged) {
            held.acknowledged = true;
            marked += 1;
        }
        marked
    }

    /// Takes everything that was acknowledged in the transaction, in order.
    pub fn take_marked(&mut self, mut each: impl FnMut(Entry)) {
        if self.held.iter().any(|held| held.acknowledged) {
            for held in std::mem::take(&mut self.held) {
                if held.acknowledged { each(held.entry) } else { self.held.push_back(held) }
            }
        }
    }

    /// Takes everything that is not acknowledged out of its hands, in order.
    pub fn take_open(&mut self) -> Vec<Entry> {
        let (marked, open) = self.take_all().into_iter().partition(|held| held.acknowledged);
        self.held = marked;
        VecDeque::into_iter(open).map(|held| held.entry).collect()
    }

    /// Takes everything out of its hands, in order.
    pub fn take_all(&mut self) -> VecDeque<Held> {
        std::mem::take(&mut self.held)
    }

    /// How many messages it holds.
    pub fn held_count(&self) -> usize {
        self.held.len()
    }

    /// What it holds, to be changed by compaction.
    pub fn held_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.held.iter_mut().map(|held| &mut held.entry)
    }

    /// What it holds.
    pub fn held(&self) -> impl Iterator<Item = &Entry> {
        self.held.iter().map(|held| &held.entry)
    }
}

#[cfg(test)]
mod tests {
    use journal::{Location, Lsn};

    use super::*;
    use crate::message::{CoreId, SessionKey};

    #[test]
    fn the_room_of_a_crowd_is_given_back() {
        let session = SessionRef { core: CoreId(0), key: SessionKey::default() };
        let mut consumer = Consumer::new(session, ConsumerId(0), QueueKey::default());
        for number in 0..100_000 {
            consumer.hold(Entry::new(MessageId(number), Location::new(Lsn(4_096), 64), 100, 4, true));
        }
        for number in 0..99_999 {
            consumer.take(MessageId(number)).unwrap();
        }
        assert!(consumer.held.capacity() >= 100_000, "room is given back once, not for each message");
        consumer.take_oldest_open().unwrap();
        assert_eq!((consumer.held_count(), consumer.held.capacity()), (0, 0));
    }

    #[test]
    fn credit_follows_the_protocol() {
        let mut credit = Credit::Bytes(0);
        assert!(!credit.allows_delivery());
        credit.grant(100);
        credit.spend(239);
        assert_eq!(credit, Credit::Bytes(-139));
        credit.grant(139);
        assert!(!credit.allows_delivery());
        credit.grant(1);
        assert!(credit.allows_delivery());
        credit.grant(0);
        assert!(!credit.allows_delivery());
        credit.grant(-7);
        assert_eq!(credit, Credit::Bytes(0));
        credit.grant(-1);
        credit.spend(1 << 30);
        assert!(credit.allows_delivery());
    }
}

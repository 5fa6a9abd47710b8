//! What is to happen later.
//!
//! Owns: deadlines and their values, in a heap; no thread, no signal. Takes: a moment and a value, later
//! `now`. Gives: what is due, in order, and the next deadline for the turn's sleep. Must stay true: a
//! timer fires once or is cancelled; a cancelled one never fires; equal deadlines fire in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Moment;
use crate::slots::{Slot, Slots};

/// A timer that was set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimerId(Slot);

/// All places for timers are taken. The value comes back.
#[derive(PartialEq, Eq, Debug)]
pub struct Full<T>(pub T);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Moment,
    order: u64,
    index: u32,
    generation: u32,
}

/// A bounded set of timers.
pub struct Timers<T> {
    heap: BinaryHeap<Reverse<Due>>,
    values: Slots<T>,
    order: u64,
}

impl<T> Timers<T> {
    /// At most `max` timers at once.
    pub fn new(max: u32) -> Self {
        Self { heap: BinaryHeap::new(), values: Slots::new(max), order: 0 }
    }

    /// Sets a timer.
    pub fn set(&mut self, at: Moment, value: T) -> Result<TimerId, Full<T>> {
        let slot = self.values.insert(value).map_err(Full)?;
        self.heap.push(Reverse(Due { at, order: self.order, index: slot.index, generation: slot.generation }));
        self.order += 1;
        Ok(TimerId(slot))
    }

    /// Takes a timer back; none if it fired or was cancelled.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        let value = self.values.remove(id.0)?;
        // Cancelled entries stay in the heap until they come up, unless they outnumber the living: then
        // the heap is swept, so that it stays within twice the number of timers.
        if self.heap.len() > 16 && self.heap.len() > 2 * self.values.len() as usize {
            let values = &self.values;
            self.heap.retain(|Reverse(due)| values.get(due.slot()).is_some());
        }
        Some(value)
    }

    /// When to look again.
    pub fn next_deadline(&mut self) -> Option<Moment> {
        while let Some(Reverse(due)) = self.heap.peek().copied() {
            if self.values.get(due.slot()).is_some() {
                return Some(due.at);
            }
            self.heap.pop();
        }
        None
    }

    /// The next value that is due at `now`.
    pub fn pop(&mut self, now: Moment) -> Option<T> {
        while self.next_deadline()? <= now {
            let Reverse(due) = self.heap.pop()?;
            if let Some(value) = self.values.remove(due.slot()) {
                return Some(value);
            }
        }
        None
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.values.len() as usize
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.values.len() == 0
    }
}

impl Due {
    fn slot(self) -> Slot {
        Slot { index: self.index, generation: self.generation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanoseconds: u64) -> Moment {
        Moment::from_nanoseconds(nanoseconds)
    }

    #[test]
    fn fire_in_order_once_and_never_after_cancel() {
        let mut timers = Timers::new(8);
        timers.set(at(30), 'c').unwrap();
        let cancelled = timers.set(at(10), 'x').unwrap();
        timers.set(at(20), 'a').unwrap();
        timers.set(at(20), 'b').unwrap();
        assert_eq!(timers.cancel(cancelled), Some('x'));
        assert_eq!(timers.cancel(cancelled), None);
        assert_eq!(timers.next_deadline(), Some(at(20)));
        assert_eq!(timers.pop(at(19)), None);
        assert_eq!((timers.pop(at(25)), timers.pop(at(25)), timers.pop(at(25))), (Some('a'), Some('b'), None));
        assert_eq!(timers.pop(at(30)), Some('c'));
        assert!(timers.is_empty());
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn are_bounded_and_cancelling_does_not_pile_up() {
        let mut timers = Timers::new(4);
        for round in 0..1000 {
            let id = timers.set(at(1_000_000), round).unwrap();
            timers.cancel(id).unwrap();
        }
        assert!(timers.heap.len() <= 17, "{}", timers.heap.len());
        for value in 0..4 {
            timers.set(at(1), value).unwrap();
        }
        assert_eq!(timers.set(at(1), 9), Err(Full(9)));
    }
}

//! Messages between cores: a ring for each pair, in each direction.
//!
//! Owns: N x (N-1) bounded single-producer single-consumer rings. Takes: values for a core. Gives: values
//! from the others, in order for each sender. Must stay true: nothing is shared but the rings; a full
//! ring gives the value back; a core is woken at most once a turn, and only if it sleeps.

use std::fmt;

use rtrb::{Consumer, Producer, PushError, RingBuffer};

use crate::waker::Waker;

/// A core of the mesh, by its position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CoreIndex(pub u16);

/// The ring to that core is full, or its owner is gone. The value comes back.
#[derive(PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full(..)")
    }
}

/// Builds the rings.
#[derive(Debug)]
pub struct Mesh;

impl Mesh {
    /// The ends of a mesh of as many cores as there are `wakers`; each ring holds `capacity` values.
    /// The end at position i belongs to the loop that `wakers[i]` wakes.
    pub fn build<T: Send>(capacity: usize, wakers: &[Waker]) -> Vec<Endpoint<T>> {
        let cores = wakers.len();
        let mut endpoints: Vec<Endpoint<T>> = (0..cores)
            .map(|_| Endpoint {
                outgoing: (0..cores).map(|_| None).collect(),
                incoming: (0..cores).map(|_| None).collect(),
                next: 0,
            })
            .collect();
        for from in 0..cores {
            for (to, waker) in wakers.iter().enumerate().filter(|(to, _)| *to != from) {
                let (producer, consumer) = RingBuffer::new(capacity);
                let outgoing = Outgoing { producer, waker: waker.clone(), wake: false };
                if let Some(place) = endpoints.get_mut(from).and_then(|end| end.outgoing.get_mut(to)) {
                    *place = Some(outgoing);
                }
                if let Some(place) = endpoints.get_mut(to).and_then(|end| end.incoming.get_mut(from)) {
                    *place = Some(consumer);
                }
            }
        }
        endpoints
    }
}

struct Outgoing<T> {
    producer: Producer<T>,
    waker: Waker,
    /// Something was pushed since the last wake.
    wake: bool,
}

/// One core's end of the mesh.
pub struct Endpoint<T> {
    outgoing: Vec<Option<Outgoing<T>>>,
    incoming: Vec<Option<Consumer<T>>>,
    /// Where the next `receive` begins, so that no sender starves the others.
    next: usize,
}

impl<T: Send> Endpoint<T> {
    /// Queues `value` for `to`. The wake follows with `flush_wakes`.
    pub fn send(&mut self, to: CoreIndex, value: T) -> Result<(), Full<T>> {
        let Some(outgoing) = self.outgoing.get_mut(usize::from(to.0)).and_then(Option::as_mut) else {
            return Err(Full(value));
        };
        match outgoing.producer.push(value) {
            Ok(()) => {
                outgoing.wake = true;
                Ok(())
            }
            Err(PushError::Full(value)) => {
                // It will not get emptier while its owner sleeps.
                outgoing.wake = true;
                Err(Full(value))
            }
        }
    }

    /// Room towards `to`, as far as this side knows.
    pub fn room(&self, to: CoreIndex) -> usize {
        self.outgoing.get(usize::from(to.0)).and_then(Option::as_ref).map_or(0, |outgoing| outgoing.producer.slots())
    }

    /// Wakes the cores that were sent to and sleep. Call once a turn, before the turn's sleep.
    /// Gives how many system calls that took.
    pub fn flush_wakes(&mut self) -> usize {
        let mut woken = 0;
        for outgoing in self.outgoing.iter_mut().flatten().filter(|outgoing| outgoing.wake) {
            outgoing.wake = false;
            woken += usize::from(outgoing.waker.wake());
        }
        woken
    }

    /// Has another core sent what this one did not take yet? Then its loop must not sleep: nobody wakes it for
    /// what it was woken for before.
    pub fn holds_any(&self) -> bool {
        self.incoming.iter().flatten().any(|consumer| !consumer.is_empty())
    }

    /// Hands at most `max` values to `take`, going round the senders. Gives how many; at `max` more may wait, see
    /// [`Endpoint::holds_any`].
    pub fn receive(&mut self, max: usize, mut take: impl FnMut(CoreIndex, T)) -> usize {
        let mut taken = 0;
        for step in 0..self.incoming.len() {
            let from = (self.next + step) % self.incoming.len();
            let Some(consumer) = self.incoming.get_mut(from).and_then(Option::as_mut) else { continue };
            while taken < max
                && let Ok(value) = consumer.pop()
            {
                take(CoreIndex(u16::try_from(from).unwrap_or(u16::MAX)), value);
                taken += 1;
            }
            if taken == max {
                self.next = from;
                return taken;
            }
        }
        self.next = (self.next + 1) % self.incoming.len().max(1);
        taken
    }
}

impl<T> fmt::Debug for Endpoint<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint of {} cores", self.outgoing.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waker::Sleeper;

    fn mesh(cores: usize, capacity: usize) -> (Vec<Sleeper>, Vec<Endpoint<u64>>) {
        let sleepers: Vec<Sleeper> = (0..cores).map(|_| Sleeper::new().unwrap()).collect();
        let wakers: Vec<Waker> = sleepers.iter().map(Sleeper::waker).collect();
        (sleepers, Mesh::build(capacity, &wakers))
    }

    #[test]
    fn a_full_ring_gives_the_value_back_and_others_are_not_affected() {
        let (_sleepers, mut ends) = mesh(3, 2);
        assert_eq!(ends[0].send(CoreIndex(1), 1), Ok(()));
        assert_eq!(ends[0].send(CoreIndex(1), 2), Ok(()));
        assert_eq!(ends[0].send(CoreIndex(1), 3), Err(Full(3)));
        assert_eq!(ends[0].send(CoreIndex(2), 4), Ok(()));
        assert_eq!(ends[0].send(CoreIndex(0), 5), Err(Full(5)), "no ring to oneself");
        assert_eq!(ends[0].send(CoreIndex(9), 6), Err(Full(6)));
        let mut got = Vec::new();
        assert_eq!(ends[1].receive(10, |from, value| got.push((from.0, value))), 2);
        assert_eq!(got, [(0, 1), (0, 2)]);
        assert_eq!(ends[0].room(CoreIndex(1)), 2);
    }

    #[test]
    fn only_a_sleeping_core_is_woken_and_once() {
        let (sleepers, mut ends) = mesh(2, 8);
        ends[0].send(CoreIndex(1), 1).unwrap();
        assert_eq!(ends[0].flush_wakes(), 0, "core 1 is awake");
        assert!(!sleepers[1].fall_asleep(), "but told, so it does not sleep");
        assert!(sleepers[1].take_notice());
        assert!(sleepers[1].fall_asleep());
        ends[0].send(CoreIndex(1), 2).unwrap();
        ends[0].send(CoreIndex(1), 3).unwrap();
        assert_eq!(ends[0].flush_wakes(), 1);
        assert_eq!(ends[0].flush_wakes(), 0);
    }

    #[test]
    fn what_was_not_taken_is_seen() {
        let (_sleepers, mut ends) = mesh(3, 8);
        assert!(!ends[2].holds_any());
        ends[0].send(CoreIndex(2), 1).unwrap();
        ends[1].send(CoreIndex(2), 2).unwrap();
        assert_eq!(ends[2].receive(1, |_, _| ()), 1);
        assert!(ends[2].holds_any(), "one of two was taken");
        assert_eq!(ends[2].receive(1, |_, _| ()), 1);
        assert!(!ends[2].holds_any());
    }

    #[test]
    fn a_loud_sender_does_not_starve_a_quiet_one() {
        let (_sleepers, mut ends) = mesh(3, 16);
        for value in 0..16 {
            ends[0].send(CoreIndex(2), value).unwrap();
        }
        ends[1].send(CoreIndex(2), 100).unwrap();
        let mut seen = Vec::new();
        for _ in 0..6 {
            ends[2].receive(4, |from, _| seen.push(from.0));
            ends[0].send(CoreIndex(2), 0).ok();
        }
        assert!(seen.contains(&1));
    }

    #[test]
    fn values_cross_threads_in_order() {
        let (_sleepers, mut ends) = mesh(2, 64);
        let mut receiver = ends.pop().unwrap();
        let mut sender = ends.pop().unwrap();
        let count = 20_000u64;
        let thread = std::thread::spawn(move || {
            let mut value = 0;
            while value < count {
                match sender.send(CoreIndex(1), value) {
                    Ok(()) => value += 1,
                    Err(_) => std::thread::yield_now(),
                }
            }
        });
        let mut expected = 0;
        while expected < count {
            let taken = receiver.receive(32, |_, value| {
                assert_eq!(value, expected);
                expected += 1;
            });
            if taken == 0 {
                std::thread::yield_now();
            }
        }
        thread.join().unwrap();
    }
}

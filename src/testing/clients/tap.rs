//! A consumer as its client holds it: what it was given and has not acknowledged.

use std::collections::VecDeque;

use protocol::core::identity::MessageId;

use super::Shared;
use super::link::Link;
use crate::testing::machine::Machine;
use crate::testing::oracle::{Identity, QueueNumber, Stream};
use crate::testing::payload;

/// The credit that a consumer begins with.
const WINDOW_BYTES: i32 = 48 * 1024;

/// A message in the client's hands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) message: MessageId,
    pub(super) identity: Identity,
    /// What it cost in credit.
    pub(super) cost: usize,
}

/// The consumer of one queue.
#[derive(Clone, Debug)]
pub(super) struct Tap {
    pub(super) queue: QueueNumber,
    pub(super) stream: Stream,
    pub(super) held: VecDeque<Held>,
    /// The broker has such a consumer.
    pub(super) open: bool,
    /// Its creation is on the way.
    pub(super) asked: bool,
}

impl Tap {
    pub(super) fn new(queue: QueueNumber) -> Self {
        Self { queue, stream: Stream::new(queue), held: VecDeque::new(), open: false, asked: false }
    }

    /// The connection or the session is gone: it begins again.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.queue);
    }

    /// The broker has made it.
    pub(super) fn opened(&mut self, number: usize, link: &mut Link, machine: &mut Machine) {
        (self.open, self.asked) = (true, false);
        link.credit(machine, number, WINDOW_BYTES);
    }

    /// A message came; the oracle judges it.
    pub(super) fn delivered(&mut self, shared: &mut Shared, message: MessageId, cost: usize, body: &[u8]) {
        match payload::read(shared.seed, body) {
            Ok(identity) => {
                shared.oracle.delivered(&mut self.stream, identity);
                self.held.push_back(Held { message, identity, cost });
            }
            Err(what) => shared.oracle.delivered_corrupt(&self.stream, &what),
        }
    }

    /// Takes the oldest messages out of the client's hands and gives their credit back.
    pub(super) fn take(&mut self, number: usize, count: usize, link: &mut Link, machine: &mut Machine) -> Vec<Held> {
        let taken: Vec<Held> = self.held.drain(..count.min(self.held.len())).collect();
        let cost: usize = taken.iter().map(|held| held.cost).sum();
        if cost > 0 {
            link.credit(machine, number, i32::try_from(cost).unwrap_or(i32::MAX));
        }
        taken
    }
}

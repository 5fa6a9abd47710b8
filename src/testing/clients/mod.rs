//! The simulated clients: producers, consumers and those that do both in transactions, each with a connection of its own.
//!
//! Each tells the oracle what it is about to do, does it, and tells what came of it. What must stay true: acknowledgements are
//! blocking or transactional, and a queue has one consumer at a time, or the oracle could say nothing.

mod client;
mod drain;
mod link;
mod tap;
mod transacted;

pub(super) use client::Client;
pub(super) use drain::Drainer;

use journal::testing::Random;
use protocol::core::identity::RoutingType;
use protocol::message::MessageBuilder;

use super::oracle::{Identity, Oracle, ProducerNumber, QueueNumber, Sequence};
use super::payload;

/// Queues of a store: enough to have some on every lane.
pub(super) const QUEUES: u16 = 8;
/// Messages of this queue have priorities of their own.
const MIXED_PRIORITIES: QueueNumber = QueueNumber(QUEUES - 1);
/// Those who send: producers, and consumers that send on.
const SENDERS: usize = 6;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Sends, with so many answers outstanding at most; 1 waits for each.
    Produce { window: usize },
    /// Sends some at a time to several queues and commits.
    ProduceInTransactions,
    /// Takes, acknowledges, waits for the answer.
    Consume,
    /// Takes some and sends on, in transactions.
    TransferInTransactions,
}

/// What all clients of one store share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// What was done and seen.
    pub(super) oracle: Oracle,
    seed: u64,
    sequences: [u64; SENDERS],
    /// Operations that clients may still begin.
    pub(super) budget: u64,
    /// Fewer bytes a message, more transactions.
    pub(super) only_transactions: bool,
}

impl Shared {
    pub(super) fn new(seed: u64, only_transactions: bool) -> Self {
        Self { oracle: Oracle::default(), seed, sequences: [0; SENDERS], budget: 0, only_transactions }
    }

    /// Takes one operation from the budget, if there is one.
    fn spend(&mut self) -> bool {
        let may = self.budget > 0;
        self.budget = self.budget.saturating_sub(1);
        may
    }

    fn next_message(&mut self, producer: ProducerNumber, queue: QueueNumber) -> Identity {
        let last = self.sequences.get_mut(usize::from(producer.0));
        let sequence = last.map_or(0, |last| {
            *last += 1;
            *last
        });
        let priority = if queue == MIXED_PRIORITIES { u8::try_from(sequence % 10).unwrap_or(4) } else { 4 };
        Identity { producer, sequence: Sequence(sequence), queue, priority }
    }

    /// The encoded message of this identity.
    fn encode(&self, identity: Identity, random: &mut Random) -> Vec<u8> {
        let mut body = Vec::new();
        payload::write(self.seed, identity, self.length(random), &mut body);
        let message = MessageBuilder::new(&queue_name(identity.queue)).durable(true).bytes(&body);
        let priority = i8::try_from(identity.priority).unwrap_or(4);
        let mut encoded = Vec::new();
        message.priority(priority).routing_type(RoutingType::ANYCAST).write(&mut encoded);
        encoded
    }

    /// Mostly small, some of several blocks, a few above what one record holds.
    fn length(&self, random: &mut Random) -> usize {
        let most = match random.below(1000) {
            _ if self.only_transactions => 300,
            0..800 => 600,
            800..960 => 4 * 1024,
            960..995 => 40 * 1024,
            _ => return 128 * 1024 + random.index(64 * 1024),
        };
        random.index(most)
    }
}

/// The name of a queue, and of its address.
pub(super) fn queue_name(queue: QueueNumber) -> String {
    format!("sim.{}", queue.0)
}

fn any_queue(random: &mut Random) -> QueueNumber {
    QueueNumber(u16::try_from(random.below(u64::from(QUEUES))).unwrap_or(0))
}

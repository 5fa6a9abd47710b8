//! A core that has done all of it before: what grows has grown, and what is counted now is the steady state.

use ringmq::message::ConnectionKey;

use super::broker::Broker;
use super::client;
use super::consumer::Consumer;

/// A core with a producer, whose queue has held more messages than a run will put into it, and is empty.
pub(crate) struct Warm {
    pub(crate) broker: Broker,
    pub(crate) producer: ConnectionKey,
    /// The frames of one group.
    pub(crate) frames: Vec<u8>,
}

impl Warm {
    /// A core whose queue may get `groups` groups of `group` messages without growing. `None`: it did not do what it was asked for.
    pub(crate) fn new(groups: usize, group: usize) -> Option<Self> {
        Self::on(Broker::new()?, groups, group)
    }

    /// The same with `deep` messages in its queue, by a core that writes its index as the server's does.
    pub(crate) fn deep(groups: usize, group: usize, deep: usize) -> Option<Self> {
        let mut warm = Self::on(Broker::with_checkpoints(ringmq::limits::CHECKPOINT_BYTES)?, groups, group)?;
        for _ in 0..deep.div_ceil(group) {
            warm.group();
        }
        Some(warm)
    }

    fn on(mut broker: Broker, groups: usize, group: usize) -> Option<Self> {
        let producer = broker.connect()?;
        broker.receive(producer, &client::hello());
        broker.settle(|_, _| {});
        let frames = (0..group as u64).flat_map(client::send).collect();
        let mut warm = Self { broker, producer, frames };
        for _ in 0..groups {
            warm.group();
        }
        let mut consumer = Consumer::new(&mut warm.broker)?;
        let consumed = consumer.consume_all(&mut warm.broker);
        warm.broker.disconnect(consumer.connection);
        warm.broker.settle(|_, _| {});
        (consumed == groups * group).then_some(warm)
    }

    /// One group of sends through everything; gives the bytes of the answers.
    pub(crate) fn group(&mut self) -> usize {
        let mut answers = 0;
        self.broker.receive(self.producer, &self.frames);
        self.broker.settle(|_, bytes| answers += bytes.len());
        answers
    }
}

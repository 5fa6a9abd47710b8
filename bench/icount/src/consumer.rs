//! A client that consumes and acknowledges each message by itself.

use protocol::core::frame::Frames;
use protocol::core::packet::{self, Direction, Packet};
use protocol::limits::FRAME_BYTES_MAX;
use protocol::message::MessageView;
use ringmq::message::ConnectionKey;

use super::broker::Broker;
use super::client;

/// Its connection, and what it will say next.
pub(crate) struct Consumer {
    pub(crate) connection: ConnectionKey,
    /// The frames that it sends next.
    said: Vec<u8>,
    /// What a delivery costs in credit.
    delivery_bytes: usize,
}

impl Consumer {
    /// Connects and opens a consumer that has no credit.
    pub(crate) fn new(broker: &mut Broker) -> Option<Self> {
        let connection = broker.connect()?;
        broker.receive(connection, &client::hello());
        broker.receive(connection, &client::consume());
        broker.settle(|_, _| {});
        Some(Self { connection, said: Vec::new(), delivery_bytes: client::delivery_bytes() })
    }

    /// Takes the deliveries that the last turn gave, and gives how many there were.
    fn hear(&mut self, broker: &Broker) -> usize {
        self.said.clear();
        broker.outgoing(self.connection).map(|bytes| answer(bytes, &mut self.said)).sum()
    }

    /// Takes the next `group` messages and acknowledges each; gives how many came. What the core does for it goes through `count`.
    pub(crate) fn consume_group(
        &mut self,
        broker: &mut Broker,
        group: usize,
        mut count: impl FnMut(&mut dyn FnMut()),
    ) -> usize {
        let bytes = self.delivery_bytes * group;
        self.said.clear();
        client::put_credit(i32::try_from(bytes).unwrap_or(-1), &mut self.said);
        count(&mut || {
            broker.receive(self.connection, &self.said);
            broker.turn();
        });
        let delivered = self.hear(broker);
        count(&mut || {
            broker.carry_out(|_, _| {});
            broker.receive(self.connection, &self.said);
            broker.settle(|_, _| {});
        });
        delivered
    }

    /// Consumes all there is; gives how many there were.
    pub(crate) fn consume_all(&mut self, broker: &mut Broker) -> usize {
        let (own, mut consumed, mut next) = (self.connection, 0, client::credit(-1));
        while !next.is_empty() {
            broker.receive(own, &next);
            next.clear();
            broker.settle(|to, bytes| {
                if to == own {
                    consumed += answer(bytes, &mut next);
                }
            });
        }
        consumed
    }
}

/// Acknowledges every delivery in what the server wrote; gives how many there were.
fn answer(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let mut frames = Frames::new(bytes, FRAME_BYTES_MAX);
    let mut count = 0;
    while let Ok(Some(frame)) = frames.next_frame() {
        let Ok(frame) = packet::decode(frame, Direction::ServerToClient, client::VERSION) else { continue };
        let Packet::ReceiveMessage(received) = frame.packet else { continue };
        let Ok(message) = MessageView::parse(received.message) else { continue };
        client::acknowledge(message.header.message_id, out);
        count += 1;
    }
    count
}

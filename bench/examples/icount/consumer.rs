//! A client that consumes and acknowledges each message by itself.

use protocol::core::frame::Frames;
use protocol::core::packet::{self, Direction, Packet};
use protocol::limits::FRAME_BYTES_MAX;
use protocol::message::MessageView;
use ringmq::message::ConnectionKey;

use crate::broker::Broker;
use crate::client;

/// Its connection, and what it will say next.
pub(crate) struct Consumer {
    pub(crate) connection: ConnectionKey,
    /// The frames that acknowledge what was heard last.
    pub(crate) acknowledgements: Vec<u8>,
}

impl Consumer {
    /// Connects and opens a consumer that has no credit.
    pub(crate) fn new(broker: &mut Broker) -> Option<Self> {
        let connection = broker.connect()?;
        broker.receive(connection, &client::hello());
        broker.receive(connection, &client::consume());
        broker.settle(|_, _| {});
        Some(Self { connection, acknowledgements: Vec::new() })
    }

    /// Takes the deliveries that the last turn gave, and gives how many there were.
    pub(crate) fn hear(&mut self, broker: &Broker) -> usize {
        self.acknowledgements.clear();
        broker.outgoing(self.connection).map(|bytes| answer(bytes, &mut self.acknowledgements)).sum()
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

//! One producer: so many durable messages of one size, with so many answers outstanding.

use std::collections::VecDeque;

use protocol::core::identity::{CorrelationId, ProducerId};
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{Packet, encode};
use protocol::core::version::Version;
use ringmq_client::{ConnectOptions, Connection, Endpoint, Error, MessageBuilder, ProducerOptions, SessionOptions};

const QUEUE: &str = "write.amp";

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Bytes of a body.
    pub(super) size: usize,
    /// Sends without an answer at a time.
    pub(super) window: usize,
    pub(super) messages: u64,
}

/// Sends it all, waits until all is acked, and gives the bytes of the SEND frames.
pub(super) fn send(port: u16, load: Load) -> Result<u64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(send_all(port, load)).map_err(|error| format!("the producer failed: {error}"))
}

async fn send_all(port: u16, load: Load) -> Result<u64, Error> {
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port };
    let connection = Connection::connect(&endpoint, ConnectOptions::default()).await?;
    let session = connection.create_session(SessionOptions::AUTO).await?;
    session.ensure_queue(QUEUE).await?;
    // No credits: the window alone is the bound.
    let options = ProducerOptions { credit_bytes: 0, in_flight_max: load.window };
    let producer = session.producer(QUEUE, options)?;
    let message = message(load.size);
    let mut open = VecDeque::new();
    for _ in 0..load.messages {
        if open.len() >= load.window
            && let Some(receipt) = open.pop_front()
        {
            receipt.await?;
        }
        open.push_back(producer.send_encoded_async(&message).await?);
    }
    for receipt in open {
        receipt.await?;
    }
    let frame = frame_bytes(&message);
    connection.close().await;
    Ok(frame * load.messages)
}

fn message(size: usize) -> Vec<u8> {
    let (mut encoded, body) = (Vec::new(), vec![b'b'; size]);
    MessageBuilder::new(QUEUE).durable(true).bytes(&body).write(&mut encoded);
    encoded
}

/// The whole frame, length field included. No field of it has a size that depends on its value.
fn frame_bytes(message: &[u8]) -> u64 {
    let trailer =
        SendTrailer { requires_response: true, correlation_id: CorrelationId(0), producer_id: ProducerId::UNNAMED };
    let mut frame = Vec::new();
    let encoded = encode(
        protocol::core::identity::ChannelId::FIRST_SESSION,
        &Packet::Send(Send { message, trailer }),
        Version::NEWEST,
        &mut frame,
    );
    encoded.map_or(0, |()| frame.len() as u64)
}

//! A producer: sends to one address, with credits, and knows of each message whether it was taken.
//!
//! Must stay true: messages of one caller are sent in the order of its calls; none is sent without credits; a message whose
//! receipt is dropped is still sent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{CorrelationId, ProducerId};
use protocol::core::packet::credit::ProducerCredits;
use protocol::core::packet::session::{CreateProducer, RemoveProducer};
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{Packet, PacketType};
use protocol::core::version::Version;
use protocol::message::MessageBuilder;
use protocol::simple_string::SimpleString;
use tokio::sync::{Semaphore, oneshot};

use crate::channel::Channel;
use crate::connection::Shared;
use crate::credits::{Credits, Step};
use crate::error::Error;
use crate::options::ProducerOptions;

/// A producer of a session.
pub struct Producer {
    channel: Arc<Channel>,
    id: ProducerId,
    address: SimpleString,
    credit_bytes: u32,
    credits: Arc<Credits>,
    window: Arc<Semaphore>,
}

impl Producer {
    pub(crate) fn open(channel: Arc<Channel>, address: &str, options: ProducerOptions) -> Result<Producer, Error> {
        let address = SimpleString::from(address);
        let producer = Producer {
            id: channel.add_producer(),
            credits: channel.credits(&address),
            credit_bytes: options.credit_bytes,
            window: Arc::new(Semaphore::new(options.in_flight_max.clamp(1, Semaphore::MAX_PERMITS))),
            address,
            channel,
        };
        if producer.has_id() {
            let create = CreateProducer { producer_id: producer.id, address: Some(producer.address.as_simple()) };
            producer.channel.tell(&Packet::CreateProducer(create))?;
        }
        Ok(producer)
    }

    /// Sends and waits until the server has taken the message (in a transaction: until it has noted it).
    pub async fn send(&self, message: &MessageBuilder) -> Result<(), Error> {
        self.send_encoded(&encoded(message)).await
    }

    /// As [`Self::send`], for a message that is encoded already.
    pub async fn send_encoded(&self, message: &[u8]) -> Result<(), Error> {
        self.make_way(message.len()).await?;
        let request = |id| self.packet(message, true, id);
        self.channel.call_with_id(PacketType::NULL_RESPONSE, request).await.map(drop)
    }

    /// Sends without waiting for the answer; the receipt resolves when it comes. Waits for credits, for room, and for a place
    /// in the window of unanswered sends.
    pub async fn send_async(&self, message: &MessageBuilder) -> Result<SendReceipt, Error> {
        self.send_encoded_async(&encoded(message)).await
    }

    /// As [`Self::send_async`], for a message that is encoded already.
    pub async fn send_encoded_async(&self, message: &[u8]) -> Result<SendReceipt, Error> {
        // The window is never closed, so that there is no error; if it were, nothing would have been sent.
        let place = Arc::clone(&self.window).acquire_owned().await;
        let place = place.map_err(|_| Error::NotSent(self.channel.shared.loss()))?;
        self.make_way(message.len()).await?;
        let answer = self.channel.send(place, |id| self.packet(message, true, id))?;
        Ok(SendReceipt { answer, shared: Arc::clone(&self.channel.shared) })
    }

    /// Sends and asks for no answer: within a transaction, whose commit tells, or for messages that may be lost.
    pub async fn send_unanswered(&self, message: &MessageBuilder) -> Result<(), Error> {
        let message = encoded(message);
        self.make_way(message.len()).await?;
        self.channel.tell(&self.packet(&message, false, CorrelationId(0)))
    }

    /// Closes the producer; not answered.
    pub fn close(self) -> Result<(), Error> {
        if !self.has_id() {
            return Ok(());
        }
        self.channel.tell(&Packet::RemoveProducer(RemoveProducer { producer_id: self.id }))
    }

    /// How long an answer may take.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.channel.shared.options.call_timeout
    }

    fn has_id(&self) -> bool {
        self.channel.shared.version() >= Version::PRODUCER_IDS
    }

    fn packet<'m>(&self, message: &'m [u8], requires_response: bool, correlation_id: CorrelationId) -> Packet<'m> {
        Packet::Send(Send { message, trailer: SendTrailer { requires_response, correlation_id, producer_id: self.id } })
    }

    /// Waits until a message of this size may be appended.
    async fn make_way(&self, cost: usize) -> Result<(), Error> {
        let outbound = &self.channel.shared.outbound;
        while !outbound.has_room() {
            let room = outbound.room.notified();
            tokio::pin!(room);
            // Enabled before the second look, so that a notice in between is not missed.
            room.as_mut().enable();
            self.channel.refuse_if_lost()?;
            if outbound.has_room() {
                break;
            }
            room.await;
        }
        if self.credit_bytes == 0 {
            return Ok(());
        }
        loop {
            let changed = self.credits.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            self.channel.refuse_if_lost()?;
            match self.credits.take(cost, self.credit_bytes) {
                Step::Send => return Ok(()),
                Step::Ask(credits) => {
                    let ask = ProducerCredits { credits, address: self.address.as_simple() };
                    self.channel.tell(&Packet::ProducerRequestCredits(ask))?;
                }
                Step::Wait => changed.await,
                Step::Refused => {
                    let message = format!("address {} is full", self.address);
                    return Err(Error::Refused { code: ErrorCode::ADDRESS_FULL, message });
                }
            }
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Producer({} to {})", self.id, self.address)
    }
}

fn encoded(message: &MessageBuilder) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.write(&mut bytes);
    bytes
}

/// Resolves when the server has answered an asynchronous send.
pub struct SendReceipt {
    answer: oneshot::Receiver<Result<(), Error>>,
    shared: Arc<Shared>,
}

impl Future for SendReceipt {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(context).map(|answer| match answer {
            Ok(outcome) => outcome,
            // Nobody will answer any more.
            Err(_) => Err(Error::Lost(self.shared.loss())),
        })
    }
}

impl std::fmt::Debug for SendReceipt {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SendReceipt")
    }
}

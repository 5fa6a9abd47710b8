//! A consumer: receives from one queue, gives credits back for what it took, acknowledges.
//!
//! Large deliveries, which come in pieces, are put together. Must stay true: credits go back for every byte that was counted
//! against them and for none else; what was delivered before the connection was lost can still be received.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use protocol::core::error::DecodeError;
use protocol::core::identity::{ConsumerId, ForcedSequence, MessageId};
use protocol::core::packet::consumer::{Acknowledge, ConsumerClose, CreateConsumer, ForceDelivery};
use protocol::core::packet::credit::ConsumerCredits;
use protocol::core::packet::query::QueueForm;
use protocol::core::packet::{Packet, PacketType};
use protocol::limits;
use protocol::message::{MessageView, PropertyValue, property_name};
use protocol::simple_string::SimpleString;
use tokio::sync::mpsc;

use crate::channel::{Channel, Delivered};
use crate::error::Error;
use crate::options::{ConsumerOptions, ConsumerWindow};

/// What the reader task hands to a consumer, and how often the session had been rolled back by then.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) rollbacks: u64,
    pub(crate) part: Part,
}

/// What the server sent to a consumer.
#[derive(Debug)]
pub(crate) enum Part {
    /// A delivery.
    Whole { message: Bytes, delivery_count: i32, frame_bytes: usize },
    /// The head of a large delivery.
    Head { header: Bytes, delivery_count: i32, body_bytes: i64, frame_bytes: usize },
    /// A piece of its body.
    Piece { chunk: Bytes, continues: bool, frame_bytes: usize },
    /// The server closed the consumer.
    Gone,
}

impl Part {
    /// Whether it may be the answer to a forced delivery, which no rollback makes void. Browsed messages look the same, and no
    /// rollback concerns them either.
    fn may_answer_force(&self) -> bool {
        matches!(self, Part::Whole { delivery_count: 0, .. })
    }

    /// What it cost in credits.
    fn frame_bytes(&self) -> usize {
        match self {
            Part::Whole { frame_bytes, .. } | Part::Head { frame_bytes, .. } | Part::Piece { frame_bytes, .. } => {
                *frame_bytes
            }
            Part::Gone => 0,
        }
    }
}

/// A large delivery of which pieces are still to come.
#[derive(Debug)]
struct Unfinished {
    header: Bytes,
    delivery_count: i32,
    body: BytesMut,
}

/// A consumer of a session.
pub struct Consumer {
    channel: Arc<Channel>,
    id: ConsumerId,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    /// Of the session, when the unfinished delivery began.
    rollbacks: u64,
    unfinished: Option<Unfinished>,
    window: ConsumerWindow,
    /// Bytes received and not yet given back.
    owed: usize,
    last_forced: i64,
}

impl Consumer {
    pub(crate) async fn open(channel: Arc<Channel>, queue: &str, options: &ConsumerOptions) -> Result<Consumer, Error> {
        let (id, arrivals) = channel.add_consumer()?;
        let rollbacks = channel.rollbacks();
        let window = options.window;
        // From here on, dropping the consumer takes its place away again.
        let consumer = Consumer { channel, id, arrivals, rollbacks, unfinished: None, window, owed: 0, last_forced: 0 };
        let queue = SimpleString::from(queue);
        let filter = options.filter.as_deref().map(SimpleString::from);
        let create = CreateConsumer {
            consumer_id: id,
            queue_name: queue.as_simple(),
            filter: filter.as_ref().map(SimpleString::as_simple),
            browse_only: options.browse_only,
            requires_response: true,
            priority: options.priority,
        };
        let expects = match QueueForm::for_version(consumer.channel.shared.version()) {
            QueueForm::V1 => PacketType::SESS_QUEUEQUERY_RESP,
            QueueForm::V2 => PacketType::SESS_QUEUEQUERY_RESP_V2,
            QueueForm::V3 => PacketType::SESS_QUEUEQUERY_RESP_V3,
        };
        consumer.channel.call(&Packet::CreateConsumer(create), expects).await?;
        consumer.give_credits(match window {
            ConsumerWindow::Bytes(bytes) => i32::try_from(bytes.max(1)).unwrap_or(i32::MAX),
            ConsumerWindow::Unlimited => -1,
        })?;
        Ok(consumer)
    }

    /// The next delivery; nothing when none comes in this time.
    pub async fn receive(&mut self, time: Duration) -> Result<Option<Delivery>, Error> {
        match tokio::time::timeout(time, self.next()).await {
            Ok(delivery) => delivery.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// The next delivery. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            if let Event::Delivery(delivery) = self.next_event().await? {
                return Ok(delivery);
            }
        }
    }

    /// The next delivery, or nothing once the server has said that it has none: it is asked, not waited for.
    pub async fn receive_now(&mut self) -> Result<Option<Delivery>, Error> {
        self.last_forced += 1;
        let sequence = ForcedSequence(self.last_forced);
        self.channel.tell(&Packet::ForceDelivery(ForceDelivery { consumer_id: self.id, sequence }))?;
        loop {
            match self.next_event().await? {
                Event::Delivery(delivery) => return Ok(Some(delivery)),
                Event::Forced(answered) if answered == sequence => return Ok(None),
                // The answer to an earlier question, which a delivery had answered already.
                Event::Forced(_) => {}
            }
        }
    }

    /// Acknowledges everything delivered up to this one, without waiting.
    pub fn acknowledge(&self, delivery: &Delivery) -> Result<(), Error> {
        self.channel.tell(&Packet::Acknowledge(delivery.acknowledgement(false)))
    }

    /// Acknowledges everything delivered up to this one, and waits until the server has taken it.
    pub async fn acknowledge_and_wait(&self, delivery: &Delivery) -> Result<(), Error> {
        let packet = Packet::Acknowledge(delivery.acknowledgement(true));
        self.channel.call(&packet, PacketType::NULL_RESPONSE).await.map(drop)
    }

    /// Acknowledges this one, without waiting.
    pub fn acknowledge_individually(&self, delivery: &Delivery) -> Result<(), Error> {
        self.channel.tell(&Packet::IndividualAcknowledge(delivery.acknowledgement(false)))
    }

    /// Acknowledges this one, and waits until the server has taken it.
    pub async fn acknowledge_individually_and_wait(&self, delivery: &Delivery) -> Result<(), Error> {
        let packet = Packet::IndividualAcknowledge(delivery.acknowledgement(true));
        self.channel.call(&packet, PacketType::NULL_RESPONSE).await.map(drop)
    }

    /// Closes the consumer; what it has not acknowledged goes back to the queue.
    pub async fn close(self) -> Result<(), Error> {
        let close = Packet::ConsumerClose(ConsumerClose { consumer_id: self.id });
        self.channel.call(&close, PacketType::NULL_RESPONSE).await.map(drop)
    }

    /// Takes parts until they make something whole.
    async fn next_event(&mut self) -> Result<Event, Error> {
        loop {
            let Some(arrival) = self.arrivals.recv().await else {
                return Err(Error::Lost(self.channel.shared.loss()));
            };
            let now = self.channel.rollbacks();
            if self.rollbacks != now {
                self.unfinished = None;
                self.rollbacks = now;
            }
            match arrival.part {
                Part::Gone => return Err(Error::ConsumerGone),
                void if arrival.rollbacks != now && !void.may_answer_force() => self.owe(void.frame_bytes())?,
                Part::Whole { message, delivery_count, frame_bytes } => {
                    let delivery = Delivery::new(message, delivery_count, self.id)?;
                    // The answer to a forced delivery is not counted against credits.
                    if let Some(sequence) = delivery.forced_sequence() {
                        return Ok(Event::Forced(sequence));
                    }
                    self.owe(frame_bytes)?;
                    return Ok(Event::Delivery(delivery));
                }
                Part::Head { header, delivery_count, body_bytes, frame_bytes } => {
                    self.owe(frame_bytes)?;
                    if usize::try_from(body_bytes).is_ok_and(|bytes| bytes > limits::FRAME_BYTES_MAX) {
                        return Err(Error::LargeMessageTooLong { bytes: body_bytes });
                    }
                    self.unfinished = Some(Unfinished { header, delivery_count, body: BytesMut::new() });
                }
                Part::Piece { chunk, continues, frame_bytes } => {
                    self.owe(frame_bytes)?;
                    if let Some(delivery) = self.add_piece(&chunk, continues)? {
                        return Ok(Event::Delivery(delivery));
                    }
                }
            }
        }
    }

    fn add_piece(&mut self, chunk: &[u8], continues: bool) -> Result<Option<Delivery>, Error> {
        // Pieces of a delivery that was given up are passed over.
        let Some(unfinished) = &mut self.unfinished else { return Ok(None) };
        unfinished.body.extend_from_slice(chunk);
        let bytes = unfinished.body.len();
        if bytes > limits::FRAME_BYTES_MAX {
            self.unfinished = None;
            return Err(Error::LargeMessageTooLong { bytes: i64::try_from(bytes).unwrap_or(i64::MAX) });
        }
        if continues {
            return Ok(None);
        }
        let Some(Unfinished { header, delivery_count, body }) = self.unfinished.take() else { return Ok(None) };
        let mut message = BytesMut::with_capacity(body.len() + header.len() + 4);
        // As an ordinary message has it: the end of the body counted from the start of a frame.
        message.put_i32(i32::try_from(body.len()).unwrap_or(i32::MAX).saturating_add(13));
        message.extend_from_slice(&body);
        message.extend_from_slice(&header);
        Delivery::new(message.freeze(), delivery_count, self.id).map(Some)
    }

    /// Counts what was received, and gives it back when it is worth a packet: half a window, as the reference does.
    fn owe(&mut self, frame_bytes: usize) -> Result<(), Error> {
        let ConsumerWindow::Bytes(window) = self.window else { return Ok(()) };
        self.owed += frame_bytes;
        if self.owed >= usize::try_from(window / 2).unwrap_or(usize::MAX) {
            let credits = i32::try_from(self.owed).unwrap_or(i32::MAX);
            self.owed = 0;
            // A lost connection is told by the end of the deliveries, after those that are here already.
            let _lost = self.give_credits(credits);
        }
        Ok(())
    }

    fn give_credits(&self, credits: i32) -> Result<(), Error> {
        self.channel.tell(&Packet::ConsumerCredits(ConsumerCredits { consumer_id: self.id, credits }))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.channel.remove_consumer(self.id);
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Consumer({} of channel {})", self.id, self.channel.id)
    }
}

/// What comes out of the parts.
enum Event {
    Delivery(Delivery),
    /// The answer to a question whether there is anything.
    Forced(ForcedSequence),
}

/// A message that was delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    message: Bytes,
    delivered: Delivered,
    delivery_count: i32,
}

impl Delivery {
    fn new(message: Bytes, delivery_count: i32, consumer_id: ConsumerId) -> Result<Delivery, Error> {
        let view = MessageView::parse(&message).map_err(Error::Unreadable)?;
        view.validate().map_err(Error::Unreadable)?;
        let message_id = view.header.message_id;
        Ok(Delivery { message, delivered: Delivered { consumer_id, message_id }, delivery_count })
    }

    /// The message. It was parsed once before, so that an error here is a fault of this crate.
    pub fn view(&self) -> Result<MessageView<'_>, DecodeError> {
        MessageView::parse(&self.message)
    }

    /// The encoded message.
    pub fn encoded(&self) -> &[u8] {
        &self.message
    }

    /// The text of a text message.
    pub fn text(&self) -> Option<String> {
        self.view().ok()?.text().map(|text| text.to_string())
    }

    /// The body's bytes.
    pub fn body(&self) -> &[u8] {
        self.view().map(|view| view.body()).unwrap_or_default()
    }

    /// A property in text form, if it is there and of type STRING.
    pub fn text_property(&self, key: &str) -> Option<String> {
        match self.view().ok()?.header.properties.get(key) {
            Ok(Some(PropertyValue::String(value))) => Some(value.to_string()),
            _ => None,
        }
    }

    /// The id the server gave it.
    pub fn message_id(&self) -> MessageId {
        self.delivered.message_id
    }

    /// 1 for the first delivery.
    pub fn delivery_count(&self) -> i32 {
        self.delivery_count
    }

    fn acknowledgement(&self, requires_response: bool) -> Acknowledge {
        let Delivered { consumer_id, message_id } = self.delivered;
        Acknowledge { consumer_id, message_id, requires_response }
    }

    /// The sequence, if this is not a message but the answer to a forced delivery.
    fn forced_sequence(&self) -> Option<ForcedSequence> {
        if self.delivery_count != 0 {
            return None;
        }
        match self.view().ok()?.header.properties.get(property_name::FORCED_DELIVERY_SEQUENCE) {
            Ok(Some(PropertyValue::Long(sequence))) => Some(ForcedSequence(sequence)),
            _ => None,
        }
    }
}

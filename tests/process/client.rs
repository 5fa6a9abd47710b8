//! What a client does all day, on one session: send, receive, acknowledge, each step when the test says so.
//!
//! Takes a [`Wire`] with a session, gives messages and refusals. A send that is not answered stays open until the test asks
//! for its answer.

use std::collections::VecDeque;

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{
    ChannelId, ConsumerId, CorrelationId, ForcedSequence, MessageId, ProducerId, RoutingType,
};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::{Acknowledge, CreateConsumer, ForceDelivery};
use protocol::core::packet::credit::ConsumerCredits;
use protocol::core::packet::transaction::Commit;
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::message::{MessageBuilder, MessageView};
use protocol::simple_string::SimpleString;

use crate::wire::{Mode, SESSION, Wire};

/// The one consumer of a session.
const CONSUMER: ConsumerId = ConsumerId(0);

/// How a request was answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Done,
    Refused { code: ErrorCode, text: String, correlation: Option<CorrelationId> },
}

/// A message as it was delivered.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: MessageId,
    pub(crate) text: String,
    pub(crate) deliveries: i32,
}

/// A client with one session.
pub(crate) struct Client {
    pub(crate) wire: Wire,
    next_correlation: i64,
    /// Came while something else was waited for.
    waiting: VecDeque<Message>,
}

impl Client {
    pub(crate) fn new(port: u16) -> Result<Self, String> {
        Ok(Self { wire: Wire::session(port, Mode::Automatic)?, next_correlation: 1, waiting: VecDeque::new() })
    }

    /// On a connection with a session of its own making.
    pub(crate) fn over(wire: Wire) -> Self {
        Self { wire, next_correlation: 1, waiting: VecDeque::new() }
    }

    pub(crate) fn transacted(port: u16) -> Result<Self, String> {
        Ok(Self { wire: Wire::session(port, Mode::Transacted)?, next_correlation: 1, waiting: VecDeque::new() })
    }

    /// Sends a packet of the session.
    pub(crate) fn tell(&mut self, packet: &Packet<'_>) -> Result<(), String> {
        self.wire.tell(SESSION, packet)
    }

    /// Sends a durable text message, and does not wait for the answer.
    pub(crate) fn begin_send(&mut self, queue: &str, text: &str) -> Result<CorrelationId, String> {
        let mut message = Vec::new();
        MessageBuilder::new(queue).text(text).durable(true).routing_type(RoutingType::ANYCAST).write(&mut message);
        let trailer = self.trailer();
        self.tell(&Packet::Send(Send { message: &message, trailer }))?;
        Ok(trailer.correlation_id)
    }

    /// What follows a send that wants an answer.
    pub(crate) fn trailer(&mut self) -> SendTrailer {
        let correlation_id = CorrelationId(self.next_correlation);
        self.next_correlation += 1;
        SendTrailer { requires_response: true, correlation_id, producer_id: ProducerId::UNNAMED }
    }

    /// Waits for the answer to the oldest request that has none. Messages that come before it are kept.
    pub(crate) fn answer(&mut self, what: &str) -> Result<Answer, String> {
        let Self { wire, waiting, .. } = self;
        wire.wait(&format!("the answer to {what}"), |channel, packet| match packet {
            Packet::ReceiveMessage(_) => {
                waiting.extend(message_of(packet));
                None
            }
            _ if channel != SESSION && channel != ChannelId::SESSION => None,
            Packet::NullResponse(_) | Packet::QueueQueryResponse(_) => Some(Answer::Done),
            Packet::Exception(exception) => Some(Answer::Refused {
                code: exception.code,
                text: exception.message.map(|text| text.to_string()).unwrap_or_default(),
                correlation: exception.correlation_id,
            }),
            _ => None,
        })
    }

    /// The answer must be that it was done.
    pub(crate) fn done(&mut self, what: &str) -> Result<(), String> {
        match self.answer(what)? {
            Answer::Done => Ok(()),
            refused => Err(format!("{what}: {refused:?}")),
        }
    }

    /// Sends a durable text message; when this returns, the broker has promised it.
    pub(crate) fn send(&mut self, queue: &str, text: &str) -> Result<(), String> {
        self.begin_send(queue, text)?;
        self.done("a durable send")
    }

    /// Commits, and gives the answer.
    pub(crate) fn commit(&mut self) -> Result<Answer, String> {
        let correlation_id = Some(self.trailer().correlation_id);
        self.tell(&Packet::Commit(Commit { correlation_id }))?;
        self.answer("a commit")
    }

    /// Opens the session's consumer, with credits without end.
    pub(crate) fn consume(&mut self, queue: &str) -> Result<(), String> {
        let queue_name = SimpleString::from(queue);
        let create = CreateConsumer {
            consumer_id: CONSUMER,
            queue_name: queue_name.as_simple(),
            filter: None,
            browse_only: false,
            requires_response: true,
            priority: 0,
        };
        self.tell(&Packet::CreateConsumer(create))?;
        self.done("SESS_CREATECONSUMER")?;
        self.tell(&Packet::SessionStart)?;
        self.tell(&Packet::ConsumerCredits(ConsumerCredits { consumer_id: CONSUMER, credits: -1 }))
    }

    /// The next message.
    pub(crate) fn take(&mut self) -> Result<Message, String> {
        match self.waiting.pop_front() {
            Some(message) => Ok(message),
            None => self.wire.wait("a message", |_, packet| message_of(packet)),
        }
    }

    /// The next message, or nothing when the broker says that there is none: it is asked, not waited for.
    pub(crate) fn take_now(&mut self) -> Result<Option<Message>, String> {
        if self.waiting.is_empty() {
            let sequence = ForcedSequence(self.trailer().correlation_id.0);
            self.tell(&Packet::ForceDelivery(ForceDelivery { consumer_id: CONSUMER, sequence }))?;
            let Self { wire, waiting, .. } = self;
            wire.wait("the answer to a forced delivery", |_, packet| {
                let message = message_of(packet)?;
                // Its answer is an empty delivery that counts as none.
                let answered = message.deliveries == 0;
                waiting.extend(Some(message).filter(|_| !answered));
                answered.then_some(())
            })?;
        }
        Ok(self.waiting.pop_front())
    }

    /// Acknowledges one message; when this returns, it does not come again.
    pub(crate) fn acknowledge(&mut self, message: &Message) -> Result<(), String> {
        let acknowledge = Acknowledge { consumer_id: CONSUMER, message_id: message.id, requires_response: true };
        self.tell(&Packet::IndividualAcknowledge(acknowledge))?;
        self.done("an acknowledgement")
    }

    /// Takes and acknowledges so many messages, and gives their texts.
    pub(crate) fn drain(&mut self, count: usize) -> Result<Vec<String>, String> {
        let mut texts = Vec::with_capacity(count);
        for taken in 0..count {
            let message = self.take().map_err(|error| format!("after {taken} of {count} messages: {error}"))?;
            texts.push(message.text.clone());
            // Cumulative and unanswered, save for the last: then all are done.
            let last = taken + 1 == count;
            let acknowledge = Acknowledge { consumer_id: CONSUMER, message_id: message.id, requires_response: last };
            self.tell(&Packet::Acknowledge(acknowledge))?;
        }
        if count > 0 {
            self.done("the last acknowledgement")?;
        }
        Ok(texts)
    }
}

/// The message of a delivery; one that cannot be read has a text that no test expects.
fn message_of(packet: &Packet<'_>) -> Option<Message> {
    let Packet::ReceiveMessage(receive) = packet else { return None };
    let deliveries = receive.trailer.delivery_count;
    Some(match MessageView::parse(receive.message) {
        Ok(view) => {
            let text = view.text().map(|text| text.to_string()).unwrap_or_default();
            Message { id: view.header.message_id, text, deliveries }
        }
        Err(error) => Message { id: MessageId::UNASSIGNED, text: format!("unreadable: {error}"), deliveries },
    })
}

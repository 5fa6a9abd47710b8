//! Makes an encoded message: what clients and tests send.

use super::header::{HeaderView, MessageKind, UserId};
use super::properties::{Properties, PropertiesBuilder, PropertyValue};
use super::{EMPTY_END_OF_BODY, property_name};
use crate::core::cursor::Writer;
use crate::core::identity::{MessageId, RoutingType};
use crate::core::wire::PRESENT;
use crate::simple_string::SimpleString;

/// Collects the parts of a message; [`MessageBuilder::write`] encodes it, as often as wanted.
#[derive(Clone, Debug)]
pub struct MessageBuilder {
    address: SimpleString,
    message_id: MessageId,
    user_id: Option<UserId>,
    kind: MessageKind,
    durable: bool,
    expiration_ms: i64,
    timestamp_ms: i64,
    priority: i8,
    body: Vec<u8>,
    properties: PropertiesBuilder,
}

impl MessageBuilder {
    /// A message without a body, of priority 4, not durable, that never expires.
    pub fn new(address: &str) -> MessageBuilder {
        MessageBuilder {
            address: SimpleString::from(address),
            message_id: MessageId::UNASSIGNED,
            user_id: None,
            kind: MessageKind::PLAIN,
            durable: false,
            expiration_ms: 0,
            timestamp_ms: 0,
            priority: 4,
            body: Vec::new(),
            properties: PropertiesBuilder::default(),
        }
    }

    /// Makes it a text message.
    #[must_use]
    pub fn text(mut self, text: &str) -> MessageBuilder {
        self.kind = MessageKind::TEXT;
        self.body.clear();
        let mut writer = Writer::new(&mut self.body);
        writer.u8(PRESENT);
        writer.simple_str(SimpleString::from(text).as_simple());
        self
    }

    /// Makes it a text message whose text is null.
    #[must_use]
    pub fn null_text(self) -> MessageBuilder {
        self.body(MessageKind::TEXT, &[0])
    }

    /// Makes it a bytes message.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> MessageBuilder {
        self.body(MessageKind::BYTES, bytes)
    }

    /// Gives it a body that is encoded already.
    #[must_use]
    pub fn body(mut self, kind: MessageKind, body: &[u8]) -> MessageBuilder {
        self.kind = kind;
        self.body.clear();
        self.body.extend_from_slice(body);
        self
    }

    /// Whether it survives the server.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> MessageBuilder {
        self.durable = durable;
        self
    }

    /// The id a broker gave it, for tests of deliveries.
    #[must_use]
    pub fn message_id(mut self, message_id: MessageId) -> MessageBuilder {
        self.message_id = message_id;
        self
    }

    /// The sender's own id.
    #[must_use]
    pub fn user_id(mut self, user_id: UserId) -> MessageBuilder {
        self.user_id = Some(user_id);
        self
    }

    /// 0 to 9.
    #[must_use]
    pub fn priority(mut self, priority: i8) -> MessageBuilder {
        self.priority = priority;
        self
    }

    /// When it was sent.
    #[must_use]
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> MessageBuilder {
        self.timestamp_ms = timestamp_ms;
        self
    }

    /// When it is no longer wanted.
    #[must_use]
    pub fn expiration_ms(mut self, expiration_ms: i64) -> MessageBuilder {
        self.expiration_ms = expiration_ms;
        self
    }

    /// How it spreads over the queues of its address.
    #[must_use]
    pub fn routing_type(self, routing_type: RoutingType) -> MessageBuilder {
        self.property(property_name::ROUTING_TYPE, PropertyValue::Byte(routing_type.0))
    }

    /// Adds a property.
    #[must_use]
    pub fn property(mut self, key: &str, value: PropertyValue<'_>) -> MessageBuilder {
        self.properties.push(SimpleString::from(key).as_simple(), value);
        self
    }

    /// Adds a property of type STRING.
    #[must_use]
    pub fn text_property(self, key: &str, value: &str) -> MessageBuilder {
        self.property(key, PropertyValue::String(SimpleString::from(value).as_simple()))
    }

    /// Appends the whole message: end of body, body, headers, properties.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        let end_of_body = i64::try_from(self.body.len()).unwrap_or(i64::MAX).saturating_add(EMPTY_END_OF_BODY);
        // A body beyond the field's range is beyond any frame as well, and is refused by the frame's encoder.
        writer.i32(i32::try_from(end_of_body).unwrap_or(i32::MAX));
        writer.bytes(&self.body);
        self.write_header(out);
    }

    /// Appends headers and properties alone: the head of a large message.
    pub fn write_header(&self, out: &mut Vec<u8>) {
        let header = HeaderView {
            message_id: self.message_id,
            address: Some(self.address.as_simple()),
            user_id: self.user_id,
            kind: self.kind,
            durable: self.durable,
            expiration_ms: self.expiration_ms,
            timestamp_ms: self.timestamp_ms,
            priority: self.priority,
            properties: Properties::NONE,
        };
        header.write_fixed(out);
        self.properties.write(out);
    }
}

//! The CORE message: one encoded form from the sender through the journal to the receiver.
//!
//! [`MessageView`] reads the fixed part of an encoded message and leaves body and properties where they are; [`MessageBuilder`]
//! makes one, [`Body`] gives the values in a body. Must stay true: a message is never decoded and encoded again on its way; the eight bytes of its id are the only ones
//! that a broker puts over it.

mod body;
mod builder;
mod header;
mod properties;
pub mod property_name;
mod stream;

pub use body::Body;
pub use builder::MessageBuilder;
pub use header::{HeaderView, MessageKind, UserId};
pub use properties::{Properties, PropertiesBuilder, Property, PropertyIter, PropertyValue};
pub use stream::{StreamIter, StreamValue, StreamValues};

use crate::core::cursor::{CursorError, Expected, Reader};
use crate::core::error::DecodeError;
use crate::core::identity::MessageId;
use crate::limits;
use crate::simple_string::SimpleStr;

/// What the end-of-body field of an empty body says: it counts from the start of a frame, for historical reasons.
const EMPTY_END_OF_BODY: i64 = 13;

/// An encoded message, its fixed part parsed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MessageView<'a> {
    encoded: &'a [u8],
    body: &'a [u8],
    /// Headers and properties.
    pub header: HeaderView<'a>,
}

impl<'a> MessageView<'a> {
    /// Parses body range and headers. Properties are not walked; [`Self::validate`] does that.
    pub fn parse(encoded: &'a [u8]) -> Result<MessageView<'a>, DecodeError> {
        MessageView::read(encoded).map_err(|cause| DecodeError { packet: "message", cause })
    }

    fn read(encoded: &'a [u8]) -> Result<MessageView<'a>, CursorError> {
        let mut reader = Reader::new(encoded);
        let body = reader.take(body_length(&mut reader.clone())? + BODY_AT).map_err(|error| error.in_field("body"))?;
        let behind = reader.position();
        let header = HeaderView::read(reader.rest()).map_err(|error| error.behind(behind))?;
        Ok(MessageView { encoded, body: body.get(BODY_AT..).unwrap_or_default(), header })
    }

    /// Checks that the properties are well formed and nothing follows them.
    pub fn validate(&self) -> Result<(), DecodeError> {
        let behind = self.encoded.len() - self.header.properties.encoded().len();
        let checked = self.header.properties.validate();
        checked.map_err(|error| DecodeError { packet: "message", cause: error.behind(behind) })
    }

    /// The whole message as it stands on the wire.
    pub fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// Its cost in producer credits.
    pub fn encoded_size(&self) -> usize {
        self.encoded.len()
    }

    /// The body.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Where the eight bytes of the message id begin.
    pub fn message_id_offset(&self) -> usize {
        BODY_AT + self.body.len()
    }

    /// The text of a text message; nothing for another kind, a null text, or a body of another form (compressed).
    pub fn text(&self) -> Option<SimpleStr<'a>> {
        let mut reader = Reader::new(self.body);
        if self.header.kind != MessageKind::TEXT || !reader.bool().ok()? {
            return None;
        }
        let text = reader.simple_str_up_to(limits::FRAME_BYTES_MAX).ok()?;
        reader.is_empty().then_some(text)
    }
}

/// Where the body begins, after the end-of-body field.
const BODY_AT: usize = 4;

/// The body's length as the end-of-body field has it.
fn body_length(reader: &mut Reader<'_>) -> Result<usize, CursorError> {
    let start = reader.clone();
    let end = i64::from(reader.i32().map_err(|error| error.in_field("end of body"))?);
    usize::try_from(end - EMPTY_END_OF_BODY)
        .map_err(|_| start.error(Expected::AtLeast { bound: EMPTY_END_OF_BODY, found: end }).in_field("end of body"))
}

/// Puts the id that a broker assigned into an encoded message. False when it has no room for one, because it is not a message.
#[must_use]
pub fn set_message_id(encoded: &mut [u8], message_id: MessageId) -> bool {
    let room = body_length(&mut Reader::new(encoded)).ok().and_then(|length| {
        let at = BODY_AT.checked_add(length)?;
        encoded.get_mut(at..)?.first_chunk_mut::<8>()
    });
    match room {
        Some(room) => {
            *room = message_id.0.to_be_bytes();
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{MessageBuilder, MessageKind, MessageView, PropertyValue, UserId, set_message_id};
    use crate::core::cursor::Expected;
    use crate::core::identity::{MessageId, RoutingType};

    fn sample() -> Vec<u8> {
        let mut encoded = Vec::new();
        MessageBuilder::new("orders")
            .text("hi")
            .durable(true)
            .priority(7)
            .timestamp_ms(11)
            .expiration_ms(12)
            .user_id(UserId([3; 16]))
            .routing_type(RoutingType::ANYCAST)
            .property("colour", PropertyValue::Int(5))
            .write(&mut encoded);
        encoded
    }

    #[test]
    fn a_built_message_is_viewed_as_it_was_built() {
        let encoded = sample();
        let view = MessageView::parse(&encoded).unwrap();
        view.validate().unwrap();
        assert_eq!(view.text().unwrap(), "hi");
        assert_eq!(view.body(), [1, 0, 0, 0, 4, 0x68, 0, 0x69, 0]);
        assert_eq!(view.header.address.unwrap(), "orders");
        assert_eq!(view.header.kind, MessageKind::TEXT);
        assert!(view.header.durable);
        assert_eq!((view.header.priority, view.header.timestamp_ms, view.header.expiration_ms), (7, 11, 12));
        assert_eq!(view.header.user_id, Some(UserId([3; 16])));
        assert_eq!(view.header.properties.get("colour").unwrap(), Some(PropertyValue::Int(5)));
        assert_eq!(view.header.properties.get("_AMQ_ROUTING_TYPE").unwrap(), Some(PropertyValue::Byte(1)));
        assert_eq!(view.header.properties.get("col").unwrap(), None);
        assert_eq!(view.encoded_size(), encoded.len());
    }

    #[test]
    fn the_id_is_the_only_thing_that_changes() {
        let mut encoded = sample();
        let before = encoded.clone();
        assert!(set_message_id(&mut encoded, MessageId(0x0102_0304_0506_0708)));
        let view = MessageView::parse(&encoded).unwrap();
        assert_eq!(view.header.message_id, MessageId(0x0102_0304_0506_0708));
        let at = view.message_id_offset();
        assert_eq!(encoded[..at], before[..at]);
        assert_eq!(encoded[at + 8..], before[at + 8..]);
        assert!(!set_message_id(&mut encoded[..3], MessageId(1)));
        assert!(!set_message_id(&mut encoded[..20], MessageId(1)));
    }

    #[test]
    fn a_message_cut_anywhere_is_refused_by_parse_or_by_validate() {
        let encoded = sample();
        for cut in 0..encoded.len() {
            let whole = MessageView::parse(&encoded[..cut]).and_then(|view| view.validate());
            assert!(whole.is_err(), "cut at {cut}");
        }
        let mut longer = encoded.clone();
        longer.push(0);
        let error = MessageView::parse(&longer).unwrap().validate().unwrap_err();
        assert_eq!(error.cause.expected, Expected::End { left: 1 });
        assert_eq!(error.cause.offset, encoded.len());
    }

    #[test]
    fn an_end_of_body_before_the_body_is_refused() {
        let error = MessageView::parse(&[0, 0, 0, 12, 0, 0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the peer broke the protocol: message: end of body at byte 0: expected at least 13, found 12"
        );
        assert!(MessageView::parse(&i32::MIN.to_be_bytes()).is_err());
        assert!(MessageView::parse(&i32::MAX.to_be_bytes()).is_err());
    }
}

//! The bodies of messages, as values: what the client library's `TextMessage`, `BytesMessage`, `MapMessage`, `ObjectMessage` and
//! `StreamMessage` put there.
//!
//! Takes the kind of a message and its body, gives a [`Body`] that borrows from it, and back. A broker never needs this on a message's
//! way; tools that show messages do. Must stay true: a body that was read whole is written to the same bytes, as long as its sender
//! wrote booleans and empty maps as the client library does; nothing is allocated by reading.

use super::header::MessageKind;
use super::properties::{Properties, PropertiesBuilder};
use super::stream::StreamValues;
use crate::core::cursor::{CursorError, Reader, Writer};
use crate::core::wire::PRESENT;
use crate::limits;
use crate::simple_string::SimpleStr;

/// The body of a message.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Body<'a> {
    /// A plain message (kind 0). Empty from an application; a management message has its parameters here.
    Plain(&'a [u8]),
    /// `ActiveMQTextMessage`: text, or none.
    Text(Option<SimpleStr<'a>>),
    /// `ActiveMQBytesMessage`: bytes that only the applications understand.
    Bytes(&'a [u8]),
    /// `ActiveMQMapMessage`: names with values, encoded as properties are.
    Map(Properties<'a>),
    /// `ActiveMQObjectMessage`: a serialised object, or none.
    Object(Option<&'a [u8]>),
    /// `ActiveMQStreamMessage`: values with their types.
    Stream(StreamValues<'a>),
    /// Of a kind that is not known here.
    Unknown(&'a [u8]),
}

impl<'a> Body<'a> {
    /// Reads the whole body of a message of this kind; anything left over is an error. A compressed body is not one of its kind: whoever
    /// reads it asks the properties first.
    pub fn read(kind: MessageKind, encoded: &'a [u8]) -> Result<Body<'a>, CursorError> {
        let mut reader = Reader::new(encoded);
        let body = match kind {
            MessageKind::PLAIN => Body::Plain(reader.rest()),
            MessageKind::TEXT => Body::Text(read_text(&mut reader)?),
            MessageKind::BYTES => Body::Bytes(reader.rest()),
            MessageKind::MAP => {
                let properties = Properties::read(reader.rest())?;
                properties.validate()?;
                Body::Map(properties)
            }
            // Without an object there is not even a length.
            MessageKind::OBJECT if encoded.is_empty() => Body::Object(None),
            MessageKind::OBJECT => Body::Object(Some(reader.blob(limits::FRAME_BYTES_MAX)?)),
            MessageKind::STREAM => Body::Stream(StreamValues::read(reader.rest())?),
            _ => Body::Unknown(reader.rest()),
        };
        reader.finish()?;
        Ok(body)
    }

    /// Appends the body, value by value.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Body::Plain(bytes) | Body::Bytes(bytes) | Body::Unknown(bytes) => out.extend_from_slice(bytes),
            Body::Text(None) => out.push(0),
            Body::Text(Some(text)) => {
                let mut writer = Writer::new(out);
                writer.u8(PRESENT);
                writer.simple_str(*text);
            }
            Body::Map(properties) => {
                let mut map = PropertiesBuilder::default();
                properties.iter().map_while(Result::ok).for_each(|property| map.push(property.key, property.value));
                map.write(out);
            }
            Body::Object(None) => {}
            Body::Object(Some(object)) => Writer::new(out).blob(object),
            Body::Stream(values) => values.iter().map_while(Result::ok).for_each(|value| value.write(out)),
        }
    }
}

fn read_text<'a>(reader: &mut Reader<'a>) -> Result<Option<SimpleStr<'a>>, CursorError> {
    let named = |error: CursorError| error.in_field("text");
    if !reader.bool().map_err(named)? {
        return Ok(None);
    }
    reader.simple_str_up_to(limits::FRAME_BYTES_MAX).map(Some).map_err(named)
}

#[cfg(test)]
mod tests {
    use super::{Body, MessageKind};

    fn check(kind: MessageKind, encoded: &[u8]) -> String {
        let body = Body::read(kind, encoded).unwrap();
        let mut again = Vec::new();
        body.write(&mut again);
        assert_eq!(again, encoded, "{body:?}");
        format!("{body:?}")
    }

    #[test]
    fn each_kind_has_its_form() {
        assert_eq!(check(MessageKind::PLAIN, &[]), "Plain([])");
        assert_eq!(check(MessageKind::PLAIN, &[0; 4]), "Plain([0, 0, 0, 0])");
        assert_eq!(check(MessageKind::TEXT, &[0]), "Text(None)");
        assert_eq!(check(MessageKind::TEXT, &[1, 0, 0, 0, 4, 0x68, 0, 0x69, 0]), "Text(Some(\"hi\"))");
        assert_eq!(check(MessageKind::BYTES, &[7, 8]), "Bytes([7, 8])");
        let one = [1, 0, 0, 0, 1, 0, 0, 0, 2, 0x6e, 0, 6, 0, 0, 0, 5];
        assert_eq!(check(MessageKind::MAP, &one), "Map([Ok(Property { key: \"n\", value: Int(5) })])");
        assert_eq!(check(MessageKind::MAP, &[0]), "Map([])");
        assert_eq!(check(MessageKind::OBJECT, &[]), "Object(None)");
        assert_eq!(check(MessageKind::OBJECT, &[0, 0, 0, 2, 9, 8]), "Object(Some([9, 8]))");
        assert_eq!(check(MessageKind::STREAM, &[3, 9]), "Stream([Ok(Byte(9))])");
        assert_eq!(check(MessageKind(99), &[1]), "Unknown([1])");
    }

    #[test]
    fn a_body_that_is_not_of_its_kind_is_an_error_that_says_where() {
        let error = |kind, encoded: &[u8]| Body::read(kind, encoded).unwrap_err().to_string();
        let left_over = "value at byte 1: expected the end, 1 bytes are left over";
        assert_eq!(error(MessageKind::TEXT, &[0, 0]), left_over);
        assert_eq!(error(MessageKind::TEXT, &[]), "text at byte 0: expected 1 more bytes, 0 are left");
        assert_eq!(error(MessageKind::OBJECT, &[0, 0, 0, 2, 9]), "value at byte 4: expected 2 more bytes, 1 are left");
        assert_eq!(error(MessageKind::STREAM, &[1]), "stream value at byte 0: expected a known type tag, found 1");
        assert_eq!(error(MessageKind::MAP, &[0, 1]), "properties at byte 1: expected the end, 1 bytes are left over");
    }
}

//! The headers of a message, which also travel alone at the head of a large one.
//!
//! Everything before the properties is parsed at once; the properties are the rest and stay encoded.

use std::fmt;

use super::properties::Properties;
use crate::core::cursor::{CursorError, Reader, Writer};
use crate::core::identity::MessageId;
use crate::core::wire::PRESENT;
use crate::simple_string::SimpleStr;

/// The kind of a message's body; unknown values survive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MessageKind(pub i8);

impl MessageKind {
    /// No body.
    pub const PLAIN: MessageKind = MessageKind(0);
    /// A serialised object.
    pub const OBJECT: MessageKind = MessageKind(2);
    /// Nullable text.
    pub const TEXT: MessageKind = MessageKind(3);
    /// Raw bytes.
    pub const BYTES: MessageKind = MessageKind(4);
    /// Properties.
    pub const MAP: MessageKind = MessageKind(5);
    /// Tagged values.
    pub const STREAM: MessageKind = MessageKind(6);
}

/// The id that the sender gave to a message, a UUID in text order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub [u8; 16]);

impl fmt::Display for UserId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                out.write_str("-")?;
            }
            write!(out, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The headers of a message, borrowed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HeaderView<'a> {
    /// Assigned by a broker; 0, or a number of the past, before that.
    pub message_id: MessageId,
    /// Where it goes.
    pub address: Option<SimpleStr<'a>>,
    /// The sender's own id.
    pub user_id: Option<UserId>,
    /// What the body is.
    pub kind: MessageKind,
    /// Whether it survives the server.
    pub durable: bool,
    /// When it is no longer wanted, in ms since the epoch; 0 for never.
    pub expiration_ms: i64,
    /// When it was sent, in ms since the epoch.
    pub timestamp_ms: i64,
    /// 0 to 9; higher ones are delivered first.
    pub priority: i8,
    /// The rest.
    pub properties: Properties<'a>,
}

impl<'a> HeaderView<'a> {
    /// Parses headers; `encoded` ends with the properties, which are not walked.
    pub fn read(encoded: &'a [u8]) -> Result<HeaderView<'a>, CursorError> {
        let mut reader = Reader::new(encoded);
        let named = |field: &'static str| move |error: CursorError| error.in_field(field);
        let message_id = reader.i64().map(MessageId).map_err(named("message id"))?;
        let address = match reader.bool().map_err(named("address"))? {
            true => Some(reader.simple_str().map_err(named("address"))?),
            false => None,
        };
        let user_id = match reader.bool().map_err(named("user id"))? {
            true => Some(UserId(reader.array().map_err(named("user id"))?)),
            false => None,
        };
        let kind = reader.i8().map(MessageKind).map_err(named("kind"))?;
        let durable = reader.bool().map_err(named("durable"))?;
        let expiration_ms = reader.i64().map_err(named("expiration"))?;
        let timestamp_ms = reader.i64().map_err(named("timestamp"))?;
        let priority = reader.i8().map_err(named("priority"))?;
        let behind = reader.position();
        let properties = Properties::read(reader.rest()).map_err(|error| error.behind(behind))?;
        Ok(HeaderView {
            message_id,
            address,
            user_id,
            kind,
            durable,
            expiration_ms,
            timestamp_ms,
            priority,
            properties,
        })
    }

    /// Appends the headers, properties included.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_fixed(out);
        out.extend_from_slice(self.properties.encoded());
    }

    /// Appends everything before the properties.
    pub(super) fn write_fixed(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.i64(self.message_id.0);
        match self.address {
            Some(address) => {
                writer.u8(PRESENT);
                writer.simple_str(address);
            }
            None => writer.u8(0),
        }
        match self.user_id {
            Some(user_id) => {
                writer.u8(PRESENT);
                writer.bytes(&user_id.0);
            }
            None => writer.u8(0),
        }
        writer.i8(self.kind.0);
        // Inside messages true is 1.
        writer.u8(u8::from(self.durable));
        writer.i64(self.expiration_ms);
        writer.i64(self.timestamp_ms);
        writer.i8(self.priority);
    }
}

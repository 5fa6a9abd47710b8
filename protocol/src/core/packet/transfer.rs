//! Messages on their way: sends and deliveries, whole and in pieces.
//!
//! The message stands first and the packet's own fields last, with a size that the version fixes; so the fields are taken from
//! the end of the frame and what is before them is the message, borrowed and not looked into (see [`crate::message`]).

use super::layout::layout;
use super::{PacketType, begin_frame, end_frame};
use crate::core::cursor::{CursorError, Reader, Writer};
use crate::core::error::EncodeError;
use crate::core::identity::{ChannelId, ConsumerId, CorrelationId, MessageId, ProducerId};
use crate::core::version::Version;
use crate::core::wire::Wire;
use crate::message;

layout! {
    /// What follows a message that is sent.
    SendTrailer {
        /// Whether an answer is wanted.
        requires_response: bool;
        /// Which answer is which.
        correlation_id: CorrelationId [since Version::CORRELATION_IDS];
        /// The producer; it may be one that the server never heard of.
        producer_id: ProducerId [since Version::PRODUCER_IDS];
    }
}

impl SendTrailer {
    /// Its size for a version.
    fn bytes(version: Version) -> usize {
        if version >= Version::PRODUCER_IDS {
            13
        } else if version >= Version::CORRELATION_IDS {
            9
        } else {
            1
        }
    }
}

/// `SESS_SEND`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Send<'a> {
    /// The encoded message; its length is its cost in producer credits.
    pub message: &'a [u8],
    /// The packet's own fields.
    pub trailer: SendTrailer,
}

impl<'a> Wire<'a> for Send<'a> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        let message =
            reader.rest_before(SendTrailer::bytes(version)).map_err(|error| error.in_field("requires_response"))?;
        Ok(Send { message, trailer: SendTrailer::read(reader, version)? })
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        writer.bytes(self.message);
        self.trailer.write(writer, version);
    }
}

/// `SESS_SEND_LARGE`: opens a large message on the session; not answered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SendLarge<'a> {
    /// Headers and properties, without a body (see [`crate::message::HeaderView`]).
    pub header: &'a [u8],
}

impl<'a> Wire<'a> for SendLarge<'a> {
    fn read(reader: &mut Reader<'a>, _version: Version) -> Result<Self, CursorError> {
        Ok(SendLarge { header: reader.rest() })
    }

    fn write(&self, writer: &mut Writer<'_>, _version: Version) {
        writer.bytes(self.header);
    }
}

/// `SESS_SEND_CONTINUATION`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SendContinuation<'a> {
    /// A piece of the body.
    pub chunk: &'a [u8],
    /// Nothing while more pieces follow; with the last one the uncompressed size of the whole body, -1 when unknown.
    pub last_of_body_size: Option<i64>,
    /// The packet's own fields.
    pub trailer: SendTrailer,
}

impl<'a> Wire<'a> for SendContinuation<'a> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        let chunk = Wire::read(reader, version).map_err(|error| error.in_field("chunk"))?;
        let continues = reader.bool().map_err(|error| error.in_field("continues"))?;
        let last_of_body_size = match continues {
            true => None,
            false => Some(reader.i64().map_err(|error| error.in_field("message_body_size"))?),
        };
        Ok(SendContinuation { chunk, last_of_body_size, trailer: SendTrailer::read(reader, version)? })
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.chunk.write(writer, version);
        self.last_of_body_size.is_none().write(writer, version);
        if let Some(size) = self.last_of_body_size {
            writer.i64(size);
        }
        self.trailer.write(writer, version);
    }
}

layout! {
    /// What follows a message that is delivered.
    ReceiveTrailer {
        /// The consumer.
        consumer_id: ConsumerId;
        /// 1 for the first delivery; 0 for browsers and forced deliveries.
        delivery_count: i32;
    }
}

impl ReceiveTrailer {
    /// Its size, the same for all versions.
    const BYTES: usize = 12;
}

/// `SESS_RECEIVE_MSG`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ReceiveMessage<'a> {
    /// The encoded message.
    pub message: &'a [u8],
    /// The packet's own fields.
    pub trailer: ReceiveTrailer,
}

impl<'a> Wire<'a> for ReceiveMessage<'a> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        let message = reader.rest_before(ReceiveTrailer::BYTES).map_err(|error| error.in_field("consumer_id"))?;
        Ok(ReceiveMessage { message, trailer: ReceiveTrailer::read(reader, version)? })
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        writer.bytes(self.message);
        self.trailer.write(writer, version);
    }
}

/// `SESS_RECEIVE_LARGE_MSG`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ReceiveLargeMessage<'a> {
    /// Who it is for, and how often it was tried.
    pub delivery: ReceiveTrailer,
    /// Bytes of the body, which follows in pieces.
    pub large_message_size: i64,
    /// Headers and properties, without a body.
    pub header: &'a [u8],
}

impl<'a> Wire<'a> for ReceiveLargeMessage<'a> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        Ok(ReceiveLargeMessage {
            delivery: ReceiveTrailer::read(reader, version)?,
            large_message_size: reader.i64().map_err(|error| error.in_field("large_message_size"))?,
            header: reader.rest(),
        })
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.delivery.write(writer, version);
        writer.i64(self.large_message_size);
        writer.bytes(self.header);
    }
}

layout! {
    /// `SESS_RECEIVE_CONTINUATION`.
    ReceiveContinuation<'a> {
        /// A piece of the body.
        chunk: &'a [u8];
        /// Whether more pieces follow.
        continues: bool;
        /// The consumer.
        consumer_id: ConsumerId;
    }
}

/// Appends a `SESS_RECEIVE_MSG` frame of a stored message under the id it has here: one copy, and eight bytes put over it.
/// On error `out` is as it was.
pub fn encode_delivery(
    channel: ChannelId,
    message: &[u8],
    message_id: MessageId,
    trailer: &ReceiveTrailer,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = begin_frame(PacketType::SESS_RECEIVE_MSG, channel, out);
    let at = out.len();
    out.extend_from_slice(message);
    if let Some(copy) = out.get_mut(at..) {
        // A message without room for an id was refused when it was sent; it stays as it is.
        let _had_room = message::set_message_id(copy, message_id);
    }
    // The trailer has one layout in all versions.
    trailer.write(&mut Writer::new(out), Version::NEWEST);
    end_frame(PacketType::SESS_RECEIVE_MSG, start, out)
}

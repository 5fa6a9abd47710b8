//! CORE: what the Artemis client says, encoded once and patched.
//!
//! A send carries a correlation id, and its answer carries it back. Acknowledgements have none: their answers come in their order.

use protocol::core::frame::{Split, split};
use protocol::core::identity::{ChannelId, ConsumerId, CorrelationId, MessageId, ProducerId, RoutingType};
use protocol::core::packet::consumer::Acknowledge;
use protocol::core::packet::credit::ConsumerCredits;
use protocol::core::packet::transaction::Commit;
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{Direction, Packet, PacketType, decode, encode};
use protocol::core::version::Version;
use protocol::limits::{FRAME_BYTES_MAX, LENGTH_PREFIX_BYTES};
use protocol::message::MessageBuilder;

use super::{Dialect, Message, QUEUE_DIGITS, Reply};
use crate::load::template::{Form, Marks, Template, find};

/// The version that the load speaks: what a current client announces.
pub const VERSION: Version = Version::NEWEST;
/// The channel of the only session of a connection.
pub const CHANNEL: ChannelId = ChannelId::FIRST_SESSION;
/// The only consumer of a session.
pub const CONSUMER: ConsumerId = ConsumerId(0);
/// The only producer of a session.
pub const PRODUCER: ProducerId = ProducerId(1);

/// Type and channel.
const FRAME_HEAD_BYTES: usize = 9;
/// Where the body of a message begins in the frame of its send: behind length, type, channel and end of body.
const BODY_AT: usize = LENGTH_PREFIX_BYTES + FRAME_HEAD_BYTES + 4;
/// From the correlation id of a send to the end of its frame: the id, and the producer behind it.
const TOKEN_FROM_END: usize = 12;
/// Consumer and delivery count, behind a message that is delivered.
const DELIVERY_TRAILER_BYTES: usize = 12;
/// What the end-of-body field of an empty body says.
const EMPTY_END_OF_BODY: usize = 13;

/// The frames of one session.
#[derive(Debug)]
pub struct Core {
    send: Template,
    commit: Template,
    acknowledge: Template,
}

impl Core {
    /// For these messages, or a consumer of them.
    ///
    /// # Errors
    ///
    /// A message that no frame can hold.
    pub fn new(message: &Message) -> Result<Self, String> {
        let id = CorrelationId(0);
        let commit = frame(&Packet::Commit(Commit { correlation_id: Some(id) }))?;
        let ack = Acknowledge { consumer_id: CONSUMER, message_id: MessageId(0), requires_response: true };
        let acknowledge = frame(&Packet::IndividualAcknowledge(ack))?;
        let commit_at = commit.len().saturating_sub(8);
        // The id of the message stands between the consumer and the wish for an answer.
        let acknowledge_at = acknowledge.len().saturating_sub(9);
        Ok(Self {
            send: send_template(message)?,
            commit: Template::new(commit).token(commit_at, Form::BigEndian),
            acknowledge: Template::new(acknowledge).token(acknowledge_at, Form::BigEndian),
        })
    }
}

/// The frame of one packet on the session's channel.
///
/// # Errors
///
/// A packet that no frame can hold.
pub fn frame(packet: &Packet<'_>) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    encode(CHANNEL, packet, VERSION, &mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

fn send_template(message: &Message) -> Result<Template, String> {
    let name = message.destination.name(0);
    let builder = MessageBuilder::new(&name).bytes(&message.body).durable(true).routing_type(RoutingType::ANYCAST);
    let mut encoded = Vec::new();
    builder.write(&mut encoded);
    let trailer =
        SendTrailer { requires_response: message.answered, correlation_id: CorrelationId(0), producer_id: PRODUCER };
    let bytes = frame(&Packet::Send(Send { message: &encoded, trailer }))?;
    let token_at = bytes.len().saturating_sub(TOKEN_FROM_END);
    // Names are in two bytes a character, and stand behind the body.
    let wide: Vec<u8> = name.bytes().flat_map(|letter| [letter, 0]).collect();
    let behind = BODY_AT + message.body.len();
    let name_at = bytes.get(behind..).and_then(|header| find(header, &wide)).map(|at| behind + at);
    let mut template = Template::new(bytes).token(token_at, Form::BigEndian);
    if message.body.len() >= 8 {
        template = template.stamp(BODY_AT);
    }
    if message.destination.queues > 1 {
        let at = name_at.ok_or("the name of the queue is not where it should be")?;
        template = template.queue(at + wide.len() - 2 * QUEUE_DIGITS, Form::WideDecimal(QUEUE_DIGITS));
    }
    Ok(template)
}

impl Dialect for Core {
    fn send(&self, marks: Marks, out: &mut Vec<u8>) {
        self.send.append(marks, out);
    }

    fn begin(&self, _out: &mut Vec<u8>) {}

    fn commit(&self, token: u64, out: &mut Vec<u8>) {
        self.commit.append(Marks { token, ..Marks::default() }, out);
    }

    fn acknowledge(&self, name: &[u8], out: &mut Vec<u8>) {
        let token = name.first_chunk().map_or(0, |id| u64::from_be_bytes(*id));
        self.acknowledge.append(Marks { token, ..Marks::default() }, out);
    }

    fn credit(&self, bytes: usize, out: &mut Vec<u8>) {
        let credits = i32::try_from(bytes).unwrap_or(i32::MAX);
        let packet = Packet::ConsumerCredits(ConsumerCredits { consumer_id: CONSUMER, credits });
        // A few bytes always fit a frame.
        let _fits = encode(CHANNEL, &packet, VERSION, out);
    }

    fn reply<'b>(&self, bytes: &'b [u8]) -> Result<Option<(usize, Reply<'b>)>, String> {
        let whole = split(bytes, FRAME_BYTES_MAX).map_err(|error| error.to_string())?;
        let Split::Frame { body, consumed } = whole else { return Ok(None) };
        let packet_type = body.first().map(|byte| PacketType(byte.cast_signed()));
        let reply = match packet_type {
            Some(PacketType::NULL_RESPONSE) => answered(body)?,
            Some(PacketType::SESS_RECEIVE_MSG) => delivered(body, consumed).ok_or("a delivery that is too short")?,
            _ => rare(body)?,
        };
        Ok(Some((consumed, reply)))
    }
}

/// The answer to a send or a commit carries its id, that to an acknowledgement none.
fn answered(body: &[u8]) -> Result<Reply<'static>, String> {
    let id = body.get(FRAME_HEAD_BYTES..).and_then(<[u8]>::first_chunk).ok_or("an answer that is too short")?;
    Ok(u64::try_from(i64::from_be_bytes(*id)).map_or(Reply::AckDone, Reply::Acked))
}

fn delivered(body: &[u8], cost: usize) -> Option<Reply<'_>> {
    let message = body.get(FRAME_HEAD_BYTES..body.len().checked_sub(DELIVERY_TRAILER_BYTES)?)?;
    let end_of_body = usize::try_from(u32::from_be_bytes(*message.first_chunk()?)).ok()?;
    let behind = end_of_body.checked_sub(EMPTY_END_OF_BODY)? + 4;
    let name = message.get(behind..behind + 8)?;
    // A body without a stamp counts as one of long ago.
    let stamp = message.get(4..behind)?.first_chunk().map_or(0, |stamp| u64::from_be_bytes(*stamp));
    Some(Reply::Delivered { stamp, name, cost })
}

/// What does not come with every message.
fn rare(body: &[u8]) -> Result<Reply<'static>, String> {
    let frame = decode(body, Direction::ServerToClient, VERSION).map_err(|error| error.to_string())?;
    match frame.packet {
        Packet::Exception(refusal) => {
            let text = refusal.message.map_or_else(String::new, |text| text.to_string());
            Err(format!("the broker refused: {} {text}", refusal.code))
        }
        Packet::Disconnect(_) | Packet::DisconnectV2(_) | Packet::DisconnectV3(_) => {
            Err("the broker ended the connection".to_owned())
        }
        Packet::DisconnectConsumer(_) | Packet::DisconnectConsumerKill(_) => {
            Err("the broker ended the consumer".to_owned())
        }
        _ => Ok(Reply::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use protocol::core::packet::response::NullResponse;
    use protocol::core::packet::transfer::{ReceiveMessage, ReceiveTrailer};
    use protocol::message::{MessageKind, MessageView, set_message_id};

    use super::*;
    use crate::load::plan::body;
    use crate::load::speech::Destination;

    fn message(size: usize, queues: u32, answered: bool) -> Message {
        let destination = Destination { base: "bench".to_owned(), queues };
        Message { body: body(size, 1), destination, headers: Vec::new(), answered, login: None }
    }

    fn decoded(bytes: &[u8]) -> Packet<'_> {
        let Split::Frame { body, consumed } = split(bytes, FRAME_BYTES_MAX).unwrap() else { panic!("half a frame") };
        assert_eq!(consumed, bytes.len());
        let frame = decode(body, Direction::ClientToServer, VERSION).unwrap();
        assert_eq!((frame.channel, frame.trailing), (CHANNEL, [].as_slice()));
        frame.packet
    }

    #[test]
    fn a_patched_send_is_what_the_codec_reads() {
        for (size, queues) in [(100, 1), (1024, 1), (1024, 3), (102_400, 20_000)] {
            let message = message(size, queues, true);
            let core = Core::new(&message).unwrap();
            let marks = Marks { token: 0x0102_0304, stamp: 0x1122_3344_5566_7788, queue: 2 };
            let mut out = Vec::new();
            core.send(marks, &mut out);
            let Packet::Send(send) = decoded(&out) else { panic!("no send") };
            let id = CorrelationId(0x0102_0304);
            let trailer = SendTrailer { requires_response: true, correlation_id: id, producer_id: PRODUCER };
            assert_eq!(send.trailer, trailer);
            let view = MessageView::parse(send.message).unwrap();
            view.validate().unwrap();
            assert_eq!(view.body().len(), size);
            assert_eq!(view.body()[..8], marks.stamp.to_be_bytes());
            assert_eq!(view.body()[8..], message.body[8..]);
            let name = if queues == 1 { "bench".to_owned() } else { "bench00002".to_owned() };
            assert_eq!(view.header.address.unwrap().to_string(), name);
            assert!(view.header.durable);
            assert_eq!(view.header.kind, MessageKind::BYTES);
        }
    }

    #[test]
    fn what_else_is_said_is_what_the_codec_reads() {
        let core = Core::new(&message(16, 1, false)).unwrap();
        let mut out = Vec::new();
        core.send(Marks::default(), &mut out);
        assert!(matches!(decoded(&out), Packet::Send(send) if !send.trailer.requires_response));
        out.clear();
        core.commit(77, &mut out);
        assert_eq!(decoded(&out), Packet::Commit(Commit { correlation_id: Some(CorrelationId(77)) }));
        out.clear();
        core.acknowledge(&0x0a0b_0c0d_u64.to_be_bytes(), &mut out);
        let ack = Acknowledge { consumer_id: CONSUMER, message_id: MessageId(0x0a0b_0c0d), requires_response: true };
        assert_eq!(decoded(&out), Packet::IndividualAcknowledge(ack));
        out.clear();
        core.credit(4096, &mut out);
        let credits = ConsumerCredits { consumer_id: CONSUMER, credits: 4096 };
        assert_eq!(decoded(&out), Packet::ConsumerCredits(credits));
    }

    #[test]
    fn what_a_broker_sends_is_understood_at_any_cut() {
        let core = Core::new(&message(64, 1, true)).unwrap();
        let mut out = Vec::new();
        core.send(Marks { token: 0, stamp: 99, queue: 0 }, &mut out);
        let Packet::Send(send) = decoded(&out) else { panic!("no send") };
        let mut stored = send.message.to_vec();
        assert!(set_message_id(&mut stored, MessageId(4711)));
        let trailer = ReceiveTrailer { consumer_id: CONSUMER, delivery_count: 1 };
        let delivery = frame(&Packet::ReceiveMessage(ReceiveMessage { message: &stored, trailer })).unwrap();
        let cost = delivery.len();
        let mut stream = frame(&Packet::NullResponse(NullResponse { correlation_id: CorrelationId(5) })).unwrap();
        stream.extend(delivery);
        stream.extend(frame(&Packet::NullResponse(NullResponse { correlation_id: CorrelationId::NONE })).unwrap());
        let (mut at, mut replies) = (0, Vec::new());
        while let Some((consumed, reply)) = core.reply(&stream[at..]).unwrap() {
            for cut in at..at + consumed {
                assert_eq!(core.reply(&stream[at..cut]).unwrap(), None, "cut at {cut}");
            }
            at += consumed;
            replies.push(reply);
        }
        let name = &4711_i64.to_be_bytes();
        assert_eq!(replies, [Reply::Acked(5), Reply::Delivered { stamp: 99, name, cost }, Reply::AckDone]);
        assert_eq!(at, stream.len());
    }

    #[test]
    fn a_frame_that_is_none_is_an_error() {
        let core = Core::new(&message(64, 1, true)).unwrap();
        assert!(core.reply(&[0, 0, 0, 1, 9]).is_err());
        let short = [0, 0, 0, 9, PacketType::NULL_RESPONSE.0.cast_unsigned(), 0, 0, 0, 0, 0, 0, 0, 10];
        assert!(core.reply(&short).is_err());
    }
}

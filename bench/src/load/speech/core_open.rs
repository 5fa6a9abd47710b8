//! CORE before the load: sessions, producers, consumers and queues, by the packets that the Artemis client sends.

use protocol::core::error_code::ErrorCode;
use protocol::core::frame::{HANDSHAKE, Split, split};
use protocol::core::identity::{ChannelId, RoutingType};
use protocol::core::list::List;
use protocol::core::packet::connection::Ping;
use protocol::core::packet::consumer::CreateConsumer;
use protocol::core::packet::queue::{
    CreateAddress, CreateQueueV2, DeleteQueue, GroupCount, QueueAttributes, QueueDefinition,
};
use protocol::core::packet::session::{CreateProducer, CreateSession, Password, SessionForm, SessionSettings};
use protocol::core::packet::{Direction, Packet, decode, encode};
use protocol::core::text::Text;
use protocol::limits::FRAME_BYTES_MAX;
use protocol::simple_string::SimpleString;

use super::core::{CHANNEL, CONSUMER, PRODUCER, VERSION, frame};
use super::talk::Talk;
use super::{Destination, Message, Role};

/// Requests to make a queue without an answer at a time.
const QUEUES_AT_A_TIME: u32 = 64;

/// What an answer may be.
enum Answer {
    Session,
    Success,
    Queue,
    Refused(ErrorCode, String),
    Other,
}

/// Opens a session for this role.
pub(super) fn open(talk: &mut Talk, name: &str, role: Role, message: &Message) -> Result<(), String> {
    say_hello(talk, name, message)?;
    let destination = &message.destination;
    match role {
        Role::Producer => {
            let address = SimpleString::from(destination.name(0).as_str());
            // A producer of several queues names the address with each message.
            let address = (destination.queues <= 1).then(|| address.as_simple());
            talk.say(&frame(&Packet::CreateProducer(CreateProducer { producer_id: PRODUCER, address }))?)?;
        }
        Role::Consumer { queue } => {
            let queue = SimpleString::from(destination.name(queue).as_str());
            let create = CreateConsumer {
                consumer_id: CONSUMER,
                queue_name: queue.as_simple(),
                filter: None,
                browse_only: false,
                requires_response: true,
                priority: 0,
            };
            talk.say(&frame(&Packet::CreateConsumer(create))?)?;
            wait_for(talk, "a consumer", |answer| matches!(answer, Answer::Queue), &[])?;
        }
        Role::Idle => {}
    }
    talk.say(&frame(&Packet::SessionStart)?)
}

/// Makes sure that the queues are there, many at a time.
pub(super) fn make_queues(talk: &mut Talk, name: &str, message: &Message) -> Result<(), String> {
    let there = [ErrorCode::QUEUE_EXISTS, ErrorCode::ADDRESS_EXISTS];
    say_hello(talk, name, message)?;
    ask_for_all(talk, &message.destination, 2, &there, ask_for_queue)
}

/// Takes the queues away, with all that is in them.
pub(super) fn remove_queues(talk: &mut Talk, name: &str, message: &Message) -> Result<(), String> {
    say_hello(talk, name, message)?;
    ask_for_all(talk, &message.destination, 1, &[ErrorCode::QUEUE_DOES_NOT_EXIST], |name, out| {
        let name = SimpleString::from(name);
        out.extend(frame(&Packet::DeleteQueue(DeleteQueue { name: name.as_simple() }))?);
        Ok(())
    })
}

/// Asks for something about each queue, some of them at a time; each is answered so many times.
fn ask_for_all(
    talk: &mut Talk,
    destination: &Destination,
    answers: u32,
    as_good: &[ErrorCode],
    ask: fn(&str, &mut Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    let mut first = 0;
    while first < destination.queues {
        let last = destination.queues.min(first + QUEUES_AT_A_TIME);
        let mut out = Vec::new();
        for queue in first..last {
            ask(&destination.name(queue), &mut out)?;
        }
        talk.say(&out)?;
        for _ in 0..answers * (last - first) {
            wait_for(talk, "a queue", |answer| matches!(answer, Answer::Success), as_good)?;
        }
        first = last;
    }
    Ok(())
}

fn ask_for_queue(name: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let name = SimpleString::from(name);
    let routing_types = [RoutingType::ANYCAST];
    let create = CreateAddress {
        address: name.as_simple(),
        routing_types: List::of(&routing_types),
        requires_response: true,
        auto_created: false,
    };
    out.extend(frame(&Packet::CreateAddress(create))?);
    let definition = QueueDefinition {
        address: name.as_simple(),
        name: name.as_simple(),
        filter: None,
        durable: true,
        temporary: false,
        requires_response: true,
        auto_created: false,
        routing_type: RoutingType::ANYCAST,
        max_consumers: -1,
        purge_on_no_consumers: false,
    };
    let create = CreateQueueV2 { definition, attributes: QueueAttributes::default(), groups: GroupCount::ALL };
    out.extend(frame(&Packet::CreateQueueV2(create))?);
    Ok(())
}

fn say_hello(talk: &mut Talk, name: &str, message: &Message) -> Result<(), String> {
    let mut out = HANDSHAKE.to_vec();
    let mut put =
        |channel, packet: &Packet<'_>| encode(channel, packet, VERSION, &mut out).map_err(|error| error.to_string());
    // The connection may be silent for ever: nobody sends signs of life during a measurement.
    put(ChannelId::PING, &Packet::Ping(Ping { connection_ttl_ms: -1 }))?;
    // Large messages may come in pieces, as far as the session is concerned; a load sends each in one frame.
    let settings = SessionSettings {
        version: VERSION,
        user: message.login.as_ref().map(|login| Text::from(login.user.as_str())),
        password: message.login.as_ref().map(|login| Password(Text::from(login.password.as_str()))),
        auto_commit_sends: message.answered,
        ..SessionSettings::plain(name, CHANNEL)
    };
    let create = CreateSession { form: SessionForm::V2, settings, client_id: None };
    put(ChannelId::SESSION, &Packet::CreateSession(create))?;
    talk.say(&out)?;
    wait_for(talk, "a session", |answer| matches!(answer, Answer::Session), &[])
}

/// Waits for such an answer, or a refusal that is as good.
fn wait_for(talk: &mut Talk, what: &str, wanted: fn(&Answer) -> bool, as_good: &[ErrorCode]) -> Result<(), String> {
    loop {
        let answer = talk.hear(what, next_answer)?;
        match &answer {
            Answer::Refused(code, _) if as_good.contains(code) => return Ok(()),
            Answer::Refused(code, text) => return Err(format!("the broker refused {what}: {code} {text}")),
            answer if wanted(answer) => return Ok(()),
            _ => {}
        }
    }
}

fn next_answer(bytes: &[u8]) -> Result<Option<(usize, Answer)>, String> {
    let Split::Frame { body, consumed } = split(bytes, FRAME_BYTES_MAX).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let frame = decode(body, Direction::ServerToClient, VERSION).map_err(|error| error.to_string())?;
    let answer = match frame.packet {
        Packet::CreateSessionResponse(response) if response.server_version < VERSION => {
            return Err(format!(
                "the broker speaks version {} of CORE, and the load {VERSION}",
                response.server_version
            ));
        }
        Packet::CreateSessionResponse(_) => Answer::Session,
        Packet::NullResponse(_) => Answer::Success,
        Packet::QueueQueryResponse(_) => Answer::Queue,
        Packet::Exception(refusal) => {
            Answer::Refused(refusal.code, refusal.message.map_or_else(String::new, |text| text.to_string()))
        }
        _ => Answer::Other,
    };
    Ok(Some((consumed, answer)))
}

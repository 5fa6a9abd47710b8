//! One connection with one session, as its client holds it: frames out, frames in, and what every answer belongs to.
//!
//! Answers come in the order of the commands; one that names another command than the oldest open one is a finding.

use std::collections::VecDeque;

use journal::testing::Random;
use protocol::core::error_code::ErrorCode;
use protocol::core::frame::{Frames, HANDSHAKE};
use protocol::core::identity::{ChannelId, ConsumerId, CorrelationId, MessageId, ProducerId, RoutingType};
use protocol::core::packet::consumer::{Acknowledge, CreateConsumer, ForceDelivery};
use protocol::core::packet::credit::ConsumerCredits;
use protocol::core::packet::query::QueueQuery;
use protocol::core::packet::queue::{CreateQueueV2, GroupCount, QueueAttributes, QueueDefinition};
use protocol::core::packet::session::{CreateSession, SessionForm, SessionSettings};
use protocol::core::packet::transaction::{Commit, Rollback};
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{self, Direction, Packet};
use protocol::core::version::Version;
use protocol::limits::FRAME_BYTES_MAX;
use protocol::message::{MessageView, property_name};
use protocol::simple_string::SimpleString;

use crate::mail::DELIVERY_FRAME_BYTES;
use crate::testing::machine::{Machine, SocketNumber};
use crate::testing::oracle::{Identity, TransactionNumber};

const VERSION: Version = Version::NEWEST;
const CHANNEL: ChannelId = ChannelId(10);

/// A command whose answer is awaited.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Session,
    CreateQueue,
    Consumer(usize),
    Send(Identity),
    /// A send within a transaction: its answer says that it was taken, no more.
    Staged,
    Acknowledge(Vec<Identity>),
    Commit(TransactionNumber),
    Stop,
    Rollback,
    Close,
    Query,
}

/// What a client hears.
#[derive(Debug)]
pub(super) enum Heard {
    /// The answer to a command; an error has its code and text.
    Answer(Command, Result<Said, (ErrorCode, String)>),
    /// A message, what it costs in credit, and its body.
    Delivery { consumer: usize, message: MessageId, cost: usize, body: Vec<u8> },
    /// The queue of this consumer has nothing more.
    NothingMore,
    /// The server says that it stops.
    Stops,
    /// Something that must not come.
    Wrong(String),
}

/// What a successful answer tells beyond success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Messages in the queue that was asked about.
    pub(super) messages: i64,
}

/// The connection.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) socket: SocketNumber,
    input: Vec<u8>,
    awaited: VecDeque<(Command, CorrelationId)>,
    next_correlation: i64,
}

/// How a session's work takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    ByItself,
    ByCommit,
}

impl Link {
    /// Connects and asks for a session.
    pub(super) fn open(machine: &mut Machine, core: usize, mode: Mode) -> Option<Self> {
        let socket = machine.connect(core)?;
        machine.write(socket, &HANDSHAKE);
        let mut link = Self { socket, input: Vec::new(), awaited: VecDeque::new(), next_correlation: 1 };
        link.ask_for_session(machine, mode);
        Some(link)
    }

    /// Asks for a session; the one before it is closed.
    pub(super) fn ask_for_session(&mut self, machine: &mut Machine, mode: Mode) {
        let settings = SessionSettings {
            name: "simulated".into(),
            channel: CHANNEL,
            version: VERSION,
            user: None,
            password: None,
            min_large_message_size: 100 * 1024,
            xa: false,
            auto_commit_sends: mode == Mode::ByItself,
            auto_commit_acks: mode == Mode::ByItself,
            confirmation_window: -1,
            pre_acknowledge: false,
            default_address: None,
        };
        let create = CreateSession { form: SessionForm::V2, settings, client_id: None };
        self.write(machine, ChannelId::SESSION, &Packet::CreateSession(create));
        self.awaited.push_back((Command::Session, CorrelationId::NONE));
    }

    /// Commands whose answers are awaited, oldest first.
    pub(super) fn awaited(&self) -> impl Iterator<Item = &Command> {
        self.awaited.iter().map(|(command, _)| command)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.awaited.is_empty()
    }

    pub(super) fn create_queue(&mut self, machine: &mut Machine, name: &str) {
        let name = SimpleString::from(name);
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
        self.command(machine, &Packet::CreateQueueV2(create), Command::CreateQueue);
    }

    pub(super) fn create_consumer(&mut self, machine: &mut Machine, number: usize, queue: &str) {
        let queue = SimpleString::from(queue);
        let create = CreateConsumer {
            consumer_id: consumer(number),
            queue_name: queue.as_simple(),
            filter: None,
            browse_only: false,
            requires_response: true,
            priority: 0,
        };
        self.command(machine, &Packet::CreateConsumer(create), Command::Consumer(number));
    }

    pub(super) fn credit(&mut self, machine: &mut Machine, number: usize, bytes: i32) {
        let credits = ConsumerCredits { consumer_id: consumer(number), credits: bytes };
        self.write(machine, CHANNEL, &Packet::ConsumerCredits(credits));
    }

    pub(super) fn force_delivery(&mut self, machine: &mut Machine, number: usize, sequence: i64) {
        let sequence = protocol::core::identity::ForcedSequence(sequence);
        let force = ForceDelivery { consumer_id: consumer(number), sequence };
        self.write(machine, CHANNEL, &Packet::ForceDelivery(force));
    }

    pub(super) fn start(&mut self, machine: &mut Machine) {
        self.write(machine, CHANNEL, &Packet::SessionStart);
    }

    /// Sends an encoded message; `awaited` names it if its answer is wanted.
    pub(super) fn send(&mut self, machine: &mut Machine, message: &[u8], awaited: Option<Command>) {
        let correlation_id = CorrelationId(self.next_correlation);
        self.next_correlation += 1;
        let trailer = SendTrailer { requires_response: awaited.is_some(), correlation_id, producer_id: ProducerId(0) };
        self.write(machine, CHANNEL, &Packet::Send(Send { message, trailer }));
        self.awaited.extend(awaited.map(|command| (command, correlation_id)));
    }

    pub(super) fn acknowledge(
        &mut self,
        machine: &mut Machine,
        number: usize,
        message_id: MessageId,
        individual: bool,
        awaited: Option<Command>,
    ) {
        let acknowledge =
            Acknowledge { consumer_id: consumer(number), message_id, requires_response: awaited.is_some() };
        let packet = match individual {
            true => Packet::IndividualAcknowledge(acknowledge),
            false => Packet::Acknowledge(acknowledge),
        };
        self.write(machine, CHANNEL, &packet);
        self.awaited.extend(awaited.map(|command| (command, CorrelationId::NONE)));
    }

    pub(super) fn commit(&mut self, machine: &mut Machine, transaction: TransactionNumber) {
        self.command(machine, &Packet::Commit(Commit { correlation_id: None }), Command::Commit(transaction));
    }

    /// Stops deliveries, rolls back; the caller starts again when it has heard of both.
    pub(super) fn rollback(&mut self, machine: &mut Machine, consider_last_message_as_delivered: bool) {
        self.command(machine, &Packet::SessionStop, Command::Stop);
        let rollback = Rollback { consider_last_message_as_delivered };
        self.command(machine, &Packet::Rollback(rollback), Command::Rollback);
    }

    pub(super) fn query(&mut self, machine: &mut Machine, queue: &str) {
        let name = SimpleString::from(queue);
        self.command(machine, &Packet::QueueQuery(QueueQuery { name: name.as_simple() }), Command::Query);
    }

    pub(super) fn close(&mut self, machine: &mut Machine) {
        self.command(machine, &Packet::SessionClose, Command::Close);
    }

    fn command(&mut self, machine: &mut Machine, packet: &Packet<'_>, command: Command) {
        self.write(machine, CHANNEL, packet);
        self.awaited.push_back((command, CorrelationId::NONE));
    }

    fn write(&mut self, machine: &mut Machine, channel: ChannelId, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        // Everything here is far below the longest frame.
        let _fits = packet::encode(channel, packet, VERSION, &mut bytes);
        machine.write(self.socket, &bytes);
    }

    /// Reads what has arrived. The second is true when nothing more will.
    pub(super) fn hear(&mut self, machine: &mut Machine, random: &mut Random) -> (Vec<Heard>, bool) {
        let (bytes, ended) = machine.read(self.socket, random);
        self.input.extend_from_slice(&bytes);
        let input = std::mem::take(&mut self.input);
        let mut heard = Vec::new();
        let mut frames = Frames::new(&input, FRAME_BYTES_MAX);
        loop {
            match frames.next_frame() {
                Ok(Some(frame)) => heard.extend(self.frame(frame)),
                Ok(None) => break,
                Err(error) => {
                    heard.push(Heard::Wrong(format!("no frame: {error:?}")));
                    break;
                }
            }
        }
        self.input = input.get(frames.consumed()..).unwrap_or_default().to_vec();
        (heard, ended)
    }

    fn frame(&mut self, body: &[u8]) -> Option<Heard> {
        if body.is_empty() {
            return None;
        }
        let frame = match packet::decode(body, Direction::ServerToClient, VERSION) {
            Ok(frame) => frame,
            Err(error) => return Some(Heard::Wrong(format!("no packet: {error:?}"))),
        };
        let done = Ok(Said { messages: 0 });
        Some(match frame.packet {
            Packet::CreateSessionResponse(_) => self.answer(None, done),
            Packet::NullResponse(response) => self.answer(Some(response.correlation_id), done),
            Packet::QueueQueryResponse(response) => {
                self.answer(None, Ok(Said { messages: response.queue.message_count }))
            }
            Packet::Exception(exception) => {
                let text = exception.message.map(|text| text.to_string()).unwrap_or_default();
                self.answer(exception.correlation_id, Err((exception.code, text)))
            }
            Packet::ReceiveMessage(delivery) => {
                let number = usize::try_from(delivery.trailer.consumer_id.0).unwrap_or(usize::MAX);
                message(number, delivery.message)
            }
            Packet::Disconnect(_) | Packet::DisconnectV2(_) | Packet::DisconnectV3(_) => Heard::Stops,
            Packet::Ping(_) => return None,
            other => Heard::Wrong(format!("a packet of type {}", other.packet_type())),
        })
    }

    fn answer(&mut self, to: Option<CorrelationId>, answer: Result<Said, (ErrorCode, String)>) -> Heard {
        match self.awaited.pop_front() {
            Some((command, sent_as)) if to.is_none_or(|to| to == sent_as) => Heard::Answer(command, answer),
            other => {
                Heard::Wrong(format!("the answer {answer:?} to {to:?} comes when {other:?} is the oldest command"))
            }
        }
    }
}

fn consumer(number: usize) -> ConsumerId {
    ConsumerId(i64::try_from(number).unwrap_or(i64::MAX))
}

fn message(consumer: usize, encoded: &[u8]) -> Heard {
    match MessageView::parse(encoded) {
        Ok(view) => match view.header.properties.get(property_name::FORCED_DELIVERY_SEQUENCE) {
            Ok(Some(_)) => Heard::NothingMore,
            Ok(None) => Heard::Delivery {
                consumer,
                message: view.header.message_id,
                cost: encoded.len() + DELIVERY_FRAME_BYTES,
                body: view.body().to_vec(),
            },
            Err(error) => Heard::Wrong(format!("a message with properties that nobody can read: {error}")),
        },
        Err(error) => Heard::Wrong(format!("a message that nobody can read: {error}")),
    }
}

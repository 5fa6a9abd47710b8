//! What sessions and the homes of addresses say to each other: plain values, the same on one core and between cores.
//!
//! A session asks ([`Request`]); the home answers each request that carries a [`Token`] exactly once ([`Answer`]), and delivers
//! on its own. On one core both are calls; between cores they are letters ([`Letter`]) that keep their order.

mod answer;
mod listing;
mod request;

pub use answer::{AddressState, Answer, DiskSpace, Failure, FailureKind, QueueState, Reply};
pub use listing::{
    AddressDetail, AddressPage, COLUMNS, Column, Comparison, Filter, Listing, QueueDetail, QueuePage, Totals,
};
pub use request::{
    Acknowledge, Ask, ConnectionRef, Lifetime, Publish, QueueDefinition, QueueUpdate, Request, RoutingType,
    RoutingTypes,
};

use journal::{LaneId, LaneMark, Lsn, Now, Vector};

use crate::message::{ConnectionKey, ConsumerId, CoreId, MessageId, Origin, QueueId, SessionKey, SessionName};

/// A session, wherever it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionRef {
    /// The core that accepted its connection.
    pub core: CoreId,
    /// Its place there.
    pub key: SessionKey,
}

/// What a delivery adds to the encoded message on the wire of the CORE protocol, in whose bytes consumers' credit is counted:
/// length 4, type 1, channel 8, consumer 8, delivery count 4.
pub const DELIVERY_FRAME_BYTES: usize = 25;

/// Names one answer that a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u64);

/// Takes what a home hands to consumers, while the body is at hand.
pub trait Deliver {
    /// A message for a consumer. `body` is the encoded message as its sender wrote it.
    fn message(&mut self, to: SessionRef, consumer: ConsumerId, id: MessageId, deliveries: u16, body: &[u8]);

    /// Everything that could be delivered before the `sequence`-th question of this consumer is delivered.
    fn nothing_more(&mut self, to: SessionRef, consumer: ConsumerId, sequence: i64, queue: &str);

    /// The consumer's queue is gone.
    fn consumer_gone(&mut self, to: SessionRef, consumer: ConsumerId);

    /// Somebody who looks after the broker wants the connection of this session closed.
    fn close_connection(&mut self, of: SessionRef);

    /// A producer may send so many bytes more to an address, named as its client named it; or its request is refused, because the
    /// address is full.
    fn producer_credits(&mut self, to: SessionRef, named: &str, credits: i32, granted: bool);

    /// The answer to a request that did not get it at once.
    fn answer(&mut self, to: SessionRef, token: Token, answer: Answer);
}

/// What one core sends to another.
#[allow(missing_docs, reason = "a field is named by what the variant says")]
#[derive(Debug)]
pub enum Letter {
    /// A session asks a home.
    Request(Request<'static>),
    /// A home answers a session.
    Answer { to: SessionRef, token: Token, answer: Answer },
    /// A home delivers to a session.
    Message { to: SessionRef, consumer: ConsumerId, id: MessageId, deliveries: u16, body: Box<[u8]> },
    /// See [`Deliver::nothing_more`].
    NothingMore { to: SessionRef, consumer: ConsumerId, sequence: i64, queue: Box<str> },
    /// See [`Deliver::consumer_gone`].
    ConsumerGone { to: SessionRef, consumer: ConsumerId },
    /// See [`Deliver::close_connection`].
    CloseConnection { of: SessionRef },
    /// See [`Deliver::producer_credits`].
    ProducerCredits { to: SessionRef, named: Box<str>, credits: i32, granted: bool },
    /// Tell me once this position of your lane is promised.
    Watch { lane: LaneId, lsn: Lsn },
    /// The lane is promised up to here.
    Promised { lane: LaneId, lsn: Lsn },
    /// A home asks the keeper of the bindings lane to write a record.
    Bind { ticket: u64, binding: Binding },
    /// The record of that ticket is written; it names this position, and this number if it makes a queue. Or it may not be.
    Bound { ticket: u64, written: Result<(Vector, QueueId), Failure> },
    /// The sender's part of a transaction is over up to this vector; the decision lies here.
    Ended { lane: LaneId, lsn: Lsn, vector: Vector },
    /// A lane of the sender has grown so much that a checkpoint is worth writing.
    CheckpointDue,
    /// Core 0 writes a checkpoint and needs what this core knows.
    SnapshotWanted,
    /// Here it is.
    Snapshot(Box<Snapshot>),
    /// All that the sender's snapshot shows is promised.
    SnapshotSafe,
    /// A lane of the sender has no next segment, or has one again: producers wait meanwhile.
    Short(bool),
    /// So much of the letters that the receiver has written was read, by their weight.
    Read { weight: usize },
    /// The clients of the sender leave more unread than they may, or do not any more: no large messages are delivered meanwhile.
    Scarce(bool),
    /// A queue whose name is not its address's: every core must know where to find it.
    Alias { queue: Box<str>, address: Option<Box<str>> },
    /// A connection of this core names a session that that core does not have.
    Seek { by: CoreId, connection: ConnectionKey, name: SessionName, origin: Origin, accepted: Now, purpose: Purpose },
    /// The answer: the session is here and may go on; or, if it was to be replaced, it is one of a later connection.
    Sought { connection: ConnectionKey, found: bool },
    /// May this connection come? The first address that it names lives at the receiver. So many others stay with the sender.
    Knock { connection: ConnectionKey, others: usize },
    /// The answer.
    Opened { connection: ConnectionKey, is_welcome: bool },
    /// A connection that was welcome does not come.
    Absent,
    /// A session of this name that came from the receiver is no longer found by it.
    Gone { name: SessionName },
}

/// What a letter weighs beside what it carries.
const LETTER_BYTES: usize = 256;

impl Letter {
    /// Memory that it takes until it is read, if it is one of those that clients cause without end: requests, and messages for them.
    pub fn weight(&self) -> usize {
        match self {
            Self::Request(request) => LETTER_BYTES + request.ask.bytes(),
            Self::Message { body, .. } => LETTER_BYTES + body.len(),
            _ => 0,
        }
    }
}

/// Why a session is sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its client has come back and wants to go on with it.
    Resume,
    /// Its client has come back where it cannot go on with it: it ends, however it is.
    End,
    /// Its client opens a session of the same name: it ends, unless it is on a later connection.
    Replace,
}

/// What one core gives to a checkpoint.
#[derive(Debug)]
pub struct Snapshot {
    /// A mark of each of its lanes.
    pub marks: Vec<LaneMark>,
    /// Its index.
    pub chunks: Vec<Vec<u8>>,
}

/// A change of the names that a store knows.
#[allow(missing_docs, reason = "a field is named by what the variant says")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// An address was made or got routing types.
    Address { name: Box<str>, routing: RoutingTypes, auto_created: bool },
    /// An address is gone.
    AddressGone { name: Box<str> },
    /// A queue is to be made; the keeper gives it a number.
    Queue(QueueDefinition<'static>),
    /// A queue is another one from now on, under its number.
    QueueChanged { id: QueueId, definition: QueueDefinition<'static> },
    /// A queue is gone.
    QueueGone { id: QueueId, name: Box<str>, address: Box<str> },
}

impl Binding {
    /// The queue that comes or goes.
    pub fn queue(&self) -> Option<&str> {
        match self {
            Self::Queue(definition) | Self::QueueChanged { definition, .. } => Some(&definition.name),
            Self::QueueGone { name, .. } => Some(name),
            Self::Address { .. } | Self::AddressGone { .. } => None,
        }
    }

    /// The address whose names change.
    pub fn address(&self) -> &str {
        match self {
            Self::Address { name, .. } | Self::AddressGone { name } => name,
            Self::Queue(definition) | Self::QueueChanged { definition, .. } => &definition.address,
            Self::QueueGone { address, .. } => address,
        }
    }
}

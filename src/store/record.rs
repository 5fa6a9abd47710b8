//! What the records of the broker mean: their kinds and their layout.
//!
//! All numbers are little endian. A record of a client's operation starts with the session's number and the number of the
//! command in that session, so that a successor can tell what was already done. Kinds below 0x40 belong to the journal itself.

use journal::{LaneId, Location, Lsn, RecordKind};

use super::cursor::{Cursor, Malformed};
use crate::message::{MessageId, QueueId, SessionNumber};

/// An address was made, or its routing types changed.
pub const ADDRESS: RecordKind = RecordKind(0x40);
/// An address is gone.
pub const ADDRESS_GONE: RecordKind = RecordKind(0x41);
/// A queue was made.
pub const QUEUE: RecordKind = RecordKind(0x42);
/// A queue is gone, with all its messages.
pub const QUEUE_GONE: RecordKind = RecordKind(0x43);
/// The highest queue id that was given out so far.
pub const QUEUE_ID_MARK: RecordKind = RecordKind(0x44);
/// A message came and was put into queues.
pub const ADD: RecordKind = RecordKind(0x50);
/// As [`ADD`], with the body in a lane for large bodies.
pub const ADD_LARGE: RecordKind = RecordKind(0x51);
/// Messages of one queue were consumed.
pub const ACK: RecordKind = RecordKind(0x52);
/// A message that still waits was written again, so that its old segment can go.
pub const MOVED: RecordKind = RecordKind(0x53);
/// As [`MOVED`], with the body in a lane for large bodies.
pub const MOVED_LARGE: RecordKind = RecordKind(0x54);
/// The run that this record closes counts only if the transaction was decided.
pub const PREPARE: RecordKind = RecordKind(0x55);
/// The transaction is decided, if every lane reaches the vector in here.
pub const DECISION: RecordKind = RecordKind(0x56);
/// The decision and its whole vector are promised: nobody needs to ask again.
pub const END: RecordKind = RecordKind(0x57);
/// The transaction was not decided: its part in this lane never counts.
pub const NEVER: RecordKind = RecordKind(0x58);
/// A piece of a large body.
pub const BODY: RecordKind = RecordKind(0x60);

/// Which client operation a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The session.
    pub session: SessionNumber,
    /// The number of the command in its session, counted from 0 as the protocol counts them for reattachment; for a
    /// transaction that of its commit.
    pub command: u64,
}

/// A transaction over several lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId {
    /// Number of the epoch in which it ran.
    pub epoch: u64,
    /// The core that coordinates it.
    pub core: u16,
    /// Counted per core and epoch.
    pub number: u64,
}

/// Where a large body lies: pieces in one lane, one after another, with nothing else of its kind between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargeBody {
    /// The lane for large bodies.
    pub lane: LaneId,
    /// The first piece.
    pub location: Location,
    /// How many pieces.
    pub pieces: u32,
    /// The position behind the last piece.
    pub end: Lsn,
}

/// The fixed part of a stored message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Encoded size in bytes.
    pub size: u32,
    /// 0 to 9.
    pub priority: u8,
}

impl Shape {
    /// That of an encoded message.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        Self {
            size: u32::try_from(message.len()).unwrap_or(u32::MAX),
            priority: protocol::message::MessageView::parse(message)
                .map_or(4, |view| u8::try_from(view.header.priority.clamp(0, 9)).unwrap_or(4)),
        }
    }
}

/// What a record says.
#[allow(missing_docs, reason = "a field is named by what the variant says")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored<'a> {
    /// See [`ADDRESS`].
    Address { name: &'a str, routing: u8, auto_created: bool },
    /// See [`ADDRESS_GONE`].
    AddressGone { name: &'a str },
    /// See [`QUEUE`].
    Queue(StoredQueue<'a>),
    /// See [`QUEUE_GONE`].
    QueueGone { queue: QueueId },
    /// See [`QUEUE_ID_MARK`].
    QueueIdMark { highest: QueueId },
    /// See [`ADD`].
    Add { operation: Operation, queues: QueueIds<'a>, message: &'a [u8] },
    /// See [`ADD_LARGE`].
    AddLarge { operation: Operation, queues: QueueIds<'a>, shape: Shape, body: LargeBody },
    /// See [`ACK`].
    Ack { operation: Operation, queue: QueueId, messages: MessageIds<'a> },
    /// See [`MOVED`].
    Moved { id: MessageId, queues: QueueIds<'a>, message: &'a [u8] },
    /// See [`MOVED_LARGE`].
    MovedLarge { id: MessageId, queues: QueueIds<'a>, shape: Shape, body: LargeBody },
    /// See [`PREPARE`].
    Prepare { transaction: TransactionId },
    /// See [`DECISION`].
    Decision { transaction: TransactionId, vector: LanePositions<'a> },
    /// See [`END`].
    End { transaction: TransactionId },
    /// See [`NEVER`].
    Never { transaction: TransactionId },
    /// See [`BODY`].
    Body { piece: u32, bytes: &'a [u8] },
}

/// A queue as the bindings lane keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredQueue<'a> {
    /// Its number.
    pub id: QueueId,
    /// 0 multicast, 1 anycast.
    pub routing: u8,
    /// Made by a client's first use of its name.
    pub auto_created: bool,
    /// Emptied when its last consumer goes.
    pub purge_on_no_consumers: bool,
    /// −1 for any number.
    pub max_consumers: i32,
    /// Its address.
    pub address: &'a str,
    /// Its own name.
    pub name: &'a str,
    /// Only what matches goes there.
    pub filter: Option<&'a str>,
}

/// Queue ids, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueIds<'a>(pub(super) &'a [u8]);

impl QueueIds<'_> {
    /// The ids, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = QueueId> {
        self.0.as_chunks::<4>().0.iter().map(|bytes| QueueId(u32::from_le_bytes(*bytes)))
    }
}

/// Message ids, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageIds<'a>(pub(super) &'a [u8]);

impl MessageIds<'_> {
    /// The ids, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = MessageId> {
        self.0.as_chunks::<8>().0.iter().map(|bytes| MessageId(u64::from_le_bytes(*bytes)))
    }
}

/// Lanes and positions, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanePositions<'a>(pub(super) &'a [u8]);

impl LanePositions<'_> {
    /// The positions, in the order written; a lane that cannot exist is left out, and the reader compares [`LanePositions::len`].
    pub fn iter(&self) -> impl Iterator<Item = (LaneId, Lsn)> {
        self.0.as_chunks::<10>().0.iter().filter_map(|[a, b, rest @ ..]| {
            Some((LaneId::from_number(u16::from_le_bytes([*a, *b]))?, Lsn(u64::from_le_bytes(*rest))))
        })
    }
}

impl<'a> Stored<'a> {
    /// Reads a record of the broker.
    ///
    /// # Errors
    /// The body ends early, has bytes left over, or its kind is unknown.
    pub fn decode(kind: RecordKind, body: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(kind, body);
        let stored = Self::decode_body(kind, &mut cursor)?;
        cursor.finish()?;
        Ok(stored)
    }

    fn decode_body(kind: RecordKind, cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        Ok(match kind {
            ADDRESS => Self::Address { routing: cursor.u8()?, auto_created: cursor.u8()? != 0, name: cursor.text()? },
            ADDRESS_GONE => Self::AddressGone { name: cursor.text()? },
            QUEUE => Self::Queue(StoredQueue {
                id: QueueId(cursor.u32()?),
                routing: cursor.u8()?,
                auto_created: cursor.u8()? != 0,
                purge_on_no_consumers: cursor.u8()? != 0,
                max_consumers: cursor.u32()?.cast_signed(),
                address: cursor.text()?,
                name: cursor.text()?,
                filter: if cursor.is_empty() { None } else { Some(cursor.text()?) },
            }),
            QUEUE_GONE => Self::QueueGone { queue: QueueId(cursor.u32()?) },
            QUEUE_ID_MARK => Self::QueueIdMark { highest: QueueId(cursor.u32()?) },
            ADD => Self::Add { operation: cursor.operation()?, queues: cursor.queue_ids()?, message: cursor.rest() },
            ADD_LARGE => Self::AddLarge {
                operation: cursor.operation()?,
                queues: cursor.queue_ids()?,
                shape: cursor.shape()?,
                body: cursor.large_body()?,
            },
            ACK => Self::Ack {
                operation: cursor.operation()?,
                queue: QueueId(cursor.u32()?),
                messages: MessageIds(cursor.whole_items(8)?),
            },
            MOVED => Self::Moved { id: MessageId(cursor.u64()?), queues: cursor.queue_ids()?, message: cursor.rest() },
            MOVED_LARGE => Self::MovedLarge {
                id: MessageId(cursor.u64()?),
                queues: cursor.queue_ids()?,
                shape: cursor.shape()?,
                body: cursor.large_body()?,
            },
            PREPARE => Self::Prepare { transaction: cursor.transaction()? },
            DECISION => {
                Self::Decision { transaction: cursor.transaction()?, vector: LanePositions(cursor.whole_items(10)?) }
            }
            END => Self::End { transaction: cursor.transaction()? },
            NEVER => Self::Never { transaction: cursor.transaction()? },
            BODY => Self::Body { piece: cursor.u32()?, bytes: cursor.rest() },
            _ => return Err(cursor.unknown_kind()),
        })
    }
}

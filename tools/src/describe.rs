//! What records say, as named values.
//!
//! Must stay true: neither a body nor the value of a property is shown, unless bodies were asked for; a record that cannot be understood is
//! told as such.

use journal::{EpochStartRecord, LaneId, Location, Patch, RecordKind, SegmentFreeRecord, Vector, decode_mark};
use protocol::message::{MessageKind, MessageView};
use ringmq::message::{MessageId, QueueId};
use ringmq::store::index;
use ringmq::store::record::{self, LargeBody, Operation, QueueIds, Stored, TransactionId};

use crate::line::Value;
use crate::names::Names;
use crate::walk::RecordSeen;

/// Named values.
pub(crate) type Fields = Vec<(&'static str, Value)>;

/// The word for a kind of record; `None` if no version that we know has it.
pub(crate) fn kind_name(kind: RecordKind) -> Option<&'static str> {
    Some(match kind {
        RecordKind::EPOCH_START => "epoch-start",
        RecordKind::SEGMENT_FREE => "segment-free",
        RecordKind::COMMIT => "commit",
        RecordKind::ABORT => "abort",
        RecordKind::PATCH => "patch",
        RecordKind::CHECKPOINT_BEGIN => "checkpoint-begin",
        RecordKind::CHECKPOINT_MARK => "checkpoint-mark",
        RecordKind::CHECKPOINT_CHUNK => "checkpoint-chunk",
        RecordKind::CHECKPOINT_END => "checkpoint-end",
        record::ADDRESS => "address",
        record::ADDRESS_GONE => "address-gone",
        record::QUEUE => "queue",
        record::QUEUE_GONE => "queue-gone",
        record::QUEUE_ID_MARK => "queue-id-mark",
        index::INDEX => "index",
        record::ADD => "add",
        record::ADD_LARGE => "add-large",
        record::ACK => "ack",
        record::MOVED => "moved",
        record::MOVED_LARGE => "moved-large",
        record::PREPARE => "prepare",
        record::DECISION => "decision",
        record::END => "end",
        record::NEVER => "never",
        record::BODY => "body",
        _ => return None,
    })
}

/// The queues that a record is about.
pub(crate) fn queues_of(seen: &RecordSeen<'_>) -> Vec<QueueId> {
    match Stored::decode(seen.kind, seen.body) {
        Ok(
            Stored::Add { queues, .. }
            | Stored::AddLarge { queues, .. }
            | Stored::Moved { queues, .. }
            | Stored::MovedLarge { queues, .. },
        ) => queues.iter().collect(),
        Ok(Stored::Ack { queue, .. } | Stored::QueueGone { queue }) => vec![queue],
        Ok(Stored::Queue(queue)) => vec![queue.id],
        _ => Vec::new(),
    }
}

/// Why a whole record is none of its kind.
pub(crate) fn problem_of(seen: &RecordSeen<'_>) -> Option<String> {
    if seen.kind.is_user() {
        return Stored::decode(seen.kind, seen.body).err().map(|malformed| malformed.to_string());
    }
    let understood = match seen.kind {
        RecordKind::EPOCH_START => EpochStartRecord::decode(seen.body).is_some(),
        RecordKind::SEGMENT_FREE => SegmentFreeRecord::decode(seen.body).is_some(),
        RecordKind::PATCH => Patch::decode(seen.body).is_some(),
        RecordKind::CHECKPOINT_MARK => decode_mark(seen.body).is_some(),
        RecordKind::CHECKPOINT_CHUNK => index::items(seen.body).is_ok(),
        kind => kind_name(kind).is_some(),
    };
    (!understood).then(|| format!("record of kind {}: its body cannot be understood", seen.kind))
}

/// What a record says.
pub(crate) fn fields(seen: &RecordSeen<'_>, names: &Names, bodies: bool) -> Fields {
    if !seen.kind.is_user() {
        return own_fields(seen);
    }
    let Ok(stored) = Stored::decode(seen.kind, seen.body) else { return Vec::new() };
    let first_id = || MessageId::durable(seen.lane.index(), seen.location);
    match stored {
        Stored::Address { name, routing, auto_created } => {
            vec![("address", name.into()), ("routing", routing_types(routing)), ("auto-created", auto_created.into())]
        }
        Stored::AddressGone { name } => vec![("address", name.into())],
        Stored::Queue(queue) => [
            ("queue", queue.name.into()),
            ("address", queue.address.into()),
            ("id", queue.id.0.into()),
            ("routing", if queue.routing == 0 { "multicast" } else { "anycast" }.into()),
            ("auto-created", queue.auto_created.into()),
            ("purge-on-no-consumers", queue.purge_on_no_consumers.into()),
            ("max-consumers", i64::from(queue.max_consumers).into()),
        ]
        .into_iter()
        .chain(queue.filter.map(|filter| ("filter", filter.into())))
        .collect(),
        Stored::QueueGone { queue } => vec![("queue", names.shown(queue)), ("id", queue.0.into())],
        Stored::QueueIdMark { highest } => vec![("highest-id", highest.0.into())],
        Stored::Add { operation, queues, message } => {
            let head = [("message-id", shown_id(first_id())), ("queues", shown_queues(queues, names))];
            head.into_iter().chain(operation_fields(operation)).chain(message_fields(message, bodies)).collect()
        }
        Stored::AddLarge { operation, queues, shape, body } => {
            let head = [("message-id", shown_id(first_id())), ("queues", shown_queues(queues, names))];
            let shape = [("size", shape.size.into()), ("priority", u64::from(shape.priority).into())];
            head.into_iter().chain(operation_fields(operation)).chain(shape).chain(large_fields(body)).collect()
        }
        Stored::Ack { operation, queue, messages } => {
            let ids: Vec<Value> = messages.iter().map(shown_id).collect();
            let head = [("queue", names.shown(queue)), ("messages", Value::List(ids))];
            head.into_iter().chain(operation_fields(operation)).collect()
        }
        Stored::Moved { id, queues, message } => {
            let head = [("message-id", shown_id(id)), ("queues", shown_queues(queues, names))];
            head.into_iter().chain(message_fields(message, bodies)).collect()
        }
        Stored::MovedLarge { id, queues, shape, body } => {
            let head = [("message-id", shown_id(id)), ("queues", shown_queues(queues, names))];
            let shape = [("size", shape.size.into()), ("priority", u64::from(shape.priority).into())];
            head.into_iter().chain(shape).chain(large_fields(body)).collect()
        }
        Stored::Prepare { transaction } | Stored::End { transaction } | Stored::Never { transaction } => {
            vec![("transaction", shown_transaction(transaction))]
        }
        Stored::Decision { transaction, vector } => {
            let vector = vector.iter().collect();
            vec![("transaction", shown_transaction(transaction)), ("vector", shown_vector(&vector))]
        }
        Stored::Body { piece, bytes } => {
            let shown = bodies.then(|| ("bytes", hexadecimal(bytes)));
            [("piece", piece.into()), ("size", bytes.len().into())].into_iter().chain(shown).collect()
        }
    }
}

/// The records of the journal itself.
fn own_fields(seen: &RecordSeen<'_>) -> Fields {
    match seen.kind {
        RecordKind::EPOCH_START => EpochStartRecord::decode(seen.body).map_or_else(Vec::new, |record| {
            let mut fields: Fields = vec![
                ("activation", format!("{:032x}", record.entry.epoch.activation).into()),
                ("node", record.start.node.to_string().into()),
                ("reason", record.start.reason.to_string().into()),
                ("first-kept", record.first_kept.0.into()),
                ("vector", shown_vector(&record.start.vector)),
            ];
            fields.extend(record.previous.map(|previous| ("previous-epoch", previous.number.into())));
            if let Some(loss) = record.entry.loss {
                fields.extend([("loss-at", loss.at.0.into()), ("loss-promised", loss.promised.0.into())]);
            }
            fields
        }),
        RecordKind::SEGMENT_FREE => SegmentFreeRecord::decode(seen.body).map_or_else(Vec::new, |record| {
            vec![("segment", record.sequence.to_string().into()), ("epochs", record.history.len().into())]
        }),
        RecordKind::PATCH => Patch::decode(seen.body)
            .map_or_else(Vec::new, |patch| vec![("from", patch.from.0.into()), ("to", patch.to.0.into())]),
        RecordKind::CHECKPOINT_MARK => decode_mark(seen.body).map_or_else(Vec::new, |mark| {
            vec![
                ("of", mark.lane.name().into()),
                ("block", mark.block.0.into()),
                ("reaches", mark.end.0.into()),
                ("first-kept", mark.first_kept.0.into()),
            ]
        }),
        RecordKind::CHECKPOINT_CHUNK => index::items(seen.body).map_or_else(
            |_| Vec::new(),
            |items| {
                let rows = items.iter().filter(|(kind, _)| *kind == index::INDEX);
                let messages = rows.filter_map(|(_, body)| index::messages(body).ok()).map(|(_, rows)| rows.len());
                vec![("items", items.len().into()), ("messages", messages.sum::<usize>().into())]
            },
        ),
        _ => Vec::new(),
    }
}

/// What stands in a message, its body and the values of its properties left out.
fn message_fields(message: &[u8], bodies: bool) -> Fields {
    let size = ("size", Value::from(message.len()));
    let Ok(view) = MessageView::parse(message) else { return vec![size, ("message", "not readable".into())] };
    let header = view.header;
    let names: Vec<Value> =
        header.properties.iter().map_while(Result::ok).map(|property| property.key.to_string().into()).collect();
    let mut fields: Fields = vec![
        size,
        ("address", header.address.map_or_else(String::new, |address| address.to_string()).into()),
        ("kind", message_kind(header.kind)),
        ("durable", header.durable.into()),
        ("priority", i64::from(header.priority).into()),
        ("timestamp", header.timestamp_ms.into()),
        ("expiration", header.expiration_ms.into()),
    ];
    fields.extend(header.user_id.map(|id| ("user-id", id.to_string().into())));
    fields.push(("properties", Value::List(names)));
    fields.push(("body-size", view.body().len().into()));
    if bodies {
        fields.push(("body", hexadecimal(view.body())));
    }
    fields
}

fn message_kind(kind: MessageKind) -> Value {
    match kind {
        MessageKind::PLAIN => "plain".into(),
        MessageKind::OBJECT => "object".into(),
        MessageKind::TEXT => "text".into(),
        MessageKind::BYTES => "bytes".into(),
        MessageKind::MAP => "map".into(),
        MessageKind::STREAM => "stream".into(),
        MessageKind(other) => i64::from(other).into(),
    }
}

fn operation_fields(operation: Operation) -> Fields {
    vec![("session", operation.session.0.into()), ("command", operation.command.into())]
}

fn large_fields(body: LargeBody) -> Fields {
    vec![
        ("body-lane", body.lane.name().into()),
        ("body-at", shown_location(body.location)),
        ("body-end", body.end.0.into()),
        ("pieces", body.pieces.into()),
    ]
}

fn routing_types(bits: u8) -> Value {
    let named = [(1, "multicast"), (2, "anycast")];
    Value::List(named.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| Value::from(*name)).collect())
}

fn shown_queues(queues: QueueIds<'_>, names: &Names) -> Value {
    Value::List(queues.iter().map(|queue| names.shown(queue)).collect())
}

/// As management and clients see it.
fn shown_id(id: MessageId) -> Value {
    id.to_wire().into()
}

pub(crate) fn shown_transaction(id: TransactionId) -> Value {
    format!("{}.{}.{}", id.epoch, id.core, id.number).into()
}

pub(crate) fn shown_location(location: Location) -> Value {
    location.to_string().into()
}

fn shown_vector(vector: &Vector) -> Value {
    let one = |(lane, lsn): (LaneId, journal::Lsn)| Value::from(format!("{lane}@{lsn}"));
    Value::List(vector.iter().map(one).collect())
}

fn hexadecimal(bytes: &[u8]) -> Value {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _infallible = write!(out, "{byte:02x}");
    }
    out.into()
}

//! The broker's own records, and the index of a checkpoint.

use journal::{LaneId, Location, Lsn, RecordKind};
use ringmq::message::{MessageId, QueueId, SessionNumber};
use ringmq::store::encode;
use ringmq::store::index::{self, IndexWriter, Indexed};
use ringmq::store::record::{self, LargeBody, Operation, Shape, Stored, StoredQueue, TransactionId};

use super::{refused, walk};
use crate::prove::fuzz::target::Target;

const OPERATION: Operation = Operation { session: SessionNumber(7), command: 1 << 40 };
const QUEUES: [QueueId; 2] = [QueueId(1), QueueId(900)];
const SHAPE: Shape = Shape { size: 300_000, priority: 9 };
const TRANSACTION: TransactionId = TransactionId { epoch: 4, core: 1, number: 77 };

fn large() -> LargeBody {
    LargeBody { lane: LaneId::LARGE, location: Location::new(Lsn(9 * 4096), 64), pieces: 3, end: Lsn(99) }
}

/// Each kind of record with an example.
fn examples() -> Vec<(&'static str, RecordKind, Vec<u8>)> {
    let made = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        out
    };
    let behind = |mut head: Vec<u8>| {
        head.extend_from_slice(b"a message of some bytes");
        head
    };
    let queue = StoredQueue {
        id: QueueId(8),
        routing: 1,
        auto_created: true,
        purge_on_no_consumers: false,
        max_consumers: -1,
        address: "address",
        name: "queue",
        filter: Some("n > 1"),
    };
    let ids = || [MessageId(5), MessageId(6)].into_iter();
    vec![
        ("address", record::ADDRESS, made(&|out| encode::address(out, "ä", 2, false))),
        ("address gone", record::ADDRESS_GONE, made(&|out| encode::address_gone(out, "ä"))),
        ("queue", record::QUEUE, made(&|out| encode::queue(out, &queue))),
        ("queue gone", record::QUEUE_GONE, made(&|out| encode::queue_id(out, QueueId(3)))),
        ("queue id mark", record::QUEUE_ID_MARK, made(&|out| encode::queue_id(out, QueueId(3)))),
        ("add", record::ADD, behind(made(&|out| encode::add(out, OPERATION, QUEUES.into_iter())))),
        ("add large", record::ADD_LARGE, made(&|out| encode::add_large(out, OPERATION, &QUEUES, SHAPE, large()))),
        ("ack", record::ACK, made(&|out| encode::ack(out, OPERATION, QueueId(3), ids()))),
        ("moved", record::MOVED, behind(made(&|out| encode::moved(out, MessageId(4), &QUEUES)))),
        (
            "moved large",
            record::MOVED_LARGE,
            made(&|out| encode::moved_large(out, MessageId(4), &QUEUES, SHAPE, large())),
        ),
        ("prepare", record::PREPARE, made(&|out| encode::transaction(out, TRANSACTION))),
        (
            "decision",
            record::DECISION,
            made(&|out| {
                encode::decision(
                    out,
                    TRANSACTION,
                    [(LaneId::JOURNAL, Lsn(4096)), (LaneId::LARGE, Lsn(8192))].into_iter(),
                )
            }),
        ),
        ("end", record::END, made(&|out| encode::transaction(out, TRANSACTION))),
        ("never", record::NEVER, made(&|out| encode::transaction(out, TRANSACTION))),
        ("body", record::BODY, behind(made(&|out| encode::body(out, 2)))),
    ]
}

pub(super) fn targets() -> Vec<Target> {
    let examples = examples();
    let all: Vec<Vec<u8>> = examples.iter().map(|(_, _, body)| body.clone()).collect();
    let mut targets: Vec<Target> = examples
        .into_iter()
        .map(|(name, kind, own)| {
            // Its own one most of the time, the others as donors.
            let mut bodies = vec![own; all.len()];
            bodies.extend(all.iter().cloned());
            Target::new(format!("record {name}"), bodies, move |bytes, _| match Stored::decode(kind, bytes) {
                Ok(stored) => walk_stored(&stored),
                Err(error) => refused(&error),
            })
        })
        .collect();
    targets.extend(index_targets());
    targets
}

fn walk_stored(stored: &Stored<'_>) -> bool {
    let items = match stored {
        Stored::Add { queues, .. } | Stored::AddLarge { queues, .. } | Stored::Moved { queues, .. } => {
            queues.iter().count()
        }
        Stored::MovedLarge { queues, .. } => queues.iter().count(),
        Stored::Ack { messages, .. } => messages.iter().count(),
        Stored::Decision { vector, .. } => vector.iter().count(),
        _ => 0,
    };
    walk(&items) && walk(stored)
}

fn index_targets() -> [Target; 2] {
    let row =
        |id: u64, large| Indexed { id: MessageId(id), location: Location::from_bits(id * 7), shape: SHAPE, large };
    let mut writer = IndexWriter::default();
    writer.record(record::ADDRESS, b"name");
    writer.messages(QueueId(8), &[row(1, None), row(2, Some(large())), row(3, None)]);
    writer.record(record::QUEUE_GONE, &[1, 0, 0, 0]);
    let chunks = writer.into_chunks();
    let rows = chunks.iter().filter_map(|chunk| index::items(chunk).ok()).flatten();
    let bodies = rows.filter(|(kind, _)| *kind == index::INDEX).map(|(_, body)| body.to_vec()).collect();
    [
        Target::new("index chunk", chunks, |bytes, _| index::items(bytes).is_ok_and(|items| walk(&items.len()))),
        Target::new("index rows", bodies, |bytes, _| {
            index::messages(bytes).is_ok_and(|(queue, rows)| walk(&(queue, rows.len())))
        }),
    ]
}

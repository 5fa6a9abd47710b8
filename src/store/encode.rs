//! Writes the fixed parts of records into a buffer that the caller reuses; bodies are added by the journal without a copy.

use journal::{LaneId, Lsn};

use super::record::{LargeBody, Operation, Shape, StoredQueue, TransactionId};
use crate::message::{MessageId, QueueId};

/// The head of an ADD; the message follows it.
pub fn add(out: &mut Vec<u8>, operation: Operation, queues: impl ExactSizeIterator<Item = QueueId>) {
    start(out, operation);
    queue_ids(out, queues);
}

/// An ADD_LARGE, whole.
pub fn add_large(out: &mut Vec<u8>, operation: Operation, queues: &[QueueId], shape: Shape, body: LargeBody) {
    start(out, operation);
    queue_ids(out, queues.iter().copied());
    shape_and_body(out, shape, body);
}

/// An ACK of messages of one queue, whole.
pub fn ack(out: &mut Vec<u8>, operation: Operation, queue: QueueId, messages: impl Iterator<Item = MessageId>) {
    start(out, operation);
    out.extend_from_slice(&queue.0.to_le_bytes());
    for message in messages {
        out.extend_from_slice(&message.0.to_le_bytes());
    }
}

/// The head of a MOVED; the message follows it.
pub fn moved(out: &mut Vec<u8>, id: MessageId, queues: &[QueueId]) {
    out.clear();
    out.extend_from_slice(&id.0.to_le_bytes());
    queue_ids(out, queues.iter().copied());
}

/// A MOVED_LARGE, whole.
pub fn moved_large(out: &mut Vec<u8>, id: MessageId, queues: &[QueueId], shape: Shape, body: LargeBody) {
    moved(out, id, queues);
    shape_and_body(out, shape, body);
}

/// A PREPARE, END or NEVER, whole.
pub fn transaction(out: &mut Vec<u8>, transaction: TransactionId) {
    out.clear();
    out.extend_from_slice(&transaction.epoch.to_le_bytes());
    out.extend_from_slice(&transaction.core.to_le_bytes());
    out.extend_from_slice(&transaction.number.to_le_bytes());
}

/// A DECISION, whole.
pub fn decision(out: &mut Vec<u8>, id: TransactionId, vector: impl Iterator<Item = (LaneId, Lsn)>) {
    transaction(out, id);
    for (lane, lsn) in vector {
        out.extend_from_slice(&lane.number().to_le_bytes());
        out.extend_from_slice(&lsn.0.to_le_bytes());
    }
}

/// The head of a BODY; the piece's bytes follow it.
pub fn body(out: &mut Vec<u8>, piece: u32) {
    out.clear();
    out.extend_from_slice(&piece.to_le_bytes());
}

/// An ADDRESS, whole.
pub fn address(out: &mut Vec<u8>, name: &str, routing: u8, auto_created: bool) {
    out.clear();
    out.push(routing);
    out.push(u8::from(auto_created));
    text(out, name);
}

/// An ADDRESS_GONE, whole.
pub fn address_gone(out: &mut Vec<u8>, name: &str) {
    out.clear();
    text(out, name);
}

/// A QUEUE, whole.
pub fn queue(out: &mut Vec<u8>, queue: &StoredQueue<'_>) {
    out.clear();
    out.extend_from_slice(&queue.id.0.to_le_bytes());
    out.push(queue.routing);
    out.push(u8::from(queue.auto_created));
    out.push(u8::from(queue.purge_on_no_consumers));
    out.extend_from_slice(&queue.max_consumers.to_le_bytes());
    text(out, queue.address);
    text(out, queue.name);
    if let Some(filter) = queue.filter {
        text(out, filter);
    }
}

/// A QUEUE_GONE or QUEUE_ID_MARK, whole.
pub fn queue_id(out: &mut Vec<u8>, queue: QueueId) {
    out.clear();
    out.extend_from_slice(&queue.0.to_le_bytes());
}

fn start(out: &mut Vec<u8>, operation: Operation) {
    out.clear();
    out.extend_from_slice(&operation.session.0.to_le_bytes());
    out.extend_from_slice(&operation.command.to_le_bytes());
}

fn queue_ids(out: &mut Vec<u8>, queues: impl ExactSizeIterator<Item = QueueId>) {
    // The number of queues of an address is bounded far below this.
    out.extend_from_slice(&u16::try_from(queues.len()).unwrap_or(u16::MAX).to_le_bytes());
    for queue in queues {
        out.extend_from_slice(&queue.0.to_le_bytes());
    }
}

fn shape_and_body(out: &mut Vec<u8>, shape: Shape, body: LargeBody) {
    out.extend_from_slice(&shape.size.to_le_bytes());
    out.push(shape.priority);
    out.extend_from_slice(&body.lane.number().to_le_bytes());
    out.extend_from_slice(&body.location.to_bits().to_le_bytes());
    out.extend_from_slice(&body.pieces.to_le_bytes());
    out.extend_from_slice(&body.end.0.to_le_bytes());
}

/// Names and filters are bounded far below 64 KiB.
fn text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::record::{self, Stored};
    use super::*;
    use crate::message::SessionNumber;
    use journal::{Location, RecordKind};

    fn check(kind: RecordKind, body: &[u8], expected: &Stored<'_>) {
        assert_eq!(Stored::decode(kind, body).as_ref(), Ok(expected));
        for cut in 0..body.len() {
            // A shorter body is refused, or is a shorter one of its kind; it never panics.
            let _ = Stored::decode(kind, &body[..cut]);
        }
    }

    #[test]
    fn records_come_back_as_written() {
        let operation = Operation { session: SessionNumber(7), command: 1 << 40 };
        let queues = [QueueId(1), QueueId(900)];
        let mut out = Vec::new();

        add(&mut out, operation, queues.iter().copied());
        let ids: Vec<u8> = queues.iter().flat_map(|queue| queue.0.to_le_bytes()).collect();
        out.extend_from_slice(b"message");
        let expected = Stored::Add { operation, queues: record::QueueIds(&ids), message: b"message" };
        check(record::ADD, &out, &expected);

        let shape = Shape { size: 300_000, priority: 9 };
        let body =
            LargeBody { lane: LaneId::LARGE, location: Location::new(Lsn(9 * 4_096), 64), pieces: 3, end: Lsn(99) };
        add_large(&mut out, operation, &queues, shape, body);
        check(record::ADD_LARGE, &out, &Stored::AddLarge { operation, queues: record::QueueIds(&ids), shape, body });

        let messages: Vec<u8> = [5u64, 6].iter().flat_map(|id| id.to_le_bytes()).collect();
        ack(&mut out, operation, QueueId(3), [MessageId(5), MessageId(6)].into_iter());
        let expected = Stored::Ack { operation, queue: QueueId(3), messages: record::MessageIds(&messages) };
        check(record::ACK, &out, &expected);

        let id = TransactionId { epoch: 4, core: 1, number: 77 };
        decision(&mut out, id, [(LaneId::JOURNAL, Lsn(4096))].into_iter());
        let Ok(Stored::Decision { transaction, vector }) = Stored::decode(record::DECISION, &out) else { panic!() };
        assert_eq!((transaction, vector.iter().collect::<Vec<_>>()), (id, vec![(LaneId::JOURNAL, Lsn(4096))]));

        let stored = StoredQueue {
            id: QueueId(8),
            routing: 1,
            auto_created: true,
            purge_on_no_consumers: false,
            max_consumers: -1,
            address: "haQueue",
            name: "haQueue",
            filter: None,
        };
        queue(&mut out, &stored);
        check(record::QUEUE, &out, &Stored::Queue(stored.clone()));
        let stored = StoredQueue { filter: Some("n > 1"), ..stored };
        queue(&mut out, &stored);
        check(record::QUEUE, &out, &Stored::Queue(stored));

        address(&mut out, "ä", 2, false);
        check(record::ADDRESS, &out, &Stored::Address { name: "ä", routing: 2, auto_created: false });
        out.push(0);
        assert_eq!(Stored::decode(record::ADDRESS, &out).unwrap_err().problem, "bytes left over");
        assert_eq!(Stored::decode(RecordKind(0xff), &[]).unwrap_err().problem, "unknown kind");
    }
}

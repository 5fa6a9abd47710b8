//! The index of waiting messages as a checkpoint keeps it.
//!
//! A chunk is a row of items: kind (1 byte), length (4 bytes), body. Names are kept as the records that make them; the messages
//! of a queue as rows of fixed length, with the place of a large body behind the row.

use journal::{Location, RecordKind};

use super::cursor::{Cursor, Malformed};
use super::record::{LargeBody, Shape};
use crate::message::{MessageId, QueueId};

/// The waiting messages of one queue; stands in checkpoints only.
pub const INDEX: RecordKind = RecordKind(0x48);

/// A chunk is closed when it holds this many bytes.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// A waiting message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Its identity.
    pub id: MessageId,
    /// The record that holds it, or that names its large body.
    pub location: Location,
    /// Size and priority.
    pub shape: Shape,
    /// Where its large body is.
    pub large: Option<LargeBody>,
}

/// Collects chunks.
#[derive(Debug, Default)]
pub struct IndexWriter {
    chunks: Vec<Vec<u8>>,
}

impl IndexWriter {
    /// Adds an item that is a record.
    pub fn record(&mut self, kind: RecordKind, body: &[u8]) {
        let chunk = self.chunk();
        chunk.push(kind.0);
        chunk.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        chunk.extend_from_slice(body);
    }

    /// Adds messages of a queue.
    pub fn messages(&mut self, queue: QueueId, messages: &[Indexed]) {
        let mut body = queue.0.to_le_bytes().to_vec();
        for message in messages {
            body.extend_from_slice(&message.id.0.to_le_bytes());
            body.extend_from_slice(&message.location.to_bits().to_le_bytes());
            body.extend_from_slice(&message.shape.size.to_le_bytes());
            body.push(message.shape.priority);
            body.push(u8::from(message.large.is_some()));
            if let Some(large) = message.large {
                body.extend_from_slice(&large.lane.number().to_le_bytes());
                body.extend_from_slice(&large.location.to_bits().to_le_bytes());
                body.extend_from_slice(&large.pieces.to_le_bytes());
                body.extend_from_slice(&large.end.0.to_le_bytes());
            }
        }
        self.record(INDEX, &body);
    }

    /// The chunks.
    pub fn into_chunks(self) -> Vec<Vec<u8>> {
        self.chunks
    }

    fn chunk(&mut self) -> &mut Vec<u8> {
        let full = self.chunks.last().is_none_or(|chunk| chunk.len() >= CHUNK_BYTES);
        if full {
            self.chunks.push(Vec::new());
        }
        let last = self.chunks.len() - 1;
        #[allow(clippy::indexing_slicing, reason = "a chunk was just pushed if there was none")]
        &mut self.chunks[last]
    }
}

/// The items of a chunk.
///
/// # Errors
/// The chunk ends within an item.
pub fn items(chunk: &[u8]) -> Result<Vec<(RecordKind, &[u8])>, Malformed> {
    let mut cursor = Cursor::new(RecordKind::CHECKPOINT_CHUNK, chunk);
    let mut items = Vec::new();
    while !cursor.is_empty() {
        let kind = RecordKind(cursor.u8()?);
        let length = usize::try_from(cursor.u32()?).unwrap_or(usize::MAX);
        items.push((kind, cursor.bytes(length, "an item is cut")?));
    }
    Ok(items)
}

/// The messages of an [`INDEX`] item.
///
/// # Errors
/// The item ends within a row.
pub fn messages(body: &[u8]) -> Result<(QueueId, Vec<Indexed>), Malformed> {
    let mut cursor = Cursor::new(INDEX, body);
    let queue = QueueId(cursor.u32()?);
    let mut messages = Vec::new();
    while !cursor.is_empty() {
        let (id, location) = (MessageId(cursor.u64()?), Location::from_bits(cursor.u64()?));
        let shape = cursor.shape()?;
        let large = if cursor.u8()? == 0 { None } else { Some(cursor.large_body()?) };
        messages.push(Indexed { id, location, shape, large });
    }
    Ok((queue, messages))
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::{LaneId, Lsn};

    #[test]
    fn an_index_comes_back_as_written_and_a_cut_one_is_refused() {
        let large = LargeBody { lane: LaneId::LARGE, location: Location::from_bits(9), pieces: 3, end: Lsn(5) };
        let row = |id, large| Indexed {
            id: MessageId(id),
            location: Location::from_bits(id * 7),
            shape: Shape { size: 100, priority: 4 },
            large,
        };
        let rows = [row(1, None), row(2, Some(large)), row(3, None)];
        let mut writer = IndexWriter::default();
        writer.record(RecordKind(0x40), b"name");
        writer.messages(QueueId(8), &rows);
        for _ in 0..10 {
            writer.record(RecordKind(0x41), &[0; 10_000]);
        }
        let chunks = writer.into_chunks();
        assert_eq!(chunks.len(), 2);
        let items = items(&chunks[0]).unwrap();
        assert_eq!(items[0], (RecordKind(0x40), &b"name"[..]));
        assert_eq!(messages(items[1].1), Ok((QueueId(8), rows.to_vec())));
        for cut in 1..items[1].1.len() {
            let _ = messages(&items[1].1[..cut]);
        }
        assert!(super::items(&chunks[0][..chunks[0].len() - 1]).is_err());
    }
}

//! What a start keeps of a record between the scan of its lane and the replay: all that the replay needs, and no message.
//!
//! Takes the kind and the body of a record; gives some bytes, and from them the record again, short. What must stay true: a replay that is
//! given the short form does what it would do with the whole one. Nothing of this is ever on disk.

use journal::RecordKind;

use super::cursor::{Cursor, Malformed};
use super::record::{self, QueueIds, Shape, Stored};
use crate::message::MessageId;

/// A record, short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abridged<'a> {
    /// One that is not shorter than it was.
    Whole(Stored<'a>),
    /// [`Stored::Add`] without its message.
    Add {
        /// Where the message was put.
        queues: QueueIds<'a>,
        /// What it looks like.
        shape: Shape,
    },
    /// [`Stored::Moved`] without its message.
    Moved {
        /// Which message.
        id: MessageId,
        /// Where it waits.
        queues: QueueIds<'a>,
        /// What it looks like.
        shape: Shape,
    },
    /// A piece of a large body: a start looks at none.
    Body,
}

const WHOLE: u8 = 0;
const SHORT: u8 = 1;

/// Appends the short form of a record. One that cannot be understood stays as it is, so that the replay finds that out.
pub fn abridge(kind: RecordKind, body: &[u8], into: &mut Vec<u8>) {
    let short = matches!(kind, record::ADD | record::MOVED | record::BODY).then(|| Stored::decode(kind, body));
    match short {
        Some(Ok(Stored::Add { queues, message, .. })) => {
            into.push(SHORT);
            small(Shape::of(message), queues, into);
        }
        Some(Ok(Stored::Moved { id, queues, message })) => {
            into.push(SHORT);
            into.extend_from_slice(&id.0.to_le_bytes());
            small(Shape::of(message), queues, into);
        }
        Some(Ok(Stored::Body { .. })) => into.push(SHORT),
        _ => {
            into.push(WHOLE);
            into.extend_from_slice(body);
        }
    }
}

fn small(shape: Shape, queues: QueueIds<'_>, into: &mut Vec<u8>) {
    into.extend_from_slice(&shape.size.to_le_bytes());
    into.push(shape.priority);
    into.extend_from_slice(queues.0);
}

impl<'a> Abridged<'a> {
    /// Reads what [`abridge`] wrote for a record of this kind.
    ///
    /// # Errors
    /// The record was malformed.
    pub fn decode(kind: RecordKind, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Some((&SHORT, rest)) = bytes.split_first() else {
            return Stored::decode(kind, bytes.get(1..).unwrap_or_default()).map(Self::Whole);
        };
        let mut cursor = Cursor::new(kind, rest);
        Ok(match kind {
            record::ADD => Self::Add { shape: cursor.shape()?, queues: QueueIds(cursor.whole_items(4)?) },
            record::MOVED => Self::Moved {
                id: MessageId(cursor.u64()?),
                shape: cursor.shape()?,
                queues: QueueIds(cursor.whole_items(4)?),
            },
            _ => Self::Body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Session 7, command 9, two queues, and a message that cannot be understood.
    fn add() -> Vec<u8> {
        let mut body = vec![7, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 5, 0, 0, 0, 6, 0, 0, 0];
        body.extend_from_slice(&[0xee; 900]);
        body
    }

    fn moved() -> Vec<u8> {
        let mut body = vec![1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 5, 0, 0, 0];
        body.extend_from_slice(&[0xee; 800]);
        body
    }

    fn short(kind: RecordKind, body: &[u8]) -> Vec<u8> {
        let mut short = Vec::new();
        abridge(kind, body, &mut short);
        short
    }

    #[test]
    fn a_message_is_left_out_and_all_else_stays() {
        let bytes = short(record::ADD, &add());
        assert_eq!(bytes.len(), 1 + 5 + 8);
        let Ok(Abridged::Add { queues, shape }) = Abridged::decode(record::ADD, &bytes) else { panic!("no ADD") };
        assert_eq!(shape, Shape { size: 900, priority: 4 });
        assert_eq!(queues.iter().map(|queue| queue.0).collect::<Vec<_>>(), [5, 6]);
        let bytes = short(record::MOVED, &moved());
        let Ok(Abridged::Moved { id, queues, shape }) = Abridged::decode(record::MOVED, &bytes) else {
            panic!("no MOVED")
        };
        assert_eq!((id, shape), (MessageId(0x0807_0605_0403_0201), Shape { size: 800, priority: 4 }));
        assert_eq!(queues.iter().map(|queue| queue.0).collect::<Vec<_>>(), [5]);
        assert_eq!(Abridged::decode(record::BODY, &short(record::BODY, &[1; 5000])), Ok(Abridged::Body));
    }

    #[test]
    fn whatever_else_a_record_is_comes_back_as_it_was() {
        for kind in (0..=u8::MAX).map(RecordKind) {
            for length in 0..80 {
                let body: Vec<u8> = (0..length).map(|at| at % 3).collect();
                let (bytes, stored) = (short(kind, &body), Stored::decode(kind, &body));
                let abridged = Abridged::decode(kind, &bytes);
                match (&stored, &abridged) {
                    (Ok(Stored::Add { queues, .. }), Ok(Abridged::Add { queues: kept, .. })) => {
                        assert_eq!(queues, kept)
                    }
                    (Ok(Stored::Moved { id, queues, .. }), Ok(Abridged::Moved { id: kept, queues: also, .. })) => {
                        assert_eq!((id, queues), (kept, also));
                    }
                    (Ok(Stored::Body { .. }), Ok(Abridged::Body)) => {}
                    _ => assert_eq!(stored.map(Abridged::Whole), abridged, "kind {kind}, {length} bytes"),
                }
            }
        }
    }
}

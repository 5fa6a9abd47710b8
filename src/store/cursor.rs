//! Reads the fields of a record body, and says which one was missing.

use std::fmt;

use journal::{LaneId, Location, Lsn, RecordKind};

use super::record::{LargeBody, Operation, QueueIds, Shape, TransactionId};
use crate::limits;
use crate::message::SessionNumber;

/// A record whose bytes do not say what its kind promises. Its checksum was right, so we wrote it: a bug or a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The record's kind.
    pub kind: RecordKind,
    /// Where in the body the reading stopped.
    pub offset: usize,
    /// What was wrong there.
    pub problem: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record of kind {:#04x}: {} at byte {} of its body", self.kind.0, self.problem, self.offset)
    }
}

impl std::error::Error for Malformed {}

/// A position in a record body.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    kind: RecordKind,
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(kind: RecordKind, body: &'a [u8]) -> Self {
        Self { kind, rest: body, offset: 0 }
    }

    pub(super) fn unknown_kind(&self) -> Malformed {
        self.malformed("unknown kind")
    }

    pub(super) fn finish(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("bytes left over")) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        self.offset += self.rest.len();
        std::mem::take(&mut self.rest)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>("a byte is missing").map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array("a 16-bit number is cut").map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array("a 32-bit number is cut").map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array("a 64-bit number is cut").map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::from(self.u16()?);
        let bytes = self.bytes(length, "a text is cut")?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed("a text is not UTF-8"))
    }

    pub(super) fn operation(&mut self) -> Result<Operation, Malformed> {
        Ok(Operation { session: SessionNumber(self.u32()?), command: self.u64()? })
    }

    pub(super) fn transaction(&mut self) -> Result<TransactionId, Malformed> {
        Ok(TransactionId { epoch: self.u64()?, core: self.u16()?, number: self.u64()? })
    }

    pub(super) fn shape(&mut self) -> Result<Shape, Malformed> {
        Ok(Shape { size: self.u32()?, priority: self.u8()? })
    }

    pub(super) fn large_body(&mut self) -> Result<LargeBody, Malformed> {
        let lane = LaneId::from_number(self.u16()?).ok_or_else(|| self.malformed("no such lane"))?;
        Ok(LargeBody { lane, location: Location::from_bits(self.u64()?), pieces: self.u32()?, end: Lsn(self.u64()?) })
    }

    pub(super) fn queue_ids(&mut self) -> Result<QueueIds<'a>, Malformed> {
        let count = usize::from(self.u16()?);
        if count > limits::QUEUES_PER_ADDRESS_MAX {
            return Err(self.malformed("more queues than an address can have"));
        }
        self.bytes(count * 4, "the queue ids are cut").map(QueueIds)
    }

    /// All that is left, which must be a whole number of items.
    pub(super) fn whole_items(&mut self, item_bytes: usize) -> Result<&'a [u8], Malformed> {
        if self.rest.len().is_multiple_of(item_bytes) { Ok(self.rest()) } else { Err(self.malformed("half an item")) }
    }

    pub(super) fn bytes(&mut self, length: usize, problem: &'static str) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.malformed(problem))?;
        self.rest = rest;
        self.offset += length;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, problem: &'static str) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.malformed(problem))?;
        self.rest = rest;
        self.offset += N;
        Ok(*bytes)
    }

    fn malformed(&self, problem: &'static str) -> Malformed {
        Malformed { kind: self.kind, offset: self.offset, problem }
    }
}

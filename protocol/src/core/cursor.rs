//! Cursors over bytes: a reader that checks every bound, a writer that appends to a buffer of the caller.
//!
//! The reader borrows and never allocates; the first byte that does not fit ends it with the offset and what was expected there.
//! The writer cannot fail: what it is given was checked by its caller or by the type. All integers are big-endian.

use std::fmt;

use crate::limits;
use crate::simple_string::SimpleStr;

/// What the bytes should have held at the place of an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// More bytes than are left.
    Bytes {
        /// Bytes the field needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A count or length of zero or more.
    NotNegative {
        /// The value found.
        found: i32,
    },
    /// A count or length up to its bound in [`crate::limits`].
    AtMost {
        /// The bound.
        bound: usize,
        /// The value found.
        found: usize,
    },
    /// A value of at least this much.
    AtLeast {
        /// The least value.
        bound: i64,
        /// The value found.
        found: i64,
    },
    /// An even number of bytes, because text is made of two-byte units.
    EvenByteCount {
        /// The count found.
        found: usize,
    },
    /// A tag from the table of its place.
    KnownTag {
        /// The tag found.
        found: i8,
    },
    /// A lead byte of a one, two or three byte sequence.
    Utf8Lead {
        /// The byte found.
        found: u8,
    },
    /// A text of as many units as its count says.
    UnitCount {
        /// The count that was announced.
        announced: usize,
        /// The units that are there.
        found: usize,
    },
    /// The end of the value: something is left over.
    End {
        /// Bytes left over.
        left: usize,
    },
    /// A packet that the other side may send.
    OtherSender,
}

impl fmt::Display for Expected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Expected::Bytes { needed, left } => write!(out, "expected {needed} more bytes, {left} are left"),
            Expected::NotNegative { found } => write!(out, "expected a length of zero or more, found {found}"),
            Expected::AtMost { bound, found } => write!(out, "expected at most {bound}, found {found}"),
            Expected::AtLeast { bound, found } => write!(out, "expected at least {bound}, found {found}"),
            Expected::EvenByteCount { found } => write!(out, "expected an even number of bytes, found {found}"),
            Expected::KnownTag { found } => write!(out, "expected a known type tag, found {found}"),
            Expected::Utf8Lead { found } => {
                write!(out, "expected a UTF-8 sequence of up to 3 bytes, found 0x{found:02x}")
            }
            Expected::UnitCount { announced, found } => {
                write!(out, "expected {announced} characters as announced, found {found}")
            }
            Expected::End { left } => write!(out, "expected the end, {left} bytes are left over"),
            Expected::OtherSender => write!(out, "expected a packet type that this side may send"),
        }
    }
}

/// A field that could not be read: which one, where, and what was expected there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CursorError {
    /// The field, empty until the layout that reads it has named it.
    pub field: &'static str,
    /// Offset from the start of the bytes given to the reader.
    pub offset: usize,
    /// What should have been there.
    pub expected: Expected,
}

impl CursorError {
    /// Names the field, unless a layout further inside has done so.
    #[must_use]
    pub fn in_field(mut self, field: &'static str) -> CursorError {
        if self.field.is_empty() {
            self.field = field;
        }
        self
    }

    /// Moves the offset, for a reader that was started inside a larger piece.
    #[must_use]
    pub fn behind(mut self, bytes: usize) -> CursorError {
        self.offset += bytes;
        self
    }
}

impl fmt::Display for CursorError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { "value" } else { self.field };
        write!(out, "{field} at byte {}: {}", self.offset, self.expected)
    }
}

impl std::error::Error for CursorError {}

/// Reads big-endian values from borrowed bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// Never beyond `bytes.len()`.
    position: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, position: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes not read yet.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.left() == 0
    }

    /// An error at the present position.
    pub fn error(&self, expected: Expected) -> CursorError {
        CursorError { field: "", offset: self.position, expected }
    }

    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], CursorError> {
        let end = self.position.checked_add(count);
        match end.and_then(|end| self.bytes.get(self.position..end)) {
            Some(taken) => {
                self.position += count;
                Ok(taken)
            }
            None => Err(self.error(Expected::Bytes { needed: count, left: self.left() })),
        }
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], CursorError> {
        match self.bytes.get(self.position..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(chunk) => {
                self.position += N;
                Ok(*chunk)
            }
            None => Err(self.error(Expected::Bytes { needed: N, left: self.left() })),
        }
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        self.position = self.bytes.len();
        rest
    }

    /// Everything that is left except the last `trailer` bytes.
    pub fn rest_before(&mut self, trailer: usize) -> Result<&'a [u8], CursorError> {
        match self.left().checked_sub(trailer) {
            Some(count) => self.take(count),
            None => Err(self.error(Expected::Bytes { needed: trailer, left: self.left() })),
        }
    }

    /// An unsigned byte.
    pub fn u8(&mut self) -> Result<u8, CursorError> {
        self.array::<1>().map(u8::from_be_bytes)
    }

    /// A signed byte.
    pub fn i8(&mut self) -> Result<i8, CursorError> {
        self.array().map(i8::from_be_bytes)
    }

    /// An unsigned 16-bit integer.
    pub fn u16(&mut self) -> Result<u16, CursorError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A signed 16-bit integer.
    pub fn i16(&mut self) -> Result<i16, CursorError> {
        self.array().map(i16::from_be_bytes)
    }

    /// A signed 32-bit integer.
    pub fn i32(&mut self) -> Result<i32, CursorError> {
        self.array().map(i32::from_be_bytes)
    }

    /// A signed 64-bit integer.
    pub fn i64(&mut self) -> Result<i64, CursorError> {
        self.array().map(i64::from_be_bytes)
    }

    /// A boolean or presence marker: anything but zero is true.
    pub fn bool(&mut self) -> Result<bool, CursorError> {
        self.u8().map(|byte| byte != 0)
    }

    /// A count or length of 0 up to `bound`.
    pub fn count(&mut self, bound: usize) -> Result<usize, CursorError> {
        let start = self.clone();
        let found = self.i32()?;
        let count = usize::try_from(found).map_err(|_| start.error(Expected::NotNegative { found }))?;
        if count > bound {
            return Err(start.error(Expected::AtMost { bound, found: count }));
        }
        Ok(count)
    }

    /// A 32-bit length of up to `bound` and as many bytes.
    pub fn blob(&mut self, bound: usize) -> Result<&'a [u8], CursorError> {
        let count = self.count(bound)?;
        self.take(count)
    }

    /// A name, address or filter.
    pub fn simple_str(&mut self) -> Result<SimpleStr<'a>, CursorError> {
        self.simple_str_up_to(limits::SIMPLE_STRING_BYTES_MAX)
    }

    /// Text of up to `bound` bytes.
    pub fn simple_str_up_to(&mut self, bound: usize) -> Result<SimpleStr<'a>, CursorError> {
        let start = self.clone();
        let count = self.count(bound)?;
        if !count.is_multiple_of(2) {
            return Err(start.error(Expected::EvenByteCount { found: count }));
        }
        let bytes = self.take(count)?;
        SimpleStr::new(bytes).ok_or(start.error(Expected::EvenByteCount { found: count }))
    }

    /// Fails when something is left over.
    pub fn finish(&self) -> Result<(), CursorError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(Expected::End { left: self.left() })) }
    }
}

/// Appends big-endian values to a buffer of the caller.
#[derive(Debug)]
pub struct Writer<'v> {
    out: &'v mut Vec<u8>,
}

impl<'v> Writer<'v> {
    /// A writer at the end of `out`.
    pub fn new(out: &'v mut Vec<u8>) -> Writer<'v> {
        Writer { out }
    }

    /// Raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// An unsigned byte.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// A signed byte.
    pub fn i8(&mut self, value: i8) {
        self.bytes(&value.to_be_bytes());
    }

    /// An unsigned 16-bit integer.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// A signed 16-bit integer.
    pub fn i16(&mut self, value: i16) {
        self.bytes(&value.to_be_bytes());
    }

    /// A signed 32-bit integer.
    pub fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    /// A signed 64-bit integer.
    pub fn i64(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    /// A count or length. One beyond `i32` is written as the greatest `i32`: a frame that long is refused as a whole by the
    /// encoder, so the value never reaches a peer.
    pub fn count(&mut self, count: usize) {
        self.i32(i32::try_from(count).unwrap_or(i32::MAX));
    }

    /// A 32-bit length and as many bytes.
    pub fn blob(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes(bytes);
    }

    /// Text with its byte count.
    pub fn simple_str(&mut self, text: SimpleStr<'_>) {
        self.blob(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{Expected, Reader};

    #[test]
    fn a_value_that_does_not_fit_is_named_with_its_offset() {
        let mut reader = Reader::new(&[0, 0, 0, 1, 9]);
        assert_eq!(reader.i32(), Ok(1));
        let error = reader.i64().unwrap_err().in_field("credits").in_field("outer");
        assert_eq!(error.to_string(), "credits at byte 4: expected 8 more bytes, 1 are left");
    }

    #[test]
    fn lengths_are_checked_before_bytes_are_taken() {
        let negative = Reader::new(&[0xff, 0xff, 0xff, 0xff]).blob(10).unwrap_err();
        assert_eq!(negative.expected, Expected::NotNegative { found: -1 });
        let large = Reader::new(&[0x7f, 0xff, 0xff, 0xff]).blob(10).unwrap_err();
        assert_eq!(large.expected, Expected::AtMost { bound: 10, found: 0x7fff_ffff });
        let odd = Reader::new(&[0, 0, 0, 3, 1, 2, 3]).simple_str().unwrap_err();
        assert_eq!(odd.expected, Expected::EvenByteCount { found: 3 });
        assert_eq!(odd.offset, 0);
        let short = Reader::new(&[0, 0, 0, 4, 1, 2]).simple_str().unwrap_err();
        assert_eq!(short.expected, Expected::Bytes { needed: 4, left: 2 });
    }
}

//! How a field type stands on the wire: one trait, implemented once for each type a layout uses.
//!
//! Layouts (in `packet`) are lists of fields; everything about the encoding of one field is here or beside its type. Must stay
//! true: reading and writing of a type are next to each other, and `write` gives the bytes a reference client or server writes.

use super::cursor::{CursorError, Reader, Writer};
use super::version::Version;
use crate::limits;
use crate::simple_string::SimpleStr;

/// True in packet fields. (Inside messages and properties true is 1; those are copied, not rewritten.)
pub const TRUE: u8 = 0xff;
/// The presence marker of nullable text.
pub const PRESENT: u8 = 0x01;

/// A type that can stand in a packet.
pub trait Wire<'a>: Sized {
    /// The byte that announces the value where it may be null.
    const PRESENT: u8 = TRUE;

    /// Reads the value.
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError>;

    /// Appends the value.
    fn write(&self, writer: &mut Writer<'_>, version: Version);
}

macro_rules! scalar {
    ($($scalar:ident)*) => { $(
        impl Wire<'_> for $scalar {
            fn read(reader: &mut Reader<'_>, _version: Version) -> Result<Self, CursorError> {
                reader.$scalar()
            }

            fn write(&self, writer: &mut Writer<'_>, _version: Version) {
                writer.$scalar(*self);
            }
        }
    )* };
}

scalar! { i8 i32 i64 }

impl Wire<'_> for bool {
    fn read(reader: &mut Reader<'_>, _version: Version) -> Result<Self, CursorError> {
        reader.bool()
    }

    fn write(&self, writer: &mut Writer<'_>, _version: Version) {
        writer.u8(if *self { TRUE } else { 0 });
    }
}

/// A chunk of a large message.
impl<'a> Wire<'a> for &'a [u8] {
    fn read(reader: &mut Reader<'a>, _version: Version) -> Result<Self, CursorError> {
        reader.blob(limits::FRAME_BYTES_MAX)
    }

    fn write(&self, writer: &mut Writer<'_>, _version: Version) {
        writer.blob(self);
    }
}

impl<'a> Wire<'a> for SimpleStr<'a> {
    const PRESENT: u8 = PRESENT;

    fn read(reader: &mut Reader<'a>, _version: Version) -> Result<Self, CursorError> {
        reader.simple_str()
    }

    fn write(&self, writer: &mut Writer<'_>, _version: Version) {
        writer.simple_str(*self);
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        if reader.bool()? { T::read(reader, version).map(Some) } else { Ok(None) }
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        match self {
            Some(value) => {
                writer.u8(T::PRESENT);
                value.write(writer, version);
            }
            None => writer.u8(0),
        }
    }
}

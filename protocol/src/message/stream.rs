//! The body of a stream message: one typed value after the other.
//!
//! The tags are those of properties; text is in the encoding of packets, not in that of properties, and true is 0xff. Takes the body,
//! gives its values in place. Must stay true: what was read is walked without an error.

use crate::core::cursor::{CursorError, Expected, Reader, Writer};
use crate::core::text::Text;
use crate::core::version::Version;
use crate::core::wire::{PRESENT, Wire};
use crate::limits;

/// The values of a stream message, borrowed; each was read once.
#[derive(Clone, Copy, PartialEq)]
pub struct StreamValues<'a>(&'a [u8]);

/// One value of a stream message.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum StreamValue<'a> {
    /// Tag 2.
    Bool(bool),
    /// Tag 3.
    Byte(i8),
    /// Tag 4.
    Bytes(&'a [u8]),
    /// Tag 5.
    Short(i16),
    /// Tag 6.
    Int(i32),
    /// Tag 7.
    Long(i64),
    /// Tag 8.
    Float(f32),
    /// Tag 9.
    Double(f64),
    /// Tag 10: text, or none, which is also what a null object is.
    Text(Option<Text<'a>>),
    /// Tag 11: one UTF-16 unit.
    Char(u16),
}

impl<'a> StreamValue<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<StreamValue<'a>, CursorError> {
        let start = reader.clone();
        Ok(match reader.i8()? {
            2 => StreamValue::Bool(reader.bool()?),
            3 => StreamValue::Byte(reader.i8()?),
            4 => StreamValue::Bytes(reader.blob(limits::FRAME_BYTES_MAX)?),
            5 => StreamValue::Short(reader.i16()?),
            6 => StreamValue::Int(reader.i32()?),
            7 => StreamValue::Long(reader.i64()?),
            8 => StreamValue::Float(f32::from_be_bytes(reader.array()?)),
            9 => StreamValue::Double(f64::from_be_bytes(reader.array()?)),
            10 => StreamValue::Text(match reader.bool()? {
                true => Some(Text::read_up_to(reader, limits::FRAME_BYTES_MAX)?),
                false => None,
            }),
            11 => StreamValue::Char(reader.u16()?),
            found => return Err(start.error(Expected::KnownTag { found })),
        })
    }

    /// Appends tag and value.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.i8(self.tag());
        match *self {
            // The same in all versions, as all that a message holds.
            StreamValue::Bool(value) => value.write(&mut writer, Version::NEWEST),
            StreamValue::Byte(value) => writer.i8(value),
            StreamValue::Bytes(value) => writer.blob(value),
            StreamValue::Short(value) => writer.i16(value),
            StreamValue::Int(value) => writer.i32(value),
            StreamValue::Long(value) => writer.i64(value),
            StreamValue::Float(value) => writer.bytes(&value.to_be_bytes()),
            StreamValue::Double(value) => writer.bytes(&value.to_be_bytes()),
            StreamValue::Text(None) => writer.u8(0),
            StreamValue::Text(Some(text)) => {
                writer.u8(PRESENT);
                text.write(&mut writer, Version::NEWEST);
            }
            StreamValue::Char(value) => writer.u16(value),
        }
    }

    /// The tag in front of it.
    pub fn tag(&self) -> i8 {
        match self {
            StreamValue::Bool(_) => 2,
            StreamValue::Byte(_) => 3,
            StreamValue::Bytes(_) => 4,
            StreamValue::Short(_) => 5,
            StreamValue::Int(_) => 6,
            StreamValue::Long(_) => 7,
            StreamValue::Float(_) => 8,
            StreamValue::Double(_) => 9,
            StreamValue::Text(_) => 10,
            StreamValue::Char(_) => 11,
        }
    }
}

impl<'a> StreamValues<'a> {
    /// Reads every value once, so that walking them later meets no error.
    pub fn read(encoded: &'a [u8]) -> Result<StreamValues<'a>, CursorError> {
        let values = StreamValues(encoded);
        values.iter().try_for_each(|value| value.map(drop))?;
        Ok(values)
    }

    /// The values in their order; ends after the first that cannot be read.
    pub fn iter(&self) -> StreamIter<'a> {
        StreamIter { reader: Reader::new(self.0) }
    }
}

impl std::fmt::Debug for StreamValues<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// The values of a stream message, one after the other.
#[derive(Clone, Debug)]
pub struct StreamIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for StreamIter<'a> {
    type Item = Result<StreamValue<'a>, CursorError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let value = StreamValue::read(&mut self.reader).map_err(|error| error.in_field("stream value"));
        if value.is_err() {
            self.reader.rest();
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::{StreamValue, StreamValues};

    #[test]
    fn every_type_has_its_tag_and_width() {
        let text = "a text of more than eight characters";
        let values = [
            (StreamValue::Bool(true), vec![2, 0xff]),
            (StreamValue::Byte(-1), vec![3, 0xff]),
            (StreamValue::Bytes(&[1, 2]), vec![4, 0, 0, 0, 2, 1, 2]),
            (StreamValue::Short(258), vec![5, 1, 2]),
            (StreamValue::Int(1), vec![6, 0, 0, 0, 1]),
            (StreamValue::Long(1), vec![7, 0, 0, 0, 0, 0, 0, 0, 1]),
            (StreamValue::Float(1.5), vec![8, 0x3f, 0xc0, 0, 0]),
            (StreamValue::Double(1.5), vec![9, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
            (StreamValue::Text(None), vec![10, 0]),
            (StreamValue::Text(Some("hi".into())), vec![10, 1, 0, 0, 0, 2, 0, 0x68, 0, 0x69]),
            (StreamValue::Text(Some(text.into())), [&[10, 1, 0, 0, 0, 36, 0, 36], text.as_bytes()].concat()),
            (StreamValue::Char(0x78), vec![11, 0, 0x78]),
        ];
        let mut all = Vec::new();
        for (value, bytes) in &values {
            let start = all.len();
            value.write(&mut all);
            assert_eq!(all[start..], *bytes, "{value:?}");
        }
        let read: Vec<StreamValue<'_>> = StreamValues::read(&all).unwrap().iter().map(Result::unwrap).collect();
        assert_eq!(read, values.map(|(value, _)| value));
    }

    #[test]
    fn a_value_that_is_cut_ends_the_walk() {
        let error = StreamValues::read(&[3, 1, 6, 0]).unwrap_err();
        assert_eq!(error.to_string(), "stream value at byte 3: expected 4 more bytes, 1 are left");
        assert_eq!(StreamValues(&[6, 0, 3, 1]).iter().count(), 1);
    }
}

//! `String` of the wire: three encodings by length, read without copying.
//!
//! Up to 8 units: UTF-16 big-endian. Up to 4,094: one to three bytes for each unit, surrogates separately. Above: UTF-16
//! little-endian with a second count. [`Text`] keeps the form it was read in, so that it can be written again unchanged, and can
//! be made from a `&str`, which is encoded when written. Must stay true: the announced count is the number of units.

use std::fmt;

use super::cursor::{CursorError, Expected, Reader, Writer};
use super::version::Version;
use super::wire::{PRESENT, Wire};
use crate::limits;
use crate::simple_string::SimpleStr;

/// From this many units on, text is in the byte-wise form.
const BYTEWISE_UNITS_MIN: usize = 9;
/// From this many units on, text is in the form of names.
const LONG_UNITS_MIN: usize = 4095;

/// A string of a packet, borrowed.
#[derive(Clone, Copy)]
pub struct Text<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    /// Not from the wire.
    Str(&'a str),
    /// Big-endian units; the byte count is even.
    Short(&'a [u8]),
    /// Byte-wise units, validated: `units` of them.
    Bytewise { units: usize, bytes: &'a [u8] },
    /// Little-endian units.
    Long(SimpleStr<'a>),
}

impl<'a> Text<'a> {
    /// The UTF-16 units in order.
    pub fn units(&self) -> Units<'a> {
        match self.0 {
            Form::Str(text) => Units::Str(text.encode_utf16()),
            Form::Short(bytes) => Units::Short(bytes.as_chunks::<2>().0.iter()),
            Form::Bytewise { bytes, .. } => Units::Bytewise(Reader::new(bytes)),
            Form::Long(text) => Units::Long(text.as_bytes().as_chunks::<2>().0.iter()),
        }
    }

    /// The characters; a surrogate without its partner becomes the replacement character.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'a> {
        char::decode_utf16(self.units()).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Reads text of up to `bound` units.
    pub(crate) fn read_up_to(reader: &mut Reader<'a>, bound: usize) -> Result<Text<'a>, CursorError> {
        let announced = reader.count(bound)?;
        if announced < BYTEWISE_UNITS_MIN {
            return Ok(Text(Form::Short(reader.take(announced * 2)?)));
        }
        if announced < LONG_UNITS_MIN {
            return read_bytewise(reader, announced);
        }
        let text = reader.simple_str_up_to(bound.saturating_mul(2))?;
        if text.len_units() != announced {
            return Err(reader.error(Expected::UnitCount { announced, found: text.len_units() }));
        }
        Ok(Text(Form::Long(text)))
    }

    /// Whether there is no unit at all.
    pub fn is_empty(&self) -> bool {
        self.units().next().is_none()
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Text<'a> {
        Text(Form::Str(text))
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Text(Form::Str(""))
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Text<'_>) -> bool {
        self.units().eq(other.units())
    }
}

impl Eq for Text<'_> {}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.units().eq(other.encode_utf16())
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|character| fmt::Write::write_char(out, character))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), out)
    }
}

/// The UTF-16 units of a [`Text`].
#[derive(Clone, Debug)]
pub enum Units<'a> {
    /// Of a string that is not from the wire.
    Str(std::str::EncodeUtf16<'a>),
    /// Big-endian pairs.
    Short(std::slice::Iter<'a, [u8; 2]>),
    /// One to three bytes for each unit; ends at the first that is none.
    Bytewise(Reader<'a>),
    /// Little-endian pairs.
    Long(std::slice::Iter<'a, [u8; 2]>),
}

impl Iterator for Units<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        match self {
            Units::Str(units) => units.next(),
            Units::Short(pairs) => pairs.next().map(|pair| u16::from_be_bytes(*pair)),
            Units::Bytewise(reader) if reader.is_empty() => None,
            Units::Bytewise(reader) => bytewise_unit(reader).ok(),
            Units::Long(pairs) => pairs.next().map(|pair| u16::from_le_bytes(*pair)),
        }
    }
}

/// One unit of the byte-wise form.
fn bytewise_unit(reader: &mut Reader<'_>) -> Result<u16, CursorError> {
    let start = reader.clone();
    let low = |byte: u8| u16::from(byte & 0x3f);
    match reader.u8()? {
        lead @ 0x00..=0x7f => Ok(u16::from(lead)),
        lead @ 0xc0..=0xdf => {
            let [second] = reader.array()?;
            Ok(u16::from(lead & 0x1f) << 6 | low(second))
        }
        lead @ 0xe0..=0xef => {
            let [second, third] = reader.array()?;
            Ok(u16::from(lead & 0x0f) << 12 | low(second) << 6 | low(third))
        }
        found => Err(start.error(Expected::Utf8Lead { found })),
    }
}

/// Appends one unit in the byte-wise form.
fn write_bytewise_unit(writer: &mut Writer<'_>, unit: u16) {
    let [high, low] = unit.to_be_bytes();
    let tail = 0x80 | low & 0x3f;
    match unit {
        0x0000..=0x007f => writer.u8(low),
        0x0080..=0x07ff => writer.bytes(&[0xc0 | high << 2 | low >> 6, tail]),
        0x0800.. => writer.bytes(&[0xe0 | high >> 4, 0x80 | (high & 0x0f) << 2 | low >> 6, tail]),
    }
}

/// Bytes that one unit takes in the byte-wise form.
fn bytewise_len(unit: u16) -> usize {
    match unit {
        0x0000..=0x007f => 1,
        0x0080..=0x07ff => 2,
        0x0800.. => 3,
    }
}

/// Reads and counts the units of the byte-wise form.
fn read_bytewise<'a>(reader: &mut Reader<'a>, announced: usize) -> Result<Text<'a>, CursorError> {
    let byte_count = usize::from(reader.u16()?);
    let start = reader.position();
    let bytes = reader.take(byte_count)?;
    let mut units = Reader::new(bytes);
    let mut found = 0;
    while !units.is_empty() {
        bytewise_unit(&mut units).map_err(|error| error.behind(start))?;
        found += 1;
    }
    if found != announced {
        return Err(reader.error(Expected::UnitCount { announced, found }));
    }
    Ok(Text(Form::Bytewise { units: found, bytes }))
}

impl<'a> Wire<'a> for Text<'a> {
    const PRESENT: u8 = PRESENT;

    fn read(reader: &mut Reader<'a>, _version: Version) -> Result<Self, CursorError> {
        Text::read_up_to(reader, limits::TEXT_UNITS_MAX)
    }

    fn write(&self, writer: &mut Writer<'_>, _version: Version) {
        match self.0 {
            Form::Str(text) => write_str(writer, text),
            Form::Short(bytes) => {
                writer.count(bytes.len() / 2);
                writer.bytes(bytes);
            }
            Form::Bytewise { units, bytes } => {
                writer.count(units);
                // Read with a 16-bit count, so it has one.
                writer.u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
                writer.bytes(bytes);
            }
            Form::Long(text) => {
                writer.count(text.len_units());
                writer.simple_str(text);
            }
        }
    }
}

/// Appends a string in the form its length asks for.
fn write_str(writer: &mut Writer<'_>, text: &str) {
    let units = text.encode_utf16();
    let count = units.clone().count();
    writer.count(count);
    if count < BYTEWISE_UNITS_MIN {
        units.for_each(|unit| writer.u16(unit));
    } else if count < LONG_UNITS_MIN {
        let byte_count: usize = units.clone().map(bytewise_len).sum();
        // At most 4,094 units of 3 bytes, which fits.
        writer.u16(u16::try_from(byte_count).unwrap_or(u16::MAX));
        units.for_each(|unit| write_bytewise_unit(writer, unit));
    } else {
        writer.count(count * 2);
        units.for_each(|unit| writer.bytes(&unit.to_le_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::cursor::{Expected, Reader, Writer};
    use super::super::version::Version;
    use super::super::wire::Wire;
    use super::Text;

    fn check(text: &str, start: &[u8]) {
        let mut bytes = Vec::new();
        Text::from(text).write(&mut Writer::new(&mut bytes), Version::NEWEST);
        assert_eq!(&bytes[..start.len()], start, "{text}");
        let read = Text::read(&mut Reader::new(&bytes), Version::NEWEST).unwrap();
        assert_eq!(read, *text);
        assert_eq!(read.to_string(), text);
        let mut again = Vec::new();
        read.write(&mut Writer::new(&mut again), Version::NEWEST);
        assert_eq!(again, bytes, "{text}");
    }

    #[test]
    fn the_three_forms_change_at_nine_and_at_4095_units() {
        check("", &[0, 0, 0, 0]);
        check("12345678", &[0, 0, 0, 8, 0, 0x31, 0, 0x32]);
        check("123456789", &[0, 0, 0, 9, 0, 9, 0x31, 0x32]);
        check(
            "é€😀zzzzzz",
            &[0, 0, 0, 10, 0, 0x11, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0x7a],
        );
        check(&"a".repeat(4094), &[0, 0, 0x0f, 0xfe, 0x0f, 0xfe, 0x61]);
        check(&"a".repeat(4095), &[0, 0, 0x0f, 0xff, 0, 0, 0x1f, 0xfe, 0x61, 0]);
        check("nine\0 chars", &[0, 0, 0, 11, 0, 11, b'n']);
    }

    #[test]
    fn text_that_lies_about_itself_is_refused() {
        let expected = |bytes: &[u8]| Text::read(&mut Reader::new(bytes), Version::NEWEST).unwrap_err().expected;
        let nine = [0, 0, 0, 9, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(expected(&nine), Expected::UnitCount { announced: 9, found: 8 });
        let four_byte = [0, 0, 0, 9, 0, 4, 0xf0, 0x9f, 0x98, 0x80];
        assert_eq!(expected(&four_byte), Expected::Utf8Lead { found: 0xf0 });
        assert!(matches!(expected(&[0x7f, 0xff, 0xff, 0xff]), Expected::AtMost { .. }));
        assert!(matches!(expected(&[0xff, 0xff, 0xff, 0xff]), Expected::NotNegative { .. }));
    }
}

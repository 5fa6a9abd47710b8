//! Typed properties of a message: read in place, written once.
//!
//! Takes the bytes from the presence marker on; gives an iterator and a lookup that allocate nothing. Order is that of the wire.
//! Must stay true: what cannot be parsed is an error at the property where it happens, never a shorter list.

use crate::core::cursor::{CursorError, Expected, Reader, Writer};
use crate::core::wire::PRESENT;
use crate::limits;
use crate::simple_string::SimpleStr;

/// The properties of a message, borrowed.
#[derive(Clone, Copy, PartialEq)]
pub struct Properties<'a> {
    /// From the marker to the end.
    encoded: &'a [u8],
    /// From the first key on.
    entries: &'a [u8],
    count: usize,
}

/// One property.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Property<'a> {
    /// Its name.
    pub key: SimpleStr<'a>,
    /// Its value.
    pub value: PropertyValue<'a>,
}

/// The value of a property.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum PropertyValue<'a> {
    /// Tag 0.
    Null,
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
    /// Tag 10.
    String(SimpleStr<'a>),
    /// Tag 11: one UTF-16 unit.
    Char(u16),
}

impl<'a> PropertyValue<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<PropertyValue<'a>, CursorError> {
        let start = reader.clone();
        Ok(match reader.i8()? {
            0 => PropertyValue::Null,
            2 => PropertyValue::Bool(reader.bool()?),
            3 => PropertyValue::Byte(reader.i8()?),
            4 => PropertyValue::Bytes(reader.blob(limits::PROPERTY_VALUE_BYTES_MAX)?),
            5 => PropertyValue::Short(reader.i16()?),
            6 => PropertyValue::Int(reader.i32()?),
            7 => PropertyValue::Long(reader.i64()?),
            8 => PropertyValue::Float(f32::from_be_bytes(reader.array()?)),
            9 => PropertyValue::Double(f64::from_be_bytes(reader.array()?)),
            10 => PropertyValue::String(reader.simple_str_up_to(limits::PROPERTY_VALUE_BYTES_MAX)?),
            11 => PropertyValue::Char(reader.u16()?),
            found => return Err(start.error(Expected::KnownTag { found })),
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        match *self {
            PropertyValue::Null => writer.i8(0),
            PropertyValue::Bool(value) => writer.bytes(&[2, u8::from(value)]),
            PropertyValue::Byte(value) => {
                writer.i8(3);
                writer.i8(value);
            }
            PropertyValue::Bytes(value) => {
                writer.i8(4);
                writer.blob(value);
            }
            PropertyValue::Short(value) => {
                writer.i8(5);
                writer.i16(value);
            }
            PropertyValue::Int(value) => {
                writer.i8(6);
                writer.i32(value);
            }
            PropertyValue::Long(value) => {
                writer.i8(7);
                writer.i64(value);
            }
            PropertyValue::Float(value) => {
                writer.i8(8);
                writer.bytes(&value.to_be_bytes());
            }
            PropertyValue::Double(value) => {
                writer.i8(9);
                writer.bytes(&value.to_be_bytes());
            }
            PropertyValue::String(value) => {
                writer.i8(10);
                writer.simple_str(value);
            }
            PropertyValue::Char(value) => {
                writer.i8(11);
                writer.u16(value);
            }
        }
    }
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const NONE: Properties<'static> = Properties { encoded: &[0], entries: &[], count: 0 };

    /// Reads marker and count; the properties themselves stay encoded to the end of `encoded`.
    pub fn read(encoded: &'a [u8]) -> Result<Properties<'a>, CursorError> {
        let mut reader = Reader::new(encoded);
        let named = |error: CursorError| error.in_field("properties");
        let count = match reader.bool().map_err(named)? {
            true => reader.count(limits::PROPERTIES_MAX).map_err(named)?,
            false => 0,
        };
        Ok(Properties { encoded, entries: reader.rest(), count })
    }

    /// How many there are, by their own account.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes from the marker on.
    pub fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// The properties in the order of the wire; ends after the first that cannot be parsed.
    pub fn iter(&self) -> PropertyIter<'a> {
        PropertyIter {
            reader: Reader::new(self.entries),
            behind: self.encoded.len() - self.entries.len(),
            left: self.count,
        }
    }

    /// The value of a property; nothing when there is none of this name. Walks the properties, so ask once for many.
    pub fn get(&self, key: &str) -> Result<Option<PropertyValue<'a>>, CursorError> {
        for property in self.iter() {
            let property = property?;
            if property.key == *key {
                return Ok(Some(property.value));
            }
        }
        Ok(None)
    }

    /// Checks that every property can be parsed and nothing follows the last.
    pub fn validate(&self) -> Result<(), CursorError> {
        let mut properties = self.iter();
        for property in properties.by_ref() {
            property?;
        }
        let end = properties.reader.finish();
        end.map_err(|error| error.in_field("properties").behind(properties.behind))
    }
}

impl std::fmt::Debug for Properties<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// The properties of a message, one after the other.
#[derive(Clone, Debug)]
pub struct PropertyIter<'a> {
    reader: Reader<'a>,
    /// Bytes in front of the reader, for offsets that count from the marker.
    behind: usize,
    /// Properties still to come.
    left: usize,
}

impl<'a> PropertyIter<'a> {
    fn read(&mut self) -> Result<Property<'a>, CursorError> {
        let key = self.reader.simple_str().map_err(|error| error.in_field("property name"))?;
        let value = PropertyValue::read(&mut self.reader).map_err(|error| error.in_field("property value"))?;
        Ok(Property { key, value })
    }
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Result<Property<'a>, CursorError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let property = self.read().map_err(|error| error.behind(self.behind));
        if property.is_err() {
            self.left = 0;
        }
        Some(property)
    }
}

/// Collects properties for one message.
#[derive(Clone, Debug, Default)]
pub struct PropertiesBuilder {
    entries: Vec<u8>,
    count: usize,
}

impl PropertiesBuilder {
    /// Adds a property. A name that is there already is not replaced; receivers take the last.
    pub fn push(&mut self, key: SimpleStr<'_>, value: PropertyValue<'_>) {
        let mut writer = Writer::new(&mut self.entries);
        writer.simple_str(key);
        value.write(&mut writer);
        self.count += 1;
    }

    /// Appends marker, count and properties.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        if self.count == 0 {
            writer.u8(0);
            return;
        }
        writer.u8(PRESENT);
        writer.count(self.count);
        writer.bytes(&self.entries);
    }
}

#[cfg(test)]
mod tests {
    use super::{Properties, PropertiesBuilder, PropertyValue};
    use crate::core::cursor::Expected;
    use crate::simple_string::SimpleString;

    fn check(key: &str, value: PropertyValue<'_>, bytes: &[u8]) {
        let mut builder = PropertiesBuilder::default();
        builder.push(SimpleString::from(key).as_simple(), value);
        let mut encoded = Vec::new();
        builder.write(&mut encoded);
        assert_eq!(encoded[..5], [1, 0, 0, 0, 1]);
        assert_eq!(&encoded[5..], bytes, "{key}");
        let properties = Properties::read(&encoded).unwrap();
        properties.validate().unwrap();
        assert_eq!(properties.get(key), Ok(Some(value)));
    }

    #[test]
    fn every_type_has_its_tag_and_width() {
        let text = SimpleString::from("z");
        check("n", PropertyValue::Null, &[0, 0, 0, 2, 0x6e, 0, 0]);
        check("b", PropertyValue::Bool(true), &[0, 0, 0, 2, 0x62, 0, 2, 1]);
        check("c", PropertyValue::Byte(-1), &[0, 0, 0, 2, 0x63, 0, 3, 0xff]);
        check("y", PropertyValue::Bytes(&[1, 2]), &[0, 0, 0, 2, 0x79, 0, 4, 0, 0, 0, 2, 1, 2]);
        check("s", PropertyValue::Short(258), &[0, 0, 0, 2, 0x73, 0, 5, 1, 2]);
        check("i", PropertyValue::Int(1), &[0, 0, 0, 2, 0x69, 0, 6, 0, 0, 0, 1]);
        check("l", PropertyValue::Long(1), &[0, 0, 0, 2, 0x6c, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1]);
        check("f", PropertyValue::Float(1.5), &[0, 0, 0, 2, 0x66, 0, 8, 0x3f, 0xc0, 0, 0]);
        check("d", PropertyValue::Double(1.5), &[0, 0, 0, 2, 0x64, 0, 9, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
        check("t", PropertyValue::String(text.as_simple()), &[0, 0, 0, 2, 0x74, 0, 10, 0, 0, 0, 2, 0x7a, 0]);
        check("x", PropertyValue::Char(0x78), &[0, 0, 0, 2, 0x78, 0, 11, 0, 0x78]);
    }

    #[test]
    fn no_properties_is_one_byte_and_a_count_of_zero_is_taken() {
        let mut encoded = Vec::new();
        PropertiesBuilder::default().write(&mut encoded);
        assert_eq!(encoded, [0]);
        assert_eq!(Properties::read(&encoded).unwrap().validate(), Ok(()));
        assert_eq!(Properties::read(&[1, 0, 0, 0, 0]).unwrap().validate(), Ok(()));
        assert_eq!(Properties::NONE.validate(), Ok(()));
    }

    #[test]
    fn a_broken_property_is_an_error_and_ends_the_walk() {
        let unknown_tag = [1, 0, 0, 0, 2, 0, 0, 0, 2, 0x6e, 0, 99, 0, 0, 0, 2, 0x6e, 0, 0];
        let properties = Properties::read(&unknown_tag).unwrap();
        assert_eq!(properties.iter().count(), 1);
        let error = properties.get("other").unwrap_err();
        assert_eq!((error.offset, error.expected), (11, Expected::KnownTag { found: 99 }));
        assert!(properties.validate().is_err());
        assert!(matches!(
            Properties::read(&[1, 0x7f, 0xff, 0xff, 0xff]).unwrap_err().expected,
            Expected::AtMost { .. }
        ));
    }
}

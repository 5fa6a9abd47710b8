//! `SimpleString`: text as the protocol and the broker's names have it, UTF-16 little-endian units.
//!
//! [`SimpleStr`] borrows the bytes of a frame, [`SimpleString`] owns them. Equality, order and hash are those of the bytes, so a
//! name from the wire can be looked up without converting it. Must stay true: the byte count is even.

use std::borrow::Borrow;
use std::fmt;

/// Borrowed text of UTF-16 little-endian units.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SimpleStr<'a>(&'a [u8]);

impl<'a> SimpleStr<'a> {
    /// The text in `bytes`, or nothing when their count is odd.
    pub fn new(bytes: &'a [u8]) -> Option<SimpleStr<'a>> {
        bytes.len().is_multiple_of(2).then_some(SimpleStr(bytes))
    }

    /// The bytes as they stand on the wire, without the count.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Number of UTF-16 units.
    pub fn len_units(&self) -> usize {
        self.0.len() / 2
    }

    /// Whether there is no unit at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The UTF-16 units in order.
    pub fn units(&self) -> impl Iterator<Item = u16> + Clone + use<'a> {
        self.0.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))
    }

    /// The characters; a surrogate without its partner becomes the replacement character.
    pub fn chars(&self) -> impl Iterator<Item = char> + Clone + use<'a> {
        char::decode_utf16(self.units()).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Whether the text starts with `prefix`.
    pub fn starts_with(&self, prefix: &str) -> bool {
        let mut units = self.units();
        prefix.encode_utf16().all(|wanted| units.next() == Some(wanted))
    }

    /// The parts before and after the first `separator` (for example `::` of a fully qualified queue name).
    pub fn split_once(&self, separator: &str) -> Option<(SimpleStr<'a>, SimpleStr<'a>)> {
        let width = separator.encode_utf16().count() * 2;
        let mut at = 0;
        while at + width <= self.0.len() {
            let (before, rest) = self.0.split_at_checked(at)?;
            if SimpleStr(rest).starts_with(separator) {
                return Some((SimpleStr(before), SimpleStr(rest.get(width..)?)));
            }
            at += 2;
        }
        None
    }

    /// An owned copy.
    pub fn to_owned(&self) -> SimpleString {
        SimpleString(self.0.into())
    }
}

impl PartialEq<str> for SimpleStr<'_> {
    fn eq(&self, other: &str) -> bool {
        let units = self.0.as_chunks::<2>().0;
        if units.len() == other.len() {
            // A text with as many UTF-8 bytes as UTF-16 units is ASCII.
            let differs = |(unit, byte): (&[u8; 2], u16)| (u16::from_le_bytes(*unit) ^ byte) | (byte & 0x80);
            let bytes = other.as_bytes().iter().copied().map(u16::from);
            return units.iter().zip(bytes).fold(0, |sum, pair| sum | differs(pair)) == 0;
        }
        // No unit takes less than a byte.
        units.len() < other.len() && self.units().eq(other.encode_utf16())
    }
}

impl PartialEq<&str> for SimpleStr<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Display for SimpleStr<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|character| fmt::Write::write_char(out, character))
    }
}

impl fmt::Debug for SimpleStr<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), out)
    }
}

/// Owned text of UTF-16 little-endian units.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SimpleString(Box<[u8]>);

impl SimpleString {
    /// The text, borrowed.
    pub fn as_simple(&self) -> SimpleStr<'_> {
        SimpleStr(&self.0)
    }
}

impl From<&str> for SimpleString {
    fn from(text: &str) -> SimpleString {
        SimpleString(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
    }
}

impl From<SimpleStr<'_>> for SimpleString {
    fn from(text: SimpleStr<'_>) -> SimpleString {
        text.to_owned()
    }
}

impl Borrow<[u8]> for SimpleString {
    /// The wire bytes, so that a map keyed by names answers a lookup with [`SimpleStr::as_bytes`].
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for SimpleString {
    fn eq(&self, other: &str) -> bool {
        self.as_simple() == *other
    }
}

impl fmt::Display for SimpleString {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_simple(), out)
    }
}

impl fmt::Debug for SimpleString {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_simple(), out)
    }
}

#[cfg(test)]
mod tests {
    use super::{SimpleStr, SimpleString};

    #[test]
    fn text_is_little_endian_units_and_odd_counts_are_refused() {
        let hi = SimpleString::from("hi");
        assert_eq!(hi.as_simple().as_bytes(), [0x68, 0, 0x69, 0]);
        assert_eq!(hi.as_simple(), "hi");
        assert!(hi.as_simple() != *"ho");
        assert!(hi.as_simple() != *"hix");
        assert_eq!(SimpleStr::new(&[0x68, 0, 0x69]), None);
    }

    #[test]
    fn characters_outside_the_basic_plane_survive_and_lone_surrogates_do_not_panic() {
        let text = SimpleString::from("é€😀");
        assert_eq!(text.as_simple().len_units(), 4);
        assert_eq!(text.to_string(), "é€😀");
        let lone = SimpleStr::new(&[0x00, 0xd8]).unwrap();
        assert_eq!(lone.to_string(), "\u{fffd}");
    }

    #[test]
    fn texts_of_all_lengths_and_kinds_are_equal_to_themselves_only() {
        let mut texts: Vec<String> =
            ["", "é", "Ã", "😀", "\u{7f}", "\u{80}", "€uro", "a€", "aé", "aa\0"].map(String::from).into();
        texts.extend((1..100).map(|length| "queue.of.some.length".chars().cycle().take(length).collect()));
        texts.extend((30..36).map(|at| "x".repeat(at) + "é" + &"y".repeat(40)));
        texts.extend((30..36).map(|at| "x".repeat(at) + "😀" + &"y".repeat(40)));
        for text in &texts {
            let simple = SimpleString::from(text.as_str());
            for other in &texts {
                assert_eq!(simple.as_simple() == **other, text == other, "{text:?} and {other:?}");
            }
        }
        // A unit whose low byte is that of another text's UTF-8.
        assert!(SimpleStr::new(&[0xc3, 0x00, 0xa9, 0x00]).unwrap() != *"é");
    }

    #[test]
    fn a_qualified_name_splits_at_the_first_separator() {
        let name = SimpleString::from("orders::eu::1");
        let (address, queue) = name.as_simple().split_once("::").unwrap();
        assert_eq!(address, "orders");
        assert_eq!(queue, "eu::1");
        assert_eq!(SimpleString::from("orders:").as_simple().split_once("::"), None);
        assert!(name.as_simple().starts_with("orders"));
        assert!(!name.as_simple().starts_with("order."));
    }
}

//! What a certificate says: whose it is, and when it may be used.
//!
//! Takes: the DER encoding of an X.509 certificate. Gives: its subject as text and its time of validity. It proves nothing: whether
//! somebody trustworthy has signed it is decided elsewhere. Must stay true: any bytes are answered.

use super::name;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version of a certificate, which may be left out.
const VERSION: u8 = 0xa0;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is: `CN=orders,O=Example`, the last part of the name first, after RFC 2253.
    pub subject: String,
    /// The first second at which it may be used, since 1970.
    pub not_before: i64,
    /// The last second at which it may be used, since 1970.
    pub not_after: i64,
}

impl Certificate {
    /// Reads a certificate. `None`: that is none.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let (whole, _) = inside(der, SEQUENCE)?;
        let (mut fields, _) = inside(whole, SEQUENCE)?;
        if fields.first() == Some(&VERSION) {
            fields = item(fields)?.rest;
        }
        // Serial number, algorithm and issuer.
        for _ in 0..3 {
            fields = item(fields)?.rest;
        }
        let (validity, rest) = inside(fields, SEQUENCE)?;
        let (subject, _) = inside(rest, SEQUENCE)?;
        let first = item(validity)?;
        let last = item(first.rest)?;
        Some(Self { subject: text(subject)?, not_before: seconds(&first)?, not_after: seconds(&last)? })
    }
}

/// One encoded value.
struct Item<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

fn item(bytes: &[u8]) -> Option<Item<'_>> {
    let (tag, bytes) = bytes.split_first()?;
    let (first, bytes) = bytes.split_first()?;
    let (length, bytes) = match *first {
        0..=0x7f => (usize::from(*first), bytes),
        // No certificate is longer than four bytes can say.
        0x81..=0x84 => {
            let (digits, bytes) = bytes.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), bytes)
        }
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some(Item { tag: *tag, content, rest })
}

/// What is in a value of this type, and what follows it.
fn inside(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    item(bytes).filter(|item| item.tag == tag).map(|item| (item.content, item.rest))
}

/// A name as text.
fn text(mut parts: &[u8]) -> Option<String> {
    let mut sets = Vec::new();
    while !parts.is_empty() {
        let (mut set, rest) = inside(parts, SET)?;
        let mut pairs = Vec::new();
        while !set.is_empty() {
            let (pair, behind) = inside(set, SEQUENCE)?;
            let (kind, value) = inside(pair, OBJECT_IDENTIFIER)?;
            pairs.push(format!("{}={}", name::word(kind)?, value_text(value)?));
            set = behind;
        }
        sets.push(pairs.join("+"));
        parts = rest;
    }
    sets.reverse();
    Some(sets.join(","))
}

fn value_text(encoded: &[u8]) -> Option<String> {
    let value = item(encoded)?;
    let known = matches!(value.tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING);
    let readable = std::str::from_utf8(value.content).ok().filter(|text| known && !text.chars().any(char::is_control));
    // What is no text of a known kind is told by its bytes, so that it cannot look like one.
    Some(readable.map_or_else(|| name::bytes(encoded), name::escaped))
}

/// Seconds since 1970.
fn seconds(time: &Item<'_>) -> Option<i64> {
    let digits = std::str::from_utf8(time.content).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match time.tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let two = |at: usize| rest.get(at..at + 2).and_then(|digits| digits.parse::<i64>().ok());
    let (month, day, hour, minute, second) = (two(0)?, two(2)?, two(4)?, two(6)?, two(8)?);
    // Days since 1970 in a calendar whose year begins in March, so that the leap day is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<i64> {
        seconds(&Item { tag, content: text.as_bytes(), rest: &[] })
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "000229235959Z"), Some(951_868_799));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(GENERALIZED_TIME, "20380119031408Z"), Some(2_147_483_648));
        assert_eq!(time(GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799));
        for wrong in ["", "Z", "7001010000Z", "700101000000", "70010100000aZ", "20380119031408Z"] {
            assert_eq!(time(UTC_TIME, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn garbage_is_answered() {
        assert_eq!(Certificate::read(&[]), None);
        for byte in 0..=255 {
            for length in 0..40 {
                assert_eq!(Certificate::read(&vec![byte; length]), None);
            }
        }
        assert_eq!(Certificate::read(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}

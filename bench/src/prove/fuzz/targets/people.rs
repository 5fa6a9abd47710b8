//! Who somebody is: certificates, which any client may show, and the users file.

use config::{Certificate, FileText, PERMISSIONS, Users};

use super::texts::to_text;
use super::{refused, walk};
use crate::prove::fuzz::target::Target;

/// As that of the configuration file, whose parser reads it too.
const USERS_FACTOR: u64 = 512;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const ORGANIZATION: [u8; 3] = [0x55, 4, 10];
/// A type of names that has no word.
const NUMBERED: [u8; 5] = [0x2b, 6, 0x81, 0x80, 1];

pub(super) fn targets() -> Vec<Target> {
    vec![certificate(), users()]
}

/// An encoded value: its type, its length, and what is in it.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let short = content.len() < 0x80;
    let digits = length.iter().skip_while(|byte| **byte == 0).copied();
    let digits: Vec<u8> = if short { length.last().copied().into_iter().collect() } else { digits.collect() };
    let mut bytes = vec![tag];
    if !short {
        bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(u8::MAX));
    }
    bytes.extend(digits);
    bytes.extend(content);
    bytes
}

/// A name of these sets of types and values.
fn name(sets: &[&[(&[u8], u8, &str)]]) -> Vec<u8> {
    let pair = |(kind, tag, text): &(&[u8], u8, &str)| {
        value(SEQUENCE, &[value(OBJECT_IDENTIFIER, kind), value(*tag, text.as_bytes())].concat())
    };
    let sets = sets.iter().map(|set| value(SET, &set.iter().flat_map(pair).collect::<Vec<_>>()));
    value(SEQUENCE, &sets.flatten().collect::<Vec<_>>())
}

/// A certificate as far as it is read, and a rest.
fn encoded(subject: &[u8], tag: u8, from: &str, to: &str, with_version: bool) -> Vec<u8> {
    let version = if with_version { value(VERSION, &value(INTEGER, &[2])) } else { Vec::new() };
    let validity = value(SEQUENCE, &[value(tag, from.as_bytes()), value(tag, to.as_bytes())].concat());
    let issuer = name(&[&[(&COMMON_NAME, UTF8_STRING, "somebody trustworthy")]]);
    let algorithm = value(SEQUENCE, &value(OBJECT_IDENTIFIER, &NUMBERED));
    let fields = [version, value(INTEGER, &[7; 20]), algorithm, issuer, validity, subject.to_vec(), vec![0; 90]];
    value(SEQUENCE, &value(SEQUENCE, &fields.concat()))
}

fn certificate() -> Target {
    let plain =
        name(&[&[(&ORGANIZATION, PRINTABLE_STRING, "Example")], &[(&COMMON_NAME, UTF8_STRING, "orders, \u{e9}")]]);
    let joined = name(&[&[(&COMMON_NAME, UTF8_STRING, "a"), (&NUMBERED, SET, "b")]]);
    let long = name(&[&[(&COMMON_NAME, UTF8_STRING, "#many ".repeat(60).as_str())]]);
    let examples = vec![
        encoded(&plain, UTC_TIME, "240101000000Z", "340101000000Z", true),
        encoded(&joined, GENERALIZED_TIME, "20240229120000Z", "20991231235959Z", true),
        encoded(&long, UTC_TIME, "700101000000Z", "491231235959Z", false),
        encoded(&name(&[]), GENERALIZED_TIME, "20240101000000Z", "20250101000000Z", true),
    ];
    Target::new("certificate", examples, |bytes, _| Certificate::read(bytes).is_some_and(|read| walk(&read)))
}

fn users() -> Target {
    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    let grants = PERMISSIONS.map(|permission| format!("[permission.\"a.#\"]\n{permission} = [\"r\", \"s\"]\n"));
    let by_hand = [
        format!("[user.ann]\npassword = \"{HASH}\"\nroles = [\"r\"]\n"),
        format!("[user.\"a b\"]\npassword = '{HASH}'\nroles = []\n[permission.\"#\"]\nsend = []\n"),
        "[user.shop]\ncertificate = \"CN=orders,O=Example\"\nroles = [\"shops\"]\n".to_owned(),
        "# nobody\n".to_owned(),
    ];
    let examples = grants.into_iter().chain(by_hand).map(String::into_bytes).collect();
    Target::new("users file", examples, |bytes, _| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        match Users::parse(&FileText::new("fuzz", text)) {
            Ok(users) => walk(&users),
            Err(report) => refused(&report),
        }
    })
    .repaired(to_text)
    .allowed(USERS_FACTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_certificates() {
        let subject = name(&[&[(&COMMON_NAME, UTF8_STRING, "orders")], &[(&NUMBERED, UTF8_STRING, &"x".repeat(300))]]);
        let read = Certificate::read(&encoded(&subject, UTC_TIME, "700101000000Z", "700101000001Z", true)).unwrap();
        assert!(read.subject.ends_with(",CN=orders") && read.subject.len() > 300, "{}", read.subject);
        assert_eq!((read.not_before, read.not_after), (0, 1));
    }
}

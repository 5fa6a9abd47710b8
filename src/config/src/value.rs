//! A parsed value, before it becomes the type of its field.
//!
//! Owns: [`Value`] and its two ways out: the text a person may write again, and JSON. Must stay true: the text of a
//! value, read again by the same row, gives the same value.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::json;
use crate::types::ByteSize;

/// A value that its row accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number in range.
    Integer(i64),
    /// A number of bytes in range.
    Bytes(ByteSize),
    /// A span of whole milliseconds in range.
    Duration(Duration),
    /// A word of the row's list, as the list writes it.
    Choice(&'static str),
    /// A directory or a file; empty for none, where that may be.
    Directory(PathBuf),
    /// The name of an address or a queue.
    Name(String),
    /// An address to listen on.
    Host(IpAddr),
    /// Work it out.
    Auto,
    /// `-1`.
    NoLimit,
}

impl Value {
    /// The value as JSON: numbers in the row's unit, everything else a string or a boolean.
    pub(crate) fn json(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Bytes(size) => size.bytes().to_string(),
            Self::Duration(span) => span.as_millis().to_string(),
            Self::NoLimit => "-1".to_owned(),
            Self::Choice(_) | Self::Directory(_) | Self::Name(_) | Self::Host(_) | Self::Auto => {
                json::quote(&self.to_string())
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bytes(size) => write!(f, "{size}"),
            Self::Duration(span) => f.write_str(&duration_text(*span)),
            Self::Choice(word) => f.write_str(word),
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Name(name) => f.write_str(name),
            Self::Host(address) => write!(f, "{address}"),
            Self::Auto => f.write_str("auto"),
            Self::NoLimit => f.write_str("-1"),
        }
    }
}

/// The span in the largest unit that divides it: `10s`, `1500ms`.
pub(crate) fn duration_text(span: Duration) -> String {
    let ms = span.as_millis();
    for (unit, name) in [(3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if ms >= unit && ms.is_multiple_of(unit) {
            return format!("{}{name}", ms / unit);
        }
    }
    format!("{ms}ms")
}

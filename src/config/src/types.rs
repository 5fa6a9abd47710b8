//! The Rust types of values, as the rooms read them from [`crate::Config`].
//!
//! Owns: the enums and units, and how each is made from a parsed [`Value`]. Must stay true: a type accepts exactly
//! what its row's [`crate::Kind`] lets through; a test builds every row from its own default.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::value::Value;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A number of bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.0 / unit);
            }
        }
        write!(f, "{}", self.0)
    }
}

/// A value that the broker works out by itself unless it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auto<T> {
    /// Work it out.
    Auto,
    /// Exactly this.
    Exactly(T),
}

impl<T> Auto<T> {
    /// The value, or what `work_out` says.
    pub fn unwrap_or_else(self, work_out: impl FnOnce() -> T) -> T {
        match self {
            Self::Auto => work_out(),
            Self::Exactly(value) => value,
        }
    }
}

/// How the journal writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalType {
    /// io_uring and `O_DIRECT` into preallocated segments.
    AsyncIo,
}

/// How a block is made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// Measured once, when the store is created.
    Auto,
    /// Every write carries `RWF_DSYNC`.
    Dsync,
    /// A linked `fdatasync` after the writes of a group.
    Fdatasync,
}

/// Whether data cores are bound to processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinning {
    /// Bound when every data core can have a processor of its own.
    Auto,
    /// Always bound.
    On,
    /// Never bound.
    Off,
}

/// Who may go on with a session of a lost connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionReattach {
    /// Who comes from the same host.
    SameHost,
    /// Who shows the same TLS certificate.
    Tls,
    /// Nobody.
    Off,
}

/// Which versions of TLS are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// 1.2 and 1.3.
    Tls12And13,
    /// 1.3 only.
    Tls13,
    /// 1.2 only.
    Tls12,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least important events still written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// A person must look.
    Error,
    /// Something is not as it should be.
    Warn,
    /// The life of the broker.
    Info,
    /// For those who work on the broker.
    Debug,
    /// Everything.
    Trace,
}

/// What happens to producers when an address is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullPolicy {
    /// The message is taken.
    Page,
    /// Producers get no credits until there is room.
    Block,
    /// The send is refused.
    Fail,
    /// The message is thrown away.
    Drop,
}

/// How a typed field is made from the parsed value of its row; `None` if row and field do not fit together, which is
/// our own mistake and found by a test.
pub(crate) trait FromValue: Sized {
    /// The typed value.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Flag(flag) = value { Some(*flag) } else { None }
    }
}

macro_rules! from_integer {
    ($($type:ty),+) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                if let Value::Integer(number) = value { <$type>::try_from(*number).ok() } else { None }
            }
        }
    )+};
}
from_integer!(u16, u32);

impl FromValue for ByteSize {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Bytes(size) = value { Some(*size) } else { None }
    }
}

impl FromValue for Duration {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Duration(span) = value { Some(*span) } else { None }
    }
}

impl FromValue for PathBuf {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Directory(path) = value { Some(path.clone()) } else { None }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Name(name) = value { Some(name.clone()) } else { None }
    }
}

impl FromValue for IpAddr {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Host(address) = value { Some(*address) } else { None }
    }
}

impl<T: FromValue> FromValue for Auto<T> {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Auto = value { Some(Self::Auto) } else { T::from_value(value).map(Self::Exactly) }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::NoLimit = value { Some(None) } else { T::from_value(value).map(Some) }
    }
}

macro_rules! from_choice {
    ($type:ty { $($word:literal => $variant:ident),+ $(,)? }) => {
        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $(Value::Choice($word) => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
from_choice!(JournalType { "ASYNCIO" => AsyncIo });
from_choice!(FullPolicy { "PAGE" => Page, "BLOCK" => Block, "FAIL" => Fail, "DROP" => Drop });
from_choice!(SyncMode { "auto" => Auto, "dsync" => Dsync, "fdatasync" => Fdatasync });
from_choice!(Pinning { "auto" => Auto, "on" => On, "off" => Off });
from_choice!(SessionReattach { "same-host" => SameHost, "tls" => Tls, "off" => Off });
from_choice!(Protocols { "TLSv1.2,TLSv1.3" => Tls12And13, "TLSv1.3" => Tls13, "TLSv1.2" => Tls12 });
from_choice!(LogFormat { "text" => Text, "json" => Json });
from_choice!(LogLevel { "error" => Error, "warn" => Warn, "info" => Info, "debug" => Debug, "trace" => Trace });

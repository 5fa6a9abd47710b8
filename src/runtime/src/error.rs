//! What can go wrong below, in words.
//!
//! Owns: errno as a type, the step of an operation that failed, and the answer to an operation that
//! was not taken. Must stay true: an operation that is refused gives its buffer back in the refusal.

use std::fmt;
use std::io;

/// An error number of the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// The operation was cancelled.
    pub const CANCELED: Self = Self(libc::ECANCELED);
    /// The disk is full.
    pub const NO_SPACE: Self = Self(libc::ENOSPC);
    /// The device failed.
    pub const IO: Self = Self(libc::EIO);

    /// The number inside `error`, or EIO where it has none.
    pub fn of(error: &io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }

    /// Whether trying the same again is right: nothing happened yet.
    pub(crate) const fn is_transient(self) -> bool {
        self.0 == libc::EAGAIN || self.0 == libc::EINTR
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Errno {}

/// The part of a file operation that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Writing the bytes.
    Write,
    /// Making them durable. After this the file must not be trusted: the kernel may have dropped the pages.
    Sync,
    /// Reading.
    Read,
}

/// A failed file operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IoError {
    /// Where it failed.
    pub step: Step,
    /// How.
    pub errno: Errno,
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Write => "write",
            Step::Sync => "sync",
            Step::Read => "read",
        };
        write!(f, "{step}: {}", self.errno)
    }
}

impl std::error::Error for IoError {}

/// Why an operation was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The socket or file is closed, closing, or never was.
    Gone,
    /// A send is in flight on this socket; wait for its `Sent`.
    SendInFlight,
    /// As many file operations are in flight as the configuration allows; wait for one to end.
    FileOperationsFull,
    /// The length is zero or exceeds the buffer.
    Length,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "it is closed",
            Self::SendInFlight => "a send is in flight on this socket",
            Self::FileOperationsFull => "too many file operations are in flight",
            Self::Length => "the length is zero or exceeds the buffer",
        })
    }
}

/// An operation that was not taken, with the buffer it came with.
#[derive(PartialEq, Eq)]
pub struct Refused<B> {
    /// The buffer, untouched.
    pub buffer: B,
    /// Why.
    pub why: Why,
}

impl<B> fmt::Debug for Refused<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({:?})", self.why)
    }
}

impl<B> fmt::Display for Refused<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl<B> std::error::Error for Refused<B> {}

//! What can go wrong, one type per operation; a variant exists only where a caller acts on it.

use std::fmt;
use std::path::{Path, PathBuf};

/// What was tried when the operating system said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Open a file.
    Open,
    /// Create a file.
    Create,
    /// List a directory.
    List,
    /// Read.
    Read,
    /// Write.
    Write,
    /// Flush a file.
    Sync,
    /// Rename a file.
    Rename,
    /// Delete a file.
    Delete,
    /// Give a file another name.
    Link,
    /// Flush a directory.
    SyncDirectory,
    /// Take a lock.
    Lock,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "flush",
            Self::Rename => "rename",
            Self::Delete => "delete",
            Self::Link => "link",
            Self::SyncDirectory => "flush of directory",
            Self::Lock => "lock",
        })
    }
}

/// The operating system refused: what, where, which errno.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IoError {
    /// What was tried.
    pub operation: Operation,
    /// On which file; a ring driver may not know it.
    pub path: Option<PathBuf>,
    /// The errno, 0 if there was none (a short transfer, for instance).
    pub errno: i32,
}

/// No space left on the device.
pub const ENOSPC: i32 = 28;
/// Disk quota exceeded.
pub const EDQUOT: i32 = 122;
/// The process has as many open files as it may have.
pub const EMFILE: i32 = 24;
/// The system has.
const ENFILE: i32 = 23;
/// Input/output error.
pub const EIO: i32 = 5;
/// No such file or directory.
pub const ENOENT: i32 = 2;
/// Operation not permitted.
const EPERM: i32 = 1;
/// Permission denied.
const EACCES: i32 = 13;
/// Not possible for this file.
const EINVAL: i32 = 22;
/// Another file system.
const EXDEV: i32 = 18;
/// Too many names for one file.
const EMLINK: i32 = 31;
/// Not supported.
const EOPNOTSUPP: i32 = 95;
/// Read-only file system.
const EROFS: i32 = 30;

impl IoError {
    /// From a negative completion code or an errno.
    #[must_use]
    pub const fn from_errno(operation: Operation, errno: i32) -> Self {
        Self { operation, path: None, errno: errno.saturating_abs() }
    }

    /// From the standard library's error.
    #[must_use]
    pub fn new(operation: Operation, path: &Path, error: &std::io::Error) -> Self {
        Self { operation, path: Some(path.to_owned()), errno: error.raw_os_error().unwrap_or(0) }
    }

    /// The same with the file named.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Whether the disk (or the quota) is full.
    #[must_use]
    pub const fn is_no_space(&self) -> bool {
        self.errno == ENOSPC || self.errno == EDQUOT
    }

    /// Whether there are no file descriptors: that passes, and says nothing about the disk.
    #[must_use]
    pub const fn is_no_descriptor(&self) -> bool {
        self.errno == EMFILE || self.errno == ENFILE
    }

    /// Whether this user may not do it, or nobody may on this file system.
    #[must_use]
    pub const fn is_not_permitted(&self) -> bool {
        matches!(self.errno, EACCES | EPERM | EINVAL | EROFS)
    }

    /// Whether this file, or no file here, can have another name: then only a copy helps.
    #[must_use]
    pub const fn is_not_linkable(&self) -> bool {
        matches!(self.errno, EXDEV | EMLINK | EOPNOTSUPP | EPERM)
    }

    /// Whether the file does not exist.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        self.errno == ENOENT
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        if let Some(path) = &self.path {
            write!(f, " of {}", path.display())?;
        }
        if self.errno == 0 {
            write!(f, " failed: the transfer was incomplete")
        } else {
            write!(f, " failed: {}", std::io::Error::from_raw_os_error(self.errno))
        }
    }
}

impl std::error::Error for IoError {}

/// Why a record was not appended. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// All buffers are in flight: hold producers back and try again after a completion.
    Full,
    /// The next segment is not there yet, most likely because the disk is full: hold producers back until it is.
    Blocked,
    /// The body is above [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX): it belongs into records of the large lane.
    TooLong,
    /// A write failed: this lane promises nothing more until the next start.
    Latched,
    /// No epoch has been started on this lane yet, or it was handed over.
    NoEpoch,
    /// Too many runs are open: close some.
    TooManyRuns,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "all block buffers of the lane are in flight; try again after a completion",
            Self::Blocked => "the lane waits for its next segment (is the disk full?)",
            Self::TooLong => "the record is longer than the journal takes",
            Self::Latched => "the lane is closed after a failed write",
            Self::NoEpoch => "the lane has no epoch yet",
            Self::TooManyRuns => "too many runs are open on the lane",
        })
    }
}

impl std::error::Error for AppendError {}

/// Why a segment cannot be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeError {
    /// Segments are freed oldest first; this is not the oldest.
    NotOldest,
    /// The lane still writes into it, or has not been promised all of it.
    InUse,
    /// The FREE record could not be appended.
    Append(AppendError),
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOldest => f.write_str("segments are freed oldest first"),
            Self::InUse => f.write_str("the segment is not promised to its end"),
            Self::Append(_) => f.write_str("the record of the free could not be appended"),
        }
    }
}

impl std::error::Error for FreeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Append(error) => Some(error),
            Self::NotOldest | Self::InUse => None,
        }
    }
}

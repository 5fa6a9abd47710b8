//! `journal/server.lock`: whoever holds byte 1 owns the store.
//!
//! An OFD lock, not a POSIX one: it is not dropped when some other descriptor of the file is closed, and it conflicts within one process too,
//! which two servers in one process need. The kernel releases it however the process ends. The header block names the holder for people; it
//! decides nothing.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};

use crate::bytes::{Reader, Writer};
use crate::error::{IoError, Operation};
use crate::ids::{EpochId, NodeId, StoreId};
use crate::limits::PAGE_BYTES;

const MAGIC: u32 = u32::from_le_bytes(*b"RMQL");
const LAYOUT_VERSION: u16 = 1;
/// The lock byte of the live server.
const LIVE_BYTE: i64 = 1;
/// State byte: live.
const STATE_LIVE: u8 = b'L';
/// State byte: stopped in order.
const STATE_PAUSED: u8 = b'P';
/// The state byte and the three lock bytes, which nobody writes over.
const FIELDS_AT: usize = 4;

/// Why the store cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockError {
    /// Another process holds it.
    Held {
        /// The lock file.
        path: PathBuf,
        /// What the file says about the holder; it may be out of date.
        pid: Option<u32>,
    },
    /// The lock file is of another store.
    OtherStore {
        /// The lock file.
        path: PathBuf,
        /// The store that it names.
        found: StoreId,
    },
    /// The disk said no.
    Io(IoError),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { path, pid: Some(pid) } => {
                write!(
                    f,
                    "JN120 another server (process {pid}) uses this store and holds {}. Stop it first",
                    path.display()
                )
            }
            Self::Held { path, pid: None } => {
                write!(f, "JN120 another server uses this store and holds {}. Stop it first", path.display())
            }
            Self::OtherStore { path, found } => write!(
                f,
                "JN121 {} belongs to the store {found}: the directories of two stores are mixed up. Check the configured paths",
                path.display()
            ),
            Self::Io(_) => f.write_str("JN122 the store could not be locked"),
        }
    }
}

impl std::error::Error for LockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Held { .. } | Self::OtherStore { .. } => None,
        }
    }
}

/// The header block of the lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    state: u8,
    node: NodeId,
    store: StoreId,
    epoch: EpochId,
    pid: u32,
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let mut page = vec![self.state, 0, 0, 0];
        let mut out = Writer::new(&mut page);
        out.u32(MAGIC).u16(LAYOUT_VERSION).u128(self.node.0).u128(self.store.0);
        out.u64(self.epoch.number).u128(self.epoch.activation).u32(self.pid);
        page.resize(PAGE_BYTES - 4, 0);
        let crc = crc32c::crc32c(&page);
        Writer::new(&mut page).u32(crc);
        page
    }

    fn decode(page: &[u8]) -> Option<Self> {
        let crc = u32::from_le_bytes(*page.last_chunk()?);
        if page.len() != PAGE_BYTES || crc != crc32c::crc32c(page.get(..PAGE_BYTES - 4)?) {
            return None;
        }
        let mut from = Reader::new(page.get(FIELDS_AT..)?);
        if from.u32()? != MAGIC || from.u16()? != LAYOUT_VERSION {
            return None;
        }
        let (node, store) = (NodeId(from.u128()?), StoreId(from.u128()?));
        let epoch = EpochId { number: from.u64()?, activation: from.u128()? };
        Some(Self { state: *page.first()?, node, store, epoch, pid: from.u32()? })
    }
}

/// The store is ours until this is dropped.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
    path: PathBuf,
    header: Header,
}

impl DirectoryLock {
    /// Takes the lock of the store whose journal directory this is, or says who has it. Does not wait.
    ///
    /// # Errors
    /// When somebody else holds it.
    pub fn take(journal: &Path, store: StoreId, node: NodeId) -> Result<Self, LockError> {
        let path = journal.join("server.lock");
        let failed = |error: std::io::Error| LockError::Io(IoError::new(Operation::Lock, &path, &error));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o640).custom_flags(libc::O_DSYNC);
        let file = options.open(&path).map_err(failed)?;
        let mut page = vec![0; PAGE_BYTES];
        let known = file.read_at(&mut page, 0).ok().and_then(|_| Header::decode(&page));
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&lock_of(LIVE_BYTE))) {
            Ok(_) => {}
            Err(nix::Error::EAGAIN | nix::Error::EACCES) => {
                return Err(LockError::Held { path, pid: known.map(|header| header.pid) });
            }
            Err(error) => return Err(failed(error.into())),
        }
        if let Some(header) = known
            && header.store != store
        {
            return Err(LockError::OtherStore { path, found: header.store });
        }
        let header = Header { state: STATE_LIVE, node, store, epoch: EpochId::default(), pid: std::process::id() };
        let mut lock = Self { file, path, header };
        lock.write()?;
        Ok(lock)
    }

    /// Writes the epoch in which the holder serves.
    ///
    /// # Errors
    /// When the write fails.
    pub fn set_epoch(&mut self, epoch: EpochId) -> Result<(), LockError> {
        self.header.epoch = epoch;
        self.write()
    }

    /// Marks a stop in order and gives the lock back.
    ///
    /// # Errors
    /// When the write fails; the lock is given back all the same.
    pub fn release(mut self) -> Result<(), LockError> {
        self.header.state = STATE_PAUSED;
        self.write()
    }

    fn write(&mut self) -> Result<(), LockError> {
        let failed = |error: std::io::Error| LockError::Io(IoError::new(Operation::Write, &self.path, &error));
        self.file.write_all_at(&self.header.encode(), 0).map_err(failed)
    }
}

fn lock_of(byte: i64) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    }
}

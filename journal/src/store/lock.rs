//! `journal/server.lock`: whoever holds byte 1 owns the store.
//!
//! An OFD lock, not a POSIX one: it is not dropped when some other descriptor of the file is closed, and it conflicts within one process too,
//! which two servers in one process need. The kernel releases it however the process ends. The header block names the holder for people; it
//! decides nothing yet. The lock comes before everything: nothing else of a store is created or read by whoever does not hold it.

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
/// The header, and the places of the heartbeat, the request and the ring of epochs, which a shared store will use.
const FILE_BYTES: u64 = (3 + 64) * PAGE_BYTES as u64;
/// State byte: nobody has served yet.
const STATE_FIRST: u8 = b'0';
/// State byte: live.
const STATE_LIVE: u8 = b'L';
/// State byte: stopped in order.
const STATE_PAUSED: u8 = b'P';
/// The state byte and the three lock bytes, which nobody writes over.
const FIELDS_AT: usize = 4;
/// Sequence and CRC at the end of the block.
const TRAILER_BYTES: usize = 12;

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
    /// The lock file was written by a newer version.
    Newer {
        /// The lock file.
        path: PathBuf,
    },
    /// The disk said no.
    Io(IoError),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { path, pid: Some(pid) } => {
                write!(f, "another server (process {pid}) uses this store and holds {}. Stop it first", path.display())
            }
            Self::Held { path, pid: None } => {
                write!(f, "another server uses this store and holds {}. Stop it first", path.display())
            }
            Self::OtherStore { path, found } => write!(
                f,
                "{} belongs to the store {found}: the directories of two stores are mixed up. Check the configured paths",
                path.display()
            ),
            Self::Newer { path } => {
                write!(f, "{} was written by a newer version of this program; start that one", path.display())
            }
            Self::Io(_) => f.write_str("the store could not be locked"),
        }
    }
}

impl std::error::Error for LockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Held { .. } | Self::OtherStore { .. } | Self::Newer { .. } => None,
        }
    }
}

/// The header block of the lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    state: u8,
    /// Nil until the first holder knows them; the store too.
    node: NodeId,
    store: StoreId,
    epoch: EpochId,
    pid: u32,
    /// One more with every write.
    sequence: u64,
}

/// What the header block holds.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    Header(Header),
    Newer,
    /// Nothing, or a write that was interrupted: it decides nothing, so nothing is lost with it.
    Nothing,
}

impl Header {
    const NEW: Self = Self {
        state: STATE_FIRST,
        node: NodeId(0),
        store: StoreId(0),
        epoch: EpochId { number: 0, activation: 0 },
        pid: 0,
        sequence: 0,
    };

    fn encode(&self) -> Vec<u8> {
        let mut page = vec![self.state, 0, 0, 0];
        let mut out = Writer::new(&mut page);
        out.u32(MAGIC).u16(LAYOUT_VERSION).u128(self.node.0).u128(self.store.0);
        out.u64(self.epoch.number).u128(self.epoch.activation).u32(self.pid);
        page.resize(PAGE_BYTES - TRAILER_BYTES, 0);
        Writer::new(&mut page).u64(self.sequence);
        let crc = crc32c::crc32c(&page);
        Writer::new(&mut page).u32(crc);
        page
    }

    fn decode(page: &[u8]) -> Known {
        let fields = || {
            let crc = u32::from_le_bytes(*page.last_chunk()?);
            let sound = page.len() == PAGE_BYTES && crc == crc32c::crc32c(page.get(..PAGE_BYTES - 4)?);
            let mut from = Reader::new(page.get(FIELDS_AT..)?);
            (sound && from.u32()? == MAGIC).then_some(())?;
            if from.u16()? != LAYOUT_VERSION {
                return Some(Known::Newer);
            }
            let (node, store) = (NodeId(from.u128()?), StoreId(from.u128()?));
            let epoch = EpochId { number: from.u64()?, activation: from.u128()? };
            let pid = from.u32()?;
            let sequence = Reader::new(page.get(PAGE_BYTES - TRAILER_BYTES..)?).u64()?;
            Some(Known::Header(Self { state: *page.first()?, node, store, epoch, pid, sequence }))
        };
        fields().unwrap_or(Known::Nothing)
    }
}

/// What the lock file says to somebody who does not want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockSeen {
    /// A process holds the store now.
    pub held: bool,
    /// What the header says; `None` where it is damaged or was never written, which decides nothing.
    pub holder: Option<LockHolder>,
    /// The header was written by a newer version.
    pub newer: bool,
}

/// The holder, or the last one, as the lock file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockHolder {
    /// `0` nobody has served yet, `L` live, `P` stopped in order.
    pub state: char,
    /// The process.
    pub pid: u32,
    /// The store; nil until its first holder knew it.
    pub store: StoreId,
    /// The logical broker.
    pub node: NodeId,
    /// The epoch in which it served.
    pub epoch: EpochId,
}

/// Looks at the lock of a store without taking it and without a change; `None` if there is no lock file.
///
/// # Errors
/// When the file cannot be opened, or the system cannot say whether it is locked.
pub fn inspect_lock(journal: &Path) -> Result<Option<LockSeen>, IoError> {
    let path = journal.join("server.lock");
    let failed = |error: std::io::Error| IoError::new(Operation::Lock, &path, &error);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut lock = lock_of(LIVE_BYTE);
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)).map_err(|error| failed(error.into()))?;
    let mut page = vec![0; PAGE_BYTES];
    let known = file.read_exact_at(&mut page, 0).map_or(Known::Nothing, |()| Header::decode(&page));
    let holder = match &known {
        Known::Header(header) => {
            let Header { state, node, store, epoch, pid, .. } = *header;
            Some(LockHolder { state: char::from(state), pid, store, node, epoch })
        }
        Known::Newer | Known::Nothing => None,
    };
    let held = lock.l_type != libc::F_UNLCK as libc::c_short;
    Ok(Some(LockSeen { held, holder, newer: known == Known::Newer }))
}

/// The store is ours until this is dropped.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
    path: PathBuf,
    header: Header,
}

impl DirectoryLock {
    /// Takes the lock of the store whose journal directory this is, or says who has it. Does not wait. There may be no store yet.
    ///
    /// # Errors
    /// When somebody else holds it.
    pub fn take(journal: &Path) -> Result<Self, LockError> {
        let path = journal.join("server.lock");
        let failed = |error: std::io::Error| LockError::Io(IoError::new(Operation::Lock, &path, &error));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o640).custom_flags(libc::O_DSYNC);
        let file = options.open(&path).map_err(failed)?;
        let read = || {
            let mut page = vec![0; PAGE_BYTES];
            file.read_exact_at(&mut page, 0).map_or(Known::Nothing, |()| Header::decode(&page))
        };
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&lock_of(LIVE_BYTE))) {
            Ok(_) => {}
            Err(nix::Error::EAGAIN | nix::Error::EACCES) => {
                let pid = if let Known::Header(header) = read() { Some(header.pid) } else { None };
                return Err(LockError::Held { path, pid });
            }
            Err(error) => return Err(failed(error.into())),
        }
        // Only now: what was read before the lock may have been another's last words.
        let known = match read() {
            Known::Header(header) => header,
            Known::Nothing => Header::NEW,
            Known::Newer => return Err(LockError::Newer { path }),
        };
        if file.metadata().map_err(failed)?.len() < FILE_BYTES {
            file.set_len(FILE_BYTES).map_err(failed)?;
        }
        let mut lock = Self { file, path, header: Header { pid: std::process::id(), ..known } };
        lock.write()?;
        Ok(lock)
    }

    /// Says whose lock it is, as soon as the holder knows.
    ///
    /// # Errors
    /// When the lock file is of another store, or when the write fails.
    pub fn identify(&mut self, store: StoreId, node: NodeId) -> Result<(), LockError> {
        let found = self.header.store;
        if found != StoreId(0) && found != store {
            return Err(LockError::OtherStore { path: self.path.clone(), found });
        }
        self.header = Header { store, node, ..self.header };
        self.write()
    }

    /// Marks the holder as live, and writes the epoch in which it serves. The state of the holder before stands until then: whoever reads
    /// it learns whether the last one that served had stopped in order.
    ///
    /// # Errors
    /// When the write fails.
    pub fn set_epoch(&mut self, epoch: EpochId) -> Result<(), LockError> {
        self.header = Header { epoch, state: STATE_LIVE, ..self.header };
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
        self.header.sequence += 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_goes_both_ways_and_a_newer_one_is_known_as_such() {
        let header = Header {
            state: STATE_LIVE,
            node: NodeId(1),
            store: StoreId(2),
            epoch: EpochId { number: 3, activation: 4 },
            pid: 5,
            sequence: 6,
        };
        let page = header.encode();
        assert_eq!(page.len(), PAGE_BYTES);
        assert_eq!(Header::decode(&page), Known::Header(header));
        for bit in (0..PAGE_BYTES * 8).step_by(97) {
            let mut rotten = page.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&rotten), Known::Nothing, "bit {bit}");
        }
        let mut newer = page[..PAGE_BYTES - 4].to_vec();
        newer[FIELDS_AT + 4] += 1;
        let crc = crc32c::crc32c(&newer);
        newer.extend(crc.to_le_bytes());
        assert_eq!(Header::decode(&newer), Known::Newer);
    }
}

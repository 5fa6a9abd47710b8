//! The simulated disk: what a power cut may leave, and what a disk may do wrong.
//!
//! A write lands in a volatile cache and becomes durable at a sync of its file; a durable write becomes durable at once. A power cut keeps,
//! drops or tears any subset of what is volatile, by sectors of 512 bytes. Names (creations, renames, deletions) are volatile until their
//! directory is synced; a cut keeps a prefix of them, as a journalled file system does. Faults happen at the n-th operation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::content::Content;
use super::random::Random;
use crate::error::{EIO, ENOENT, ENOSPC, IoError, Operation};
use crate::limits::PAGE_BYTES;
use crate::storage::{Access, FileHandle, PendingRead, ReadTarget, Storage};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The operation fails with EIO; a write may have been carried out in part.
    Error,
    /// The operation fails with ENOSPC; nothing was written.
    NoSpace,
    /// A write is reported as done; only some of its sectors were written.
    Torn,
    /// A write is reported as done; nothing was written.
    Lost,
    /// A write is reported as done; it went to another page of the file.
    Misdirected,
    /// A write is done; one bit of it flips afterwards.
    BitFlip,
    /// The power fails during this operation: it and everything after it fails.
    PowerCut,
}

impl FaultKind {
    /// Whether the disk says that something went wrong.
    #[must_use]
    pub const fn is_reported(self) -> bool {
        matches!(self, Self::Error | Self::NoSpace | Self::PowerCut)
    }
}

/// A fault at the n-th operation, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which operation.
    pub at: u64,
    /// What happens.
    pub kind: FaultKind,
}

/// What was done to what, for traces and for picking places for faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The operation.
    pub operation: Operation,
    /// Its file or directory.
    pub path: PathBuf,
    /// Offset and length of a transfer.
    pub range: (u64, usize),
}

const SECTOR_BYTES: usize = 512;
/// What direct I/O says to a transfer that is not of whole pages.
const EINVAL: i32 = 22;
/// The directory is not empty.
const ENOTEMPTY: i32 = 39;

#[derive(Clone, Debug, Default)]
struct Inode {
    /// What reads see.
    current: Content,
    /// What is on the platter.
    durable: Content,
    /// Writes between the two, oldest first.
    volatile: Vec<(u64, Vec<u8>)>,
}

impl Inode {
    fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.current.put(offset, bytes);
        self.volatile.push((offset, bytes.to_vec()));
    }

    /// A durable write goes past what others left in the cache, and replaces it where they overlap.
    fn write_durable(&mut self, offset: u64, bytes: &[u8]) {
        self.current.put(offset, bytes);
        self.durable.put(offset, bytes);
        for (start, cached) in &mut self.volatile {
            let (from, to) = (offset.max(*start), (offset + bytes.len() as u64).min(*start + cached.len() as u64));
            let new = from
                .checked_sub(offset)
                .zip(to.checked_sub(offset))
                .and_then(|(a, b)| bytes.get(a as usize..b as usize));
            let old = from
                .checked_sub(*start)
                .zip(to.checked_sub(*start))
                .and_then(|(a, b)| cached.get_mut(a as usize..b as usize));
            if let (Some(new), Some(old)) = (new, old) {
                old.copy_from_slice(new);
            }
        }
    }

    fn sync(&mut self) {
        for (offset, bytes) in self.volatile.drain(..) {
            self.durable.put(offset, &bytes);
        }
    }
}

/// What names there are.
#[derive(Clone, Debug, Default)]
struct Names {
    files: BTreeMap<PathBuf, usize>,
    directories: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
    RemoveDirectory(PathBuf),
    RenameDirectory(PathBuf, PathBuf),
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Link(path, inode) => {
                names.files.insert(path.clone(), *inode);
            }
            Self::Unlink(path) => {
                names.files.remove(path);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.files.remove(from) {
                    names.files.insert(to.clone(), inode);
                }
            }
            Self::RemoveDirectory(path) => {
                names.directories.remove(path);
            }
            Self::RenameDirectory(from, to) => {
                if names.directories.remove(from) {
                    names.directories.insert(to.clone());
                    let files = std::mem::take(&mut names.files);
                    names.files = files.into_iter().map(|(path, inode)| (moved(&path, from, to), inode)).collect();
                }
            }
        }
    }

    /// The same change when the directory that it belongs to has another name.
    fn moved(&self, from: &Path, to: &Path) -> Self {
        match self {
            Self::Link(path, inode) => Self::Link(moved(path, from, to), *inode),
            Self::Unlink(path) => Self::Unlink(moved(path, from, to)),
            Self::Rename(old, new) => Self::Rename(moved(old, from, to), moved(new, from, to)),
            Self::RemoveDirectory(path) => Self::RemoveDirectory(moved(path, from, to)),
            Self::RenameDirectory(old, new) => Self::RenameDirectory(moved(old, from, to), moved(new, from, to)),
        }
    }
}

/// The path when what lies under `from` lies under `to`.
fn moved(path: &Path, from: &Path, to: &Path) -> PathBuf {
    path.strip_prefix(from).map_or_else(|_| path.to_owned(), |rest| to.join(rest))
}

impl Names {
    /// A directory within a directory that is known: files in it go with it.
    fn forget_homeless(&mut self) {
        let directories = &self.directories;
        let has_home = |path: &Path| {
            let home = parent(path);
            directories.contains(home) || !directories.contains(parent(home))
        };
        self.files.retain(|path, _| has_home(path));
    }
}

/// The disk. Its copy is an image to cut, damage and recover from, and costs little: bytes are shared until one of the two writes.
#[derive(Clone, Debug)]
pub struct SimDisk {
    random: Random,
    inodes: Vec<Inode>,
    names: Names,
    durable_names: Names,
    /// Changes of names not yet durable, per directory.
    changes: HashMap<PathBuf, Vec<NameChange>>,
    open: Vec<Option<(usize, PathBuf, Access)>>,
    faults: Vec<Fault>,
    operations: u64,
    trace: Vec<Trace>,
    traces: bool,
    powered: bool,
    fault_hit: Option<Trace>,
    /// Free bytes; creations and growing writes fail with ENOSPC beyond.
    space: u64,
    /// Pages (inode, page number) that fail to read.
    bad_pages: Vec<(usize, u64)>,
    /// Reads side by side, each done when it is begun: what is written behind that is not in it.
    reads_at_once: usize,
}

impl SimDisk {
    /// An empty disk without faults. With half of the seeds it reads ahead of whoever asks for that.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            inodes: Vec::new(),
            names: Names::default(),
            durable_names: Names::default(),
            changes: HashMap::new(),
            open: Vec::new(),
            faults: Vec::new(),
            operations: 0,
            trace: Vec::new(),
            traces: true,
            powered: true,
            fault_hit: None,
            space: u64::MAX,
            bad_pages: Vec::new(),
            reads_at_once: if seed.is_multiple_of(2) { 4 } else { 0 },
        }
    }

    /// How many reads it does side by side; with 0 each is done when it is waited for.
    pub const fn set_reads_at_once(&mut self, reads: usize) {
        self.reads_at_once = reads;
    }

    /// Plans a fault, counted from the operations done so far.
    pub fn plan(&mut self, fault: Fault) {
        self.faults.push(Fault { at: self.operations + fault.at, kind: fault.kind });
    }

    /// How many operations were asked for: transfers, flushes, changes of names.
    #[must_use]
    pub const fn operations(&self) -> u64 {
        self.operations
    }

    /// Operations are counted and not remembered from now on: a world that lives for days has millions of them.
    pub fn forget_operations(&mut self) {
        self.traces = false;
        self.trace.clear();
    }

    /// How many bytes may still be added.
    #[must_use]
    pub const fn space(&self) -> u64 {
        self.space
    }

    /// How many files are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.open.iter().flatten().count()
    }

    /// All operations so far.
    #[must_use]
    pub fn trace(&self) -> &[Trace] {
        &self.trace
    }

    /// What the planned fault struck, if it has.
    #[must_use]
    pub const fn fault_hit(&self) -> Option<&Trace> {
        self.fault_hit.as_ref()
    }

    /// Whether the power is still on.
    #[must_use]
    pub const fn is_powered(&self) -> bool {
        self.powered
    }

    /// How many bytes may still be added.
    pub const fn set_space(&mut self, bytes: u64) {
        self.space = bytes;
    }

    /// Power cut and return: what was volatile is kept, dropped or torn; nothing is open; no fault is planned.
    pub fn cut_power(&mut self, seed: u64) {
        let mut random = Random::new(seed);
        let mut directories: Vec<_> = self.changes.drain().collect();
        directories.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, changes) in directories {
            let kept = random.index(changes.len() + 1);
            for change in changes.iter().take(kept) {
                change.apply(&mut self.durable_names);
            }
        }
        self.durable_names.forget_homeless();
        self.names = self.durable_names.clone();
        for inode in &mut self.inodes {
            let mode = random.below(4);
            for (offset, bytes) in std::mem::take(&mut inode.volatile) {
                keep_some(&mut inode.durable, offset, &bytes, mode, &mut random);
            }
            inode.current.clone_from(&inode.durable);
        }
        self.forget_process();
    }

    /// The process dies and the machine does not: everything written stays readable, and stays volatile.
    pub fn kill_process(&mut self) {
        self.forget_process();
    }

    fn forget_process(&mut self) {
        self.open.clear();
        self.forget_nameless();
        self.faults.clear();
        self.trace.clear();
        self.powered = true;
        self.fault_hit = None;
    }

    /// Files that have no name, and that no lost change of a name could bring back, are gone once nobody has them open.
    fn forget_nameless(&mut self) {
        let linked = self.changes.values().flatten().filter_map(|change| match change {
            NameChange::Link(_, inode) => Some(inode),
            _ => None,
        });
        let named = self.names.files.values().chain(self.durable_names.files.values()).chain(linked);
        let kept: BTreeSet<usize> = named.copied().collect();
        for (_, inode) in self.inodes.iter_mut().enumerate().filter(|(number, _)| !kept.contains(number)) {
            *inode = Inode::default();
        }
    }

    /// Flips one bit of a file, on the platter and in the cache.
    pub fn flip_bit(&mut self, path: &Path, offset: u64, bit: u8) {
        self.edit(path, |content| {
            if let Some(byte) = usize::try_from(offset).ok().and_then(|at| content.get(at)) {
                content.put(offset, &[byte ^ (1 << (bit % 8))]);
            }
        });
    }

    /// Overwrites a part of a file behind everybody's back.
    pub fn overwrite(&mut self, path: &Path, offset: u64, bytes: &[u8]) {
        self.edit(path, |content| content.put(offset, bytes));
    }

    /// The content of a file.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        self.names.files.get(path).and_then(|&inode| self.inodes.get(inode)).map(|inode| inode.current.to_vec())
    }

    /// Puts a file there, durably.
    pub fn put_file(&mut self, path: &Path, content: Vec<u8>) {
        let content = Content::of(&content);
        self.inodes.push(Inode { current: content.clone(), durable: content, volatile: Vec::new() });
        self.names.files.insert(path.to_owned(), self.inodes.len() - 1);
        self.durable_names.files.insert(path.to_owned(), self.inodes.len() - 1);
    }

    /// Takes a file away, durably.
    pub fn remove_file(&mut self, path: &Path) -> Option<Vec<u8>> {
        self.durable_names.files.remove(path);
        self.names.files.remove(path).and_then(|inode| self.inodes.get(inode)).map(|inode| inode.current.to_vec())
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.names.files.keys().map(PathBuf::as_path)
    }

    /// Makes a page of a file unreadable.
    pub fn break_page(&mut self, path: &Path, offset: u64) {
        if let Some(&inode) = self.names.files.get(path) {
            self.bad_pages.push((inode, offset / PAGE_BYTES as u64));
        }
    }

    fn edit(&mut self, path: &Path, change: impl Fn(&mut Content)) {
        if let Some(inode) = self.names.files.get(path).and_then(|&inode| self.inodes.get_mut(inode)) {
            change(&mut inode.current);
            change(&mut inode.durable);
        }
    }

    /// Counts an operation and says what goes wrong with it.
    fn begin(&mut self, operation: Operation, path: &Path, range: (u64, usize)) -> Result<Option<FaultKind>, IoError> {
        if !self.powered {
            return Err(IoError::from_errno(operation, EIO).at(path));
        }
        let at = self.operations;
        self.operations += 1;
        let trace = Trace { operation, path: path.to_owned(), range };
        let fault = self.faults.iter().find(|fault| fault.at == at).map(|fault| fault.kind);
        if fault.is_some() {
            self.fault_hit = Some(trace.clone());
        }
        if self.traces {
            self.trace.push(trace);
        }
        let write = operation == Operation::Write;
        match fault {
            Some(FaultKind::Error) if !write => Err(IoError::from_errno(operation, EIO).at(path)),
            Some(FaultKind::NoSpace) => Err(IoError::from_errno(operation, ENOSPC).at(path)),
            Some(FaultKind::PowerCut) if !write => {
                self.powered = false;
                Err(IoError::from_errno(operation, EIO).at(path))
            }
            Some(_) if !write => Ok(None),
            other => Ok(other),
        }
    }

    fn opened(&self, file: FileHandle, operation: Operation) -> Result<(usize, PathBuf, Access), IoError> {
        let entry = self.open.get(file.0 as usize).and_then(Clone::clone);
        entry.ok_or(IoError::from_errno(operation, EIO))
    }

    fn change_name(&mut self, directory: &Path, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.entry(directory.to_owned()).or_default().push(change);
    }

    fn keep_open(&mut self, inode: usize, path: &Path, access: Access) -> FileHandle {
        self.open.push(Some((inode, path.to_owned(), access)));
        FileHandle((self.open.len() - 1) as u32)
    }

    /// Carries out a write as the fault has it.
    fn write_faulty(&mut self, inode: usize, offset: u64, bytes: &[u8], durable: bool, fault: FaultKind) {
        let Some(file) = self.inodes.get_mut(inode) else { return };
        match fault {
            FaultKind::Lost => {}
            FaultKind::Misdirected => {
                let pages = (file.current.len() / PAGE_BYTES).max(2) as u64;
                let away = 1 + self.random.below(pages - 1);
                let page = (offset / PAGE_BYTES as u64 + away) % pages;
                // Never beyond the end: the disk has no such place.
                let room = (pages - page) as usize * PAGE_BYTES;
                file.write(page * PAGE_BYTES as u64, bytes.get(..bytes.len().min(room)).unwrap_or_default());
            }
            FaultKind::BitFlip => {
                file.write(offset, bytes);
                let at = offset + self.random.below(bytes.len() as u64);
                let mask = 1 << self.random.below(8);
                if let Some(byte) = file.current.get(at as usize) {
                    let flipped = [byte ^ mask];
                    file.write(at, &flipped);
                }
            }
            FaultKind::Torn | FaultKind::Error | FaultKind::PowerCut | FaultKind::NoSpace => {
                let sectors = (bytes.len() / SECTOR_BYTES) as u64;
                let kept = self.random.below(sectors) as usize * SECTOR_BYTES;
                file.write(offset, bytes.get(..kept).unwrap_or_default());
            }
        }
        if durable && fault != FaultKind::PowerCut {
            file.sync();
        }
    }
}

/// What a power cut leaves of one volatile write.
fn keep_some(durable: &mut Content, offset: u64, bytes: &[u8], mode: u64, random: &mut Random) {
    let whole = match mode {
        0 => false,
        1 => true,
        2 => random.percent(50),
        _ => {
            for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                if random.percent(50) {
                    durable.put(offset + (index * SECTOR_BYTES) as u64, sector);
                }
            }
            return;
        }
    };
    if whole {
        durable.put(offset, bytes);
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

impl Storage for SimDisk {
    fn list(&mut self, directory: &Path) -> Result<Vec<String>, IoError> {
        if !self.powered {
            return Err(IoError::from_errno(Operation::List, EIO).at(directory));
        }
        let all = self.names.files.keys().chain(&self.names.directories);
        let inside = all.filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned)).collect())
    }

    fn create_directory(&mut self, directory: &Path) -> Result<(), IoError> {
        if self.names.directories.contains(directory) {
            return Ok(());
        }
        // The directories of a store are there before anything can go wrong; what is made in them is not.
        let begun = match self.names.directories.contains(parent(directory)) {
            true => self.begin(Operation::Create, directory, (0, 0)).map(drop),
            false => Ok(()),
        };
        if begun.is_ok() || self.random.percent(50) {
            self.durable_names.directories.insert(directory.to_owned());
            self.names.directories.insert(directory.to_owned());
        }
        begun
    }

    fn open(&mut self, path: &Path, access: Access) -> Result<FileHandle, IoError> {
        if !self.powered {
            return Err(IoError::from_errno(Operation::Open, EIO).at(path));
        }
        let Some(&inode) = self.names.files.get(path) else {
            return Err(IoError::from_errno(Operation::Open, ENOENT).at(path));
        };
        Ok(self.keep_open(inode, path, access))
    }

    fn create(&mut self, path: &Path) -> Result<FileHandle, IoError> {
        self.begin(Operation::Create, path, (0, 0))?;
        // Truncation of a file that is being made again: nobody relies on its content, so it is a new file to us.
        self.inodes.push(Inode::default());
        let inode = self.inodes.len() - 1;
        self.change_name(parent(path), NameChange::Link(path.to_owned(), inode));
        Ok(self.keep_open(inode, path, Access::Write))
    }

    fn close(&mut self, file: FileHandle) {
        if let Some(entry) = self.open.get_mut(file.0 as usize) {
            *entry = None;
        }
    }

    fn size(&mut self, file: FileHandle) -> Result<u64, IoError> {
        let (inode, ..) = self.opened(file, Operation::Read)?;
        Ok(self.inodes.get(inode).map_or(0, |inode| inode.current.len() as u64))
    }

    fn read_at(&mut self, file: FileHandle, offset: u64, into: &mut [u8]) -> Result<usize, IoError> {
        let (inode, path, _) = self.opened(file, Operation::Read)?;
        self.begin(Operation::Read, &path, (offset, into.len()))?;
        let pages = offset / PAGE_BYTES as u64..(offset + into.len() as u64).div_ceil(PAGE_BYTES as u64);
        if self.bad_pages.iter().any(|(bad, page)| *bad == inode && pages.contains(page)) {
            return Err(IoError::from_errno(Operation::Read, EIO).at(&path));
        }
        let count = self.inodes.get(inode).map_or(0, |inode| inode.current.read(offset, into));
        Ok(count)
    }

    fn reads_at_once(&self) -> usize {
        self.reads_at_once
    }

    fn begin_read(&mut self, file: FileHandle, offset: u64, mut target: ReadTarget) -> PendingRead {
        let page = PAGE_BYTES as u64;
        if !offset.is_multiple_of(page) || !(target.bytes as u64).is_multiple_of(page) || target.bytes == 0 {
            let refused = IoError::from_errno(Operation::Read, EINVAL);
            return PendingRead::done((target.buffer, Err(refused)));
        }
        if self.reads_at_once == 0 {
            return PendingRead::later(file, offset, target);
        }
        let done = self.read_at(file, offset, target.part());
        PendingRead::done((target.buffer, done))
    }

    fn write_at(&mut self, file: FileHandle, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        let (inode, path, access) = self.opened(file, Operation::Write)?;
        let fault = self.begin(Operation::Write, &path, (offset, bytes.len()))?;
        let length = self.inodes.get(inode).map_or(0, |inode| inode.current.len() as u64);
        let grown = (offset + bytes.len() as u64).saturating_sub(length);
        if grown > self.space {
            return Err(IoError::from_errno(Operation::Write, ENOSPC).at(&path));
        }
        self.space -= grown;
        let durable = access == Access::WriteDurable;
        if let Some(fault) = fault {
            self.write_faulty(inode, offset, bytes, durable, fault);
            self.powered = fault != FaultKind::PowerCut;
            return if fault.is_reported() {
                Err(IoError::from_errno(Operation::Write, EIO).at(&path))
            } else {
                Ok(())
            };
        }
        if let Some(file) = self.inodes.get_mut(inode) {
            if durable {
                file.write_durable(offset, bytes);
            } else {
                file.write(offset, bytes);
            }
        }
        Ok(())
    }

    fn sync(&mut self, file: FileHandle) -> Result<(), IoError> {
        let (inode, path, _) = self.opened(file, Operation::Sync)?;
        self.begin(Operation::Sync, &path, (0, 0))?;
        if let Some(file) = self.inodes.get_mut(inode) {
            file.sync();
        }
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        self.begin(Operation::Rename, from, (0, 0))?;
        if self.names.directories.contains(from) {
            if let Some(inside) = self.changes.remove(from) {
                let inside = inside.iter().map(|change| change.moved(from, to)).collect();
                self.changes.insert(to.to_owned(), inside);
            }
            self.change_name(parent(to), NameChange::RenameDirectory(from.to_owned(), to.to_owned()));
            return Ok(());
        }
        if !self.names.files.contains_key(from) {
            return Err(IoError::from_errno(Operation::Rename, ENOENT).at(from));
        }
        self.change_name(parent(to), NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn delete(&mut self, path: &Path) -> Result<(), IoError> {
        self.begin(Operation::Delete, path, (0, 0))?;
        if !self.names.files.contains_key(path) {
            return Err(IoError::from_errno(Operation::Delete, ENOENT).at(path));
        }
        self.change_name(parent(path), NameChange::Unlink(path.to_owned()));
        Ok(())
    }

    fn delete_directory(&mut self, path: &Path) -> Result<(), IoError> {
        self.begin(Operation::Delete, path, (0, 0))?;
        let refused = |errno| Err(IoError::from_errno(Operation::Delete, errno).at(path));
        if !self.names.directories.contains(path) {
            return refused(ENOENT);
        }
        if self.names.files.keys().chain(&self.names.directories).any(|inside| inside.parent() == Some(path)) {
            return refused(ENOTEMPTY);
        }
        self.changes.remove(path);
        self.change_name(parent(path), NameChange::RemoveDirectory(path.to_owned()));
        Ok(())
    }

    fn link(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        self.begin(Operation::Link, from, (0, 0))?;
        let Some(&inode) = self.names.files.get(from) else {
            return Err(IoError::from_errno(Operation::Link, ENOENT).at(from));
        };
        self.change_name(parent(to), NameChange::Link(to.to_owned(), inode));
        Ok(())
    }

    fn links(&mut self, path: &Path) -> Result<u64, IoError> {
        if !self.powered {
            return Err(IoError::from_errno(Operation::Open, EIO).at(path));
        }
        let Some(inode) = self.names.files.get(path) else {
            return Err(IoError::from_errno(Operation::Open, ENOENT).at(path));
        };
        Ok(self.names.files.values().filter(|other| *other == inode).count() as u64)
    }

    fn sync_directory(&mut self, directory: &Path) -> Result<(), IoError> {
        self.begin(Operation::SyncDirectory, directory, (0, 0))?;
        for change in self.changes.remove(directory).unwrap_or_default() {
            change.apply(&mut self.durable_names);
        }
        Ok(())
    }
}

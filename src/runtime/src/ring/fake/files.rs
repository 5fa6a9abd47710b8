//! The fake kernel's files: what is on the platter, and what only the cache has.
//!
//! A descriptor of a regular file stands for that file: what is durable is in it, so that others find there what a power cut would
//! leave. Any other descriptor stands for a file in memory. Must stay true: two descriptors of one file see the same bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::{Dice, FakeRing};
use crate::ring::Fd;

/// A disk keeps or loses this much as a whole.
const SECTOR_BYTES: usize = 512;

/// Which file: device and number of a real one; a file in memory has the number of its descriptor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Inode {
    Real(u64, u64),
    Memory(Fd),
}

/// What survives a power cut.
enum Platter {
    Memory(Vec<u8>),
    Real(File),
}

/// A file that is open, or that has bytes in the cache.
struct Content {
    platter: Platter,
    /// Writes that were not synced, oldest first.
    cached: Vec<(usize, Vec<u8>)>,
}

/// All files.
#[derive(Default)]
pub(super) struct Files {
    open: BTreeMap<Fd, (Inode, OwnedFd)>,
    contents: BTreeMap<Inode, Content>,
}

impl Files {
    pub(super) fn adopt(&mut self, descriptor: OwnedFd) -> Fd {
        let fd = Fd(descriptor.as_raw_fd());
        let (inode, platter) = match real(&descriptor) {
            Some((inode, file)) => (inode, Platter::Real(file)),
            None => (Inode::Memory(fd), Platter::Memory(Vec::new())),
        };
        self.contents.entry(inode).or_insert(Content { platter, cached: Vec::new() });
        self.open.insert(fd, (inode, descriptor));
        fd
    }

    /// Whether it was open. What is in the cache stays there.
    pub(super) fn close(&mut self, fd: Fd) -> bool {
        let Some((inode, _)) = self.open.remove(&fd) else { return false };
        let shared = self.open.values().any(|(other, _)| *other == inode);
        let clean = self.contents.get(&inode).is_some_and(|content| content.cached.is_empty());
        if !shared && (clean || matches!(inode, Inode::Memory(_))) {
            self.contents.remove(&inode);
        }
        true
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    fn content(&self, fd: Fd) -> Option<&Content> {
        self.open.get(&fd).and_then(|(inode, _)| self.contents.get(inode))
    }

    fn content_mut(&mut self, fd: Fd) -> Option<&mut Content> {
        self.open.get(&fd).and_then(|(inode, _)| self.contents.get_mut(inode))
    }

    /// Up to `len` bytes as a reader of the file sees them; fewer at its end. `None`: it is not open.
    pub(super) fn read(&self, fd: Fd, start: usize, len: usize) -> Option<io::Result<Vec<u8>>> {
        self.content(fd).map(|content| content.read(start, len, false))
    }

    /// `None`: it is not open.
    pub(super) fn write(&mut self, fd: Fd, start: usize, bytes: &[u8], durable: bool) -> Option<io::Result<()>> {
        self.content_mut(fd).map(|content| content.write(start, bytes, durable))
    }

    /// `None`: it is not open.
    pub(super) fn sync(&mut self, fd: Fd) -> Option<io::Result<()>> {
        self.content_mut(fd).map(Content::sync)
    }

    /// Each write that was not synced is kept, lost, or kept in part; nothing is in the cache any more.
    fn cut_power(&mut self, dice: &mut Dice) -> io::Result<()> {
        for content in self.contents.values_mut() {
            for (start, bytes) in std::mem::take(&mut content.cached) {
                let sectors = bytes.len() / SECTOR_BYTES;
                let kept = match dice.below(3) {
                    0 => 0,
                    1 => bytes.len(),
                    _ => dice.below(sectors + 1) * SECTOR_BYTES,
                };
                content.platter.write(start, bytes.get(..kept).unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

/// A regular file that may be written, opened anew without `O_DIRECT`: the fake kernel also moves bytes that are not aligned.
fn real(descriptor: &OwnedFd) -> Option<(Inode, File)> {
    let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    let file = File::options().read(true).write(true).open(path).ok()?;
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((Inode::Real(metadata.dev(), metadata.ino()), file))
}

impl Content {
    fn read(&self, start: usize, len: usize, durable: bool) -> io::Result<Vec<u8>> {
        let end = self.len(durable)?.min(start.saturating_add(len));
        let mut bytes = vec![0; end.saturating_sub(start)];
        self.platter.read(start, &mut bytes)?;
        for (from, cached) in self.cached.iter().filter(|_| !durable) {
            overlay(&mut bytes, start, *from, cached);
        }
        Ok(bytes)
    }

    fn len(&self, durable: bool) -> io::Result<usize> {
        let cached = self.cached.iter().filter(|_| !durable).map(|(start, bytes)| start + bytes.len());
        Ok(cached.max().unwrap_or(0).max(self.platter.len()?))
    }

    fn write(&mut self, start: usize, bytes: &[u8], durable: bool) -> io::Result<()> {
        if !durable {
            self.cached.push((start, bytes.to_vec()));
            return Ok(());
        }
        // It goes past what others left in the cache, and replaces it where they overlap.
        for (from, cached) in &mut self.cached {
            overlay(cached, *from, start, bytes);
        }
        self.platter.write(start, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.cached.drain(..).try_for_each(|(start, bytes)| self.platter.write(start, &bytes))
    }
}

impl Platter {
    fn len(&self) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len()),
            Self::Real(file) => Ok(usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)),
        }
    }

    /// What lies behind the end reads as zeros.
    fn read(&self, start: usize, into: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => overlay(into, start, 0, bytes),
            Self::Real(file) => {
                let mut done = 0;
                while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
                    match file.read_at(rest, (start + done) as u64)? {
                        0 => break,
                        count => done += count,
                    }
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, start: usize, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(content) => {
                if content.len() < start + bytes.len() {
                    content.resize(start + bytes.len(), 0);
                }
                overlay(content, 0, start, bytes);
                Ok(())
            }
            Self::Real(file) => file.write_all_at(bytes, start as u64),
        }
    }
}

/// Copies `from`, which lies at `from_start` of a file, over `to`, which lies at `to_start`, where they overlap.
fn overlay(to: &mut [u8], to_start: usize, from_start: usize, from: &[u8]) {
    let (begin, end) = (to_start.max(from_start), (to_start + to.len()).min(from_start + from.len()));
    if begin >= end {
        return;
    }
    if let (Some(to), Some(from)) =
        (to.get_mut(begin - to_start..end - to_start), from.get(begin - from_start..end - from_start))
    {
        to.copy_from_slice(from);
    }
}

impl FakeRing {
    /// Bytes of a file that is open; with `durable`, only what survives a power cut. `None` where it ends before.
    pub fn file_bytes(&self, fd: Fd, range: Range<usize>, durable: bool) -> Option<Vec<u8>> {
        let bytes = self.files.content(fd)?.read(range.start, range.len(), durable).ok()?;
        Some(bytes).filter(|bytes| bytes.len() == range.len())
    }

    /// Whether a file is open.
    pub fn is_open(&self, fd: Fd) -> bool {
        self.files.content(fd).is_some()
    }

    /// The power fails: whatever is asked for fails from here on, and of what was not synced each write is kept, lost, or kept in part.
    ///
    /// # Errors
    /// When a real file could not be written.
    pub fn cut_power(&mut self) -> io::Result<()> {
        self.powered = false;
        for chain in std::mem::take(&mut self.queue) {
            self.begin(chain);
        }
        for flying in std::mem::take(&mut self.flying) {
            flying.marks().for_each(|mark| self.end_unpowered(mark));
        }
        self.files.cut_power(&mut self.dice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null() -> OwnedFd {
        File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn what_was_not_synced_is_read_and_is_lost_or_torn_by_a_power_cut() {
        let (mut kept, mut lost, mut torn) = (0, 0, 0);
        for seed in 0..40 {
            let mut files = Files::default();
            let fd = files.adopt(null());
            files.write(fd, 0, &[1; 4096], true).unwrap().unwrap();
            files.write(fd, 0, &[2; 4096], false).unwrap().unwrap();
            files.write(fd, 1024, &[3; 512], true).unwrap().unwrap();
            let read = files.read(fd, 0, 9000).unwrap().unwrap();
            assert_eq!((read.len(), read[0], read[1024], read[1536]), (4096, 2, 3, 2));
            files.cut_power(&mut Dice::new(seed)).unwrap();
            let read = files.read(fd, 0, 4096).unwrap().unwrap();
            assert_eq!(read[1024..1536], [3; 512], "what was durable stays");
            match (read[0], read[4095]) {
                (2, 2) => kept += 1,
                (1, 1) => lost += 1,
                (2, 1) => torn += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(kept > 0 && lost > 0 && torn > 0, "{kept}, {lost}, {torn}");
    }

    #[test]
    fn a_sync_makes_all_of_a_file_durable() {
        let mut files = Files::default();
        let fd = files.adopt(null());
        for at in 0..4 {
            files.write(fd, at * 512, &[at as u8; 512], false).unwrap().unwrap();
        }
        let durable = |files: &Files| files.content(fd).unwrap().read(0, 2048, true).unwrap();
        assert!(durable(&files).is_empty());
        files.sync(fd).unwrap().unwrap();
        assert_eq!(durable(&files)[1536], 3);
        assert!(files.close(fd) && !files.close(fd));
    }
}

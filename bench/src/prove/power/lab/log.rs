//! The record that dm-log-writes keeps, as the writes and flushes of a disk.
//!
//! Takes the device of the record, gives its entries in order and where the holds lie. The layout is that of the kernel's
//! `Documentation/admin-guide/device-mapper/log-writes.rst` and `drivers/md/dm-log-writes.c`. A write stands in it only once it is safe, or just
//! before the flush that makes it so; a write that is durable by itself (FUA) is followed by a flush here, since everything before it is.

use std::fs::File;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::hold::{Border, Mark};
use crate::prove::power::recorder::Entry;

const MAGIC: u64 = 0x6a_7366_7773_6872;
const SECTOR: u64 = 512;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
/// No entry is longer.
const ENTRY_SECTORS_MAX: u64 = 1 << 16;

/// A record.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    /// Of each hold, how many entries there were when it began, and when it ended.
    pub(super) holds: Vec<RangeInclusive<usize>>,
}

impl Log {
    /// Reads the record; what was written from `marks_from` on are marks.
    pub(super) fn read(path: &Path, marks_from: u64) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut reader = Reader { file, path, at: 0 };
        let [magic, _version, count, size] = reader.numbers()?;
        // The last one is half as long.
        if magic != MAGIC || size & 0xffff_ffff != SECTOR {
            return Err(format!("{}: no record of dm-log-writes", path.display()));
        }
        let mut log = Self::default();
        for _ in 0..count {
            let [sector, sectors, flags, _length] = reader.numbers()?;
            if flags & (MARK | DISCARD) != 0 {
                continue;
            }
            if flags & FLUSH != 0 {
                log.entries.push(Entry::Flush);
            }
            let bytes = reader.bytes(sectors)?;
            match Mark::of(&bytes) {
                Some(mark) if sector * SECTOR >= marks_from => log.marked(mark)?,
                _ if !bytes.is_empty() => log.entries.push(Entry::Write { at: sector * SECTOR, bytes }),
                _ => {}
            }
            if flags & FUA != 0 {
                log.entries.push(Entry::Flush);
            }
        }
        Ok(log)
    }

    fn marked(&mut self, mark: Mark) -> Result<(), String> {
        let now = self.entries.len();
        let number = usize::try_from(mark.number).unwrap_or(usize::MAX);
        match mark.border {
            Border::Begin if number == self.holds.len() => self.holds.push(now..=now),
            Border::End if number + 1 == self.holds.len() => {
                if let Some(hold) = self.holds.last_mut() {
                    *hold = *hold.start()..=now;
                }
            }
            _ => return Err(format!("{mark:?} is out of its turn behind {} holds", self.holds.len())),
        }
        Ok(())
    }
}

struct Reader<'a> {
    file: File,
    path: &'a Path,
    at: u64,
}

impl Reader<'_> {
    /// The four numbers that a sector begins with.
    fn numbers(&mut self) -> Result<[u64; 4], String> {
        let mut head = [0; 32];
        self.read(&mut head)?;
        self.at += SECTOR;
        let (numbers, _) = head.as_chunks::<8>();
        let mut all = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes));
        Ok(std::array::from_fn(|_| all.next().unwrap_or(0)))
    }

    fn bytes(&mut self, sectors: u64) -> Result<Vec<u8>, String> {
        if sectors > ENTRY_SECTORS_MAX {
            return Err(format!("{}: an entry of {sectors} sectors", self.path.display()));
        }
        let mut bytes = vec![0; usize::try_from(sectors * SECTOR).unwrap_or(0)];
        self.read(&mut bytes)?;
        self.at += sectors * SECTOR;
        Ok(bytes)
    }

    fn read(&self, bytes: &mut [u8]) -> Result<(), String> {
        self.file.read_exact_at(bytes, self.at).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(numbers: [u64; 4]) -> Vec<u8> {
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
        bytes.resize(512, 0);
        bytes
    }

    #[test]
    fn a_record_is_read_in_its_order() {
        let page = |begin: &[u8]| [begin, &vec![0; 512 - begin.len()]].concat();
        let (begin, end) = (page(b"RMQ-hold\0\0\0\0\0"), page(b"RMQ-hold\0\0\0\0\x01"));
        let entries = [
            (sector([8, 1, 0, 0]), page(b"plain")),
            (sector([0, 0, FLUSH, 0]), Vec::new()),
            (sector([0, 0, MARK, 4]), Vec::new()),
            (sector([1000, 1, FUA, 0]), begin),
            (sector([9, 1, FUA | FLUSH, 0]), page(b"durable")),
            (sector([1000, 1, FUA, 0]), end.clone()),
            (sector([0, 64, DISCARD, 0]), Vec::new()),
        ];
        let write = |bytes: &[(Vec<u8>, Vec<u8>)]| {
            let head = sector([MAGIC, 1, bytes.len() as u64, SECTOR]);
            let path = std::env::temp_dir().join(format!("ringmq-record-{}", std::process::id()));
            let all: Vec<u8> = bytes.iter().flat_map(|(head, body)| [head.as_slice(), body].concat()).collect();
            std::fs::write(&path, [head, all].concat()).unwrap();
            let log = Log::read(&path, 1000 * SECTOR);
            std::fs::remove_file(path).unwrap();
            log
        };
        let log = write(&entries).unwrap();
        let put = |at: u64, begin: &[u8]| Entry::Write { at: at * SECTOR, bytes: page(begin) };
        let flush = || Entry::Flush;
        assert_eq!(log.entries, [put(8, b"plain"), flush(), flush(), flush(), put(9, b"durable"), flush(), flush()]);
        assert_eq!(log.holds, [2..=6]);
        assert!(write(&[(sector([1000, 1, FUA, 0]), end)]).is_err(), "an end without a beginning");
    }
}

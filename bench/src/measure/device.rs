//! The counters of the block device under a folder, as the kernel keeps them (`stat` of the device in sysfs).

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::stat::{major, minor};
use serde::{Deserialize, Serialize};

/// Bytes of a sector in `stat`, whatever the device's own sectors are.
const SECTOR: u64 = 512;
/// Counters that did not move for so long, with nothing in flight, will not move for what was asked before.
const STILL: Duration = Duration::from_millis(50);
/// How often they are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A device that is never still is not alone.
const STILL_WITHIN: Duration = Duration::from_secs(20);

/// What the device was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Write requests. Whether a flush counts as one is the kernel's choice.
    pub writes: u64,
    /// Sectors of 512 bytes written.
    pub sectors: u64,
    /// Flush requests.
    pub flushes: u64,
}

impl Counters {
    /// Bytes written.
    pub fn bytes(&self) -> u64 {
        self.sectors * SECTOR
    }

    /// What came since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            writes: self.writes - earlier.writes,
            sectors: self.sectors - earlier.sectors,
            flushes: self.flushes - earlier.flushes,
        }
    }

    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            writes: self.writes + other.writes,
            sectors: self.sectors + other.sectors,
            flushes: self.flushes + other.flushes,
        }
    }
}

impl std::fmt::Display for Counters {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} writes {} sectors {} flushes", self.writes, self.sectors, self.flushes)
    }
}

/// A block device, by the file system on it.
#[derive(Clone, Debug)]
pub struct Device {
    /// A folder of the file system.
    folder: PathBuf,
    stat: PathBuf,
}

impl Device {
    /// The device under this folder.
    ///
    /// # Errors
    ///
    /// A folder that is not there.
    pub fn under(folder: &Path) -> Result<Self, String> {
        let metadata = folder.metadata().map_err(|error| format!("{}: {error}", folder.display()))?;
        let (major, minor) = (major(metadata.dev()), minor(metadata.dev()));
        Ok(Self { folder: folder.to_owned(), stat: PathBuf::from(format!("/sys/dev/block/{major}:{minor}/stat")) })
    }

    /// Has everything written that the file system still holds back, so that it does not come later.
    ///
    /// # Errors
    ///
    /// The kernel's word.
    pub fn sync(&self) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| format!("{} cannot be synced: {error}", self.folder.display());
        let folder = File::open(&self.folder).map_err(|error| failed(&error))?;
        nix::unistd::syncfs(&folder).map_err(|error| failed(&error))
    }

    /// The counters now, whatever is in flight.
    ///
    /// # Errors
    ///
    /// A device without counters, such as none at all (`tmpfs`).
    pub fn now(&self) -> Result<Counters, String> {
        self.read().map(|(counters, _in_flight)| counters)
    }

    /// The counters once they stand still.
    ///
    /// # Errors
    ///
    /// A device without counters, or one that is never still.
    pub fn still(&self) -> Result<Counters, String> {
        let begun = Instant::now();
        let (mut last, mut since) = (self.read()?, begun);
        while last.1 > 0 || since.elapsed() < STILL {
            if begun.elapsed() > STILL_WITHIN {
                return Err(format!("{} is never still: something else writes there", self.stat.display()));
            }
            std::thread::sleep(LOOK_EVERY);
            let now = self.read()?;
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        Ok(last.0)
    }

    /// The counters, and how many requests are in flight.
    fn read(&self) -> Result<(Counters, u64), String> {
        let text = std::fs::read_to_string(&self.stat).map_err(|error| format!("{}: {error}", self.stat.display()))?;
        parse(&text).ok_or_else(|| format!("{} says `{}`", self.stat.display(), text.trim()))
    }
}

/// The fields by their numbers in the kernel's `Documentation/block/stat`, counted from 0.
fn parse(text: &str) -> Option<(Counters, u64)> {
    let fields: Vec<u64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let field = |at: usize| fields.get(at).copied();
    Some((Counters { writes: field(4)?, sectors: field(6)?, flushes: field(15)? }, field(8)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found() {
        let text = "  1 2 3 4   50 6 700 8   9 10 11  12 13 14 15  160 17\n";
        let counters = Counters { writes: 50, sectors: 700, flushes: 160 };
        assert_eq!(parse(text), Some((counters, 9)));
        assert_eq!(parse("1 2 3"), None, "a kernel that counts no flushes");
        assert_eq!(counters.since(&counters), Counters::default());
        assert_eq!(counters.bytes(), 700 * 512);
    }
}

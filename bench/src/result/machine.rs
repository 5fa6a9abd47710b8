//! The machine that a result was measured on, in a few words.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a reader must know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Processors that this process may use.
    pub processors: usize,
    /// The processor's name.
    pub processor: String,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The file system under the measured folder, and its device, as the kernel's table of mounts names them.
    pub file_system: String,
}

impl Machine {
    /// This one, with the file system under `folder`.
    pub fn this(folder: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            processor: named(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_default(),
            memory_bytes: memory(&read("/proc/meminfo")).unwrap_or(0),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&read("/proc/mounts"), folder),
        }
    }
}

fn named(text: &str, name: &str, border: char) -> Option<String> {
    let (key, value) = text.lines().filter_map(|line| line.split_once(border)).find(|(key, _)| key.trim() == name)?;
    let _found = key;
    Some(value.trim().to_owned())
}

fn memory(text: &str) -> Option<u64> {
    let kib: u64 = named(text, "MemTotal", ':')?.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// The longest mount point that the folder lies under.
fn file_system(mounts: &str, folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut best = (0, String::new());
    for line in mounts.lines() {
        let mut words = line.split_whitespace();
        let (Some(device), Some(point), Some(kind)) = (words.next(), words.next(), words.next()) else { continue };
        if folder.starts_with(point) && point.len() >= best.0 {
            best = (point.len(), format!("{kind} on {device}"));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /nowhere tmpfs rw 0 0\n/dev/b /nowhere/else xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/nowhere/else/deep")), "xfs on /dev/b");
        assert_eq!(file_system(mounts, Path::new("/nowhere/elsewhere")), "tmpfs on tmpfs");
        assert_eq!(file_system(mounts, Path::new("/nonsense")), "ext4 on /dev/a");
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(Machine::this(Path::new(".")).memory_bytes > 0);
    }
}

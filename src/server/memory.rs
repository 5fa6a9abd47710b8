//! How much memory the connections of a core may take together.
//!
//! Takes the setting and what the system says of this machine and this process; gives a number of bytes. What cannot be found out
//! limits nothing.

use std::path::Path;

use config::{Auto, ByteSize};

/// What the system describes: the machine, and which group this process is in.
const MACHINE: &str = "/proc/meminfo";
const GROUP: &str = "/proc/self/cgroup";
const GROUPS: &str = "/sys/fs/cgroup";

/// Of a machine that says nothing of its memory.
const UNKNOWN: u64 = 2 << 30;
/// `auto` is this part of the memory.
const PART: u64 = 4;

/// The part of the setting that each core has.
pub(super) fn part(setting: Auto<ByteSize>, cores: u16) -> usize {
    let all = setting.unwrap_or_else(|| ByteSize::new(usable(MACHINE, GROUP, GROUPS) / PART)).bytes();
    usize::try_from(all / u64::from(cores.max(1))).unwrap_or(usize::MAX)
}

/// The memory that this process may use: of the machine, or less where its group or one around that may use less.
fn usable(machine: &str, group: &str, groups: &str) -> u64 {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let machine = read(Path::new(machine)).lines().find_map(total);
    let group = read(Path::new(group));
    let inner = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let inner = Path::new(groups).join(inner.trim().trim_start_matches('/'));
    let around = inner.ancestors().take_while(|folder| folder.starts_with(groups));
    let limits = around.filter_map(|folder| read(&folder.join("memory.max")).trim().parse().ok());
    limits.chain(machine).min().unwrap_or(UNKNOWN)
}

/// The bytes in a line like `MemTotal:   16384 kB`.
fn total(line: &str) -> Option<u64> {
    let kib: u64 = line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_core_has_its_part() {
        assert_eq!(part(Auto::Exactly(ByteSize::new(1 << 30)), 4), 1 << 28);
        assert!(part(Auto::Auto, 1) >= 1 << 20 && part(Auto::Auto, 1) < usize::MAX, "this machine has memory");
    }

    #[test]
    fn the_narrowest_limit_counts() {
        let folder = std::env::temp_dir().join(format!("ringmq-memory-{}", std::process::id()));
        let groups = folder.join("groups");
        std::fs::create_dir_all(groups.join("a/b")).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let usable = || usable(&path("machine"), &path("group"), &path("groups"));
        assert_eq!(usable(), UNKNOWN);
        std::fs::write(folder.join("machine"), "MemTotal:       4096 kB\nMemFree: 1 kB\n").unwrap();
        assert_eq!(usable(), 4 << 20);
        std::fs::write(folder.join("group"), "0::/a/b\n").unwrap();
        std::fs::write(groups.join("a/b/memory.max"), "max\n").unwrap();
        assert_eq!(usable(), 4 << 20);
        std::fs::write(groups.join("a/memory.max"), "1048576\n").unwrap();
        assert_eq!(usable(), 1 << 20, "the group around it");
        std::fs::write(groups.join("memory.max"), "4096\n").unwrap();
        assert_eq!(usable(), 4096);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

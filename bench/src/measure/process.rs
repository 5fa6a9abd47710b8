//! What a process and its children have used: processor time, switches, system calls of the file kind, memory.
//!
//! Takes process ids, gives [`Usage`] read from `/proc`. Processes that end between two looks take their counters along: a peer that
//! works with short-lived children is to be measured by its parent.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What was used up to now, or between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time outside of the kernel, in microseconds.
    pub user_us: u64,
    /// Processor time in the kernel, in microseconds.
    pub system_us: u64,
    /// Times that a thread gave its processor up to wait.
    pub voluntary_switches: u64,
    /// Times that a thread had it taken away.
    pub involuntary_switches: u64,
    /// Bytes that went to the storage layer (`write_bytes` of `/proc/PID/io`), if the kernel tells.
    pub written_bytes: Option<u64>,
    /// Bytes in memory now.
    pub resident_bytes: u64,
    /// The most bytes in memory since the start.
    pub resident_peak_bytes: u64,
    /// Threads now.
    pub threads: u64,
}

impl Usage {
    /// Of these processes and all their children, together.
    ///
    /// # Errors
    ///
    /// A process that is not there.
    pub fn of(pids: &[u32]) -> Result<Self, String> {
        let mut all = Self::default();
        let mut left: Vec<(u32, bool)> = pids.iter().map(|pid| (*pid, true)).collect();
        let mut seen = Vec::new();
        while let Some((pid, is_asked_for)) = left.pop() {
            if seen.contains(&pid) {
                continue;
            }
            seen.push(pid);
            match one(pid) {
                Ok(usage) => all = all.plus(&usage),
                Err(error) if is_asked_for => return Err(error),
                // A child that ended meanwhile.
                Err(_) => {}
            }
            left.extend(children(pid).into_iter().map(|child| (child, false)));
        }
        Ok(all)
    }

    /// Processor time, in microseconds.
    pub fn processor_us(&self) -> u64 {
        self.user_us + self.system_us
    }

    /// What came since `earlier`: counters are subtracted, memory and threads are those of now.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            user_us: self.user_us.saturating_sub(earlier.user_us),
            system_us: self.system_us.saturating_sub(earlier.system_us),
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self.involuntary_switches.saturating_sub(earlier.involuntary_switches),
            written_bytes: self.written_bytes.zip(earlier.written_bytes).map(|(now, then)| now.saturating_sub(then)),
            ..*self
        }
    }

    fn plus(&self, other: &Self) -> Self {
        let threads = self.threads + other.threads;
        Self {
            user_us: self.user_us + other.user_us,
            system_us: self.system_us + other.system_us,
            voluntary_switches: self.voluntary_switches + other.voluntary_switches,
            involuntary_switches: self.involuntary_switches + other.involuntary_switches,
            // The first one counts with nothing; later on one that cannot be read spoils the sum.
            written_bytes: match (self.threads, self.written_bytes, other.written_bytes) {
                (0, _, other) => other,
                (_, one, other) => one.zip(other).map(|(one, other)| one + other),
            },
            resident_bytes: self.resident_bytes + other.resident_bytes,
            resident_peak_bytes: self.resident_peak_bytes + other.resident_peak_bytes,
            threads,
        }
    }
}

fn one(pid: u32) -> Result<Usage, String> {
    let read = |name: &str| {
        let path = PathBuf::from(format!("/proc/{pid}/{name}"));
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let status = read("status")?;
    let stat = read("stat")?;
    let (user, system) = times(&stat).ok_or_else(|| format!("/proc/{pid}/stat says `{}`", stat.trim()))?;
    let tick_us = 1_000_000 / ticks_per_second();
    let (voluntary_switches, involuntary_switches) = switches(pid);
    Ok(Usage {
        user_us: user * tick_us,
        system_us: system * tick_us,
        voluntary_switches,
        involuntary_switches,
        written_bytes: read("io").ok().and_then(|text| field(&text, "write_bytes")),
        resident_bytes: field(&status, "VmRSS").unwrap_or(0) * 1024,
        resident_peak_bytes: field(&status, "VmHWM").unwrap_or(0) * 1024,
        threads: field(&status, "Threads").unwrap_or(0),
    })
}

/// The switches of all threads: the kernel keeps them for each.
fn switches(pid: u32) -> (u64, u64) {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok());
    texts.fold((0, 0), |(voluntary, involuntary), text| {
        (
            voluntary + field(&text, "voluntary_ctxt_switches").unwrap_or(0),
            involuntary + field(&text, "nonvoluntary_ctxt_switches").unwrap_or(0),
        )
    })
}

fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    texts.flat_map(|text| text.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// The number behind `name:` in a file of such lines.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

/// `utime` and `stime` in ticks: fields 14 and 15 of proc(5), counted behind the name, which may have any characters in it.
fn times(stat: &str) -> Option<(u64, u64)> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn ticks_per_second() -> u64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
    ticks.and_then(|ticks| u64::try_from(ticks).ok()).filter(|ticks| *ticks > 0).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_bracket_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 1 2 3 4 150 25 0 0 20 0 3 0 100";
        assert_eq!(times(stat), Some((150, 25)));
        assert_eq!(times("7 (a"), None);
    }

    #[test]
    fn this_process_uses_something() {
        let before = Usage::of(&[std::process::id()]).unwrap();
        assert!(before.resident_bytes > 100_000 && before.threads >= 1, "{before:?}");
        let mut sum = 0u64;
        let spent = loop {
            sum = std::hint::black_box((0..1_000_000u64).fold(sum, u64::wrapping_add));
            let now = Usage::of(&[std::process::id()]).unwrap().since(&before);
            if now.processor_us() > 0 {
                break now;
            }
        };
        assert!(spent.processor_us() >= 10_000, "less than a tick: {spent:?}");
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        let error = Usage::of(&[u32::MAX]).unwrap_err();
        assert!(error.contains("/proc/4294967295"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_spoils_the_sum() {
        let told = Usage { written_bytes: Some(5), threads: 1, ..Usage::default() };
        let untold = Usage { written_bytes: None, threads: 1, ..Usage::default() };
        assert_eq!(Usage::default().plus(&told).plus(&told).written_bytes, Some(10));
        assert_eq!(Usage::default().plus(&told).plus(&untold).written_bytes, None);
    }
}

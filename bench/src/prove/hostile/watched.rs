//! What the kernel says about the broker's process: its memory, its processor time, its sockets.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// A process that is watched.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pid: u32,
    clock: ClockId,
}

impl Watched {
    /// The process with this id.
    pub(super) fn new(pid: u32) -> Result<Self, String> {
        let own = i32::try_from(pid).map_err(|error| error.to_string())?;
        let clock = clock_getcpuclockid(Pid::from_raw(own))
            .map_err(|error| format!("the processor time of {pid} cannot be read: {error}"))?;
        Ok(Self { pid, clock })
    }

    /// Bytes of memory that it has in use now, what it shares with other processes in part.
    pub(super) fn memory(&self) -> Result<u64, String> {
        self.field("smaps_rollup", "Pss:")
    }

    /// The most that it has ever had.
    pub(super) fn peak(&self) -> Result<u64, String> {
        self.field("status", "VmHWM:")
    }

    /// Processor time of all its threads so far.
    pub(super) fn processor_time(&self) -> Result<Duration, String> {
        self.clock.now().map(Duration::from).map_err(|error| format!("the processor time of {}: {error}", self.pid))
    }

    /// Its open sockets.
    pub(super) fn sockets(&self) -> Result<usize, String> {
        let path = self.path("fd");
        let entries = std::fs::read_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let targets = entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        Ok(targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count())
    }

    fn field(&self, file: &str, name: &str) -> Result<u64, String> {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        kibibytes(&text, name).map(|kib| kib * 1024).ok_or_else(|| format!("{} has no {name}", path.display()))
    }

    fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid))
    }
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Lets this process, and those that it starts, have as many open files as the system allows.
pub(super) fn raise_descriptors(wanted: u64) -> Result<(), String> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    // Between a look and a change nobody else may change it: it would go down again.
    static CHANGING: Mutex<()> = Mutex::new(());
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = |error: nix::errno::Errno| format!("the limit of open files: {error}");
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    if soft >= wanted {
        return Ok(());
    }
    // Only root may go beyond the hard limit.
    let most = wanted.max(hard);
    if setrlimit(Resource::RLIMIT_NOFILE, most, most).is_ok() || hard >= wanted {
        return setrlimit(Resource::RLIMIT_NOFILE, wanted, most.min(hard).max(wanted)).map_err(failed);
    }
    Err(format!(
        "{wanted} open files are wanted and {hard} allowed: run `ulimit -Hn {wanted}` as root, or ask for fewer with --scale"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_watched() {
        let watched = Watched::new(std::process::id()).unwrap();
        let (before, began) = (watched.memory().unwrap(), watched.processor_time().unwrap());
        let block = vec![1_u8; 32 << 20];
        let grown = watched.memory().unwrap() - before;
        assert!(
            (24 << 20..64 << 20).contains(&grown),
            "{grown} of {}",
            block.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        );
        assert!(watched.processor_time().unwrap() > began);
        assert!(watched.peak().unwrap() >= before + grown);
        let sockets = watched.sockets().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(watched.sockets().unwrap() > sockets, "{listener:?}");
    }

    #[test]
    fn the_fields_are_found() {
        assert_eq!(kibibytes("Rss:    12 kB\nPss:            34 kB\nPss_Dirty: 5 kB\n", "Pss:"), Some(34));
        assert_eq!(kibibytes("VmRSS:\t 7 kB", "VmHWM:"), None);
    }
}

//! What the kernel says about the broker's process: its memory, its processor time, its sockets.

use std::path::PathBuf;
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_can_be_watched() {
        // One of its own: this one has other tests in it, which take and give memory meanwhile.
        let text = "echo; read go; held=$(head -c 33554432 /dev/zero | tr '\\0' x); echo; read end";
        let (socket, input) = UnixStream::pair().unwrap();
        let mut command = Command::new("sh");
        let mut shell = command.args(["-c", text]).stdin(OwnedFd::from(input)).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        let watched = Watched::new(shell.id()).unwrap();
        let (before, began) = (watched.memory().unwrap(), watched.processor_time().unwrap());
        (&socket).write_all(b"go\n").unwrap();
        lines.next().unwrap().unwrap();
        let grown = watched.memory().unwrap().saturating_sub(before);
        assert!((24 << 20..128 << 20).contains(&grown), "{grown}");
        assert!(watched.processor_time().unwrap() > began);
        assert!(watched.peak().unwrap() >= before + (24 << 20));
        assert_eq!(watched.sockets().unwrap(), 1);
        drop(socket);
        shell.wait().unwrap();
    }

    #[test]
    fn the_fields_are_found() {
        assert_eq!(kibibytes("Rss:    12 kB\nPss:            34 kB\nPss_Dirty: 5 kB\n", "Pss:"), Some(34));
        assert_eq!(kibibytes("VmRSS:\t 7 kB", "VmHWM:"), None);
    }
}

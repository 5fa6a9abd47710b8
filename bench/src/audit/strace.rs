//! Flushes of a store as `strace` sees them, with their times.
//!
//! Takes process ids and a store's folder, gives each call that makes something in the store durable: `fsync`, `fdatasync`, `syncfs`, `sync`,
//! `msync` with `MS_SYNC`, and writes that are durable by themselves (a file opened with `O_SYNC` or `O_DSYNC`, `RWF_DSYNC`, `RWF_SYNC`).
//! `sync_file_range` makes nothing durable.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::measure::identity;

/// Calls that are looked at.
const CALLS: &str = "fsync,fdatasync,syncfs,sync,msync,write,writev,pwrite64,pwritev,pwritev2,openat";
/// What an attachment may take: a runtime has many threads.
const ATTACHED_WITHIN: Duration = Duration::from_secs(30);

/// One flush, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flush {
    pub(super) begun_us: u64,
    pub(super) done_us: u64,
}

/// An attached `strace`.
#[derive(Debug)]
pub(super) struct Strace {
    child: Child,
    log: PathBuf,
    reader: Reader,
}

impl Strace {
    /// Attaches to these processes and all that they have started.
    pub(super) fn attach(pids: &[u32], store: &Path, log: &Path) -> Result<Self, String> {
        let all: BTreeSet<u32> = pids.iter().flat_map(|pid| identity::tree(*pid)).map(|process| process.pid).collect();
        let synced = synced_files(&all, store);
        let mut command = Command::new("strace");
        command.args(["-f", "-ttt", "-T", "-y", "-s", "0", "-e"]).arg(format!("trace={CALLS}")).arg("-o").arg(log);
        command.args(all.iter().flat_map(|pid| ["-p".to_owned(), pid.to_string()]));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child =
            child.map_err(|error| format!("strace cannot be run: {error} (Debian: apt-get install strace)"))?;
        let said = child.stderr.take();
        let reader = Reader { store: store.to_string_lossy().into_owned(), synced };
        let strace = Self { child, log: log.to_owned(), reader };
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let lines = said.into_iter().flat_map(|said| BufReader::new(said).lines().map_while(Result::ok));
            lines.for_each(|line| drop(sender.send(line)));
        });
        let begun = Instant::now();
        let mut attached = 0;
        while attached < all.len() {
            match lines.recv_timeout(ATTACHED_WITHIN.saturating_sub(begun.elapsed())) {
                Ok(line) if line.contains(" attached") => attached += 1,
                Ok(line) => return Err(format!("strace cannot look at the target: {line}")),
                Err(_) => return Err("strace does not come to look at the target".to_owned()),
            }
        }
        Ok(strace)
    }

    /// Lets the processes go, and gives what was seen.
    pub(super) fn detach(mut self) -> Result<Vec<Flush>, String> {
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw).map_err(|error| error.to_string())?;
        kill(pid, Signal::SIGINT).map_err(|error| format!("strace cannot be ended: {error}"))?;
        self.child.wait().map_err(|error| format!("cannot wait for strace: {error}"))?;
        let text = std::fs::read(&self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        Ok(self.reader.flushes(&String::from_utf8_lossy(&text)))
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Ended already, unless something went wrong on the way. It lets go of what it looked at when it is interrupted.
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw);
        if matches!(self.child.try_wait(), Ok(None)) {
            let _gone = pid.map(|pid| kill(pid, Signal::SIGINT));
        }
        let _reaped = self.child.wait();
    }
}

/// Files in the store that are open for writes that are durable by themselves.
fn synced_files(pids: &BTreeSet<u32>, store: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for pid in pids {
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let Ok(path) = std::fs::read_link(entry.path()) else { continue };
            let info = format!("/proc/{pid}/fdinfo/{}", entry.file_name().to_string_lossy());
            let is_synced = std::fs::read_to_string(info).is_ok_and(|text| has_sync_flag(&text));
            if is_synced && path.starts_with(store) {
                found.insert(path.to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// `O_DSYNC`, which `O_SYNC` contains, in the octal `flags:` of `/proc/PID/fdinfo`.
fn has_sync_flag(fdinfo: &str) -> bool {
    let flags = fdinfo.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & nix::libc::O_DSYNC != 0)
}

/// Reads what `strace -f -ttt -T -y` writes.
#[derive(Debug)]
struct Reader {
    store: String,
    synced: BTreeSet<String>,
}

impl Reader {
    fn flushes(&self, text: &str) -> Vec<Flush> {
        // What each thread is in the midst of: when it began, and whether it counts.
        let mut open: HashMap<&str, (u64, bool)> = HashMap::new();
        let mut synced = self.synced.clone();
        let mut found = Vec::new();
        for line in text.lines() {
            let Some((thread, at_us, call)) = parts(line) else { continue };
            if call.starts_with("<... ") {
                let begun = open.remove(thread).filter(|(_, counts)| *counts);
                let begun = begun.filter(|_| has_succeeded(call));
                found.extend(begun.map(|(begun_us, _)| Flush { begun_us, done_us: at_us }));
            } else if call.ends_with("<unfinished ...>") {
                open.insert(thread, (at_us, self.is_flush(call, &synced)));
            } else if let Some(path) = opened_synced(call) {
                synced.insert(path.to_owned());
            } else if self.is_flush(call, &synced) && has_succeeded(call) {
                found.push(Flush { begun_us: at_us, done_us: at_us + lasted_us(call) });
            }
        }
        found
    }

    /// Does this call make something in the store durable?
    fn is_flush(&self, call: &str, synced: &BTreeSet<String>) -> bool {
        let Some((name, arguments)) = call.split_once('(') else { return false };
        match name {
            "sync" => true,
            "msync" => arguments.contains("MS_SYNC"),
            "fsync" | "fdatasync" | "syncfs" => path_of(arguments).is_some_and(|path| self.is_in_store(path)),
            "pwritev2" if arguments.contains("RWF_DSYNC") || arguments.contains("RWF_SYNC") => {
                path_of(arguments).is_some_and(|path| self.is_in_store(path))
            }
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => {
                path_of(arguments).is_some_and(|path| self.is_in_store(path) && synced.contains(path))
            }
            _ => false,
        }
    }

    fn is_in_store(&self, path: &str) -> bool {
        path.strip_prefix(self.store.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Thread, time and call of a line.
fn parts(line: &str) -> Option<(&str, u64, &str)> {
    let (thread, rest) = line.trim_start().split_once(' ')?;
    let (at, call) = rest.trim_start().split_once(' ')?;
    Some((thread, microseconds(at)?, call.trim()))
}

/// The file in `15</path/of/it>`, the first argument.
fn path_of(arguments: &str) -> Option<&str> {
    let (_, rest) = arguments.split_once('<')?;
    Some(rest.split_once('>')?.0)
}

/// The file that this call has opened for writes that are durable by themselves.
fn opened_synced(call: &str) -> Option<&str> {
    let (arguments, result) = call.strip_prefix("openat(")?.rsplit_once(" = ")?;
    let is_synced = arguments.contains("O_DSYNC") || arguments.contains("O_SYNC");
    path_of(result).filter(|_| is_synced)
}

fn has_succeeded(call: &str) -> bool {
    call.rsplit_once(" = ").is_some_and(|(_, result)| !result.trim_start().starts_with('-'))
}

/// The `<0.000123>` at the end of a line.
fn lasted_us(call: &str) -> u64 {
    let time = call.strip_suffix('>').and_then(|call| call.rsplit_once('<'));
    time.and_then(|(_, time)| microseconds(time)).unwrap_or(0)
}

/// `12.345678` in millionths.
fn microseconds(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.')?;
    let micros: u64 = fraction.parse().ok().filter(|_| fraction.len() == 6)?;
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        Reader { store: "/s/data".to_owned(), synced: BTreeSet::from(["/s/data/log".to_owned()]) }
    }

    #[test]
    fn flushes_of_the_store_are_found_with_their_times() {
        let text = "71 100.000010 fdatasync(15</s/data/a.amq>) = 0 <0.000200>\n\
                    72 100.000500 fsync(3</s/data/b> <unfinished ...>\n\
                    71 100.000600 fdatasync(9</elsewhere/x>) = 0 <0.000100>\n\
                    72 100.000900 <... fsync resumed>)         = 0 <0.000400>\n\
                    71 100.001000 fdatasync(15</s/data/a.amq>) = -1 EIO (Input/output error) <0.000100>\n\
                    72 100.002000 sync_file_range(15</s/data/a.amq>, 0, 4096, SYNC_FILE_RANGE_WRITE) = 0 <0.000100>\n\
                    72 100.002000 fsync(15</s/database/a>) = 0 <0.000100>\n\
                    --- SIGCHLD ---\n";
        let expected = [(100_000_010, 100_000_210), (100_000_500, 100_000_900)];
        let expected = expected.map(|(begun_us, done_us)| Flush { begun_us, done_us });
        assert_eq!(reader().flushes(text), expected);
    }

    #[test]
    fn threads_do_not_end_each_others_calls() {
        let text = "1 1.000000 fsync(3</s/data/b> <unfinished ...>\n\
                    2 1.000001 openat(AT_FDCWD</x>, \"\"..., O_RDONLY <unfinished ...>\n\
                    2 1.000002 <... openat resumed>) = 4</x/y> <0.000001>\n\
                    1 1.000009 <... fsync resumed>) = 0 <0.000009>\n";
        assert_eq!(reader().flushes(text), [Flush { begun_us: 1_000_000, done_us: 1_000_009 }]);
    }

    #[test]
    fn writes_count_where_they_are_durable_by_themselves() {
        let text = "1 1.000000 pwrite64(3</s/data/log>, \"\"..., 4096, 0) = 4096 <0.000005>\n\
                    1 1.000010 pwrite64(4</s/data/other>, \"\"..., 4096, 0) = 4096 <0.000005>\n\
                    1 1.000020 pwritev2(4</s/data/other>, [{iov_base=\"\"..., iov_len=9}], 1, 0, RWF_DSYNC) = 9 <0.000005>\n\
                    1 1.000030 pwritev2(4</s/data/other>, [{iov_base=\"\"..., iov_len=9}], 1, 0, 0) = 9 <0.000005>\n\
                    1 1.000040 msync(0x7f, 4096, MS_SYNC) = 0 <0.000005>\n\
                    1 1.000050 msync(0x7f, 4096, MS_ASYNC) = 0 <0.000005>\n";
        let at: Vec<u64> = reader().flushes(text).iter().map(|flush| flush.begun_us).collect();
        assert_eq!(at, [1_000_000, 1_000_020, 1_000_040]);
    }

    #[test]
    fn files_that_are_opened_meanwhile_count_too() {
        let text = "1 1.000000 openat(AT_FDCWD</x>, \"\"..., O_RDWR|O_DSYNC) = 5</s/data/new> <0.000009>\n\
                    1 1.000010 openat(AT_FDCWD</x>, \"\"..., O_RDWR) = 6</s/data/plain> <0.000009>\n\
                    1 1.000020 write(5</s/data/new>, \"\"..., 9) = 9 <0.000005>\n\
                    1 1.000030 write(6</s/data/plain>, \"\"..., 9) = 9 <0.000005>\n";
        assert_eq!(reader().flushes(text), [Flush { begun_us: 1_000_020, done_us: 1_000_025 }]);
    }

    #[test]
    fn flags_of_open_files_are_read() {
        assert!(has_sync_flag("pos:\t0\nflags:\t02110002\nmnt_id:\t1\n"), "O_DSYNC");
        assert!(has_sync_flag("flags:\t06010002\n"), "O_SYNC");
        assert!(!has_sync_flag("pos:\t0\nflags:\t02100002\n"));
        assert!(!has_sync_flag("nothing"));
    }
}

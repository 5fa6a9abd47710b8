//! A process by its id and the time of its start, so that an id that was given away again is never signalled.
//!
//! Takes ids, reads `/proc`. Must stay true: a signal goes to a process that is still the one that was noted, or to none.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// How often an ending process is looked at: who is not its parent cannot wait for it.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One process, and no other that gets its id later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id.
    pub pid: u32,
    /// When it began, in ticks since the boot.
    pub started: u64,
}

impl Identity {
    /// Of the process that has this id now.
    pub fn of(pid: u32) -> Option<Self> {
        let (_, started) = look(pid)?;
        Some(Self { pid, started })
    }

    /// Is it still there, and not only waited for by its parent?
    pub fn is_alive(&self) -> bool {
        look(self.pid).is_some_and(|(state, started)| started == self.started && !matches!(state, 'Z' | 'X'))
    }

    /// Is it stopped, or gone?
    pub fn stands(&self) -> bool {
        look(self.pid).is_none_or(|(state, started)| started != self.started || matches!(state, 'T' | 'Z' | 'X'))
    }

    /// Signals it, if it is still there. True: it was.
    pub fn signal(&self, signal: Signal) -> bool {
        let pid = i32::try_from(self.pid).map(Pid::from_raw);
        self.is_alive() && pid.is_ok_and(|pid| kill(pid, signal).is_ok())
    }

    /// Waits for its end. False: it is still there after this time.
    pub fn ended_within(&self, within: Duration) -> bool {
        let begun = Instant::now();
        while self.is_alive() {
            if begun.elapsed() > within {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }
}

/// The process and all that it has started, itself first.
pub fn tree(pid: u32) -> Vec<Identity> {
    let mut found: Vec<Identity> = Vec::new();
    let mut left = vec![pid];
    while let Some(pid) = left.pop() {
        if found.iter().all(|known| known.pid != pid) {
            found.extend(Identity::of(pid));
            left.extend(children(pid));
        }
    }
    found
}

/// Signals each of them that is still there.
pub fn signal(all: &[Identity], signal: Signal) {
    for process in all {
        process.signal(signal);
    }
}

fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    texts.flat_map(|text| text.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u32>>()).collect()
}

fn look(pid: u32) -> Option<(char, u64)> {
    let stat = std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).ok()?;
    state_and_start(&stat)
}

/// Fields 3 and 22 of proc(5), counted behind the name, which may have any characters in it.
fn state_and_start(stat: &str) -> Option<(char, u64)> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) (b) S 1 7 7 0 -1 4194304 1 2 3 4 150 25 0 0 20 0 3 0 4711 99";
        assert_eq!(state_and_start(stat), Some(('S', 4711)));
        assert_eq!(state_and_start("7 (a"), None);
    }

    #[test]
    fn another_process_with_the_same_id_is_left_alone() {
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        let other = Identity { started: identity.started + 1, ..identity };
        assert!(!other.is_alive() && !other.signal(Signal::SIGKILL));
        assert!(identity.is_alive(), "it was not the one");
        assert_eq!(tree(std::process::id()).iter().filter(|found| **found == identity).count(), 1, "a child is found");
        assert!(identity.signal(Signal::SIGKILL));
        assert!(
            identity.ended_within(Duration::from_secs(60)),
            "one that its parent has not waited for counts as ended"
        );
        child.wait().unwrap();
        assert!(!identity.signal(Signal::SIGKILL));
    }
}

//! The instance that was started by hand, as a file in the peer's home, so that a later call of this program can end it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::measure::identity::{self, Identity};
use crate::targets::Running;

/// What an end may take before it is a kill.
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// What is left of it goes at once.
const KILL_WITHIN: Duration = Duration::from_secs(5);

/// A running instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Its process; what that has started is found by it.
    pub process: Identity,
    /// Its port on loopback.
    pub port: u16,
    /// The queue that it has.
    pub queue: String,
    /// Its log.
    pub log: PathBuf,
}

impl Started {
    /// Of what was just started.
    pub(super) fn of(running: &Running, queue: &str) -> Result<Self, String> {
        let process = running.pids().first().copied().and_then(Identity::of);
        let process = process.ok_or("the process has ended already")?;
        let way = running.way();
        Ok(Self { process, port: way.port, queue: queue.to_owned(), log: way.log.clone() })
    }

    /// The one that is noted, if its process is still that one.
    pub(super) fn read(home: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path(home)).ok()?;
        serde_json::from_str::<Self>(&text).ok().filter(|started| started.process.is_alive())
    }

    pub(super) fn write(&self, home: &Path) -> Result<(), String> {
        let text = serde_json::to_string(self).map_err(|error| error.to_string())?;
        std::fs::write(path(home), text).map_err(|error| format!("{}: {error}", path(home).display()))
    }

    /// SIGTERM, then SIGKILL for what is left of it and of what it had started.
    pub(super) fn stop(&self, home: &Path) -> Result<(), String> {
        let all = identity::tree(self.process.pid);
        identity::signal(&all, Signal::SIGCONT);
        self.process.signal(Signal::SIGTERM);
        let in_time = self.process.ended_within(STOP_WITHIN);
        identity::signal(&all, Signal::SIGKILL);
        if let Some(left) = all.iter().find(|process| !process.ended_within(KILL_WITHIN)) {
            return Err(format!("process {} cannot be ended", left.pid));
        }
        std::fs::remove_file(path(home)).map_err(|error| format!("{}: {error}", path(home).display()))?;
        if in_time {
            Ok(())
        } else {
            Err(format!("it did not end within {STOP_WITHIN:?} and was killed; its log is {}", self.log.display()))
        }
    }

    /// SIGSTOP to it and all that it has started: none of it takes a processor.
    pub fn pause(&self) {
        identity::signal(&identity::tree(self.process.pid), Signal::SIGSTOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        identity::signal(&identity::tree(self.process.pid), Signal::SIGCONT);
    }
}

fn path(home: &Path) -> PathBuf {
    home.join("running.json")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::targets::Way;

    /// Something that runs like a peer.
    fn running(home: &Path) -> Running {
        let child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        Running::new(child, Way { port: 1, store: home.to_owned(), log: home.join("log") })
    }

    #[test]
    fn what_was_started_is_found_again_paused_and_ended() {
        let home = std::env::temp_dir().join(format!("ringmq-record-{}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let running = running(&home);
        let started = Started::of(&running, "q").unwrap();
        started.write(&home).unwrap();
        assert_eq!(Started::read(&home), Some(started.clone()));
        started.pause();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", started.process.pid)).unwrap();
        while !state().contains(") T ") {
            std::thread::yield_now();
        }
        started.stop(&home).unwrap();
        assert!(!started.process.is_alive(), "a paused one ends, too");
        assert_eq!(Started::read(&home), None);
        drop(running);
        std::fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_note_about_another_process_does_not_count() {
        let home = std::env::temp_dir().join(format!("ringmq-record-other-{}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let running = running(&home);
        let mut started = Started::of(&running, "q").unwrap();
        started.process.started += 1;
        started.write(&home).unwrap();
        assert_eq!(Started::read(&home), None);
        drop(running);
        std::fs::remove_dir_all(home).unwrap();
    }
}

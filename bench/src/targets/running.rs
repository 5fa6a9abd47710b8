//! A target that runs: its processes, its port, and its end.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::floor::Durability;
use crate::measure::identity::{self, Identity};

/// How often a stopping process is looked at: there is no other way to wait for an exit with a bound.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What a signal may take to arrive.
const STAND_WITHIN: Duration = Duration::from_secs(2);
/// What a stop may take before it is a kill: peers with a runtime of their own write much at their end.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// How a client reaches it.
#[derive(Clone, Debug)]
pub struct Way {
    /// The port on loopback.
    pub port: u16,
    /// The folder of its store: the device under it is counted.
    pub store: PathBuf,
    /// Its log.
    pub log: PathBuf,
}

/// A running target.
#[derive(Debug)]
pub struct Running {
    child: Child,
    way: Way,
    /// How its store syncs, if it said so.
    sync: Option<Durability>,
}

impl Running {
    /// Takes the process over.
    pub fn new(child: Child, way: Way) -> Self {
        Self { child, way, sync: None }
    }

    /// The same, with how its store syncs.
    #[must_use]
    pub fn with_sync(mut self, sync: Option<Durability>) -> Self {
        self.sync = sync;
        self
    }

    /// How its store makes a write durable, if it said so.
    pub fn sync(&self) -> Option<Durability> {
        self.sync
    }

    /// How a client reaches it.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.way.port
    }

    /// The folder of its store.
    pub fn store(&self) -> &Path {
        &self.way.store
    }

    /// Its processes, of which the children are found by whoever counts.
    pub fn pids(&self) -> Vec<u32> {
        vec![self.child.id()]
    }

    /// SIGSTOP to all of its processes, and a wait until they stand: none takes a processor until [`Running::resume`].
    pub fn pause(&self) {
        let all = self.tree();
        identity::signal(&all, Signal::SIGSTOP);
        let begun = Instant::now();
        // The signal is only noted at first; a thread in the kernel stops when it comes back from there.
        while !all.iter().all(Identity::stands) && begun.elapsed() < STAND_WITHIN {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// SIGCONT.
    pub fn resume(&self) {
        identity::signal(&self.tree(), Signal::SIGCONT);
    }

    /// SIGKILL, and a wait for the end.
    ///
    /// # Errors
    ///
    /// A process that cannot be waited for.
    pub fn kill(mut self) -> Result<(), String> {
        identity::signal(&self.tree(), Signal::SIGKILL);
        self.child.wait().map(drop).map_err(|error| format!("cannot wait for the target: {error}"))
    }

    /// SIGTERM, and a wait for the end; what it leaves behind of its own processes is killed.
    ///
    /// # Errors
    ///
    /// It did not end in time, and was killed.
    pub fn stop(mut self) -> Result<(), String> {
        self.resume();
        let all = self.tree();
        identity::signal(all.get(..1).unwrap_or_default(), Signal::SIGTERM);
        let begun = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(_status)) => {
                    identity::signal(&all, Signal::SIGKILL);
                    return Ok(());
                }
                Ok(None) if begun.elapsed() < STOP_WITHIN => std::thread::sleep(LOOK_EVERY),
                Ok(None) => return Err(format!("process {} did not end within {STOP_WITHIN:?}", self.child.id())),
                Err(error) => return Err(format!("cannot wait for process {}: {error}", self.child.id())),
            }
        }
    }

    /// Has it ended by itself? Then with what.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("it ended by itself with {status}; its log is {}", self.way.log.display()))
    }

    /// Itself first. One that has ended and was waited for has nothing left.
    fn tree(&self) -> Vec<Identity> {
        identity::tree(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, unless something went wrong on the way. A child that was waited for is not looked for by its id.
        if matches!(self.child.try_wait(), Ok(None)) {
            identity::signal(&self.tree(), Signal::SIGKILL);
        }
        let _reaped = self.child.wait();
    }
}

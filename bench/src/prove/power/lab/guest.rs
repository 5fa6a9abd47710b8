//! A guest: one process and its children, in a session of their own, that end when they are told to, or by themselves after a while.
//!
//! Owns the processes; a dropped guest is killed. The only folder of the host that a guest writes to is its *window*. Must stay true: when
//! [`Guest::kill`] returns, none of its processes is left that could still write to a disk.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::place::{FOLDERS, Lab};
use super::work::Work;
use crate::prove::kill9::broker::empty;

/// A guest that has not done its work by then has hung. A busy machine needs a multiple of what a free one does.
const LIMIT: Duration = Duration::from_secs(400);
/// Killed processes are gone by then.
const GONE_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Lines of the console that an error shows.
const LINES_SHOWN: usize = 15;
const MEMORY: &str = "mem=384M";

#[derive(Debug)]
pub(super) struct Guest {
    child: Child,
    window: PathBuf,
    console: PathBuf,
    begun: Instant,
}

impl Guest {
    /// Boots one with these disks; `bench` does the work that lies in its window, `directory/window`.
    pub(super) fn boot(
        lab: &Lab,
        bench: &Path,
        directory: &Path,
        work: &Work,
        disks: &[&Path],
    ) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
        let (window, state) = (directory.join("window"), directory.join("state"));
        let console = directory.join("console.log");
        empty(&state)?;
        std::fs::create_dir_all(&window).and_then(|()| std::fs::create_dir_all(&state)).map_err(failed)?;
        for old in ["code", "open", "out"] {
            // Of the life before.
            let _none = std::fs::remove_file(window.join(old));
        }
        work.write(&window)?;
        let out = File::create(&console).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let folders: Vec<&str> = FOLDERS.to_vec();
        let path = format!("{}/sbin:{}", lab.tools.display(), folders.join(":"));
        let mut command = Command::new("setsid");
        command.arg(&lab.kernel).args([MEMORY, "umid=guest", "root=none", "rootfstype=hostfs", "rootflags=/", "ro"]);
        command.args(["con=null", "con0=null,fd:1", "quiet"]);
        command.args([named("uml_dir", &state), named("init", &lab.init), named("lab_window", &window)]);
        command.args([named("lab_bench", bench), named("lab_libraries", &lab.tools.join("lib"))]);
        command.args([format!("lab_path={path}"), format!("lab_seconds={}", LIMIT.as_secs())]);
        command.args(disks.iter().enumerate().map(|(number, disk)| named(&format!("ubd{number}"), disk)));
        command.env("LD_PRELOAD", &lab.state).stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(|error| format!("setsid cannot be run: {error}"))?;
        Ok(Self { child, window, console, begun: Instant::now() })
    }

    /// Waits until it has done its work.
    pub(super) fn finished(&mut self) -> Result<(), String> {
        self.told("code")?;
        match std::fs::read_to_string(self.window.join("code")).unwrap_or_default().trim() {
            "0" => Ok(()),
            code => Err(format!("the guest's work ended with {code}: {}", self.said())),
        }
    }

    /// Waits until it holds, or fails.
    pub(super) fn holds(&mut self) -> Result<(), String> {
        self.told("open")
    }

    fn told(&mut self, name: &str) -> Result<(), String> {
        loop {
            if self.window.join(name).exists() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().map_err(|error| format!("cannot wait for a guest: {error}"))? {
                return Err(format!("the guest ended with {status}: {}", self.said()));
            }
            if self.window.join("code").exists() {
                return Err(format!("the guest's work ended: {}", self.said()));
            }
            if self.begun.elapsed() > LIMIT {
                return Err(format!("the guest has not done its work within {LIMIT:?}: {}", self.said()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// SIGKILL for all of it, as sudden as a power cut.
    pub(super) fn kill(&mut self) -> Result<(), String> {
        let session = self.child.id();
        let begun = Instant::now();
        loop {
            let processes = processes_of(session);
            for process in &processes {
                // It may have gone meanwhile.
                let _gone = kill(*process, Signal::SIGKILL);
            }
            let _reaped = self.child.try_wait();
            if processes.is_empty() {
                return Ok(());
            }
            if begun.elapsed() > GONE_WITHIN {
                return Err(format!(
                    "processes of a guest are left {GONE_WITHIN:?} after they were killed: {processes:?}"
                ));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn said(&self) -> String {
        let end = |path: &Path| {
            let text = std::fs::read(path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            lines.get(lines.len().saturating_sub(LINES_SHOWN)..).unwrap_or_default().join("\n")
        };
        format!("{}\n{}", end(&self.window.join("out")), end(&self.console))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Gone already, unless something went wrong on the way.
        let _gone = self.kill();
        let _reaped = self.child.wait();
    }
}

fn named(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

/// The living processes of a session.
fn processes_of(session: u32) -> Vec<Pid> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|number| is_of(*number, session)).map(Pid::from_raw).collect()
}

fn is_of(process: i32, session: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return false };
    // The name before it may contain anything.
    let Some((_, rest)) = text.rsplit_once(')') else { return false };
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // State, parent, group, session.
    fields.first().is_some_and(|state| *state != "Z") && fields.get(3).is_some_and(|it| *it == session.to_string())
}

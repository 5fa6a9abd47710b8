//! Runs the ordinary clients of package registries, shows that they still work, and says what to do when they are not there.
//!
//! Takes commands, gives their output. A command that lasts longer than two seconds is told of again and again.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often it is told how long a command has lasted.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// How often a running command is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The end of a command's output that an error shows, in bytes.
const SHOWN: usize = 2000;

/// Who hears of progress: one line each time, the last one for good when it ends with a full stop.
pub type Told<'a> = &'a mut dyn FnMut(&str);

/// Runs a command to its success; its output goes into `log`.
///
/// # Errors
///
/// What cannot be run (with `advice`), or the end of what it said.
pub(super) fn run(what: &str, command: &mut Command, log: &Path, advice: &str, told: Told<'_>) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("{}: {error}", log.display());
    let (out, err) = File::create(log).and_then(|file| Ok((file.try_clone()?, file))).map_err(failed)?;
    let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
    let mut child = child.map_err(|error| format!("{name} cannot be run: {error}; {advice}"))?;
    let begun = Instant::now();
    let mut told_at = begun;
    told(what);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| format!("cannot wait for {name}: {error}"))? {
            break status;
        }
        if told_at.elapsed() >= TELL_EVERY {
            told_at = Instant::now();
            told(&format!("{what} ({} s)", begun.elapsed().as_secs()));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    if status.success() {
        told(&format!("{what}: done in {} s.", begun.elapsed().as_secs()));
        return Ok(());
    }
    Err(format!("{what}: {name} ended with {status}; {advice}\n{}", end_of(log)))
}

/// The end of a log.
pub(super) fn end_of(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let from = bytes.len().saturating_sub(SHOWN);
    String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).trim().to_owned()
}

/// Is this program on the path?
pub(super) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_what_to_do_and_what_fails_says_why() {
        let log = std::env::temp_dir().join(format!("ringmq-fetch-{}.log", std::process::id()));
        let mut lines = Vec::new();
        let mut told = |line: &str| lines.push(line.to_owned());
        let missing = run("fetching x", &mut Command::new("no-such-program"), &log, "install it", &mut told);
        assert!(missing.unwrap_err().contains("no-such-program cannot be run"), "it is named");
        let failed = run("fetching x", Command::new("ls").arg("/nowhere/at/all"), &log, "look there", &mut told);
        let failed = failed.unwrap_err();
        assert!(failed.contains("look there") && failed.contains("nowhere"), "{failed}");
        run("fetching x", &mut Command::new("true"), &log, "", &mut told).unwrap();
        assert!(lines.last().is_some_and(|line| line.starts_with("fetching x: done")), "{lines:?}");
        std::fs::remove_file(log).unwrap();
        assert!(is_there("ls") && !is_there("no-such-program"));
    }
}

//! A user without privileges who may lock 8 MiB of memory, as most systems set it: everything works, and one warning names the fix.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::text_of;
use crate::readme;
use crate::server::BINARY;
use crate::wire::SOON;

/// `nobody`, or whoever has this number.
const USER: u32 = 65_534;
const LIMITED: [&str; 2] = ["prlimit", "--memlock=8388608"];
/// The bit of the capability that lifts the limit.
const CAP_IPC_LOCK: u64 = 1 << 14;
const WARNING: &str = "SV202";
/// What the warning must say: the limit, its value, and both ways to raise it.
const PARTS: [&str; 4] = ["RLIMIT_MEMLOCK", "8192 KiB", "LimitMEMLOCK=infinity", "ulimit -l unlimited"];

/// Messages, one by one, until a buffer of their lane was used often enough.
const WRITES: u32 = 100;

pub(crate) fn the_readme_works_with_little_locked_memory() -> Verdict {
    let folder = Folder::new("ordinary-user")?;
    let user = format!("--reuid={USER}");
    let group = format!("--regid={USER}");
    let mut words = Vec::new();
    if is_root()? {
        words.extend(["setpriv", &user, &group, "--clear-groups", "--bounding-set=-all"]);
        chown(folder.path(), Some(USER), Some(USER)).map_err(|error| error.to_string())?;
    }
    if let Some(why) = missing(&words, folder.path()) {
        return Ok(Outcome::Skipped(why));
    }
    words.extend(LIMITED);
    let server = readme::run_all(folder.path(), &words)?;
    server.heard(WARNING, SOON)?;
    for part in PARTS {
        server.heard(part, SOON)?;
    }
    let pinned = server.pinned_bytes()?;
    server.terminate()?;
    if pinned == 0 { Ok(Outcome::Passed) } else { Err(format!("{pinned} bytes are registered all the same")) }
}

/// The control: who has no limit has registered buffers and no warning.
pub(crate) fn without_a_limit_buffers_are_registered() -> Verdict {
    if !is_exempt()? {
        return Ok(Outcome::Skipped("this user may not lock memory without a limit".to_owned()));
    }
    let folder = Folder::new("no-limit")?;
    let server = readme::run_all(folder.path(), &[])?;
    // A buffer is registered once it was used often.
    let mut client = Client::new(server.port)?;
    for _ in 0..WRITES {
        client.send("registered", "text")?;
    }
    let pinned = server.pinned_bytes()?;
    server.signal(nix::sys::signal::Signal::SIGTERM)?;
    let ended = server.ended()?;
    let warned = ended.lines.iter().any(|(_, line)| line.contains(WARNING));
    if pinned > 0 && !warned {
        return Ok(Outcome::Passed);
    }
    Err(format!("{pinned} bytes are registered\n{}", text_of(&ended.lines)))
}

fn is_root() -> Result<bool, String> {
    std::fs::metadata("/proc/self").map(|process| process.uid() == 0).map_err(|error| error.to_string())
}

/// Has this user no limit, or the capability to pass it?
fn is_exempt() -> Result<bool, String> {
    let read = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let (status, limits) = (read("/proc/self/status")?, read("/proc/self/limits")?);
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or_default();
    let bits = u64::from_str_radix(effective.trim(), 16).unwrap_or(0);
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max locked memory")).unwrap_or_default();
    Ok(bits & CAP_IPC_LOCK != 0 || soft.trim_start().starts_with("unlimited"))
}

/// Why the other user cannot run the broker here, if he cannot.
fn missing(words: &[&str], folder: &Path) -> Option<String> {
    let mut line = words.iter().copied().chain(LIMITED);
    let mut command = Command::new(line.next()?);
    command.args(line).args(["sh", "-c", "test -x \"$0\" && test -w \"$1\"", BINARY]).arg(folder);
    match command.output() {
        Ok(output) if output.status.success() => None,
        Ok(output) if output.stderr.is_empty() => Some("other users cannot reach the build directory".to_owned()),
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("setpriv and prlimit are needed: {error}")),
    }
}

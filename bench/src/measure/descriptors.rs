//! The limit of open files, which thousands of connections need more of than there are as it comes.

use std::sync::{Mutex, PoisonError};

/// Descriptors that a process needs beside those of its connections.
const OTHERS: u64 = 1_000;

/// Lets this process, and those that it starts, have so many connections open.
pub(crate) fn allow_connections(count: u32) -> Result<(), String> {
    raise_descriptors(u64::from(count) + OTHERS)
}

/// Lets this process, and those that it starts, have as many open files as the system allows.
pub(crate) fn raise_descriptors(wanted: u64) -> Result<(), String> {
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
        "{wanted} open files are wanted and {hard} allowed: run `ulimit -Hn {wanted}` as root, or ask for fewer"
    ))
}

//! The limit on locked memory, which registered buffers count against.
//!
//! Takes: what a driver would register. Gives: whether it should, and one warning a process, naming the
//! fix. Must stay true: a finite limit is never spent to the last page. The kernel counts all rings and
//! registered buffers of all processes of a user together (since 6.13 the queues of a ring too), and a
//! ring that finds no room does not start at all, whereas unregistered buffers merely cost some CPU.

use std::fs;
use std::io;
use std::sync::Once;

use nix::sys::resource::{Resource, getrlimit};

/// One warning a process, whichever comes first: both have the same cause and the same fix.
static SAID: Once = Once::new();

/// The broker's code for a limit that is too low, as its catalogue of events explains it.
const TOO_LOW: &str = "SV202";

/// One driver registers at most this part of a finite limit, so that others find room for their rings.
const SHARE: u64 = 8;

/// The capability that lifts the limit.
const CAP_IPC_LOCK: u32 = 14;

/// What this user may lock, in bytes; none where there is no limit.
pub fn limit() -> Option<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_MEMLOCK).ok()?;
    (soft != nix::libc::RLIM_INFINITY && !is_exempt()).then_some(soft)
}

/// Whether a driver may register `bytes`.
pub(crate) fn check(bytes: usize) -> io::Result<()> {
    if limit().is_none_or(|limit| bytes as u64 <= limit / SHARE) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::OutOfMemory, format!("a core may take an {SHARE}th of the limit")))
}

fn is_exempt() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0);
    bits & (1 << CAP_IPC_LOCK) != 0
}

fn shown() -> String {
    limit().map_or_else(|| "unlimited".to_owned(), |bytes| format!("{} KiB", bytes / 1024))
}

/// What to do about it.
pub(crate) const FIX: &str = "set LimitMEMLOCK=infinity in the systemd unit, or run `ulimit -l unlimited`";

/// Says that buffers stay unregistered, what it costs and how to fix it.
pub(crate) fn warn_unregistered(bytes: usize, error: &io::Error) {
    SAID.call_once(|| {
        tracing::warn!(
            code = TOO_LOW,
            "journal buffers stay unregistered, which costs some CPU a write: {} KiB a core are wanted and \
             RLIMIT_MEMLOCK is {} ({error}); to fix it {FIX}",
            bytes / 1024,
            shown()
        );
    });
}

/// Says that a ring is smaller than wanted.
pub(crate) fn warn_small_ring(wanted: u32, got: u32) {
    SAID.call_once(|| {
        tracing::warn!(
            code = TOO_LOW,
            "a ring has {got} entries instead of {wanted}, which costs some system calls: RLIMIT_MEMLOCK is {} and \
             counts all processes of this user; to fix it {FIX}",
            shown()
        );
    });
}

//! The limit on locked memory, which registered buffers count against.
//!
//! Takes: what was asked for and the kernel's refusal. Gives: one warning a process, naming the fix.

use std::io;
use std::sync::Once;

use nix::sys::resource::{Resource, getrlimit};

/// What this process may lock, in bytes; none where there is no limit.
pub fn limit() -> Option<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_MEMLOCK).ok()?;
    (soft != nix::libc::RLIM_INFINITY).then_some(soft)
}

/// The text of the warning.
pub(crate) fn warning(asked: usize, error: &io::Error) -> String {
    let limit = limit().map_or_else(|| "unlimited".to_owned(), |bytes| format!("{} KiB", bytes / 1024));
    format!(
        "journal buffers stay unregistered, which costs some CPU a write: registering {} KiB failed ({error}) and \
         RLIMIT_MEMLOCK is {limit}; to fix it set LimitMEMLOCK=infinity in the systemd unit, or run `ulimit -l unlimited`",
        asked / 1024
    )
}

/// Says once what it costs and how to fix it, however many cores meet the limit.
pub(crate) fn warn_once(asked: usize, error: &io::Error) {
    static SAID: Once = Once::new();
    SAID.call_once(|| tracing::warn!("{}", warning(asked, error)));
}

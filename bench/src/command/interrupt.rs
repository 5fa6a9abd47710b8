//! Ctrl-C ends a measurement and keeps what was measured; a second one ends the program.

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigSet, Signal};

/// What a shell says of a program that SIGINT ended.
const ENDED_BY_SIGINT: i32 = 130;

/// True once Ctrl-C was pressed. Call it before any thread is made.
pub(super) fn flag() -> Result<Arc<AtomicBool>, String> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.thread_block().map_err(|error| format!("SIGINT cannot be waited for: {error}"))?;
    let flag = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&flag);
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            if told.swap(true, Ordering::Relaxed) {
                exit(ENDED_BY_SIGINT);
            }
            eprintln!("\nstopping: what was measured is kept");
        }
    });
    Ok(flag)
}

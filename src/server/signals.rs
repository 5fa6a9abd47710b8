//! SIGTERM and SIGINT stop the broker in order.
//!
//! The signals are blocked in every thread and taken by one that does nothing else, so no handler runs in a data core.

use std::sync::mpsc::Sender;

use nix::sys::signal::{SigSet, Signal};

use super::lobby::Notice;

/// Blocks the signals in this thread and those it will start, and reports the first one that comes.
pub(super) fn watch(notices: Sender<Notice>) -> std::io::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while let Ok(signal) = signals.wait() {
            if notices.send(Notice::Signal(signal.as_str())).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

//! SIGTERM and SIGINT stop the broker in order; SIGHUP has it read its certificates again.
//!
//! The signals are blocked in every thread and taken by one that does nothing else, so no handler runs in a data core.

use std::sync::mpsc::Sender;

use nix::sys::signal::{SigSet, Signal};

use super::lobby::Notice;

/// Blocks the signals in this thread and those it will start, and reports those that come.
pub(super) fn watch(notices: Sender<Notice>) -> std::io::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGHUP);
    signals.thread_block()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while let Ok(signal) = signals.wait() {
            let notice = if signal == Signal::SIGHUP { Notice::ReadAgain } else { Notice::Signal(signal.as_str()) };
            if notices.send(notice).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

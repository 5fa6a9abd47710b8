//! Certificates that are read again while the broker runs.
//!
//! Takes: the configuration that it was started with. Gives: what new connections get from now on. Must stay true: whatever the files
//! hold meanwhile, the broker goes on; what cannot be used is told, and all stays as it was.

use config::{Config, Diagnostic, Severity};

use crate::event;
use crate::net::tls::Acceptor;

/// Reads the files again that the configuration names. `None`: nothing changes.
pub(super) fn read_again(config: &Config) -> Option<Acceptor> {
    let told = |found: &Diagnostic| {
        let (code, place) = (found.code, found.whereabouts());
        if found.severity == Severity::Error {
            event!(SV205, error = %code, place, note = found.note, "certificates stay as they were: {}", found.message);
        } else {
            event!(CF101, warning = %code, place, note = found.note, "{}", found.message);
        }
    };
    let read = config.read_tls();
    read.report.diagnostics().iter().for_each(told);
    let Some(tls) = read.tls else {
        if config.tls.is_none() {
            event!(SV205, "there is nothing to read again: the acceptor speaks no TLS");
        }
        return None;
    };
    match Acceptor::new(&tls) {
        Ok(acceptor) => {
            event!(SV107);
            Some(acceptor)
        }
        Err(text) => {
            event!(SV205, "certificates stay as they were: {text}");
            None
        }
    }
}

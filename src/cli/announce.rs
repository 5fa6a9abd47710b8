//! What the broker says on standard output while it starts and stops, for people and for whoever waits for it.
//!
//! Must stay true: the last line of a start begins with `ready in `, and before it stands one line
//! `listen    ADDRESS PROTOCOL` for each acceptor; scripts wait for these. The service manager hears the same.

use std::fmt;
use std::io::Stdout;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Instant;

use super::notify::ServiceManager;
use super::output::Output;

/// Tells the terminal and the service manager how far the broker is. Any thread may use it.
pub struct Announcer {
    started: Instant,
    out: Mutex<Output<Stdout>>,
    service_manager: ServiceManager,
}

impl Announcer {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            out: Mutex::new(Output::stdout()),
            service_manager: ServiceManager::of_this_process(),
        }
    }

    /// One that nobody reads.
    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self::new()
    }

    /// One line about a thing: `storage`, `recovery`, `cores`, and what there is to say.
    pub fn say(&self, what: &str, text: fmt::Arguments<'_>) {
        self.line(format_args!("{what:9} {text}"));
    }

    /// How far a long step is. Only the service manager hears it, so that it does not lose patience; the log has its
    /// own event.
    pub fn progress(&self, text: &str) {
        let line = text.replace(['\n', '\r'], " ");
        self.service_manager.tell(&format!("STATUS={line}\nEXTEND_TIMEOUT_USEC=30000000\n"));
    }

    /// An acceptor is open.
    pub fn listening(&self, address: SocketAddr, protocol: &str) {
        self.say("listen", format_args!("{address} {protocol}"));
    }

    /// Clients can come.
    pub fn ready(&self) {
        self.line(format_args!("ready in {:.1} s", self.started.elapsed().as_secs_f64()));
        self.service_manager.tell("READY=1\nSTATUS=serving\n");
    }

    /// The broker was asked to stop.
    pub fn stopping(&self) {
        self.service_manager.tell("STOPPING=1\nSTATUS=stopping\n");
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        // A thread that panicked while it wrote a line leaves the stream usable.
        let mut out = self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        out.line(text);
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcer").finish_non_exhaustive()
    }
}

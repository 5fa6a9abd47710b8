//! A conversation before the load begins: one question at a time, with a bound on the wait.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// What an answer before the load may take: a broker that makes a queue writes to its disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Bytes read at a time.
const READ_BYTES: usize = 16 * 1024;

/// A connection that is being opened.
#[derive(Debug)]
pub(super) struct Talk {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Talk {
    /// Connects to `HOST:PORT`.
    ///
    /// # Errors
    ///
    /// Nobody listens there.
    pub(super) fn to(address: &str) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{address}: {error}");
        let places = address.to_socket_addrs().map_err(|error| failed(&error))?;
        let mut outcome = Err(failed(&"no such host"));
        for place in places {
            outcome = TcpStream::connect_timeout(&place, ANSWER_WITHIN).map_err(|error| failed(&error));
            if outcome.is_ok() {
                break;
            }
        }
        let stream = outcome?;
        let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(ANSWER_WITHIN)));
        set.map_err(|error| failed(&error))?;
        Ok(Self { stream, heard: Vec::new() })
    }

    /// Says this.
    ///
    /// # Errors
    ///
    /// A connection that is gone.
    pub(super) fn say(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|error| format!("the broker is gone: {error}"))
    }

    /// Waits for one whole answer, which `take` finds at the start of what was heard, with its length.
    ///
    /// # Errors
    ///
    /// What `take` says; or none came, or the connection ended.
    pub(super) fn hear<T>(
        &mut self,
        what: &str,
        take: impl Fn(&[u8]) -> Result<Option<(usize, T)>, String>,
    ) -> Result<T, String> {
        loop {
            if let Some((taken, answer)) = take(&self.heard)? {
                self.heard.drain(..taken.min(self.heard.len()));
                return Ok(answer);
            }
            let mut more = [0; READ_BYTES];
            match self.stream.read(&mut more) {
                Ok(0) => return Err(format!("the broker ended the connection instead of {what}")),
                Ok(count) => self.heard.extend_from_slice(more.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("the broker did not answer with {what}: {error}")),
            }
        }
    }

    /// The socket, and what came behind the last answer.
    pub(super) fn over(self) -> (TcpStream, Vec<u8>) {
        // The load has its own bounds. A socket that is gone tells so when it is read.
        let _gone = self.stream.set_read_timeout(None);
        (self.stream, self.heard)
    }
}

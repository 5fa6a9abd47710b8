//! STOMP 1.2, as far as a probe and an audit need it: durable sends, and receipts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// The longest frame that is read, in bytes: answers are headers and a short text.
const FRAME_MAX: u64 = 64 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Stomp {
    out: TcpStream,
    input: BufReader<TcpStream>,
}

impl Stomp {
    /// Connects and logs in as the user that a fresh broker has.
    ///
    /// # Errors
    ///
    /// It does not listen, speaks something else, or refuses.
    pub fn connect(port: u16) -> Result<Self, String> {
        let out = super::connect(port)?;
        let input = out.try_clone().map_err(|error| error.to_string())?;
        let mut stomp = Self { out, input: BufReader::new(input) };
        stomp.write(b"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\nheart-beat:0,0\n\n\0")?;
        let frame = stomp.frame()?;
        if frame.starts_with("CONNECTED\n") { Ok(stomp) } else { Err(format!("the broker answers `{}`", head(&frame))) }
    }

    /// Sends a durable message that wants a receipt.
    ///
    /// # Errors
    ///
    /// A connection that broke.
    pub fn send(&mut self, destination: &str, body: &[u8]) -> Result<(), String> {
        // The brokers do not agree on the name of the header that makes a message durable.
        let frame = format!(
            "SEND\ndestination:{destination}\nreceipt:r\npersistent:true\ndurable:true\ncontent-length:{}\n\n",
            body.len()
        );
        self.write(&[frame.as_bytes(), body, b"\0"].concat())
    }

    /// Waits for a receipt.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn receipt(&mut self) -> Result<(), String> {
        let frame = self.frame()?;
        if frame.starts_with("RECEIPT\n") {
            return Ok(());
        }
        Err(format!("the broker answers `{}`", head(&frame)))
    }

    fn frame(&mut self) -> Result<String, String> {
        let mut frame = Vec::new();
        let read = (&mut self.input).take(FRAME_MAX).read_until(0, &mut frame);
        read.map_err(|error| format!("no answer: {error}"))?;
        if frame.pop() != Some(0) {
            return Err("the connection was closed, or a frame has no end".to_owned());
        }
        Ok(String::from_utf8_lossy(&frame).replace('\r', "").trim_start_matches('\n').to_owned())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.out.write_all(bytes).map_err(|error| format!("cannot send: {error}"))
    }
}

/// The first lines of a frame, for people.
fn head(frame: &str) -> String {
    frame.lines().take(4).collect::<Vec<_>>().join(" ")
}

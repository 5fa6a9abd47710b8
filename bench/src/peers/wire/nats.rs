//! NATS with JetStream, as far as a probe and an audit need it: streams, publishes, their acks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

/// The longest line of the protocol that is read, in bytes: INFO is the longest.
const LINE_MAX: u64 = 64 * 1024;
/// The longest message that is read, in bytes: answers of JetStream are short.
const MESSAGE_MAX: usize = 1024 * 1024;
/// Where all answers go.
const INBOX: &str = "_INBOX.ringmq.bench";

/// A connection.
#[derive(Debug)]
pub struct Nats {
    out: TcpStream,
    input: BufReader<TcpStream>,
}

impl Nats {
    /// Connects, and waits until the server has answered.
    ///
    /// # Errors
    ///
    /// It does not listen, speaks something else or has no JetStream.
    pub fn connect(port: u16) -> Result<Self, String> {
        let out = super::connect(port)?;
        let input = out.try_clone().map_err(|error| error.to_string())?;
        let mut nats = Self { out, input: BufReader::new(input) };
        let info = nats.line()?;
        let info: Value = info.strip_prefix("INFO ").and_then(|text| serde_json::from_str(text).ok()).ok_or(info)?;
        if info.get("jetstream") != Some(&Value::Bool(true)) {
            return Err("the server has no JetStream".to_owned());
        }
        nats.write(&format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {INBOX} 1\r\nPING\r\n"), b"")?;
        match nats.line()?.as_str() {
            "PONG" => Ok(nats),
            other => Err(format!("the server answers `{other}`")),
        }
    }

    /// Makes a stream on files, one replica, for these subjects; an equal one may be there.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub fn make_stream(&mut self, name: &str, subjects: &[String]) -> Result<(), String> {
        // `workqueue`: an acknowledged message goes, as in a queue.
        let asked =
            json!({"name": name, "subjects": subjects, "storage": "file", "retention": "workqueue", "num_replicas": 1});
        self.publish(&format!("$JS.API.STREAM.CREATE.{name}"), asked.to_string().as_bytes())?;
        let answer = self.answer()?;
        match answer.get("error") {
            None => Ok(()),
            Some(error) => Err(format!("stream {name} cannot be made: {error}")),
        }
    }

    /// Publishes and asks for an answer.
    ///
    /// # Errors
    ///
    /// A connection that broke.
    pub fn publish(&mut self, subject: &str, body: &[u8]) -> Result<(), String> {
        self.write(&format!("PUB {subject} {INBOX} {}\r\n", body.len()), body)?;
        self.write("", b"\r\n")
    }

    /// Waits for the ack of a publish.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn acked(&mut self) -> Result<(), String> {
        let answer = self.answer()?;
        if answer.get("seq").is_some() { Ok(()) } else { Err(format!("a publish was answered by {answer}")) }
    }

    fn answer(&mut self) -> Result<Value, String> {
        loop {
            let line = self.line()?;
            if line == "PING" {
                self.write("PONG\r\n", b"")?;
            } else if let Some(len) = message_len(&line) {
                return self.message(len);
            } else if line.starts_with("-ERR") {
                return Err(format!("the server says {line}"));
            }
        }
    }

    fn message(&mut self, len: usize) -> Result<Value, String> {
        if len > MESSAGE_MAX {
            return Err(format!("an answer of {len} bytes"));
        }
        let mut body = vec![0; len + 2];
        self.input.read_exact(&mut body).map_err(|error| format!("no answer: {error}"))?;
        let text = body.get(..len).unwrap_or_default();
        serde_json::from_slice(text)
            .map_err(|_| format!("an answer that is no JSON: {}", String::from_utf8_lossy(text)))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        let read = (&mut self.input).take(LINE_MAX).read_until(b'\n', &mut line);
        read.map_err(|error| format!("no answer: {error}"))?;
        if line.last() != Some(&b'\n') {
            return Err("the connection was closed, or a line has no end".to_owned());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn write(&mut self, text: &str, body: &[u8]) -> Result<(), String> {
        let written = self.out.write_all(&[text.as_bytes(), body].concat());
        written.map_err(|error| format!("cannot send: {error}"))
    }
}

/// The length in `MSG <subject> <sid> [reply] <bytes>`.
fn message_len(line: &str) -> Option<usize> {
    line.strip_prefix("MSG ")?.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_message_is_found() {
        assert_eq!(message_len("MSG _INBOX.x 1 42"), Some(42));
        assert_eq!(message_len("MSG _INBOX.x 1 reply.to 7"), Some(7));
        assert_eq!(message_len("PONG"), None);
    }
}

//! NATS: publish with a reply inbox, answered by JetStream once the message is stored.
//!
//! Source: the client protocol as NATS documents it, and the JSON of JetStream's publish acks.

use super::talk::Talk;
use super::{Destination, Dialect, Message, QUEUE_DIGITS, Reply, Role};
use crate::load::template::{Form, Marks, Template, find};

/// Digits of the last token of a reply inbox.
const TOKEN_DIGITS: usize = 16;
/// What the inboxes of a connection begin with; each connection has a subscription of its own.
const INBOX: &str = "_INBOX.";
/// A line of the server is no longer than this.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// What JetStream answers for a stream that is there already with other settings.
const STREAM_EXISTS: &str = "10058";

/// The frames of one connection.
#[derive(Debug)]
pub(super) struct Nats {
    publish: Template,
}

impl Nats {
    /// For these messages; answers come to inboxes of `name`.
    pub(super) fn new(message: &Message, name: &str) -> Result<Self, String> {
        if !message.answered {
            return Err("NATS has no transactions".to_owned());
        }
        let subject = message.destination.name(0);
        let zeros = "0".repeat(TOKEN_DIGITS);
        let head = format!("PUB {subject} {INBOX}{name}.{zeros} {}\r\n", message.body.len());
        let token_at = head.find(&format!(".{zeros} ")).ok_or("no inbox")? + 1;
        let body_at = head.len();
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&message.body);
        bytes.extend_from_slice(b"\r\n");
        let mut template = Template::new(bytes).token(token_at, Form::Hex(TOKEN_DIGITS));
        if message.body.len() >= 8 {
            template = template.stamp(body_at);
        }
        if message.destination.queues > 1 {
            let at = "PUB ".len() + subject.len() - QUEUE_DIGITS;
            template = template.queue(at, Form::Decimal(QUEUE_DIGITS));
        }
        Ok(Self { publish: template })
    }
}

/// Opens a connection for this role.
pub(super) fn open(talk: &mut Talk, name: &str, role: Role, message: &Message) -> Result<(), String> {
    if matches!(role, Role::Consumer { .. }) {
        return Err("the load does not consume over NATS".to_owned());
    }
    say_hello(talk, message)?;
    talk.say(format!("SUB {INBOX}{name}.* 1\r\nPING\r\n").as_bytes())?;
    wait_for(talk, "PONG")
}

/// Makes a stream that holds all subjects of the destination.
pub(super) fn make_queues(talk: &mut Talk, name: &str, message: &Message) -> Result<(), String> {
    let stream = stream_name(&message.destination);
    let inbox = format!("{INBOX}{name}.stream");
    say_hello(talk, message)?;
    talk.say(format!("SUB {inbox} 1\r\n").as_bytes())?;
    let subjects: Vec<String> =
        (0..message.destination.queues).map(|queue| format!("\"{}\"", message.destination.name(queue))).collect();
    let wanted = format!(
        "{{\"name\":\"{stream}\",\"subjects\":[{}],\"storage\":\"file\",\"num_replicas\":1}}",
        subjects.join(",")
    );
    talk.say(format!("PUB $JS.API.STREAM.CREATE.{stream} {inbox} {}\r\n{wanted}\r\n", wanted.len()).as_bytes())?;
    let text = answer(talk, "a stream")?;
    if text.contains("\"error\"") && !text.contains(STREAM_EXISTS) {
        return Err(format!("the broker refused the stream {stream}: {text}"));
    }
    Ok(())
}

/// Takes the stream away, with all that is in it.
pub(super) fn remove_queues(talk: &mut Talk, name: &str, message: &Message) -> Result<(), String> {
    say_hello(talk, message)?;
    let (inbox, stream) = (format!("{INBOX}{name}.stream"), stream_name(&message.destination));
    talk.say(format!("SUB {inbox} 1\r\nPUB $JS.API.STREAM.DELETE.{stream} {inbox} 0\r\n\r\n").as_bytes())?;
    let text = answer(talk, "the end of a stream")?;
    if text.contains("\"error\"") { Err(format!("the broker keeps the stream {stream}: {text}")) } else { Ok(()) }
}

/// The payload of the next message. The server's own PING may come before it.
fn answer(talk: &mut Talk, what: &'static str) -> Result<String, String> {
    loop {
        let heard = talk.hear(what, |bytes| match line(bytes)? {
            Some((consumed, Line::Message { payload, .. })) => {
                Ok(Some((consumed, Some(String::from_utf8_lossy(payload).into_owned()))))
            }
            Some((consumed, _)) => Ok(Some((consumed, None))),
            None => Ok(None),
        })?;
        if let Some(text) = heard {
            return Ok(text);
        }
    }
}

/// The stream that holds the subjects of a destination.
fn stream_name(destination: &Destination) -> String {
    destination.base.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn say_hello(talk: &mut Talk, message: &Message) -> Result<(), String> {
    talk.hear("INFO", |bytes| Ok(line(bytes)?.map(|(consumed, _)| (consumed, ()))))?;
    let login = message
        .login
        .as_ref()
        .map_or_else(String::new, |login| format!(",\"user\":\"{}\",\"pass\":\"{}\"", login.user, login.password));
    // Without the last two a server says nothing about a message that no stream takes.
    let connect = format!(
        "CONNECT {{\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\",\"version\":\"1\",\"protocol\":1{login},\
         \"headers\":true,\"no_responders\":true}}\r\nPING\r\n"
    );
    talk.say(connect.as_bytes())?;
    wait_for(talk, "PONG")
}

fn wait_for(talk: &mut Talk, what: &'static str) -> Result<(), String> {
    loop {
        let is_it = talk.hear(what, |bytes| Ok(line(bytes)?.map(|(consumed, line)| (consumed, line == Line::Pong))))?;
        if is_it {
            return Ok(());
        }
    }
}

impl Dialect for Nats {
    fn send(&self, marks: Marks, out: &mut Vec<u8>) {
        self.publish.append(marks, out);
    }

    fn begin(&self, _out: &mut Vec<u8>) {}

    fn commit(&self, _token: u64, _out: &mut Vec<u8>) {}

    fn acknowledge(&self, _name: &[u8], _out: &mut Vec<u8>) {}

    fn credit(&self, _bytes: usize, _out: &mut Vec<u8>) {}

    fn reply<'b>(&self, bytes: &'b [u8]) -> Result<Option<(usize, Reply<'b>)>, String> {
        let Some((consumed, line)) = line(bytes)? else { return Ok(None) };
        let reply = match line {
            Line::Message { subject, payload } => Reply::Acked(stored(subject, payload)?),
            Line::Ping => Reply::AnswerWith(b"PONG\r\n"),
            Line::Pong | Line::Other => Reply::Nothing,
        };
        Ok(Some((consumed, reply)))
    }
}

/// The token at the end of the inbox, if the message is stored.
fn stored(subject: &[u8], payload: &[u8]) -> Result<u64, String> {
    if payload.starts_with(b"{\"error\"") || !payload.starts_with(b"{") {
        return Err(format!("the broker did not store a message: {}", String::from_utf8_lossy(payload)));
    }
    let digits = subject.len().checked_sub(TOKEN_DIGITS).and_then(|at| subject.get(at..));
    let token = digits.and_then(|digits| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
    token.ok_or_else(|| format!("an answer to nobody's inbox: {}", String::from_utf8_lossy(subject)))
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
enum Line<'b> {
    Message { subject: &'b [u8], payload: &'b [u8] },
    Ping,
    Pong,
    Other,
}

/// The first whole line, with the payload that it announces.
fn line(bytes: &[u8]) -> Result<Option<(usize, Line<'_>)>, String> {
    let Some(end) = find(bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes), b"\r\n") else {
        let is_endless = bytes.len() > LINE_BYTES_MAX;
        return if is_endless { Err("a line without an end".to_owned()) } else { Ok(None) };
    };
    let text = bytes.get(..end).unwrap_or_default();
    let head = end + 2;
    if let Some(words) = text.strip_prefix(b"MSG ") {
        let mut words = words.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let (subject, length) = (words.next(), words.next_back());
        let length = length.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        let (Some(subject), Some(length)) = (subject, length) else {
            return Err(format!("`{}` has no subject or no length", String::from_utf8_lossy(text)));
        };
        let whole = head.saturating_add(length).saturating_add(2);
        let Some(payload) = bytes.get(head..head.saturating_add(length)).filter(|_| bytes.len() >= whole) else {
            return Ok(None);
        };
        return Ok(Some((whole, Line::Message { subject, payload })));
    }
    match text {
        b"PING" => Ok(Some((head, Line::Ping))),
        b"PONG" => Ok(Some((head, Line::Pong))),
        // Only what nobody takes comes with a header.
        text if text.starts_with(b"HMSG ") => Err("no stream of the broker takes the messages".to_owned()),
        text if text.starts_with(b"-ERR") => Err(format!("the broker says {}", String::from_utf8_lossy(text))),
        _ => Ok(Some((head, Line::Other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nats() -> Nats {
        let message = Message {
            body: b"12345678rest".to_vec(),
            destination: Destination { base: "q.".to_owned(), queues: 3 },
            headers: Vec::new(),
            answered: true,
            login: None,
        };
        Nats::new(&message, "c1").unwrap()
    }

    #[test]
    fn a_publish_is_this_to_the_byte() {
        let mut out = Vec::new();
        nats().send(Marks { token: 0xab, stamp: 0x0102_0304_0506_0708, queue: 2 }, &mut out);
        let golden = b"PUB q.00002 _INBOX.c1.00000000000000ab 12\r\n\x01\x02\x03\x04\x05\x06\x07\x08rest\r\n";
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(golden));
    }

    #[test]
    fn acks_are_found_at_any_cut() {
        let stream =
            b"MSG _INBOX.c1.00000000000000ff 1 27\r\n{\"stream\":\"S\", \"seq\":12345}\r\nPING\r\n+OK\r\nPONG\r\n";
        let (mut at, mut replies) = (0, Vec::new());
        let nats = nats();
        while let Some((consumed, reply)) = nats.reply(&stream[at..]).unwrap() {
            for cut in at..at + consumed {
                assert_eq!(nats.reply(&stream[at..cut]).unwrap(), None, "cut at {cut}");
            }
            at += consumed;
            replies.push(reply);
        }
        assert_eq!(replies, [Reply::Acked(255), Reply::AnswerWith(b"PONG\r\n"), Reply::Nothing, Reply::Nothing]);
        assert_eq!(at, stream.len());
    }

    #[test]
    fn a_message_that_is_not_stored_is_an_error() {
        let error = b"MSG _INBOX.c1.0000000000000000 1 22\r\n{\"error\":{\"code\":503}}\r\n";
        let said = nats().reply(error).unwrap_err();
        assert!(said.contains("503"), "{said}");
        assert!(nats().reply(b"-ERR 'Authorization Violation'\r\n").unwrap_err().contains("Authorization"));
        assert!(nats().reply(b"MSG x 1 2\r\n{}\r\n").is_err());
        let nobody = b"HMSG _INBOX.c1.0000000000000000 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n";
        assert!(nats().reply(nobody).unwrap_err().contains("no stream"));
    }
}

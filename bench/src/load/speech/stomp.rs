//! STOMP 1.2: sends with a receipt each, deliveries acknowledged one by one with a receipt each.
//!
//! Bodies are binary and have their length in front. Source: the STOMP 1.2 specification.

use super::talk::Talk;
use super::{Dialect, Message, QUEUE_DIGITS, Reply, Role};
use crate::load::template::{Form, Marks, Template, find};

/// Digits of a receipt.
const TOKEN_DIGITS: usize = 16;
/// Stands where the token of a message will.
const TOKEN: &[u8; TOKEN_DIGITS] = b"0000000000000000";
/// The receipt of an acknowledgement: their answers come in their order.
const ACK_RECEIPT: &[u8] = b"ack";
/// Headers of one frame are no longer than this.
const HEADERS_BYTES_MAX: usize = 64 * 1024;

/// The frames of one connection.
#[derive(Debug)]
pub(super) struct Stomp {
    send: Template,
    begin: Template,
    commit: Template,
}

impl Stomp {
    /// For these messages.
    pub(super) fn new(message: &Message) -> Result<Self, String> {
        let boundary = |command: &str, receipt: &str| {
            let text = format!("{command}\ntransaction:{}\n{receipt}\n\0", String::from_utf8_lossy(TOKEN));
            text.into_bytes()
        };
        let digits = Form::Hex(TOKEN_DIGITS);
        let begin = boundary("BEGIN", "");
        // The token of a commit stands in it twice; the transaction has a name of its own, which may be the same each time.
        let commit = boundary("COMMIT", &format!("receipt:{}\n", "r".repeat(TOKEN_DIGITS)));
        let commit_at = find(&commit, b"rrrr").ok_or("no receipt")?;
        Ok(Self {
            send: send_template(message)?,
            begin: Template::new(begin),
            commit: Template::new(commit).token(commit_at, digits),
        })
    }
}

fn send_template(message: &Message) -> Result<Template, String> {
    let name = message.destination.name(0);
    let token = String::from_utf8_lossy(TOKEN);
    let mut head = format!("SEND\ndestination:{name}\npersistent:true\n");
    // In a transaction the commit has the receipt.
    head += &if message.answered { format!("receipt:{token}\n") } else { format!("transaction:{token}\n") };
    for header in &message.headers {
        head += &format!("{header}\n");
    }
    head += &format!("content-length:{}\n\n", message.body.len());
    let body_at = head.len();
    let mut bytes = head.into_bytes();
    let name_at = find(&bytes, b"destination:").ok_or("no destination")? + b"destination:".len();
    let token_at = find(&bytes, b"receipt:").map(|at| at + b"receipt:".len());
    bytes.extend_from_slice(&message.body);
    bytes.push(0);
    let mut template = Template::new(bytes);
    if let Some(at) = token_at.filter(|_| message.answered) {
        template = template.token(at, Form::Hex(TOKEN_DIGITS));
    }
    if message.body.len() >= 8 {
        template = template.stamp(body_at);
    }
    if message.destination.queues > 1 {
        template = template.queue(name_at + name.len() - QUEUE_DIGITS, Form::Decimal(QUEUE_DIGITS));
    }
    Ok(template)
}

/// Opens a connection for this role.
pub(super) fn open(talk: &mut Talk, role: Role, message: &Message) -> Result<(), String> {
    let login = message
        .login
        .as_ref()
        .map_or_else(String::new, |login| format!("login:{}\npasscode:{}\n", login.user, login.password));
    talk.say(format!("CONNECT\naccept-version:1.2\nhost:/\nheart-beat:0,0\n{login}\n\0").as_bytes())?;
    talk.hear("CONNECTED", |bytes| match frame(bytes)? {
        Some((consumed, frame)) if frame.command == b"CONNECTED" => Ok(Some((consumed, ()))),
        Some((_, frame)) => Err(refusal(&frame)),
        None => Ok(None),
    })?;
    if let Role::Consumer { queue } = role {
        let name = message.destination.name(queue);
        let subscribe = format!("SUBSCRIBE\nid:0\ndestination:{name}\nack:client-individual\nreceipt:subscribed\n\n\0");
        talk.say(subscribe.as_bytes())?;
        // Deliveries may come before the receipt; they are acknowledged by the load, so that nothing may be taken here.
    }
    Ok(())
}

impl Dialect for Stomp {
    fn send(&self, marks: Marks, out: &mut Vec<u8>) {
        self.send.append(marks, out);
    }

    fn begin(&self, out: &mut Vec<u8>) {
        self.begin.append(Marks::default(), out);
    }

    fn commit(&self, token: u64, out: &mut Vec<u8>) {
        self.commit.append(Marks { token, ..Marks::default() }, out);
    }

    fn acknowledge(&self, name: &[u8], out: &mut Vec<u8>) {
        for part in [b"ACK\nid:".as_slice(), name, b"\nreceipt:", ACK_RECEIPT, b"\n\n\0"] {
            out.extend_from_slice(part);
        }
    }

    fn credit(&self, _bytes: usize, _out: &mut Vec<u8>) {}

    fn reply<'b>(&self, bytes: &'b [u8]) -> Result<Option<(usize, Reply<'b>)>, String> {
        let Some((consumed, frame)) = frame(bytes)? else { return Ok(None) };
        let reply = match frame.command {
            b"RECEIPT" => receipt(frame.header(b"receipt-id").unwrap_or_default())?,
            b"MESSAGE" => {
                let name = frame.header(b"ack").or_else(|| frame.header(b"message-id"));
                let name =
                    name.ok_or("a MESSAGE that cannot be acknowledged: it has neither `ack` nor `message-id`")?;
                let stamp = frame.body.first_chunk().map_or(0, |stamp| u64::from_be_bytes(*stamp));
                Reply::Delivered { stamp, name, cost: consumed }
            }
            _ => return Err(refusal(&frame)),
        };
        Ok(Some((consumed, reply)))
    }
}

fn receipt(id: &[u8]) -> Result<Reply<'static>, String> {
    if id == ACK_RECEIPT {
        return Ok(Reply::AckDone);
    }
    if id == b"subscribed" {
        return Ok(Reply::Nothing);
    }
    let token = std::str::from_utf8(id).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    token.map(Reply::Acked).ok_or_else(|| format!("a receipt that nobody asked for: {}", String::from_utf8_lossy(id)))
}

fn refusal(frame: &Frame<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let message = frame.header(b"message").map(text).unwrap_or_default();
    format!("the broker says {}: {message} {}", text(frame.command), text(frame.body.get(..200).unwrap_or(frame.body)))
}

/// A frame, borrowed.
struct Frame<'b> {
    command: &'b [u8],
    headers: &'b [u8],
    body: &'b [u8],
}

impl<'b> Frame<'b> {
    /// The value of the first header of this name, as it stands there.
    fn header(&self, name: &[u8]) -> Option<&'b [u8]> {
        self.headers.split(|byte| *byte == b'\n').find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(b":")?;
            Some(value.strip_suffix(b"\r").unwrap_or(value))
        })
    }
}

/// The whole frame at the start of these bytes, behind empty lines, and how many bytes it took with them.
fn frame(bytes: &[u8]) -> Result<Option<(usize, Frame<'_>)>, String> {
    let empty = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    let rest = bytes.get(empty..).unwrap_or_default();
    let Some((head, body_at)) = head_of(rest) else {
        let is_endless = rest.len() > HEADERS_BYTES_MAX;
        return if is_endless { Err("headers without an end".to_owned()) } else { Ok(None) };
    };
    let line_end = head.iter().position(|byte| *byte == b'\n').unwrap_or(head.len());
    let (command, headers) = head.split_at(line_end);
    let command = command.strip_suffix(b"\r").unwrap_or(command);
    let mut frame = Frame { command, headers, body: &[] };
    let behind = rest.get(body_at..).unwrap_or_default();
    let announced =
        frame.header(b"content-length").and_then(|digits| std::str::from_utf8(digits).ok()?.trim().parse().ok());
    let length = match announced {
        Some(length) => length,
        None => match behind.iter().position(|byte| *byte == 0) {
            Some(length) => length,
            None => return Ok(None),
        },
    };
    let Some(body) = behind.get(..length) else { return Ok(None) };
    match behind.get(length) {
        Some(0) => {
            frame.body = body;
            Ok(Some((empty + body_at + length + 1, frame)))
        }
        Some(_) => Err("a frame that does not end where its length says".to_owned()),
        None => Ok(None),
    }
}

/// Command and headers, and where the body begins.
fn head_of(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let lines = find(bytes, b"\n\n").map(|at| (at, 2));
    let carriage = find(bytes, b"\n\r\n").map(|at| (at, 3));
    let (at, length) = lines.into_iter().chain(carriage).min()?;
    Some((bytes.get(..at)?, at + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::speech::Destination;

    fn message(answered: bool) -> Message {
        Message {
            body: b"12345678rest".to_vec(),
            destination: Destination { base: "q".to_owned(), queues: 3 },
            headers: vec!["x:y".to_owned()],
            answered,
            login: None,
        }
    }

    #[test]
    fn a_send_is_this_to_the_byte() {
        let mut out = Vec::new();
        let marks = Marks { token: 0xab, stamp: 0x0102_0304_0506_0708, queue: 2 };
        Stomp::new(&message(true)).unwrap().send(marks, &mut out);
        let golden = b"SEND\ndestination:q00002\npersistent:true\nreceipt:00000000000000ab\nx:y\ncontent-length:12\n\n\
            \x01\x02\x03\x04\x05\x06\x07\x08rest\0";
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(golden));
    }

    #[test]
    fn a_transaction_is_this_to_the_byte() {
        let (mut out, stomp) = (Vec::new(), Stomp::new(&message(false)).unwrap());
        stomp.begin(&mut out);
        stomp.send(Marks { token: 7, stamp: 0, queue: 1 }, &mut out);
        stomp.commit(7, &mut out);
        let golden = "BEGIN\ntransaction:0000000000000000\n\n\0SEND\ndestination:q00001\npersistent:true\n\
            transaction:0000000000000000\nx:y\ncontent-length:12\n\n\0\0\0\0\0\0\0\0rest\0COMMIT\n\
            transaction:0000000000000000\nreceipt:0000000000000007\n\n\0";
        assert_eq!(String::from_utf8_lossy(&out), golden);
    }

    #[test]
    fn answers_are_found_at_any_cut() {
        let stomp = Stomp::new(&message(true)).unwrap();
        let stream = b"RECEIPT\nreceipt-id:00000000000000ff\n\n\0\n\nMESSAGE\r\nack:t\\c1\r\ncontent-length:9\r\n\r\n\
            \0\0\0\0\0\0\0\x05\0\0\nRECEIPT\nreceipt-id:ack\n\n\0";
        let mut ends = Vec::new();
        let mut at = 0;
        while let Some((consumed, reply)) = stomp.reply(&stream[at..]).unwrap() {
            for cut in at..at + consumed {
                assert_eq!(stomp.reply(&stream[at..cut]).unwrap().map(|(taken, _)| taken), None, "cut at {cut}");
            }
            at += consumed;
            ends.push(reply);
        }
        let delivered = |cost| Reply::Delivered { stamp: 5, name: b"t\\c1", cost };
        assert!(
            matches!(ends.as_slice(), [Reply::Acked(255), Reply::Delivered { cost, .. }, Reply::AckDone]
            if ends[1] == delivered(*cost)),
            "{ends:?}"
        );
        let mut out = Vec::new();
        stomp.acknowledge(b"t\\c1", &mut out);
        assert_eq!(out, b"ACK\nid:t\\c1\nreceipt:ack\n\n\0");
    }

    #[test]
    fn an_error_is_told_in_the_brokers_words() {
        let stomp = Stomp::new(&message(true)).unwrap();
        let error = stomp.reply(b"ERROR\nmessage:no such queue\n\nwhat it says\0").unwrap_err();
        assert_eq!(error, "the broker says ERROR: no such queue what it says");
        assert!(stomp.reply(b"RECEIPT\nreceipt-id:zz\n\n\0").is_err());
        assert!(stomp.reply(b"MESSAGE\ncontent-length:1\nack:1\n\nab\0").is_err());
    }
}

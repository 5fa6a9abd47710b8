//! The least of NATS: publish with a reply inbox, answered as its JetStream does.
//!
//! Source: the client protocol as NATS documents it (INFO, CONNECT, PING, PONG, SUB, UNSUB, PUB, MSG, -ERR). A message is answered by a MSG on
//! its reply inbox, with the number in JSON; who has not subscribed to the inbox hears nothing, as with NATS.

use super::limits::{NATS_LINE_BYTES_MAX, NATS_PAYLOAD_BYTES_MAX, NATS_SUBSCRIPTIONS_MAX};
use super::speech::{Answer, Parsed};

/// Requests to look after streams; all of them succeed and none does anything.
const STREAM_REQUEST: &[u8] = b"$JS.API.";
/// The answer to them.
const DONE: &[u8] = b"{\"type\":\"io.nats.jetstream.api.v1.pub_ack_response\"}";
/// What stands around the number in an answer.
const ACK: (&[u8], &[u8]) = (b"{\"stream\":\"floor\",\"seq\":", b"}");

#[derive(Debug)]
struct Subscription {
    /// The subject without the token that stands for anything, with which it may end.
    beginning: Vec<u8>,
    open_ended: bool,
    sid: Vec<u8>,
}

/// A client of NATS.
#[derive(Debug, Default)]
pub(super) struct Nats {
    subscriptions: Vec<Subscription>,
}

impl Nats {
    /// What the server says first.
    pub(super) fn greet(out: &mut Vec<u8>) {
        let info = format!(
            "INFO {{\"server_id\":\"floor\",\"server_name\":\"floor\",\"version\":\"2.10.0\",\"headers\":false,\
             \"jetstream\":true,\"max_payload\":{NATS_PAYLOAD_BYTES_MAX}}}\r\n"
        );
        out.extend_from_slice(info.as_bytes());
    }

    #[inline]
    pub(super) fn parse<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<Parsed<'a>, String> {
        let searched = bytes.get(..NATS_LINE_BYTES_MAX).unwrap_or(bytes);
        let Some(end) = searched.iter().position(|byte| *byte == b'\n') else {
            return match searched.len() < NATS_LINE_BYTES_MAX {
                true => Ok(Parsed::Incomplete { whole: None }),
                false => Err(format!("a line of more than {NATS_LINE_BYTES_MAX} bytes")),
            };
        };
        let line = searched.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.strip_prefix(b"PUB ") {
            Some(words) => self.publish(words, bytes, end + 1, out),
            None => self.other(line, out).map(|()| Parsed::Said { consumed: end + 1 }),
        }
    }

    #[inline]
    fn publish<'a>(
        &self,
        words: &'a [u8],
        bytes: &'a [u8],
        head: usize,
        out: &mut Vec<u8>,
    ) -> Result<Parsed<'a>, String> {
        let mut words = words.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let (subject, second, third) = (words.next(), words.next(), words.next());
        let (reply, length) = if third.is_some() { (second, third) } else { (None, second) };
        let (Some(subject), Some(length)) = (subject, length.and_then(number)) else {
            return Err("a PUB without a subject and a length".to_owned());
        };
        if length > NATS_PAYLOAD_BYTES_MAX {
            return Err(format!("a message of {length} bytes, and {NATS_PAYLOAD_BYTES_MAX} is the most"));
        }
        let whole = head + length + 2;
        let Some(message) = bytes.get(head..head + length).filter(|_| bytes.len() >= whole) else {
            return Ok(Parsed::Incomplete { whole: Some(whole) });
        };
        if bytes.get(head + length..whole) != Some(b"\r\n") {
            return Err("a message that does not end where its length says".to_owned());
        }
        if subject.starts_with(STREAM_REQUEST) {
            if let Some(reply) = reply {
                self.message(reply, DONE, out);
            }
            return Ok(Parsed::Said { consumed: whole });
        }
        Ok(Parsed::Publish { message, answer: reply.map_or(Answer::Nothing, Answer::Inbox), consumed: whole })
    }

    /// What is rare.
    #[cold]
    fn other(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let words: Vec<&[u8]> = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [b"PING", ..] => out.extend_from_slice(b"PONG\r\n"),
            [b"CONNECT" | b"PONG", ..] | [] => {}
            [b"SUB", subject, sid] | [b"SUB", subject, _, sid] => self.subscribe(subject, sid)?,
            [b"UNSUB", sid, ..] => self.subscriptions.retain(|subscription| subscription.sid != *sid),
            _ => {
                out.extend_from_slice(b"-ERR 'Unknown Protocol Operation'\r\n");
                let word = String::from_utf8_lossy(words.first().copied().unwrap_or_default()).into_owned();
                return Err(format!("`{}` is nothing that a floor broker does", word.escape_debug()));
            }
        }
        Ok(())
    }

    fn subscribe(&mut self, subject: &[u8], sid: &[u8]) -> Result<(), String> {
        if self.subscriptions.len() >= NATS_SUBSCRIPTIONS_MAX {
            return Err(format!("more than {NATS_SUBSCRIPTIONS_MAX} subscriptions"));
        }
        let open = subject.strip_suffix(b"*").or_else(|| subject.strip_suffix(b">"));
        let beginning = open.unwrap_or(subject).to_vec();
        self.subscriptions.push(Subscription { beginning, open_ended: open.is_some(), sid: sid.to_vec() });
        Ok(())
    }

    /// Answers message `number`.
    #[inline]
    pub(super) fn answer(&self, inbox: &[u8], number: u64, out: &mut Vec<u8>) {
        let mut digits = [0; DIGITS_MAX];
        let digits = decimal(number, &mut digits);
        let Some(sid) = self.sid(inbox) else { return };
        begin_message(inbox, sid, ACK.0.len() + digits.len() + ACK.1.len(), out);
        out.extend_from_slice(ACK.0);
        out.extend_from_slice(digits);
        out.extend_from_slice(ACK.1);
        out.extend_from_slice(b"\r\n");
    }

    fn message(&self, inbox: &[u8], text: &[u8], out: &mut Vec<u8>) {
        let Some(sid) = self.sid(inbox) else { return };
        begin_message(inbox, sid, text.len(), out);
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }

    /// The subscription that an inbox belongs to.
    #[inline]
    fn sid(&self, inbox: &[u8]) -> Option<&[u8]> {
        let fits = |it: &&Subscription| {
            inbox.starts_with(&it.beginning) && (it.open_ended || inbox.len() == it.beginning.len())
        };
        self.subscriptions.iter().find(fits).map(|subscription| subscription.sid.as_slice())
    }
}

fn begin_message(inbox: &[u8], sid: &[u8], len: usize, out: &mut Vec<u8>) {
    let mut digits = [0; DIGITS_MAX];
    out.extend_from_slice(b"MSG ");
    out.extend_from_slice(inbox);
    out.push(b' ');
    out.extend_from_slice(sid);
    out.push(b' ');
    out.extend_from_slice(decimal(len as u64, &mut digits));
    out.extend_from_slice(b"\r\n");
}

/// Digits of the largest number.
const DIGITS_MAX: usize = 20;

/// A number in decimal digits, at the end of `digits`.
#[inline]
fn decimal(mut number: u64, digits: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut from = DIGITS_MAX;
    for place in digits.iter_mut().rev() {
        // Below ten, so it fits.
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        from -= 1;
        if number == 0 {
            break;
        }
    }
    digits.get(from..).unwrap_or_default()
}

/// A length in decimal digits; none when it is none, or is absurd.
#[inline]
fn number(word: &[u8]) -> Option<usize> {
    if word.is_empty() || word.len() > 9 {
        return None;
    }
    word.iter().try_fold(0, |sum: usize, digit| digit.is_ascii_digit().then(|| sum * 10 + usize::from(*digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Nats {
        let (mut nats, mut out) = (Nats::default(), Vec::new());
        assert_eq!(nats.parse(b"SUB _INBOX.a.* 7\r\n", &mut out), Ok(Parsed::Said { consumed: 18 }));
        nats
    }

    #[test]
    fn a_publish_is_found_whole_and_waits_for_its_end() {
        let (mut nats, mut out) = (client(), Vec::new());
        let bytes = b"PUB orders _INBOX.a.1 5\r\nhello\r\nPING\r\n";
        let found = Parsed::Publish { message: b"hello", answer: Answer::Inbox(b"_INBOX.a.1"), consumed: 32 };
        assert_eq!(nats.parse(bytes, &mut out), Ok(found));
        for end in 0..32 {
            let whole = if end < 25 { None } else { Some(32) };
            assert_eq!(nats.parse(&bytes[..end], &mut out), Ok(Parsed::Incomplete { whole }), "{end}");
        }
        assert_eq!(nats.parse(&bytes[32..], &mut out), Ok(Parsed::Said { consumed: 6 }));
        assert_eq!(out, b"PONG\r\n");
        let silent = Parsed::Publish { message: b"", answer: Answer::Nothing, consumed: 11 };
        assert_eq!(nats.parse(b"PUB a 0\r\n\r\n", &mut out), Ok(silent));
    }

    #[test]
    fn the_answer_goes_to_the_subscription_of_the_inbox() {
        let (mut nats, mut out) = (client(), Vec::new());
        nats.answer(b"_INBOX.a.1", 42, &mut out);
        assert_eq!(out, b"MSG _INBOX.a.1 7 27\r\n{\"stream\":\"floor\",\"seq\":42}\r\n");
        out.clear();
        nats.answer(b"_INBOX.b.1", 42, &mut out);
        assert!(out.is_empty(), "nobody listens there");
        nats.parse(b"UNSUB 7\r\n", &mut out).unwrap();
        nats.answer(b"_INBOX.a.1", 42, &mut out);
        assert!(out.is_empty(), "nobody listens any more");
    }

    #[test]
    fn a_request_for_a_stream_is_answered_and_not_stored() {
        let (mut nats, mut out) = (client(), Vec::new());
        let asked = nats.parse(b"PUB $JS.API.STREAM.CREATE.x _INBOX.a.0 2\r\n{}\r\n", &mut out);
        assert!(matches!(asked, Ok(Parsed::Said { .. })), "{asked:?}");
        assert!(out.starts_with(b"MSG _INBOX.a.0 7 "));
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        let long = vec![b'a'; NATS_LINE_BYTES_MAX];
        for bytes in [
            &b"PUB a 1048577\r\n"[..],
            b"PUB a -1\r\n",
            b"PUB a 99999999999999999999\r\n",
            b"PUB \r\n",
            b"PUB a 1\r\nxyz",
            b"GET / HTTP/1.1\r\n",
            &long,
        ] {
            let parsed = client().parse(bytes, &mut Vec::new());
            assert!(parsed.is_err(), "{parsed:?} for {:?}", String::from_utf8_lossy(bytes));
        }
        let (mut nats, mut out) = (Nats::default(), Vec::new());
        let taken = (0..20).take_while(|_| nats.parse(b"SUB a 1\r\n", &mut out).is_ok()).count();
        assert_eq!(taken, NATS_SUBSCRIPTIONS_MAX);
    }

    #[test]
    fn numbers_are_written_as_they_are() {
        for value in [0, 9, 10, 1_234_567_890, u64::MAX] {
            assert_eq!(decimal(value, &mut [0; DIGITS_MAX]), value.to_string().as_bytes());
        }
    }
}

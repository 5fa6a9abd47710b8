//! What comes from a socket before it is a packet: the handshake, the cutting into frames, the connection around both.

use protocol::core::frame::{Frames, Handshake, detect_handshake};
use protocol::core::identity::ChannelId;
use protocol::core::packet::Direction;
use protocol::limits;
use ringmq::net::core::{Connection, Event, ServerFacts};

use super::{refused, walk};
use crate::captures::Capture;
use crate::prove::fuzz::target::Target;

/// Frames of one side in one example.
const FRAMES_MAX: usize = 12;

pub(super) fn targets(captures: &[Capture]) -> Vec<Target> {
    vec![handshake(), frames(captures), connection(captures)]
}

fn handshake() -> Target {
    let examples =
        [&b"ARTEMIS"[..], b"ARTEMIS\0\0\0\x11\n", b"AMQP\0\0\0\x01", b"GET / HTTP/1.1\r\n", b"CONNECT\n", b"", b"ART"];
    Target::new("handshake", examples.map(<[u8]>::to_vec).into(), |bytes, _| match detect_handshake(bytes) {
        Handshake::Core { consumed } => bytes.get(consumed..).is_some(),
        Handshake::Incomplete | Handshake::Other => false,
    })
}

/// The beginning of what each side of each first connection said, cut into pieces of some frames.
fn conversations(captures: &[Capture], direction: Direction) -> Vec<Vec<u8>> {
    let mut examples = Vec::new();
    for capture in captures {
        let said = |line: &&crate::captures::Line| line.direction == direction && line.connection == 1;
        let frames: Vec<&[u8]> = capture.lines.iter().filter(said).map(|line| line.bytes.as_slice()).collect();
        examples.extend(frames.chunks(FRAMES_MAX).map(<[&[u8]]>::concat));
    }
    examples
}

fn frames(captures: &[Capture]) -> Target {
    Target::new("frames", conversations(captures, Direction::ServerToClient), |bytes, choice| {
        let cap = if choice.is_multiple_of(2) { limits::FRAME_BEFORE_LOGIN_BYTES_MAX } else { limits::FRAME_BYTES_MAX };
        let mut frames = Frames::new(bytes, cap);
        let mut found = 0_usize;
        loop {
            match frames.next_frame() {
                Ok(Some(body)) => found += usize::from(body.len() <= cap),
                Ok(None) => break,
                Err(error) => return refused(&error),
            }
        }
        found > 0 && frames.needed().is_none_or(|needed| needed <= cap + limits::LENGTH_PREFIX_BYTES)
    })
}

/// A connection takes the bytes in two pieces and answers what needs no session.
fn connection(captures: &[Capture]) -> Target {
    let facts = ServerFacts {
        node_id: "fuzz".to_owned(),
        started_unix_ms: 1,
        management_address: "activemq.management".to_owned(),
    };
    Target::new("connection", conversations(captures, Direction::ClientToServer), move |bytes, choice| {
        let mut connection = Connection::new(0, limits::FRAME_BYTES_MAX);
        let cut = usize::try_from(choice % (bytes.len() as u64 + 1)).unwrap_or(0);
        let (first, second) = bytes.split_at_checked(cut).unwrap_or((bytes, &[]));
        let mut handled = 0;
        let mut out = Vec::new();
        for piece in [first, second] {
            connection.keep(piece);
            let input = connection.take_kept();
            let mut used = 0;
            let going_on = loop {
                let rest = input.get(used..).unwrap_or_default();
                let next = match connection.next_frame(rest) {
                    Ok(next) => next,
                    Err(problem) => break refused(&problem),
                };
                let Some(at) = next else { break true };
                let body = rest.get(at.frame).unwrap_or_default();
                used += at.consumed;
                if body.is_empty() {
                    continue;
                }
                let Ok(frame) = connection.decode(body) else { break false };
                if matches!(frame.channel, ChannelId::PING | ChannelId::SESSION) {
                    let Ok(event) = connection.handle(frame.channel, &frame.packet, &facts, &mut out) else {
                        break false;
                    };
                    walk(&event);
                    if matches!(event, Event::CreateSession { .. }) {
                        connection.logged_in();
                    }
                }
                handled += 1;
                out.clear();
            };
            connection.put_back(input, used);
            walk(&connection.missing());
            if !going_on {
                return false;
            }
        }
        handled > 0
    })
}

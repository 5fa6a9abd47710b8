//! Frames that a broken or hostile peer might send: captured ones, damaged at random from a fixed seed.
//!
//! Whatever comes, the codec answers with a packet or an error that says where; a packet it gives can be walked, encoded, and
//! decoded again to the same value. That nothing is allocated on the way in is a matter of types: what a decoder returns is
//! `Copy`, and a `Copy` value owns no memory.

use crate::capture::{self, Line};
use protocol::core::frame::Frames;
use protocol::core::packet::{Direction, Frame, Packet, decode, encode};
use protocol::core::version::Version;
use protocol::limits;
use protocol::message::{HeaderView, MessageView};

const SEED: u64 = 0x5eed_2061_6d71;
const MUTATIONS: usize = 60_000;

/// A small generator, so that a seed means the same on every machine and for ever (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Lengths and counts that lie at the edges of what a codec must think of.
const EDGES: [i32; 12] = [0, 1, -1, 2, 8, 9, 13, 4094, 4095, i32::MAX, i32::MIN, 0x00ff_ffff];

/// Damages `body` in one of the ways that hurt codecs.
fn damage(body: &mut Vec<u8>, donor: &[u8], random: &mut Random) {
    let at = random.below(body.len());
    match random.below(7) {
        0 => body[at] ^= 1 << random.below(8),
        1 => body[at] = random.next() as u8,
        2 => body.truncate(at.max(1)),
        3 => body.extend_from_slice(&donor[random.below(donor.len())..]),
        4 => {
            let edge = EDGES[random.below(EDGES.len())].to_be_bytes();
            let end = body.len().min(at + edge.len());
            body[at..end].copy_from_slice(&edge[..end - at]);
        }
        5 => {
            body.truncate(at.max(1));
            body.extend_from_slice(&donor[random.below(donor.len())..]);
        }
        _ => body[0] = random.next() as u8,
    }
}

/// Walks everything that a decoded packet borrows.
fn walk(packet: &Packet<'_>) -> usize {
    match packet {
        Packet::Send(send) => walk_message(send.message),
        Packet::ReceiveMessage(receive) => walk_message(receive.message),
        Packet::SendLarge(send) => walk_header(send.header),
        Packet::ReceiveLargeMessage(receive) => walk_header(receive.header),
        other => format!("{other:?}").len(),
    }
}

fn walk_message(encoded: &[u8]) -> usize {
    match MessageView::parse(encoded) {
        Err(error) => error.to_string().len(),
        Ok(view) => {
            assert!(view.body().len() + view.header.properties.encoded().len() < encoded.len());
            let text = view.text().map_or(0, |text| text.to_string().len());
            view.validate().map_or_else(|error| error.to_string().len(), |()| text)
        }
    }
}

fn walk_header(encoded: &[u8]) -> usize {
    HeaderView::read(encoded).map_or_else(|error| error.to_string().len(), |header| format!("{header:?}").len())
}

/// Decodes, walks, encodes, decodes again.
fn survive(body: &[u8], direction: Direction, version: Version, again: &mut Vec<u8>) -> bool {
    let frame = match decode(body, direction, version) {
        Ok(frame) => frame,
        Err(error) => {
            assert!(error.cause.offset <= body.len(), "{error}");
            assert!(!error.cause.field.is_empty(), "{error}");
            return false;
        }
    };
    walk(&frame.packet);
    again.clear();
    encode(frame.channel, &frame.packet, version, again).unwrap();
    assert_eq!(again.len() + frame.trailing.len(), body.len() + limits::LENGTH_PREFIX_BYTES, "{frame:?}");
    let second = decode(&again[limits::LENGTH_PREFIX_BYTES..], direction, version).unwrap();
    assert_eq!((second.channel, second.packet), (frame.channel, frame.packet));
    true
}

#[test]
fn damaged_frames_never_panic_and_what_decodes_is_stable() {
    let lines: Vec<Line> = capture::all().concat();
    let mut random = Random(SEED);
    let (mut body, mut again) = (Vec::new(), Vec::new());
    let mut decoded = 0;
    for _ in 0..MUTATIONS {
        let line = &lines[random.below(lines.len())];
        let donor = &lines[random.below(lines.len())].bytes;
        body.clear();
        body.extend_from_slice(&line.bytes[limits::LENGTH_PREFIX_BYTES..]);
        for _ in 0..=random.below(3) {
            damage(&mut body, donor, &mut random);
        }
        let version = Version(129 + random.below(8) as i32);
        decoded += usize::from(survive(&body, line.direction, version, &mut again));
    }
    // Damage that is always refused, or never, would prove nothing.
    assert!((MUTATIONS / 10..MUTATIONS * 9 / 10).contains(&decoded), "{decoded} of {MUTATIONS} decoded");
}

#[test]
fn a_damaged_stream_never_panics_and_never_asks_for_more_than_its_cap() {
    let lines: Vec<Line> = capture::all().concat();
    let mut random = Random(SEED ^ 1);
    for _ in 0..2_000 {
        let mut stream = Vec::new();
        for _ in 0..6 {
            stream.extend_from_slice(&lines[random.below(lines.len())].bytes);
        }
        let donor = &lines[random.below(lines.len())].bytes;
        damage(&mut stream, donor, &mut random);
        let mut frames = Frames::new(&stream, limits::FRAME_BEFORE_LOGIN_BYTES_MAX);
        while let Ok(Some(body)) = frames.next_frame() {
            assert!(body.len() <= limits::FRAME_BEFORE_LOGIN_BYTES_MAX);
            let _outcome = decode(body, Direction::ClientToServer, Version::NEWEST);
        }
        assert!(frames.consumed() <= stream.len());
        let most = limits::FRAME_BEFORE_LOGIN_BYTES_MAX + limits::LENGTH_PREFIX_BYTES;
        assert!(frames.needed().is_none_or(|needed| needed <= most));
    }
}

#[test]
fn every_cut_of_every_kind_of_frame_is_an_error_or_a_shorter_packet() {
    let mut seen = std::collections::HashSet::new();
    let mut again = Vec::new();
    for line in capture::all().concat() {
        if !seen.insert((line.name.clone(), line.bytes.len())) || line.bytes.len() > 2_000 {
            continue;
        }
        let body = &line.bytes[limits::LENGTH_PREFIX_BYTES..];
        for cut in 0..body.len() {
            survive(&body[..cut], line.direction, Version::NEWEST, &mut again);
        }
    }
    assert!(seen.len() > 69);
}

#[test]
fn a_decoded_frame_owns_no_memory() {
    fn copies<T: Copy>(_: &T) {}
    let line = capture::one("send-durable").remove(0);
    let frame: Frame<'_> = decode(&line.bytes[4..], line.direction, Version::NEWEST).unwrap();
    copies(&frame);
    if let Packet::Send(send) = frame.packet {
        copies(&MessageView::parse(send.message).unwrap());
    }
}

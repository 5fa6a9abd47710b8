//! Every frame that real clients and a real broker exchanged decodes, means what the recorder says, and encodes to the same bytes.
//!
//! The sweep takes the encoder as a parameter, so that the controls below can hand it a wrong one and see it caught.

use std::collections::BTreeMap;

use crate::capture::{self, Line, Versions};
use protocol::core::error::EncodeError;
use protocol::core::frame::{Split, split};
use protocol::core::identity::{ConsumerId, MessageId};
use protocol::core::packet::{Frame, Packet, decode, encode};
use protocol::core::version::Version;
use protocol::limits;
use protocol::message::{HeaderView, MessageView};

/// Encodes a decoded frame for a version.
type Encoder = fn(&Frame<'_>, Version, &mut Vec<u8>) -> Result<(), EncodeError>;

/// What a sweep saw.
#[derive(Default)]
struct Sweep {
    frames: usize,
    by_name: BTreeMap<String, usize>,
    faults: Vec<String>,
}

fn faithful(frame: &Frame<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    encode(frame.channel, &frame.packet, version, out)
}

/// Sweeps all captures. `version_of` may replace the version that a connection has agreed on.
fn sweep(encoder: Encoder, version_of: fn(Version) -> Version) -> Sweep {
    let mut sweep = Sweep::default();
    let mut buffer = Vec::new();
    for lines in capture::all() {
        let mut versions = Versions::default();
        for line in lines.iter().filter(|line| !line.malformed) {
            sweep.frames += 1;
            *sweep.by_name.entry(line.name.clone()).or_default() += 1;
            let version = version_of(versions.of(line.connection));
            match check(line, version, encoder, &mut buffer) {
                Ok(frame) => versions.track(line.connection, &frame),
                Err(fault) => sweep.faults.push(format!("{} {}: {fault}", line.place, line.name)),
            }
        }
    }
    sweep
}

/// One frame there and back.
fn check<'l>(line: &'l Line, version: Version, encoder: Encoder, buffer: &mut Vec<u8>) -> Result<Frame<'l>, String> {
    let body = match split(&line.bytes, limits::FRAME_BYTES_MAX).map_err(|error| error.to_string())? {
        Split::Frame { body, consumed } if consumed == line.bytes.len() => body,
        other => return Err(format!("not one frame: {other:?}")),
    };
    let frame = decode(body, line.direction, version).map_err(|error| error.to_string())?;
    let name = frame.packet.packet_type().name().unwrap_or("none");
    if name != line.name || frame.channel.0 != line.channel {
        return Err(format!("the recorder says channel {}, the codec {name} on {}", line.channel, frame.channel));
    }
    if !frame.trailing.is_empty() {
        return Err(format!("{} bytes are left over", frame.trailing.len()));
    }
    validate(&frame.packet)?;
    buffer.clear();
    encoder(&frame, version, buffer).map_err(|error| error.to_string())?;
    if *buffer != line.bytes {
        let at = buffer.iter().zip(&line.bytes).take_while(|(ours, theirs)| ours == theirs).count();
        return Err(format!("encodes differently from byte {at} on"));
    }
    Ok(frame)
}

/// Messages are borrowed by the packets that carry them; here they are walked to the last property.
fn validate(packet: &Packet<'_>) -> Result<(), String> {
    let whole =
        |encoded| MessageView::parse(encoded).and_then(|view| view.validate()).map_err(|error| error.to_string());
    let head = |encoded| {
        let header = HeaderView::read(encoded).map_err(|error| error.to_string())?;
        let mut again = Vec::new();
        header.write(&mut again);
        if again != encoded {
            return Err("headers encode differently".to_owned());
        }
        header.properties.validate().map_err(|error| error.to_string())
    };
    match packet {
        Packet::Send(send) => whole(send.message),
        Packet::ReceiveMessage(receive) => whole(receive.message),
        Packet::SendLarge(send) => head(send.header),
        Packet::ReceiveLargeMessage(receive) => head(receive.header),
        _ => Ok(()),
    }
}

#[test]
fn every_captured_frame_decodes_and_encodes_to_the_same_bytes() {
    let sweep = sweep(faithful, |version| version);
    println!("{} frames of {} packet types", sweep.frames, sweep.by_name.len());
    for (name, count) in &sweep.by_name {
        println!("{count:6} {name}");
    }
    assert!(sweep.faults.is_empty(), "{} faults:\n{}", sweep.faults.len(), sweep.faults.join("\n"));
    assert_eq!(sweep.frames, FRAMES);
    assert_eq!(sweep.by_name.len(), PACKET_TYPES);
    assert_eq!(sweep.by_name["SESS_SEND"], 406);
    assert_eq!(sweep.by_name["SESS_RECEIVE_MSG"], 357);
}

/// All frame lines of the captures except the malformed ones, counted when they were recorded.
const FRAMES: usize = 8392;
const PACKET_TYPES: usize = 69;

#[test]
fn frames_that_were_made_to_be_refused_are_refused_or_survive_as_unknown() {
    let mut seen = Vec::new();
    for line in capture::all().concat().iter().filter(|line| line.malformed) {
        let outcome = match decode(&line.bytes[limits::LENGTH_PREFIX_BYTES..], line.direction, Version::NEWEST) {
            Err(error) => error.to_string(),
            Ok(Frame { packet: Packet::Unknown { packet_type, .. }, .. }) => format!("unknown: {packet_type}"),
            // Readers must ignore what a newer peer appends.
            Ok(frame) => format!("{} with {} bytes more", frame.packet.packet_type(), frame.trailing.len()),
        };
        seen.push(outcome);
    }
    seen.sort();
    assert_eq!(
        seen,
        [
            "SESS_QUEUEQUERY with 3 bytes more",
            "the peer broke the protocol: SESS_QUEUEQUERY: name at byte 13: expected 20 more bytes, 2 are left",
            "unknown: packet type 99",
        ]
    );
}

/// Control: an encoder that has two fields of one packet the wrong way round.
#[test]
fn a_wrong_field_order_is_caught_in_every_frame_that_has_it() {
    fn swapped(frame: &Frame<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut packet = frame.packet;
        if let Packet::Acknowledge(acknowledge) = &mut packet {
            let consumer = acknowledge.consumer_id.0;
            acknowledge.consumer_id = ConsumerId(acknowledge.message_id.0);
            acknowledge.message_id = MessageId(consumer);
        }
        encode(frame.channel, &packet, version, out)
    }
    let sweep = sweep(swapped, |version| version);
    assert_eq!(sweep.faults.len(), sweep.by_name["SESS_ACKNOWLEDGE"]);
    assert!(sweep.faults.iter().all(|fault| fault.contains("SESS_ACKNOWLEDGE: encodes differently from byte")));
}

/// Control: the layouts of an older version.
#[test]
fn the_wrong_version_is_caught_in_every_send() {
    let sweep = sweep(faithful, |version| if version >= Version::PRODUCER_IDS { Version(133) } else { version });
    let sends = sweep.faults.iter().filter(|fault| fault.contains("SESS_SEND: ")).count();
    assert!(sends > 300, "only {sends}");
    assert!(
        sweep.faults.iter().all(|fault| fault.contains("left over") || fault.contains("beyond")),
        "{:?}",
        sweep.faults
    );
}

/// Control: one byte of a frame changed. Either it no longer decodes, or it encodes to something else than the original did,
/// except where another byte means the same: a boolean is true with any value but zero.
#[test]
fn a_changed_byte_changes_what_was_decoded() {
    let lines = capture::one("send-durable");
    let line = lines.iter().find(|line| line.name == "SESS_PRODUCER_CREDITS").unwrap();
    let mut again = Vec::new();
    for at in limits::LENGTH_PREFIX_BYTES..line.bytes.len() {
        let mut changed = line.bytes.clone();
        changed[at] ^= 0x01;
        again.clear();
        if let Ok(frame) = decode(&changed[limits::LENGTH_PREFIX_BYTES..], line.direction, Version::NEWEST) {
            encode(frame.channel, &frame.packet, Version::NEWEST, &mut again).unwrap();
        }
        assert_ne!(again, line.bytes, "byte {at}");
    }
}

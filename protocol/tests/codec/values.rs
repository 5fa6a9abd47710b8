//! Every message of the captures as values: each property and each value of each body is decoded, and encoded again to the same bytes.
//!
//! What stays bytes is in a table with its reason. A body that is neither decoded nor in the table fails, and so does a row of the
//! table that nothing needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::capture::{self, Line, Versions};
use protocol::core::packet::{Packet, decode};
use protocol::limits;
use protocol::message::{
    Body, HeaderView, MessageKind, MessageView, Properties, PropertiesBuilder, PropertyValue, property_name,
};

/// Bodies that are not decoded: where they are, in which packet, and why. All lie outside of queues and local transactions.
const OUTSIDE: [(&str, &str, &str); 4] = [
    ("large-compressed", "SESS_SEND", "compressed: a client does that to large messages alone"),
    ("large-compressed", "SESS_RECEIVE_MSG", "the same on its way back"),
    ("", "SESS_SEND_CONTINUATION", "a piece of a large message, which has no end of its own"),
    ("", "SESS_RECEIVE_CONTINUATION", "the same on its way back"),
];

/// What a walk over all captures saw.
#[derive(Default)]
struct Walk {
    /// Bodies by kind.
    kinds: BTreeMap<i8, usize>,
    /// Property tags.
    properties: BTreeMap<i8, usize>,
    /// Tags of stream values.
    streamed: BTreeMap<i8, usize>,
    /// Rows of [`OUTSIDE`] that were needed.
    outside: BTreeSet<usize>,
    faults: Vec<String>,
}

/// Encodes properties again.
type Encoder = fn(&Properties<'_>, &mut Vec<u8>);

fn value_by_value(properties: &Properties<'_>, out: &mut Vec<u8>) {
    let mut again = PropertiesBuilder::default();
    for property in properties.iter() {
        let property = property.unwrap();
        again.push(property.key, property.value);
    }
    again.write(out);
}

fn tag(value: PropertyValue<'_>) -> i8 {
    let mut encoded = Vec::new();
    let mut one = PropertiesBuilder::default();
    one.push(protocol::simple_string::SimpleStr::default(), value);
    one.write(&mut encoded);
    // Behind marker, count and the length of an empty name.
    encoded[9].cast_signed()
}

impl Walk {
    fn all(encoder: Encoder) -> Walk {
        let mut walk = Walk::default();
        for lines in capture::all() {
            let mut versions = Versions::default();
            for line in lines.iter().filter(|line| !line.malformed) {
                let frame =
                    decode(&line.bytes[limits::LENGTH_PREFIX_BYTES..], line.direction, versions.of(line.connection));
                let frame = frame.unwrap();
                versions.track(line.connection, &frame);
                if let Err(fault) = walk.packet(line, &frame.packet, encoder) {
                    walk.faults.push(format!("{} {}: {fault}", line.place, line.name));
                }
            }
        }
        walk
    }

    fn packet(&mut self, line: &Line, packet: &Packet<'_>, encoder: Encoder) -> Result<(), String> {
        match packet {
            Packet::Send(send) => self.message(line, send.message, encoder),
            Packet::ReceiveMessage(receive) => self.message(line, receive.message, encoder),
            Packet::SendLarge(send) => self.header(send.header, encoder),
            Packet::ReceiveLargeMessage(receive) => self.header(receive.header, encoder),
            Packet::SendContinuation(_) | Packet::ReceiveContinuation(_) => self.leave_outside(line),
            _ => Ok(()),
        }
    }

    fn leave_outside(&mut self, line: &Line) -> Result<(), String> {
        let row = OUTSIDE.iter().position(|(file, packet, _)| line.place.starts_with(file) && line.name == *packet);
        self.outside.insert(row.ok_or("is neither decoded nor listed")?);
        Ok(())
    }

    fn header(&mut self, encoded: &[u8], encoder: Encoder) -> Result<(), String> {
        let header = HeaderView::read(encoded).map_err(|error| error.to_string())?;
        self.properties(&header.properties, encoder)
    }

    fn message(&mut self, line: &Line, encoded: &[u8], encoder: Encoder) -> Result<(), String> {
        let view = MessageView::parse(encoded).map_err(|error| error.to_string())?;
        self.properties(&view.header.properties, encoder)?;
        let compressed = view.header.properties.get(property_name::LARGE_COMPRESSED).unwrap();
        if compressed == Some(PropertyValue::Bool(true)) {
            return self.leave_outside(line);
        }
        let kind = view.header.kind;
        let body = Body::read(kind, view.body()).map_err(|error| format!("{kind:?}: {error}"))?;
        match &body {
            Body::Unknown(_) => return self.leave_outside(line),
            Body::Map(map) => self.properties(map, encoder)?,
            Body::Stream(values) => {
                values.iter().for_each(|value| *self.streamed.entry(value.unwrap().tag()).or_default() += 1);
            }
            _ => {}
        }
        *self.kinds.entry(kind.0).or_default() += 1;
        let mut again = Vec::new();
        body.write(&mut again);
        if again == view.body() { Ok(()) } else { Err(format!("a body encodes differently: {body:?}")) }
    }

    fn properties(&mut self, properties: &Properties<'_>, encoder: Encoder) -> Result<(), String> {
        for property in properties.iter() {
            let value = property.map_err(|error| error.to_string())?.value;
            *self.properties.entry(tag(value)).or_default() += 1;
        }
        let mut again = Vec::new();
        encoder(properties, &mut again);
        if again == properties.encoded() { Ok(()) } else { Err(format!("encode differently: {properties:?}")) }
    }
}

#[test]
fn every_property_and_every_body_is_values_and_the_same_bytes_again() {
    let walk = Walk::all(value_by_value);
    println!("bodies {:?}\nproperties {:?}\nstreams {:?}", walk.kinds, walk.properties, walk.streamed);
    assert!(walk.faults.is_empty(), "{} faults:\n{}", walk.faults.len(), walk.faults.join("\n"));
    let kinds: Vec<i8> = walk.kinds.keys().copied().collect();
    let known = [
        MessageKind::PLAIN,
        MessageKind::OBJECT,
        MessageKind::TEXT,
        MessageKind::BYTES,
        MessageKind::MAP,
        MessageKind::STREAM,
    ];
    assert_eq!(kinds, known.map(|kind| kind.0), "every kind of body was there");
    let tags = |seen: &BTreeMap<i8, usize>| seen.keys().copied().collect::<Vec<i8>>();
    assert_eq!(tags(&walk.properties), [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "every type of property was there");
    assert_eq!(tags(&walk.streamed), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "every type of stream value was there");
    let unused: Vec<_> = (0..OUTSIDE.len()).filter(|row| !walk.outside.contains(row)).map(|row| OUTSIDE[row]).collect();
    assert!(unused.is_empty(), "nothing needs {unused:?}");
}

/// Control: an encoder that takes a short for an int.
#[test]
fn a_type_that_does_not_survive_is_caught() {
    fn widened(properties: &Properties<'_>, out: &mut Vec<u8>) {
        let mut again = PropertiesBuilder::default();
        for property in properties.iter() {
            let property = property.unwrap();
            let value = match property.value {
                PropertyValue::Short(value) => PropertyValue::Int(value.into()),
                other => other,
            };
            again.push(property.key, value);
        }
        again.write(out);
    }
    let walk = Walk::all(widened);
    assert!(!walk.faults.is_empty());
    assert!(walk.faults.iter().all(|fault| fault.contains("encode differently")), "{:?}", walk.faults);
}

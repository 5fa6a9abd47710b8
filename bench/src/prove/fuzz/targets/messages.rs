//! Messages, and what is in them: headers, properties, bodies of every kind, text.

use std::collections::BTreeMap;

use protocol::core::cursor::{Reader, Writer};
use protocol::core::identity::MessageId;
use protocol::core::packet::{Packet, decode};
use protocol::core::text::Text;
use protocol::core::version::Version;
use protocol::core::wire::Wire;
use protocol::limits;
use protocol::message::{
    Body, HeaderView, MessageBuilder, MessageKind, MessageView, Properties, PropertiesBuilder, property_name,
    set_message_id,
};
use ringmq::management::{Facts, begin};
use ringmq::net::core::read_request;

use super::{refused, walk, walk_some};
use crate::captures::{Capture, Versions};
use crate::prove::fuzz::target::Target;

/// Where such requests go.
const MANAGEMENT: &str = "activemq.management";
/// As many as fit an input.
const SMALL_ARGUMENTS: usize = 4_500;
const KINDS: [(&str, MessageKind); 5] = [
    ("text", MessageKind::TEXT),
    ("bytes", MessageKind::BYTES),
    ("map", MessageKind::MAP),
    ("object", MessageKind::OBJECT),
    ("stream", MessageKind::STREAM),
];

/// What the captures have to show of messages.
#[derive(Default)]
struct Examples {
    messages: Vec<Vec<u8>>,
    headers: Vec<Vec<u8>>,
    properties: Vec<Vec<u8>>,
    bodies: BTreeMap<i8, Vec<Vec<u8>>>,
}

pub(super) fn targets(captures: &[Capture]) -> Vec<Target> {
    let examples = Examples::of(captures);
    let asked = examples.messages.iter().filter(|message| is_request(message)).cloned();
    let asked = asked.chain([many_arguments()]).collect();
    let mut targets = vec![
        management(asked),
        message(examples.messages),
        header(examples.headers),
        properties(examples.properties),
        text(),
    ];
    for (name, kind) in KINDS {
        targets.push(body(name, kind, examples.bodies.get(&kind.0).cloned().unwrap_or_default()));
    }
    targets
}

impl Examples {
    fn of(captures: &[Capture]) -> Self {
        let mut examples = Self::default();
        for capture in captures {
            let mut versions = Versions::default();
            for line in &capture.lines {
                let body = line.bytes.get(limits::LENGTH_PREFIX_BYTES..).unwrap_or_default();
                let Ok(frame) = decode(body, line.direction, versions.of(line.connection)) else { continue };
                versions.track(line.connection, &frame);
                match frame.packet {
                    Packet::Send(send) => examples.message(send.message),
                    Packet::ReceiveMessage(receive) => examples.message(receive.message),
                    Packet::SendLarge(send) => examples.headers.push(send.header.to_vec()),
                    Packet::ReceiveLargeMessage(receive) => examples.headers.push(receive.header.to_vec()),
                    _ => {}
                }
            }
        }
        examples
    }

    fn message(&mut self, encoded: &[u8]) {
        let Ok(view) = MessageView::parse(encoded) else { return };
        self.messages.push(encoded.to_vec());
        self.properties.push(view.header.properties.encoded().to_vec());
        self.bodies.entry(view.header.kind.0).or_default().push(view.body().to_vec());
        let mut header = Vec::new();
        view.header.write(&mut header);
        self.headers.push(header);
    }
}

/// A request whose arguments take little room as text and much as values.
fn many_arguments() -> Vec<u8> {
    let text = format!("[{}0]", "{\"\":0},".repeat(SMALL_ARGUMENTS));
    let mut message = Vec::new();
    MessageBuilder::new(MANAGEMENT)
        .text(&text)
        .text_property(property_name::RESOURCE, "broker")
        .text_property(property_name::OPERATION, "listQueues")
        .write(&mut message);
    message
}

/// Whether a message asks to look after the broker.
fn is_request(message: &[u8]) -> bool {
    MessageView::parse(message).is_ok_and(|view| view.header.address.is_some_and(|address| address == MANAGEMENT))
}

/// A request to look after the broker, up to the first question to a home.
fn management(examples: Vec<Vec<u8>>) -> Target {
    let facts =
        Facts { node_id: "fuzz", version: "0", started_unix_ms: 1, uptime_ms: 1, management_address: MANAGEMENT };
    Target::new("management request", examples, move |bytes, _| {
        let (reply_to, request) = read_request(bytes);
        walk(&reply_to.address());
        match request {
            Ok(request) => walk(&begin(request, &facts)),
            Err(error) => refused(&error),
        }
    })
}

fn message(examples: Vec<Vec<u8>>) -> Target {
    Target::new("message", examples, |bytes, choice| {
        let mut copy = bytes.to_vec();
        // Whether it has room for an id does not depend on whether it is a message.
        let has_room = set_message_id(&mut copy, MessageId(choice.cast_signed()));
        let Ok(view) = MessageView::parse(bytes) else { return false };
        walk(&(has_room, view.text(), view.header));
        walk(&(view.encoded_size(), view.message_id_offset()));
        view.validate().is_ok()
    })
    .checked(|bytes, choice| {
        let mut copy = bytes.to_vec();
        let id = MessageId(choice.cast_signed());
        if !set_message_id(&mut copy, id) {
            return Err("no room for an id".to_owned());
        }
        let view = MessageView::parse(&copy).map_err(|error| error.to_string())?;
        if view.header.message_id == id { Ok(()) } else { Err("the id is elsewhere".to_owned()) }
    })
}

fn header(examples: Vec<Vec<u8>>) -> Target {
    Target::new("header", examples, |bytes, _| {
        HeaderView::read(bytes).is_ok_and(|header| walk(&header) && header.properties.validate().is_ok())
    })
    .checked(|bytes, _| {
        let mut again = Vec::new();
        HeaderView::read(bytes).map_err(|error| error.to_string())?.write(&mut again);
        if again.len() == bytes.len() { Ok(()) } else { Err(format!("{} bytes became {}", bytes.len(), again.len())) }
    })
}

fn properties(examples: Vec<Vec<u8>>) -> Target {
    Target::new("properties", examples, |bytes, _| {
        let Ok(properties) = Properties::read(bytes) else { return false };
        walk(&properties.get("_AMQ_ROUTING_TYPE"));
        walk(&properties) && properties.validate().is_ok()
    })
    .checked(|bytes, _| {
        let properties = Properties::read(bytes).map_err(|error| error.to_string())?;
        let mut builder = PropertiesBuilder::default();
        for property in properties.iter() {
            let property = property.map_err(|error| error.to_string())?;
            builder.push(property.key, property.value);
        }
        let mut again = Vec::new();
        builder.write(&mut again);
        // A count of zero is written as no properties at all.
        let same = again.len() == bytes.len() || properties.is_empty();
        if same { Ok(()) } else { Err(format!("{} bytes became {}", bytes.len(), again.len())) }
    })
}

fn body(name: &str, kind: MessageKind, examples: Vec<Vec<u8>>) -> Target {
    // Reading has looked at every value; a long text costs far more to show than to read.
    Target::new(format!("body {name}"), examples, move |bytes, choice| {
        Body::read(kind, bytes).is_ok_and(|body| walk_some(&body, choice))
    })
    .checked(move |bytes, _| {
        let mut again = Vec::new();
        Body::read(kind, bytes).map_err(|error| error.to_string())?.write(&mut again);
        let mut third = Vec::new();
        Body::read(kind, &again).map_err(|error| format!("not read again: {error}"))?.write(&mut third);
        if again == third { Ok(()) } else { Err("comes back otherwise".to_owned()) }
    })
}

/// A text of a packet in its three forms.
fn text() -> Target {
    let texts =
        [String::new(), "é€😀".to_owned(), "a name that is longer".to_owned(), "é€😀".repeat(40), "x".repeat(5_000)];
    let examples = texts.map(|text| {
        let mut encoded = Vec::new();
        Text::from(text.as_str()).write(&mut Writer::new(&mut encoded), Version::NEWEST);
        encoded
    });
    Target::new("text", examples.into(), |bytes, _| {
        let Ok(text) = Text::read(&mut Reader::new(bytes), Version::NEWEST) else { return false };
        walk(&text) && text.units().count() <= bytes.len()
    })
}

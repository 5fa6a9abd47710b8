//! The reference page of the table of states, generated from it: `docs/states.md`.
//!
//! Takes the table and the packets of the captures. Must stay true: the page in the repository is the one that follows from them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use protocol::core::packet::{Direction, PacketType};

use super::due::{Due, State, due};
use super::examples::{Bodies, bodies, read};
use crate::peer::OWN;

const PAGE: &str = "docs/states.md";

const HEAD: &str = "# What a packet leads to

<!-- Generated from the table of the test: RINGMQ_REGENERATE=1 cargo test --test broker states::page -->

What the broker does with each packet that clients send, by what the client has done before. A test sends every one of them in every
state, on its own channel and on others, and holds the broker to this table.

In every state:

- Whoever has said nothing yet and begins with anything but the handshake is closed.
- A packet that nobody knows, that only brokers send, or that is cut off ends the connection, on every channel. So does a packet of
  the connection (PING, the topology, opening and reattaching sessions) on the channel of a session. Sessions end with it.
- What comes on channel 0 or 1 and means nothing there is dropped, as Artemis drops it.
- What comes on a channel without a session is dropped, as Artemis drops it: clients send some packets that cross the close.
- Whoever was told to go is heard no more: its connection is closed.

*answer* is one answer on the packet's channel, the protocol's exception if it fails; *refused* is the exception of one who may not, or
of what is not served; *nothing* has its reason below.

| packet | channel | no session | no login | in a session | without permission | session closed |
| --- | --- | --- | --- | --- | --- | --- |
";

/// The states of the columns.
const COLUMNS: [State; 5] = [State::Greeted, State::Stranger, State::Open, State::Powerless, State::Closed];

fn page(bodies: &Bodies) -> String {
    let mut reasons: Vec<&'static str> = Vec::new();
    let mut page = HEAD.to_owned();
    let mut types: Vec<PacketType> = PacketType::ALL.to_vec();
    types.retain(|packet_type| packet_type.sender().allows(Direction::ClientToServer));
    types.sort_by_key(|packet_type| packet_type.name());
    for packet_type in types {
        let own: Vec<_> = bodies[&packet_type.0].iter().filter_map(|body| read(body)).collect();
        let dues = |state: State, channel: i64| {
            own.iter().map(move |packet| due(state, channel, Some(packet))).collect::<Vec<_>>()
        };
        let does = |channel: &i64| {
            dues(State::Greeted, *channel).contains(&Due::Answer)
                || (*channel == OWN && !dues(State::Open, OWN).contains(&Due::End))
        };
        let channel = [0, 1, OWN].into_iter().find(does).unwrap();
        let place = if channel == OWN { "the session's".to_owned() } else { channel.to_string() };
        let cells = COLUMNS.map(|state| {
            let said: BTreeSet<String> = dues(state, channel).into_iter().map(|due| told(due, &mut reasons)).collect();
            let (nothing, something): (Vec<_>, Vec<_>) = said.into_iter().partition(|text| text.starts_with("nothing"));
            [something, nothing].concat().join(" or ")
        });
        writeln!(page, "| {packet_type} | {place} | {} |", cells.join(" | ")).unwrap();
    }
    page.push('\n');
    for (at, reason) in reasons.iter().enumerate() {
        writeln!(page, "{}. {reason}", at + 1).unwrap();
    }
    page
}

fn told(due: Due, reasons: &mut Vec<&'static str>) -> String {
    match due {
        Due::Answer => "answer".to_owned(),
        Due::Refusal => "refused".to_owned(),
        Due::End => "end".to_owned(),
        Due::Silence(reason) => {
            let known = reasons.iter().position(|known| *known == reason);
            let at = known.unwrap_or_else(|| {
                reasons.push(reason);
                reasons.len() - 1
            });
            format!("nothing ({})", at + 1)
        }
    }
}

#[test]
fn the_page_follows_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = page(&bodies());
    if std::env::var_os("RINGMQ_REGENERATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let on_disk = fs::read_to_string(&path).unwrap_or_default();
    assert!(on_disk == page, "{PAGE} is stale: RINGMQ_REGENERATE=1 cargo test --test broker states::page");
}

//! Packets of every type: those of the captures, as far as they differ in what is due to them, and one of each number that no packet has.

use std::collections::BTreeMap;
use std::path::Path;

use bench::prove::fuzz::examples;
use protocol::core::identity::ChannelId;
use protocol::core::packet::{Direction, Packet, decode, encode};
use protocol::core::version::Version;
use protocol::limits::LENGTH_PREFIX_BYTES;

use super::due::{State, due};
use crate::peer::OWN;

/// So many packets of each type that ask for the same.
const ALIKE: usize = 4;
/// The type number of no packet.
pub(super) const NO_PACKET: u8 = 99;

/// Bodies of frames by their type numbers.
pub(super) type Bodies = BTreeMap<i8, Vec<Vec<u8>>>;

pub(super) fn read(body: &[u8]) -> Option<Packet<'_>> {
    decode(body, Direction::ClientToServer, Version::NEWEST).ok().map(|frame| frame.packet)
}

/// A frame, on this channel if it is long enough to have one.
pub(super) fn framed(body: &[u8], channel: i64) -> Vec<u8> {
    let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    if let Some(place) = bytes.get_mut(LENGTH_PREFIX_BYTES + 1..LENGTH_PREFIX_BYTES + 9) {
        place.copy_from_slice(&channel.to_be_bytes());
    }
    bytes
}

/// Bodies of every type number that there can be: of each type some for each thing that it can be due.
pub(super) fn bodies() -> Bodies {
    let mut all = examples(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    for bodies in all.values_mut() {
        let turned = bodies.iter().filter_map(|body| {
            let mut turned = Vec::new();
            encode(ChannelId(0), &otherwise(&read(body)?)?, Version::NEWEST, &mut turned).unwrap();
            Some(turned.split_off(LENGTH_PREFIX_BYTES))
        });
        let turned: Vec<Vec<u8>> = turned.take(ALIKE).collect();
        bodies.extend(turned);
        bodies.sort_by_key(Vec::len);
        let mut counts = BTreeMap::new();
        bodies.retain(|body| {
            let packet = read(body);
            let kind = [State::Open, State::Stranger].map(|state| format!("{:?}", due(state, 1, packet.as_ref())));
            let own = format!("{:?}", due(State::Open, OWN, packet.as_ref()));
            let count: &mut usize = counts.entry((kind, own)).or_default();
            *count += 1;
            *count <= ALIKE
        });
    }
    for number in i8::MIN..=i8::MAX {
        all.entry(number).or_insert_with(|| vec![vec![number.cast_unsigned(), 0, 0, 0, 0, 0, 0, 0, 0]]);
    }
    all
}

/// The same packet, but that it wants an answer if it wanted none, and the other way round.
fn otherwise<'a>(packet: &Packet<'a>) -> Option<Packet<'a>> {
    let mut packet = *packet;
    let wish = match &mut packet {
        Packet::Send(send) => &mut send.trailer.requires_response,
        Packet::SendContinuation(piece) => &mut piece.trailer.requires_response,
        Packet::Acknowledge(acknowledge) | Packet::IndividualAcknowledge(acknowledge) => {
            &mut acknowledge.requires_response
        }
        Packet::CreateConsumer(create) => &mut create.requires_response,
        Packet::CreateAddress(create) => &mut create.requires_response,
        Packet::CreateQueue(create) => &mut create.requires_response,
        Packet::CreateQueueV2(create) => &mut create.definition.requires_response,
        Packet::CreateSharedQueue(create) => &mut create.requires_response,
        Packet::CreateSharedQueueV2(create) => &mut create.definition.requires_response,
        Packet::AddMetadataV2(metadata) => &mut metadata.requires_confirmation,
        _ => return None,
    };
    *wish ^= true;
    Some(packet)
}

//! Packets that only older clients send or are sent, made from the newer ones in the captures.

use protocol::core::packet::Packet;
use protocol::core::packet::connection::{Disconnect, DisconnectV2};
use protocol::core::packet::query::{BindingForm, BindingQueryResponse, QueueForm, QueueQueryResponse};
use protocol::core::packet::queue::{CreateQueue, CreateSharedQueue};
use protocol::core::packet::topology::{ClusterTopology, SubscribeTopology, TopologyForm};

/// The older packets that say the same, as far as they can.
pub(super) fn forms<'a>(packet: &Packet<'a>) -> Vec<Packet<'a>> {
    match *packet {
        Packet::DisconnectV3(newer) => vec![
            Packet::Disconnect(Disconnect { node_id: newer.node_id }),
            Packet::DisconnectV2(DisconnectV2 { node_id: newer.node_id, scale_down_node_id: newer.target_node_id }),
        ],
        Packet::SubscribeTopologyV2(newer) => {
            vec![Packet::SubscribeTopology(SubscribeTopology { is_cluster_connection: newer.is_cluster_connection })]
        }
        Packet::ClusterTopology(newer) => [TopologyForm::V1, TopologyForm::V3]
            .map(|form| Packet::ClusterTopology(ClusterTopology { form, ..newer }))
            .into(),
        Packet::QueueQueryResponse(newer) => [QueueForm::V1, QueueForm::V2]
            .map(|form| Packet::QueueQueryResponse(QueueQueryResponse { form, ..newer }))
            .into(),
        Packet::BindingQueryResponse(newer) => [BindingForm::V1, BindingForm::V2, BindingForm::V3]
            .map(|form| Packet::BindingQueryResponse(BindingQueryResponse { form, ..newer }))
            .into(),
        Packet::CreateQueueV2(newer) => {
            let newer = newer.definition;
            vec![Packet::CreateQueue(CreateQueue {
                address: newer.address,
                name: newer.name,
                filter: newer.filter,
                durable: newer.durable,
                temporary: newer.temporary,
                requires_response: newer.requires_response,
            })]
        }
        Packet::CreateSharedQueueV2(newer) => {
            let newer = newer.definition;
            vec![Packet::CreateSharedQueue(CreateSharedQueue {
                address: newer.address,
                name: newer.name,
                filter: newer.filter,
                durable: newer.durable,
                requires_response: newer.requires_response,
            })]
        }
        _ => Vec::new(),
    }
}

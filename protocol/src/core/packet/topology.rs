//! Which nodes there are: a client subscribes, the server tells each pair of primary and backup.
//!
//! The topology packet has four forms that grew at the end; they share one struct.

use super::layout::layout;
use crate::core::cursor::{CursorError, Reader, Writer};
use crate::core::text::Text;
use crate::core::transport::TransportConfiguration;
use crate::core::version::Version;
use crate::core::wire::Wire;

layout! {
    /// `SUBSCRIBE_TOPOLOGY`: the old form, without a version.
    SubscribeTopology {
        /// Whether a node of the cluster asks, not a client.
        is_cluster_connection: bool;
    }
}

layout! {
    /// `SUBSCRIBE_TOPOLOGY_V2`: the first packet that tells the client's version.
    SubscribeTopologyV2 {
        /// Whether a node of the cluster asks, not a client.
        is_cluster_connection: bool;
        /// The client's version.
        client_version: Version;
    }
}

/// The forms of [`ClusterTopology`], each with what it adds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TopologyForm {
    /// Node and its pair.
    V1,
    /// The event id and the backup group. A node that goes is always told in this form.
    V2,
    /// The scale-down group.
    V3,
    /// The server's version.
    V4,
}

impl TopologyForm {
    /// The form that tells a client of this version about a node that is there.
    pub fn for_version(version: Version) -> TopologyForm {
        match version.0 {
            131.. => TopologyForm::V4,
            125..131 => TopologyForm::V3,
            122..125 => TopologyForm::V2,
            _ => TopologyForm::V1,
        }
    }
}

/// `CLUSTER_TOPOLOGY` to `CLUSTER_TOPOLOGY_V4`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClusterTopology<'a> {
    /// Which of the four packets.
    pub form: TopologyForm,
    /// The node.
    pub node_id: Text<'a>,
    /// Orders the news about one node: greater is newer (V2).
    pub unique_event_id: i64,
    /// How to reach it; nothing when it is gone.
    pub pair: Option<Pair<'a>>,
    /// Unused by clients (V2).
    pub backup_group: Option<Text<'a>>,
    /// Unused by clients (V3).
    pub scale_down_group: Option<Text<'a>>,
    /// The server's version (V4).
    pub server_version: Version,
}

layout! {
    /// Primary and backup of one node id.
    Pair<'a> {
        /// The node that serves; nothing stands for the address the client connected to.
        live: Option<TransportConfiguration<'a>>;
        /// The node that takes over.
        backup: Option<TransportConfiguration<'a>>;
        /// Whether this ends the initial list, for which a connecting client waits.
        last: bool;
    }
}

impl<'a> ClusterTopology<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, version: Version, form: TopologyForm) -> Result<Self, CursorError> {
        let exit = bool::read(reader, version).map_err(|error| error.in_field("exit"))?;
        let mut topology = ClusterTopology {
            form,
            node_id: Text::read(reader, version).map_err(|error| error.in_field("node_id"))?,
            unique_event_id: 0,
            pair: None,
            backup_group: None,
            scale_down_group: None,
            server_version: Version::UNSET,
        };
        if form >= TopologyForm::V2 {
            topology.unique_event_id = reader.i64().map_err(|error| error.in_field("unique_event_id"))?;
        }
        if !exit {
            topology.pair = Some(Pair::read(reader, version)?);
        }
        if form >= TopologyForm::V2 {
            topology.backup_group = Wire::read(reader, version).map_err(|error| error.in_field("backup_group"))?;
        }
        if form >= TopologyForm::V3 {
            topology.scale_down_group =
                Wire::read(reader, version).map_err(|error| error.in_field("scale_down_group"))?;
        }
        if form >= TopologyForm::V4 {
            topology.server_version = Wire::read(reader, version).map_err(|error| error.in_field("server_version"))?;
        }
        Ok(topology)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.pair.is_none().write(writer, version);
        self.node_id.write(writer, version);
        if self.form >= TopologyForm::V2 {
            writer.i64(self.unique_event_id);
        }
        if let Some(pair) = &self.pair {
            pair.write(writer, version);
        }
        if self.form >= TopologyForm::V2 {
            self.backup_group.write(writer, version);
        }
        if self.form >= TopologyForm::V3 {
            self.scale_down_group.write(writer, version);
        }
        if self.form >= TopologyForm::V4 {
            self.server_version.write(writer, version);
        }
    }
}

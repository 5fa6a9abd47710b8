//! What the server has told about its nodes.

use std::collections::BTreeMap;
use std::fmt;

use protocol::core::packet::topology::ClusterTopology;
use protocol::core::transport::TransportConfiguration;

use crate::url::Endpoint;

/// Members that one server may tell of; it would be a very large cluster, and the memory is ours.
const MEMBERS_MAX: usize = 4096;

/// A node as the server advertises it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The label of its connector.
    pub name: String,
    /// Where it listens.
    pub endpoint: Endpoint,
}

impl Node {
    /// Nothing when the port is no port.
    pub(crate) fn of(transport: &TransportConfiguration<'_>) -> Option<Node> {
        let endpoint = Endpoint { host: transport.host(), port: transport.port()? };
        Some(Node { name: transport.name.to_string(), endpoint })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.endpoint, out)
    }
}

/// A primary and its backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Orders the news about one node id.
    pub event_id: i64,
    /// The node that serves; nothing stands for the one connected to.
    pub live: Option<Node>,
    /// The node that takes over.
    pub backup: Option<Node>,
}

/// The members by node id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Topology {
    members: BTreeMap<String, Member>,
}

impl Topology {
    /// The members by node id.
    pub fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    /// The node id of a stand-alone server or pair; nothing when there are several.
    pub fn only_node_id(&self) -> Option<&str> {
        match self.members.len() {
            1 => self.members.keys().next().map(String::as_str),
            _ => None,
        }
    }

    /// Takes news that are newer than what is known.
    pub(crate) fn apply(&mut self, news: &ClusterTopology<'_>) {
        let node_id = news.node_id.to_string();
        let known = self.members.get(&node_id);
        if known.is_some_and(|known| known.event_id > news.unique_event_id) {
            return;
        }
        match &news.pair {
            None => {
                self.members.remove(&node_id);
            }
            Some(pair) if known.is_some() || self.members.len() < MEMBERS_MAX => {
                let live = pair.live.as_ref().and_then(Node::of);
                let backup = pair.backup.as_ref().and_then(Node::of);
                self.members.insert(node_id, Member { event_id: news.unique_event_id, live, backup });
            }
            Some(_) => {}
        }
    }
}

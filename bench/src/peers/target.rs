//! A peer as something that can be measured: with its durable settings, or under another name with other ones.

use std::path::PathBuf;

use super::{Peer, Peers, Settings, launch};
use crate::audit::Notes;
use crate::result::schema::Durability;
use crate::targets::{Place, Protocol, Running, Target};

/// Peers with other settings than the durable ones, by the names that they have in results.
const VARIANTS: [(&str, Peer, &str); 2] = [
    ("nats-default", Peer::Nats, "sync_interval=default"),
    ("rabbitmq-classic", Peer::RabbitMq, "x-queue-type=classic"),
];

/// A peer with certain settings.
#[derive(Clone, Debug)]
pub struct PeerTarget {
    name: String,
    peer: Peer,
    peers: Peers,
    changes: Vec<String>,
}

impl PeerTarget {
    /// By its name in results.
    pub(super) fn named(peers: &Peers, name: &str) -> Option<Self> {
        let plain = Peer::ALL.into_iter().find(|peer| peer.name() == name).map(|peer| (peer, Vec::new()));
        let variant = VARIANTS.into_iter().find(|variant| variant.0 == name);
        let variant = variant.map(|(_, peer, change)| (peer, vec![change.to_owned()]));
        let (peer, changes) = plain.or(variant)?;
        Some(Self { name: name.to_owned(), peer, peers: peers.clone(), changes })
    }

    /// With further settings, as `NAME=VALUE`.
    ///
    /// # Errors
    ///
    /// A setting that the peer does not have.
    pub fn with(mut self, changes: &[String]) -> Result<Self, String> {
        self.changes.extend_from_slice(changes);
        self.settings().map(|_| self)
    }

    /// What it runs with.
    ///
    /// # Errors
    ///
    /// A setting that the peer does not have.
    pub fn settings(&self) -> Result<Settings, String> {
        self.peer.recipe().settings(&self.home()).changed(&self.changes)
    }

    fn home(&self) -> PathBuf {
        self.peers.home(self.peer)
    }

    /// The place, with the changes of this target before its own.
    fn changed(&self, place: &Place) -> Place {
        Place { settings: self.changes.iter().chain(&place.settings).cloned().collect(), ..place.clone() }
    }
}

impl Target for PeerTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Result<String, String> {
        self.peers.version(self.peer)
    }

    fn durability(&self) -> Durability {
        let (version, settings) = (self.version().unwrap_or_default(), self.settings());
        let notes = Notes::in_folder(self.peers.directory());
        settings.map_or(Durability::Unknown, |settings| notes.label(&self.name, &version, &settings.to_string()))
    }

    fn protocol(&self) -> Protocol {
        self.peer.recipe().protocol()
    }

    fn destination(&self, queue: &str) -> String {
        self.peer.recipe().destination(queue)
    }

    fn start(&self, place: &Place) -> Result<Running, String> {
        self.version()?;
        launch::launch(self.peer, &self.home(), &self.changed(place))
    }

    fn launch(&self, place: &Place) -> Result<Running, String> {
        self.version()?;
        launch::spawn(self.peer, &self.home(), &self.changed(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(test: &str) -> Peers {
        Peers::below(&std::env::temp_dir().join(format!("ringmq-peers-{test}-{}", std::process::id()))).unwrap()
    }

    #[test]
    fn a_variant_has_its_own_settings() {
        let peers = peers("variant");
        assert_eq!(peers.target("nats").unwrap().settings().unwrap().get("sync_interval"), "always");
        assert_eq!(peers.target("nats-default").unwrap().settings().unwrap().get("sync_interval"), "default");
        assert!(peers.target("kafka").is_none());
        assert!(peers.target("nats").unwrap().with(&["sync=no".to_owned()]).is_err());
        std::fs::remove_dir_all(peers.directory()).unwrap();
    }

    #[test]
    fn what_is_not_installed_says_how_to_get_it() {
        let peers = peers("missing");
        let error = peers.target("artemis").unwrap().version().unwrap_err();
        assert!(error.contains("bench peers install artemis"), "{error}");
        assert_eq!(peers.target("artemis").unwrap().durability(), Durability::Unknown, "nothing was audited");
        std::fs::remove_dir_all(peers.directory()).unwrap();
    }
}

//! Real peers: what RingMQ is compared with, installed and run by recipes that make their acks durable.
//!
//! Takes a directory that everything lives under: `NAME/` is a peer's home, with its program, `run/` below it the instance that was started by
//! hand. Must stay true: every peer listens on loopback only, is ended by its own process id, and has no durability label before an audit of
//! its very settings passed ([`crate::audit`]).

mod activemq;
mod artemis;
mod broker_xml;
mod fetch;
mod launch;
mod libaio;
mod nats;
mod rabbitmq;
mod recipe;
mod record;
mod target;
pub mod wire;

use std::path::{Path, PathBuf};

pub use fetch::Told;
use recipe::Recipe;
pub use recipe::Settings;
pub use record::Started;
pub use target::PeerTarget;

use crate::targets::Place;

/// The queue of an instance that was started by hand, unless another one is wanted.
pub const QUEUE: &str = "bench";

/// A peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Peer {
    /// Apache Artemis.
    Artemis,
    /// NATS with JetStream.
    Nats,
    /// RabbitMQ.
    #[value(name = "rabbitmq")]
    RabbitMq,
    /// Apache ActiveMQ Classic.
    #[value(name = "activemq")]
    ActiveMq,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Artemis, Self::Nats, Self::RabbitMq, Self::ActiveMq];

    /// Its name on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Artemis => "artemis",
            Self::Nats => "nats",
            Self::RabbitMq => "rabbitmq",
            Self::ActiveMq => "activemq",
        }
    }

    fn recipe(self) -> &'static dyn Recipe {
        match self {
            Self::Artemis => &artemis::Artemis,
            Self::Nats => &nats::Nats,
            Self::RabbitMq => &rabbitmq::RabbitMq,
            Self::ActiveMq => &activemq::ActiveMq,
        }
    }
}

/// All peers below one directory.
#[derive(Clone, Debug)]
pub struct Peers {
    directory: PathBuf,
}

impl Peers {
    /// Below this directory, which need not be there.
    ///
    /// # Errors
    ///
    /// A directory that cannot be made.
    pub fn below(directory: &Path) -> Result<Self, String> {
        let made = std::fs::create_dir_all(directory).and_then(|()| directory.canonicalize());
        let directory = made.map_err(|error| format!("{}: {error}", directory.display()))?;
        Ok(Self { directory })
    }

    /// Where a peer is installed.
    pub fn home(&self, peer: Peer) -> PathBuf {
        self.directory.join(peer.name())
    }

    /// The directory of all.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Fetches a peer, unless it is there.
    ///
    /// # Errors
    ///
    /// What cannot be had, and what to do.
    pub fn install(&self, peer: Peer, told: Told<'_>) -> Result<String, String> {
        let home = self.home(peer);
        std::fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
        if peer.recipe().version(&home).is_err() {
            peer.recipe().install(&home, told)?;
        }
        self.version(peer)
    }

    /// The version of an installed peer.
    ///
    /// # Errors
    ///
    /// It is not installed.
    pub fn version(&self, peer: Peer) -> Result<String, String> {
        let how = || format!("get it with `bench peers install {}`", peer.name());
        peer.recipe()
            .version(&self.home(peer))
            .map_err(|error| format!("{} is not installed ({error}); {}", peer.name(), how()))
    }

    /// What can be measured under this name: a peer, or a peer with other settings.
    pub fn target(&self, name: &str) -> Option<PeerTarget> {
        PeerTarget::named(self, name)
    }

    /// Starts the one instance of a peer that lives on when this program ends.
    ///
    /// # Errors
    ///
    /// It runs already, or does not start.
    pub fn start(&self, peer: Peer, port: u16, queue: &str, changes: &[String]) -> Result<Started, String> {
        let home = self.home(peer);
        if let Some(started) = Started::read(&home) {
            return Err(format!(
                "{} runs already: process {}, port {}",
                peer.name(),
                started.process.pid,
                started.port
            ));
        }
        let directory = home.join("run");
        let place = Place { directory, port, queue: queue.to_owned(), settings: changes.to_vec() };
        let running = launch::launch(peer, &home, &place)?;
        let started = Started::of(&running, queue).and_then(|started| {
            started.write(&home)?;
            Ok(started)
        })?;
        // Dropping it would end the process.
        std::mem::forget(running);
        Ok(started)
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// It does not run, or does not end.
    pub fn stop(&self, peer: Peer) -> Result<(), String> {
        let home = self.home(peer);
        let started = Started::read(&home).ok_or_else(|| format!("{} does not run", peer.name()))?;
        started.stop(&home)
    }

    /// The instance that runs.
    pub fn started(&self, peer: Peer) -> Option<Started> {
        Started::read(&self.home(peer))
    }
}

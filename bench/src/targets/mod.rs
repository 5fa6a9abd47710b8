//! What can be measured: RingMQ, the floor broker, peers. Each is started on a folder of its own, on loopback, and ended by its process id.
//!
//! A [`Target`] knows how; a [`Running`] one owns the process until it is stopped, and a dropped one is killed by its own id.

mod floor;
mod ringmq;
mod running;

use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;

pub use floor::{FloorBroker, SYNC};
pub use ringmq::RingMq;
pub use running::{Running, Way};

use crate::result::schema::Durability;

/// What a client speaks with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// The Artemis CORE protocol.
    Core,
    /// STOMP 1.2.
    Stomp,
    /// NATS, with JetStream's acks.
    Nats,
}

impl Protocol {
    /// Its name on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Stomp => "stomp",
            Self::Nats => "nats",
        }
    }
}

/// Where a target runs.
#[derive(Clone, Debug)]
pub struct Place {
    /// A folder of its own: store, configuration, log. It is made if it is not there.
    pub directory: PathBuf,
    /// The port; 0 takes a free one where the target can.
    pub port: u16,
    /// The queue that must be there before a load begins.
    pub queue: String,
    /// Settings of the target beside its own, as `NAME=VALUE`.
    pub settings: Vec<String>,
}

/// Something that can be measured.
pub trait Target: Debug {
    /// Its name in results.
    fn name(&self) -> &str;

    /// Its version, as it says itself.
    ///
    /// # Errors
    ///
    /// Not installed: what is missing and how to get it.
    fn version(&self) -> Result<String, String>;

    /// What its acks mean, as the audit of these settings said.
    fn durability(&self) -> Durability;

    /// Whether it is a control, which must sync as what it is compared with.
    fn is_control(&self) -> bool {
        false
    }

    /// What it is loaded with.
    fn protocol(&self) -> Protocol;

    /// Where a client sends to, for a queue.
    fn destination(&self, queue: &str) -> String {
        queue.to_owned()
    }

    /// Starts it and waits until a client can send to the queue of the place.
    ///
    /// # Errors
    ///
    /// Why it does not start, with the end of its log.
    fn start(&self, place: &Place) -> Result<Running, String>;

    /// Starts it on a store that is there and waits for nothing: the place names the port that it will listen on.
    ///
    /// # Errors
    ///
    /// It cannot be run, or not so.
    fn launch(&self, place: &Place) -> Result<Running, String> {
        Err(format!("{} has no start that can be timed from outside, in {}", self.name(), place.directory.display()))
    }
}

/// Below those that the kernel takes for clients: one that asks again and again before anybody listens would reach itself one day.
const PORTS: Range<u16> = 10_240..32_768;

/// A port of loopback that nobody listens on.
///
/// # Errors
///
/// There is none.
pub fn free_port() -> Result<u16, String> {
    // Anywhere in the range, so that others who look at the same time find others.
    let any = u16::try_from(RandomState::new().hash_one(()) % PORTS.len() as u64).unwrap_or_default();
    let mut ports = PORTS.cycle().skip(usize::from(any)).take(PORTS.len());
    let free = ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.ok_or_else(|| format!("no port of {PORTS:?} is free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_none_that_a_client_may_have() {
        let port = free_port().unwrap();
        assert!(PORTS.contains(&port), "{port}");
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(free_port().unwrap(), port);
    }
}

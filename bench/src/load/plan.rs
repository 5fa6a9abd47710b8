//! What is to be run: all of a load in numbers.

use std::path::PathBuf;
use std::time::Duration;

use super::queues::Spread;
use super::schedule::Pace;
use super::speech::{Destination, Login, Message};
use crate::prove::random::Random;
use crate::result::schema::Parameters;
use crate::targets::{Protocol, Running, Target};

/// A load and how it is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The broker, as `HOST:PORT`.
    pub address: String,
    /// What is spoken with it.
    pub protocol: Protocol,
    /// The name of the queue, or what the names of several begin with.
    pub queue: String,
    /// How many queues.
    pub queues: u32,
    /// How the messages of a connection are spread over them; where there are as many connections, each has its own.
    pub spread: Spread,
    /// Whether to make them first. Otherwise they are there.
    pub makes_queues: bool,
    /// Connections that send.
    pub connections: u32,
    /// Messages, or transactions, in flight on each in a closed loop.
    pub window: u32,
    /// Bytes of a body.
    pub size: u32,
    /// Connections that consume, one queue each in turn.
    pub consumers: u32,
    /// Messages of a transaction; none without transactions.
    pub transaction: Option<u32>,
    /// Connections that are there and do nothing.
    pub idle_connections: u32,
    /// How messages come.
    pub pace: Pace,
    /// Headers beside those that every message has, as `NAME:VALUE` (STOMP).
    pub headers: Vec<String>,
    /// Who sends, where the broker asks.
    pub login: Option<Login>,
    /// What counts as warm.
    pub warm: Warm,
    /// How long is measured.
    pub length: Length,
    /// How long the last answers are waited for.
    pub drain: Duration,
    /// The seed of bodies, schedules and spreads.
    pub seed: u64,
    /// The processes of the broker, whose children are found.
    pub pids: Vec<u32>,
    /// A folder on its disk.
    pub directory: Option<PathBuf>,
    /// Whether its system calls are counted, for a second behind the measured time: counting slows every process a little.
    pub counts_calls: bool,
}

/// When a load is warm: five rates of a second each agree within five of a hundred.
#[derive(Clone, Copy, Debug)]
pub struct Warm {
    /// Not before this.
    pub least: Duration,
    /// After this it counts as warm in any case, which is told.
    pub most: Duration,
}

/// How long is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So long.
    Time(Duration),
    /// Until so many messages are acked, from the first one on; there is no warm-up.
    Messages(u64),
    /// The same, but no longer than this.
    AtMost(u64, Duration),
}

impl Length {
    /// Messages and time that end it, whichever comes first.
    pub fn bounds(self) -> (Option<u64>, Option<Duration>) {
        match self {
            Self::Time(time) => (None, Some(time)),
            Self::Messages(messages) => (Some(messages), None),
            Self::AtMost(messages, time) => (Some(messages), Some(time)),
        }
    }
}

impl Plan {
    /// One producer of durable messages of 1 KiB, one at a time, for some seconds.
    pub fn new(address: &str, protocol: Protocol) -> Self {
        Self {
            address: address.to_owned(),
            protocol,
            queue: "bench".to_owned(),
            queues: 1,
            spread: Spread::Even,
            makes_queues: true,
            connections: 1,
            window: 1,
            size: 1024,
            consumers: 0,
            transaction: None,
            idle_connections: 0,
            pace: Pace::Closed,
            headers: Vec::new(),
            login: None,
            warm: Warm { least: Duration::ZERO, most: Duration::from_secs(20) },
            length: Length::Time(Duration::from_secs(10)),
            drain: Duration::from_secs(30),
            seed: 1,
            pids: Vec::new(),
            directory: None,
            counts_calls: false,
        }
    }

    /// The same against a target that runs, with its own protocol and the queue that it has.
    pub fn against(target: &dyn Target, running: &Running, queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            makes_queues: false,
            pids: running.pids(),
            directory: Some(running.store().to_owned()),
            ..Self::new(&format!("127.0.0.1:{}", running.port()), target.protocol())
        }
    }

    /// The load in numbers, as results have it.
    pub fn parameters(&self) -> Parameters {
        Parameters {
            connections: self.connections,
            window: if self.pace == Pace::Closed { self.window } else { 0 },
            size: self.size,
            queues: self.queues,
            consumers: self.consumers,
            transaction: self.transaction,
            rate: self.pace.rate(),
            depth: 0,
            idle_connections: self.idle_connections,
            lanes: None,
        }
    }

    /// What is sent.
    pub fn message(&self) -> Message {
        Message {
            body: body(self.size as usize, self.seed),
            destination: Destination { base: self.queue.clone(), queues: self.queues.max(1) },
            headers: self.headers.clone(),
            answered: self.transaction.is_none(),
            login: self.login.clone(),
        }
    }
}

/// Bytes that cannot be made shorter, the same for a seed.
pub fn body(size: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::of(seed, 0xb0d1);
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| random.number().to_be_bytes()).collect();
    bytes.truncate(size);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_follow_the_seed_and_have_no_pattern() {
        assert_eq!(body(1000, 7), body(1000, 7));
        assert_ne!(body(1000, 7), body(1000, 8));
        let bytes = body(100_000, 1);
        assert_eq!(bytes.len(), 100_000);
        let mut counts = [0u32; 256];
        bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        assert!(counts.iter().all(|count| (250..550).contains(count)), "{counts:?}");
    }
}

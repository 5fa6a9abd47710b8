//! The types of `result.json`. A change that an older reader would misread raises [`VERSION`].
//!
//! Must stay true: what was not measured is missing (`None`), never zero; a round keeps its raw figures, and whoever compares works on them.

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use crate::calibrate::Calibration;
use crate::measure::context::Context;
use crate::measure::device::Counters;
use crate::measure::latency::Summary;
use crate::measure::process::Usage;

/// The version of the file.
pub const VERSION: u32 = 1;

/// A whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`VERSION`] of the program that wrote it.
    pub version: u32,
    /// The commit of the sources, with a `+` if they differ from it.
    pub commit: String,
    /// When it began, as seconds since 1970.
    pub began: u64,
    /// What was asked for: the command line.
    pub command: String,
    /// On what.
    pub machine: Machine,
    /// The limits of that machine, as they were measured before, between and after the rounds.
    #[serde(default)]
    pub calibrations: Vec<Calibration>,
    /// Every round, in the order in which they ran.
    pub rounds: Vec<Round>,
    /// Starts and memory without a load, in the order in which they were measured.
    #[serde(default)]
    pub footprints: Vec<Footprint>,
    /// What was asked for and could not be measured: the target, and why.
    pub skipped: Vec<(String, String)>,
}

impl Default for Results {
    fn default() -> Self {
        Self {
            version: VERSION,
            commit: String::new(),
            began: 0,
            command: String::new(),
            machine: Machine::default(),
            calibrations: Vec::new(),
            rounds: Vec::new(),
            footprints: Vec::new(),
            skipped: Vec::new(),
        }
    }
}

/// What an ack of a target means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Durability {
    /// The message is on stable storage of one node before its ack, as an audit saw.
    #[serde(rename = "D-local")]
    Local,
    /// On stable storage of the live server and in memory of its backup.
    #[serde(rename = "D-mem-repl")]
    ReplicatedMemory,
    /// On stable storage of two nodes.
    #[serde(rename = "D-dur-repl")]
    ReplicatedDurable,
    /// An audit saw acks before a flush.
    #[serde(rename = "NOT-DURABLE")]
    NotDurable,
    /// No audit was made.
    #[default]
    #[serde(rename = "not audited")]
    Unknown,
}

impl std::fmt::Display for Durability {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Local => "D-local",
            Self::ReplicatedMemory => "D-mem-repl",
            Self::ReplicatedDurable => "D-dur-repl",
            Self::NotDurable => "NOT-DURABLE",
            Self::Unknown => "not audited",
        })
    }
}

/// One target under one load for some seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// `ringmq`, `floor`, `artemis` and so on.
    pub target: String,
    /// Its version.
    pub target_version: String,
    /// What its acks mean.
    pub durability: Durability,
    /// `core`, `stomp`, `nats`.
    pub protocol: String,
    /// `S1` and so on.
    pub scenario: String,
    /// The load in numbers.
    pub parameters: Parameters,
    /// The number of the round; targets with the same number are compared.
    pub round: u32,
    /// Its place in the round: the order is rotated.
    pub order: u32,
    /// What came of it.
    pub figures: Figures,
}

/// What one target took for its start and for what it holds, on a store of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Footprint {
    /// `ringmq`, `artemis` and so on.
    pub target: String,
    /// Its version.
    pub target_version: String,
    /// What its acks mean.
    pub durability: Durability,
    /// `core`, `stomp`, `nats`.
    pub protocol: String,
    /// The number of the round; targets with the same number are compared.
    pub round: u32,
    /// Its place in the round: the order is rotated.
    pub order: u32,
    /// From the start of its process, on a store that was there, to the ack of one durable message, in milliseconds.
    pub start_ms: f64,
    /// Bytes in memory behind that, once they stayed as they were.
    pub idle_bytes: u64,
    /// With clients that had logged in and did nothing.
    pub connected: Option<Level>,
    /// Without them, with so many messages of 1 KiB in a queue: none, some, many. Empty where it was not measured.
    pub queued: Vec<Level>,
    /// What else the machine did.
    pub context: Context,
}

/// Memory at a number of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// How many there were.
    pub count: u64,
    /// Bytes in memory with them.
    pub resident_bytes: u64,
}

impl Level {
    /// Bytes for each one more than in `before`.
    fn each_since(self, before: Self) -> Option<f64> {
        let more = self.count.checked_sub(before.count).filter(|more| *more > 0)?;
        Some(self.resident_bytes.saturating_sub(before.resident_bytes) as f64 / more as f64)
    }
}

impl Footprint {
    /// Memory of a connection, in bytes.
    pub fn connection_bytes(&self) -> Option<f64> {
        self.connected?.each_since(Level { count: 0, resident_bytes: self.idle_bytes })
    }

    /// Memory of a message that waits, in bytes, from the first one on.
    pub fn message_bytes(&self) -> Option<f64> {
        self.queued.last()?.each_since(*self.queued.first()?)
    }

    /// The same from the level in the middle on, where a bounded window of recent bodies is full.
    pub fn message_bytes_beyond_window(&self) -> Option<f64> {
        self.queued.last()?.each_since(*self.queued.get(self.queued.len().checked_sub(2)?)?)
    }
}

/// A load in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Connections that send.
    pub connections: u32,
    /// Messages in flight for each of them.
    pub window: u32,
    /// Bytes of a body.
    pub size: u32,
    /// Queues that the messages are spread over.
    pub queues: u32,
    /// Consumers.
    pub consumers: u32,
    /// Messages of a transaction; none without transactions.
    pub transaction: Option<u32>,
    /// Messages a second on schedule; none for a closed loop.
    pub rate: Option<f64>,
    /// Messages that waited before it began.
    pub depth: u64,
    /// Connections that do nothing.
    pub idle_connections: u32,
    /// Journal lanes, where the target has some.
    pub lanes: Option<u16>,
}

/// What came of a round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Messages acked within the measured time.
    pub messages: u64,
    /// Messages delivered and acknowledged within the measured time.
    pub delivered: u64,
    /// The measured time, in seconds.
    pub seconds: f64,
    /// From the send (closed loop) or its scheduled time (open loop) to the ack.
    pub ack: Summary,
    /// The same as a curve: share and microseconds, from the median outwards.
    #[serde(default)]
    pub ack_curve: Vec<(f64, f64)>,
    /// From the same to the delivery to a consumer.
    pub delivery: Option<Summary>,
    /// From the scheduled time to the write: a slow client shows here.
    pub send_delay: Option<Summary>,
    /// The client could not keep its schedule, or had too much in flight: latencies mean nothing.
    pub overload: bool,
    /// Processor time of the client, in microseconds.
    pub client_us: u64,
    /// What the target's processes used meanwhile.
    pub target: Option<Usage>,
    /// System calls of the target meanwhile, if they could be counted.
    pub target_system_calls: Option<u64>,
    /// What the device under its store was asked for meanwhile; it counts what others ask, too.
    pub device: Option<Counters>,
    /// What else the machine did.
    pub context: Context,
}

impl Figures {
    /// Messages acked in a second.
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.messages as f64 / self.seconds } else { 0.0 }
    }

    /// Processor time of the target for a message, in microseconds.
    pub fn target_us_per_message(&self) -> Option<f64> {
        let target = self.target.as_ref()?;
        (self.messages > 0).then(|| target.processor_us() as f64 / self.messages as f64)
    }

    /// Processor time of the client for a message, in microseconds.
    pub fn client_us_per_message(&self) -> Option<f64> {
        (self.messages > 0).then(|| self.client_us as f64 / self.messages as f64)
    }

    /// So much of something for a message.
    pub fn per_message(&self, amount: u64) -> Option<f64> {
        (self.messages > 0).then(|| amount as f64 / self.messages as f64)
    }
}

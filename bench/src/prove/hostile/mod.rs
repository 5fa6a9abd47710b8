//! Hostile clients beside those that behave: what they may cost, and what they may not.
//!
//! The built broker serves producers and consumers at a fixed pace, alone and beside each kind of hostile client, in turn and again and
//! again, so that whatever else the machine does falls on both. Judged are: memory of a connection before login, memory of the whole
//! process, the broker's processor time for a message of those who behave, the longest wait of any of them, and that everything comes
//! back once the hostile ones have gone. Beside it: those who keep half of something back, or fall silent, are closed in time, and the
//! store goes on where connections take all descriptors. Each judgement has a control that breaks it.

mod bystanders;
mod controls;
mod crowd;
mod figures;
mod limits;
mod part;
mod speech;
mod watched;

use std::fmt;
use std::path::PathBuf;

pub use controls::controls;
pub use figures::{Figures, Judged};
pub use limits::{descriptors, in_time};
pub use part::part;

use crate::prove::kill9::broker::Place;

/// What the connections of a broker may hold together, in bytes.
const CONNECTION_MEMORY: u64 = 128 << 20;

/// A kind of hostile client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They connect, and say nothing or what they speak.
    Idle,
    /// Before login they send all of the largest frame but some bytes, and those one by one.
    Slow,
    /// Before login they ask again and again and read no answer.
    Deaf,
    /// Bytes that no client sends: impossible lengths and garbage.
    Malformed,
    /// They log in, consume, and are never heard again.
    HalfOpen,
    /// They log in, want all messages and all answers, and read none.
    DeafClients,
    /// They log in and send without credits.
    NoCredits,
    /// They log in; every other one sends all of a large frame but its last bytes, the others look at large messages and read none.
    /// They come again.
    Hoard,
    /// All of those at once.
    All,
    /// The control of processor time: they log in and work as fast as they can.
    Busy,
    /// The control of memory before login: each has the broker keep a megabyte.
    Fat,
    /// The control of memory in all: as [`Kind::Hoard`], against a broker whose connections may hold all that there is.
    Unbounded,
}

impl Kind {
    /// Those that attack in turn.
    pub const ALONE: [Self; 8] = [
        Self::Idle,
        Self::Slow,
        Self::Deaf,
        Self::Malformed,
        Self::HalfOpen,
        Self::DeafClients,
        Self::NoCredits,
        Self::Hoard,
    ];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Slow => "slow",
            Self::Deaf => "deaf",
            Self::Malformed => "malformed",
            Self::HalfOpen => "half-open",
            Self::DeafClients => "deaf-clients",
            Self::NoCredits => "no-credits",
            Self::Hoard => "hoard",
            Self::All => "all",
            Self::Busy => "busy",
            Self::Fat => "fat",
            Self::Unbounded => "unbounded",
        }
    }

    /// The kind of this name.
    pub fn of(word: &str) -> Option<Self> {
        let all = Self::ALONE.into_iter().chain([Self::All, Self::Busy, Self::Fat, Self::Unbounded]);
        all.into_iter().find(|kind| kind.word() == word)
    }

    /// How many come.
    pub(crate) fn count(self, scale: Scale) -> usize {
        let whole = match self {
            Self::Idle => 10_000,
            Self::Slow => 1_000,
            Self::Deaf => 500,
            Self::HalfOpen | Self::Hoard => 200,
            Self::Fat => 100,
            // 640 MiB of unfinished frames and 160 MiB of unread messages.
            Self::Unbounded => 80,
            Self::DeafClients => 20,
            Self::Busy => 16,
            Self::NoCredits => 4,
            Self::Malformed | Self::All => 0,
        };
        match self {
            // These are what they are: fewer of them would be no control, or nothing.
            Self::Busy | Self::NoCredits | Self::Unbounded => whole,
            _ => (whole * usize::from(scale.0)).div_ceil(100),
        }
    }

    /// Does the broker close some of them, which is the right answer?
    pub(crate) fn is_closed_by_the_broker(self) -> bool {
        matches!(self, Self::Deaf | Self::Hoard | Self::All)
    }

    /// Do they have the broker keep as much as it does?
    pub(crate) fn hoards(self) -> bool {
        matches!(self, Self::Hoard | Self::Unbounded)
    }

    /// What the connections of its broker may hold together. The controls need one that closes none of them for it.
    fn connection_memory(self) -> String {
        let bytes = if matches!(self, Self::Unbounded | Self::Fat) { 1 << 40 } else { CONNECTION_MEMORY };
        format!("connection-memory={bytes}")
    }

    /// Is none of them logged in?
    pub fn is_before_login(self) -> bool {
        // The control is not, and is judged as if.
        matches!(self, Self::Idle | Self::Slow | Self::Deaf | Self::Fat)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// How many hostile clients come, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(pub u8);

/// What is run, and where.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The built broker.
    pub binary: PathBuf,
    /// A folder of its own.
    pub directory: PathBuf,
    /// The seed of all choices.
    pub seed: u64,
    /// How many hostile clients come.
    pub scale: Scale,
    /// How long each measurement is, in milliseconds.
    pub measure_ms: u64,
    /// Most memory of the broker's process.
    pub memory_max: u64,
}

impl Stage {
    /// A broker for one part, with these settings beside those of all.
    fn place(&self, name: &str, settings: &[&str]) -> Place {
        // Addresses are full soon; what is over is refused.
        let all = ["address.max-size-bytes=16MiB", "address.address-full-policy=FAIL"];
        Place {
            binary: self.binary.clone(),
            directory: self.directory.join(name),
            lanes: 2,
            port: 0,
            settings: all.iter().chain(settings).map(|setting| (*setting).to_owned()).collect(),
        }
    }
}

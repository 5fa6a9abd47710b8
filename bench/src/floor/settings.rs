//! What a floor broker is told, and what it tells at its end.

use std::fmt;
use std::path::PathBuf;

/// What a group must be before its messages are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On the device: the write itself says so (RWF_DSYNC).
    Dsync,
    /// On the device: a linked `fdatasync` says so.
    Fdatasync,
    /// Handed to the device, which may still lose it: a control, and no durable broker.
    None,
}

impl Durability {
    /// The label that stands beside every figure of it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Dsync | Self::Fdatasync => "durable",
            Self::None => "NOT-DURABLE",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Dsync => "dsync",
            Self::Fdatasync => "fdatasync",
            Self::None => "none",
        })
    }
}

/// How a floor broker runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
    /// The folder of its file, on the disk that is measured.
    pub directory: PathBuf,
    /// Groups in flight at once, 1 to 16.
    pub in_flight: usize,
    /// When messages are answered.
    pub durability: Durability,
    /// Bytes of the file, rounded up to whole groups.
    pub file_bytes: u64,
}

impl Settings {
    /// One group at a time, each durable, on a free port.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            port: 0,
            directory: directory.into(),
            in_flight: 1,
            durability: Durability::Dsync,
            file_bytes: super::limits::FILE_BYTES,
        }
    }

    /// The file.
    pub fn file(&self) -> PathBuf {
        self.directory.join("floor.dat")
    }
}

/// What a floor broker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Messages taken.
    pub messages: u64,
    /// Their bytes, as they lie in the file without number and length.
    pub message_bytes: u64,
    /// Groups written.
    pub groups: u64,
    /// Of these, groups that the device confirmed before their messages were answered.
    pub durable_groups: u64,
    /// Bytes written, with what fills the last block of each group.
    pub written_bytes: u64,
    /// Messages of the largest group.
    pub largest_group: u64,
    /// System calls of its loop.
    pub system_calls: u64,
    /// Connections that came.
    pub connections: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, message_bytes, groups, durable_groups, written_bytes, largest_group, .. } = self;
        let Self { system_calls, connections, .. } = self;
        write!(
            out,
            "messages={messages} message_bytes={message_bytes} groups={groups} durable_groups={durable_groups} \
             written_bytes={written_bytes} largest_group={largest_group} system_calls={system_calls} connections={connections}"
        )
    }
}

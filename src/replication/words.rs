//! The same things in the words of the engine and of the journal.

use ha_engine::history::Reason;
use ha_engine::ids as engine;
use ha_engine::register::AckMode;
use ha_engine::vector::Vector;
use journal::{EpochId, EpochReason, LaneId, Lsn, StoreShape};

/// The lanes that a pair shares, in the order in which the engine counts them: all with data, in the order of their numbers. Each host keeps
/// index checkpoints of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes(Vec<LaneId>);

impl Lanes {
    /// Those of a store.
    #[must_use]
    pub fn of(shape: &StoreShape) -> Self {
        let mut lanes: Vec<LaneId> = shape.data_lanes().collect();
        lanes.sort_unstable();
        Self(lanes)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = LaneId> + '_ {
        self.0.iter().copied()
    }

    /// The number that the engine gives a lane.
    #[must_use]
    pub fn index_of(&self, lane: LaneId) -> Option<usize> {
        self.0.iter().position(|id| *id == lane)
    }

    /// A vector of the engine; zero where `at` knows nothing.
    pub fn vector(&self, mut at: impl FnMut(LaneId) -> Option<Lsn>) -> Vector {
        self.0.iter().map(|lane| at(*lane).map_or(0, |lsn| lsn.0)).collect()
    }

    /// The position of each lane in a vector of the engine.
    pub fn positions<'a>(&'a self, vector: &'a Vector) -> impl Iterator<Item = (LaneId, Lsn)> + 'a {
        self.0.iter().enumerate().map(|(at, lane)| (*lane, Lsn(vector.at(at).0)))
    }
}

/// An epoch as the journal writes it.
#[must_use]
pub fn epoch_id(epoch: engine::Epoch) -> EpochId {
    EpochId { number: epoch.number, activation: epoch.activation }
}

/// An epoch as the engine knows it.
#[must_use]
pub fn epoch(epoch: EpochId) -> engine::Epoch {
    engine::Epoch { number: epoch.number, activation: epoch.activation }
}

/// Why an epoch begins, as the journal writes it.
#[must_use]
pub const fn reason_id(reason: Reason) -> EpochReason {
    match reason {
        Reason::First => EpochReason::First,
        Reason::Restart => EpochReason::Restart,
        Reason::Takeover => EpochReason::Takeover,
        Reason::Solo => EpochReason::Solo,
        Reason::Handover => EpochReason::Handover,
        Reason::Forced => EpochReason::Forced,
        Reason::Lock => EpochReason::Lock,
    }
}

/// Why an epoch began, as the engine knows it.
#[must_use]
pub const fn reason(reason: EpochReason) -> Reason {
    match reason {
        EpochReason::First => Reason::First,
        EpochReason::Restart => Reason::Restart,
        EpochReason::Takeover => Reason::Takeover,
        EpochReason::Solo => Reason::Solo,
        EpochReason::Handover => Reason::Handover,
        EpochReason::Forced => Reason::Forced,
        EpochReason::Lock => Reason::Lock,
    }
}

/// When an epoch acks, as the journal writes it.
#[must_use]
pub const fn ack_mode_id(mode: AckMode) -> journal::AckMode {
    match mode {
        AckMode::Durable => journal::AckMode::Durable,
        AckMode::Memory => journal::AckMode::Memory,
        AckMode::Local => journal::AckMode::Local,
    }
}

/// When an epoch acks, as the engine knows it. A server that was alone when it wrote acked what was durable everywhere there was.
#[must_use]
pub const fn ack_mode(mode: journal::AckMode) -> AckMode {
    match mode {
        journal::AckMode::LiveOnly | journal::AckMode::Durable => AckMode::Durable,
        journal::AckMode::Memory => AckMode::Memory,
        journal::AckMode::Local => AckMode::Local,
    }
}

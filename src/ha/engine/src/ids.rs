//! Who is who: the logical server, its installations and their lives, and the epochs in which one of them serves.

use std::fmt;

/// The logical server: the same for all members of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u128);

/// One installation on one host; made once, never copied from one to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub u128);

/// One life of an installation: a counter, and a random number that tells a restored disk from the original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Incarnation {
    /// One more at every start.
    pub counter: u64,
    /// Random.
    pub nonce: u64,
}

/// An installation in one of its lives: what the register names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Member {
    /// Which installation.
    pub instance: InstanceId,
    /// In which life.
    pub incarnation: Incarnation,
}

/// A time in which one server serves. Two servers may make the same number: only the pair names an epoch (SR12), so there is no order of epochs,
/// only of their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epoch {
    /// Higher than that of every epoch that its maker had seen.
    pub number: u64,
    /// Random, different at every activation.
    pub activation: u128,
}

impl Epoch {
    /// Before the first one.
    pub const NONE: Self = Self { number: 0, activation: 0 };
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:08x}", self.number, self.activation >> 96)
    }
}

/// A position of a lane: bytes since its creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lsn(pub u64);

/// The hash of everything in a lane before a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chain(pub u128);

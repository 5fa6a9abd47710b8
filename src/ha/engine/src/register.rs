//! The register of a pair: the one value that says who may serve, changed only by compare-and-set (SR1).

use smallvec::SmallVec;

use crate::ids::{Epoch, InstanceId, Member};

/// When an operation may be acked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AckMode {
    /// Durable on every member.
    #[default]
    Durable,
    /// Durable here, received by every other member.
    Memory,
    /// Durable here; what the other members lack at a takeover is lost, and that is the mode's stated price.
    Local,
}

/// The value of the register.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Register {
    /// One more at every change, whatever it changes. Compare-and-set compares it.
    pub version: u64,
    /// The epoch in which `holder` serves, or is about to.
    pub epoch: Epoch,
    /// Who may serve.
    pub holder: InstanceId,
    /// Who has everything that was acked, and so may take over; the holder is among them.
    pub in_sync: SmallVec<[Member; 2]>,
    /// What its acks mean.
    pub ack_mode: AckMode,
    /// The version of the list of voters; 0 where nobody votes.
    pub voters_version: u64,
}

impl Register {
    /// The member of that installation in the in-sync set.
    #[must_use]
    pub fn member(&self, instance: InstanceId) -> Option<Member> {
        self.in_sync.iter().copied().find(|member| member.instance == instance)
    }

    /// Whether the holder is alone in the in-sync set.
    #[must_use]
    pub fn is_solo(&self) -> bool {
        self.in_sync.iter().all(|member| member.instance == self.holder)
    }
}

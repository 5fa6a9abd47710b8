//! The codes of what a server tells, as the catalogue of events lists them. A driver looks the level and the words up there.

use crate::{command, start};

impl command::Notice {
    /// Its code in the catalogue of events.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::State { .. } => "HA100",
            Self::Activating(..) => "HA101",
            Self::Active(_) => "HA102",
            Self::ActivationFailed => "HA115",
            Self::SyncStarted { .. } => "HA120",
            Self::InSync(_) => "HA122",
            Self::Spare => "HA130",
            Self::HandedOver => "HA160",
            Self::ReplicaSlow(_) => "HA207",
            Self::ReplicaLost(_) => "HA208",
            Self::Suspended => "HA209",
            Self::Rejected(_) => "HA210",
            Self::Start(notice) => notice.code(),
            Self::RegisterUnreachable => start::Notice::RegisterUnreachable.code(),
            Self::Cut { .. } => "HA340",
            Self::ChainsDiffer => start::Notice::Damaged.code(),
            Self::SplitBrain => start::Notice::SplitBrain.code(),
            Self::RegisterRestored => start::Notice::RegisterOld.code(),
            Self::WithoutConsent => "HA403",
            Self::DuplicateInstance => "HA404",
        }
    }
}

impl start::Notice {
    /// Its code in the catalogue of events.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PossiblyStale => "HA310",
            Self::KnownStale => "HA311",
            Self::RegisterEmpty => "HA312",
            Self::RolledBack => "HA313",
            Self::RegisterUnreachable => "HA314",
            Self::WaitingForTail => "HA352",
            Self::Damaged => "HA353",
            Self::SplitBrain => "HA401",
            Self::RegisterOld => "HA402",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_the_number_of_its_notice() {
        use start::Notice as N;
        let all = [
            N::PossiblyStale,
            N::KnownStale,
            N::RegisterEmpty,
            N::RolledBack,
            N::RegisterUnreachable,
            N::WaitingForTail,
            N::Damaged,
            N::SplitBrain,
            N::RegisterOld,
        ];
        for notice in all {
            assert_eq!(notice.code(), format!("HA{}", notice.number()));
            assert_eq!(command::Notice::Start(notice).code(), notice.code());
        }
    }
}

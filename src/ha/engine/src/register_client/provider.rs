//! Where the register lives, and what a member may do by itself where there is none.

use crate::detect::Network;

/// What decides who may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Nobody beside the two members.
    None {
        /// What holds when they cannot talk to each other.
        policy: PairPolicy,
    },
    /// One key in etcd without a lease, changed by compare-and-set on its mod revision; a second key with a lease tells others that the holder
    /// lives, and decides nothing.
    Etcd,
}

/// What holds for a pair without a third party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PairPolicy {
    /// Each side decides by itself: the pair serves whatever fails, and serves twice when only the link between them is cut.
    #[default]
    Availability,
    /// The primary keeps the register: it never splits, and a dead primary must be replaced by hand.
    PrimaryWins,
}

/// What a member knows when it has lost its peer and there is no register to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Loss {
    /// It serves.
    pub active: bool,
    /// It is the configured primary.
    pub primary: bool,
    /// The peer's host refuses connections: that server does not run.
    pub refused: bool,
    /// The peer has been silent for longer than the failure timeout.
    pub silent: bool,
    /// What the check of the network says.
    pub network: Network,
}

/// What it may do then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alone {
    /// Serve, without the peer.
    Serve,
    /// Stay passive and go on looking for the peer.
    Wait,
    /// Stay active without acks.
    Suspend,
}

/// The decision without a register. The check of the network only takes rights away.
#[must_use]
pub fn alone(policy: PairPolicy, loss: Loss) -> Alone {
    let Loss { active, primary, refused, silent, network } = loss;
    let holds_back = if active { Alone::Suspend } else { Alone::Wait };
    if network == Network::Isolated {
        return holds_back;
    }
    let entitled = match policy {
        PairPolicy::Availability => true,
        // A backup that serves could not leave the primary out: that one would start by itself and know nothing of it.
        PairPolicy::PrimaryWins => primary,
    };
    // The active lost its link, which is enough: it only ever waits for the other's word. The passive needs a reason to think that nobody serves.
    if entitled && (active || refused || silent) { Alone::Serve } else { holds_back }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Loss> {
        let flags = |bits: u8| [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0];
        let networks = [Network::Unchecked, Network::Healthy, Network::Isolated];
        (0..16).map(flags).flat_map(move |[active, primary, refused, silent]| {
            networks.map(|network| Loss { active, primary, refused, silent, network })
        })
    }

    #[test]
    fn an_isolated_member_never_serves() {
        for policy in [PairPolicy::Availability, PairPolicy::PrimaryWins] {
            for loss in all().filter(|loss| loss.network == Network::Isolated) {
                assert_ne!(alone(policy, loss), Alone::Serve, "{loss:?}");
            }
        }
    }

    #[test]
    fn with_primary_wins_two_never_serve() {
        for one in all() {
            for other in all().filter(|other| other.primary != one.primary) {
                let both = [one, other].map(|loss| alone(PairPolicy::PrimaryWins, loss));
                assert_ne!(both, [Alone::Serve; 2], "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn with_availability_somebody_serves_when_the_peer_is_dead() {
        for loss in all().filter(|loss| loss.refused && loss.network != Network::Isolated) {
            assert_eq!(alone(PairPolicy::Availability, loss), Alone::Serve, "{loss:?}");
        }
    }

    #[test]
    fn a_passive_needs_a_reason() {
        for policy in [PairPolicy::Availability, PairPolicy::PrimaryWins] {
            for loss in all().filter(|loss| !loss.active && !loss.refused && !loss.silent) {
                assert_eq!(alone(policy, loss), Alone::Wait, "{loss:?}");
            }
        }
    }

    #[test]
    fn who_may_not_go_on_is_suspended_if_active_and_waits_if_not() {
        for policy in [PairPolicy::Availability, PairPolicy::PrimaryWins] {
            for loss in all() {
                let wrong = if loss.active { Alone::Wait } else { Alone::Suspend };
                assert_ne!(alone(policy, loss), wrong, "{loss:?}");
            }
        }
    }
}

//! The holder's lease: it tells the others that a takeover would be needless. It decides nothing; only the register does.
//!
//! The holder renews it every third of its length. It counts its own deadline from the moment at which it *sent* the last renewal that was
//! confirmed: whoever keeps the lease began to count later. While one of its data cores hangs it does not renew, or a live control thread would
//! keep the passive from taking the place of a server that serves nobody.

use std::time::Duration;

use smallvec::SmallVec;

use crate::limits::RENEWALS_PER_LEASE;
use crate::time::Now;

/// The number of a renewal in one life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Renewal(pub u64);

/// What an active may do as far as its lease is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The lease runs: everything.
    Held,
    /// It has run out; nobody else is entitled, since nobody else is in sync. It goes on and says that the register does not answer. It can
    /// admit no joiner.
    Alone,
    /// It has run out; the replica follows in this epoch. The pair goes on without limit and says that the register does not answer.
    WithReplica,
    /// It has run out, and the replica may have taken over: no acks and no deliveries.
    Suspended,
}

/// The holder's side of the lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    length: Duration,
    last: u64,
    /// Renewals under way with the times at which they were sent, oldest first. Older ones than these could not lengthen the lease any more.
    sent: SmallVec<[(Renewal, Now); RENEWALS_PER_LEASE as usize]>,
    due: Option<Now>,
    deadline: Option<Now>,
}

impl Lease {
    /// A lease that was never confirmed.
    #[must_use]
    pub fn new(length: Duration) -> Self {
        Self { length, last: 0, sent: SmallVec::new(), due: None, deadline: None }
    }

    /// The renewal to send now, if one is due. `cores_live`: no data core of this server hangs.
    pub fn renew(&mut self, now: Now, cores_live: bool) -> Option<Renewal> {
        if !cores_live || self.due.is_some_and(|due| now < due) {
            return None;
        }
        if self.sent.len() >= RENEWALS_PER_LEASE as usize {
            self.sent.remove(0);
        }
        self.last += 1;
        let renewal = Renewal(self.last);
        self.sent.push((renewal, now));
        self.due = Some(now.plus(self.length / RENEWALS_PER_LEASE));
        Some(renewal)
    }

    /// When the next renewal is due; at once if none was sent.
    #[must_use]
    pub const fn due(&self) -> Option<Now> {
        self.due
    }

    /// A renewal was confirmed, by etcd or by a majority.
    pub fn confirmed(&mut self, renewal: Renewal) {
        let Some(at) = self.sent.iter().position(|(number, _)| *number == renewal) else { return };
        if let Some((_, sent)) = self.sent.get(at) {
            self.deadline = self.deadline.max(Some(sent.plus(self.length)));
        }
        // What was sent before it adds nothing.
        self.sent.drain(..=at);
    }

    /// Until when the others hold back, as far as this server can be sure of it.
    #[must_use]
    pub const fn deadline(&self) -> Option<Now> {
        self.deadline
    }

    /// What an active may do now. `solo`: the in-sync set that the register is known to have is this server alone. `followed`: when the replica
    /// last confirmed something on its connection of this epoch, or told in a heartbeat that it follows this epoch; an idle pair confirms nothing.
    #[must_use]
    pub fn standing(&self, now: Now, solo: bool, followed: Option<Now>) -> Standing {
        if self.deadline.is_some_and(|deadline| now < deadline) {
            Standing::Held
        } else if solo {
            Standing::Alone
        } else if followed.is_some_and(|at| now.since(at) < self.length) {
            Standing::WithReplica
        } else {
            Standing::Suspended
        }
    }
}

/// How long a passive waits before it asks the register for a takeover. `rest`: what is left of the holder's lease, zero if there is none; `None`
/// if nobody can say. `refused`: the holder's host refused a connection, so that the lease tells of a server that is no more. The wait saves a
/// needless takeover and no more: whoever does not wait is as safe.
#[must_use]
pub fn wait_before_takeover(rest: Option<Duration>, refused: bool, retry: Duration) -> Duration {
    if refused { Duration::ZERO } else { rest.unwrap_or(retry).min(retry) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(2);

    const fn at(ms: u64) -> Now {
        Now(Duration::from_millis(ms))
    }

    #[test]
    fn it_is_renewed_every_third() {
        let mut lease = Lease::new(LENGTH);
        let sent: Vec<u64> = (0..2_500).filter(|now| lease.renew(at(*now), true).is_some()).collect();
        assert_eq!(sent, [0, 667, 1334, 2001]);
    }

    #[test]
    fn the_deadline_counts_from_the_sending_of_what_was_confirmed() {
        let mut lease = Lease::new(LENGTH);
        let first = lease.renew(at(100), true).unwrap();
        let second = lease.renew(at(800), true).unwrap();
        assert_eq!(lease.deadline(), None);
        lease.confirmed(second);
        assert_eq!(lease.deadline(), Some(at(2_800)));
        // The first one's confirmation comes late: the deadline does not go back.
        lease.confirmed(first);
        assert_eq!(lease.deadline(), Some(at(2_800)));
        // One that was never sent counts for nothing.
        lease.confirmed(Renewal(77));
        assert_eq!(lease.deadline(), Some(at(2_800)));
    }

    #[test]
    fn a_confirmation_of_a_renewal_of_long_ago_gives_no_time() {
        let mut lease = Lease::new(LENGTH);
        let first = lease.renew(at(0), true).unwrap();
        for now in 1..=RENEWALS_PER_LEASE {
            assert!(lease.renew(at(u64::from(now) * 1_000), true).is_some());
        }
        assert_eq!(lease.sent.len(), RENEWALS_PER_LEASE as usize);
        lease.confirmed(first);
        assert_eq!(lease.deadline(), None);
    }

    #[test]
    fn a_server_with_a_stuck_core_does_not_renew() {
        let mut lease = Lease::new(LENGTH);
        let first = lease.renew(at(0), true).unwrap();
        lease.confirmed(first);
        assert_eq!(lease.renew(at(1_000), false), None);
        assert_eq!(lease.standing(at(1_999), false, None), Standing::Held);
        assert_eq!(lease.standing(at(2_000), false, None), Standing::Suspended);
        assert!(lease.renew(at(2_000), true).is_some());
    }

    /// Every combination: held or not, solo or not, followed lately, long ago, or never.
    #[test]
    fn past_the_deadline_only_who_cannot_have_been_replaced_goes_on() {
        let mut lease = Lease::new(LENGTH);
        let renewal = lease.renew(at(0), true).unwrap();
        lease.confirmed(renewal);
        for solo in [false, true] {
            for followed in [None, Some(at(1_000)), Some(at(2_500))] {
                assert_eq!(lease.standing(at(1_999), solo, followed), Standing::Held);
                let expected = match (solo, followed) {
                    (true, _) => Standing::Alone,
                    (false, Some(time)) if time == at(2_500) => Standing::WithReplica,
                    (false, _) => Standing::Suspended,
                };
                assert_eq!(lease.standing(at(3_000), solo, followed), expected, "{solo} {followed:?}");
            }
        }
        assert_eq!(Lease::new(LENGTH).standing(at(0), false, None), Standing::Suspended);
    }

    #[test]
    fn a_takeover_waits_for_the_lease_and_not_for_a_dead_server() {
        let retry = Duration::from_secs(5);
        assert_eq!(wait_before_takeover(Some(LENGTH), false, retry), LENGTH);
        assert_eq!(wait_before_takeover(Some(LENGTH), true, retry), Duration::ZERO);
        assert_eq!(wait_before_takeover(Some(Duration::ZERO), false, retry), Duration::ZERO);
        assert_eq!(wait_before_takeover(Some(Duration::from_secs(60)), false, retry), retry);
        assert_eq!(wait_before_takeover(None, false, retry), retry);
    }
}

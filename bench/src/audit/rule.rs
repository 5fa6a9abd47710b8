//! What acks and flushes say together.
//!
//! One message at a time: each ack needs a flush of its own, begun behind its send and done before its ack. Many at a time: a flush
//! may serve all that were unanswered, so that there are at least as many flushes as groups of that size.

use super::load::Acks;
use super::strace::Flush;
use crate::result::schema::Durability;

/// Times of two clocks that round to microseconds may differ by so much, in microseconds.
const ROUNDING_US: u64 = 1;

/// What was counted under one load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Sends without an answer at a time.
    pub window: u32,
    /// Messages acked.
    pub acks: u64,
    /// Flushes of the store meanwhile.
    pub flushes: u64,
    /// Of a load with one message at a time: acks that came without a flush of their own, where the times of flushes are known.
    pub uncovered: Option<u64>,
}

impl std::fmt::Display for Counted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "window {}: {} acks : {} flushes", self.window, self.acks, self.flushes)?;
        match self.uncovered {
            Some(uncovered) => write!(out, ", {uncovered} acks before a flush"),
            None => Ok(()),
        }
    }
}

/// What an audit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Each ack came after a flush.
    Durable,
    /// At least one did not.
    NotDurable(String),
    /// Nobody could count: the reason.
    Unknown(String),
}

impl Verdict {
    /// The label that results carry.
    pub fn label(&self) -> Durability {
        match self {
            Self::Durable => Durability::Local,
            Self::NotDurable(_) => Durability::NotDurable,
            Self::Unknown(_) => Durability::Unknown,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Durable => out.write_str("D-local"),
            Self::NotDurable(why) => write!(out, "NOT-DURABLE: {why}"),
            Self::Unknown(why) => write!(out, "unknown: {why}"),
        }
    }
}

/// Puts the acks of a load and the flushes that were seen meanwhile together.
pub(super) fn count(window: u32, acks: &Acks, flushes: &[Flush]) -> Counted {
    let during = flushes.iter().filter(|flush| flush.begun_us >= acks.begun_us && flush.done_us <= acks.done_us);
    let uncovered = (window == 1).then(|| acks.each.iter().filter(|ack| !is_covered(**ack, flushes)).count() as u64);
    Counted { window, acks: acks.each.len() as u64, flushes: during.count() as u64, uncovered }
}

/// Was a flush begun behind the send and done before the ack?
fn is_covered((sent_us, acked_us): (u64, u64), flushes: &[Flush]) -> bool {
    let covers = |flush: &Flush| flush.begun_us + ROUNDING_US >= sent_us && flush.done_us <= acked_us + ROUNDING_US;
    flushes.iter().any(covers)
}

/// The verdict of all loads together.
pub(super) fn judge(loads: &[Counted]) -> Verdict {
    let faults: Vec<String> = loads.iter().filter_map(fault).collect();
    match faults.first() {
        _ if loads.iter().all(|load| load.acks == 0) => Verdict::Unknown("nothing was acked".to_owned()),
        Some(_) => Verdict::NotDurable(faults.join("; ")),
        None => Verdict::Durable,
    }
}

fn fault(load: &Counted) -> Option<String> {
    let groups = load.acks.div_ceil(u64::from(load.window.max(1)));
    if load.flushes < groups {
        return Some(format!("{} acks of at least {groups} groups came with {} flushes", load.acks, load.flushes));
    }
    let uncovered = load.uncovered.filter(|uncovered| *uncovered > 0)?;
    Some(format!("{uncovered} of {} acks came before a flush", load.acks))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acks(each: &[(u64, u64)]) -> Acks {
        Acks { begun_us: 0, done_us: 1000, each: each.to_vec() }
    }

    fn flush(begun_us: u64, done_us: u64) -> Flush {
        Flush { begun_us, done_us }
    }

    #[test]
    fn a_flush_within_each_ack_is_durable() {
        let flushes = [flush(12, 15), flush(32, 38)];
        let counted = count(1, &acks(&[(10, 20), (30, 40)]), &flushes);
        assert_eq!(counted, Counted { window: 1, acks: 2, flushes: 2, uncovered: Some(0) });
        assert_eq!(judge(&[counted]), Verdict::Durable);
    }

    #[test]
    fn flushes_behind_their_acks_do_not_count() {
        let flushes = [flush(21, 25), flush(41, 45)];
        let counted = count(1, &acks(&[(10, 20), (30, 40)]), &flushes);
        assert_eq!(counted.uncovered, Some(2), "as many flushes as acks, each too late");
        assert_eq!(judge(&[counted]).label(), Durability::NotDurable);
    }

    #[test]
    fn a_flush_of_before_the_send_does_not_count() {
        let counted = count(1, &acks(&[(10, 20)]), &[flush(5, 15), flush(16, 25)]);
        assert_eq!(counted.uncovered, Some(1));
    }

    #[test]
    fn groups_may_share_a_flush_but_no_group_goes_without() {
        let each: Vec<(u64, u64)> = (0..640).map(|n| (n, n + 1)).collect();
        let ten: Vec<Flush> = (0..10).map(|n| flush(n, n + 1)).collect();
        assert_eq!(judge(&[count(64, &acks(&each), &ten)]), Verdict::Durable);
        let nine = count(64, &acks(&each), ten.get(1..).unwrap());
        assert!(matches!(judge(&[nine]), Verdict::NotDurable(_)));
    }

    #[test]
    fn one_bad_load_is_enough_and_none_says_nothing() {
        let good = Counted { window: 1, acks: 5, flushes: 5, uncovered: None };
        let bad = Counted { window: 64, acks: 640, flushes: 0, uncovered: None };
        assert_eq!(judge(std::slice::from_ref(&good)), Verdict::Durable);
        assert_eq!(judge(&[good, bad]).label(), Durability::NotDurable);
        assert_eq!(judge(&[]).label(), Durability::Unknown);
    }
}

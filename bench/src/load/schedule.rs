//! When messages are due: a fixed schedule of absolute times, whatever the broker does.
//!
//! Must stay true: no time depends on an answer, or on when somebody looked; a late client finds all that it missed, each with the time
//! at which it should have been sent, so that a stall counts for every message that it held up.

use crate::prove::random::Random;

/// How messages come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// The next one when an answer makes room.
    Closed,
    /// So many a second, evenly.
    Constant(f64),
    /// So many a second, with gaps as if many independent senders sent them.
    Poisson(f64),
}

impl Pace {
    /// Messages a second on schedule; none for a closed loop.
    pub fn rate(self) -> Option<f64> {
        match self {
            Self::Closed => None,
            Self::Constant(rate) | Self::Poisson(rate) => Some(rate),
        }
    }
}

/// The times, one after the other, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Schedule {
    begin: u64,
    /// Nanoseconds between two.
    gap: f64,
    /// Nanoseconds from the begin to the next one.
    next: f64,
    /// Arrivals so far.
    count: u64,
    random: Option<Random>,
}

impl Schedule {
    /// From `begin` on; none for a closed loop, or a rate that is no rate.
    pub fn new(pace: Pace, begin: u64, seed: u64) -> Option<Self> {
        let rate = pace.rate().filter(|rate| rate.is_finite() && *rate > 0.0)?;
        let random = matches!(pace, Pace::Poisson(_)).then(|| Random::of(seed, 0x5c4e));
        let mut schedule = Self { begin, gap: 1e9 / rate, next: 0.0, count: 0, random };
        schedule.advance();
        Some(schedule)
    }

    /// When the next one is due.
    pub fn next_due(&self) -> u64 {
        self.begin + self.next as u64
    }

    /// The time of the next one if it is due by now, and on to the one behind it.
    pub fn take_due(&mut self, now: u64) -> Option<u64> {
        let due = self.next_due();
        if due > now {
            return None;
        }
        self.advance();
        Some(due)
    }

    fn advance(&mut self) {
        self.count += 1;
        match &mut self.random {
            // From the count, so that nothing adds up.
            None => self.next = self.count as f64 * self.gap,
            Some(random) => {
                // In (0, 1]: its logarithm is a number.
                let share = ((random.number() >> 11) + 1) as f64 / (1u64 << 53) as f64;
                self.next -= self.gap * share.ln();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::latency::Latencies;

    const MS: u64 = 1_000_000;

    #[test]
    fn an_even_schedule_does_not_drift() {
        let mut schedule = Schedule::new(Pace::Constant(3_000.0), 5, 1).unwrap();
        let all: Vec<u64> = std::iter::from_fn(|| schedule.take_due(u64::MAX)).take(3_000_000).collect();
        assert_eq!(all.first(), Some(&(5 + 333_333)));
        assert_eq!(all.last(), Some(&(5 + 1_000 * 1_000 * MS)));
        assert_eq!(Schedule::new(Pace::Closed, 0, 1).map(drop), None);
        assert_eq!(Schedule::new(Pace::Constant(0.0), 0, 1).map(drop), None);
    }

    #[test]
    fn random_gaps_follow_the_seed_and_keep_the_rate() {
        let times = |seed| {
            let mut schedule = Schedule::new(Pace::Poisson(1_000.0), 0, seed).unwrap();
            std::iter::from_fn(|| schedule.take_due(u64::MAX)).take(100_000).collect::<Vec<u64>>()
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
        let seconds = *times(3).last().unwrap() as f64 / 1e9;
        assert!((98.0..=102.0).contains(&seconds), "100,000 at 1,000 a second took {seconds}");
        let short = times(4).windows(2).filter(|pair| pair[1] - pair[0] < MS).count();
        assert!((0.62..=0.65).contains(&(short as f64 / 1e5)), "1 - 1/e of the gaps are below the mean: {short}");
    }

    /// A broker that answers after 0.1 ms, but nothing between 1 s and 2 s, as a simulated clock sees it; the client looks at the
    /// clock every 0.01 ms. Gives the latencies as `since` counts them.
    fn with_a_stall(since: impl Fn(u64, u64) -> u64, closed: bool) -> Latencies {
        let mut schedule = Schedule::new(Pace::Constant(1_000.0), 0, 1).unwrap();
        let mut latencies = Latencies::default();
        let answered_at = |sent: u64| {
            let at = sent + MS / 10;
            if (1_000 * MS..2_000 * MS).contains(&at) { 2_000 * MS } else { at }
        };
        let mut busy_until = 0;
        let mut now = 0;
        while now < 4_000 * MS {
            now += MS / 100;
            // A closed loop does not look at its schedule while it waits.
            while !closed || busy_until <= now {
                let Some(due) = schedule.take_due(now) else { break };
                let due = if closed { now } else { due };
                busy_until = answered_at(now);
                latencies.record_ns(busy_until - since(due, now));
            }
        }
        latencies
    }

    #[test]
    fn a_stall_shows_in_every_message_that_it_held_up() {
        // 1,000 of the 4,000 were due within the stall of a second: a quarter, the longest a second.
        let latencies = with_a_stall(|due, _now| due, false);
        assert_eq!(latencies.count(), 4_000);
        let p90 = latencies.percentile(0.9).unwrap();
        assert!((590_000.0..=610_000.0).contains(&p90), "{p90} us");
        let longest = latencies.summary().max_us.unwrap();
        assert!((990_000.0..=1_001_000.0).contains(&longest), "{longest} us");
    }

    #[test]
    fn a_loop_that_waits_for_its_answer_hides_the_stall() {
        // The control: counted from the send, one message in thousands was slow.
        let latencies = with_a_stall(|_due, now| now, true);
        let p99 = latencies.percentile(0.99).unwrap();
        assert!(p99 < 200.0, "{p99} us");
    }
}

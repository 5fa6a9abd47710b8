//! What is counted while a load runs.
//!
//! Times are nanoseconds of one clock. Must stay true: a latency counts if its message was due within the measured time, whenever the
//! answer came, and a message that was never answered counts with the time for which it waited; rates count what was answered within it.

use crate::measure::latency::Latencies;

/// The counts of one run, over all connections.
#[derive(Debug)]
pub struct Tally {
    /// When the measured time begins and ends; neither has come while they are [`NEVER`].
    from: u64,
    until: u64,
    /// Messages that may be sent, ever.
    pub limit: u64,
    /// Messages handed to a connection, ever.
    pub sent: u64,
    /// Messages acked, ever.
    pub acked: u64,
    /// Deliveries, ever.
    pub delivered: u64,
    /// Deliveries whose acknowledgement was answered, ever.
    pub consumed: u64,
    /// Messages acked within the measured time.
    pub acked_within: u64,
    /// Deliveries acknowledged, and that answered, within it.
    pub consumed_within: u64,
    /// From when a message was due to its ack.
    pub ack: Latencies,
    /// From the same to its delivery.
    pub delivery: Latencies,
    /// From the same to its way into the socket.
    pub delay: Latencies,
    /// Messages without an answer at the end.
    pub unanswered: u64,
    /// So much was in flight that latencies mean nothing.
    pub overload: bool,
}

/// A time that does not come.
pub const NEVER: u64 = u64::MAX;

impl Default for Tally {
    fn default() -> Self {
        Self {
            from: NEVER,
            until: NEVER,
            limit: NEVER,
            sent: 0,
            acked: 0,
            delivered: 0,
            consumed: 0,
            acked_within: 0,
            consumed_within: 0,
            ack: Latencies::default(),
            delivery: Latencies::default(),
            delay: Latencies::default(),
            unanswered: 0,
            overload: false,
        }
    }
}

impl Tally {
    /// The measured time begins.
    pub fn begin(&mut self, now: u64) {
        self.from = now;
    }

    /// It ends.
    pub fn end(&mut self, now: u64) {
        self.until = now;
    }

    /// May another one be sent?
    pub fn may_send(&self) -> bool {
        self.sent < self.limit
    }

    /// Messages that no answer came for yet.
    pub fn in_flight(&self) -> u64 {
        self.sent - self.acked
    }

    fn measures(&self, now: u64) -> bool {
        (self.from..self.until).contains(&now)
    }

    /// So many messages that were due then are acked.
    pub fn on_acked(&mut self, messages: u64, due: u64, now: u64) {
        self.acked += messages;
        if self.measures(now) {
            self.acked_within += messages;
        }
        if self.measures(due) {
            self.ack.record_ns(now.saturating_sub(due));
        }
    }

    /// A message that was due then is delivered.
    pub fn on_delivered(&mut self, due: u64, now: u64) {
        self.delivered += 1;
        if self.measures(due) {
            self.delivery.record_ns(now.saturating_sub(due));
        }
    }

    /// The acknowledgement of a delivery is done.
    pub fn on_consumed(&mut self, now: u64) {
        self.consumed += 1;
        if self.measures(now) {
            self.consumed_within += 1;
        }
    }

    /// A message that was due then is in the socket.
    pub fn on_written(&mut self, due: u64, now: u64) {
        if self.measures(due) {
            self.delay.record_ns(now.saturating_sub(due));
        }
    }

    /// A message that was due then has no answer at the end.
    pub fn on_unanswered(&mut self, messages: u64, due: u64, now: u64) {
        self.unanswered += messages;
        if self.measures(due) {
            self.ack.record_ns(now.saturating_sub(due));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_measured_time_counts() {
        let mut tally = Tally::default();
        tally.on_acked(1, 5, 9);
        tally.begin(10);
        tally.on_acked(1, 9, 12);
        tally.on_acked(1, 11, 13);
        tally.end(20);
        tally.on_acked(1, 19, 30);
        tally.on_acked(1, 20, 31);
        assert_eq!((tally.acked, tally.acked_within, tally.ack.count()), (5, 2, 2));
    }

    #[test]
    fn a_message_without_an_answer_counts_with_its_wait() {
        let mut tally = Tally::default();
        tally.begin(0);
        tally.end(1_000);
        tally.on_unanswered(1, 500, 5_000_000_500);
        assert_eq!(tally.unanswered, 1);
        let longest = tally.ack.summary().max_us.unwrap();
        assert!((4_990_000.0..5_010_000.0).contains(&longest), "{longest}");
    }
}

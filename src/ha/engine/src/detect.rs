//! Whether the peer has failed, as far as one side can tell. Active and passive use the same.
//!
//! Takes what the connection brings and the time; gives a suspicion. A suspicion is never a proof: what follows from it goes through the
//! register, and a wrong one costs a needless takeover at most. The check of the network takes rights away and gives none.
//!
//! Only the control connection counts against silence. A heartbeat comes from the control thread, which may live while a data core hangs: so it
//! carries a counter for each core, which that core itself raises once an interval, idle or not.

use std::time::Duration;

use smallvec::SmallVec;

use crate::limits::{LAG_MARKS_MAX, PROGRESS_CORES_MAX, REPLICA_FAILURE_TIMEOUT, REPLICA_LAG_TIMEOUT, STOP_GUARD};
use crate::time::Now;
use crate::vector::Vector;

/// What the check of the network says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Network {
    /// Nothing is configured to be checked.
    #[default]
    Unchecked,
    /// At least one target answers.
    Healthy,
    /// None does: the fault is likely on this side.
    Isolated,
}

/// What an active does when the check of the network says that it is isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenIsolated {
    /// Hands over to its replica.
    HandOver,
    /// Stays, without acks, until the check says otherwise and the register has been read again.
    Suspend,
}

/// What an isolated active does. It hands over only to a replica that is in sync, under no suspicion, and says of itself that it is not isolated.
#[must_use]
pub fn when_isolated(in_sync: bool, suspicion: Option<Suspicion>, replica: Network) -> WhenIsolated {
    if in_sync && suspicion.is_none() && replica != Network::Isolated {
        WhenIsolated::HandOver
    } else {
        WhenIsolated::Suspend
    }
}

/// Why the peer may have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suspicion {
    /// Its host refuses a connection: that server does not run. The strongest one: no lease needs to be waited for.
    Refused,
    /// The connection ended.
    Closed,
    /// Nothing came for longer than the failure timeout.
    Silent,
    /// Heartbeats come, and this data core has made no progress for longer than the failure timeout.
    CoreStuck(u16),
    /// It speaks, and the oldest byte that it has not confirmed is older than the lag timeout.
    Lagging,
}

/// How long what may last before it is suspicious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// `replica-failure-timeout`.
    pub failure: Duration,
    /// `replica-lag-timeout`.
    pub lag: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { failure: REPLICA_FAILURE_TIMEOUT, lag: REPLICA_LAG_TIMEOUT }
    }
}

/// What is known of the peer on one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Detector {
    timeouts: Timeouts,
    heard: Now,
    ended: Option<Suspicion>,
    /// Silence is expected until then.
    quiet_until: Option<Now>,
    progress: Progress,
    lag: Lag,
    round_trip: RoundTrip,
}

impl Detector {
    /// For a connection that was made just now.
    #[must_use]
    pub fn new(timeouts: Timeouts, now: Now) -> Self {
        Self {
            timeouts,
            heard: now,
            ended: None,
            quiet_until: None,
            progress: Progress::default(),
            lag: Lag::default(),
            round_trip: RoundTrip::default(),
        }
    }

    /// The connection ended, whatever ended it.
    pub fn closed(&mut self) {
        self.ended = Some(self.ended.unwrap_or(Suspicion::Closed));
    }

    /// A new connection was refused.
    pub fn refused(&mut self) {
        self.ended = Some(Suspicion::Refused);
    }

    /// Anything came on the control connection.
    pub fn heard(&mut self, now: Now) {
        self.heard = self.heard.max(now);
    }

    /// A heartbeat came, with the counter of each of the peer's data cores.
    pub fn heartbeat(&mut self, now: Now, counters: &[u64]) {
        self.heard(now);
        self.progress.observe(now, counters);
    }

    /// The peer echoed a stamp of this side, which it had held for so long.
    pub fn echoed(&mut self, now: Now, stamp: Now, held: Duration) {
        self.round_trip.sample(now.since(stamp).saturating_sub(held));
    }

    /// Everything up to `end` is on its way to the peer, who is to confirm it.
    pub fn sent(&mut self, now: Now, end: &Vector) {
        self.lag.sent(now, end, self.timeouts.lag);
    }

    /// The peer has confirmed everything up to `end`.
    pub fn confirmed(&mut self, now: Now, end: &Vector) {
        self.lag.confirmed(now, end);
    }

    /// The peer is about to stop and drains its work: it is not suspected for a while, unless its connection ends.
    pub fn stop_called(&mut self, now: Now) {
        self.quiet_until = Some(now.plus(STOP_GUARD));
    }

    /// The peer goes on after all: it said so, or sent something that a frozen one would not. From here on it is suspected as ever.
    pub fn stop_given_up(&mut self, now: Now) {
        if self.quiet_until.take().is_some() {
            self.heard(now);
        }
    }

    /// Whether the peer is suspected now, and of what.
    #[must_use]
    pub fn suspicion(&self, now: Now) -> Option<Suspicion> {
        if self.ended.is_some() || self.quiet_until.is_some_and(|until| now < until) {
            return self.ended;
        }
        if now.since(self.heard) > self.timeouts.failure {
            return Some(Suspicion::Silent);
        }
        if let Some(core) = self.progress.stuck(now, self.timeouts.failure) {
            return Some(Suspicion::CoreStuck(core));
        }
        (self.lag.age(now) > self.timeouts.lag).then_some(Suspicion::Lagging)
    }

    /// When to look again if nothing happens until then: the first moment at which a suspicion can arise by the time alone. `None` once the
    /// connection has ended.
    #[must_use]
    pub fn next_look(&self) -> Option<Now> {
        if self.ended.is_some() {
            return None;
        }
        let core = self.progress.oldest().map(|since| since.plus(self.timeouts.failure));
        let lag = self.lag.oldest().map(|since| since.plus(self.timeouts.lag));
        let first = [core, lag].into_iter().flatten().fold(self.heard.plus(self.timeouts.failure), Now::min);
        // Suspicious is what lasts longer than a timeout.
        Some(self.quiet_until.map_or(first, |until| until.max(first)).plus(Duration::from_nanos(1)))
    }

    /// The smoothed round trip, once there is one.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip.smoothed
    }

    /// Whether to warn that the round trip is above `max`: once, and again only after it was below half of that.
    pub fn slow_link(&mut self, max: Duration) -> bool {
        self.round_trip.warn(max)
    }
}

/// When each data core was last seen to go on. A server keeps one for its own cores too: it renews no lease while one of them hangs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    cores: SmallVec<[Core; 4]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Core {
    counter: u64,
    /// Since when it has this value.
    since: Now,
}

impl Progress {
    /// The counters of all cores, in their order. Those beyond [`PROGRESS_CORES_MAX`] are not looked at: no server has so many.
    pub fn observe(&mut self, now: Now, counters: &[u64]) {
        for (at, counter) in counters.iter().copied().take(PROGRESS_CORES_MAX).enumerate() {
            match self.cores.get_mut(at) {
                Some(core) if core.counter == counter => {}
                Some(core) => *core = Core { counter, since: now },
                None => self.cores.push(Core { counter, since: now }),
            }
        }
    }

    /// The first core that has not gone on for longer than that. A core that is missing from later heartbeats has not gone on either.
    #[must_use]
    pub fn stuck(&self, now: Now, timeout: Duration) -> Option<u16> {
        let at = self.cores.iter().position(|core| now.since(core.since) > timeout)?;
        u16::try_from(at).ok()
    }

    fn oldest(&self) -> Option<Now> {
        self.cores.iter().map(|core| core.since).min()
    }
}

/// How old the oldest unconfirmed byte is, up to a part of the timeout: a few moments are remembered, not all. Never too old: a mark is set when
/// its bytes are on the way already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Lag {
    sent: Vector,
    confirmed: Vector,
    /// The first `live` of them count, oldest first; none if all is confirmed. The others are kept empty, for their memory.
    marks: SmallVec<[Mark; LAG_MARKS_MAX]>,
    live: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Mark {
    end: Vector,
    at: Now,
}

impl Lag {
    fn sent(&mut self, now: Now, end: &Vector, timeout: Duration) {
        self.sent.0.clone_from(&end.0);
        let part = timeout / LAG_MARKS_MAX as u32;
        let due = self.live().last().is_none_or(|mark| now.since(mark.at) >= part && mark.end != *end);
        if due && !self.confirmed.covers(end) {
            self.mark(now);
        }
    }

    fn confirmed(&mut self, now: Now, end: &Vector) {
        self.confirmed.0.clone_from(&end.0);
        while self.live().first().is_some_and(|mark| end.covers(&mark.end)) {
            self.marks.rotate_left(1);
            self.live -= 1;
            if let Some(over) = self.marks.last_mut() {
                over.end.0.clear();
                over.at = Now::default();
            }
        }
        if self.live == 0 && !end.covers(&self.sent) {
            self.mark(now);
        }
    }

    /// What is on the way now was on the way at this moment. If there are too many marks, the older ones tell enough.
    fn mark(&mut self, now: Now) {
        if self.live == self.marks.len() && self.live < LAG_MARKS_MAX {
            self.marks.push(Mark::default());
        }
        if let Some(mark) = self.marks.get_mut(self.live) {
            mark.end.0.clone_from(&self.sent.0);
            mark.at = now;
            self.live += 1;
        }
    }

    fn live(&self) -> &[Mark] {
        self.marks.get(..self.live).unwrap_or_default()
    }

    fn oldest(&self) -> Option<Now> {
        self.live().first().map(|mark| mark.at)
    }

    fn age(&self, now: Now) -> Duration {
        self.oldest().map_or(Duration::ZERO, |at| now.since(at))
    }
}

/// The round trip of the link, smoothed as TCP does it: each sample counts for an eighth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct RoundTrip {
    smoothed: Option<Duration>,
    warned: bool,
}

impl RoundTrip {
    fn sample(&mut self, sample: Duration) {
        self.smoothed = Some(self.smoothed.map_or(sample, |before| before - before / 8 + sample / 8));
    }

    fn warn(&mut self, max: Duration) -> bool {
        let Some(smoothed) = self.smoothed else { return false };
        if smoothed <= max / 2 {
            self.warned = false;
        }
        let warn = smoothed > max && !self.warned;
        self.warned |= warn;
        warn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Now {
        Now(Duration::from_millis(ms))
    }

    fn to(end: u64) -> Vector {
        [end, 0].into_iter().collect()
    }

    fn detector() -> Detector {
        Detector::new(Timeouts::default(), at(0))
    }

    /// Heartbeats of two cores that go on, every 250 ms up to and with `until`.
    fn beats(detector: &mut Detector, from: u64, until: u64) {
        for beat in from / 250..=until / 250 {
            detector.heartbeat(at(beat * 250), &[beat, beat]);
        }
    }

    #[test]
    fn silence_is_suspicious_after_its_timeout_and_not_before() {
        let mut detector = detector();
        assert_eq!(detector.suspicion(at(2_000)), None);
        assert_eq!(detector.suspicion(at(2_001)), Some(Suspicion::Silent));
        detector.heard(at(2_001));
        assert_eq!(detector.suspicion(at(4_001)), None);
        assert_eq!(detector.suspicion(at(4_002)), Some(Suspicion::Silent));
    }

    #[test]
    fn an_ended_connection_is_suspicious_at_once_and_a_refused_one_says_more() {
        let mut detector = detector();
        detector.closed();
        assert_eq!(detector.suspicion(at(0)), Some(Suspicion::Closed));
        detector.refused();
        detector.closed();
        assert_eq!(detector.suspicion(at(0)), Some(Suspicion::Refused));
        assert_eq!(detector.next_look(), None);
    }

    #[test]
    fn a_live_control_thread_does_not_hide_a_stuck_core() {
        let mut detector = detector();
        beats(&mut detector, 0, 1_000);
        for beat in 5..=12 {
            detector.heartbeat(at(beat * 250), &[beat, 4]);
        }
        assert_eq!(detector.suspicion(at(3_000)), None);
        assert_eq!(detector.suspicion(at(3_001)), Some(Suspicion::CoreStuck(1)));
        // Once it goes on, so does the suspicion.
        detector.heartbeat(at(3_250), &[13, 5]);
        assert_eq!(detector.suspicion(at(3_251)), None);
    }

    #[test]
    fn a_core_that_is_no_longer_named_is_stuck() {
        let mut detector = detector();
        beats(&mut detector, 0, 1_000);
        for beat in 5..=13 {
            detector.heartbeat(at(beat * 250), &[beat]);
        }
        assert_eq!(detector.suspicion(at(3_250)), Some(Suspicion::CoreStuck(1)));
    }

    #[test]
    fn no_heartbeat_names_more_cores_than_are_kept() {
        let mut detector = detector();
        detector.heartbeat(at(0), &[1; 1_000]);
        assert_eq!(detector.progress.cores.len(), PROGRESS_CORES_MAX);
    }

    #[test]
    fn a_peer_that_is_about_to_stop_is_suspected_only_if_its_connection_ends() {
        let mut detector = detector();
        detector.sent(at(0), &to(10));
        detector.stop_called(at(1_000));
        assert_eq!(detector.suspicion(at(60_999)), None);
        assert_eq!(detector.next_look(), Some(Now(Duration::from_secs(61) + Duration::from_nanos(1))));
        let mut ended = detector.clone();
        ended.closed();
        assert_eq!(ended.suspicion(at(1_001)), Some(Suspicion::Closed));
        assert_eq!(detector.suspicion(at(61_001)), Some(Suspicion::Silent));
    }

    #[test]
    fn a_stop_that_was_given_up_hides_no_silence() {
        let mut detector = detector();
        detector.stop_called(at(1_000));
        detector.stop_given_up(at(9_000));
        assert_eq!(detector.suspicion(at(11_000)), None);
        assert_eq!(detector.suspicion(at(11_001)), Some(Suspicion::Silent));
        // Said without a stop before, it is not even a sign of life.
        detector.stop_given_up(at(11_001));
        assert_eq!(detector.suspicion(at(11_001)), Some(Suspicion::Silent));
    }

    #[test]
    fn what_speaks_and_does_not_confirm_lags() {
        let mut detector = detector();
        detector.sent(at(0), &to(10));
        beats(&mut detector, 0, 31_000);
        assert_eq!(detector.suspicion(at(30_000)), None);
        assert_eq!(detector.suspicion(at(30_001)), Some(Suspicion::Lagging));
        detector.confirmed(at(30_002), &to(9));
        assert_eq!(detector.suspicion(at(30_003)), Some(Suspicion::Lagging));
        detector.confirmed(at(30_004), &to(10));
        assert_eq!(detector.suspicion(at(31_000)), None);
    }

    /// A peer that confirms steadily, always so late: it is suspected if that is more than the timeout, and never if it is less.
    #[test]
    fn a_steady_lag_is_measured() {
        let caught_after = |lag_ms: u64| {
            let mut detector = detector();
            for now in (0..120_000).step_by(250) {
                detector.heartbeat(at(now), &[now, now]);
                detector.sent(at(now), &to(now + 1));
                if detector.suspicion(at(now)) == Some(Suspicion::Lagging) {
                    return Some(now);
                }
                if now >= lag_ms {
                    detector.confirmed(at(now), &to(now - lag_ms + 1));
                }
                assert!(detector.lag.marks.len() <= LAG_MARKS_MAX);
            }
            None
        };
        assert_eq!(caught_after(0), None);
        assert_eq!(caught_after(29_750), None);
        assert_eq!(caught_after(30_250), Some(30_250));
        assert_eq!(caught_after(60_000), Some(30_250));
    }

    /// A lag that begins in the middle is noticed after the timeout, and at most a part of it later.
    #[test]
    fn a_lag_that_begins_later_is_noticed_in_time() {
        for stops_at in (1_000..40_000).step_by(500) {
            let mut detector = detector();
            let mut noticed = None;
            for now in (0..120_000).step_by(250) {
                detector.heartbeat(at(now), &[now, now]);
                detector.sent(at(now), &to(now + 1));
                let lag = if now < stops_at { 5_000 } else { 5_000 + now - stops_at };
                detector.confirmed(at(now), &to((now + 1).saturating_sub(lag)));
                if noticed.is_none() && detector.suspicion(at(now)).is_some() {
                    noticed = Some(now);
                }
            }
            // The first byte that is never confirmed was sent 5 s before, or at the beginning.
            let sent = stops_at.saturating_sub(5_000);
            let noticed = noticed.unwrap();
            assert!(noticed > sent + 30_000 && noticed <= sent + 30_000 + 7_500 + 500, "{stops_at}: {noticed}");
        }
    }

    #[test]
    fn looking_when_told_misses_nothing_and_looks_at_nothing_twice() {
        let mut detector = detector();
        detector.heartbeat(at(100), &[1, 1]);
        detector.sent(at(100), &to(1));
        let next = detector.next_look().unwrap();
        assert_eq!(detector.suspicion(Now(next.0 - Duration::from_nanos(1))), None);
        assert_eq!(detector.suspicion(next), Some(Suspicion::Silent));
        beats(&mut detector, 500, 31_000);
        let next = detector.next_look().unwrap();
        assert_eq!(detector.suspicion(Now(next.0 - Duration::from_nanos(1))), None);
        assert_eq!(detector.suspicion(next), Some(Suspicion::Lagging));
    }

    #[test]
    fn the_round_trip_is_smoothed_and_a_slow_link_told_once() {
        let mut detector = detector();
        let max = Duration::from_millis(10);
        assert_eq!(detector.round_trip(), None);
        assert!(!detector.slow_link(max));
        // The peer held the stamp until its next heartbeat.
        detector.echoed(at(252), at(0), Duration::from_millis(250));
        assert_eq!(detector.round_trip(), Some(Duration::from_millis(2)));
        assert!(!detector.slow_link(max));
        for _ in 0..50 {
            detector.echoed(at(50), at(0), Duration::ZERO);
        }
        assert!(detector.round_trip().unwrap() > Duration::from_millis(45));
        assert!(detector.slow_link(max));
        assert!(!detector.slow_link(max));
        for _ in 0..50 {
            detector.echoed(at(1), at(0), Duration::ZERO);
        }
        assert!(!detector.slow_link(max));
        for _ in 0..50 {
            detector.echoed(at(50), at(0), Duration::ZERO);
        }
        assert!(detector.slow_link(max));
    }

    #[test]
    fn an_isolated_active_hands_over_only_to_a_healthy_replica() {
        use Network::{Healthy, Isolated, Unchecked};
        assert_eq!(when_isolated(true, None, Healthy), WhenIsolated::HandOver);
        assert_eq!(when_isolated(true, None, Unchecked), WhenIsolated::HandOver);
        assert_eq!(when_isolated(true, None, Isolated), WhenIsolated::Suspend);
        assert_eq!(when_isolated(false, None, Healthy), WhenIsolated::Suspend);
        assert_eq!(when_isolated(true, Some(Suspicion::Lagging), Healthy), WhenIsolated::Suspend);
    }
}

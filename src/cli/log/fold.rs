//! Repeated events are counted, not repeated.
//!
//! Takes: events with the time since the log began. Gives: what is to be written now. Must stay true: the first of a
//! kind is written at once, nothing is lost without being counted, and at most [`OPEN_MAX`] kinds are remembered.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use super::line::Told;

/// How long the same event stays silent after it was written.
const WINDOW: Duration = Duration::from_secs(10);

/// How many different events are watched at once.
const OPEN_MAX: usize = 64;

/// A line to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) at: SystemTime,
    pub(super) told: Told,
    /// If the line sums up: how often it happened again since it was written, and within which time.
    pub(super) repeated: Option<(u64, Duration)>,
}

/// An event that was written and is now only counted.
#[derive(Debug)]
struct Open {
    told: Told,
    since: Duration,
    last: Duration,
    again: u64,
}

/// The events of the last seconds, oldest first.
#[derive(Debug, Default)]
pub(super) struct Fold {
    open: VecDeque<Open>,
}

impl Fold {
    /// One event.
    pub(super) fn take(&mut self, now: Duration, at: SystemTime, told: Told) -> Vec<Said> {
        let mut said = self.expire(now, at);
        if let Some(open) = self.open.iter_mut().find(|open| open.told == told) {
            open.again += 1;
            open.last = now;
            return said;
        }
        if self.open.len() >= OPEN_MAX {
            said.extend(self.open.pop_front().and_then(|open| sum(open, at)));
        }
        self.open.push_back(Open { told: told.clone(), since: now, last: now, again: 0 });
        said.push(Said { at, told, repeated: None });
        said
    }

    /// The sums that are due.
    pub(super) fn expire(&mut self, now: Duration, at: SystemTime) -> Vec<Said> {
        let mut said = Vec::new();
        while self.open.front().is_some_and(|open| now.saturating_sub(open.since) >= WINDOW) {
            said.extend(self.open.pop_front().and_then(|open| sum(open, at)));
        }
        said
    }

    /// When the next sum is due; none while nothing has happened again.
    pub(super) fn due(&self) -> Option<Duration> {
        self.open.iter().find(|open| open.again > 0).map(|open| open.since + WINDOW)
    }

    /// All sums: the log ends.
    pub(super) fn close(&mut self, at: SystemTime) -> Vec<Said> {
        self.open.drain(..).filter_map(|open| sum(open, at)).collect()
    }
}

fn sum(open: Open, at: SystemTime) -> Option<Said> {
    let over = open.last.saturating_sub(open.since);
    (open.again > 0).then_some(Said { at, told: open.told, repeated: Some((open.again, over)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> Told {
        Told { message: message.to_owned(), ..Told::default() }
    }

    /// Feeds (second, message) and gives what was written: the message, with its count if it sums up.
    fn check(fed: &[(u64, &str)], expected: &[&str]) {
        let mut fold = Fold::default();
        let mut written = Vec::new();
        for (second, message) in fed {
            written.extend(fold.take(Duration::from_secs(*second), SystemTime::UNIX_EPOCH, told(message)));
        }
        written.extend(fold.close(SystemTime::UNIX_EPOCH));
        let written: Vec<String> = written
            .into_iter()
            .map(|said| match said.repeated {
                None => said.told.message,
                Some((again, over)) => format!("{} +{again} in {}", said.told.message, over.as_secs()),
            })
            .collect();
        assert_eq!(written, expected, "{fed:?}");
    }

    #[test]
    fn different_events_pass() {
        check(&[(0, "a"), (0, "b"), (1, "c")], &["a", "b", "c"]);
    }

    #[test]
    fn the_same_event_is_counted_within_its_window() {
        check(&[(0, "a"), (1, "a"), (2, "b"), (3, "a")], &["a", "b", "a +2 in 3"]);
        check(&[(0, "a"), (9, "a"), (10, "a"), (11, "a")], &["a", "a +1 in 9", "a", "a +1 in 1"]);
    }

    #[test]
    fn a_sum_is_due_only_where_something_has_happened_again() {
        let mut fold = Fold::default();
        for (second, message, due) in [(0, "a", None), (1, "b", None), (2, "b", Some(11)), (3, "a", Some(10))] {
            fold.take(Duration::from_secs(second), SystemTime::UNIX_EPOCH, told(message));
            assert_eq!(fold.due().map(|due| due.as_secs()), due, "{message}");
        }
        let now = Duration::from_secs(10);
        assert_eq!((fold.expire(now, SystemTime::UNIX_EPOCH).len(), fold.due()), (1, Some(Duration::from_secs(11))));
    }

    #[test]
    fn a_flood_of_different_events_keeps_the_bound_and_loses_no_count() {
        let mut fold = Fold::default();
        let mut written = 0;
        for n in 0..1000 {
            for _ in 0..2 {
                written += fold
                    .take(Duration::ZERO, SystemTime::UNIX_EPOCH, told(&n.to_string()))
                    .iter()
                    .map(|said| said.repeated.map_or(1, |(again, _)| again))
                    .sum::<u64>();
            }
            assert!(fold.open.len() <= OPEN_MAX);
        }
        written +=
            fold.close(SystemTime::UNIX_EPOCH).iter().filter_map(|said| said.repeated).map(|sum| sum.0).sum::<u64>();
        assert_eq!(written, 2000);
    }
}

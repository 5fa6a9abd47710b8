//! P13: what a million messages that wait take of memory. Counted from where the hot window is full, which is as large for any number.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::Plan;
use crate::goals::figures::Told;
use crate::goals::launch::Launched;
use crate::goals::verdict::{Bound, Verdict};
use crate::load::{self, Glimpse, Length, Pace};
use crate::measure::process::Usage;
use crate::targets::Protocol;

/// More than the hot window holds as it comes: 256 MiB of bodies of 1 KiB.
const WINDOW_FULL: u64 = 280_000;
/// Connections and messages in flight on each, to fill a queue.
const FILL: (u32, u32) = (4, 256);
const MIB: f64 = 1_048_576.0;
/// Memory that did not move for so long will not.
const QUIET: Duration = Duration::from_secs(2);
const QUIET_WITHIN: Duration = Duration::from_secs(60);

/// Fills the queue and judges what it took.
pub(super) fn judge(
    plan: &Plan<'_>,
    running: &Launched,
    told: Told<'_>,
) -> Result<Result<Vec<Verdict>, String>, String> {
    let first = WINDOW_FULL.min(plan.queued / 2);
    let empty = resting(running)?;
    fill(plan, running, first, told)?;
    let window = resting(running)?;
    fill(plan, running, plan.queued - first, told)?;
    let full = resting(running)?;
    Ok(Ok(vec![verdict(plan.queued, first, [empty, window, full])]))
}

fn verdict(queued: u64, first: u64, [empty, window, full]: [u64; 3]) -> Verdict {
    let mib = |bytes: u64| bytes as f64 / MIB;
    let million = full.saturating_sub(window) as f64 / queued.saturating_sub(first).max(1) as f64 * 1e6 / MIB;
    Verdict {
        id: "P13".to_owned(),
        what: format!("memory for a million messages beyond the hot window, from {first} to {queued} queued"),
        value: million,
        unit: "MiB".to_owned(),
        limit: None,
        ratio: million,
        gate: Bound::AtMost(64.0),
        moonshot: Some(Bound::AtMost(24.0)),
        note: format!(
            "{:.1} MiB with none, {:.1} with {first}, {:.1} with {queued}: the hot window of 256 MiB is part of the second",
            mib(empty),
            mib(window),
            mib(full)
        ),
    }
}

/// Memory once it stays as it is.
fn resting(running: &Launched) -> Result<u64, String> {
    let begun = Instant::now();
    let mut last = Usage::of(&[running.pid()])?.resident_bytes;
    loop {
        std::thread::sleep(QUIET);
        let now = Usage::of(&[running.pid()])?.resident_bytes;
        if now == last || begun.elapsed() > QUIET_WITHIN {
            return Ok(now);
        }
        last = now;
    }
}

/// Sends so many messages of 1 KiB and waits for all acks.
fn fill(plan: &Plan<'_>, running: &Launched, messages: u64, told: Told<'_>) -> Result<(), String> {
    let (connections, window) = FILL;
    let load = load::Plan {
        queue: plan.place.queue.clone(),
        makes_queues: false,
        connections,
        window,
        pace: Pace::Closed,
        length: Length::Messages(messages.max(1)),
        ..load::Plan::new(&format!("127.0.0.1:{}", running.port), Protocol::Core)
    };
    let mut tenth = 0;
    let mut watch = |glimpse: Glimpse| {
        let now = glimpse.acked * 10 / messages.max(1);
        if now > tenth {
            tenth = now;
            told(&format!("filling the queue: {} of {messages} messages", glimpse.acked));
        }
    };
    load::run(&load, &mut watch, &AtomicBool::new(false)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_beyond_the_window_counts() {
        let mib = 1 << 20;
        let judged = verdict(1_280_000, 280_000, [10 * mib, 276 * mib, 308 * mib]);
        assert!((judged.value - 32.0).abs() < 1e-9 && judged.holds(), "{judged}");
        assert!(!verdict(1_280_000, 280_000, [10 * mib, 276 * mib, 376 * mib]).holds());
    }
}

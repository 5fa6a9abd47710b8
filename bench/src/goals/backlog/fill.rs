//! P13: what a million messages that wait take of memory. Counted from where the hot window is full, which is as large for any number.

use std::sync::atomic::AtomicBool;

use super::Plan;
use crate::footprint;
use crate::goals::figures::Told;
use crate::goals::launch::Launched;
use crate::goals::verdict::{Bound, Verdict};
use crate::load;
use crate::result::schema::Level;
use crate::targets::Protocol;

const MIB: f64 = 1_048_576.0;

/// Fills the queue and judges what it took.
pub(super) fn judge(
    plan: &Plan<'_>,
    running: &Launched,
    told: Told<'_>,
) -> Result<Result<Vec<Verdict>, String>, String> {
    let base = load::Plan {
        queue: plan.place.queue.clone(),
        makes_queues: false,
        pids: vec![running.pid()],
        ..load::Plan::new(&format!("127.0.0.1:{}", running.port), Protocol::Core)
    };
    let levels = footprint::levels(&base, plan.queued, told, &AtomicBool::new(false))?;
    Ok(Ok(vec![verdict(levels)]))
}

fn verdict([empty, window, full]: [Level; 3]) -> Verdict {
    let mib = |level: Level| level.resident_bytes as f64 / MIB;
    let (first, queued) = (window.count, full.count);
    let million = (mib(full) - mib(window)).max(0.0) / queued.saturating_sub(first).max(1) as f64 * 1e6;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_beyond_the_window_counts() {
        let level = |count, mib: u64| Level { count, resident_bytes: mib << 20 };
        let judged = verdict([level(0, 10), level(280_000, 276), level(1_280_000, 308)]);
        assert!((judged.value - 32.0).abs() < 1e-9 && judged.holds(), "{judged}");
        assert!(!verdict([level(0, 10), level(280_000, 276), level(1_280_000, 376)]).holds());
    }
}

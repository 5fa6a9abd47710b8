//! P14: what a broker takes that has nothing to do. Counts, so that a busy machine changes nothing.

use std::time::{Duration, Instant};

use super::verdict::{Bound, Verdict};
use crate::measure::process::Usage;
use crate::targets::{Place, Running, Target};

/// So long is counted, after a whole window in which nothing changed.
const WINDOW: Duration = Duration::from_secs(5);
/// Segments are filled and repetitions in the log summed up by then.
const QUIET_WITHIN: Duration = Duration::from_secs(120);
const MIB: f64 = 1_048_576.0;

/// Judges a broker of so many data cores, on a store that was created before.
///
/// # Errors
///
/// It does not start, or never becomes quiet.
pub fn judge(target: &dyn Target, place: &Place, cores: u32) -> Result<Vec<Verdict>, String> {
    let mut settings = place.settings.clone();
    settings.push(format!("journal-lanes={cores}"));
    let place = Place { settings, ..place.clone() };
    target.start(&place)?.stop()?;
    let running = target.start(&place)?;
    let verdicts = settled(&running).map(|(resident, woken)| {
        let verdict = |what: &str, value: f64, unit: &str, gate: f64, moonshot: f64| Verdict {
            id: "P14".to_owned(),
            what: format!("{what}, {cores} data core(s)"),
            value,
            unit: unit.to_owned(),
            limit: None,
            ratio: value,
            gate: Bound::AtMost(gate),
            moonshot: Some(Bound::AtMost(moonshot)),
            note: String::new(),
        };
        vec![
            verdict("memory", resident as f64 / MIB, "MiB", 16.0, 8.0),
            // Fewer than five.
            verdict("wake-ups", woken / f64::from(cores.max(1)), "a second and core", 4.99, 0.0),
        ]
    });
    running.stop()?;
    verdicts
}

/// Memory, and wake-ups in a second, of all threads together, once memory stays as it is.
pub(super) fn settled(running: &Running) -> Result<(u64, f64), String> {
    let begun = Instant::now();
    let mut before = Usage::of(&running.pids())?;
    loop {
        std::thread::sleep(WINDOW);
        let now = Usage::of(&running.pids())?;
        let woken = now.since(&before).voluntary_switches as f64 / WINDOW.as_secs_f64();
        let is_still = now.resident_bytes == before.resident_bytes && now.written_bytes == before.written_bytes;
        if is_still && (woken < 1.0 || begun.elapsed() > QUIET_WITHIN / 2) {
            return Ok((now.resident_bytes, woken));
        }
        if begun.elapsed() > QUIET_WITHIN {
            return Err(format!("the broker is not quiet within {QUIET_WITHIN:?}: {before:?}, then {now:?}"));
        }
        before = now;
    }
}

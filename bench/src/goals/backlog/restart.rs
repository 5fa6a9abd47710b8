//! P16: from kill -9 to the first durable ack of the next process, with the queue as long as it is.
//!
//! The limit is what nobody can do without: the start of a bare program, and the bytes that this start had to read (the index checkpoint
//! and what lies behind it) at the disk's bandwidth, both measured in the same round.

use std::time::Instant;

use super::{Plan, bandwidth};
use crate::goals::figures::{Told, milliseconds, note, of};
use crate::goals::launch::{Launched, bare};
use crate::goals::verdict::{Bound, Verdict};

const LIMIT_RATIO: f64 = 1.5;
const WHOLE_MS: f64 = 1_000.0;

/// Judges it; `running` is the broker that filled the queue, and then the last one.
pub(super) fn judge(plan: &Plan<'_>, running: &mut Option<Launched>, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    let (mut took, mut limits, mut ratios, mut read, mut ready) = (Vec::new(), Vec::new(), Vec::new(), 0, Vec::new());
    for round in 0..plan.rounds {
        told(&format!("kill -9 and the first ack: round {} of {}", round + 1, plan.rounds));
        let bytes_a_second = bandwidth(&plan.place)?;
        let exec = bare()?;
        let Some(old) = running.take() else { return Err("the broker that was to be killed is gone".to_owned()) };
        let begun = Instant::now();
        old.kill()?;
        let new = Launched::start(plan.target, &plan.place)?;
        new.acked(&plan.place.queue)?;
        let acked = milliseconds(begun.elapsed());
        let limit = milliseconds(exec) + new.recovered.bytes as f64 / bytes_a_second * 1e3;
        took.push(acked);
        limits.push(limit);
        ratios.push(acked / limit);
        ready.push(milliseconds(new.ready));
        read = new.recovered.bytes;
        *running = Some(new);
    }
    let (took, limit, ratio) = (of(&took)?, of(&limits)?, of(&ratios)?);
    let verdict =
        |what: &str, limit: Option<f64>, ratio: f64, gate: f64, moonshot: Option<f64>, note: String| Verdict {
            id: "P16".to_owned(),
            what: format!("kill -9 to the first durable ack with {} queued, {what}", plan.queued),
            value: took.median,
            unit: "ms".to_owned(),
            limit,
            ratio,
            gate: Bound::AtMost(gate),
            moonshot: moonshot.map(Bound::AtMost),
            note,
        };
    let read =
        format!("{}; it read {read} bytes and was ready {:.0} ms after its start", note(ratio, 0), of(&ready)?.median);
    Ok(vec![
        verdict("against a bare program that reads as much", Some(limit.median), ratio.median, LIMIT_RATIO, None, read),
        verdict("in all", None, took.median, WHOLE_MS, Some(150.0), note(took, 0)),
    ])
}

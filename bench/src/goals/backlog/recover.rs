//! P15: how fast a start reads a journal that it has to read as a whole, against the disk's bandwidth for the same bytes.
//!
//! The index checkpoints are taken away before each start, so that there is nothing to go by. The bandwidth is that of direct reads of the same
//! segments, before and behind each start.

use super::{Plan, bandwidth, files};
use crate::goals::figures::{Told, note, of};
use crate::goals::launch::Launched;
use crate::goals::verdict::{Bound, Verdict};

const MIB: f64 = 1_048_576.0;
/// A store that a rate can be told from.
const BYTES_MIN: u64 = 1 << 30;

/// Judges it, on a store that nobody has open.
pub(super) fn judge(plan: &Plan<'_>, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    let (mut rates, mut limits, mut ratios, mut bytes, mut records) = (Vec::new(), Vec::new(), Vec::new(), 0, 0);
    for round in 0..plan.rounds {
        told(&format!("reading the whole journal: round {} of {}", round + 1, plan.rounds));
        let before = bandwidth(&plan.place)?;
        for checkpoint in files(&plan.place.directory.join("data/journal"), |name| name.starts_with("c00-"))? {
            std::fs::remove_file(&checkpoint).map_err(|error| format!("{}: {error}", checkpoint.display()))?;
        }
        let broker = Launched::start(plan.target, &plan.place)?;
        let recovered = broker.recovered;
        broker.kill()?;
        let limit = f64::midpoint(before, bandwidth(&plan.place)?);
        if recovered.records < plan.queued {
            return Err(format!("a start without checkpoint gave {recovered:?} of {} messages", plan.queued));
        }
        let rate = recovered.bytes as f64 / recovered.seconds.max(1e-9);
        rates.push(rate / MIB);
        limits.push(limit / MIB);
        ratios.push(rate / limit);
        (bytes, records) = (recovered.bytes, recovered.records);
    }
    let (rate, limit, ratio) = (of(&rates)?, of(&limits)?, of(&ratios)?);
    let mut note = format!("{}; {records} records, {bytes} bytes", note(ratio, 0));
    if bytes < BYTES_MIN {
        note += ", less than the GiB that the goal is about";
    }
    Ok(vec![Verdict {
        id: "P15".to_owned(),
        what: "a start that reads the whole journal".to_owned(),
        value: rate.median,
        unit: "MiB/s".to_owned(),
        limit: Some(limit.median),
        ratio: ratio.median,
        gate: Bound::AtLeast(0.7),
        moonshot: Some(Bound::AtLeast(0.9)),
        note,
    }])
}

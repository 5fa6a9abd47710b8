//! P06: what the device is asked for, by the measurement of `bench prove write-amp` on a disk of its own.

use std::path::Path;

use super::figures::Told;
use super::verdict::{Bound, Verdict};
use crate::prove::write_amp::{Figures, LoopDisk, NoLoopDisk, Plan, Round, measure};

/// All loads of the largest count fit one of these.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Judges it with so many messages one at a time, and what follows from that.
///
/// # Errors
///
/// There is no loop device, or the control was not caught.
pub fn judge(binary: &Path, directory: &Path, count: u64, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    let plan = Plan {
        binary: binary.to_owned(),
        directory: directory.to_owned(),
        count: count.max(1),
        segment_bytes: SEGMENT_BYTES,
    };
    let disk = LoopDisk::new(directory, plan.disk_bytes())
        .map_err(|NoLoopDisk(why)| format!("a loop device is needed, and there is none: {why}"))?;
    let figures = measure(&plan, &disk, &mut |round| told(&round.to_string()))?;
    if !figures.caught() {
        return Err(format!("the control, a file that grows, was not caught: {:?}", figures.controls));
    }
    Ok(verdicts(&figures))
}

fn verdicts(figures: &Figures) -> Vec<Verdict> {
    let faults = figures.faults();
    let alone = figures.rounds.iter().filter(|round| round.window == 1);
    let (mut asked, mut allowed) = (0, 0);
    for round in alone {
        let bare = round.bare.plus(&round.bare_seals);
        asked += round.broker.writes + round.broker.flushes;
        allowed += bare.writes + bare.flushes;
    }
    let worst =
        figures.rounds.iter().filter(|round| round.window > 1).map(Round::amplification).max().unwrap_or(u64::MAX);
    let verdict =
        |what: &str, value: f64, unit: &str, limit: Option<f64>, ratio: f64, gate: f64, moonshot: f64, note| Verdict {
            id: "P06".to_owned(),
            what: what.to_owned(),
            value,
            unit: unit.to_owned(),
            limit,
            ratio,
            gate: Bound::AtMost(gate),
            moonshot: Some(Bound::AtMost(moonshot)),
            note,
        };
    let exact = "writes, sectors and flushes are each compared: any difference is a fault".to_owned();
    vec![
        verdict(
            "device writes and flushes, one message a group",
            asked as f64,
            "requests",
            Some(allowed as f64),
            asked as f64 / (allowed as f64).max(1.0),
            1.0,
            1.0,
            exact,
        ),
        verdict(
            "faults beside the bare program",
            faults.len() as f64,
            "",
            None,
            faults.len() as f64,
            0.0,
            0.0,
            faults.join("; "),
        ),
        verdict(
            "bytes to the device for a byte of a frame, window 64, the worst of all stores and sizes",
            worst as f64 / 1e3,
            "",
            None,
            worst as f64 / 1e3,
            1.15,
            1.08,
            "caught: a file that grows".to_owned(),
        ),
    ]
}

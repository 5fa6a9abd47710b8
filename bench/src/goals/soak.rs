//! P28: a load on schedule for a long time, in pieces of ten seconds: the worst piece's p99 against the median piece's, and whether memory grows.
//!
//! Each piece opens its connections anew, so that between two of them there is a pause of parts of a second.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::figures::{Told, of};
use super::verdict::{Bound, Verdict};
use crate::load::{self, Changes, Length, Pace, Scenario, Warm};
use crate::targets::{Place, RingMq, Target};

/// A piece.
const PIECE: Duration = Duration::from_secs(10);
/// The share of what a closed loop does.
const SHARE: f64 = 0.6;
const MIB: f64 = 1_048_576.0;

/// Judges it over so many pieces.
///
/// # Errors
///
/// The broker does not start, or refuses the load.
pub fn judge(target: &RingMq, place: &Place, pieces: u32, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    let running = target.start(place)?;
    let base = load::Plan {
        queue: "soak".to_owned(),
        makes_queues: true,
        warm: Warm { least: Duration::ZERO, most: Duration::ZERO },
        length: Length::Time(PIECE),
        ..load::Plan::against(target, &running, "soak")
    };
    let row =
        load::rows(Scenario::S5, &base, Changes::default()).into_iter().next().ok_or("the scenario has no row")?;
    let run = |plan: &load::Plan| load::run(plan, &mut |_| {}, &AtomicBool::new(false));
    told("what a closed loop does");
    let rate = SHARE * run(&row.plan)?.figures.rate();
    let plan = load::Plan { pace: Pace::Constant(rate), ..row.plan };
    let (mut tails, mut memory) = (Vec::new(), Vec::new());
    for piece in 0..pieces {
        let figures = run(&plan)?.figures;
        if figures.overload {
            return Err(format!("{SHARE} of what a closed loop did was too much for the schedule: overload"));
        }
        let p99 = figures.ack.p99.ok_or("too few messages for a p99 in ten seconds")?;
        let resident = figures.target.map_or(0, |usage| usage.resident_bytes) as f64 / MIB;
        told(&format!("piece {} of {pieces}: p99 {p99:.0} us, {resident:.1} MiB", piece + 1));
        tails.push(p99);
        memory.push(resident);
    }
    running.stop()?;
    verdict(&tails, &memory, rate).map(|verdict| vec![verdict])
}

fn verdict(tails: &[f64], memory: &[f64], rate: f64) -> Result<Verdict, String> {
    let spread = of(tails)?;
    // The first half fills what is filled once.
    let later = memory.get(memory.len() / 2..).unwrap_or_default();
    let hours = later.len() as f64 * PIECE.as_secs_f64() / 3_600.0;
    let growth = slope(later) * later.len() as f64 / hours.max(1e-9);
    Ok(Verdict {
        id: "P28".to_owned(),
        what: "p99 of the worst ten seconds against that of the median".to_owned(),
        value: spread.max,
        unit: "us".to_owned(),
        limit: Some(spread.median),
        ratio: spread.max / spread.median,
        gate: Bound::AtMost(3.0),
        moonshot: Some(Bound::AtMost(1.5)),
        note: format!(
            "{} pieces of ten seconds at {rate:.0} messages a second; memory grew by {growth:.2} MiB an hour in the second half, to {:.1} MiB",
            spread.n,
            memory.last().copied().unwrap_or(f64::NAN)
        ),
    })
}

/// How much the values grow from one to the next, by least squares.
fn slope(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let (mean_at, mean) = ((n - 1.0) / 2.0, values.iter().sum::<f64>() / n.max(1.0));
    let (mut up, mut across) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let from_mean = at as f64 - mean_at;
        up += from_mean * (value - mean);
        across += from_mean * from_mean;
    }
    if across > 0.0 { up / across } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_piece_and_the_growth_of_the_second_half_are_told() {
        let memory: Vec<f64> =
            (0..100).map(|at| if at < 50 { f64::from(at) * 10.0 } else { 500.0 + f64::from(at) }).collect();
        let mut tails = vec![100.0; 99];
        tails.push(290.0);
        let judged = verdict(&tails, &memory, 1.0).unwrap();
        assert!((judged.ratio - 2.9).abs() < 1e-9 && judged.holds(), "{judged}");
        assert!(judged.note.contains("grew by 360.00 MiB an hour"), "{}", judged.note);
        assert_eq!(slope(&[7.0]), 0.0);
    }
}

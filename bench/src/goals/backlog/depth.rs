//! P10: publishing into a queue as long as it is, against publishing into an empty one, on two brokers in turns.
//!
//! Both get as many messages in each round; what the empty queue got is taken away behind the round. Processor time is judged as the median of
//! the rounds' ratios; device writes as the ratio of the least of each, since the counters are the device's and others only add to them.
//! Instructions are counted apart, on one core in a loop (`crate::goals::instructions`).

use std::sync::atomic::AtomicBool;

use super::Plan;
use crate::goals::figures::{Told, note, of};
use crate::goals::instructions;
use crate::goals::verdict::{Bound, Verdict};
use crate::load::{self, Length, Pace, Row, Scenario, Subject};
use crate::result::schema::Figures;
use crate::targets::{Place, Running, Target};

/// Messages of a round: many ticks of the processor's clock.
const MESSAGES: u64 = 50_000;
/// Messages in flight.
const WINDOW: u32 = 64;
const GATE: Bound = Bound::AtMost(1.25);
const MOONSHOT: Bound = Bound::AtMost(1.05);

/// Judges it.
pub(super) fn judge(plan: &Plan<'_>, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    let deep = plan.target.start(&plan.place)?;
    deep.pause();
    let bare = plan.target.start(&plan.bare)?;
    bare.pause();
    let messages = MESSAGES.min(plan.queued.max(1));
    let (mut at_depth, mut at_none) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        told(&format!("publishing with {} queued and with none: round {} of {}", plan.queued, round + 1, plan.rounds));
        for place in 0..2 {
            // Each comes first in every other round.
            if (round + place) % 2 == 0 {
                at_depth.push(one(plan, &plan.place, &deep, false, messages)?);
            } else {
                at_none.push(one(plan, &plan.bare, &bare, true, messages)?);
            }
        }
    }
    deep.stop()?;
    bare.stop()?;
    let mut verdicts = vec![processor(plan, &at_depth, &at_none)?, writes(plan, &at_depth, &at_none)?];
    told("counting instructions at that depth");
    // What cannot be counted is no number, which holds nothing; the others are told all the same.
    let ([deep, none], note) = match instructions::at_depths([plan.queued, 0]) {
        Ok(counted) => (
            counted,
            "callgrind on one core in a loop, groups of 64, from one writing of the index to the next".to_owned(),
        ),
        Err(why) => ([f64::NAN; 2], why),
    };
    verdicts.push(verdict(plan, "instructions", "", deep, none, deep / none, note));
    Ok(verdicts)
}

/// So many messages into the queue of a broker; gives the figures.
fn one(plan: &Plan<'_>, place: &Place, running: &Running, makes_queue: bool, messages: u64) -> Result<Figures, String> {
    running.resume();
    let base = load::Plan::against(plan.target, running, &place.queue);
    let queue = if makes_queue { format!("{}-empty", place.queue) } else { place.queue.clone() };
    let load = load::Plan {
        window: WINDOW,
        pace: Pace::Closed,
        length: Length::Messages(messages),
        queue,
        makes_queues: makes_queue,
        ..base
    };
    let row = Row { plan: load, depth: 0, share: None, drains: false };
    let subject = Subject::of(plan.target, Scenario::S3)?;
    let done = load::perform(&row, &subject, &mut |_| {}, &AtomicBool::new(false));
    running.pause();
    let figures = done?.into_iter().next().map(|done| done.round.figures);
    figures.ok_or_else(|| "a load gave no round".to_owned())
}

fn processor(plan: &Plan<'_>, at_depth: &[Figures], at_none: &[Figures]) -> Result<Verdict, String> {
    let cost = |all: &[Figures]| all.iter().filter_map(Figures::target_us_per_message).collect::<Vec<f64>>();
    let (deep, none) = (cost(at_depth), cost(at_none));
    let ratios: Vec<f64> = deep.iter().zip(&none).map(|(deep, none)| deep / none).collect();
    let p99 = |all: &[Figures]| {
        let values: Vec<f64> = all.iter().filter_map(|figures| figures.ack.p99).collect();
        of(&values).map_or_else(|_| "unknown".to_owned(), |spread| format!("{:.0} us", spread.median))
    };
    let ratio = of(&ratios)?;
    let note = format!("{}; p99 {} against {}", note(ratio, 0), p99(at_depth), p99(at_none));
    Ok(verdict(plan, "processor time", "us", of(&deep)?.median, of(&none)?.median, ratio.median, note))
}

fn writes(plan: &Plan<'_>, at_depth: &[Figures], at_none: &[Figures]) -> Result<Verdict, String> {
    let each = |all: &[Figures]| {
        let count = |figures: &Figures| figures.per_message(figures.device?.writes);
        of(&all.iter().filter_map(count).collect::<Vec<f64>>())
    };
    let (deep, none) = (each(at_depth)?, each(at_none)?);
    let note = format!(
        "the least of n = {} rounds, since others write too; medians {:.4}, {:.4}",
        deep.n, deep.median, none.median
    );
    Ok(verdict(plan, "device writes", "", deep.min, none.min, deep.min / none.min, note))
}

fn verdict(plan: &Plan<'_>, what: &str, unit: &str, value: f64, limit: f64, ratio: f64, note: String) -> Verdict {
    Verdict {
        id: "P10".to_owned(),
        what: format!("{what} for a message with {} queued against none", plan.queued),
        value,
        unit: unit.to_owned(),
        limit: Some(limit),
        ratio,
        gate: GATE,
        moonshot: Some(MOONSHOT),
        note,
    }
}

//! P11: many queues against one. Processor time on two brokers in turns; how fast queues are made; what memory one takes.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::figures::{Told, note, of};
use super::idle::settled;
use super::verdict::{Bound, Verdict};
use crate::load::speech::make_queues;
use crate::load::{self, Length, Pace};
use crate::result::schema::Figures;
use crate::targets::{Place, RingMq, Running, Target};

/// Messages of a round: many ticks of the processor's clock.
const MESSAGES: u64 = 50_000;
/// Messages in flight.
const WINDOW: u32 = 64;

/// What is measured.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The broker.
    pub target: &'a RingMq,
    /// Empty places for the store with many queues and the one with one.
    pub places: [Place; 2],
    /// How many are many.
    pub queues: u32,
    /// How often.
    pub rounds: u32,
}

/// Judges it.
///
/// # Errors
///
/// A broker does not start, or refuses queues or messages.
pub fn judge(plan: &Plan<'_>, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    let [many_place, one_place] = &plan.places;
    let many = plan.target.start(many_place)?;
    let mut verdicts = made(plan, &many, told)?;
    many.pause();
    let one = plan.target.start(one_place)?;
    one.pause();
    let (mut of_many, mut of_one) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        told(&format!("publishing to {} queues and to one: round {} of {}", plan.queues, round + 1, plan.rounds));
        for place in 0..2 {
            // Each comes first in every other round.
            if (round + place) % 2 == 0 {
                of_many.push(published(plan, &many, plan.queues)?);
            } else {
                of_one.push(published(plan, &one, 1)?);
            }
        }
    }
    many.stop()?;
    one.stop()?;
    verdicts.insert(0, processor(plan, &of_many, &of_one)?);
    Ok(verdicts)
}

fn load_of(plan: &Plan<'_>, running: &Running, queues: u32) -> load::Plan {
    load::Plan {
        queues,
        window: WINDOW,
        pace: Pace::Closed,
        length: Length::Messages(MESSAGES),
        ..load::Plan::against(plan.target, running, "queues")
    }
}

/// The making of the queues, and what memory they take once it stays as it is.
fn made(plan: &Plan<'_>, running: &Running, told: Told<'_>) -> Result<Vec<Verdict>, String> {
    told(&format!("making {} queues", plan.queues));
    let (before, _) = settled(running)?;
    let load = load_of(plan, running, plan.queues);
    let begun = Instant::now();
    make_queues(load.protocol, &load.address, "goal-queues", &load.message())?;
    let rate = f64::from(plan.queues) / begun.elapsed().as_secs_f64().max(1e-9);
    let (after, _) = settled(running)?;
    let each = after.saturating_sub(before) as f64 / f64::from(plan.queues.max(1));
    let verdict = |what: &str, value: f64, unit: &str, gate: Bound, moonshot: Bound| Verdict {
        id: "P11".to_owned(),
        what: what.to_owned(),
        value,
        unit: unit.to_owned(),
        limit: None,
        ratio: value,
        gate,
        moonshot: Some(moonshot),
        note: format!("{} queues, each with its address, 64 asked for at a time on one connection", plan.queues),
    };
    Ok(vec![
        verdict("queues made", rate, "/s", Bound::AtLeast(10_000.0), Bound::AtLeast(50_000.0)),
        verdict("memory for a queue", each, "bytes", Bound::AtMost(4096.0), Bound::AtMost(1024.0)),
    ])
}

fn published(plan: &Plan<'_>, running: &Running, queues: u32) -> Result<Figures, String> {
    running.resume();
    // The queues stay: those that are there already are as good.
    let load = load::Plan { makes_queues: true, ..load_of(plan, running, queues) };
    let outcome = load::run(&load, &mut |_| {}, &AtomicBool::new(false));
    running.pause();
    outcome.map(|outcome| outcome.figures)
}

fn processor(plan: &Plan<'_>, of_many: &[Figures], of_one: &[Figures]) -> Result<Verdict, String> {
    let cost = |all: &[Figures]| all.iter().filter_map(Figures::target_us_per_message).collect::<Vec<f64>>();
    let (many, one) = (cost(of_many), cost(of_one));
    let ratio = of(&many.iter().zip(&one).map(|(many, one)| many / one).collect::<Vec<f64>>())?;
    Ok(Verdict {
        id: "P11".to_owned(),
        what: format!("processor time for a message with {} queues against one", plan.queues),
        value: of(&many)?.median,
        unit: "us".to_owned(),
        limit: Some(of(&one)?.median),
        ratio: ratio.median,
        gate: Bound::AtMost(1.25),
        moonshot: Some(Bound::AtMost(1.10)),
        note: note(ratio, 0),
    })
}

//! `bench prove kill9`: the kill loop in rounds, its control, and the line in the ledger.

use bench::prove::kill9::{CYCLES_PER_ROUND, Figures, Plan, control, round};
use bench::prove::parts;
use clap::Args;

use super::Common;
use super::opening::{Broker, Lanes, Opening, Outcome};

/// The share of cycles that must have had load and something in flight.
const LOADED_PERCENT_MIN: u64 = 90;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    broker: Broker,
    #[command(flatten)]
    lanes: Lanes,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker, lanes } = arguments;
    let opening = Opening::of("kill9", common)?;
    let plan = Plan {
        binary: broker.built()?,
        directory: opening.directory.clone(),
        seed: common.seed,
        lanes: lanes.numbers.clone(),
        settings: Vec::new(),
    };
    let control = opening.control("a broker that answers before the write is submitted", || control_of(&plan))?;
    let mut progress = opening.progress(&format!("lanes {lanes}"))?;
    let rounds = common.count.div_ceil(CYCLES_PER_ROUND);
    let part = |number: u32| {
        let cycles = (common.count - number * CYCLES_PER_ROUND).min(CYCLES_PER_ROUND);
        let figures = round(&plan, number, cycles, |cycle| eprintln!("round {number} of {rounds}, {cycle}"))?;
        tell(&plan, number, &figures);
        Ok(figures)
    };
    let told = &mut |all: &Figures| eprintln!("after {} cycles: {}", all.cycles, all.findings);
    let figures = parts::run(&mut progress, rounds, 1, &part, told)?;
    println!("{figures}");
    let held = figures.findings.is_empty() && figures.loaded_percent() >= LOADED_PERCENT_MIN;
    let note = format!("lanes {lanes}; {}", figures.to_string().lines().nth(1).unwrap_or_default());
    opening.end(Some(progress), Outcome { held, verdict: figures.findings.to_string(), control, note })
}

/// Says what was found in a round, and where its store is.
fn tell(plan: &Plan, number: u32, figures: &Figures) {
    for finding in figures.findings.texts() {
        eprintln!("FOUND in round {number}: {}: {}", finding.kind.word(), finding.text);
    }
    if !figures.findings.is_empty() {
        eprintln!("the store is left in {}", plan.directory.join(format!("round-{number}")).display());
    }
}

/// Runs the control: how it was caught.
fn control_of(plan: &Plan) -> Result<String, String> {
    let caught = control(&Plan { directory: plan.directory.join("control"), ..plan.clone() })?;
    Ok(format!("caught after {} cycles: {}", caught.cycles, caught.figures.findings))
}

//! `bench prove power`: the controls, then rounds of power cuts, and the line in the ledger.

use bench::prove::parts;
use bench::prove::power::{CUTS_PER_ROUND, Figures, NoDisk, Plan, available, control, round};
use clap::Args;

use super::Common;
use super::opening::{Broker, Lanes, Opening, Outcome};

/// `--count` is the number of power cuts under load.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    broker: Broker,
    /// Moments within each life whose state of the disk is looked at too
    #[arg(long, value_name = "N", default_value_t = 10)]
    points: u32,
    #[command(flatten)]
    lanes: Lanes,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker, points, lanes } = arguments;
    let opening = Opening::of("power", common)?;
    let binary = broker.built()?;
    if let Err(NoDisk(why)) = available() {
        return Err(format!("a recorded disk is needed, and there is none: {why}"));
    }
    let plan = Plan {
        binary,
        directory: opening.directory.clone(),
        seed: common.seed,
        lanes: lanes.numbers.clone(),
        points: *points,
        settings: Vec::new(),
        never_flushes: false,
    };
    let what = "a file system that never flushes, a broker that answers early";
    let control = opening.control(what, || control(&plan))?;
    let mut progress = opening.progress(&format!("points {points} lanes {lanes}"))?;
    let rounds = common.count.div_ceil(CUTS_PER_ROUND);
    let part = |number: u32| {
        let cuts = (common.count - number * CUTS_PER_ROUND).min(CUTS_PER_ROUND);
        round(&plan, number, cuts, |text| eprintln!("{text} (of {rounds} rounds)"))
    };
    let told = &mut |all: &Figures| eprintln!("after {} cuts: {}", all.cuts, all.findings);
    let figures = parts::run(&mut progress, rounds, 1, &part, told)?;
    println!("{figures}");
    let (held, verdict) = (figures.findings.is_empty(), figures.findings.to_string());
    opening.end(Some(progress), Outcome { held, verdict, control, note: format!("lanes {lanes}; ext4; {figures}") })
}

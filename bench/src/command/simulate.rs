//! `bench prove simulate`: the simulator of a pair over many seeds, its mutants first, and the line in the ledger.

use bench::prove::parts;
use bench::prove::simulate::{Figures, SEEDS, controls, day};
use clap::Args;

use super::Common;
use super::opening::{Opening, Outcome};

/// `--count` is the number of pairs, rounded up to whole parts; `--seed` says with which part it begins.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// So many parts at a time
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: u32,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, threads } = arguments;
    let opening = Opening::of("simulate", common)?;
    let control = opening.control("rules and safeguards taken away", controls)?;
    let count = u32::try_from(u64::from(common.count).div_ceil(SEEDS)).map_err(|_| "too many pairs".to_owned())?;
    let mut progress = opening.progress(&format!("pairs of {SEEDS} a part"))?;
    let part = |number: u32| {
        let first = (common.seed + u64::from(number)).wrapping_mul(SEEDS);
        Ok(Figures::of(first..first.wrapping_add(SEEDS)))
    };
    let figures = parts::run(&mut progress, count, *threads, &part, &mut |all: &Figures| eprintln!("so far: {all}"))?;
    let lasted = day(common.seed);
    let held = figures.held() && lasted.is_ok();
    let found = figures.findings.to_string();
    let (verdict, note) = match lasted {
        Ok(text) => (found, format!("{figures}; a day: {text}")),
        Err(text) => (format!("{found}; a day: {text}"), figures.to_string()),
    };
    println!("{note}");
    opening.end(Some(progress), Outcome { held, verdict, control, note })
}

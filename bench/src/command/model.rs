//! `bench prove model`: every variant of the model of a pair, the rules as they are and each of them missing, and the line in the ledger.

use std::fmt::Write as _;

use bench::prove::model::{Figures, Kind, part, variants};
use bench::prove::parts;
use clap::Args;

use super::Common;
use super::opening::{Opening, Outcome};

/// `--count` is how many states each variant may have, in millions.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Only variants whose name contains this; the ledger is left alone then
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// So many threads
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Random walks through each variant that must hold, beside its states
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    walks: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, only, threads, walks } = arguments;
    let opening = Opening::of("model", common)?;
    let opening = if only.is_empty() { opening } else { opening.apart() };
    let states_max = common.count as usize * 1_000_000;
    let control = opening.control("each rule missing", || {
        let mut said = String::new();
        for mutant in variants(Kind::Control, "") {
            let figures = part(mutant, states_max, *threads, 0, common.seed)?;
            if !figures.agrees() {
                return Err(format!("{}: no violation in {} states", mutant.name, figures.states));
            }
            let _infallible = write!(said, "{}{}: {} steps", if said.is_empty() { "" } else { ", " }, mutant.name, figures.steps);
        }
        Ok(format!("caught: {said}"))
    })?;
    let mut progress = opening.progress(&format!("only `{only}` walks {walks}"))?;
    let all: Vec<_> = variants(Kind::Proof, only).collect();
    let count = u32::try_from(all.len()).map_err(|_| "too many variants".to_owned())?;
    let one = |number: u32| {
        let variant = all.get(number as usize).ok_or("no such variant")?;
        part(variant, states_max, *threads, *walks, common.seed)
    };
    let figures = parts::run(&mut progress, count, 1, &one, &mut |all: &Figures| eprintln!("so far: {all}"))?;
    println!("{figures}");
    let verdict = format!("{} of {count} variants are not as they must be", figures.wrong);
    let note = figures.to_string();
    opening.end(Some(progress), Outcome { held: figures.agrees(), verdict, control, note })
}

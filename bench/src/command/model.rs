//! `bench prove model`: the model of a pair within large bounds, its mutants first, and the line in the ledger.

use bench::prove::model::{Extent, Figures, controls, proved};
use bench::prove::parts;
use clap::Args;

use super::Common;
use super::opening::{Opening, Outcome};

/// `--count` is how many states a variant may have, in millions; `--seed` decides the random walks.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// So many threads look at states
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Random walks through each variant that is too large to look at every state
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    walks: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, threads, walks } = arguments;
    let opening = Opening::of("model", common)?;
    let control = opening.control("rules taken away, and where the rules end", controls)?;
    let states_max = usize::try_from(common.count).map_err(|_| "too many states")?.saturating_mul(1_000_000);
    let extent = Extent { states_max, walks: *walks, seed: common.seed, threads: *threads };
    let count = u32::try_from(proved().len()).map_err(|_| "too many variants".to_owned())?;
    let mut progress = opening.progress(&format!("walks {walks} variants {count}"))?;
    let one = |number: u32| Figures::of(number, extent);
    // One variant at a time: the threads are within it, and so is the memory.
    let figures = parts::run(&mut progress, count, 1, &one, &mut |all: &Figures| eprintln!("so far: {all}"))?;
    println!("{figures}");
    let (held, verdict) = (figures.held(), figures.verdict());
    opening.end(Some(progress), Outcome { held, verdict, control, note: figures.to_string() })
}

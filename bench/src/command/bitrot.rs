//! `bench prove bitrot`: the controls, then stores and their flips, and the line in the ledger.

use std::path::PathBuf;

use bench::prove::bitrot::{FLIPS_PER_STORE, Figures, Part, control, part};
use bench::prove::parts;
use clap::Args;

use super::Common;
use super::opening::{Broker, Opening, Outcome, built};

/// `--count` is the number of flips; every thousand of them get a store of their own.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    broker: Broker,
    /// The tool that looks into stores
    #[arg(long, value_name = "FILE", default_value = "target/release/journal-tool")]
    tool: PathBuf,
    /// Of each store, so many flips in each kind of file go through real processes
    #[arg(long, value_name = "N", default_value_t = 1)]
    samples: u32,
    /// So many stores at a time
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: u32,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker, tool, samples, threads } = arguments;
    let opening = Opening::of("bitrot", common)?;
    let first = Part {
        binary: broker.built()?,
        tool: built(tool, "cargo build --release -p tools")?,
        directory: opening.directory.clone(),
        seed: common.seed,
        number: 0,
        flips: 0,
        samples: *samples,
    };
    let control = opening.control("flips that hide themselves, a tail that is gone", || control(&first))?;
    let mut progress = opening.progress(&format!("samples {samples}"))?;
    let stores = common.count.div_ceil(FLIPS_PER_STORE);
    let store = |number: u32| {
        let flips = (common.count - number * FLIPS_PER_STORE).min(FLIPS_PER_STORE);
        let told = &mut |text: &str| eprintln!("{text} (of {stores} stores)");
        part(&Part { number, flips, ..first.clone() }, told)
    };
    let told = &mut |all: &Figures| eprintln!("after {} flips: {}", all.flips(), all.verdict());
    let figures = parts::run(&mut progress, stores, *threads, &store, told)?;
    let missing = figures.missing();
    if !missing.is_empty() {
        println!("not proved, since no store had such files: {}", missing.join(", "));
    }
    println!("{figures}");
    let (held, verdict, note) = (figures.held(), figures.verdict(), figures.to_string());
    opening.end(Some(progress), Outcome { held, verdict, control, note })
}

//! `bench prove reattach`: connections cut at random bytes, the controls, and the line in the ledger.

use bench::prove::parts;
use bench::prove::reattach::{CUTS_PER_ROUND, Figures, Stage, controls, round};
use clap::Args;

use super::Common;
use super::opening::{Broker, Opening, Outcome};

/// `--count` is the number of connections that are cut.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    broker: Broker,
    /// Journal lanes
    #[arg(long, value_name = "N", default_value_t = 4)]
    lanes: u16,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker, lanes } = arguments;
    let opening = Opening::of("reattach", common)?;
    let stage = Stage {
        binary: broker.built()?,
        directory: opening.directory.clone(),
        seed: common.seed,
        lanes: *lanes,
        settings: Vec::new(),
    };
    let control = opening.control("clients that lie about what they have", || controls(&stage))?;
    let mut progress = opening.progress(&format!("lanes {lanes}"))?;
    let rounds = common.count.div_ceil(CUTS_PER_ROUND);
    let part = |number: u32| {
        round(&stage, u64::from(number), u64::from((common.count - number * CUTS_PER_ROUND).min(CUTS_PER_ROUND)))
    };
    let told = &mut |all: &Figures| eprintln!("so far: {all}");
    let found = parts::run(&mut progress, rounds, 1, &part, told);
    let (figures, verdict) = match &found {
        Ok(figures) => (*figures, "lost 0, doubled 0, out of order 0".to_owned()),
        Err(what) => (Figures::default(), what.clone()),
    };
    println!("{figures}");
    let note = format!("lanes {lanes}; confirmation window 1 MiB; {figures}");
    opening.end(Some(progress), Outcome { held: found.is_ok(), verdict, control, note })
}

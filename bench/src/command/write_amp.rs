//! `bench prove write-amp`: what the device is asked for, beside a bare program, and the line in the ledger.

use bench::prove::write_amp::{LoopDisk, NoLoopDisk, Plan, measure};
use clap::Args;

use super::Common;
use super::opening::{Broker, Opening, Outcome};

/// All loads of the largest count fit one of these.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    broker: Broker,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker } = arguments;
    let opening = Opening::of("write-amp", common)?;
    let (binary, directory) = (broker.built()?, opening.directory.clone());
    let plan = Plan { binary, directory, count: u64::from(common.count), segment_bytes: SEGMENT_BYTES };
    let disk = LoopDisk::new(&plan.directory, plan.disk_bytes())
        .map_err(|NoLoopDisk(why)| format!("a loop device is needed, and there is none: {why}"))?;
    let figures = measure(&plan, &disk, &mut |round| println!("{round}"))?;
    drop(disk);
    figures.controls.iter().for_each(|round| println!("control: {round}; the bare program: {}", round.bare));
    let control = opening.control("a file that grows", || {
        if figures.caught() { Ok("caught: a file that grows".to_owned()) } else { Err("a file that grows".to_owned()) }
    })?;
    let faults = figures.faults();
    faults.iter().for_each(|fault| println!("FOUND {fault}"));
    let note = figures.rounds.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let outcome = Outcome { held: faults.is_empty(), verdict: format!("{} faults", faults.len()), control, note };
    opening.end(None, outcome)
}

//! `bench prove write-amp`: what the device is asked for, beside a bare program, and the line in the ledger.

use std::path::PathBuf;

use bench::prove::ledger::{self, Entry};
use bench::prove::write_amp::{LoopDisk, NoLoopDisk, Plan, measure};
use clap::Args;

use super::{Common, top};

/// All loads of the largest count fit one of these.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The broker
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq")]
    broker: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker } = arguments;
    let commit = ledger::commit(&top());
    let binary = broker.canonicalize();
    let binary = binary.map_err(|error| format!("{}: {error} (build it: cargo build --release)", broker.display()))?;
    let directory = common.directory.join("write-amp");
    let plan = Plan { binary, directory, count: u64::from(common.count), segment_bytes: SEGMENT_BYTES };
    let disk = LoopDisk::new(&plan.directory, plan.disk_bytes())
        .map_err(|NoLoopDisk(why)| format!("a loop device is needed, and there is none: {why}"))?;
    let figures = measure(&plan, &disk, &mut |round| println!("{round}"))?;
    drop(disk);
    let faults = figures.faults();
    faults.iter().for_each(|fault| println!("FOUND {fault}"));
    let caught = figures.caught();
    let control = if caught { "caught: a file that grows" } else { "missed: a file that grows" };
    figures.controls.iter().for_each(|round| println!("control: {round}; the bare program: {}", round.bare));
    println!("control {control}");
    let held = faults.is_empty();
    let entry = Entry {
        proof: "write-amp",
        seed: common.seed,
        count: u64::from(common.count),
        commit,
        verdict: format!("{}: {} faults", if held { "held" } else { "failed" }, faults.len()),
        control: control.to_owned(),
        note: figures.rounds.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    if !common.no_ledger {
        ledger::append(&top(), &entry)?;
    }
    Ok(held && caught)
}

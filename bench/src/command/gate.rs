//! `bench gate BASE NEW`: two measurements compared by their counts.

use std::path::PathBuf;

use bench::gate;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What holds: a result.json, or a table of instructions such as bench/icount.tsv
    base: PathBuf,
    /// What is judged, of the same kind
    new: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let (base, new) = (gate::read(&arguments.base)?, gate::read(&arguments.new)?);
    let off = gate::compare(&base, &new);
    for (name, what) in &off {
        println!("{name}: {what}");
    }
    let within = base.len().saturating_sub(off.iter().filter(|(_, what)| !matches!(what, gate::Off::New(_))).count());
    println!("{within} of {} counts are within {:.0} %", base.len(), gate::TOLERANCE * 100.0);
    Ok(off.is_empty())
}

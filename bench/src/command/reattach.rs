//! `bench prove reattach`: connections cut at random bytes, the controls, and the line in the ledger.

use std::path::PathBuf;

use bench::prove::ledger::{self, Entry};
use bench::prove::progress::Progress;
use bench::prove::reattach::{CUTS_PER_ROUND, Figures, Stage, controls, round};
use clap::Args;

use super::{Common, top};

/// `--count` is the number of connections that are cut.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The broker
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq")]
    broker: PathBuf,
    /// Journal lanes
    #[arg(long, value_name = "N", default_value_t = 4)]
    lanes: u16,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker, lanes } = arguments;
    let commit = ledger::commit(&top());
    let absolute = |path: &PathBuf| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    std::fs::create_dir_all(&common.directory).map_err(|error| format!("{}: {error}", common.directory.display()))?;
    let directory = absolute(&common.directory)?.join(format!("reattach-{}", common.seed));
    let stage = Stage {
        binary: absolute(broker)?,
        directory: directory.clone(),
        seed: common.seed,
        lanes: *lanes,
        settings: Vec::new(),
    };
    let what = format!("reattach seed {} count {} lanes {lanes} commit {commit}", common.seed, common.count);
    let mut progress = Progress::open(&directory.with_extension("tsv"), &what)?;
    eprintln!("{what}");
    let found = rounds(&stage, u64::from(common.count), &mut progress);
    let (figures, verdict) = match &found {
        Ok(figures) => (*figures, "held: lost 0, doubled 0, out of order 0".to_owned()),
        Err(what) => (Figures::default(), format!("failed: {what}")),
    };
    let controls = controls(&stage);
    let caught = controls.is_ok();
    let control = controls.unwrap_or_else(|what| what);
    println!("{figures}\n{verdict}\ncontrol: {control}");
    let entry = Entry {
        proof: "reattach",
        commit,
        seed: common.seed,
        count: u64::from(common.count),
        verdict,
        control,
        note: format!("lanes {lanes}; confirmation window 1 MiB; {figures}"),
    };
    progress.finish()?;
    if !common.no_ledger {
        ledger::append(&top(), &entry)?;
    }
    Ok(found.is_ok() && caught)
}

/// All rounds, those that were done before included.
fn rounds(stage: &Stage, count: u64, progress: &mut Progress) -> Result<Figures, String> {
    let mut all = Figures::default();
    for line in progress.done() {
        all.add(Figures::from_line(line).ok_or_else(|| format!("a line of the progress cannot be read: {line}"))?);
    }
    let mut number = progress.done().len() as u64;
    while all.cuts < count {
        let figures = round(stage, number, CUTS_PER_ROUND.min(count - all.cuts))?;
        progress.add(&figures.to_line())?;
        all.add(figures);
        number += 1;
        eprintln!("after round {number}: {all}");
    }
    Ok(all)
}

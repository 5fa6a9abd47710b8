//! `bench prove fuzz`: every decoder in ranges of inputs, the controls, and the line in the ledger.

use std::sync::Arc;
use std::time::Duration;

use bench::prove::fuzz::{Figures, Part, Target, Verdict, all, caught, run as run_part};
use bench::prove::ledger::{self, Entry};
use bench::prove::progress::Progress;
use clap::Args;

use super::{Common, top};

/// Inputs between two lines of the progress.
const PART_INPUTS: u64 = 500_000;
/// Inputs in which a control must be found out.
const CONTROL_INPUTS: u64 = 20_000;
/// An input that takes longer hangs: a thousand times what the slowest takes, on a machine that does other things besides.
const BUDGET: Duration = Duration::from_secs(60);

/// `--count` is the number of inputs for each decoder.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Only decoders whose name contains this; the ledger is left alone then
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, only } = arguments;
    let commit = ledger::commit(&top());
    let what = format!("fuzz seed {} count {} only `{only}` commit {commit}", common.seed, common.count);
    let file = common.directory.join(format!("fuzz-{}.tsv", common.seed));
    let mut progress = Progress::open(&file, &what)?;
    eprintln!("{what}");
    let mut verdict = Verdict::default();
    for target in all(&top())?.into_iter().filter(|target| target.name.contains(only)).map(Arc::new) {
        let figures = decoder(&target, common, &mut progress)?;
        eprintln!("{figures}");
        figures.findings.iter().for_each(|finding| println!("{finding}"));
        verdict.add(&target, figures);
    }
    let (all_caught, control) = caught(common.seed, CONTROL_INPUTS, Duration::from_secs(5));
    verdict.rare.iter().for_each(|rare| println!("{rare}"));
    println!("{verdict}");
    println!("control: {control}");
    let held = verdict.held();
    let entry = Entry {
        proof: "fuzz",
        seed: common.seed,
        count: u64::from(common.count),
        commit,
        verdict: format!("{}: {} findings", if held { "held" } else { "failed" }, verdict.findings().count()),
        control: format!("{}: {control}", if all_caught { "caught" } else { "missed" }),
        note: verdict.to_string(),
    };
    progress.finish()?;
    if !common.no_ledger && only.is_empty() {
        ledger::append(&top(), &entry)?;
    }
    Ok(held && all_caught)
}

/// All inputs of one decoder, those of before included.
fn decoder(target: &Arc<Target>, common: &Common, progress: &mut Progress) -> Result<Figures, String> {
    let mut all = Figures::of(&target.name);
    let before: Vec<Figures> = progress.done().iter().filter_map(|line| Figures::from_line(line)).collect();
    before.into_iter().filter(|figures| figures.target == target.name).for_each(|figures| all.merge(figures));
    while all.inputs < u64::from(common.count) && all.findings.is_empty() {
        let count = PART_INPUTS.min(u64::from(common.count) - all.inputs);
        let figures = run_part(target, Part { seed: common.seed, first: all.inputs, count }, BUDGET);
        if figures.findings.is_empty() {
            progress.add(&figures.to_line())?;
        }
        all.merge(figures);
    }
    Ok(all)
}

//! `bench prove kill9`: the kill loop in rounds, its control, and the line in the ledger.

use std::path::{Path, PathBuf};

use bench::prove::kill9::{self, CYCLES_PER_ROUND, Figures, Plan};
use bench::prove::ledger::{self, Entry};
use bench::prove::progress::Progress;
use clap::Args;

use super::{Common, top};

/// The share of cycles that must have had load and something in flight.
const LOADED_PERCENT_MIN: u64 = 90;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The broker
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq")]
    broker: PathBuf,
    /// Numbers of journal lanes, taken in turn by the rounds
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1u16, 2, 4])]
    lanes: Vec<u16>,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker, lanes } = arguments;
    let commit = ledger::commit(&top());
    let binary = found(broker, "cargo build --release")?;
    std::fs::create_dir_all(&common.directory).map_err(|error| format!("{}: {error}", common.directory.display()))?;
    let directory = absolute(&common.directory)?;
    let stores = directory.join(format!("kill9-{}", common.seed));
    let plan = Plan { binary, directory: stores, seed: common.seed, lanes: lanes.clone(), settings: Vec::new() };

    let lanes_text: Vec<String> = lanes.iter().map(u16::to_string).collect();
    let what =
        format!("kill9 seed {} count {} lanes {} commit {commit}", common.seed, common.count, lanes_text.join(","));
    let mut progress = Progress::open(&directory.join(format!("kill9-{}.tsv", common.seed)), &what)?;
    eprintln!("{what}");
    let figures = rounds(&plan, common.count, &mut progress)?;
    let (caught, control_text) = control_of(&plan);

    let loaded = figures.loaded_percent() >= LOADED_PERCENT_MIN;
    let held = figures.findings.is_empty() && loaded;
    println!("{figures}");
    println!("control: {control_text}");
    let entry = Entry {
        proof: "kill9",
        seed: common.seed,
        count: u64::from(common.count),
        commit,
        verdict: format!("{}: {}", if held { "held" } else { "failed" }, figures.findings),
        control: control_text,
        note: format!("lanes {}; {}", lanes_text.join(","), figures.to_string().lines().nth(1).unwrap_or_default()),
    };
    progress.finish()?;
    if !common.no_ledger {
        ledger::append(&top(), &entry)?;
    }
    Ok(held && caught)
}

/// All rounds, those that were done before included.
fn rounds(plan: &Plan, count: u32, progress: &mut Progress) -> Result<Figures, String> {
    let mut all = Figures::default();
    for line in progress.done() {
        let figures =
            Figures::from_line(line).ok_or_else(|| format!("a line of the progress cannot be read: {line}"))?;
        all.merge(&figures);
    }
    let rounds = count.div_ceil(CYCLES_PER_ROUND);
    let done = u32::try_from(progress.done().len()).unwrap_or(rounds);
    if done > 0 {
        eprintln!("{done} of {rounds} rounds were done before");
    }
    for number in done..rounds {
        let cycles = (count - number * CYCLES_PER_ROUND).min(CYCLES_PER_ROUND);
        let figures = kill9::round(plan, number, cycles, |cycle| eprintln!("round {number} of {rounds}, {cycle}"))?;
        for finding in figures.findings.texts() {
            eprintln!("FOUND in round {number}: {}: {}", finding.kind.word(), finding.text);
        }
        if !figures.findings.is_empty() {
            eprintln!("the store is left in {}", plan.directory.join(format!("round-{number}")).display());
        }
        progress.add(&figures.to_line())?;
        all.merge(&figures);
        eprintln!("after {} cycles: {}", all.cycles, all.findings);
    }
    Ok(all)
}

/// Runs the control: was it caught, and how?
fn control_of(plan: &Plan) -> (bool, String) {
    let plan = Plan { directory: plan.directory.join("control"), ..plan.clone() };
    eprintln!("control: a broker that answers before the write is submitted");
    match kill9::control(&plan) {
        Ok(caught) => (true, format!("caught after {} cycles: {}", caught.cycles, caught.figures.findings)),
        Err(what) => (false, what),
    }
}

fn found(path: &Path, how: &str) -> Result<PathBuf, String> {
    if path.is_file() { absolute(path) } else { Err(format!("no {} (build it: {how})", path.display())) }
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

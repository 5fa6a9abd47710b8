//! `bench prove power`: the controls, then rounds of power cuts, and the line in the ledger.

use std::path::PathBuf;

use bench::prove::ledger::Entry;
use bench::prove::power::{CUTS_PER_ROUND, Figures, NoDisk, Plan, available, control, round};
use bench::prove::progress::Progress;
use clap::Args;

use super::Common;
use super::opening::{Opening, built};

/// `--count` is the number of power cuts under load.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The broker
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq")]
    broker: PathBuf,
    /// Moments within each life whose state of the disk is looked at too
    #[arg(long, value_name = "N", default_value_t = 10)]
    points: u32,
    /// Numbers of journal lanes, taken in turn by the rounds
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1u16, 2, 4])]
    lanes: Vec<u16>,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker, points, lanes } = arguments;
    let opening = Opening::of("power", common)?;
    let binary = built(broker, "cargo build --release")?;
    if let Err(NoDisk(why)) = available() {
        return Err(format!("a recorded disk is needed, and there is none: {why}"));
    }
    let plan = Plan {
        binary,
        directory: opening.directory.clone(),
        seed: common.seed,
        lanes: lanes.clone(),
        points: *points,
        settings: Vec::new(),
        never_flushes: false,
    };
    eprintln!("control: a file system that never flushes, a broker that answers early");
    let control = control(&plan)?;
    eprintln!("control {control}");
    let lanes: Vec<String> = lanes.iter().map(u16::to_string).collect();
    let mut progress = opening.progress(&format!("points {points} lanes {}", lanes.join(",")))?;
    let figures = rounds(&plan, common.count, &mut progress)?;
    let held = figures.findings.is_empty();
    let verdict = format!("{}: {}", if held { "held" } else { "failed" }, figures.findings);
    println!("{figures}\n{verdict}");
    progress.finish()?;
    let note = format!("lanes {}; ext4; {figures}", lanes.join(","));
    opening.note(common, &Entry { verdict, control, note, ..opening.entry() })?;
    Ok(held)
}

/// All rounds, those that were done before included.
fn rounds(plan: &Plan, count: u32, progress: &mut Progress) -> Result<Figures, String> {
    let mut all = Figures::default();
    for line in progress.done() {
        let figures =
            Figures::from_line(line).ok_or_else(|| format!("a line of the progress cannot be read: {line}"))?;
        all.merge(&figures);
    }
    let rounds = count.div_ceil(CUTS_PER_ROUND);
    let done = u32::try_from(progress.done().len()).unwrap_or(rounds);
    if done > 0 {
        eprintln!("{done} of {rounds} rounds were done before");
    }
    for number in done..rounds {
        let cuts = (count - number * CUTS_PER_ROUND).min(CUTS_PER_ROUND);
        let figures = round(plan, number, cuts, |text| eprintln!("{text} (of {rounds} rounds)"))?;
        progress.add(&figures.to_line())?;
        all.merge(&figures);
        eprintln!("after {} cuts: {}", all.cuts, all.findings);
    }
    Ok(all)
}

//! `bench prove hostile`: each kind of hostile client in turn, the limits, the controls, and the line in the ledger.

use bench::prove::hostile::{Figures, Judged, Kind, Scale, Stage, controls, descriptors, in_time, part};
use bench::prove::progress::Progress;
use clap::Args;

use super::Common;
use super::opening::{Broker, Opening, Outcome};

/// Time to log in, and time to be silent, of the broker whose limits are looked at.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(2);
/// A limit that is not kept by then is not kept.
const LIMIT_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

/// `--count` is the number of rounds of each kind of hostile client; each round is alone first, and then beside them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    broker: Broker,
    /// How many hostile clients come, in percent: at 100, ten thousand idle ones and a thousand slow ones
    #[arg(long, value_name = "P", default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    scale: u8,
    /// How long each measurement is
    #[arg(long, value_name = "MS", default_value_t = 3_000)]
    measure: u64,
    /// Most memory of the broker's process, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    memory_cap: u64,
    /// Only kinds whose name contains this, and no controls; the ledger is left alone then
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker, scale, measure, memory_cap, only } = arguments;
    let opening = Opening::of("hostile", common)?;
    let stage = Stage {
        binary: broker.built()?,
        directory: opening.directory.clone(),
        seed: common.seed,
        scale: Scale(*scale),
        measure_ms: *measure,
        memory_max: memory_cap << 20,
    };
    let count = u64::from(common.count);
    let (opening, control) = if only.is_empty() {
        let what = "hostile clients that cost too much, a limit that is not kept";
        let control = opening.control(what, || controls(&stage, count, Judged::All))?;
        (opening, control)
    } else {
        (opening.apart(), String::new())
    };
    let arguments = format!("scale {scale} measure {measure} memory-cap {memory_cap} only `{only}`");
    let mut progress = opening.progress(&arguments)?;
    let all = kinds(&stage, count, only, &mut progress)?;
    let mut faults: Vec<String> = Vec::new();
    for figures in &all {
        println!("{figures}");
        let of_this = figures.faults(stage.memory_max, Judged::All);
        faults.extend(of_this.into_iter().map(|fault| format!("{}: {fault}", figures.kind)));
    }
    let mut notes: Vec<String> = all.iter().map(ToString::to_string).collect();
    if only.is_empty() {
        limits(&stage, &mut notes, &mut faults);
    }
    faults.iter().for_each(|fault| println!("FAULT {fault}"));
    let verdict = if faults.is_empty() { "0 faults".to_owned() } else { faults.join("; ") };
    let note = format!("scale {scale} %, memory cap {memory_cap} MiB; {}", notes.join("; "));
    opening.end(Some(progress), Outcome { held: faults.is_empty(), verdict, control, note })
}

/// Looks at what else has a limit: times, and descriptors.
fn limits(stage: &Stage, notes: &mut Vec<String>, faults: &mut Vec<String>) {
    for (what, came) in [("closed", in_time(stage, LIMIT, LIMIT_WITHIN)), ("256 descriptors", descriptors(stage))] {
        match came {
            Ok(text) => notes.push(format!("{what}: {text}")),
            Err(text) => faults.push(format!("{what}: {text}")),
        }
        notes.last().into_iter().for_each(|note| println!("{note}"));
    }
}

/// All kinds, those that were done before included.
fn kinds(stage: &Stage, rounds: u64, only: &str, progress: &mut Progress) -> Result<Vec<Figures>, String> {
    let mut all = Vec::new();
    for line in progress.done() {
        all.push(Figures::from_line(line).ok_or_else(|| format!("a line of the progress cannot be read: {line}"))?);
    }
    if !all.is_empty() {
        eprintln!("{} kinds were done before", all.len());
    }
    let wanted = Kind::ALONE.into_iter().chain([Kind::All]).filter(|kind| kind.word().contains(only));
    for kind in wanted {
        if all.iter().any(|figures| figures.kind == kind) {
            continue;
        }
        let figures = part(stage, kind, rounds, &mut |text| eprintln!("{text}"))?;
        progress.add(&figures.to_line())?;
        all.push(figures);
    }
    Ok(all)
}

//! `bench prove hostile`: each kind of hostile client in turn, the limits, the controls, and the line in the ledger.

use std::path::PathBuf;

use bench::prove::hostile::{Figures, Judged, Kind, Scale, Stage, controls, descriptors, in_time, part};
use bench::prove::ledger::{self, Entry};
use bench::prove::progress::Progress;
use clap::Args;

use super::{Common, top};

/// Time to log in, and time to be silent, of the broker whose limits are looked at.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(2);
/// A limit that is not kept by then is not kept.
const LIMIT_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

/// `--count` is the number of rounds of each kind of hostile client; each round is alone first, and then beside them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The broker
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq")]
    broker: PathBuf,
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
    let commit = ledger::commit(&top());
    let absolute = |path: &PathBuf| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    std::fs::create_dir_all(&common.directory).map_err(|error| format!("{}: {error}", common.directory.display()))?;
    let directory = absolute(&common.directory)?.join(format!("hostile-{}", common.seed));
    let stage = Stage {
        binary: absolute(broker)?,
        directory: directory.clone(),
        seed: common.seed,
        scale: Scale(*scale),
        measure_ms: *measure,
        memory_max: memory_cap << 20,
    };
    let what = format!(
        "hostile seed {} count {} scale {scale} measure {measure} memory-cap {memory_cap} only `{only}` commit {commit}",
        common.seed, common.count
    );
    let mut progress = Progress::open(&directory.with_extension("tsv"), &what)?;
    eprintln!("{what}");
    let all = kinds(&stage, u64::from(common.count), only, &mut progress)?;
    let mut faults: Vec<String> = Vec::new();
    for figures in &all {
        println!("{figures}");
        let of_this = figures.faults(stage.memory_max, Judged::All);
        faults.extend(of_this.into_iter().map(|fault| format!("{}: {fault}", figures.kind)));
    }
    faults.iter().for_each(|fault| println!("FAULT {fault}"));
    if !only.is_empty() {
        progress.finish()?;
        return Ok(faults.is_empty());
    }
    let mut notes: Vec<String> = all.iter().map(ToString::to_string).collect();
    for (what, came) in [("closed", in_time(&stage, LIMIT, LIMIT_WITHIN)), ("256 descriptors", descriptors(&stage))] {
        match came {
            Ok(text) => notes.push(format!("{what}: {text}")),
            Err(text) => faults.push(format!("{what}: {text}")),
        }
        notes.last().into_iter().for_each(|note| println!("{note}"));
    }
    let controls = controls(&stage, u64::from(common.count), Judged::All);
    let caught = controls.is_ok();
    let control = controls.unwrap_or_else(|what| what);
    let verdict =
        if faults.is_empty() { "held: 0 faults".to_owned() } else { format!("failed: {}", faults.join("; ")) };
    println!("{verdict}\ncontrol: {control}");
    let entry = Entry {
        proof: "hostile",
        seed: common.seed,
        count: u64::from(common.count),
        commit,
        verdict,
        control,
        note: format!("scale {scale} %, memory cap {memory_cap} MiB; {}", notes.join("; ")),
    };
    progress.finish()?;
    if !common.no_ledger {
        ledger::append(&top(), &entry)?;
    }
    Ok(faults.is_empty() && caught)
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

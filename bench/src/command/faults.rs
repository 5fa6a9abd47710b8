//! `bench prove faults`: the simulator's long run in parts, its controls, and the line in the ledger.

use bench::prove::faults::{Figures, Part, controls};
use bench::prove::parts;
use clap::Args;

use super::Common;
use super::opening::{Lanes, Opening, Outcome};

/// Cases between two lines of the progress.
const TELL_EVERY: u64 = 200;

/// `--count` is the number of workloads; each has a seed of its own, and they take the numbers of lanes in turn.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Operations of the clients of one workload
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    operations: u64,
    /// Try every N-th operation of the disk only
    #[arg(long, value_name = "N", default_value_t = 1)]
    stride: usize,
    #[command(flatten)]
    lanes: Lanes,
    /// So many parts at a time
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: u32,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, operations, stride, lanes, threads } = arguments;
    let opening = Opening::of("faults", common)?;
    let what = "an answer before the flush, an answer that waits for its own lane only";
    let control = opening.control(what, || controls(common.seed))?;
    let seeds = (common.seed..).take(usize::try_from(common.count).unwrap_or(0));
    let workloads = seeds.zip(lanes.numbers.iter().copied().cycle());
    let works: Vec<Part> = workloads.flat_map(|(seed, lanes)| Part::all(seed, lanes, *operations, *stride)).collect();
    let mut progress = opening.progress(&format!("operations {operations} stride {stride} lanes {lanes}"))?;
    let count = u32::try_from(works.len()).map_err(|_| "too many workloads".to_owned())?;
    let part = |number: u32| {
        let part = works.get(number as usize).ok_or("no such part")?;
        let name = format!("part {} of {count}, {part}", number + 1);
        let figures = part.run(&mut |cases| {
            if cases.is_multiple_of(TELL_EVERY) {
                eprintln!("{name}: {cases} cases");
            }
        });
        eprintln!("{name}: {figures}");
        Ok(figures)
    };
    let figures = parts::run(&mut progress, count, *threads, &part, &mut |all: &Figures| eprintln!("so far: {all}"))?;
    println!("{figures}");
    let note = format!("lanes {lanes}; {operations} operations, every {stride}. place; {figures}");
    let (held, verdict) = (figures.held(), figures.findings.to_string());
    opening.end(Some(progress), Outcome { held, verdict, control, note })
}

//! `bench prove faults`: the simulator's long run in parts, its controls, and the line in the ledger.

use bench::prove::faults::{Figures, Part, controls};
use bench::prove::ledger::{self, Entry};
use bench::prove::progress::Progress;
use clap::Args;

use super::{Common, top};

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
    /// Numbers of journal lanes, taken in turn by the workloads
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1u16, 2, 4])]
    lanes: Vec<u16>,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, operations, stride, lanes } = arguments;
    let commit = ledger::commit(&top());
    let text = lanes.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let what = format!(
        "faults seed {} count {} operations {operations} stride {stride} lanes {text} commit {commit}",
        common.seed, common.count
    );
    let file = common.directory.join(format!("faults-{}.tsv", common.seed));
    let mut progress = Progress::open(&file, &what)?;
    eprintln!("{what}");
    let figures = parts(arguments, &mut progress)?;
    let (caught, control) = controls(common.seed);
    println!("{figures}");
    println!("control: {control}");
    let entry = Entry {
        proof: "faults",
        seed: common.seed,
        count: u64::from(common.count),
        commit,
        verdict: format!("{}: {}", if figures.held() { "held" } else { "failed" }, figures.findings),
        control,
        note: format!("lanes {text}; {operations} operations, every {stride}. place; {figures}"),
    };
    progress.finish()?;
    if !common.no_ledger {
        ledger::append(&top(), &entry)?;
    }
    Ok(figures.held() && caught)
}

/// All parts, those that were done before included.
fn parts(arguments: &Arguments, progress: &mut Progress) -> Result<Figures, String> {
    let Arguments { common, operations, stride, lanes } = arguments;
    let mut all = Figures::default();
    for line in progress.done() {
        let figures =
            Figures::from_line(line).ok_or_else(|| format!("a line of the progress cannot be read: {line}"))?;
        all.merge(&figures);
    }
    let seeds = (common.seed..).take(usize::try_from(common.count).unwrap_or(0));
    let workloads = seeds.zip(lanes.iter().copied().cycle());
    let parts: Vec<Part> = workloads.flat_map(|(seed, lanes)| Part::all(seed, lanes, *operations, *stride)).collect();
    let done = progress.done().len();
    if done > 0 {
        eprintln!("{done} of {} parts were done before", parts.len());
    }
    for (number, part) in parts.iter().enumerate().skip(done) {
        let name = format!(
            "part {} of {}, seed {}, {} lanes, {:?}",
            number + 1,
            parts.len(),
            part.seed,
            part.lanes,
            part.work
        );
        eprintln!("{name}");
        let figures = part.run(&mut |cases| {
            if cases.is_multiple_of(TELL_EVERY) {
                eprintln!("{name}: {cases} cases");
            }
        });
        progress.add(&figures.to_line())?;
        all.merge(&figures);
        eprintln!("{name}: {figures}");
    }
    Ok(all)
}

//! `bench prove fuzz`: every decoder in ranges of inputs, the controls, and the line in the ledger.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bench::prove::fuzz::{Figures, Part, Target, Verdict, all, caught, run as run_part};
use bench::prove::progress::Progress;
use clap::Args;

use super::opening::{Opening, Outcome};
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
    /// So many decoders at a time
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: u32,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, only, threads } = arguments;
    let opening = Opening::of("fuzz", common)?;
    let opening = if only.is_empty() { opening } else { opening.apart() };
    let what = "decoders that panic, take memory, hang, and read differently from what they write";
    let control = opening.control(what, || match caught(common.seed, CONTROL_INPUTS, Duration::from_secs(5)) {
        (true, text) => Ok(format!("caught: {text}")),
        (false, text) => Err(text),
    })?;
    let progress = opening.progress(&format!("only `{only}`"))?;
    let targets: Vec<Arc<Target>> =
        all(&top())?.into_iter().filter(|target| target.name.contains(only)).map(Arc::new).collect();
    let progress = Mutex::new(progress);
    let mut verdict = Verdict::default();
    for (target, figures) in targets.iter().zip(decoders(&targets, common, *threads, &progress)?) {
        figures.findings.iter().for_each(|finding| println!("{finding}"));
        verdict.add(target, figures);
    }
    verdict.rare.iter().for_each(|rare| println!("{rare}"));
    println!("{verdict}");
    let held = verdict.held();
    let outcome = Outcome {
        held,
        verdict: format!("{} findings", verdict.findings().count()),
        control,
        note: verdict.to_string(),
    };
    opening.end(Some(progress.into_inner().unwrap_or_else(PoisonError::into_inner)), outcome)
}

/// What came of each decoder, in their order; so many of them are run at a time.
fn decoders(
    targets: &[Arc<Target>],
    common: &Common,
    threads: u32,
    progress: &Mutex<Progress>,
) -> Result<Vec<Figures>, String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut came = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(target) = targets.get(number) else { return Ok(came) };
            let figures = decoder(target, common, progress)?;
            eprintln!("{} of {}, {figures}", number + 1, targets.len());
            came.push((number, figures));
        }
    };
    let came: Vec<Result<Vec<_>, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let join =
            |worker: std::thread::ScopedJoinHandle<'_, _>| worker.join().unwrap_or(Err("it panicked".to_owned()));
        workers.into_iter().map(join).collect()
    });
    let mut all: Vec<(usize, Figures)> =
        came.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    all.sort_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, figures)| figures).collect())
}

/// All inputs of one decoder, those of before included.
fn decoder(target: &Arc<Target>, common: &Common, progress: &Mutex<Progress>) -> Result<Figures, String> {
    let locked = || progress.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all = Figures::of(&target.name);
    let before: Vec<Figures> = locked().done().iter().filter_map(|line| Figures::from_line(line)).collect();
    before.into_iter().filter(|figures| figures.target == target.name).for_each(|figures| all.merge(figures));
    while all.inputs < u64::from(common.count) && all.findings.is_empty() {
        let count = PART_INPUTS.min(u64::from(common.count) - all.inputs);
        let figures = run_part(target, Part { seed: common.seed, first: all.inputs, count }, BUDGET);
        if figures.findings.is_empty() {
            locked().add(&figures.to_line())?;
        }
        all.merge(figures);
    }
    Ok(all)
}

//! `bench prove bitrot`: the controls, then stores and their flips, and the line in the ledger.

use std::path::PathBuf;

use bench::prove::bitrot::{FLIPS_PER_STORE, Figures, Part, control, part};
use bench::prove::ledger::Entry;
use bench::prove::progress::Progress;
use clap::Args;

use super::Common;
use super::opening::{Opening, built};

/// `--count` is the number of flips; every thousand of them get a store of their own.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The broker
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq")]
    broker: PathBuf,
    /// The tool that looks into stores
    #[arg(long, value_name = "FILE", default_value = "target/release/journal-tool")]
    tool: PathBuf,
    /// Of each store, so many flips in each kind of file go through real processes
    #[arg(long, value_name = "N", default_value_t = 1)]
    samples: u32,
    /// So many stores at a time
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: u32,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { common, broker, tool, samples, threads } = arguments;
    let opening = Opening::of("bitrot", common)?;
    let first = Part {
        binary: built(broker, "cargo build --release")?,
        tool: built(tool, "cargo build --release -p tools")?,
        directory: opening.directory.clone(),
        seed: common.seed,
        number: 0,
        flips: 0,
        samples: *samples,
    };
    eprintln!("control: flips that hide themselves, a tail that is gone");
    let control = control(&first)?;
    eprintln!("control {control}");
    let mut progress = opening.progress(&format!("samples {samples}"))?;
    let figures = stores(&first, common.count, *threads, &mut progress)?;
    let held = figures.held();
    let missing = figures.missing();
    let verdict = format!("{}: {}", if held { "held" } else { "failed" }, figures.verdict());
    if !missing.is_empty() {
        println!("not proved, since no store had such files: {}", missing.join(", "));
    }
    println!("{figures}\n{verdict}");
    progress.finish()?;
    opening.note(common, &Entry { verdict, control, note: figures.to_string(), ..opening.entry() })?;
    Ok(held)
}

/// All stores, some at a time, those that were done before included.
fn stores(first: &Part, count: u32, threads: u32, progress: &mut Progress) -> Result<Figures, String> {
    let mut all = Figures::default();
    for line in progress.done() {
        let figures =
            Figures::from_line(line).ok_or_else(|| format!("a line of the progress cannot be read: {line}"))?;
        all.merge(&figures);
    }
    let stores = count.div_ceil(FLIPS_PER_STORE);
    let done = u32::try_from(progress.done().len()).unwrap_or(stores);
    if done > 0 {
        eprintln!("{done} of {stores} stores were done before");
    }
    let part_of = |number: u32| {
        let flips = (count - number * FLIPS_PER_STORE).min(FLIPS_PER_STORE);
        let told = &mut |text: &str| eprintln!("{text} (of {stores} stores)");
        part(&Part { number, flips, ..first.clone() }, told)
    };
    let mut next = done;
    while next < stores {
        let end = stores.min(next + threads.max(1));
        let came: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (next..end)
                .map(|number| {
                    scope.spawn({
                        let part_of = &part_of;
                        move || part_of(number)
                    })
                })
                .collect();
            workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        for figures in came {
            let figures = figures.map_err(|_| "a store's proof panicked".to_owned())??;
            progress.add(&figures.to_line())?;
            all.merge(&figures);
        }
        next = end;
        eprintln!("after {} flips: {}", all.flips(), all.verdict());
    }
    Ok(all)
}

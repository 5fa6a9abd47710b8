//! `bench sweep`: one load again and again, one value of it changed from row to row.

use std::sync::atomic::{AtomicBool, Ordering};

use bench::load::{Changes, Done, Scenario, rows};
use bench::result::schema::Results;
use clap::{Args, ValueEnum};

use super::interrupt;
use super::load::{LoadArguments, results};

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Axis {
    /// Bytes of a body
    Size,
    /// Connections that send
    Conns,
    /// Queues
    Queues,
    /// Messages that wait in the queue before it begins
    Depth,
    /// Messages in flight on each connection
    Window,
    /// Messages a second on schedule
    Rate,
    /// Journal lanes of the broker, which is started on a new store for each value
    Lanes,
}

impl Axis {
    /// The values where none are given.
    fn values(self) -> &'static [u64] {
        match self {
            Self::Size => &[100, 1_024, 4_096, 16_384, 65_536, 102_400],
            Self::Conns => &[1, 4, 16, 64, 256],
            Self::Queues => &[1, 10, 100, 1_000],
            Self::Depth => &[0, 10_000, 100_000, 1_000_000],
            Self::Window => &[1, 4, 16, 64, 256, 1_024],
            Self::Rate => &[1_000, 2_000, 5_000, 10_000, 20_000],
            Self::Lanes => &[1, 2, 4, 8],
        }
    }

    fn change(self, value: u64, changes: Changes) -> Result<Changes, String> {
        let number = u32::try_from(value).map_err(|_| format!("{value} is too much"));
        Ok(match self {
            Self::Size => Changes { size: Some(number?), ..changes },
            Self::Conns => Changes { connections: Some(number?), ..changes },
            Self::Queues => Changes { queues: Some(number?), ..changes },
            Self::Depth => Changes { depth: Some(value), ..changes },
            Self::Window => Changes { window: Some(number?), ..changes },
            Self::Rate => Changes { rate: Some(value as f64), ..changes },
            Self::Lanes => changes,
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What is changed from row to row
    #[arg(long, value_name = "AXIS")]
    axis: Axis,
    /// The values of the axis, with commas between them
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    values: Vec<u64>,
    /// What is run; its own rows are not, where it has several
    #[arg(long, value_name = "SCENARIO", default_value = "S3", ignore_case = true)]
    scenario: Scenario,
    #[command(flatten)]
    load: LoadArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { axis, values, scenario, load } = arguments;
    if let Some(why) = scenario.waits_for() {
        return Err(why.to_owned());
    }
    if *axis == Axis::Lanes && !load.starts_broker() {
        return Err("lanes are those of a broker that is started here: leave --url out".to_owned());
    }
    let stop = interrupt::flag()?;
    let values = if values.is_empty() { axis.values() } else { values.as_slice() };
    let mut results = results();
    let done = if *axis == Axis::Lanes {
        by_lanes(arguments, values, &stop, &mut results)
    } else {
        by_change(arguments, values, &stop, &mut results)
    }?;
    load.keep(&done, results)?;
    Ok(true)
}

/// All values against the same broker.
fn by_change(
    arguments: &Arguments,
    values: &[u64],
    stop: &AtomicBool,
    results: &mut Results,
) -> Result<Vec<Done>, String> {
    let Arguments { axis, scenario, load, .. } = arguments;
    let loaded = load.broker(*scenario, &[])?;
    let mut all = Vec::new();
    let mut rows_of_all = || -> Result<(), String> {
        for value in values {
            let changes = axis.change(*value, load.changes())?;
            let mut rows = rows(*scenario, &load.plan(&loaded)?, changes);
            rows.truncate(1);
            all.extend(load.run_rows(&rows, &loaded, stop, results)?);
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    };
    let ran = rows_of_all();
    let ended = loaded.end();
    ran.and(ended)?;
    Ok(all)
}

/// Each value with a broker and a store of its own.
fn by_lanes(
    arguments: &Arguments,
    values: &[u64],
    stop: &AtomicBool,
    results: &mut Results,
) -> Result<Vec<Done>, String> {
    let Arguments { scenario, load, .. } = arguments;
    let mut all = Vec::new();
    for value in values {
        let loaded = load.broker(*scenario, &[format!("journal-lanes={value}")])?;
        let mut rows = rows(*scenario, &load.plan(&loaded)?, load.changes());
        rows.truncate(1);
        let done = load.run_rows(&rows, &loaded, stop, results);
        loaded.end()?;
        for mut done in done? {
            done.round.parameters.lanes = u16::try_from(*value).ok();
            all.push(done);
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(all)
}

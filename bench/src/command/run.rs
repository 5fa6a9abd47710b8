//! `bench run`: one scenario against one broker.

use bench::load::{Scenario, rows};
use clap::Args;

use super::interrupt;
use super::load::{LoadArguments, results};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What is run
    #[arg(long, value_name = "SCENARIO", default_value = "S1", ignore_case = true)]
    scenario: Scenario,
    #[command(flatten)]
    load: LoadArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { scenario, load } = arguments;
    if let Some(why) = scenario.waits_for() {
        return Err(why.to_owned());
    }
    let stop = interrupt::flag()?;
    let loaded = load.broker(*scenario, &[])?;
    let rows = rows(*scenario, &load.plan(&loaded)?, load.changes());
    let mut results = results();
    let done = load.run_rows(&rows, &loaded, &stop, &mut results);
    let ended = loaded.end();
    load.keep(&done?, results)?;
    ended?;
    Ok(true)
}

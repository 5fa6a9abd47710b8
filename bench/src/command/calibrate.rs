//! `bench calibrate`: the limits of this machine, as a table and as JSON.

use std::path::PathBuf;

use bench::calibrate::{Plan, run as measure};
use clap::Args;

/// Takes about 20 seconds; afterwards the folder is as it was.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A folder on the disk that is meant
    #[arg(long, value_name = "DIR", default_value = "target/calibrate")]
    directory: PathBuf,
    /// Write the figures to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Take a fifth of the time; the figures are rougher
    #[arg(long)]
    quick: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { directory, json, quick } = arguments;
    let plan = Plan { directory: directory.clone(), quick: *quick };
    let found = measure(&plan, &mut |next| eprintln!("measuring: {next}"))?;
    print!("{found}");
    if let Some(path) = json {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = serde_json::to_string_pretty(&found).map_err(|error| failed(&error))?;
        std::fs::write(path, text + "\n").map_err(|error| failed(&error))?;
    }
    Ok(true)
}

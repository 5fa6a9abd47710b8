//! `bench report`: results as a page for a browser and as a table.

use std::path::{Path, PathBuf};

use bench::result;
use bench::result::schema::Results;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Files of results, or folders with a result.json; several become one page
    #[arg(required = true, value_name = "FILE_OR_DIR")]
    results: Vec<PathBuf>,
    /// Where report.html and summary.csv go
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let mut all: Option<Results> = None;
    for path in &arguments.results {
        let file = if path.is_dir() { path.join("result.json") } else { path.clone() };
        let read = result::read(&file)?;
        match &mut all {
            None => all = Some(read),
            Some(all) => append(all, read),
        }
    }
    let results = all.unwrap_or_default();
    for path in write(&results, &arguments.out)? {
        println!("{}", path.display());
    }
    Ok(true)
}

/// Writes the page and the table into a folder; gives their paths.
pub(super) fn write(results: &Results, out: &Path) -> Result<[PathBuf; 2], String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(out).map_err(|error| failed(out, error))?;
    let (page, table) = (out.join("report.html"), out.join("summary.csv"));
    std::fs::write(&page, result::report::page(results)?).map_err(|error| failed(&page, error))?;
    std::fs::write(&table, result::csv::text(results)).map_err(|error| failed(&table, error))?;
    Ok([page, table])
}

/// Rounds of another run get numbers of their own: ratios are made within a run.
fn append(all: &mut Results, more: Results) {
    let next = all.rounds.iter().map(|round| round.round + 1).max().unwrap_or(0);
    all.rounds.extend(more.rounds.into_iter().map(|mut round| {
        round.round += next;
        round
    }));
    all.skipped.extend(more.skipped);
    all.command = format!("{}; {}", all.command, more.command);
    if all.commit != more.commit {
        all.commit = format!("{}, {}", all.commit, more.commit);
    }
}

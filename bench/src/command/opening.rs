//! How a proof begins and ends: its folder, its control, its progress, the commit it speaks of, its line in the ledger.
//!
//! Takes what every proof is asked for. Must stay true: nothing is reported of a proof whose control was not caught, and the line names
//! what was checked out when the proof began.

use std::path::{Path, PathBuf};

use bench::prove::ledger::{self, Entry};
use bench::prove::progress::Progress;

use clap::Args;

use super::{Common, top};

/// How the broker is built.
const BUILD_BROKER: &str = "cargo build --release";

/// The broker of a proof that starts one.
#[derive(Debug, Args)]
pub(super) struct Broker {
    /// The broker
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq")]
    broker: PathBuf,
}

impl Broker {
    /// Its whole name.
    pub(super) fn built(&self) -> Result<PathBuf, String> {
        built(&self.broker, BUILD_BROKER)
    }
}

/// The stores of a proof in rounds.
#[derive(Debug, Args)]
pub(super) struct Lanes {
    /// Numbers of journal lanes, taken in turn
    #[arg(long = "lanes", value_name = "N,...", value_delimiter = ',', default_values_t = [1u16, 2, 4])]
    pub(super) numbers: Vec<u16>,
}

impl std::fmt::Display for Lanes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(","))
    }
}

/// A proof that has begun.
#[derive(Debug)]
pub(super) struct Opening {
    proof: &'static str,
    seed: u64,
    /// How much of it is asked for.
    pub(super) count: u32,
    commit: String,
    no_ledger: bool,
    /// A folder of its own, by its whole name.
    pub(super) directory: PathBuf,
}

/// What came of a proof.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Nothing was wrong.
    pub(super) held: bool,
    /// What was wrong, in numbers.
    pub(super) verdict: String,
    /// How the control was caught.
    pub(super) control: String,
    /// Figures in words.
    pub(super) note: String,
}

impl Opening {
    /// Makes the folder, and remembers what is checked out now.
    pub(super) fn of(proof: &'static str, common: &Common) -> Result<Self, String> {
        let commit = ledger::commit(&top());
        let failed = |error: std::io::Error| format!("{}: {error}", common.directory.display());
        std::fs::create_dir_all(&common.directory).map_err(failed)?;
        let directory = common.directory.canonicalize().map_err(failed)?.join(format!("{proof}-{}", common.seed));
        Ok(Self { proof, seed: common.seed, count: common.count, commit, no_ledger: common.no_ledger, directory })
    }

    /// The same, whose line does not go into the ledger: a proof of a part only.
    pub(super) fn apart(self) -> Self {
        Self { no_ledger: true, ..self }
    }

    /// Runs the control: how it was caught, or that nothing can be proved.
    pub(super) fn control(&self, what: &str, run: impl FnOnce() -> Result<String, String>) -> Result<String, String> {
        eprintln!("control: {what}");
        let missed =
            |why| format!("{}: the control was not caught, so that nothing would be proved: {why}", self.proof);
        let caught = run().map_err(missed)?;
        println!("control: {caught}");
        Ok(caught)
    }

    /// What was done before, of a proof with these arguments.
    pub(super) fn progress(&self, arguments: &str) -> Result<Progress, String> {
        let Self { proof, seed, count, commit, directory, .. } = self;
        let what = format!("{proof} seed {seed} count {count} {arguments} commit {commit}");
        eprintln!("{what}");
        Progress::open(&directory.with_extension("tsv"), &what)
    }

    /// Prints what came of it, and writes the line unless the ledger is to be left alone. True: it held.
    pub(super) fn end(self, progress: Option<Progress>, outcome: Outcome) -> Result<bool, String> {
        let Outcome { held, verdict, control, note } = outcome;
        let verdict = format!("{}: {verdict}", if held { "held" } else { "failed" });
        println!("{verdict}");
        progress.map_or(Ok(()), Progress::finish)?;
        let Self { proof, seed, count, commit, no_ledger, .. } = self;
        let entry = Entry { proof, seed, count: u64::from(count), commit, verdict, control, note };
        if !no_ledger {
            ledger::append(&top(), &entry)?;
        }
        Ok(held)
    }
}

/// The whole name of a program that must have been built.
pub(super) fn built(path: &Path, how: &str) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error} (build it: {how})", path.display()))
}

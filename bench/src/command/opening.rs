//! How a proof begins and ends: its folder, its progress, the commit it speaks of, its line in the ledger.

use std::path::{Path, PathBuf};

use bench::prove::ledger::{self, Entry};
use bench::prove::progress::Progress;

use super::{Common, top};

/// A proof that has begun.
#[derive(Debug)]
pub(super) struct Opening {
    proof: &'static str,
    seed: u64,
    count: u64,
    commit: String,
    /// A folder of its own, by its whole name.
    pub(super) directory: PathBuf,
}

impl Opening {
    /// Makes the folder, and remembers what is checked out now.
    pub(super) fn of(proof: &'static str, common: &Common) -> Result<Self, String> {
        let commit = ledger::commit(&top());
        let failed = |error: std::io::Error| format!("{}: {error}", common.directory.display());
        std::fs::create_dir_all(&common.directory).map_err(failed)?;
        let directory = common.directory.canonicalize().map_err(failed)?.join(format!("{proof}-{}", common.seed));
        Ok(Self { proof, seed: common.seed, count: u64::from(common.count), commit, directory })
    }

    /// What was done before, of a proof with these arguments.
    pub(super) fn progress(&self, arguments: &str) -> Result<Progress, String> {
        let Self { proof, seed, count, commit, directory } = self;
        let what = format!("{proof} seed {seed} count {count} {arguments} commit {commit}");
        eprintln!("{what}");
        Progress::open(&directory.with_extension("tsv"), &what)
    }

    /// A line of the ledger without what came of it.
    pub(super) fn entry(&self) -> Entry {
        let Self { proof, seed, count, commit, .. } = self;
        let (verdict, control, note) = Default::default();
        Entry { proof, seed: *seed, count: *count, commit: commit.clone(), verdict, control, note }
    }

    /// Writes the line, unless the ledger is to be left alone.
    pub(super) fn note(&self, common: &Common, entry: &Entry) -> Result<(), String> {
        if common.no_ledger { Ok(()) } else { ledger::append(&top(), entry) }
    }
}

/// The whole name of a program that must have been built.
pub(super) fn built(path: &Path, how: &str) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error} (build it: {how})", path.display()))
}

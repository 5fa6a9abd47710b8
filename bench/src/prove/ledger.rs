//! The ledger: one line for each proof that was run to its end, kept with the sources.
//!
//! Takes what was proved, gives a line of [`PATH`]. Must stay true: a line is only ever added.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::measure::date::today;

/// Where it lies, from the top of the repository.
pub const PATH: &str = "bench/LEDGER.tsv";

const HEAD: &str = "date\tproof\tseed\tcount\tcommit\tverdict\tcontrol\tnote\n";

/// One proof.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name on the command line.
    pub proof: &'static str,
    /// The seed that its choices follow from.
    pub seed: u64,
    /// How much of it was run.
    pub count: u64,
    /// What [`commit`] gave when the run began: a long run must not name what was checked out meanwhile.
    pub commit: String,
    /// What came of it.
    pub verdict: String,
    /// What came of its control.
    pub control: String,
    /// Figures in words.
    pub note: String,
}

/// Appends a line; the first one brings the head along.
pub fn append(top: &Path, entry: &Entry) -> Result<(), String> {
    let path = top.join(PATH);
    let failed = |error: std::io::Error| format!("the ledger cannot be written: {}: {error}", path.display());
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    let new = file.metadata().map_err(failed)?.len() == 0;
    let text = if new { HEAD.to_owned() } else { String::new() } + &line(&today(), entry);
    file.write_all(text.as_bytes()).map_err(failed)
}

fn line(date: &str, entry: &Entry) -> String {
    let Entry { proof, seed, count, commit, verdict, control, note } = entry;
    let flat = |text: &str| text.replace(['\t', '\n'], " ");
    format!(
        "{date}\t{proof}\t{seed}\t{count}\t{}\t{}\t{}\t{}\n",
        flat(commit),
        flat(verdict),
        flat(control),
        flat(note)
    )
}

/// The commit that is checked out, with a `+` if the sources differ from it.
pub fn commit(top: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(top).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(head) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    // The ledger itself changes with every proof.
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", &format!(":!{PATH}")]);
    if changed.is_some_and(|changed| changed.is_empty()) { head } else { head + "+" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_eight_fields_whatever_is_in_them() {
        let entry = Entry {
            proof: "kill9",
            seed: 7,
            count: 300,
            commit: "abc".to_owned(),
            verdict: "held".to_owned(),
            control: "caught\tonce".to_owned(),
            note: "two\nlines".to_owned(),
        };
        let line = line("2026-01-02", &entry);
        assert_eq!(line, "2026-01-02\tkill9\t7\t300\tabc\theld\tcaught once\ttwo lines\n");
        assert_eq!(HEAD.split('\t').count(), line.split('\t').count());
    }
}

//! P29: what the last run of `bench prove power` said, by its line in the ledger.

use std::path::Path;

use super::verdict::{Bound, Verdict};
use crate::prove::ledger;

/// Power cuts that make a proof.
const CUTS_MIN: f64 = 200.0;

/// Judges the newest line.
///
/// # Errors
///
/// There is no ledger, or no such line in it.
pub fn judge(top: &Path) -> Result<Vec<Verdict>, String> {
    let path = top.join(ledger::PATH);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let newest = text.lines().rev().find_map(Line::of);
    let newest = newest.ok_or("the ledger has no line of `bench prove power`; run it with --count 200")?;
    Ok(vec![newest.verdict()])
}

/// A line of that proof.
struct Line<'l> {
    date: &'l str,
    count: f64,
    commit: &'l str,
    verdict: &'l str,
    control: &'l str,
    note: &'l str,
}

impl<'l> Line<'l> {
    fn of(line: &'l str) -> Option<Self> {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            [date, "power", _, count, commit, verdict, control, note] => {
                Some(Self { date, count: count.parse().ok()?, commit, verdict, control, note })
            }
            _ => None,
        }
    }

    fn verdict(&self) -> Verdict {
        let Self { date, count, commit, verdict, control, note } = self;
        let held = verdict.starts_with("held") && control.starts_with("caught");
        // Cuts of a proof that failed, or whose control was missed, count nothing.
        let cuts = if held { *count } else { 0.0 };
        Verdict {
            id: "P29".to_owned(),
            what: "power cuts under load with nothing lost and nothing corrupt".to_owned(),
            value: cuts,
            unit: "cuts".to_owned(),
            limit: None,
            ratio: cuts,
            gate: Bound::AtLeast(CUTS_MIN),
            moonshot: Some(Bound::AtLeast(1_000.0)),
            note: format!("ledger of {date}, commit {commit}; {verdict}; control {control}; {note}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proof_that_held_with_a_control_that_was_caught_counts() {
        let line = |verdict: &str, control: &str| {
            let text = format!("2026-01-01\tpower\t1\t200\tabc\t{verdict}\t{control}\tlanes 1");
            Line::of(&text).unwrap().verdict()
        };
        assert!(line("held: acked lost 0", "caught: a disk that lies").holds());
        assert!(!line("failed: acked lost 1", "caught").holds());
        assert!(!line("held: acked lost 0", "missed: a disk that lies").holds());
        assert!(line("held", "caught").note.contains("commit abc"));
        assert!(Line::of("2026-01-01\tkill9\t1\t200\tabc\theld\tcaught\t").is_none());
    }
}

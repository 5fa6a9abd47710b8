//! The baseline: a table of counts with the names of the compiler and the machine that they belong to.
//!
//! Takes and gives the text of `bench/icount.tsv`; says which measured rows are off. A row that one side lacks is off too, so
//! that no measure can drop out silently.

use std::fmt;

use crate::harness::{Outcome, Verdict};

/// How far a count may be from the baseline's, up or down: less is as surprising as more.
const TOLERANCE: f64 = 0.02;
const TITLE: &str = "# Instructions for one message of 1 KiB, counted by callgrind: see bench/RESULTS.md.";
const RUSTC: &str = "# rustc: ";
const MACHINE: &str = "# machine: ";
const COLUMNS: &str = "measure\tgroup\tinstructions";

/// What one measure costs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) measure: String,
    /// Messages that arrive together.
    pub(crate) group: usize,
    /// For one message.
    pub(crate) instructions: f64,
}

/// All of them, and where they hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Baseline {
    pub(crate) rustc: String,
    pub(crate) machine: String,
    pub(crate) rows: Vec<Row>,
}

impl Baseline {
    /// Reads the table.
    ///
    /// # Errors
    /// The first line that is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let name = |mark: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(mark));
            line.map(str::to_owned).ok_or_else(|| format!("no line `{mark}...`"))
        };
        let rows = text.lines().filter(|line| !line.starts_with('#') && *line != COLUMNS).map(row);
        Ok(Self { rustc: name(RUSTC)?, machine: name(MACHINE)?, rows: rows.collect::<Result<_, _>>()? })
    }

    /// Whether the counts of the other must be those of this.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn is_comparable(&self, other: &Self) -> Result<(), String> {
        let pairs = [("rustc", &self.rustc, &other.rustc), ("machine", &self.machine, &other.machine)];
        match pairs.into_iter().find(|(_, ours, theirs)| ours != theirs) {
            Some((what, ours, theirs)) => Err(format!("another {what} than the baseline's ({theirs}, not {ours})")),
            None => Ok(()),
        }
    }

    /// What is off in the measured table, one line each.
    pub(crate) fn differences(&self, measured: &Self) -> Vec<String> {
        let same = |a: &Row, b: &Row| a.measure == b.measure && a.group == b.group;
        let mut off = Vec::new();
        for row in &self.rows {
            match measured.rows.iter().find(|other| same(row, other)) {
                Some(found) => off.extend(difference(row, found)),
                None => off.push(format!("{}, groups of {}: in the baseline and not measured", row.measure, row.group)),
            }
        }
        let strangers = measured.rows.iter().filter(|row| !self.rows.iter().any(|known| same(row, known)));
        off.extend(strangers.map(|row| format!("{}, groups of {}: not in the baseline", row.measure, row.group)));
        off
    }
}

/// Says what is off if the second count is too far from the first.
pub(crate) fn difference(known: &Row, found: &Row) -> Option<String> {
    let change = (found.instructions - known.instructions) / known.instructions;
    let Row { measure, group, instructions } = known;
    (change.abs() > TOLERANCE || !change.is_finite()).then(|| {
        let percent = 100.0 * change;
        format!(
            "{measure}, groups of {group}: {:.1} instructions, not {instructions:.1} ({percent:+.1} %)",
            found.instructions
        )
    })
}

impl fmt::Display for Baseline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{TITLE}\n{RUSTC}{}\n{MACHINE}{}\n{COLUMNS}", self.rustc, self.machine)?;
        self.rows
            .iter()
            .try_for_each(|Row { measure, group, instructions }| writeln!(out, "{measure}\t{group}\t{instructions:.1}"))
    }
}

fn row(line: &str) -> Result<Row, String> {
    let mut cells = line.split('\t');
    let row = (|| {
        let measure = cells.next()?.to_owned();
        Some(Row { measure, group: cells.next()?.parse().ok()?, instructions: cells.next()?.parse().ok()? })
    })();
    row.filter(|_| cells.next().is_none()).ok_or_else(|| format!("`{line}` is no row of the table"))
}

fn planted() -> Baseline {
    let row = |measure: &str, group, instructions| Row { measure: measure.to_owned(), group, instructions };
    let rows = vec![row("decode", 1, 1_000.0), row("whole", 16, 5_000.5)];
    Baseline { rustc: "1.2.3 (abc)".to_owned(), machine: "x86_64".to_owned(), rows }
}

/// What is written reads back, and what is no table is refused.
pub(crate) fn reads_what_it_writes() -> Verdict {
    let text = planted().to_string();
    let read = Baseline::parse(&text);
    if read.as_ref() != Ok(&planted()) {
        return Err(format!("{text}\nreads as {read:?}"));
    }
    for (broken, line) in [("5000.5", "`whole\t16\tmany`"), (RUSTC, "no line `# rustc: ...`")] {
        let refused = Baseline::parse(&text.replace(broken, if broken == RUSTC { "# " } else { "many" }));
        if !refused.as_ref().is_err_and(|error| error.contains(line)) {
            return Err(format!("without `{broken}` it gives {refused:?}"));
        }
    }
    Ok(Outcome::Passed)
}

/// A count just inside is fine; just outside, missing or new ones are not; nor is another compiler comparable.
pub(crate) fn compares_within_two_per_cent() -> Verdict {
    let off = |change: fn(&mut Baseline)| {
        let mut measured = planted();
        change(&mut measured);
        planted().differences(&measured).len()
    };
    let scaled = |factor: f64| {
        let mut measured = planted();
        measured.rows.iter_mut().for_each(|row| row.instructions *= factor);
        planted().differences(&measured).len()
    };
    let found = [
        scaled(1.0),
        scaled(1.019),
        scaled(1.021),
        scaled(0.979),
        scaled(0.0),
        off(|table| table.rows.truncate(1)),
        off(|table| table.rows.iter_mut().for_each(|row| row.group = 64)),
    ];
    if found != [0, 0, 2, 2, 2, 1, 4] {
        return Err(format!("{found:?} rows are off"));
    }
    let other = Baseline { rustc: "1.2.4".to_owned(), ..planted() };
    match planted().is_comparable(&other) {
        Err(why) if planted().is_comparable(&planted()).is_ok() && why.contains("1.2.4") => Ok(Outcome::Passed),
        other => Err(format!("{other:?}")),
    }
}

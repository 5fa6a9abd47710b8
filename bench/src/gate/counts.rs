//! The counts of a file: a table of instructions as it is, or what a result's rounds counted for a message.
//!
//! Of several rounds the least counts: device counters and switches see the neighbours as well, and nobody makes them less.

use std::path::Path;

use super::Counts;
use crate::result::schema::{Results, Round};
use crate::result::series::{self, Series};

/// Reads the counts of a file.
///
/// # Errors
///
/// A file that cannot be read, is none of both kinds, or has no counts.
pub fn read(path: &Path) -> Result<Counts, String> {
    let failed = |what: String| format!("{}: {what}", path.display());
    let counts = if path.extension().is_some_and(|extension| extension == "tsv") {
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        of_table(&text).map_err(failed)?
    } else {
        of_results(&crate::result::read(path)?)
    };
    if counts.is_empty() { Err(failed("has no counts".to_owned())) } else { Ok(counts) }
}

/// The head of a table of instructions.
const HEAD: &str = "measure\tgroup\tinstructions";

/// Lines of `measure`, `group`, `instructions`, behind a head that says so; `#` begins a comment.
fn of_table(text: &str) -> Result<Counts, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    match lines.next() {
        Some((_, HEAD)) => {}
        Some((at, line)) => return Err(format!("line {}: `{line}` is not the head, `{HEAD}`", at + 1)),
        None => return Err(format!("has no head, `{HEAD}`")),
    }
    let row = |(at, line): (usize, &str)| {
        let mut fields = line.split('\t');
        let read = |fields: &mut std::str::Split<'_, char>| {
            let (measure, group) = (fields.next()?, fields.next()?);
            let count: f64 = fields.next()?.parse().ok()?;
            Some((format!("{measure}, groups of {group}: instructions"), count))
        };
        read(&mut fields).ok_or_else(|| format!("line {}: `{line}` is no measure, group and count", at + 1))
    };
    lines.map(row).collect()
}

fn of_results(results: &Results) -> Counts {
    let mut counts = Counts::new();
    for series in series::all(results) {
        let name = name(&series);
        let mut add = |what: &str, of: &dyn Fn(&Round) -> Option<f64>| {
            if let Some(spread) = series.figures(of) {
                counts.insert(format!("{name}: {what} for a message"), spread.min);
            }
        };
        add("system calls", &|round| round.figures.per_message(round.figures.target_system_calls?));
        add("device writes", &|round| round.figures.per_message(round.figures.device?.writes));
        add("device flushes", &|round| round.figures.per_message(round.figures.device?.flushes));
        add("device bytes", &|round| round.figures.per_message(round.figures.device?.bytes()));
    }
    counts
}

/// What tells a series from all others, and the same in both files.
fn name(series: &Series<'_>) -> String {
    let numbers = &series.key.parameters;
    let mut name = format!(
        "{} {} {} x {} of {} bytes",
        series.target, series.key.scenario, numbers.connections, numbers.window, numbers.size
    );
    for (what, value, usual) in [
        ("queues", u64::from(numbers.queues), 1),
        ("consumers", u64::from(numbers.consumers), 0),
        ("deep", numbers.depth, 0),
        ("idle", u64::from(numbers.idle_connections), 0),
        ("a transaction", u64::from(numbers.transaction.unwrap_or(0)), 0),
        ("lanes", u64::from(numbers.lanes.unwrap_or(0)), 0),
    ] {
        if value != usual && value != 0 {
            name += &format!(", {value} {what}");
        }
    }
    if let Some(rate) = numbers.rate {
        name += &format!(", {rate:.0} a second");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::device::Counters;
    use crate::result::schema::Figures;

    #[test]
    fn a_table_of_instructions_is_read_and_a_bad_line_named() {
        let counts = of_table("# a\nmeasure\tgroup\tinstructions\nwhole\t64\t5063.2\n").unwrap();
        assert_eq!(counts.get("whole, groups of 64: instructions"), Some(&5063.2));
        let error = of_table("measure\tgroup\tinstructions\nwhole\t64\n").unwrap_err();
        assert!(error.starts_with("line 2"), "{error}");
    }

    #[test]
    fn a_table_without_its_head_loses_no_line_silently() {
        let error = of_table("# a\ndecode\t1\t975.7\nwhole\t64\t5063.2\n").unwrap_err();
        assert!(error.starts_with("line 2") && error.contains("is not the head"), "{error}");
        assert!(of_table("# a\n").unwrap_err().contains("no head"));
    }

    #[test]
    fn the_least_of_the_rounds_counts_and_what_was_not_counted_is_none() {
        let round = |writes: u64| Round {
            target: "ringmq".to_owned(),
            scenario: "S1".to_owned(),
            figures: Figures {
                messages: 100,
                device: Some(Counters { writes, sectors: 0, flushes: 100 }),
                ..Figures::default()
            },
            ..Round::default()
        };
        let results = Results { rounds: vec![round(250), round(200)], ..Results::default() };
        let counts = of_results(&results);
        let writes = counts.iter().find(|(name, _)| name.contains("device writes")).unwrap();
        assert_eq!(*writes.1, 2.0);
        assert!(!counts.keys().any(|name| name.contains("system calls")));
    }
}

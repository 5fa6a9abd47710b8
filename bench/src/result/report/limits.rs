//! What the machine could do at the time of the rounds: the lines that no broker goes below.

use super::charts::Line;
use super::markup;
use crate::calibrate::Calibration;
use crate::result::schema::Results;

/// The colour that no target has: black.
const COLOUR: usize = 6;

/// A table with a column for each calibration.
pub(super) fn section(results: &Results) -> String {
    let all = &results.calibrations;
    if all.is_empty() {
        return String::new();
    }
    let row = |what: &str, of: &dyn Fn(&Calibration) -> Option<f64>| {
        let values = all.iter().map(|calibration| markup::maybe(of(calibration)));
        std::iter::once(what.to_owned()).chain(values).collect::<Vec<_>>()
    };
    let mib = |bytes: Option<f64>| bytes.map(|bytes| bytes / f64::from(1 << 20));
    let rows = vec![
        row("4 KiB made durable (O_DIRECT, O_DSYNC), p50 µs", &|it| it.durable.as_ref()?.latency.p50),
        row("the same, p99 µs", &|it| it.durable.as_ref()?.latency.p99),
        row("the same with fdatasync, p50 µs", &|it| it.durable_fdatasync.as_ref()?.latency.p50),
        row("two writers at once, p50 µs", &|it| it.durable_two.as_ref()?.latency.p50),
        row("1 KiB over loopback and back, p50 µs", &|it| it.loopback?.p50),
        row("disk + loopback, p50 µs", &Calibration::durable_answer_us),
        row("writing, MiB/s", &|it| mib(it.write_bytes_per_second)),
        row("reading, MiB/s", &|it| mib(it.read_bytes_per_second)),
        row("CRC-32C on one core, MiB/s", &|it| mib(it.crc32c_bytes_per_second)),
    ];
    let numbers: Vec<String> = (1..=all.len()).map(|number| format!("{number}.")).collect();
    let head: Vec<&str> = std::iter::once("limit").chain(numbers.iter().map(String::as_str)).collect();
    format!(
        "<h2>Limits of this machine</h2>\n<p class=\"soft\">Measured before the rounds, in the middle and after them. Where they differ, the disk \
         changed meanwhile: then only ratios within a round say something.</p>\n{}",
        markup::table(&head, &rows)
    )
}

/// The least time to a durable answer, from the left to the right end of a plot's lines; none without a calibration.
pub(super) fn line(results: &Results, lines: &[Line]) -> Option<Line> {
    let mut least: Vec<f64> = results.calibrations.iter().filter_map(Calibration::durable_answer_us).collect();
    least.sort_by(f64::total_cmp);
    let us = *least.get(least.len() / 2)?;
    let places = || lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x));
    let (left, right) = (places().reduce(f64::min)?, places().reduce(f64::max)?);
    Some(Line { name: "disk + loopback, p50".to_owned(), colour: COLOUR, points: vec![(left, us), (right, us)] })
}

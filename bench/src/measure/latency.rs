//! Latencies: every one recorded, and a percentile only where there were enough of them.
//!
//! Must stay true: a percentile `q` is given only for `n >= 10 / (1 - q)`, so that ten latencies lie above it; fewer make it chance.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The least that is told apart, in nanoseconds.
const LEAST_NS: u64 = 1_000;
/// The most that is told apart, in nanoseconds; what is longer counts as this.
const MOST_NS: u64 = 60_000_000_000;
/// Digits that are right.
const DIGITS: u8 = 3;
/// Latencies that must lie above a percentile.
const ABOVE_MIN: f64 = 10.0;

/// The percentiles of a result, as shares and as names.
pub const PERCENTILES: [(f64, &str); 5] =
    [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99")];

/// Latencies from a microsecond to a minute.
#[derive(Clone, Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
}

impl Default for Latencies {
    #[allow(clippy::expect_used, reason = "the bounds are constants, and the tests make one")]
    fn default() -> Self {
        Self { histogram: Histogram::new_with_bounds(LEAST_NS, MOST_NS, DIGITS).expect("bounds that fit each other") }
    }
}

impl Latencies {
    /// One more. Does not allocate.
    pub fn record(&mut self, latency: Duration) {
        self.record_ns(u64::try_from(latency.as_nanos()).unwrap_or(MOST_NS));
    }

    /// One more, in nanoseconds. Does not allocate.
    pub fn record_ns(&mut self, nanoseconds: u64) {
        self.histogram.saturating_record(nanoseconds.clamp(LEAST_NS, MOST_NS));
    }

    /// Those of another round as well.
    ///
    /// # Errors
    ///
    /// None with the bounds of this type; the library's word otherwise.
    pub fn add(&mut self, other: &Self) -> Result<(), String> {
        self.histogram.add(&other.histogram).map_err(|error| format!("latencies cannot be added: {error}"))
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The latency that the share `q` of all does not exceed, in microseconds, if there are enough to say.
    pub fn percentile(&self, q: f64) -> Option<f64> {
        let enough = self.count() as f64 * (1.0 - q) >= ABOVE_MIN - 1e-6;
        enough.then(|| self.histogram.value_at_quantile(q) as f64 / 1e3)
    }

    /// The figures of a result.
    pub fn summary(&self) -> Summary {
        let [p50, p90, p99, p999, p9999] = PERCENTILES.map(|(q, _)| self.percentile(q));
        let max_us = if self.count() == 0 { None } else { Some(self.histogram.max() as f64 / 1e3) };
        Summary { n: self.count(), p50, p90, p99, p999, p9999, max_us }
    }

    /// The percentile text that HdrHistogram's own tools print and read: value in microseconds, percentile, count, 1/(1-percentile).
    pub fn hgrm(&self) -> String {
        let mut text =
            format!("{:>12} {:>16} {:>12} {:>16}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
        for step in self.histogram.iter_quantiles(5) {
            let share = step.quantile_iterated_to();
            let value = step.value_iterated_to() as f64 / 1e3;
            let total = (self.count() as f64 * step.quantile()).round();
            if share < 1.0 {
                text += &format!("{value:>12.3} {share:>16.12} {total:>12} {:>16.2}\n", 1.0 / (1.0 - share));
            } else {
                text += &format!("{value:>12.3} {share:>16.12} {total:>12}\n");
            }
        }
        let (mean, deviation) = (self.histogram.mean() / 1e3, self.histogram.stdev() / 1e3);
        text += &format!("#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]\n");
        text += &format!(
            "#[Max     = {:>12.3}, Total count    = {:>12}]\n",
            self.histogram.max() as f64 / 1e3,
            self.count()
        );
        text
    }

    /// Points for a plot: share and microseconds, from the median outwards.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        self.histogram.iter_quantiles(5).map(|step| (step.quantile(), step.value_iterated_to() as f64 / 1e3)).collect()
    }
}

/// The figures of some latencies, in microseconds; a percentile for which there were too few is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many.
    pub n: u64,
    /// The median.
    pub p50: Option<f64>,
    /// Nine of ten are not longer.
    pub p90: Option<f64>,
    /// 99 of 100 are not longer.
    pub p99: Option<f64>,
    /// 999 of 1,000 are not longer.
    #[serde(rename = "p99.9")]
    pub p999: Option<f64>,
    /// 9,999 of 10,000 are not longer.
    #[serde(rename = "p99.99")]
    pub p9999: Option<f64>,
    /// The longest.
    pub max_us: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_ten_above_it() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.summary(), Summary::default());
        (1..=999).for_each(|us| latencies.record(Duration::from_micros(us)));
        assert_eq!(latencies.percentile(0.99), None);
        latencies.record(Duration::from_micros(1000));
        let p99 = latencies.percentile(0.99).unwrap();
        assert!((989.0..=992.0).contains(&p99), "{p99}");
        assert_eq!(latencies.percentile(0.999), None);
    }

    #[test]
    fn recording_allocates_nothing() {
        let mut latencies = Latencies::default();
        let counted = allocation_counter::measure(|| {
            for us in [0u64, 5, 90_000_000, u64::MAX / 1_000] {
                latencies.record(Duration::from_micros(us));
            }
        });
        assert_eq!(counted.count_total, 0);
        assert_eq!(latencies.summary().max_us.map(|us| us.round() as u64 / 100_000), Some(600), "a minute at most");
    }

    #[test]
    fn the_text_names_every_latency_once() {
        let mut latencies = Latencies::default();
        (0..100).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        let text = latencies.hgrm();
        let last = text.lines().rfind(|line| !line.starts_with('#')).unwrap();
        assert!(last.contains(" 100"), "{text}");
        assert!(text.contains("#[Max     ="), "{text}");
    }
}

//! `report.html`: one page for somebody who was not there, readable without a network.
//!
//! Takes results, gives the page: what was measured on what, ratios to the control and to peers, starts and memory, latencies, processor time, growth with size, queues and depth,
//! what was skipped, and every round. The durability label stands beside every name, and every figure has its number of rounds and their spread.

mod beside;
mod charts;
mod limits;
mod markup;
mod sections;

use super::schema::Results;

/// The name of the control that ratios are made to.
pub const CONTROL: &str = "floor";

const STYLE: &str = include_str!("style.css");

/// The whole page.
///
/// # Errors
///
/// A plot that cannot be drawn.
pub fn page(results: &Results) -> Result<String, String> {
    let mut body = String::new();
    body += &sections::head(results);
    body += &sections::summary(results);
    body += &beside::section(results);
    body += &limits::section(results);
    body += &sections::bars(results);
    body += &sections::percentiles(results)?;
    body += &sections::growth(results)?;
    body += &sections::skipped(results);
    body += &sections::rounds(results);
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>RingMQ bench</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::figures::{Calibration, Durable};
    use crate::measure::latency::Latencies;
    use crate::measure::process::Usage;
    use crate::result::schema::{Durability, Figures, Footprint, Parameters, Round};

    fn round(target: &str, size: u32, number: u32, messages: u64) -> Round {
        let mut latencies = Latencies::default();
        (1..=2_000u64).for_each(|us| latencies.record_ns(us * 1_000 + u64::from(size)));
        Round {
            target: target.to_owned(),
            target_version: "1 & <2>".to_owned(),
            durability: if target == "hasty" { Durability::NotDurable } else { Durability::Local },
            protocol: "core".to_owned(),
            scenario: "S3".to_owned(),
            parameters: Parameters { connections: 1, window: 64, size, queues: 1, ..Parameters::default() },
            round: number,
            order: 0,
            figures: Figures {
                messages,
                seconds: 2.0,
                ack: latencies.summary(),
                ack_curve: latencies.curve(),
                client_us: messages * 3,
                target: Some(Usage { user_us: messages * 2, system_us: messages, ..Usage::default() }),
                ..Figures::default()
            },
        }
    }

    fn results() -> Results {
        let mut rounds = Vec::new();
        for number in 0..3 {
            for size in [100, 1024, 16_384] {
                rounds.push(round("ringmq", size, number, 90_000 + u64::from(number)));
                rounds.push(round("floor", size, number, 100_000));
                rounds.push(round("hasty", size, number, 200_000));
            }
        }
        let skipped = vec![("absent".to_owned(), "no Java".to_owned())];
        let durable = |p50: f64| {
            let mut latencies = Latencies::default();
            (0..100).for_each(|_| latencies.record_ns((p50 * 1000.0) as u64));
            Some(Durable { latency: latencies.summary(), per_second: 1e6 / p50 })
        };
        let calibration = |us| Calibration {
            durable: durable(us),
            loopback: durable(20.0).map(|it| it.latency),
            ..Calibration::default()
        };
        let calibrations = vec![calibration(100.0), calibration(444.0)];
        Results { rounds, skipped, calibrations, footprints: footprints(), ..Results::default() }
    }

    fn footprints() -> Vec<Footprint> {
        let taken = |target: &str, start_ms, mib: u64| Footprint {
            target: target.to_owned(),
            durability: Durability::Local,
            start_ms,
            idle_bytes: mib << 20,
            ..Footprint::default()
        };
        vec![taken("ringmq", 40.0, 10), taken("hasty", 3_200.0, 250)]
    }

    #[test]
    fn every_target_stands_there_with_its_label_and_its_ratio() {
        let page = page(&results()).unwrap();
        for text in [
            "ringmq",
            "floor",
            "hasty",
            "D-local",
            "NOT-DURABLE",
            "0.90",
            "no Java",
            "<svg",
            "n = 3",
            "Limits of",
            "Start and memory",
            "3,200",
            "0.013",
            "0.45",
            "disk + loopback",
        ] {
            assert!(page.contains(text), "no `{text}`");
        }
    }

    #[test]
    fn nothing_is_fetched_and_names_are_no_markup() {
        let page = page(&results()).unwrap();
        assert!(!page.contains("<script") && !page.contains("<link") && !page.contains("url("));
        assert!(page.contains("1 &amp; &lt;2&gt;"), "a version is text");
    }

    #[test]
    fn nothing_measured_is_a_page_that_says_so() {
        let page = page(&Results::default()).unwrap();
        assert!(page.contains("No rounds"), "{page}");
    }
}

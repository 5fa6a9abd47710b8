//! What stands beside the loads: starts and memory of each target, and RingMQ against each peer in every figure that both have.

use super::markup;
use crate::result::schema::{Durability, Footprint, Results, Round};
use crate::result::series::{self, Ratio, Series, paired, spread};

/// The product, which peers are put beside.
const OURS: &str = "ringmq";
const MIB: f64 = 1_048_576.0;
const KIB: f64 = 1_024.0;

/// One figure of a round or of a footprint, if it has it.
type Figure<T> = fn(&T) -> Option<f64>;

/// Of each footprint: its start, its memory; their names and units are the heads of a table.
const TAKEN: [(&str, f64, Figure<Footprint>); 5] = [
    ("start ms", 1.0, |taken| Some(taken.start_ms)),
    ("idle MiB", MIB, |taken| Some(taken.idle_bytes as f64)),
    ("connection KiB", KIB, Footprint::connection_bytes),
    ("message bytes", 1.0, Footprint::message_bytes),
    ("message bytes behind the window", 1.0, Footprint::message_bytes_beyond_window),
];

/// Of each round.
const DONE: [(&str, Figure<Round>); 5] = [
    ("messages/s", |round| Some(round.figures.rate())),
    ("p50", |round| round.figures.ack.p50),
    ("p99", |round| round.figures.ack.p99),
    ("broker µs/msg", |round| round.figures.target_us_per_message()),
    ("memory", |round| round.figures.target.map(|usage| usage.resident_bytes as f64)),
];

/// Starts and memory, and the ratios to peers; nothing where there are none.
pub(super) fn section(results: &Results) -> String {
    taken(results) + &ratios(results)
}

fn taken(results: &Results) -> String {
    let names = names(results.footprints.iter().map(|taken| taken.target.as_str()));
    if names.is_empty() {
        return String::new();
    }
    let row = |name: &&str| {
        let all: Vec<&Footprint> = results.footprints.iter().filter(|taken| taken.target == *name).collect();
        let label = all.first().map_or(Durability::Unknown, |taken| taken.durability.clone());
        let figures = TAKEN.iter().map(|(_, scale, of)| {
            markup::spread(spread(all.iter().filter_map(|taken| of(taken)).map(|value| value / scale)))
        });
        let first = [format!("{} {label}", markup::text(name))];
        first.into_iter().chain(figures).chain([format!("n = {}", all.len())]).collect()
    };
    let rows: Vec<Vec<String>> = names.iter().map(row).collect();
    let head: Vec<&str> = ["target"].into_iter().chain(TAKEN.map(|(name, _, _)| name)).chain(["rounds"]).collect();
    format!(
        "<h2>Start and memory</h2>\n<p class=\"soft\">From the start of the process, on a store that was there, to the ack of one durable message; \
         memory once it stays as it is, for each client that has logged in, and for each message of 1 KiB that waits: from the first one on, and \
         from where a window of recent bodies is full.</p>\n{}",
        markup::table(&head, &rows)
    )
}

/// RingMQ against each peer, in the rounds that both have.
fn ratios(results: &Results) -> String {
    let all = series::all(results);
    let is_peer = |name: &str| name != OURS && name != super::CONTROL;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for peer in all.iter().filter(|series| is_peer(series.target)) {
        let Some(ours) = all.iter().find(|ours| ours.target == OURS && ours.key == peer.key) else { continue };
        let figures = DONE.iter().map(|(_, of)| shown(series::ratio(ours, peer, of)));
        let first = [markup::text(peer.target), load(peer)];
        rows.push(first.into_iter().chain(figures).collect());
    }
    let head: Vec<&str> = ["peer", "load"].into_iter().chain(DONE.map(|(name, _)| name)).collect();
    let loads = if rows.is_empty() { String::new() } else { markup::table(&head, &rows) };
    let peers = names(results.footprints.iter().map(|taken| taken.target.as_str()).filter(|name| is_peer(name)));
    let rows: Vec<Vec<String>> = peers
        .iter()
        .map(|peer| {
            let figures = TAKEN.iter().map(|(_, _, of)| shown(of_footprints(results, peer, *of)));
            [markup::text(peer)].into_iter().chain(figures).collect()
        })
        .collect();
    let head: Vec<&str> = ["peer"].into_iter().chain(TAKEN.map(|(name, _, _)| name)).collect();
    let starts = if rows.is_empty() { String::new() } else { markup::table(&head, &rows) };
    if loads.is_empty() && starts.is_empty() {
        return String::new();
    }
    format!(
        "<h2>RingMQ beside peers</h2>\n<p class=\"soft\">Each cell is what RingMQ gave over what the peer gave, in the same rounds: more is better \
         for messages, less for all else. Look at both labels first.</p>\n{loads}{starts}"
    )
}

fn of_footprints(results: &Results, peer: &str, of: Figure<Footprint>) -> Option<Ratio> {
    let named = |name: &str, round: u32| {
        results.footprints.iter().find(|taken| taken.target == name && taken.round == round).and_then(of)
    };
    let rounds = results.footprints.iter().filter(|taken| taken.target == OURS).map(|taken| taken.round);
    paired(rounds.filter_map(|round| Some((named(OURS, round)?, named(peer, round)?))).collect())
}

fn shown(ratio: Option<Ratio>) -> String {
    let digits = |value: f64| if value < 0.1 { format!("{value:.3}") } else { format!("{value:.2}") };
    ratio.map_or_else(
        || "–".to_owned(),
        |Ratio { ratio, .. }| {
            format!("{} <small>[{}–{}]</small>", digits(ratio.median), digits(ratio.min), digits(ratio.max))
        },
    )
}

fn load(series: &Series<'_>) -> String {
    super::sections::load(&series.key)
}

/// Each once, in the order in which they come.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

//! The parts of the page.

use super::charts::{self, Axes, Corner, Line};
use super::{CONTROL, limits, markup};
use crate::measure::date;
use crate::measure::latency::PERCENTILES;
use crate::result::schema::{Durability, Parameters, Results, Round};
use crate::result::series::{self, Key, Series};

/// One figure of a round, if it has it.
type Figure = fn(&Round) -> Option<f64>;

/// What a plot of growth is over.
struct Axis {
    name: &'static str,
    of: fn(&Parameters) -> f64,
    /// The same load, but for this.
    without: fn(Parameters) -> Parameters,
}

const AXES: [Axis; 6] = [
    Axis { name: "bytes of a body", of: |load| f64::from(load.size), without: |load| Parameters { size: 0, ..load } },
    Axis { name: "queues", of: |load| f64::from(load.queues), without: |load| Parameters { queues: 0, ..load } },
    Axis {
        name: "connections",
        of: |load| f64::from(load.connections),
        without: |load| Parameters { connections: 0, ..load },
    },
    Axis { name: "window", of: |load| f64::from(load.window), without: |load| Parameters { window: 0, ..load } },
    // One more than there are, so that an empty queue has its place on a logarithmic axis.
    Axis {
        name: "messages queued before + 1",
        of: |load| load.depth as f64 + 1.0,
        without: |load| Parameters { depth: 0, ..load },
    },
    Axis {
        name: "messages a second on schedule",
        of: |load| load.rate.unwrap_or(0.0),
        without: |load| Parameters { rate: None, ..load },
    },
];

pub(super) fn head(results: &Results) -> String {
    let machine = &results.machine;
    let memory = machine.memory_bytes as f64 / f64::from(1 << 30);
    let facts = [
        ("Command", results.command.clone()),
        ("Commit", results.commit.clone()),
        ("Began", date::moment(results.began)),
        ("Machine", format!("{} processors ({}), {memory:.0} GiB", machine.processors, machine.processor)),
        ("Kernel", machine.kernel.clone()),
        ("Store", machine.file_system.clone()),
    ];
    let facts: String =
        facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", markup::text(value))).collect();
    format!(
        "<h1>RingMQ bench</h1>\n<dl>\n{facts}</dl>\n<p>Read the ratios. A ratio is made within one round, against the <b>{CONTROL}</b>: a \
         program that parses, appends, flushes a group and answers, and does nothing else, under the same load. A bare figure tells as much of \
         the machine as of the broker. <b>D-local</b> means that a message is on stable storage before its ack; a target that does not promise \
         that is marked, and not to be compared with those that do.</p>\n"
    )
}

pub(super) fn summary(results: &Results) -> String {
    if results.rounds.is_empty() {
        return "<h2>Results</h2>\n<p>No rounds were measured.</p>\n".to_owned();
    }
    let all = series::all(results);
    let rows: Vec<Vec<String>> = all.iter().map(|series| summary_row(series, &all)).collect();
    let head = [
        "target",
        "load",
        "messages/s",
        "x floor",
        "p50 µs",
        "p99 µs",
        "broker µs/msg",
        "broker MiB",
        "client µs/msg",
        "flushes/msg",
        "bytes/msg",
        "rounds",
    ];
    format!(
        "<h2>Results</h2>\n<p class=\"soft\">Medians of all rounds, the least and the most in brackets. A percentile stands here only where \
         ten latencies lie above it.</p>\n{}",
        markup::table(&head, &rows)
    )
}

fn summary_row(series: &Series<'_>, all: &[Series<'_>]) -> Vec<String> {
    let control = all.iter().find(|other| other.target == CONTROL && other.key == series.key);
    let ratio = control.and_then(|control| series::ratio(series, control, rate));
    let left_out = ratio.filter(|ratio| ratio.left_out > 0).map(|ratio| format!(", {} left out", ratio.left_out));
    vec![
        format!("{} {}", markup::text(series.target), label(series)),
        load(&series.key),
        markup::spread(series.figures(rate)),
        markup::spread(ratio.map(|ratio| ratio.ratio)),
        markup::spread(series.figures(|round| round.figures.ack.p50)),
        markup::spread(series.figures(|round| round.figures.ack.p99)),
        markup::spread(series.figures(|round| round.figures.target_us_per_message())),
        markup::spread(series.figures(|round| Some(round.figures.target?.resident_bytes as f64 / f64::from(1 << 20)))),
        markup::spread(series.figures(|round| round.figures.client_us_per_message())),
        markup::maybe(
            series.figures(|round| round.figures.per_message(round.figures.device?.flushes)).map(|of| of.min),
        ),
        markup::maybe(
            series.figures(|round| round.figures.per_message(round.figures.device?.bytes())).map(|of| of.min),
        ),
        format!("n = {}{}", series.rounds.len(), left_out.unwrap_or_default()),
    ]
}

/// Throughput as a ratio to the control, and processor time, for every load.
pub(super) fn bars(results: &Results) -> String {
    let all = series::all(results);
    let mut page = String::new();
    for key in keys(&all) {
        let here: Vec<&Series<'_>> = all.iter().filter(|series| series.key == key).collect();
        let control = here.iter().copied().find(|series| series.target == CONTROL);
        if here.len() < 2 {
            continue;
        }
        let of_rate = |series: &Series<'_>| match control {
            Some(control) => series::ratio(series, control, rate).map(|ratio| ratio.ratio),
            None => series.figures(rate),
        };
        let unit = if control.is_some() { "× floor" } else { "messages/s" };
        page += &format!("<h3>{}: throughput, {unit}</h3>\n", load(&key));
        page += &rails(&here, results, of_rate, control.map(|_| 1.0));
        page += &format!("<h3>{}: broker processor time, µs for a message</h3>\n", load(&key));
        page += &rails(&here, results, |series| series.figures(|round| round.figures.target_us_per_message()), None);
    }
    if page.is_empty() { page } else { format!("<h2>Side by side</h2>\n{page}") }
}

fn rails(
    here: &[&Series<'_>],
    results: &Results,
    of: impl Fn(&Series<'_>) -> Option<series::Spread>,
    mark: Option<f64>,
) -> String {
    let values: Vec<_> = here.iter().map(|series| (series, of(series))).collect();
    let most =
        values.iter().filter_map(|(_, value)| value.map(|value| value.median)).fold(mark.unwrap_or(0.0), f64::max);
    let percent = |value: f64| if most > 0.0 { value / most * 100.0 } else { 0.0 };
    let mark = mark.map(|mark| format!("<b style=\"left:{:.1}%\"></b>", percent(mark).min(99.8))).unwrap_or_default();
    let rail = |series: &Series<'_>, value: Option<series::Spread>| {
        let width = value.map_or(0.0, |value| percent(value.median));
        let colour = charts::css(colour(results, series.target));
        let (name, shown) = (markup::text(series.target), markup::spread(value));
        let label = label(series);
        format!(
            "<div class=\"bar\"><span>{name} {label}</span><span class=\"rail\"><i style=\"width:{width:.1}%;\
             background:{colour}\"></i>{mark}</span><span>{shown}</span></div>\n"
        )
    };
    values.iter().map(|(series, value)| rail(series, *value)).collect()
}

/// Latency against share, a plot for every load: of each target the round with the middle p50.
pub(super) fn percentiles(results: &Results) -> Result<String, String> {
    let all = series::all(results);
    let mut page = String::new();
    for key in keys(&all) {
        let of = |series: &Series<'_>| {
            let round = middle(series)?;
            let points = round.figures.ack_curve.iter().filter(|(share, _)| *share < 1.0);
            let points: Vec<(f64, f64)> = points.map(|(share, us)| (1.0 / (1.0 - share), *us)).collect();
            (!points.is_empty()).then(|| Line { name: name(series), colour: colour(results, series.target), points })
        };
        let lines: Vec<Line> = all.iter().filter(|series| series.key == key).filter_map(of).collect();
        let lines: Vec<Line> = limits::line(results, &lines).into_iter().chain(lines).collect();
        let axes = Axes { x: "percentile", y: "µs to the ack", x_text: share, names: Corner::LowerRight };
        let plot = charts::lines(axes, &lines)?;
        if !plot.is_empty() {
            page += &format!("<h3>{}</h3>\n{plot}\n", load(&key));
        }
    }
    let names: Vec<&str> = PERCENTILES.iter().map(|(_, name)| *name).collect();
    Ok(if page.is_empty() {
        page
    } else {
        format!(
            "<h2>Latency</h2>\n<p class=\"soft\">Of each target the round with the middle p50. The axis stretches the tail: {} lie evenly.</p>\n{page}",
            names.join(", ")
        )
    })
}

/// What a message costs as sizes, queues, depth or rates grow: a plot for each axis on which there are several values.
pub(super) fn growth(results: &Results) -> Result<String, String> {
    let all = series::all(results);
    let mut page = String::new();
    for axis in &AXES {
        let on_schedule = axis.name.contains("schedule");
        let figures: [(&str, Figure); 2] = if on_schedule {
            [("p50 µs to the ack", |round| round.figures.ack.p50), ("p99 µs to the ack", |round| round.figures.ack.p99)]
        } else {
            [
                ("broker µs for a message", |round| round.figures.target_us_per_message()),
                ("p99 µs to the ack", |round| round.figures.ack.p99),
            ]
        };
        for (what, of) in figures {
            let mut lines = along(axis, &all, results, of);
            lines.extend(limits::line(results, &lines).filter(|_| on_schedule));
            let axes = Axes { x: axis.name, y: what, x_text: markup::number, names: Corner::UpperLeft };
            let plot = charts::lines(axes, &lines)?;
            if !plot.is_empty() {
                page += &format!("<h3>{what} over {}</h3>\n{plot}\n", axis.name);
            }
        }
    }
    Ok(if page.is_empty() { page } else { format!("<h2>Growth</h2>\n{page}") })
}

/// The lines of one axis: series that differ in nothing else.
fn along(axis: &Axis, all: &[Series<'_>], results: &Results, of: Figure) -> Vec<Line> {
    let mut lines: Vec<(Key, Line)> = Vec::new();
    for series in all {
        let x = (axis.of)(&series.key.parameters);
        let Some(value) = series.figures(of).filter(|_| x > 0.0) else { continue };
        let rest =
            Key { scenario: series.key.scenario.clone(), parameters: (axis.without)(series.key.parameters.clone()) };
        let name = format!("{}, {}", name(series), series.key.scenario);
        let point = (x, value.median);
        match lines.iter_mut().find(|(key, line)| *key == rest && line.name == name) {
            Some((_, line)) => line.points.push(point),
            None => {
                lines.push((rest, Line { name, colour: colour(results, series.target), points: vec![point] }));
            }
        }
    }
    let mut lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).filter(|line| line.points.len() > 1).collect();
    lines.iter_mut().for_each(|line| line.points.sort_by(|one, other| one.0.total_cmp(&other.0)));
    lines
}

pub(super) fn skipped(results: &Results) -> String {
    if results.skipped.is_empty() {
        return String::new();
    }
    let item =
        |(what, why): &(String, String)| format!("<li><b>{}</b>: {}</li>\n", markup::text(what), markup::text(why));
    format!("<h2>Not measured</h2>\n<ul>\n{}</ul>\n", results.skipped.iter().map(item).collect::<String>())
}

pub(super) fn rounds(results: &Results) -> String {
    let row = |round: &Round| {
        let figures = &round.figures;
        vec![
            markup::text(&format!("{} {}", round.target, round.target_version)),
            load(&Key { scenario: round.scenario.clone(), parameters: round.parameters.clone() }),
            round.round.to_string(),
            round.order.to_string(),
            markup::number(figures.rate()),
            markup::maybe(figures.ack.p50),
            markup::maybe(figures.ack.p99),
            markup::maybe(figures.ack.p999),
            markup::maybe(figures.ack.max_us),
            markup::maybe(figures.target_us_per_message()),
            markup::maybe(figures.context.load),
        ]
    };
    let rows: Vec<Vec<String>> = results.rounds.iter().map(row).collect();
    let head = [
        "target",
        "load",
        "round",
        "order",
        "messages/s",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "max µs",
        "broker µs/msg",
        "load average",
    ];
    format!(
        "<h2>All rounds</h2>\n<details>\n<summary>{} rounds</summary>\n{}</details>\n",
        rows.len(),
        markup::table(&head, &rows)
    )
}

#[allow(clippy::unnecessary_wraps, reason = "the figure of a series is one that may be missing")]
fn rate(round: &Round) -> Option<f64> {
    Some(round.figures.rate())
}

/// The percentile at a place of the axis 1 / (1 - share).
fn share(place: f64) -> String {
    if place < 1.0 {
        return String::new();
    }
    let percent = (1.0 - 1.0 / place) * 100.0;
    let digits = (place.log10() - 2.0).max(0.0).ceil() as usize;
    format!("{percent:.digits$} %")
}

/// All loads, in the order of their first round.
fn keys(all: &[Series<'_>]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for series in all {
        if !keys.contains(&series.key) {
            keys.push(series.key.clone());
        }
    }
    keys
}

/// The round whose p50 is the middle one.
fn middle<'a>(series: &Series<'a>) -> Option<&'a Round> {
    let mut rounds: Vec<&Round> =
        series.rounds.iter().copied().filter(|round| round.figures.ack.p50.is_some()).collect();
    rounds.sort_by(|one, other| one.figures.ack.p50.unwrap_or(0.0).total_cmp(&other.figures.ack.p50.unwrap_or(0.0)));
    rounds.get(rounds.len() / 2).copied()
}

fn name(series: &Series<'_>) -> String {
    let durability = series.rounds.first().map_or(Durability::Unknown, |round| round.durability.clone());
    format!("{} ({durability})", series.target)
}

fn label(series: &Series<'_>) -> String {
    let durability = series.rounds.first().map_or(Durability::Unknown, |round| round.durability.clone());
    let class = if durability == Durability::NotDurable { "label bad" } else { "label" };
    format!("<span class=\"{class}\">{durability}</span>")
}

/// A target has one colour in the whole page.
fn colour(results: &Results, target: &str) -> usize {
    let mut seen: Vec<&str> = Vec::new();
    for round in &results.rounds {
        if !seen.contains(&round.target.as_str()) {
            seen.push(&round.target);
        }
    }
    seen.iter().position(|name| *name == target).unwrap_or(0)
}

/// A load in words.
pub(super) fn load(key: &Key) -> String {
    let load = &key.parameters;
    let mut text = format!("{} {} × {}, {} B", markup::text(&key.scenario), load.connections, load.window, load.size);
    if load.queues > 1 {
        text += &format!(", {} queues", load.queues);
    }
    if load.consumers > 0 {
        text += &format!(", {} consumer{}", load.consumers, if load.consumers == 1 { "" } else { "s" });
    }
    if let Some(messages) = load.transaction {
        text += &format!(", transactions of {messages}");
    }
    if let Some(rate) = load.rate {
        text += &format!(", {}/s", markup::number(rate));
    }
    if load.depth > 0 {
        text += &format!(", {} queued", markup::number(load.depth as f64));
    }
    if load.idle_connections > 0 {
        text += &format!(", {} idle", load.idle_connections);
    }
    if let Some(lanes) = load.lanes {
        text += &format!(", {lanes} lanes");
    }
    text
}

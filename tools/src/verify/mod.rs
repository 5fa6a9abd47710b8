//! `verify`: walks every lane, names all damage and what it means, and says what the next start would do.
//!
//! Two looks that check each other: the walk, which goes on behind damage, and the judgement of a start, which stops at the first. What only
//! one of them finds is told as well. Must stay true: a store that a start would refuse is never called sound.

mod beside;
mod decisions;
mod lane;
mod weigh;

use std::ops::ControlFlow;

use journal::{Finding, LaneId, Lsn, Vector};
use ringmq::home::Loader;

use crate::arguments::StoreArguments;
use crate::exit::Exit;
use crate::flaw::Weight;
use crate::line::{Line, Value};
use crate::output::Output;
use crate::place::Place;
use crate::progress::Progress;
use crate::rehearsal::{Outlook, outlook};
use crate::source;
use lane::LaneReport;
use weigh::{Known, kept_from, weigh};

/// Does what was asked.
pub(crate) fn run(place: &Place, arguments: &StoreArguments) -> Exit {
    let mut output = Output::new(arguments.json);
    let mut tally = Tally::default();
    let written = verify(place, arguments, &mut output, &mut tally);
    let exit = tally.exit();
    // Whoever stopped reading needs no rest; what was found until then is the verdict.
    let _gone = written;
    output.finish(exit)
}

/// How much of each weight was found.
#[derive(Default)]
struct Tally {
    damage: u64,
    unreadable: u64,
    notes: u64,
}

impl Tally {
    fn add(&mut self, weight: Weight) {
        match weight {
            Weight::Note => self.notes += 1,
            Weight::Unreadable => self.unreadable += 1,
            Weight::Damage => self.damage += 1,
        }
    }

    const fn exit(&self) -> Exit {
        if self.damage > 0 {
            Exit::Damaged
        } else if self.unreadable > 0 {
            Exit::Unreadable
        } else {
            Exit::Sound
        }
    }

    fn line(&self) -> Line {
        let result = match self.exit() {
            Exit::Damaged => "damaged",
            Exit::Unreadable => "unreadable",
            _ => "sound",
        };
        Line::new("verdict")
            .with("result", result)
            .with("damage", self.damage)
            .with("unreadable", self.unreadable)
            .with("notes", self.notes)
    }
}

fn verify(place: &Place, arguments: &StoreArguments, output: &mut Output, tally: &mut Tally) -> ControlFlow<()> {
    output.line(&place.line())?;
    for (weight, line) in beside::look(place) {
        if let Some(weight) = weight {
            tally.add(weight);
        }
        output.line(&line)?;
    }
    let lanes = place.lanes();
    let mut progress = Progress::new(arguments.progress, place.bytes(&lanes));
    let mut source = source::open(arguments.reader);
    let mut reports = Vec::new();
    for lane in lanes {
        match LaneReport::walk(place, lane, source.as_mut(), &mut progress) {
            Ok(report) => reports.push(report),
            Err(error) => {
                tally.add(Weight::Unreadable);
                let line = Line::new("unreadable").with("lane", lane.name()).with("problem", error.to_string());
                output.line(&line)?;
            }
        }
    }
    progress.clear();
    let known = Known::of(place, &reports);
    let mut named = Vec::new();
    for report in &reports {
        lane(place, report, &known, &mut named, output, tally)?;
    }
    for (weight, line) in decisions::look(&reports) {
        tally.add(weight);
        output.line(&line)?;
    }
    let (outlook, _) = outlook(place, Loader::judging);
    start(place, &outlook, &reports, &named, output, tally)?;
    output.line(&tally.line())
}

/// One lane: its line, and what is wrong with it.
fn lane(
    place: &Place,
    report: &LaneReport,
    known: &Known,
    named: &mut Vec<(LaneId, Lsn, Option<Lsn>)>,
    output: &mut Output,
    tally: &mut Tally,
) -> ControlFlow<()> {
    let mut worst = Weight::Note;
    let mut lines = Vec::new();
    for flaw in report.flaws.iter().chain(&report.missing(place, known)) {
        let (weight, meaning) = weigh(place, report, known, flaw);
        tally.add(weight);
        worst = worst.max(weight);
        if weight != Weight::Note {
            named.push((flaw.lane, flaw.at, flaw.to));
        }
        lines.push(flaw.judged(weight, meaning));
    }
    let state = match worst {
        Weight::Note => "sound",
        Weight::Unreadable => "unreadable",
        Weight::Damage => "damaged",
    };
    output.line(&report.line().with("state", state))?;
    for line in lines {
        output.line(&line)?;
    }
    if report.flaws_left_out > 0 {
        let line = Line::new("more").with("lane", report.lane.name()).with("flaws", report.flaws_left_out);
        // Whatever they are, they were not weighed.
        tally.add(Weight::Damage);
        output.line(&line)?;
    }
    ControlFlow::Continue(())
}

/// What the next start would do.
fn start(
    place: &Place,
    outlook: &Outlook,
    reports: &[LaneReport],
    named: &[(LaneId, Lsn, Option<Lsn>)],
    output: &mut Output,
    tally: &mut Tally,
) -> ControlFlow<()> {
    if let Some(found) = &outlook.found {
        output.line(&checkpoint_line(found))?;
    }
    let Some(refused) = &outlook.refused else {
        let without = outlook.found.as_ref().and_then(|found| found.without_state.as_ref());
        let line = match without {
            Some(refused) => Line::new("start")
                .with("would", "be-refused-until-the-state-is-there")
                .with("code", refused.code)
                .with("problem", refused.message.as_str()),
            None => Line::new("start").with("would", "go-on"),
        };
        let (unpromised, undecided) =
            outlook.found.as_ref().map_or((0, 0), |found| (found.report.unpromised, found.report.undecided));
        return output.line(&line.with("not-counted", unpromised).with("undecided", undecided));
    };
    if outlook.unsteady {
        let meaning = "the store changes faster than it can be judged: verify a copy of it, or stop the broker first";
        tally.add(Weight::Note);
        return output.line(&Line::new("start").with("would", "unknown").with("meaning", meaning));
    }
    let weight = if ["JN307", "JN308"].contains(&refused.code) { Weight::Unreadable } else { Weight::Damage };
    let told = |at: Lsn, of: LaneId| {
        named
            .iter()
            .any(|(lane, from, to)| *lane == of && (*from == at || (*from < at && to.is_some_and(|to| at <= to))))
    };
    match refused.accept {
        // What the walk has named already is not counted twice.
        Some((lane, at)) if told(at, lane) => {}
        Some((lane, at)) => {
            tally.add(weight);
            let line = Line::new("damage").with("lane", lane.name()).with("lsn", at.0).with("kind", "missing");
            output.line(&line.with("problem", "a start misses what should stand here"))?;
        }
        None => tally.add(weight),
    }
    let line = Line::new("start").with("would", "be-refused").with("code", refused.code);
    output.line(&line.with("problem", refused.message.as_str()))?;
    output.line(&way_out(place, outlook, reports))
}

fn checkpoint_line(found: &ringmq::server::Rehearsed) -> Line {
    let line = Line::new("checkpoint");
    let reasons = found.recovered.findings.iter().filter_map(|finding| match finding {
        Finding::CheckpointUnusable { reason } => Some(reason.as_str()),
        _ => None,
    });
    let reasons: Vec<&str> = reasons.collect();
    match &found.recovered.checkpoint {
        Some(checkpoint) => line
            .with("state", "used")
            .with("at", checkpoint.begin.to_string())
            .with("end", checkpoint.end.0)
            .with("lanes", checkpoint.marks.len()),
        None if reasons.is_empty() => line.with("state", "none"),
        None => line.with("state", "not-used").with("problem", reasons.join("; ")),
    }
}

/// How to go on after a refusal.
fn way_out(place: &Place, outlook: &Outlook, reports: &[LaneReport]) -> Line {
    let asked = outlook.refused.as_ref().and_then(|refused| refused.accept);
    let freed = asked.filter(|(lane, at)| {
        reports.iter().find(|report| report.lane == *lane).is_some_and(|report| *at < kept_from(place, report))
    });
    if let Some((lane, at)) = freed {
        let file = place.layout.segment(lane, place.shape.geometry(lane).place(at).0);
        let what =
            "move this file out of the directory: its segment is freed, and nothing in it counts; then verify again";
        return Line::new("way-out").with("first", what).with("file", file.display().to_string());
    }
    if outlook.refused.as_ref().is_some_and(|refused| refused.code == "JN308") {
        let what = "make readable what could not be read: look at the owner of the files, then at the disk";
        return Line::new("way-out").with("first", what);
    }
    let line = Line::new("way-out").with("first", "restore the damaged or missing files from another copy");
    if let Some(stuck) = &outlook.stuck {
        return line.with("else", format!("no --accept-loss helps: {}", stuck.message));
    }
    let shown: Vec<String> = outlook.accept.iter().map(|(lane, at)| format!("{lane}@{at}")).collect();
    let options: Vec<String> = shown.iter().map(|place| format!("--accept-loss {place}")).collect();
    let kept: Option<Vec<Value>> = outlook.found.as_ref().map(|found| {
        let ends: Vector = found.recovered.lanes.iter().map(|lane| (lane.tail.lane, lane.tail.end)).collect();
        let cut = ends.iter().filter(|(lane, _)| outlook.accept.iter().any(|(of, _)| of == lane));
        cut.map(|(lane, end)| Value::from(format!("{lane}@{end}"))).collect()
    });
    line.with(
        "else",
        format!(
            "start once with {}: what was promised there is lost, and behind them what is not kept",
            options.join(" ")
        ),
    )
    .with("accept-loss", Value::List(shown.into_iter().map(Value::from).collect()))
    .with_some("lanes-end-then", kept)
    .with("store", place.shape.store.to_string())
}

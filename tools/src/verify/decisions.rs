//! Decisions over several lanes: each counts if every lane reached what it names by the end of its epoch.

use std::collections::HashSet;

use journal::{LaneId, Location, Lsn};
use ringmq::store::record::TransactionId;

use super::lane::LaneReport;
use crate::describe;
use crate::flaw::Weight;
use crate::line::{Line, Value};

/// A decision whose end its own lane does not tell.
pub(super) struct Decided {
    pub(super) transaction: TransactionId,
    pub(super) lane: LaneId,
    pub(super) at: Location,
    pub(super) end: Lsn,
    pub(super) epoch: u64,
    pub(super) vector: Vec<(LaneId, Lsn)>,
}

/// Names the decisions that some lane did not reach.
pub(super) fn look(reports: &[LaneReport]) -> Vec<(Weight, Line)> {
    let given_up: HashSet<LaneId> =
        reports.iter().filter(|report| has_given_up(report)).map(|report| report.lane).collect();
    let mut found = Vec::new();
    for decided in reports.iter().flat_map(|report| &report.decisions) {
        let short: Vec<(LaneId, Lsn)> = decided
            .vector
            .iter()
            .copied()
            .filter(|(lane, lsn)| epoch_end(reports, *lane, decided.epoch) < *lsn)
            .collect();
        if short.is_empty() {
            continue;
        }
        let known = short.iter().all(|(lane, _)| given_up.contains(lane));
        let (weight, meaning) = if decided.end > promised(reports, decided.lane, decided.epoch) {
            (Weight::Note, "it was never promised: the transaction does not count in any lane")
        } else if known {
            (Weight::Note, "what is missing was given up at an earlier start, and the transaction with it")
        } else {
            (Weight::Damage, "it was promised: an acked transaction is missing a part")
        };
        let shown = short.iter().map(|(lane, lsn)| Value::from(format!("{lane}@{lsn}"))).collect();
        let line = Line::new(if weight == Weight::Damage { "damage" } else { "note" })
            .with("lane", decided.lane.name())
            .with("lsn", decided.at.block().0)
            .with("kind", "decision")
            .with("transaction", describe::shown_transaction(decided.transaction))
            .with("not-reached", Value::List(shown))
            .with("meaning", meaning);
        found.push((weight, line));
    }
    found
}

fn has_given_up(report: &LaneReport) -> bool {
    report.end.history.iter().any(|entry| entry.loss.is_some())
}

/// Where the writer of an epoch ended on a lane.
fn epoch_end(reports: &[LaneReport], lane: LaneId, epoch: u64) -> Lsn {
    let Some(report) = reports.iter().find(|report| report.lane == lane) else { return Lsn::ZERO };
    let next = report.end.history.iter().find(|entry| entry.epoch.number > epoch && !entry.continues);
    next.map_or(report.end.end, |entry| entry.start)
}

/// What the writer of an epoch is known to have promised on a lane.
fn promised(reports: &[LaneReport], lane: LaneId, epoch: u64) -> Lsn {
    let Some(report) = reports.iter().find(|report| report.lane == lane) else { return Lsn::ZERO };
    let writers = report.end.history.iter().filter(|entry| !entry.continues).map(|entry| entry.epoch.number);
    let first = writers.clone().filter(|number| *number <= epoch).max().unwrap_or(epoch);
    let next = writers.filter(|number| *number > epoch).min().unwrap_or(u64::MAX);
    let said = report.end.promised_in_epoch.iter().filter(|(of, _)| (first..next).contains(of));
    said.map(|(_, lsn)| *lsn).max().unwrap_or_default()
}

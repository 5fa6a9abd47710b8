//! What the walk along one lane found.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use journal::{IoError, LaneId, Location, Lsn, OPEN_RUNS_MAX, RecordKind, Run, RunId};
use ringmq::store::record::Stored;

use super::decisions::Decided;
use super::weigh::Known;
use crate::describe;
use crate::flaw::{Flaw, What};
use crate::line::{Line, Value};
use crate::place::Place;
use crate::progress::Progress;
use crate::source::Source;
use crate::walk::{LaneEnd, Order, RecordSeen, Seen, Walk};

/// The most flaws of one lane that are kept and named one by one; a lane with more is lost anyway.
const FLAWS_MAX: usize = 10_000;
/// The most decisions that wait for the other lanes.
const DECISIONS_MAX: usize = 100_000;

/// A lane after its walk.
pub(super) struct LaneReport {
    pub(super) lane: LaneId,
    pub(super) end: LaneEnd,
    pub(super) flaws: Vec<Flaw>,
    pub(super) flaws_left_out: u64,
    pub(super) decisions: Vec<Decided>,
    segments: u64,
    blocks: u64,
    seals: u64,
    records: u64,
    runs: BTreeMap<RunId, Location>,
    /// Runs that an epoch or the end of the lane left open.
    open: Vec<Location>,
}

impl LaneReport {
    /// Walks a lane.
    ///
    /// # Errors
    /// When its directory cannot be listed.
    pub(super) fn walk(
        place: &Place,
        lane: LaneId,
        source: &mut dyn Source,
        progress: &mut Progress,
    ) -> Result<Self, IoError> {
        let mut report = Self {
            lane,
            end: LaneEnd::default(),
            flaws: Vec::new(),
            flaws_left_out: 0,
            decisions: Vec::new(),
            segments: 0,
            blocks: 0,
            seals: 0,
            records: 0,
            runs: BTreeMap::new(),
            open: Vec::new(),
        };
        let live = place.is_live();
        let order = Order { lane, layout: &place.layout, shape: &place.shape, live };
        let mut visit = |seen: Seen<'_>| {
            report.see(place, seen);
            ControlFlow::Continue(())
        };
        let end = Walk::new(order, source, progress).run(&mut visit)?;
        report.end = end.unwrap_or_default();
        if !live {
            report.leave_open();
        }
        for location in std::mem::take(&mut report.open) {
            report.keep(flaw_at(place, lane, location.block(), What::OpenRun));
        }
        Ok(report)
    }

    fn see(&mut self, place: &Place, seen: Seen<'_>) {
        match seen {
            Seen::Segment(_) => self.segments += 1,
            Seen::Block(view) => {
                self.blocks += 1;
                self.seals += u64::from(view.header.fragments == 0);
            }
            Seen::Record(record) => self.record(place, record),
            Seen::Flaw(flaw) => self.keep(flaw.clone()),
        }
    }

    fn keep(&mut self, flaw: Flaw) {
        if self.flaws.len() < FLAWS_MAX {
            self.flaws.push(flaw);
        } else {
            self.flaws_left_out += 1;
        }
    }

    fn record(&mut self, place: &Place, record: &RecordSeen<'_>) {
        if !record.whole {
            return;
        }
        self.records += 1;
        if let Some(problem) = describe::problem_of(record) {
            self.keep(flaw_at(place, self.lane, record.location.block(), What::Record(problem)));
        }
        if record.kind == RecordKind::EPOCH_START {
            self.leave_open();
        }
        match record.run {
            Run::Member(run) if self.runs.len() < OPEN_RUNS_MAX => {
                self.runs.entry(run).or_insert(record.location);
            }
            Run::Commit(run) | Run::Abort(run) => {
                self.runs.remove(&run);
            }
            Run::None | Run::Member(_) => {}
        }
        match Stored::decode(record.kind, record.body) {
            Ok(Stored::Decision { transaction, vector }) if self.decisions.len() < DECISIONS_MAX => {
                let vector = vector.iter().collect();
                let (at, end, epoch) = (record.location, record.end, record.epoch);
                self.decisions.push(Decided { transaction, lane: self.lane, at, end, epoch, vector });
            }
            // Whoever wrote it knew that the whole of the decision was promised.
            Ok(Stored::End { transaction }) => self.decisions.retain(|decided| decided.transaction != transaction),
            _ => {}
        }
    }

    /// An epoch ends every open run.
    fn leave_open(&mut self) {
        let left = std::mem::take(&mut self.runs);
        // Checkpoints begin again and again, and one that was not ended is none.
        if self.lane != LaneId::CHECKPOINT {
            self.open.extend(left.into_values());
        }
    }

    /// What is known to be missing at the ends of the lane.
    pub(super) fn missing(&self, place: &Place, known: &Known) -> Vec<Flaw> {
        let geometry = place.shape.geometry(self.lane);
        let mut found = Vec::new();
        if self.end.moved {
            return found;
        }
        if let (Some(first), Some(kept)) = (self.end.first, self.end.kept_from)
            && first > kept
        {
            let flaw = flaw_at(place, self.lane, geometry.start(kept), What::FrontMissing);
            found.push(Flaw { to: Some(geometry.start(first)), ..flaw });
        }
        let named_there = self.flaws.iter().any(|flaw| flaw.at == self.end.end && flaw.what == What::TornTail);
        // Where a part could not be read, nobody knows where the lane ends.
        let unread = self.flaws.iter().any(|flaw| matches!(flaw.what, What::Unreadable(_) | What::Newer));
        if known.promised(self) > self.end.end && !named_there && !unread {
            found.push(flaw_at(place, self.lane, self.end.end, What::Short));
        }
        found
    }

    /// The lane in one line.
    pub(super) fn line(&self) -> Line {
        let epochs: Vec<Value> = self.end.history.iter().map(|entry| entry.epoch.number.into()).collect();
        Line::new("lane")
            .with("lane", self.lane.name())
            .with("segments", self.segments)
            .with("blocks", self.blocks)
            .with("seals", self.seals)
            .with("records", self.records)
            .with("end", self.end.end.0)
            .with("promised", self.end.promised.0)
            .with("epochs", Value::List(epochs))
    }
}

fn flaw_at(place: &Place, lane: LaneId, at: Lsn, what: What) -> Flaw {
    let (segment, offset) = place.shape.geometry(lane).place(at);
    Flaw { what, lane, at, to: None, file: place.layout.segment(lane, segment), offset }
}

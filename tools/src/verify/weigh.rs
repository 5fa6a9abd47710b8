//! How bad a flaw is: by what the lane had promised, what was freed, and where its data ends.

use journal::{HaStateFile, LaneId, Lsn, Vector};

use super::lane::LaneReport;
use crate::flaw::{Flaw, Weight, What};
use crate::place::Place;
use crate::untouched::Untouched;

/// What is known to have been promised from elsewhere: the clean stop, and the newest epoch start of lane j00.
pub(super) struct Known {
    stopped: Option<(u64, Vector)>,
    started: Option<(u64, Vector)>,
}

impl Known {
    pub(super) fn of(place: &Place, reports: &[LaneReport]) -> Self {
        let state = HaStateFile::inspect(&mut Untouched::default(), &place.layout).ok().and_then(|(state, _)| state);
        let stopped = state.filter(|_| !place.is_live()).map(|state| (state.seen.number, state.clean_stop));
        let first = reports.iter().find(|report| report.lane == LaneId::JOURNAL);
        Self { stopped, started: first.and_then(|report| report.end.started.clone()) }
    }

    /// What the lane is held to: the newer of the two, unless the lane has a later epoch, which was held to it when it began.
    pub(super) fn promised(&self, report: &LaneReport) -> Lsn {
        let of = |known: &Option<(u64, Vector)>| {
            known.as_ref().and_then(|(epoch, vector)| vector.get(report.lane).map(|lsn| (*epoch, lsn)))
        };
        let (epoch, promised) = of(&self.stopped).max(of(&self.started)).unwrap_or_default();
        let held = if report.end.epoch > epoch || report.lane == LaneId::CHECKPOINT { Lsn::ZERO } else { promised };
        held.max(report.end.promised)
    }
}

/// Everything before is freed.
pub(super) fn kept_from(place: &Place, report: &LaneReport) -> Lsn {
    report.end.kept_from.map_or(Lsn::ZERO, |segment| place.shape.geometry(report.lane).start(segment))
}

/// How bad it is, and what follows from it.
pub(super) fn weigh(place: &Place, report: &LaneReport, known: &Known, flaw: &Flaw) -> (Weight, String) {
    let promised = known.promised(report);
    let kept = kept_from(place, report);
    if flaw.to.unwrap_or(flaw.at) <= kept && flaw.at < kept {
        return (Weight::Note, "the segment is freed: nothing in it counts, and a start removes it".to_owned());
    }
    // A start throws a damaged checkpoint lane away and reads everything.
    let checkpoint = report.lane == LaneId::CHECKPOINT;
    match &flaw.what {
        What::Unreadable(_) => (
            Weight::Unreadable,
            "nobody knows what stands there; copy the file to another disk, or restore it".to_owned(),
        ),
        What::Newer => (Weight::Unreadable, "use the journal-tool of the version that wrote it".to_owned()),
        _ if checkpoint => {
            (Weight::Note, "only an index checkpoint: a start does without it and reads the lanes whole".to_owned())
        }
        What::Patched => (Weight::Note, "what lay in them is lost; the lane is sound behind them".to_owned()),
        What::OpenRun => (Weight::Note, "it does not count: whoever asked for it was never answered".to_owned()),
        What::Header(_) | What::Length(_) if flaw.at >= report.end.end => {
            (Weight::Note, "nothing was written into the segment yet".to_owned())
        }
        What::Foreign(_) => {
            let meaning = "somebody put it here: move it away, and put the file that belongs here in its place";
            (Weight::Damage, meaning.to_owned())
        }
        What::Record(_) => (Weight::Damage, "a start that reads it is refused".to_owned()),
        What::Short => (Weight::Damage, format!("everything up to {promised} was promised to clients")),
        _ if flaw.at < promised => {
            let until = flaw.to.map_or_else(String::new, |to| format!(" up to {to}"));
            let meaning =
                format!("what stood here{until} is gone, and everything up to {promised} was promised to clients");
            (Weight::Damage, meaning)
        }
        What::TornTail => {
            (Weight::Note, "a write was interrupted; a start cuts it, and nothing that was acked is missing".to_owned())
        }
        What::Header(_) | What::Length(_) => {
            (Weight::Note, "no block in it was promised; a start cuts the lane before it".to_owned())
        }
        _ => (Weight::Note, "nothing from here on was promised; a start cuts the lane here".to_owned()),
    }
}

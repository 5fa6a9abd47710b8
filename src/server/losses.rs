//! What the operator gives up with `--accept-loss`, and what a start leaves out.
//!
//! Takes the places that were named and what recovery and loading found; gives events and the history of the lanes. What must
//! stay true: a consent that gives nothing up is refused, so that none stays in a command line for the next damage.

use journal::{Finding, LaneId, Lsn, Recovered};

use super::exit::Failed;
use crate::cli::{AcceptLoss, Exit};
use crate::event;
use crate::home::Loader;

/// The places that the operator named.
pub(super) fn named(accept_loss: &[AcceptLoss]) -> Result<Vec<(LaneId, Lsn)>, Failed> {
    let place = |loss: &AcceptLoss| {
        let lane = loss.lane.parse::<LaneId>();
        let lane = lane.map_err(|error| Failed::because(&event::JN305, "--accept-loss", &error).with(Exit::Usage))?;
        Ok((lane, Lsn(loss.lsn)))
    };
    accept_loss.iter().map(place).collect()
}

/// Tells what was written and does not count. What was promised and is given up also goes into the history of its lane.
pub(super) fn tell(loader: &Loader, recovered: &mut Recovered) {
    let report = loader.report();
    if report.unpromised > 0 || report.undecided > 0 {
        let (records, transactions) = (report.unpromised, report.undecided);
        event!(JN207, records, transactions, "operations that nobody was told of do not count");
    }
    if report.bodiless > 0 {
        let messages = report.bodiless;
        event!(JN203, messages, "acknowledged messages do not come again: their large bodies are gone");
    }
    for (lane, at) in loader.given_up() {
        event!(JN203, %lane, lsn = at.0, "what is missing behind the lane's end is given up, with all that relies on it");
        if let Some(found) = recovered.lanes.iter_mut().find(|found| found.tail.lane == lane) {
            found.tail.loss.get_or_insert(journal::AcceptedLoss { at, promised: at, blocks_behind: 0 });
        }
    }
}

/// Refuses a consent that gave nothing up.
pub(super) fn refuse_idle(named: &[(LaneId, Lsn)], loader: &Loader, recovered: &Recovered) -> Result<(), Failed> {
    let found = |place: &(LaneId, Lsn)| {
        recovered.findings.iter().any(|finding| match finding {
            Finding::TornTail { lane, at, .. } | Finding::EvidenceCut { lane, at, .. } => (*lane, *at) == *place,
            Finding::LossAccepted { lane, loss } => (*lane, loss.at) == *place,
            Finding::Patched { lane, patch } => (*lane, patch.from) == *place,
            Finding::CheckpointUnusable { .. } => false,
        })
    };
    let idle = named.iter().find(|place| !found(place) && !loader.given_up().any(|given| given == **place));
    match idle {
        Some((lane, at)) => Err(Failed::new(
            &event::JN305,
            Exit::Failed,
            format!("--accept-loss {lane}@{} names nothing that is missing. Start without it", at.0),
        )),
        None => Ok(()),
    }
}

//! What the next start would make of a store, found out without a start. For tools.
//!
//! Takes a storage that changes nothing, the operator's consents and a loader; gives what a start would find, or why it would be
//! refused. It runs the judgement of the start itself, so that the two cannot disagree. The lock is not looked at, and nothing is
//! written: the storage must answer flushes, deletions and openings for writing as if they were done.

use journal::{HaStateError, HaStateFile, LaneId, Lsn, Recovered, Storage, StoreLayout, StoreShape, Vector};

use super::exit::Failed;
use super::recovery::judge;
use crate::event;
use crate::home::{LoadReport, Loader};

/// What a start would go on from.
#[derive(Debug)]
pub struct Rehearsed {
    /// Where the lanes end, and what the operator would be told.
    pub recovered: Recovered,
    /// What the records make.
    pub report: LoadReport,
    /// Places at which something promised would be given up because the operator said so.
    pub given_up: Vec<(LaneId, Lsn)>,
    /// The state of the instance could not be read, and was left out: the start itself would be refused.
    pub without_state: Option<Refused>,
}

/// Why a start would be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The code of the event.
    pub code: &'static str,
    /// What failed, where, why, what to do.
    pub message: String,
    /// The `--accept-loss` with which a start would go past it, where that is a way out.
    pub accept: Option<(LaneId, Lsn)>,
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Self {
        Self { code: failed.event.code, message: failed.message, accept: failed.accept }
    }
}

/// Judges the lanes as a start with these consents would. A store whose instance state is missing or damaged is judged all the same, as
/// far as its lanes tell.
///
/// # Errors
/// When the start would be refused.
pub fn rehearse(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    accept_loss: &[(LaneId, Lsn)],
    loader: &mut Loader,
) -> Result<Rehearsed, Refused> {
    let (clean_stop, without_state) = match HaStateFile::open(storage, layout) {
        Ok(file) => {
            let known = (file.state().clean_stop.clone(), file.state().seen.number);
            file.close(storage);
            (known, None)
        }
        Err(error) => {
            let event = if matches!(error, HaStateError::Newer(_)) { &event::JN307 } else { &event::SV303 };
            let failed = Failed::because(event, "the state of this instance cannot be read", &error);
            ((Vector::new(), 0), Some(failed.into()))
        }
    };
    let (recovered, _unfinished) = judge(storage, layout, shape, accept_loss, clean_stop, loader)?;
    let given_up = loader.given_up().collect();
    Ok(Rehearsed { recovered, report: loader.report(), given_up, without_state })
}

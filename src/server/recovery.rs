//! Reads the lanes of a store: where each ends, what they hold, and the epoch that begins now. Gives what the cores go on from.

use std::time::{Duration, Instant};

use journal::{
    AckMode, EpochId, EpochReason, EpochStart, FileStorage, Finding, HaStateFile, LaneId, Recovered, RecoveryError,
    RecoveryOptions, Storage, StoreLayout, StoreShape, Vector, recover,
};

use super::exit::Failed;
use super::losses;
use super::open::{Store, not_written, random_u64, random_u128};
use super::watched::{ReadSoFar, Watched};
use crate::cli::{AcceptLoss, Announcer};
use crate::event;
use crate::event::Event;
use crate::home::{LoadError, Loaded, Loader, Unfinished};

/// What the lanes of a store hold.
pub(super) struct Contents {
    pub(super) recovered: Recovered,
    pub(super) loader: Loader,
    pub(super) unfinished: Unfinished,
    pub(super) epoch: EpochStart,
    pub(super) effort: Effort,
}

/// What the reading cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) read: ReadSoFar,
    pub(super) took: Duration,
}

/// Reads the lanes.
pub(super) fn read(store: &mut Store, accept_loss: &[AcceptLoss], announcer: &Announcer) -> Result<Contents, Failed> {
    let Store { layout, shape, storage, ha_state, .. } = store;
    let clean_stop = (ha_state.state().clean_stop.clone(), ha_state.state().seen.number);
    let nonce = random_u64();
    ha_state.update(storage, |state| state.start(nonce)).map_err(|error| not_written(&error))?;
    let started = Instant::now();
    let clock = || started.elapsed();
    let tell = |so_far| tell_progress(announcer, so_far);
    let mut watched = Watched::new(storage, &clock, &tell);
    let named = losses::named(accept_loss)?;
    let mut recovered = recover_lanes(&mut watched, layout, shape, &named, clean_stop)?;
    let mut loader = Loader::default();
    named.iter().for_each(|(lane, at)| loader.accept_loss(*lane, *at));
    let unfinished = load(&mut watched, layout, shape, &recovered, &mut loader)?;
    losses::tell(&loader, &mut recovered);
    losses::refuse_idle(&named, &loader, &recovered)?;
    let effort = Effort { read: watched.so_far(), took: started.elapsed() };
    let epoch = next_epoch(storage, ha_state, &recovered)?;
    Ok(Contents { recovered, loader, unfinished, epoch, effort })
}

fn tell_progress(announcer: &Announcer, so_far: ReadSoFar) {
    let ReadSoFar { files, bytes } = so_far;
    announcer.progress(&format!("reading the journal: {files} files, {bytes} bytes so far"));
    event!(JN103, files, bytes);
}

fn recover_lanes(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    named: &[(LaneId, journal::Lsn)],
    (known_promised, known_epoch): (Vector, u64),
) -> Result<Recovered, Failed> {
    let mut options = RecoveryOptions::alone();
    options.known_promised = known_promised;
    options.known_epoch = known_epoch;
    options.accept_loss = named.to_vec();
    let recovered = recover(storage, layout, shape, &options)
        .map_err(|error| Failed::because(recovery_event(&error), "the journal cannot be recovered", &error))?;
    for finding in &recovered.findings {
        match finding {
            Finding::TornTail { lane, at, file } => {
                event!(JN201, %lane, lsn = at.0, file = %file.display(), "an unfinished write was cut");
            }
            Finding::EvidenceCut { lane, at, blocks_behind, file } => {
                event!(JN202, %lane, lsn = at.0, blocks_behind, file = %file.display(), "the lane was cut at a hole");
            }
            Finding::LossAccepted { lane, loss } => {
                event!(JN203, %lane, lsn = loss.at.0, promised = loss.promised.0, "data that was promised is given up");
            }
            Finding::CheckpointUnusable { reason } => event!(JN106, "the index checkpoint is not used: {reason}"),
        }
    }
    Ok(recovered)
}

fn recovery_event(error: &RecoveryError) -> &'static Event {
    match error {
        RecoveryError::Corruption(_) | RecoveryError::Undecided(_) => &event::JN302,
        RecoveryError::Foreign(_) => &event::JN306,
        RecoveryError::Newer(_) => &event::JN307,
        RecoveryError::WrongConsent { .. } => &event::JN305,
        RecoveryError::Io(_) => &event::JN308,
    }
}

fn load(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    recovered: &Recovered,
    loader: &mut Loader,
) -> Result<Unfinished, Failed> {
    if let Some(checkpoint) = &recovered.checkpoint {
        let mut problem = None;
        checkpoint
            .read(storage, layout, shape, &mut |chunk| {
                if problem.is_none() {
                    problem = loader.chunk(chunk).err();
                }
            })
            .map_err(|error| Failed::because(&event::JN308, "the index checkpoint cannot be read", &error))?;
        if let Some(problem) = problem {
            return Err(Failed::because(
                &event::JN308,
                "the index checkpoint cannot be understood; it may be deleted",
                &problem,
            ));
        }
    }
    for lane in shape.data_lanes().filter(|lane| lane.kind() != journal::LaneKind::Large) {
        let mut problem = None;
        let mut take = |record: journal::Replayed<'_>| {
            let loaded = Loaded {
                lane: record.lane,
                location: record.location,
                end: record.end,
                epoch: record.epoch.number,
                run: record.run,
                kind: record.kind,
                body: record.body,
            };
            if problem.is_none() {
                problem = loader.record(loaded, recovered).err();
            }
        };
        recovered
            .replay(storage, layout, shape, lane, &mut take)
            .map_err(|error| Failed::because(&event::JN308, "the journal cannot be read", &error))?;
        if let Some(problem) = problem {
            return Err(match problem {
                LoadError::Missing { .. } => Failed::because(&event::JN302, "the journal is damaged", &problem),
                _ => Failed::because(&event::JN308, "the journal holds a record that cannot be understood", &problem),
            });
        }
    }
    Ok(loader.settle(recovered))
}

/// The epoch of this run: above all that exist or were tried, durable as "asked" before its first block.
fn next_epoch(
    storage: &mut FileStorage,
    ha_state: &mut HaStateFile,
    recovered: &Recovered,
) -> Result<EpochStart, Failed> {
    let state = ha_state.state();
    let number = state.next_epoch_number(recovered.newest_epoch());
    let epoch = EpochId { number, activation: random_u128() };
    let reason = if recovered.newest_epoch().is_none() { EpochReason::First } else { EpochReason::Restart };
    let node = state.node;
    ha_state
        .update(storage, |state| {
            state.asked = epoch;
            state.clean_stop = Vector::new();
        })
        .map_err(|error| not_written(&error))?;
    let vector = recovered.lanes.iter().map(|lane| (lane.tail.lane, lane.tail.end)).collect();
    Ok(EpochStart { node, epoch, reason, ack_mode: AckMode::LiveOnly, vector })
}
